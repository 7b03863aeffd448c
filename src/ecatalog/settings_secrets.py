"""Which secrets are too weak to run with: short ones, ones that stand in examples, ones of few letters."""

import re

from ecatalog.settings_text import BadSetting, variable

_SHORTEST = 32
# A password is typed by people, and slow to try.
_SHORTEST_PASSWORD = 12
_FEWEST_LETTERS = 8
# Such as change-me, CHANGE_ME_IN_PRODUCTION, your-secret-key: whoever wrote them down meant something else.
_IN_EXAMPLES = re.compile(
    r"change[-_ ]?(me|this|it)|replace[-_ ]?(me|this)|(your|super|top)[-_ ](secret|key|token|password)|placeholder",
    re.I,
)


def refuse_weak_secret(name: str, value: str) -> None:
    """Raises BadSetting, without the value. An empty one is none, which is judged elsewhere."""
    if not value:
        return
    shortest = _SHORTEST_PASSWORD if name == "backup_password" else _SHORTEST
    if len(value) < shortest:
        raise BadSetting(f"{variable(name)} is too short: write at least {shortest} random characters.")
    if _IN_EXAMPLES.search(value) or len(set(value)) < _FEWEST_LETTERS:
        raise BadSetting(
            f"{variable(name)} can be guessed: write {shortest} or more random characters, such as those of "
            "`head -c 32 /dev/urandom | base64`."
        )

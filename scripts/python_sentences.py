"""Finds the sentences in Python that people may read on a page: nobody has to remember to mark a refusal.

A sentence with values in it (an f-string) becomes a message with `{0}`, `{1}` in their places, as
`ecatalog.web.sentences` reads it again.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

# The errors of the family: their first argument is a sentence, their `fields` say what is wrong beside a field.
_ERRORS = {
    *("Invalid", "Unauthorized", "Forbidden", "NotFound", "Conflict", "Stale", "Exhausted", "Unavailable"),
    *("malformed", "_unreadable"),
}
# `_about` and `Finding` are those of settings and of the doctor, which stand in tables.
_MARKS = {"said", "said_each", "_about", "Finding", "Rule"}
# A launch tells its reason on the page that waits for it, a demo and a webhook theirs in the console.
_NAMED = {"reason", "paused_reason", "words", "problem", "result"}
# Modules in which every text of more than a word is for people.
WHOLE = (
    *("accounts/model.py", "accounts/throttle.py", "console/importing.py", "console/pages_messages.py"),
    *("console/process_settings.py", "console/words.py", "demos/compose.py", "demos/compose_values.py"),
    *("demos/compose_yaml.py", "kit/drawing.py", "launches/model.py", "notices/courier.py", "notices/pages.py"),
    *("notices/rules.py", "notices/smtp.py", "notices/trying.py", "notices/webhook_model.py", "notices/webhooks.py"),
    *("ops/doctor.py", "ops/holding.py", "web/fields.py", "web/problems.py"),
    *("ecatalog_launcher/steps.py", "ecatalog_launcher/greeting.py", "ecatalog_launcher/shim.py"),
    *("ecatalog_launcher/reconciler.py", "ecatalog_launcher/drivers/docker.py", "ecatalog_launcher/drivers/pods.py"),
    *("ecatalog_launcher/drivers/docker_images.py", "ecatalog_launcher/drivers/process.py"),
    *("ecatalog_launcher/drivers/kubernetes.py",),
)
# Where sentences are for programs and operators: no page shows them.
_ELSEWHERE = (
    *("cli/", "rpc/", "accounts/api_tokens.py", "console/api.py", "demos/registries.py", "kit/idempotency.py"),
    *("launches/logins.py", "launches/use.py", "ops/archive.py", "ops/events.py", "web/dispatch.py"),
)


# Of those modules, what stands in the reference only, or is said by others.
_TABLES = {"SUPPORTED", "_TAGS", "_BROWSERS", "_SYSTEMS", "_MONTHS"}
_OF_OTHERS = {
    *("Download complete", "Pull complete", "exceeded quota", "pull QPS exceeded", "_Line | None"),
    *("noopener noreferrer nofollow", "the network policy was there, and then it was not"),
    "without a row there is nothing but to stop",
}


def sentences(source: Path) -> Iterator[tuple[str, str]]:
    """(file, sentence) of the gateway and of the launcher, whose reasons a launch keeps; in the order of the files."""
    launcher = source.parent / "ecatalog_launcher"
    for path in sorted(source.rglob("*.py")) + sorted(launcher.rglob("*.py")):
        name = path.relative_to(launcher.parent if launcher in path.parents else source).as_posix()
        if name.startswith("ecatalog_launcher/") and name not in WHOLE:
            continue
        if not name.startswith(_ELSEWHERE) and not name.endswith(("/cli.py", "/rpc.py")):
            yield from ((name, text) for text in sentences_of(path.read_text(), is_whole=name in WHOLE))


def sentences_of(code: str, *, is_whole: bool = False) -> Iterator[str]:
    """Every sentence of a module once, in its order."""
    tree = ast.parse(code)
    constants = {
        each.targets[0].id: each.value
        for each in tree.body
        if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name)
    }
    found = (text for node in ast.walk(tree) for each in _told(node) for text in _texts(each, constants))
    yield from dict.fromkeys(found)
    if is_whole:
        yield from dict.fromkeys(text for node in _outside(tree) for text in _texts(node, {}) if _has_words(text))


def _told(node: ast.AST) -> Iterator[ast.expr]:
    """What of this node people may read."""
    if not isinstance(node, ast.Call):
        return
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    if name in _ERRORS | _MARKS:
        yield from node.args
    for each in node.keywords:
        if name in _ERRORS and each.arg == "fields" and isinstance(each.value, ast.Dict):
            yield from each.value.values
        elif each.arg in _NAMED and name != "Query":
            yield each.value


def _outside(tree: ast.Module) -> Iterator[ast.expr]:
    """The texts of a module, without its docstrings and what stands inside a text with values."""
    skipped: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(id(node.value))
        elif isinstance(node, ast.Assert) or _name_of(node) in _TABLES:
            skipped.update(map(id, ast.walk(node)))
        elif isinstance(node, ast.JoinedStr):
            skipped.update(id(part) for part in node.values)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in skipped:
            yield node


def _name_of(node: ast.AST) -> str:
    """The name that is assigned to."""
    target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
    return target.id if isinstance(target, ast.Name) else ""


def _texts(node: ast.expr, constants: dict[str, ast.expr]) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        if node.value.strip() and not node.value.startswith(("Expected ", "Invalid enum")):
            yield node.value.replace("\\1", "{0}")
    elif isinstance(node, ast.JoinedStr):
        yield _with_places(node)
    elif isinstance(node, ast.Starred):
        yield from _texts(node.value, constants)
    elif isinstance(node, ast.Tuple):
        yield from (text for each in node.elts for text in _texts(each, constants))
    elif isinstance(node, ast.IfExp):
        yield from (*_texts(node.body, constants), *_texts(node.orelse, constants))
    elif isinstance(node, ast.Name) and node.id in constants:
        yield from _texts(constants[node.id], {})


def _with_places(node: ast.JoinedStr) -> str:
    places = iter(range(len(node.values)))
    return "".join(str(part.value) if isinstance(part, ast.Constant) else f"{{{next(places)}}}" for part in node.values)


def _has_words(text: str) -> bool:
    """A sentence has at least two words, and is no pattern, address or line of code."""
    words = text.split()
    letters = sum(each.isalpha() or each in " ,.'" for each in text)
    return len(words) > 1 and letters > 0.7 * len(text) and text not in _OF_OTHERS and not text.startswith((" ", "\n"))

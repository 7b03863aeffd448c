"""How often somebody may guess a password: so many attempts without success, then a wait that rises.

Per account *and* network, so that a stranger cannot lock anybody out from elsewhere; and per network, over all
accounts. The wait is up to a minute after 5 failures, up to an hour after 20, up to a day after 60. Requests for a
new password and test mails are counted here too.
"""

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address

from ecatalog.kit.clock import Clock
from ecatalog.kit.errors import Exhausted
from ecatalog.kit.ids import hash_secret

_MOST_KEPT = 50_000


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many failures within any span of that length."""

    failures: int
    span: timedelta


PER_PAIR = (
    Limit(5, timedelta(minutes=1)),
    Limit(20, timedelta(hours=1)),
    Limit(60, timedelta(days=1)),
)
PER_NETWORK = (Limit(30, timedelta(minutes=1)), Limit(300, timedelta(hours=1)))


@dataclass(frozen=True, slots=True)
class Rule:
    """What is counted, in the words of a refusal, and how often it may be for one account and one network.

    With `is_per_pair` an account is counted apart for each network that it is tried from.
    """

    words: str
    per_account: tuple[Limit, ...]
    per_network: tuple[Limit, ...]
    is_per_pair: bool


GUESSES = Rule("failed logins", PER_PAIR, PER_NETWORK, is_per_pair=True)
# Each may become a mail to somebody: nobody gets more of them by being asked for from many networks.
RESETS = Rule(
    "requests for a new password",
    (Limit(5, timedelta(hours=1)),),
    (Limit(10, timedelta(minutes=1)), Limit(60, timedelta(hours=1))),
    is_per_pair=False,
)

# Addresses can be changed by whoever sends them: these mails would else go to anybody, without end.
TEST_MAILS = Rule("test mails", (Limit(5, timedelta(minutes=10)),), (Limit(20, timedelta(hours=1)),), is_per_pair=False)

Key = tuple[str, str, str]


class Throttle:
    """The failures of late, in memory, exact: a list of instants per key. A restart forgets them.

    Bounded: beyond 50,000 keys the one that failed longest ago is forgotten. (The memory storage of `limits`
    keeps every key for ever, starts a thread when it is asked, and reads a clock of its own.)
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: dict[Key, deque[datetime]] = {}

    def __len__(self) -> int:
        return len(self._failures)

    def refuse_if_exhausted(self, email: str, address: str, rule: Rule = GUESSES) -> None:
        """Raises Exhausted, with when to come back, for who has failed too often."""
        wait = max(self._wait(key, limits) for key, limits in _limits(rule, email, address))
        if wait > timedelta():
            seconds = wait.total_seconds()
            raise Exhausted(f"Too many {rule.words}. Try again in {_in_words(seconds)}.", retry_after=seconds)

    def count_attempt(self, email: str, address: str, rule: Rule = GUESSES) -> None:
        """Counts one more failure, before the password is looked at: guesses sent at once are counted too."""
        for key, limits in _limits(rule, email, address):
            # Taken out and put back, so that the dictionary's order is that of the latest failures.
            failures = self._failures.pop(key, None) or deque(maxlen=max(limit.failures for limit in limits))
            failures.append(self._clock())
            self._failures[key] = failures
        while len(self._failures) > _MOST_KEPT:
            del self._failures[next(iter(self._failures))]

    def forgive(self, email: str, address: str) -> None:
        """The attempt was no failure: this account's do not count any more, and the network has one less."""
        (account, _), (network, _) = _limits(GUESSES, email, address)
        self._failures.pop(account, None)
        failures = self._failures.get(network)
        if failures:
            failures.pop()

    def _wait(self, key: Key, limits: tuple[Limit, ...]) -> timedelta:
        """How long until one more failure is let through; none when it would be now."""
        failures, now = self._failures.get(key, ()), self._clock()
        waits = [failures[-limit.failures] + limit.span - now for limit in limits if len(failures) >= limit.failures]
        return max(waits, default=timedelta())


def _limits(rule: Rule, email: str, address: str) -> tuple[tuple[Key, tuple[Limit, ...]], ...]:
    network = network_of(address)
    # Hashed: addresses are personal, and those of nobody are chosen by whoever asks.
    account = (rule.words, hash_secret(email)[:32], network if rule.is_per_pair else "")
    return (account, rule.per_account), ((rule.words, "", network), rule.per_network)


def network_of(address: str) -> str:
    """What one customer of a provider holds: the address of IPv4, the /64 of IPv6."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(IPv6Address(int(found) >> 64 << 64))


def _in_words(seconds: float) -> str:
    minutes = -(-seconds // 60)
    return "a minute" if minutes <= 1 else f"{minutes:.0f} minutes"

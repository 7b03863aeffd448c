"""When a failed call may be tried again: 3 tries at most, full jitter, a budget, never past the deadline."""

import random
from collections.abc import Callable

TRIES = 3
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 1.0


class Budget:
    """How many retries all calls together may make: a tenth of the calls, and a few to begin with.

    Without it, an upstream that is down would get three times its usual load when it comes back.
    """

    def __init__(self, *, share: float = 0.1, reserve: float = 10.0) -> None:
        self._share = share
        self._reserve = reserve
        self.tokens = reserve

    def earn(self) -> None:
        """A call begins."""
        self.tokens = min(self._reserve, self.tokens + self._share)

    def spend(self) -> bool:
        """Takes one retry; False when there is none left."""
        if self.tokens < 1.0:
            return False
        self.tokens -= 1.0
        return True


def pause_after(tries: int, jitter: Callable[[float, float], float] = random.uniform) -> float:
    """How long to wait after that many tries: anything up to a bound that doubles ("full jitter", AWS 2015).

    >>> pause_after(2, jitter=lambda low, high: high)
    0.2
    """
    return jitter(0.0, min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (tries - 1)))


def may_retry(*, tries: int, pause: float, left: float, budget: Budget) -> bool:
    """Whether to try again after `pause`, with `left` seconds until the deadline.

    Spends from the budget if so.
    """
    return tries < TRIES and pause < left and budget.spend()

"""The lease of an engine, as a launcher counts it: never longer than the gateway does."""

from datetime import timedelta

from ecatalog_client.types.serving import Heartbeat
from ecatalog_launcher.lease import Lease
from tests.cast import NOON

LEASE = timedelta(seconds=15)


class Boot:
    """CLOCK_BOOTTIME of the machine, and the gateway's clock, which shows noon at 1000."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def beat(self, *, late: float = 0, set_back: float = 0, is_active: bool = True) -> Heartbeat:
        """A heartbeat that arrives now, sent so many seconds ago, by a clock that was set back."""
        sent = NOON + timedelta(seconds=self.now - 1000.0 - late - set_back)
        return Heartbeat(
            now=sent, position=1, lease_until=sent + LEASE, is_active=is_active, received_at_boottime=self.now
        )


def test_it_is_held_until_it_ends_by_the_gateways_time() -> None:
    boot = Boot()
    lease = Lease(boot)
    assert not lease.is_held
    lease.heard(boot.beat())
    boot.now += 14.9
    assert lease.is_held
    assert lease.now() == NOON + timedelta(seconds=14.9)
    boot.now += 0.1
    assert not lease.is_held


def test_it_ends_at_once_when_another_launcher_has_the_engine() -> None:
    boot = Boot()
    lease = Lease(boot)
    lease.heard(boot.beat())
    lease.heard(boot.beat(is_active=False))
    assert not lease.is_held


def test_old_heartbeats_that_waited_while_this_process_was_held_up_give_nothing() -> None:
    boot = Boot()
    lease = Lease(boot)
    lease.heard(boot.beat())
    boot.now += 20
    for late in range(19, 15, -1):
        lease.heard(boot.beat(late=late))
        assert not lease.is_held
    lease.heard(boot.beat())
    assert lease.is_held


def test_a_gateway_whose_clock_was_set_back_is_believed_after_half_a_minute() -> None:
    boot = Boot()
    lease = Lease(boot)
    lease.heard(boot.beat())
    for _ in range(31):
        boot.now += 1
        lease.heard(boot.beat(set_back=3600))
    assert lease.is_held
    assert lease.now() == NOON + timedelta(seconds=31 - 3600)

"""A gRPC channel to the gateway: reconnects within half a second, asks no proxy, never retries by itself."""

from collections.abc import Sequence

import grpc
import grpc.aio

MESSAGE_LIMIT = 4 * 1024 * 1024

# gRPC's own back-off grows to two minutes (11 s were measured after a minute's outage). The minimum is also
# the time that one attempt to connect may take. Keepalive finds a connection whose packets vanish.
OPTIONS: Sequence[tuple[str, int]] = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 2000),
    ("grpc.max_reconnect_backoff_ms", 500),
    ("grpc.keepalive_time_ms", 5000),
    ("grpc.keepalive_timeout_ms", 3000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.enable_http_proxy", 0),
    ("grpc.enable_retries", 0),
    ("grpc.service_config_disable_resolution", 1),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
    ("grpc.max_send_message_length", MESSAGE_LIMIT),
)


class Channel:
    """A channel and the token that goes with each of its calls. Made by `open_channel`."""

    def __init__(self, raw: grpc.aio.Channel, token: str) -> None:
        self.raw = raw
        self.metadata = (("authorization", f"Bearer {token}"),)

    async def connected(self) -> bool:
        """Waits for a connection; False once an attempt has failed. Nothing is sent before it is there.

        An attempt that failed before the call does not count: the channel pauses for up to half a second
        after it.
        """
        state = self.raw.get_state(try_to_connect=True)
        has_tried = False
        while state is not grpc.ChannelConnectivity.READY:
            is_failed = state is grpc.ChannelConnectivity.TRANSIENT_FAILURE
            if state is grpc.ChannelConnectivity.SHUTDOWN or (is_failed and has_tried):
                return False
            has_tried = has_tried or state is grpc.ChannelConnectivity.CONNECTING
            await self.raw.wait_for_state_change(state)
            state = self.raw.get_state(try_to_connect=True)
        return True

    async def aclose(self) -> None:
        await self.raw.close(None)


def open_channel(target: str, token: str, *, credentials: grpc.ChannelCredentials | None = None) -> Channel:
    """A channel to `host:port`, plain unless there are credentials. It connects with the first call."""
    if credentials is None:
        return Channel(grpc.aio.insecure_channel(target, options=OPTIONS), token)
    return Channel(grpc.aio.secure_channel(target, credentials, options=OPTIONS), token)

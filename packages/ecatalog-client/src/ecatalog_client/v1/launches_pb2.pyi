from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EdgeMessage(_message.Message):
    __slots__ = ("hello", "ack")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    hello: EdgeHello
    ack: EdgeAck
    def __init__(self, hello: _Optional[_Union[EdgeHello, _Mapping]] = ..., ack: _Optional[_Union[EdgeAck, _Mapping]] = ...) -> None: ...

class EdgeHello(_message.Message):
    __slots__ = ("edge_id", "epoch", "since_position")
    EDGE_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    SINCE_POSITION_FIELD_NUMBER: _ClassVar[int]
    edge_id: str
    epoch: str
    since_position: int
    def __init__(self, edge_id: _Optional[str] = ..., epoch: _Optional[str] = ..., since_position: _Optional[int] = ...) -> None: ...

class EdgeAck(_message.Message):
    __slots__ = ("position", "cuts", "sequence")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    CUTS_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    position: int
    cuts: _containers.RepeatedCompositeFieldContainer[Cut]
    sequence: int
    def __init__(self, position: _Optional[int] = ..., cuts: _Optional[_Iterable[_Union[Cut, _Mapping]]] = ..., sequence: _Optional[int] = ...) -> None: ...

class EdgeLeave(_message.Message):
    __slots__ = ("edge_id", "acks")
    EDGE_ID_FIELD_NUMBER: _ClassVar[int]
    ACKS_FIELD_NUMBER: _ClassVar[int]
    edge_id: str
    acks: _containers.RepeatedCompositeFieldContainer[EdgeAck]
    def __init__(self, edge_id: _Optional[str] = ..., acks: _Optional[_Iterable[_Union[EdgeAck, _Mapping]]] = ...) -> None: ...

class LeaveReply(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class UseReport(_message.Message):
    __slots__ = ("uses",)
    USES_FIELD_NUMBER: _ClassVar[int]
    uses: _containers.RepeatedCompositeFieldContainer[LaunchUse]
    def __init__(self, uses: _Optional[_Iterable[_Union[LaunchUse, _Mapping]]] = ...) -> None: ...

class LaunchUse(_message.Message):
    __slots__ = ("launch_id", "minutes", "open_at_ms", "used_at_ms", "asked_at_ms")
    LAUNCH_ID_FIELD_NUMBER: _ClassVar[int]
    MINUTES_FIELD_NUMBER: _ClassVar[int]
    OPEN_AT_MS_FIELD_NUMBER: _ClassVar[int]
    USED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    ASKED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    launch_id: str
    minutes: _containers.RepeatedCompositeFieldContainer[ActiveMinute]
    open_at_ms: int
    used_at_ms: int
    asked_at_ms: int
    def __init__(self, launch_id: _Optional[str] = ..., minutes: _Optional[_Iterable[_Union[ActiveMinute, _Mapping]]] = ..., open_at_ms: _Optional[int] = ..., used_at_ms: _Optional[int] = ..., asked_at_ms: _Optional[int] = ...) -> None: ...

class ActiveMinute(_message.Message):
    __slots__ = ("minute", "seconds")
    MINUTE_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    minute: int
    seconds: int
    def __init__(self, minute: _Optional[int] = ..., seconds: _Optional[int] = ...) -> None: ...

class UseReply(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Cut(_message.Message):
    __slots__ = ("launch_id", "client_id", "connections")
    LAUNCH_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    launch_id: str
    client_id: str
    connections: int
    def __init__(self, launch_id: _Optional[str] = ..., client_id: _Optional[str] = ..., connections: _Optional[int] = ...) -> None: ...

class EdgeEvent(_message.Message):
    __slots__ = ("begin", "change", "synced", "heartbeat")
    BEGIN_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    SYNCED_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    begin: EdgeBegin
    change: EdgeChange
    synced: Synced
    heartbeat: Heartbeat
    def __init__(self, begin: _Optional[_Union[EdgeBegin, _Mapping]] = ..., change: _Optional[_Union[EdgeChange, _Mapping]] = ..., synced: _Optional[_Union[Synced, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ...) -> None: ...

class EdgeBegin(_message.Message):
    __slots__ = ("epoch", "is_snapshot", "cookie_key", "catalog_url")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    IS_SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    COOKIE_KEY_FIELD_NUMBER: _ClassVar[int]
    CATALOG_URL_FIELD_NUMBER: _ClassVar[int]
    epoch: str
    is_snapshot: bool
    cookie_key: bytes
    catalog_url: str
    def __init__(self, epoch: _Optional[str] = ..., is_snapshot: _Optional[bool] = ..., cookie_key: _Optional[bytes] = ..., catalog_url: _Optional[str] = ...) -> None: ...

class EdgeChange(_message.Message):
    __slots__ = ("position", "launches", "clients", "grants", "demos", "sessions", "gone")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    LAUNCHES_FIELD_NUMBER: _ClassVar[int]
    CLIENTS_FIELD_NUMBER: _ClassVar[int]
    GRANTS_FIELD_NUMBER: _ClassVar[int]
    DEMOS_FIELD_NUMBER: _ClassVar[int]
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    GONE_FIELD_NUMBER: _ClassVar[int]
    position: int
    launches: _containers.RepeatedCompositeFieldContainer[ServedLaunch]
    clients: _containers.RepeatedCompositeFieldContainer[ServedClient]
    grants: _containers.RepeatedCompositeFieldContainer[ServedGrant]
    demos: _containers.RepeatedCompositeFieldContainer[ServedDemo]
    sessions: _containers.RepeatedCompositeFieldContainer[ServedSession]
    gone: _containers.RepeatedCompositeFieldContainer[Gone]
    def __init__(self, position: _Optional[int] = ..., launches: _Optional[_Iterable[_Union[ServedLaunch, _Mapping]]] = ..., clients: _Optional[_Iterable[_Union[ServedClient, _Mapping]]] = ..., grants: _Optional[_Iterable[_Union[ServedGrant, _Mapping]]] = ..., demos: _Optional[_Iterable[_Union[ServedDemo, _Mapping]]] = ..., sessions: _Optional[_Iterable[_Union[ServedSession, _Mapping]]] = ..., gone: _Optional[_Iterable[_Union[Gone, _Mapping]]] = ...) -> None: ...

class ServedLaunch(_message.Message):
    __slots__ = ("id", "label", "demo_id", "client_id", "user_id", "wanted", "state", "reason", "upstream", "ends_at_ms", "is_elsewhere")
    ID_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    DEMO_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    WANTED_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    UPSTREAM_FIELD_NUMBER: _ClassVar[int]
    ENDS_AT_MS_FIELD_NUMBER: _ClassVar[int]
    IS_ELSEWHERE_FIELD_NUMBER: _ClassVar[int]
    id: str
    label: str
    demo_id: str
    client_id: str
    user_id: str
    wanted: str
    state: str
    reason: str
    upstream: str
    ends_at_ms: int
    is_elsewhere: bool
    def __init__(self, id: _Optional[str] = ..., label: _Optional[str] = ..., demo_id: _Optional[str] = ..., client_id: _Optional[str] = ..., user_id: _Optional[str] = ..., wanted: _Optional[str] = ..., state: _Optional[str] = ..., reason: _Optional[str] = ..., upstream: _Optional[str] = ..., ends_at_ms: _Optional[int] = ..., is_elsewhere: _Optional[bool] = ...) -> None: ...

class ServedClient(_message.Message):
    __slots__ = ("id", "starts_at_ms", "ends_at_ms", "is_revoked", "contact_name", "contact_email", "name", "company", "locale")
    ID_FIELD_NUMBER: _ClassVar[int]
    STARTS_AT_MS_FIELD_NUMBER: _ClassVar[int]
    ENDS_AT_MS_FIELD_NUMBER: _ClassVar[int]
    IS_REVOKED_FIELD_NUMBER: _ClassVar[int]
    CONTACT_NAME_FIELD_NUMBER: _ClassVar[int]
    CONTACT_EMAIL_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    COMPANY_FIELD_NUMBER: _ClassVar[int]
    LOCALE_FIELD_NUMBER: _ClassVar[int]
    id: str
    starts_at_ms: int
    ends_at_ms: int
    is_revoked: bool
    contact_name: str
    contact_email: str
    name: str
    company: str
    locale: str
    def __init__(self, id: _Optional[str] = ..., starts_at_ms: _Optional[int] = ..., ends_at_ms: _Optional[int] = ..., is_revoked: _Optional[bool] = ..., contact_name: _Optional[str] = ..., contact_email: _Optional[str] = ..., name: _Optional[str] = ..., company: _Optional[str] = ..., locale: _Optional[str] = ...) -> None: ...

class ServedGrant(_message.Message):
    __slots__ = ("client_id", "demo_id")
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    DEMO_ID_FIELD_NUMBER: _ClassVar[int]
    client_id: str
    demo_id: str
    def __init__(self, client_id: _Optional[str] = ..., demo_id: _Optional[str] = ...) -> None: ...

class ServedDemo(_message.Message):
    __slots__ = ("id", "name", "status", "demo_url", "is_metered", "visitor_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DEMO_URL_FIELD_NUMBER: _ClassVar[int]
    IS_METERED_FIELD_NUMBER: _ClassVar[int]
    VISITOR_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    status: str
    demo_url: str
    is_metered: bool
    visitor_key: str
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., status: _Optional[str] = ..., demo_url: _Optional[str] = ..., is_metered: _Optional[bool] = ..., visitor_key: _Optional[str] = ...) -> None: ...

class ServedSession(_message.Message):
    __slots__ = ("id", "client_id", "user_id", "expires_at_ms", "user_name")
    ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_MS_FIELD_NUMBER: _ClassVar[int]
    USER_NAME_FIELD_NUMBER: _ClassVar[int]
    id: str
    client_id: str
    user_id: str
    expires_at_ms: int
    user_name: str
    def __init__(self, id: _Optional[str] = ..., client_id: _Optional[str] = ..., user_id: _Optional[str] = ..., expires_at_ms: _Optional[int] = ..., user_name: _Optional[str] = ...) -> None: ...

class Gone(_message.Message):
    __slots__ = ("kind", "id", "demo_id")
    KIND_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    DEMO_ID_FIELD_NUMBER: _ClassVar[int]
    kind: str
    id: str
    demo_id: str
    def __init__(self, kind: _Optional[str] = ..., id: _Optional[str] = ..., demo_id: _Optional[str] = ...) -> None: ...

class Synced(_message.Message):
    __slots__ = ("position",)
    POSITION_FIELD_NUMBER: _ClassVar[int]
    position: int
    def __init__(self, position: _Optional[int] = ...) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ("now_ms", "position", "lease_until_ms", "is_active", "acked_sequence")
    NOW_MS_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    LEASE_UNTIL_MS_FIELD_NUMBER: _ClassVar[int]
    IS_ACTIVE_FIELD_NUMBER: _ClassVar[int]
    ACKED_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    now_ms: int
    position: int
    lease_until_ms: int
    is_active: bool
    acked_sequence: int
    def __init__(self, now_ms: _Optional[int] = ..., position: _Optional[int] = ..., lease_until_ms: _Optional[int] = ..., is_active: _Optional[bool] = ..., acked_sequence: _Optional[int] = ...) -> None: ...

class RedeemRequest(_message.Message):
    __slots__ = ("code", "label")
    CODE_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    code: str
    label: str
    def __init__(self, code: _Optional[str] = ..., label: _Optional[str] = ...) -> None: ...

class RedeemReply(_message.Message):
    __slots__ = ("launch_id", "session_id", "position", "path")
    LAUNCH_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    launch_id: str
    session_id: str
    position: int
    path: str
    def __init__(self, launch_id: _Optional[str] = ..., session_id: _Optional[str] = ..., position: _Optional[int] = ..., path: _Optional[str] = ...) -> None: ...

class LauncherMessage(_message.Message):
    __slots__ = ("hello", "status")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    hello: LauncherHello
    status: LauncherStatus
    def __init__(self, hello: _Optional[_Union[LauncherHello, _Mapping]] = ..., status: _Optional[_Union[LauncherStatus, _Mapping]] = ...) -> None: ...

class LauncherHello(_message.Message):
    __slots__ = ("launcher_id", "engine", "epoch", "since_position")
    LAUNCHER_ID_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    SINCE_POSITION_FIELD_NUMBER: _ClassVar[int]
    launcher_id: str
    engine: str
    epoch: str
    since_position: int
    def __init__(self, launcher_id: _Optional[str] = ..., engine: _Optional[str] = ..., epoch: _Optional[str] = ..., since_position: _Optional[int] = ...) -> None: ...

class LauncherLeave(_message.Message):
    __slots__ = ("launcher_id",)
    LAUNCHER_ID_FIELD_NUMBER: _ClassVar[int]
    launcher_id: str
    def __init__(self, launcher_id: _Optional[str] = ...) -> None: ...

class LauncherStatus(_message.Message):
    __slots__ = ("capacity", "running", "memory_mb", "starts")
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    MEMORY_MB_FIELD_NUMBER: _ClassVar[int]
    STARTS_FIELD_NUMBER: _ClassVar[int]
    capacity: int
    running: int
    memory_mb: int
    starts: int
    def __init__(self, capacity: _Optional[int] = ..., running: _Optional[int] = ..., memory_mb: _Optional[int] = ..., starts: _Optional[int] = ...) -> None: ...

class LauncherEvent(_message.Message):
    __slots__ = ("begin", "change", "synced", "heartbeat")
    BEGIN_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    SYNCED_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    begin: LauncherBegin
    change: LauncherChange
    synced: Synced
    heartbeat: Heartbeat
    def __init__(self, begin: _Optional[_Union[LauncherBegin, _Mapping]] = ..., change: _Optional[_Union[LauncherChange, _Mapping]] = ..., synced: _Optional[_Union[Synced, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ...) -> None: ...

class LauncherBegin(_message.Message):
    __slots__ = ("epoch", "is_snapshot", "installation")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    IS_SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    INSTALLATION_FIELD_NUMBER: _ClassVar[int]
    epoch: str
    is_snapshot: bool
    installation: str
    def __init__(self, epoch: _Optional[str] = ..., is_snapshot: _Optional[bool] = ..., installation: _Optional[str] = ...) -> None: ...

class LauncherChange(_message.Message):
    __slots__ = ("position", "launches", "gone")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    LAUNCHES_FIELD_NUMBER: _ClassVar[int]
    GONE_FIELD_NUMBER: _ClassVar[int]
    position: int
    launches: _containers.RepeatedCompositeFieldContainer[WantedLaunch]
    gone: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, position: _Optional[int] = ..., launches: _Optional[_Iterable[_Union[WantedLaunch, _Mapping]]] = ..., gone: _Optional[_Iterable[str]] = ...) -> None: ...

class WantedLaunch(_message.Message):
    __slots__ = ("id", "attempt", "wanted", "state", "demo_id", "label", "port", "spec_hash", "state_since_ms", "reason", "kind", "containers", "is_admitted", "claim_path", "visitor_name", "visitor_company", "visitor_locale")
    ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    WANTED_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DEMO_ID_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    SPEC_HASH_FIELD_NUMBER: _ClassVar[int]
    STATE_SINCE_MS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    CONTAINERS_FIELD_NUMBER: _ClassVar[int]
    IS_ADMITTED_FIELD_NUMBER: _ClassVar[int]
    CLAIM_PATH_FIELD_NUMBER: _ClassVar[int]
    VISITOR_NAME_FIELD_NUMBER: _ClassVar[int]
    VISITOR_COMPANY_FIELD_NUMBER: _ClassVar[int]
    VISITOR_LOCALE_FIELD_NUMBER: _ClassVar[int]
    id: str
    attempt: int
    wanted: str
    state: str
    demo_id: str
    label: str
    port: int
    spec_hash: str
    state_since_ms: int
    reason: str
    kind: str
    containers: _containers.RepeatedCompositeFieldContainer[Container]
    is_admitted: bool
    claim_path: str
    visitor_name: str
    visitor_company: str
    visitor_locale: str
    def __init__(self, id: _Optional[str] = ..., attempt: _Optional[int] = ..., wanted: _Optional[str] = ..., state: _Optional[str] = ..., demo_id: _Optional[str] = ..., label: _Optional[str] = ..., port: _Optional[int] = ..., spec_hash: _Optional[str] = ..., state_since_ms: _Optional[int] = ..., reason: _Optional[str] = ..., kind: _Optional[str] = ..., containers: _Optional[_Iterable[_Union[Container, _Mapping]]] = ..., is_admitted: _Optional[bool] = ..., claim_path: _Optional[str] = ..., visitor_name: _Optional[str] = ..., visitor_company: _Optional[str] = ..., visitor_locale: _Optional[str] = ...) -> None: ...

class Container(_message.Message):
    __slots__ = ("name", "image", "entrypoint", "command", "environment", "user", "tmpfs", "cpu", "memory_mb")
    class EnvironmentEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class TmpfsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    ENTRYPOINT_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    TMPFS_FIELD_NUMBER: _ClassVar[int]
    CPU_FIELD_NUMBER: _ClassVar[int]
    MEMORY_MB_FIELD_NUMBER: _ClassVar[int]
    name: str
    image: str
    entrypoint: _containers.RepeatedScalarFieldContainer[str]
    command: _containers.RepeatedScalarFieldContainer[str]
    environment: _containers.ScalarMap[str, str]
    user: str
    tmpfs: _containers.ScalarMap[str, int]
    cpu: float
    memory_mb: int
    def __init__(self, name: _Optional[str] = ..., image: _Optional[str] = ..., entrypoint: _Optional[_Iterable[str]] = ..., command: _Optional[_Iterable[str]] = ..., environment: _Optional[_Mapping[str, str]] = ..., user: _Optional[str] = ..., tmpfs: _Optional[_Mapping[str, int]] = ..., cpu: _Optional[float] = ..., memory_mb: _Optional[int] = ...) -> None: ...

class LaunchReport(_message.Message):
    __slots__ = ("launch_id", "attempt", "was", "state", "phase", "reason", "upstream", "log_tail", "progress", "digests")
    LAUNCH_ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    WAS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    UPSTREAM_FIELD_NUMBER: _ClassVar[int]
    LOG_TAIL_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    DIGESTS_FIELD_NUMBER: _ClassVar[int]
    launch_id: str
    attempt: int
    was: str
    state: str
    phase: str
    reason: str
    upstream: str
    log_tail: str
    progress: int
    digests: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, launch_id: _Optional[str] = ..., attempt: _Optional[int] = ..., was: _Optional[str] = ..., state: _Optional[str] = ..., phase: _Optional[str] = ..., reason: _Optional[str] = ..., upstream: _Optional[str] = ..., log_tail: _Optional[str] = ..., progress: _Optional[int] = ..., digests: _Optional[_Iterable[str]] = ...) -> None: ...

class LoginRequest(_message.Message):
    __slots__ = ("launch_id", "registry_url")
    LAUNCH_ID_FIELD_NUMBER: _ClassVar[int]
    REGISTRY_URL_FIELD_NUMBER: _ClassVar[int]
    launch_id: str
    registry_url: str
    def __init__(self, launch_id: _Optional[str] = ..., registry_url: _Optional[str] = ...) -> None: ...

class LoginReply(_message.Message):
    __slots__ = ("username", "password")
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    username: str
    password: str
    def __init__(self, username: _Optional[str] = ..., password: _Optional[str] = ...) -> None: ...

class LaunchReportReply(_message.Message):
    __slots__ = ("position", "attempt")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    position: int
    attempt: int
    def __init__(self, position: _Optional[int] = ..., attempt: _Optional[int] = ...) -> None: ...

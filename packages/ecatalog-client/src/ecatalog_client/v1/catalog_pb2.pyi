from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class CallRequest(_message.Message):
    __slots__ = ("operation", "path", "input")
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    operation: str
    path: _containers.RepeatedScalarFieldContainer[str]
    input: bytes
    def __init__(self, operation: _Optional[str] = ..., path: _Optional[_Iterable[str]] = ..., input: _Optional[bytes] = ...) -> None: ...

class CallReply(_message.Message):
    __slots__ = ("answer", "status", "etag")
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    answer: bytes
    status: int
    etag: str
    def __init__(self, answer: _Optional[bytes] = ..., status: _Optional[int] = ..., etag: _Optional[str] = ...) -> None: ...

class FollowEvent(_message.Message):
    __slots__ = ("event", "answer")
    EVENT_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    event: str
    answer: bytes
    def __init__(self, event: _Optional[str] = ..., answer: _Optional[bytes] = ...) -> None: ...

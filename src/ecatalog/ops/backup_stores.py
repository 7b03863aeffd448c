"""Where backups are kept: a folder, or a bucket of an S3 service. What has its name there is whole."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, BinaryIO, Protocol

from ecatalog.kit.sync import sync
from ecatalog.ops.backup_file import NAME

_PARTIAL = ".partial-"


class StoreFailed(Exception):
    """The place for backups does not do what it should; the message says what to do."""


class Store(Protocol):
    """A place for backups, and for small files beside them. Everything may raise StoreFailed."""

    @property
    def place(self) -> str:
        """How people call it."""

    @property
    def workplace(self) -> Path:
        """A folder on this machine in which a file is made before it is published."""

    def names(self) -> list[str]:
        """The names of the backups, oldest first."""

    def size(self, name: str) -> int:
        """In bytes."""

    def read(self, name: str, offset: int, length: int) -> bytes:
        """A piece of a file."""

    @contextmanager
    def opened(self, name: str) -> Iterator[BinaryIO]:
        """The whole file, on this machine while the block lasts."""
        yield  # type: ignore[misc]  # a protocol has no body

    def publish(self, partial: Path, name: str) -> None:
        """Gives a file of the workplace, which is whole and on the disk, its name. It is gone from there afterwards."""

    def remove(self, name: str) -> None:
        """Nothing happens when it is not there."""

    def keep(self, name: str, text: bytes) -> None:
        """Writes a small file, whole or not at all."""

    def find(self, name: str) -> bytes | None:
        """The content of a small file, None when there is none."""

    def append(self, name: str, text: bytes) -> None:
        """Adds to the end of a small file, which is made when it is missing; on the disk when this returns."""


class FolderStore:
    """A folder, made when it is missing, for its owner alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def place(self) -> str:
        return str(self.folder)

    @property
    def workplace(self) -> Path:
        with _told(self.place):
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self.folder

    def names(self) -> list[str]:
        with _told(self.place):
            found = [each.name for each in self.folder.iterdir()] if self.folder.exists() else []
        return sorted(name for name in found if NAME.fullmatch(name))

    def size(self, name: str) -> int:
        with _told(self.place):
            return (self.folder / name).stat().st_size

    def read(self, name: str, offset: int, length: int) -> bytes:
        with _told(self.place), (self.folder / name).open("rb") as file:
            file.seek(offset)
            return file.read(length)

    @contextmanager
    def opened(self, name: str) -> Iterator[BinaryIO]:
        with _told(self.place):
            file = (self.folder / name).open("rb")
        with file:
            yield file

    def publish(self, partial: Path, name: str) -> None:
        with _told(self.place):
            partial.replace(self.folder / name)
            sync(self.folder)

    def remove(self, name: str) -> None:
        with _told(self.place):
            (self.folder / name).unlink(missing_ok=True)
            sync(self.folder)

    def keep(self, name: str, text: bytes) -> None:
        with _told(self.place), NamedTemporaryFile(dir=self.workplace, prefix=_PARTIAL, delete=False) as file:
            partial = Path(file.name)
            try:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                partial.unlink()
                raise
        self.publish(partial, name)

    def append(self, name: str, text: bytes) -> None:
        path = self.workplace / name
        is_new = not path.exists()
        with _told(self.place):
            # Who else may write to the folder must not lead us to a file of ours elsewhere.
            flags = os.O_APPEND | os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW
            with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            if is_new:
                sync(self.folder)

    def find(self, name: str) -> bytes | None:
        with _told(self.place), suppress(FileNotFoundError):
            return (self.folder / name).read_bytes()
        return None


class BucketStore:
    """A bucket of S3, or of a service that speaks as it does; found by the variables that AWS's own tools read."""

    def __init__(self, url: str, workplace: Path) -> None:
        import obstore  # Here because it takes a tenth of a second, which only those with a bucket should pay.
        from obstore.store import S3Store

        self.place = url
        self._workplace = workplace
        self._s3 = obstore
        endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
        with _told(url):
            # Only on this machine may a service speak plain HTTP.
            is_local = endpoint.startswith(("http://127.0.0.1", "http://localhost"))
            self._store = S3Store.from_url(url, client_options={"allow_http": is_local})

    @property
    def workplace(self) -> Path:
        with _told(str(self._workplace)):
            self._workplace.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self._workplace

    def names(self) -> list[str]:
        with _told(self.place):
            found = [str(each["path"]) for batch in self._s3.list(self._store) for each in batch]
        return sorted(name for name in found if NAME.fullmatch(name))

    def size(self, name: str) -> int:
        with _told(self.place):
            return int(self._s3.head(self._store, name)["size"])

    def read(self, name: str, offset: int, length: int) -> bytes:
        length = min(length, self.size(name) - offset)
        if length <= 0:
            return b""
        with _told(self.place):
            return bytes(self._s3.get_range(self._store, name, start=offset, length=length))

    @contextmanager
    def opened(self, name: str) -> Iterator[BinaryIO]:
        fetched = self.workplace / f"{_PARTIAL}fetched-{os.getpid()}-{name}"
        try:
            with _told(self.place), fetched.open("wb") as file:
                for piece in self._s3.get(self._store, name).stream():
                    file.write(piece)
            with fetched.open("rb") as whole:
                yield whole
        finally:
            fetched.unlink(missing_ok=True)

    def publish(self, partial: Path, name: str) -> None:
        with _told(self.place):
            self._s3.put(self._store, name, partial)
            partial.unlink()

    def remove(self, name: str) -> None:
        with _told(self.place), suppress(FileNotFoundError):
            self._s3.delete(self._store, name)

    def append(self, name: str, text: bytes) -> None:
        self.keep(name, (self.find(name) or b"") + text)

    def keep(self, name: str, text: bytes) -> None:
        with _told(self.place):
            self._s3.put(self._store, name, text)

    def find(self, name: str) -> bytes | None:
        with _told(self.place), suppress(FileNotFoundError):
            return bytes(self._s3.get(self._store, name).bytes())
        return None


def store_at(place: str, workplace: Path) -> Store:
    """The store of a folder or of `s3://bucket/prefix`; `workplace` is for what cannot be made in the place itself."""
    if "://" not in place:
        return FolderStore(Path(place))
    if not place.startswith("s3://"):
        raise StoreFailed(f"Backups cannot be kept at {place}: name a folder, or s3://bucket/prefix.")
    return BucketStore(place.rstrip("/"), workplace)


@contextmanager
def _told(place: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise StoreFailed(f"{place} has no such file ({error}).") from error
    except OSError as error:
        raise StoreFailed(
            f"{place} cannot be used ({error.strerror or error}). Look at its rights and its room."
        ) from error
    except Exception as error:
        if not _is_of_the_service(error):
            raise
        raise StoreFailed(f"{place} does not answer as it should: {_first_line(error)}") from error


def _is_of_the_service(error: Exception) -> bool:
    return type(error).__module__.startswith("obstore")


def _first_line(error: Exception) -> str:
    text: Any = str(error).strip().splitlines() or [type(error).__name__]
    return str(text[0])[:300]

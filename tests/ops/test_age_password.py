"""What is sealed with a password is opened by the library of age, and takes the memory it should."""

import pyrage
import pytest

from ecatalog.ops.age_password import MOST, WORK_FACTOR, seal_with_password

KEY = b"AGE-SECRET-KEY-1\n"
# The factor stands in the file, so whoever opens it need not be told.
CHEAPLY = 10


def test_age_opens_it() -> None:
    assert pyrage.passphrase.decrypt(seal_with_password(KEY, "pâsswörd"), "pâsswörd") == KEY


@pytest.mark.parametrize("text", [b"", KEY, b"x" * MOST], ids=["nothing", "a key", "the most"])
def test_age_opens_whatever_its_length(text: bytes) -> None:
    sealed = seal_with_password(text, "pâsswörd", work_factor=CHEAPLY)
    assert pyrage.passphrase.decrypt(sealed, "pâsswörd") == text


def test_another_password_does_not_open_it() -> None:
    with pytest.raises(pyrage.DecryptError):
        pyrage.passphrase.decrypt(seal_with_password(b"text", "one", work_factor=CHEAPLY), "two")


def test_a_changed_byte_is_noticed() -> None:
    sealed = bytearray(seal_with_password(b"text", "one", work_factor=CHEAPLY))
    sealed[-1] ^= 1

    with pytest.raises(pyrage.DecryptError):
        pyrage.passphrase.decrypt(bytes(sealed), "one")


def test_it_takes_the_same_memory_on_every_machine() -> None:
    assert seal_with_password(b"text", "one").split(b"\n")[1].endswith(b" %d" % WORK_FACTOR)
    assert 128 * 8 * (1 << WORK_FACTOR) == 256 << 20


def test_more_than_one_piece_is_refused() -> None:
    with pytest.raises(ValueError, match="At most 65536 bytes"):
        seal_with_password(b"x" * (MOST + 1), "one")

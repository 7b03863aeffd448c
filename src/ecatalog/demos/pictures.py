"""Pictures of demos: whatever somebody sends is drawn anew, small and without what else was in the file.

They are files in the data directory, named by what they hold, so that a name never shows another picture.
"""

import hashlib
import re
from pathlib import Path
from typing import Literal

from PIL import ImageOps

from ecatalog.demos import queries
from ecatalog.demos.actions import demo_for, refuse_unless_manager
from ecatalog.kit.actor import SYSTEM, Actor
from ecatalog.kit.db import Tx
from ecatalog.kit.drawing import MOST_BYTES, as_webp, read_picture
from ecatalog.kit.errors import Invalid
from ecatalog_client.types.demos import Demo

__all__ = ["MOST_BYTES", "draw_anew", "draw_face", "find_picture", "keep_picture", "set_photo", "set_picture"]

SIZE = (960, 540)
FACE = (192, 192)
_NAME = re.compile(r"[0-9a-f]{64}\.webp")


def draw_anew(raw: bytes) -> bytes:
    """The picture as WebP of 960 by 540, cut to that shape, and nothing else of the file. Raises Invalid (`picture`).

    It takes a while, and so it is for `drawing.draw`.
    """
    return as_webp(ImageOps.fit(read_picture(raw), SIZE))


def draw_face(raw: bytes) -> bytes:
    """The photo of somebody in the same way, as a square of 192. Raises Invalid (`photo`)."""
    try:
        return as_webp(ImageOps.fit(read_picture(raw), FACE, centering=(0.5, 0.35)))
    except Invalid as error:
        raise Invalid(error.message, fields={"photo": error.fields["picture"]}) from None


def keep_picture(folder: Path, picture: bytes) -> str:
    """Writes the picture if it is not there, and returns its name. A write that is cut short leaves no name."""
    name = f"{hashlib.sha256(picture).hexdigest()}.webp"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = folder / f"{name}.part"
    unfinished.write_bytes(picture)
    unfinished.replace(folder / name)
    return name


def find_picture(folder: Path, name: str) -> bytes | None:
    """What is kept under the name; None for a name that is none of ours."""
    if not _NAME.fullmatch(name):
        return None
    try:
        return (folder / name).read_bytes()
    except OSError:
        return None


def set_picture(tx: Tx, actor: Actor, demo_id: str, name: str | None) -> Demo:
    """Shows the demo with this picture, or with none. Raises NotFound, Forbidden."""
    return _show_with(tx, actor, demo_id, "picture", name)


def set_photo(tx: Tx, actor: Actor, demo_id: str, name: str | None) -> Demo:
    """Shows the contact of the demo with this photo, or with initials. Raises NotFound, Forbidden."""
    return _show_with(tx, actor, demo_id, "contact_photo", name)


def _show_with(
    tx: Tx, actor: Actor, demo_id: str, field: Literal["picture", "contact_photo"], name: str | None
) -> Demo:
    refuse_unless_manager(actor)
    demo = demo_for(tx, actor, demo_id)
    if getattr(demo, field) != name:
        queries.set_shown(tx, demo_id, field, name)
        tx.touch("demos")
        tx.record("demo.edited", actor, demo=demo_id, fields=[field])
    return demo_for(tx, SYSTEM, demo_id)

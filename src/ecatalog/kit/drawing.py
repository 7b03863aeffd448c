"""Pictures that somebody sends, read within bounds. What is kept of one is drawn anew by whoever asked for it."""

import asyncio
import io
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from PIL import Image, ImageOps, UnidentifiedImageError

from ecatalog.kit.errors import Invalid

T = TypeVar("T")

MOST_BYTES = 6 * 1024 * 1024
_MOST_PIXELS = 40_000_000
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")


# A picture of 40 megapixels takes some 400 MB while it is drawn, of however few bytes it is: never two at a time.
_one_at_a_time = ThreadPoolExecutor(1, thread_name_prefix="ecatalog-drawing")


async def draw(picture: Callable[[bytes], T], raw: bytes) -> T:
    """What is made of the file, in a thread, once it is its turn. Raises what `picture` raises."""
    return await asyncio.get_running_loop().run_in_executor(_one_at_a_time, picture, raw)


def read_picture(raw: bytes, mode: str = "RGB") -> Image.Image:
    """The first picture of the file, upright, in that mode (`RGBA` keeps what is seen through), and nothing else of it.

    It takes a while, and so it is for `draw`. Raises Invalid (`picture`).
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(raw), formats=_FORMATS) as found:
                if found.width * found.height > _MOST_PIXELS:
                    raise _refused("larger than 40 megapixels")
                return ImageOps.exif_transpose(found).convert(mode)
    except Invalid:
        raise
    except (UnidentifiedImageError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _refused("neither PNG, JPEG, WebP nor GIF") from None
    except (OSError, ValueError, SyntaxError, EOFError):
        raise _refused("damaged") from None


def as_webp(picture: Image.Image, quality: int = 82) -> bytes:
    """The picture as it is kept, without what else was in its file."""
    bare = Image.new(picture.mode, picture.size)
    bare.paste(picture)
    made = io.BytesIO()
    bare.save(made, "WEBP", quality=quality)
    return made.getvalue()


def _refused(why: str) -> Invalid:
    return Invalid(f"This picture cannot be used: it is {why}.", fields={"picture": why})

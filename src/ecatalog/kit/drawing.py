"""Pictures that somebody sends, read within bounds. What is kept of one is drawn anew by whoever asked for it."""

import io
import warnings

from PIL import Image, ImageOps, UnidentifiedImageError

from ecatalog.kit.errors import Invalid

MOST_BYTES = 6 * 1024 * 1024
_MOST_PIXELS = 40_000_000
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")


def read_picture(raw: bytes, mode: str = "RGB") -> Image.Image:
    """The first picture of the file, upright, in that mode (`RGBA` keeps what is seen through), and nothing else of it.

    It takes a while, and so it is for a thread. Raises Invalid (`picture`).
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

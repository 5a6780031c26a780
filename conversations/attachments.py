"""Images in questions: whatever is uploaded becomes a small clean JPEG or PNG, and the file itself is thrown away.

Why these limits: docs/decisions/0005.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from io import BytesIO

from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _
from PIL import Image, ImageOps

from conversations.models import Attachment
from conversations.models.attachment import NAME_LIMIT

# Of what is uploaded.
COUNT_LIMIT = 10  # images of a question
FILE_LIMIT = 10_000_000  # bytes
QUESTION_LIMIT = 25_000_000  # bytes of all images of a question
# Pixels, by format: what decoding one takes, at most, is about 300 MB; libwebp holds copies of its own.
PIXEL_LIMITS = {"JPEG": 50_000_000, "MPO": 50_000_000, "PNG": 50_000_000, "GIF": 50_000_000, "WEBP": 16_000_000}
RATIO_LIMIT = 100  # of the longer side to the shorter; servers answer a thread of pixels with an error
SCAN_LIMIT = 50  # of a JPEG, which is drawn over and over: usual are 1 to 12, and each costs as much as a whole image
PATIENCE = 20.0  # seconds to wait for the images of others

# Of what is kept.
PIXELS = 4_194_304  # 2560 by 1440 passes as it is, a 4K screen at 71 %
SIDE = 4096  # pixels; DeepSeek's docs of 2026-09-18 allow no more where a request has 15 images
BYTES = 2_000_000  # a question's ten fit into one request
# Of a JPEG, until it fits: its quality, and whether colours are as sharp (0) as brightness, for coloured letters.
# Even noise fits the last one.
QUALITIES = ((88, 0), (75, 0), (60, 2), (25, 2))

MEDIA_TYPES = "image/jpeg,image/png,image/gif,image/webp"
LOSSLESS = {"PNG", "GIF"}

JPEG_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")  # those that begin a segment
JPEG_SCAN, JPEG_END = b"\xff\xda", b"\xff\xd9"

MediaType = Attachment.MediaType

type Encoded = tuple[MediaType, bytes, tuple[int, int]]  # with its width and height

# One image at a time and process, and always in the same thread: malloc keeps what a thread has freed for that thread,
# so that ten which take turns hold ten times as much.
_decoder = ThreadPoolExecutor(1, thread_name_prefix="images")
# Where a frame outgrows what its file's head has said, Pillow's own limit holds, at twice this number.
Image.MAX_IMAGE_PIXELS = max(PIXEL_LIMITS.values())


class UnfitImageError(Exception):
    """An image that can't be taken; `sentence` tells the member which and why.

    In the language of whoever reads it, not of the thread that looks at images: it is put together only then.
    """

    def __init__(self, sentence: str, **values: object) -> None:
        super().__init__(sentence, values)
        self._sentence, self._values = sentence, values

    @property
    def sentence(self) -> str:
        return gettext(self._sentence) % self._values


def prepare(uploads: Sequence[UploadedFile[bytes]], *, beside: int = 0) -> list[Attachment]:
    """What is to be kept of a question's uploads, beside so many images that it has. Raises UnfitImageError.

    Takes up to 2 s an image, and waits for those of others: hold no lock and no connection.
    """
    if (count := len(uploads) + beside) > COUNT_LIMIT:
        raise UnfitImageError(
            _("A question may have %(most)s images; these are %(count)s."), most=COUNT_LIMIT, count=count
        )
    for upload in uploads:
        if (upload.size or 0) > FILE_LIMIT:
            raise UnfitImageError(
                _("“%(name)s” is larger than %(most)s MB."), name=clean_name(upload.name), most=FILE_LIMIT // 10**6
            )
    if sum(upload.size or 0 for upload in uploads) > QUESTION_LIMIT:
        raise UnfitImageError(
            _("The images of a question may have %(most)s MB together."), most=QUESTION_LIMIT // 10**6
        )
    return [_prepare(clean_name(upload.name), upload.read()) for upload in uploads]


def clean_name(raw: str | None) -> str:
    """A file's name as a label: no folders, no control or direction characters, no end of 100 characters."""
    last = (raw or "").replace("\\", "/").rpartition("/")[2]
    shown = "".join(letter if letter.isprintable() else " " for letter in last)
    return " ".join(shown.split())[:NAME_LIMIT].strip() or "image"


def _prepare(name: str, data: bytes) -> Attachment:
    turn = _decoder.submit(_judged, name, data)
    wait([turn], PATIENCE)
    if turn.cancel():  # still in line; what has begun is waited for
        raise UnfitImageError(_("Many images are being looked at just now. Try again in a moment."))
    media_type, encoded, (width, height) = turn.result()
    return Attachment(name=name, media_type=media_type, data=encoded, width=width, height=height, bytes=len(encoded))


def _judged(name: str, data: bytes) -> Encoded:
    try:
        return _encoded(name, data)
    except UnfitImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        refusal = _too_large(name, max(PIXEL_LIMITS.values()))
    except Exception:  # at a broken file Pillow raises almost anything
        refusal = UnfitImageError(_("“%(name)s” is not a whole JPEG, PNG, GIF or WebP image."), name=name)
    raise refusal  # out here it has no context, which would hold the pixels until the member's page is written


def _too_large(name: str, most: int) -> UnfitImageError:
    return UnfitImageError(
        _("“%(name)s” is too large: it may have %(most)s megapixels."), name=name, most=most // 10**6
    )


def _encoded(name: str, data: bytes) -> Encoded:
    """Judged by content. A moving image is its first frame: models look at no more."""
    with Image.open(BytesIO(data), formats=("JPEG", "PNG", "GIF", "WEBP")) as opened:
        _check(name, opened, data)
        clean = _clean(opened)
    if opened.format in LOSSLESS and len(encoded := _saved(clean, "PNG")) <= BYTES:
        return MediaType.PNG, encoded, clean.size
    flat = _flat(clean)
    for quality, subsampling in QUALITIES:
        encoded = _saved(flat, "JPEG", quality=quality, subsampling=subsampling)
        if len(encoded) <= BYTES:
            break
    return MediaType.JPEG, encoded, clean.size


def _check(name: str, image: Image.Image, data: bytes) -> None:
    """Before anything is decoded: its head says how much that would be."""
    assert image.format is not None
    most = PIXEL_LIMITS[image.format]
    if image.width * image.height > most:
        raise _too_large(name, most)
    if max(image.size) > RATIO_LIMIT * min(image.size):
        raise UnfitImageError(
            _("“%(name)s” is too thin: it may be %(most)s times as long as it is wide."), name=name, most=RATIO_LIMIT
        )
    if image.format in {"JPEG", "MPO"} and _scans(data) > SCAN_LIMIT:
        raise UnfitImageError(_("“%(name)s” is a JPEG of too many layers."), name=name)


def _scans(data: bytes) -> int:
    """How often a JPEG is drawn over. What stands behind its end, as a phone's film does, is not of it."""
    count, at = 0, 2
    while (marker := JPEG_MARKER.search(data, at)) and marker[0] != JPEG_END:
        count += marker[0] == JPEG_SCAN
        at = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2])
    return count


def _clean(image: Image.Image) -> Image.Image:
    """As it is looked at: upright, not too large, and without a word beside its pixels."""
    size = _fitting(image.size)
    image.draft("RGB", size)  # a JPEG is decoded at an eighth, a quarter or half
    if image.mode.startswith("I"):  # 16 bits of grey, of which Pillow would take all above 255 for white
        image = image.convert("I").point(lambda grey: grey / 256).convert("L")
    mode = "RGBA" if image.has_transparency_data else "RGB"
    upright = image if image.mode == mode else image.convert(mode)
    # Roughly first, which needs no copy of its full size.
    if (factor := int(upright.width / size[0] / 1.5)) > 1:
        upright = upright.reduce(factor)
    upright = ImageOps.exif_transpose(upright.resize(size, Image.Resampling.LANCZOS))
    upright.info = {}  # else some of it is saved again: a colour profile, a comment
    return upright


def _fitting(size: tuple[int, int]) -> tuple[int, int]:
    width, height = size
    scale = min(1, math.sqrt(PIXELS / (width * height)), SIDE / max(size))
    return max(1, int(width * scale)), max(1, int(height * scale))


def _flat(image: Image.Image) -> Image.Image:
    """On white paper, where it was transparent."""
    if image.mode != "RGBA":
        return image
    paper = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(paper, image).convert("RGB")


def _saved(image: Image.Image, format: str, **options: int) -> bytes:
    out = BytesIO()
    image.save(out, format, **options)
    return out.getvalue()

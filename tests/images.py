"""Image files for tests: real ones, made by Pillow, and broken ones made of those.

photo(), screenshot(), animation() and painted(...) are bytes; upload("a.png", data) is what a form hands over.
"""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from random import Random
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile, UploadedFile
from PIL import Image

RED, BLUE, GREEN = (200, 30, 30), (30, 30, 200), (30, 160, 30)


def saved(image: Image.Image, format: str, **options: Any) -> bytes:
    out = BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def painted(format: str = "PNG", size: tuple[int, int] = (60, 40), colour: Any = RED, **options: Any) -> bytes:
    """One colour all over; with a fourth number as much of it as that says."""
    if format == "GIF":  # Pillow's own way to a palette miscounts at 25 megapixels
        image = Image.new("P", size, 0)
        image.putpalette(colour)
    else:
        image = Image.new("RGB" if len(colour) == 3 else "RGBA", size, colour)
    return saved(image, format, **options)


def noise(size: tuple[int, int], mode: str = "RGB") -> Image.Image:
    """What no format can make small."""
    return Image.frombytes(mode, size, Random(0).randbytes(size[0] * size[1] * len(mode)))


def two_halves(size: tuple[int, int] = (80, 40)) -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (size[0] // 2, 0, *size))
    return image


def photo(orientation: int = 1) -> bytes:
    """As a phone takes it: with a place, a maker, a comment and a colour profile."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "Maker of phones"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0)})  # GPS
    return saved(
        two_halves(), "JPEG", quality=95, exif=exif, comment=b"a secret comment", icc_profile=b"a colour profile" * 10
    )


def animation(frames: int = 3) -> bytes:
    colours = (RED, BLUE, GREEN)
    first, *others = [Image.new("RGB", (60, 40), colours[number % 3]) for number in range(frames)]
    return saved(first, "GIF", save_all=True, append_images=others, duration=100)


def bomb(width: int, height: int) -> bytes:
    """A PNG that says it is so large, and is a few bytes."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def upload(name: str = "image.png", data: bytes | None = None) -> UploadedFile[bytes]:
    return SimpleUploadedFile(name, painted() if data is None else data)


def opened(data: Any) -> Image.Image:
    """What a browser or a model makes of it."""
    image = Image.open(BytesIO(bytes(data)))
    image.load()
    return image


def is_about(seen: Any, wanted: tuple[int, ...]) -> bool:
    """Whether a pixel is that colour, but for what a JPEG loses."""
    return all(abs(one - other) < 12 for one, other in zip(seen[:3], wanted[:3], strict=True))

"""Compressed frames to stored values.

The decoders of imagecodecs work outside the interpreter's lock, so that slices are decoded side by
side; what they do not read is left to pydicom's.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom.encaps import generate_frames
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from imaging.dicom.headers import ImageHeader
from imaging.errors import refuse_image

Decoder = Callable[[bytes], Any]

JPEG_FRAME_HEADERS = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}
JPEG_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
J2K_SIZE_MARKER = b"\xff\x4f\xff\x51"  # start of codestream, image and tile size (ISO 15444-1 A)

DECODERS: dict[str, Decoder] = {
    JPEGBaseline8Bit: imagecodecs.jpeg8_decode,
    JPEGExtended12Bit: imagecodecs.jpeg8_decode,
    JPEGLossless: imagecodecs.ljpeg_decode,
    JPEGLosslessSV1: imagecodecs.ljpeg_decode,
    JPEGLSLossless: imagecodecs.jpegls_decode,
    JPEGLSNearLossless: imagecodecs.jpegls_decode,
    JPEG2000Lossless: imagecodecs.jpeg2k_decode,
    JPEG2000: imagecodecs.jpeg2k_decode,
    HTJ2KLossless: imagecodecs.jpeg2k_decode,
    HTJ2KLosslessRPCL: imagecodecs.jpeg2k_decode,
    HTJ2K: imagecodecs.jpeg2k_decode,
}


def fragments(header: ImageHeader) -> list[bytes]:
    """Return the compressed frames of a file.

    Parameters
    ----------
    header : ImageHeader
        Of an encapsulated file.

    Returns
    -------
    list of bytes
        One codestream a frame.

    Raises
    ------
    ImagingError
        When the file holds fewer frames than it says.
    """
    with header.path.open("rb") as stream:
        stream.seek(header.pixel_offset)
        data = stream.read()
    try:
        found = list(generate_frames(data, number_of_frames=len(header.frames)))
    except Exception:  # a damaged offset table or item fails in several ways
        found = []
    if len(found) != len(header.frames):
        message = "the file holds fewer frames than it says; copy it again"
        raise refuse_image("damaged", message, header.path.name)
    return found


def decode_frame(codestream: bytes, header: ImageHeader) -> NDArray[Any] | None:
    """Decode one frame.

    Parameters
    ----------
    codestream : bytes
        Of the frame.
    header : ImageHeader
        Of its file.

    Returns
    -------
    numpy.ndarray or None
        Shape (rows, columns), integers of as many bits as are allocated; None where another
        decoder has to be tried.

    Raises
    ------
    ImagingError
        When the codestream is of another size than the header says.
    """
    layout = header.layout
    if header.syntax == RLELossless:
        return _run_length(codestream, header)
    decoder = DECODERS.get(header.syntax)
    if decoder is None:
        return None
    size = codestream_size(codestream)
    if size != layout.size_ji:
        message = "header and compressed pixels differ in size; export them again"
        raise refuse_image("damaged", message, header.path.name)
    try:
        found = np.asarray(decoder(codestream))
    except Exception:  # another decoder may know better
        return None
    if found.shape != layout.size_ji or found.dtype.kind not in "iu":
        return None
    if found.dtype.itemsize * 8 == layout.bits_allocated:
        return found
    kind = "i" if found.dtype.kind == "i" else "u"
    return found.astype(f"{kind}{layout.bits_allocated // 8}")


def _run_length(codestream: bytes, header: ImageHeader) -> NDArray[Any] | None:
    layout = header.layout
    kind = np.dtype(f"<u{layout.bits_allocated // 8}")
    try:
        data = imagecodecs.dicomrle_decode(codestream, kind)
    except Exception:  # another decoder may know better
        return None
    found = np.frombuffer(data, dtype=kind)
    if found.size != layout.size_ji[0] * layout.size_ji[1]:
        return None
    return found.reshape(layout.size_ji)


def codestream_size(codestream: bytes) -> tuple[int, int] | None:
    """Read the size of an image from its JPEG, JPEG-LS or JPEG 2000 codestream.

    Parameters
    ----------
    codestream : bytes
        Compressed frame.

    Returns
    -------
    tuple of int or None
        Rows, columns; None when none is found.
    """
    at = codestream[:4096].find(J2K_SIZE_MARKER)
    if at >= 0 and len(codestream) >= at + 24:
        right, bottom, left, top = struct.unpack_from(">IIII", codestream, at + 8)
        return bottom - top, right - left
    position = 2
    while position + 9 <= len(codestream) and codestream[position] == 0xFF:
        marker = codestream[position + 1]
        if marker == 0xFF:
            position += 1
        elif marker in JPEG_WITHOUT_LENGTH:
            position += 2
        elif marker in JPEG_FRAME_HEADERS:
            rows, columns = struct.unpack_from(">HH", codestream, position + 5)
            return rows, columns
        else:
            position += 2 + struct.unpack_from(">H", codestream, position + 2)[0]
    return None

"""Compressed frames to stored values.

The decoders of imagecodecs work outside the interpreter's lock, so that slices are decoded side by
side. Each is asked only after the codestream's own size was compared with the header's, for a
damaged one may claim any size.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Iterator
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

from imaging.dicom.dataset import read_dataset
from imaging.dicom.headers import ImageHeader
from imaging.errors import ImagingError, refuse_image

Decoder = Callable[[bytes], Any]

JPEG_FRAME_HEADERS = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}
JPEG_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
JPEG_SPECTRAL = "1.2.840.10008.1.2.4.53"  # these two are retired, and were lossy
JPEG_PROGRESSIVE = "1.2.840.10008.1.2.4.55"
JPEG_START = b"\xff\xd8"
JPEG_SCAN = 0xDA
J2K_CODING_MARKER = b"\xff\x52"
J2K_IRREVERSIBLE = 0  # wavelet 9-7; 1 is the reversible 5-3 (ISO 15444-1 A.6.1)
J2K_SIZE_MARKER = b"\xff\x4f\xff\x51"  # start of codestream, image and tile size (ISO 15444-1 A)

# What reads each encoding; where several do, the quickest first.
LOSSLESS = (imagecodecs.ljpeg_decode, imagecodecs.jpeg8_decode, imagecodecs.jpegsof3_decode)
DECODERS: dict[str, tuple[Decoder, ...]] = {
    JPEGBaseline8Bit: (imagecodecs.jpeg8_decode,),
    JPEGExtended12Bit: (imagecodecs.jpeg8_decode,),
    JPEG_SPECTRAL: (imagecodecs.jpeg8_decode,),
    JPEG_PROGRESSIVE: (imagecodecs.jpeg8_decode,),
    JPEGLossless: LOSSLESS,
    JPEGLosslessSV1: LOSSLESS,
    JPEGLSLossless: (imagecodecs.jpegls_decode,),
    JPEGLSNearLossless: (imagecodecs.jpegls_decode,),
    JPEG2000Lossless: (imagecodecs.jpeg2k_decode,),
    JPEG2000: (imagecodecs.jpeg2k_decode,),
    HTJ2KLossless: (imagecodecs.jpeg2k_decode,),
    HTJ2KLosslessRPCL: (imagecodecs.jpeg2k_decode,),
    HTJ2K: (imagecodecs.jpeg2k_decode,),
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
    try:
        if header.pixel_offset >= 0:
            with header.path.open("rb") as stream:
                stream.seek(header.pixel_offset)
                data = stream.read()
        else:
            data = bytes(read_dataset(header.path, with_pixels=True).PixelData)
        found = list(generate_frames(data, number_of_frames=len(header.frames)))
    except Exception:  # a damaged offset table or item fails in several ways
        found = []
    if len(found) != len(header.frames):
        raise _refusal("the file holds fewer frames than it says; copy it again", header)
    return found


def _refusal(message: str, header: ImageHeader) -> ImagingError:
    return refuse_image("damaged", message, header.path.name)


def decode_frame(codestream: bytes, header: ImageHeader) -> NDArray[Any]:
    """Decode one frame.

    Parameters
    ----------
    codestream : bytes
        Of the frame.
    header : ImageHeader
        Of its file.

    Returns
    -------
    numpy.ndarray
        Shape (rows, columns), integers of as many bits as are allocated.

    Raises
    ------
    ImagingError
        When the codestream is of another size than the header says, damaged, or of an encoding
        that is not read.
    """
    if header.syntax == RLELossless:
        return _run_length(codestream, header)
    decoders = DECODERS.get(header.syntax)
    if decoders is None:
        message = f"pixels encoded by {header.syntax} are not read; export them uncompressed"
        raise _refusal(message, header)
    layout = header.layout
    if codestream_size(codestream) != layout.size_ji:
        raise _refusal("header and compressed pixels differ in size; export them again", header)
    if decoders is LOSSLESS and _point_transform(codestream):
        decoders = (imagecodecs.jpeg8_decode,)  # the others leave the values shifted
    found: NDArray[Any] | None = None
    for decoder in decoders:
        with contextlib.suppress(Exception):  # each decoder has errors of its own
            found = np.asarray(decoder(codestream))
        if found is not None and found.shape == layout.size_ji and found.dtype.kind in "iu":
            if found.dtype.itemsize * 8 > layout.bits_allocated:
                raise _refusal("the pixels have more bits than the header says", header)
            kind = f"{found.dtype.kind}{layout.bits_allocated // 8}"
            return found.astype(kind, copy=False)
    raise _refusal("the compressed pixels are damaged; copy the file again", header)


def _run_length(codestream: bytes, header: ImageHeader) -> NDArray[Any]:
    layout = header.layout
    kind = np.dtype(f"<u{layout.bits_allocated // 8}")
    try:
        found = np.frombuffer(imagecodecs.dicomrle_decode(codestream, kind), dtype=kind)
    except Exception:  # the decoder has errors of its own
        found = np.empty(0, dtype=kind)
    if found.size != layout.size_ji[0] * layout.size_ji[1]:
        raise _refusal("the compressed pixels are damaged; copy the file again", header)
    return found.reshape(layout.size_ji)


def is_lossy(codestream: bytes, syntax: str) -> bool:
    """Tell whether a codestream itself says that values were changed, whatever the header says.

    Parameters
    ----------
    codestream : bytes
        Compressed frame.
    syntax : str
        Transfer Syntax UID.

    Returns
    -------
    bool
        True for a near-lossless JPEG-LS, a JPEG with point transform, the irreversible wavelet of
        JPEG 2000.
    """
    if syntax in {JPEGLSLossless, JPEGLSNearLossless}:
        scan = _scan_parameters(codestream)
        return bool(scan and scan[0])  # NEAR (ITU-T T.87 C.2.3)
    if syntax in {JPEGLossless, JPEGLosslessSV1}:
        return _point_transform(codestream) > 0
    if J2K_SIZE_MARKER in codestream[:4096]:
        at = codestream.find(J2K_CODING_MARKER, 0, 4096)
        return 0 <= at < len(codestream) - 13 and codestream[at + 13] == J2K_IRREVERSIBLE
    return False


def _scan_parameters(codestream: bytes) -> bytes | None:
    """Return the three bytes behind the components of the first scan's header."""
    for marker, position in _segments(codestream):
        if marker == JPEG_SCAN:
            behind = position + 5 + 2 * codestream[position + 4]
            return codestream[behind : behind + 3]
    return None


def _point_transform(codestream: bytes) -> int:
    """Return by how many bits a lossless JPEG was shifted (ITU-T T.81 B.2.3, Al)."""
    scan = _scan_parameters(codestream)
    return scan[2] & 0x0F if scan and len(scan) == 3 else 0


def _segments(codestream: bytes) -> Iterator[tuple[int, int]]:
    """Give the marker and the place of each segment of a JPEG or JPEG-LS codestream."""
    if codestream[:2] != JPEG_START:
        return
    position = 2
    while position + 9 <= len(codestream) and codestream[position] == 0xFF:
        marker = codestream[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if marker in JPEG_WITHOUT_LENGTH:
            position += 2
            continue
        yield marker, position
        position += 2 + struct.unpack_from(">H", codestream, position + 2)[0]


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
    for marker, position in _segments(codestream):
        if marker in JPEG_FRAME_HEADERS:
            rows, columns = struct.unpack_from(">HH", codestream, position + 5)
            return rows, columns
    return None

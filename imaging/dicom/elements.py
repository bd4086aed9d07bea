"""The elements of a DICOM header, found without building a data set.

Every file of a series is looked at before any pixel is read. pydicom takes about a millisecond
a file; scanning for the few elements that place a slice takes some tens of microseconds. Whatever
is unusual (without preamble, out of order) raises :class:`Unusual` and is left to pydicom.

Encoding of elements: DICOM PS3.5 section 7.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import lru_cache
from io import FileIO
from pathlib import Path
from struct import Struct, error

from pydicom.charset import convert_encodings, decode_bytes
from pydicom.datadict import tag_for_keyword
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
)

TEXTS = (
    "SpecificCharacterSet",
    "ImageType",
    "SOPClassUID",
    "SOPInstanceUID",
    "Modality",
    "SeriesDescription",
    "SliceThickness",
    "KVP",
    "ConvolutionKernel",
    "PatientPosition",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SeriesNumber",
    "AcquisitionNumber",
    "InstanceNumber",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "FrameOfReferenceUID",
    "TemporalPositionIdentifier",
    "NumberOfFrames",
    "PhotometricInterpretation",
    "PixelSpacing",
    "RescaleIntercept",
    "RescaleSlope",
    "RescaleType",
    "LossyImageCompression",
)
WORDS = (
    "SamplesPerPixel",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
)
KEYWORD_OF = {int(tag_for_keyword(name) or 0): name for name in (*TEXTS, *WORDS)}
META_GROUP = 0x0002
TRANSFER_SYNTAX = 0x00020010
PER_FRAME_GROUPS = 0x52009230
PIXEL_DATA = 0x7FE00010
OTHER_PIXELS = frozenset({0x7FE00008, 0x7FE00009})  # float and double pixel data
DELIMITERS_GROUP = 0xFFFE
ITEM_END, SEQUENCE_END = 0xFFFEE00D, 0xFFFEE0DD
UNDEFINED = 0xFFFFFFFF
LONG_FORM = frozenset(
    {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
)
SHORT_FORM = frozenset(
    {
        *(b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FL", b"FD", b"IS", b"LO", b"LT"),
        *(b"PN", b"SH", b"SL", b"SS", b"ST", b"TM", b"UI", b"UL", b"US"),
    }
)
GE_IMPLICIT_BIG_ENDIAN = "1.2.840.113619.5.2"  # GE private: elements little, pixels big endian
PREAMBLE_BYTES = 128
FIRST_READ_BYTES = 8 << 10  # most headers are shorter
MAX_HEADER_BYTES = 64 << 20  # a header longer than this belongs to no CT
MAX_DEPTH = 64  # sequences within sequences

_WORD = Struct("<H")
_SIGNED_WORD = Struct("<h")


class _Coding:
    """How elements are written: with or without representation, in which order of bytes."""

    def __init__(self, *, explicit: bool, big_endian: bool) -> None:
        order = ">" if big_endian else "<"
        self.big_endian = big_endian
        self._tag_form_length = Struct(f"{order}HH2sH")
        self._tag_length = Struct(f"{order}HHI")
        self._length = Struct(f"{order}I")
        self.element = self._explicit if explicit else self._implicit

    def _explicit(self, data: bytes, position: int) -> tuple[int, bytes, int, int]:
        """Return tag, representation, length and place of the value."""
        group, element, form, length = self._tag_form_length.unpack_from(data, position)
        tag = group << 16 | element
        if form in SHORT_FORM:
            return tag, form, length, position + 8
        if form in LONG_FORM:
            return tag, form, self._length.unpack_from(data, position + 8)[0], position + 12
        if group == DELIMITERS_GROUP:
            return tag, b"", self._length.unpack_from(data, position + 4)[0], position + 8
        if not form.isascii() or element == 0:
            raise Unusual
        return tag, form, length, position + 8  # a representation nobody knows; dcmtk reads on too

    def _implicit(self, data: bytes, position: int) -> tuple[int, bytes, int, int]:
        group, element, length = self._tag_length.unpack_from(data, position)
        return group << 16 | element, b"", length, position + 8


class Unusual(Exception):
    """A header that this scanner does not read."""


@dataclass(frozen=True, slots=True, eq=False)
class Elements:
    """What a header says, and where the pixels begin.

    Parameters
    ----------
    values : dict
        Keyword to its bytes, as stored.
    syntax : str
        Transfer Syntax UID.
    pixel_offset : int
        Byte at which the value of Pixel Data begins; of a deflated file, in its expanded data set.
    pixel_bytes : int
        Its length; −1 when encapsulated.
    swapped : bool
        Whether pixels are stored with the high byte first.
    has_frame_groups : bool
        Whether each frame has elements of its own, which are not scanned.
    """

    values: dict[str, bytes]
    syntax: str
    pixel_offset: int
    pixel_bytes: int
    swapped: bool
    has_frame_groups: bool

    def text(self, keyword: str) -> str:
        """Return a value as text, several joined by backslashes; empty when absent."""
        raw = self.values.get(keyword)
        if raw is None:
            return ""
        if raw.isascii():
            return raw.decode("ascii").strip(" \0")
        sets = self.values.get("SpecificCharacterSet", b"").decode("latin-1")
        return _decoded(raw, sets).strip(" \0")

    def whole(self, keyword: str) -> int | None:
        """Return a binary value; None when absent."""
        raw = self.values.get(keyword)
        if raw is None or len(raw) != _WORD.size:
            return None
        signed = keyword.startswith("PixelPadding") and self.whole("PixelRepresentation") == 1
        return int((_SIGNED_WORD if signed else _WORD).unpack(raw)[0])


@lru_cache(maxsize=64)
def _decoded(raw: bytes, character_sets: str) -> str:
    names = [name.strip() for name in character_sets.split("\\")]
    try:
        return decode_bytes(raw, convert_encodings(names), set())
    except (LookupError, UnicodeError, ValueError):
        return raw.decode("latin-1")


IMPLICIT_LITTLE = _Coding(explicit=False, big_endian=False)
EXPLICIT_LITTLE = _Coding(explicit=True, big_endian=False)
EXPLICIT_BIG = _Coding(explicit=True, big_endian=True)


class _Inflating:
    """Expands the packed data set of a file as far as it is asked for."""

    def __init__(self, stream: FileIO, begin: int) -> None:
        stream.seek(begin)
        self._stream = stream
        self._decompressor = zlib.decompressobj(-zlib.MAX_WBITS)

    def read(self, count: int) -> bytes:
        """Return up to `count` more bytes."""
        data = b""
        while len(data) < count:
            packed = self._decompressor.unconsumed_tail or self._stream.read(FIRST_READ_BYTES)
            if not packed:
                break
            data += self._decompressor.decompress(packed, count - len(data))
        return data


class _Reader:
    """A growing view of the first bytes of a file."""

    def __init__(self, stream: FileIO | _Inflating) -> None:
        self.stream = stream
        self.data = stream.read(FIRST_READ_BYTES)

    def need(self, end: int) -> None:
        """Make sure that the bytes before `end` are here."""
        if end <= len(self.data):
            return
        if end > MAX_HEADER_BYTES:
            raise Unusual
        more = self.stream.read(max(end - len(self.data), len(self.data)))
        self.data += more
        if end > len(self.data):
            raise Unusual


def scan(path: Path) -> Elements:
    """Scan the header of a file.

    Parameters
    ----------
    path : Path
        A DICOM file with pixels.

    Returns
    -------
    Elements
        The elements that place and decode its pixels.

    Raises
    ------
    Unusual
        When the file is not what is scanned here; pydicom may still read it.
    OSError
        When the file cannot be read.
    """
    with path.open("rb", buffering=0) as stream:
        reader = _Reader(stream)
        if reader.data[PREAMBLE_BYTES : PREAMBLE_BYTES + 4] != b"DICM":
            raise Unusual
        syntax, begin = file_meta(reader.data)
        try:
            if syntax == DeflatedExplicitVRLittleEndian:
                return _scan(_Reader(_Inflating(stream, begin)), syntax, 0)
            return _scan(reader, syntax, begin)
        except (error, zlib.error):
            raise Unusual from None


def file_meta(data: bytes) -> tuple[str, int]:
    """Find the transfer syntax of a file, and where its data set begins.

    Parameters
    ----------
    data : bytes
        First bytes of the file, with or without preamble.

    Returns
    -------
    tuple
        Transfer Syntax UID (empty when the file does not say), and the byte.
    """
    begin = PREAMBLE_BYTES + 4
    position = begin if data[PREAMBLE_BYTES:begin] == b"DICM" else 0
    syntax = ""
    try:
        while True:
            tag, _, length, start = EXPLICIT_LITTLE.element(data, position)
            if tag >> 16 != META_GROUP:
                return syntax, position
            position = start + length
            if tag == TRANSFER_SYNTAX:
                syntax = data[start:position].decode("latin-1").strip(" \0")
    except (error, Unusual):
        return syntax, position


def _scan(reader: _Reader, syntax: str, position: int) -> Elements:
    values: dict[str, bytes] = {}
    coding, swapped = _coding(syntax)
    element = coding.element
    last_tag = 0
    has_frame_groups = False
    while True:
        if position + 12 > len(reader.data):
            reader.need(position + 12)
        tag, form, length, start = element(reader.data, position)
        if tag <= last_tag:
            raise Unusual
        last_tag = tag
        if tag == PIXEL_DATA:
            size = -1 if length == UNDEFINED else length
            return Elements(values, syntax, start, size, swapped, has_frame_groups)
        if tag in OTHER_PIXELS:
            raise Unusual
        has_frame_groups = has_frame_groups or tag == PER_FRAME_GROUPS
        if length == UNDEFINED:
            position = _after_sequence(reader, start, coding, form)
            continue
        position = start + length
        keyword = KEYWORD_OF.get(tag)
        if keyword is not None:
            if position > len(reader.data):
                reader.need(position)
            value = reader.data[start:position]
            if coding.big_endian and keyword in WORDS:
                value = value[::-1]
            values[keyword] = value


def _coding(syntax: str) -> tuple[_Coding, bool]:
    """Return how the elements of a transfer syntax are written, and whether pixels are swapped."""
    if syntax in {ImplicitVRLittleEndian, GE_IMPLICIT_BIG_ENDIAN}:
        return IMPLICIT_LITTLE, syntax == GE_IMPLICIT_BIG_ENDIAN
    if syntax == ExplicitVRBigEndian:
        return EXPLICIT_BIG, True
    if not syntax.startswith("1.2.840.10008.1.2."):
        raise Unusual
    return EXPLICIT_LITTLE, False


def _after_sequence(reader: _Reader, position: int, coding: _Coding, form: bytes) -> int:
    """Return the place behind a sequence of undefined length, however deep it is nested.

    One of unknown representation is written implicit and little-endian (PS3.5 section 6.2.2).
    """
    codings = [IMPLICIT_LITTLE if form == b"UN" else coding]
    while codings:
        reader.need(position + 12)
        tag, form, length, start = codings[-1].element(reader.data, position)
        position = start
        if tag in {ITEM_END, SEQUENCE_END}:
            codings.pop()
        elif length == UNDEFINED:
            codings.append(IMPLICIT_LITTLE if form == b"UN" else codings[-1])
        else:
            position += length
        if len(codings) > MAX_DEPTH:
            raise Unusual
    return position

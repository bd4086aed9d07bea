"""Opens DICOM files as pydicom data sets, whatever they lack, and never inflated without bounds."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from imaging.dicom.elements import PREAMBLE_BYTES, SHORT_FORM, file_meta
from imaging.errors import refuse_image

MAX_INFLATED_BYTES = 256 << 20  # a deflated file that grows beyond this, and
MAX_INFLATED_FACTOR = 50  # by more than this factor, is no CT
FILE_META_BYTES = 4 << 10  # the file meta information is shorter
FIRST_GROUPS = frozenset({b"\x02\x00", b"\x08\x00"})
ZIP_START = b"PK\x03\x04"
MOST_STRAY_BYTES = 16  # before a data set that lacks its preamble
# Of a data set without preamble the first is a group length or a character set.
LONGEST_FIRST_ELEMENT_BYTES = 64


def read_dataset(path: Path, *, with_pixels: bool) -> Dataset:
    """Read a file as pydicom does, also without preamble, and never inflated without bounds.

    Parameters
    ----------
    path : Path
        A file.
    with_pixels : bool
        Whether the pixels are read too.

    Returns
    -------
    pydicom.Dataset
        Its elements, read when they are asked for.

    Raises
    ------
    InvalidDicomError
        When it is no DICOM file.
    ImagingError
        When a deflated file expands beyond bounds.
    """
    with path.open("rb") as stream:
        start = stream.read(FILE_META_BYTES)
        stray = _stray_bytes(start)
        syntax, _ = file_meta(start)
        if syntax != DeflatedExplicitVRLittleEndian:
            stream.seek(stray)
            rest = io.BytesIO(stream.read()) if stray else stream
            dataset = pydicom.dcmread(rest, stop_before_pixels=not with_pixels, force=True)
            _name_syntax(dataset)
            return dataset
    data = io.BytesIO(inflated(path))
    dataset = pydicom.dcmread(data, stop_before_pixels=not with_pixels, force=True)
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def _name_syntax(dataset: Dataset) -> None:
    """Say how a data set without file meta information was found to be written."""
    if dataset.file_meta.get("TransferSyntaxUID"):
        return
    implicit, little = dataset.original_encoding
    written = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    dataset.file_meta.TransferSyntaxUID = written if little else ExplicitVRBigEndian


def _stray_bytes(start: bytes) -> int:
    """Return how many bytes lie before a file's preamble or, lacking it, its first element."""
    if start[PREAMBLE_BYTES : PREAMBLE_BYTES + 4] == b"DICM":
        return 0
    for stray in range(MOST_STRAY_BYTES):
        group, form = start[stray : stray + 2], start[stray + 4 : stray + 6]
        if group in FIRST_GROUPS and form in SHORT_FORM:
            return stray
    length = int.from_bytes(start[4:8], "little")  # without representations the length comes here
    if start[:2] in FIRST_GROUPS and len(start) > 8 and length <= LONGEST_FIRST_ELEMENT_BYTES:
        return 0
    if start[:4] == ZIP_START:
        raise refuse_image("zip_inside", "a zip inside; unpack it, or open it by itself")
    raise InvalidDicomError


def inflated(path: Path) -> bytes:
    """Return the expanded data set of a deflated file (DICOM PS3.5 A.5), up to a bound.

    Parameters
    ----------
    path : Path
        In Deflated Explicit VR Little Endian.

    Returns
    -------
    bytes
        In Explicit VR Little Endian, without the file meta information.

    Raises
    ------
    ImagingError
        When it expands beyond bounds.
    """
    with path.open("rb") as stream:
        _, begin = file_meta(stream.read(FILE_META_BYTES))
        stream.seek(begin)
        packed = stream.read()
    limit_bytes = max(MAX_INFLATED_BYTES, MAX_INFLATED_FACTOR * len(packed))
    decompressor = zlib.decompressobj(-zlib.MAX_WBITS)
    data = decompressor.decompress(packed, limit_bytes)
    if decompressor.unconsumed_tail:
        message = f"the file expands to more than {limit_bytes >> 20} MiB"
        raise refuse_image("too_large", message, path.name)
    return data

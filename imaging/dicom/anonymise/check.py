"""Reads a copy again and looks for everything that must not be in it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence

from imaging.dicom.anonymise.identifiers import Finder, texts_of
from imaging.dicom.dataset import read_dataset
from imaging.dicom.elements import PREAMBLE_BYTES

PIXELS = (0x7FE00010, 0x7FE00009, 0x7FE00008)  # integer, double, float


def pixel_value(dataset: Dataset) -> bytes:
    """Return a digest of the pixels as they are stored.

    Parameters
    ----------
    dataset : Dataset
        Read with its pixels.

    Returns
    -------
    bytes
        SHA-256; of nothing when there are no pixels.
    """
    digest = hashlib.sha256()
    for tag in PIXELS:
        element = dataset.get_item(tag) if tag in dataset else None
        if element is not None and element.value:
            digest.update(element.value)
    return digest.digest()


def what_is_left(path: Path, finder: Finder, pixels: bytes) -> Iterator[str]:
    """Say what a copy still holds that it must not.

    Parameters
    ----------
    path : Path
        The copy.
    finder : Finder
        Knows the identifiers of the study.
    pixels : bytes
        Digest of the pixels of the original.

    Yields
    ------
    str
        What kind of thing, never the thing.
    """
    data = path.read_bytes()
    copy = read_dataset(path, with_pixels=True)
    if pixel_value(copy) != pixels:
        yield "other pixels than those of the original"
    if any(data[:PREAMBLE_BYTES]):
        yield "something before the first element"
    kind = finder.in_bytes(_without_pixels(data, copy))
    if kind:
        yield f"an original {kind}"
    if _has_private(copy):
        yield "a private element"
    if finder.in_values(texts_of(copy)):
        yield "an original name or value"
    if not finder.identifiers.uids.isdisjoint(_uids(copy)):
        yield "an original UID"


def _without_pixels(data: bytes, copy: Dataset) -> bytes:
    """Return a file's bytes but those of its pixels; of a deflated one, its elements anew."""
    found = [copy.get_item(tag) for tag in PIXELS if tag in copy]
    value = found[0].value if found and found[0] is not None else b""
    begin = data.find(value) if value else -1
    if begin >= 0:
        return data[:begin] + data[begin + len(value) :]
    return data + _inflated(copy)


def _inflated(copy: Dataset) -> bytes:
    plain = Dataset()
    for element in copy:
        if element.tag not in PIXELS:
            plain.add(element)
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_dataset(buffer, plain)
    return bytes(buffer.getvalue())


def _has_private(dataset: Dataset) -> bool:
    for element in dataset:
        if element.tag.is_private:
            return True
        if isinstance(element.value, Sequence) and any(map(_has_private, element.value)):
            return True
    return False


def _uids(dataset: Dataset) -> Iterator[str]:
    for element in dataset:
        if isinstance(element.value, Sequence):
            for item in element.value:
                yield from _uids(item)
        elif element.VR == "UI" and element.value:
            values = [element.value] if element.VM == 1 else element.value
            yield from (str(value) for value in values)

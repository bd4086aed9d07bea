"""Stored values to Hounsfield units, whatever the encoding."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray

from imaging.dicom.headers import FrameHeader, ImageHeader
from imaging.errors import refuse_image
from imaging.volume import AIR_HU

INT16 = np.iinfo(np.int16)


def decode(header: ImageHeader) -> NDArray[np.int16]:
    """Return the frames of a file in Hounsfield units.

    Parameters
    ----------
    header : ImageHeader
        Of the file.

    Returns
    -------
    numpy.ndarray
        Shape (frames, rows, columns), int16.

    Raises
    ------
    ImagingError
        When the pixels cannot be decoded.
    """
    stored = _raw(header) if header.pixel_offset >= 0 else _decoded(header)
    rows, columns = header.frames[0].size_ji
    shape = (len(header.frames), rows, columns)
    if stored.size != np.prod(shape):
        raise refuse_image("damaged", "the file holds fewer pixels than it says", header.path.name)
    stored = stored.reshape(shape)
    out = np.empty(shape, dtype=np.int16)
    for frame, values, target in zip(header.frames, stored, out, strict=True):
        _rescale(values, frame, header.padding, target)
    return out


def _raw(header: ImageHeader) -> NDArray[Any]:
    rows, columns = header.frames[0].size_ji
    return np.fromfile(
        header.path,
        dtype=header.stored_type,
        count=rows * columns * len(header.frames),
        offset=header.pixel_offset,
    )


def _decoded(header: ImageHeader) -> NDArray[Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pixels: NDArray[Any] = pydicom.dcmread(header.path).pixel_array
    except Exception as error:  # each decoder fails in its own way
        name = header.transfer_syntax.name or "an unnamed encoding"
        message = f"the pixels ({name}) cannot be decoded ({type(error).__name__})"
        raise refuse_image("damaged", message, Path(header.path).name) from None
    return pixels


def _rescale(
    stored: NDArray[Any], frame: FrameHeader, padding: int | None, out: NDArray[np.int16]
) -> None:
    """Write ``slope × stored + intercept``; padding that would look like tissue becomes air."""
    plain = frame.slope == 1.0 and frame.intercept == int(frame.intercept)
    if plain:
        values = stored.astype(np.int32)
        values += int(frame.intercept)
    else:
        values = np.rint(stored * frame.slope + frame.intercept)
    if padding is not None:
        empty = stored == np.array(padding).astype(stored.dtype)
        values[empty & (values > AIR_HU)] = AIR_HU
    np.clip(values, INT16.min, INT16.max, out=values)
    out[...] = values

"""Stored values to Hounsfield units, whatever the encoding."""

from __future__ import annotations

import threading
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.dicom.codecs import decode_frame, fragments
from imaging.dicom.headers import FrameHeader, ImageHeader, PixelLayout, read_dataset
from imaging.errors import ImagingError, refuse_image
from imaging.volume import AIR_HU

INT16 = np.iinfo(np.int16)


@dataclass(frozen=True, slots=True)
class HuRange:
    """Lowest and highest value of a slice, in Hounsfield units."""

    lowest: int
    highest: int


class PixelSource:
    """The pixels of one file, frame by frame; several threads may ask for different frames.

    Parameters
    ----------
    header : ImageHeader
        Of the file.

    Raises
    ------
    ImagingError
        When the file is shorter than its header says.
    """

    def __init__(self, header: ImageHeader) -> None:
        self._header = header
        self._lock = threading.Lock()
        self._fragments: list[bytes] | None = None
        self._inflated: NDArray[Any] | None = None
        layout = header.layout
        self._is_raw = header.pixel_offset >= 0 and not header.encapsulated
        if self._is_raw:
            wanted = layout.frame_bytes * len(header.frames)
            if header.path.stat().st_size < header.pixel_offset + wanted:
                raise self._refusal("the file ends before its pixels do; copy it again")

    def read(self, frame: FrameHeader, out: NDArray[np.int16]) -> HuRange:
        """Write one frame in Hounsfield units.

        Parameters
        ----------
        frame : FrameHeader
            Of this file.
        out : numpy.ndarray
            Shape (rows, columns), int16, contiguous.

        Returns
        -------
        HuRange
            Of the values written.

        Raises
        ------
        ImagingError
            When the pixels cannot be decoded.
        """
        layout = self._header.layout
        if self._is_raw and layout.bits_allocated == 16:
            stored: NDArray[Any] = out.view("<i2" if layout.signed else "<u2")
            self._read_raw(frame.index, stored)
        elif self._is_raw:
            kind = f"<{'i' if layout.signed else 'u'}{layout.bits_allocated // 8}"
            stored = np.empty(layout.size_ji, dtype=kind)
            self._read_raw(frame.index, stored)
        else:
            stored = self._decode(frame.index)
        empty = _padded(stored, layout, frame)
        return to_hounsfield(as_numbers(stored, layout), frame, empty, out)

    def _refusal(self, message: str) -> ImagingError:
        return refuse_image("damaged", message, self._header.path.name)

    def _read_raw(self, index: int, stored: NDArray[Any]) -> None:
        with self._header.path.open("rb", buffering=0) as stream:
            stream.seek(self._header.pixel_offset + index * stored.nbytes)
            view = memoryview(stored.data).cast("B")
            got = 0
            while got < len(view):
                more = stream.readinto(view[got:])
                if not more:
                    raise self._refusal("the file ends before its pixels do; copy it again")
                got += more
        if self._header.swapped:
            stored.byteswap(inplace=True)

    def _decode(self, index: int) -> NDArray[Any]:
        if self._header.encapsulated:
            with self._lock:
                if self._fragments is None:
                    self._fragments = fragments(self._header)
            return decode_frame(self._fragments[index], self._header)
        with self._lock:
            if self._inflated is None:
                self._inflated = self._inflate()
            frame: NDArray[Any] = self._inflated[index]
            return frame

    def _inflate(self) -> NDArray[Any]:
        """Read the whole file by pydicom: deflated, without preamble, out of order."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                pixels: NDArray[Any] = read_dataset(self._header.path, with_pixels=True).pixel_array
        except ImagingError:
            raise
        except Exception as error:  # a damaged file fails in any way
            message = f"the pixels cannot be read ({type(error).__name__}); export them again"
            raise self._refusal(message) from None
        return self._shaped(pixels)

    def _shaped(self, pixels: NDArray[Any]) -> NDArray[Any]:
        shape = (len(self._header.frames), *self._header.layout.size_ji)
        if pixels.size != np.prod(shape):
            raise self._refusal("the file holds fewer pixels than it says; copy it again")
        return pixels.reshape(shape)


def as_numbers(stored: NDArray[Any], layout: PixelLayout) -> NDArray[Any]:
    """Return the numbers that stored bits mean, by the header's bits and sign.

    Parameters
    ----------
    stored : numpy.ndarray
        Any integer type; bits outside those stored may hold anything (old overlays).
    layout : PixelLayout
        Bits stored, high bit, sign.

    Returns
    -------
    numpy.ndarray
        Same shape; the same array where nothing has to be done.
    """
    surplus_high = max(stored.dtype.itemsize * 8 - 1 - layout.high_bit, 0)
    surplus_low = layout.high_bit + 1 - layout.bits_stored
    unsigned = np.dtype(f"u{stored.dtype.itemsize}")
    wanted = np.dtype(f"i{stored.dtype.itemsize}") if layout.signed else unsigned
    values = stored.view(wanted)
    if surplus_low == 0 and (surplus_high == 0 or _fits(values, layout)):
        return values
    lifted = stored.view(unsigned) << unsigned.type(surplus_high)
    shifted: NDArray[Any] = lifted.view(wanted) >> wanted.type(surplus_high + surplus_low)
    return shifted


def _fits(values: NDArray[Any], layout: PixelLayout) -> bool:
    if layout.signed:
        limit = 1 << (layout.bits_stored - 1)
        return bool(values.min() >= -limit and values.max() < limit)
    return bool(values.max() < 1 << layout.bits_stored)


def to_hounsfield(
    stored: NDArray[Any],
    frame: FrameHeader,
    empty: NDArray[np.bool_] | None,
    out: NDArray[np.int16],
) -> HuRange:
    """Write ``slope × stored + intercept``; what was not measured becomes air.

    Parameters
    ----------
    stored : numpy.ndarray
        Shape (rows, columns); may share memory with `out`.
    frame : FrameHeader
        With slope and intercept.
    empty : numpy.ndarray or None
        Same shape, bool: where padding would look like tissue.
    out : numpy.ndarray
        Same shape, int16; values beyond its range are clipped.

    Returns
    -------
    HuRange
        Of the values written.
    """
    lowest, highest = int(stored.min()), int(stored.max())
    whole = frame.slope == 1.0 and frame.intercept.is_integer()
    shift = int(frame.intercept) if whole else 0
    if whole and lowest + shift >= INT16.min and highest + shift <= INT16.max:
        if stored.dtype.itemsize == out.dtype.itemsize:
            # Sums wrap around modulo 2^16, and the true one fits: the bits are right either way.
            wrapped = np.array(shift & 0xFFFF, dtype=np.uint16).view(np.int16)
            np.add(stored.view(np.int16), wrapped, out=out)
        else:
            np.add(stored, shift, out=out, casting="unsafe", dtype=np.int64)
        lowest, highest = lowest + shift, highest + shift
    else:
        values = np.rint(stored.astype(np.float64) * frame.slope + frame.intercept)
        np.clip(values, INT16.min, INT16.max, out=values)
        out[...] = values
        lowest, highest = int(out.min()), int(out.max())
    if empty is not None:
        out[empty] = AIR_HU
        lowest, highest = int(out.min()), int(out.max())
    return HuRange(lowest, highest)


def _padded(
    stored: NDArray[Any], layout: PixelLayout, frame: FrameHeader
) -> NDArray[np.bool_] | None:
    """Return where padding lies that would look like tissue, or None.

    Padding is compared bit by bit, before bits that are not stored are cut off: exporters pad with
    values outside the range they declare.
    """
    if layout.padding is None:
        return None
    bits = stored.dtype.itemsize * 8
    pattern = layout.padding & ((1 << bits) - 1)
    number = pattern - (1 << bits) if layout.signed and pattern >> (bits - 1) else pattern
    low, high = (-(1 << layout.bits_stored - 1), 1 << layout.bits_stored - 1)
    declared = low <= number < high if layout.signed else number < 2 * high
    if declared and number * frame.slope + frame.intercept <= AIR_HU:
        return None
    empty: NDArray[np.bool_] = stored.view(f"u{stored.dtype.itemsize}") == pattern
    return empty if empty.any() else None

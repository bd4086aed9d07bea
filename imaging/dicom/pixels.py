"""Stored values to Hounsfield units, whatever the encoding."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.dicom.codecs import decode_frame, fragments, is_lossy
from imaging.dicom.dataset import inflated, read_dataset
from imaging.dicom.headers import FrameHeader, ImageHeader, PixelLayout
from imaging.errors import ImagingError, refuse_image
from imaging.volume import AIR_HU

INT16 = np.iinfo(np.int16)
TISSUE_HU = (-1000, 3071)  # padding between these could be a measurement


@dataclass(frozen=True, slots=True)
class SliceFacts:
    """What was met while a slice was read.

    Parameters
    ----------
    lowest_hu, highest_hu : int
        Of what was measured, padding left out.
    lossy : bool
        Whether its codestream lost something.
    """

    lowest_hu: int
    highest_hu: int
    lossy: bool


class PixelSource:
    """The pixels of one file, frame by frame; several threads may ask for different frames.

    Parameters
    ----------
    header : ImageHeader
        Of the file.

    Raises
    ------
    ImagingError
        When the file is shorter than its header says, or header and pixels contradict each other.
    """

    def __init__(self, header: ImageHeader) -> None:
        self._header = header
        self._lock = threading.Lock()
        self._fragments: list[bytes] | None = None
        self._expanded: NDArray[Any] | None = None
        found = header.pixel_offset >= 0
        if found and header.encapsulated != (header.pixel_bytes < 0):
            raise self._refusal("the pixels are not encoded as the header says; export them again")
        self._is_raw = found and not header.encapsulated and not header.deflated
        wanted = header.layout.frame_bytes * len(header.frames)
        if found and not header.encapsulated and header.pixel_bytes < wanted:
            raise self._refusal("the file holds fewer pixels than it says; copy it again")
        if self._is_raw and header.path.stat().st_size < header.pixel_offset + wanted:
            raise self._refusal("the file ends before its pixels do; copy it again")

    def read(self, frame: FrameHeader, out: NDArray[np.int16]) -> SliceFacts:
        """Write one frame in Hounsfield units.

        Parameters
        ----------
        frame : FrameHeader
            Of this file.
        out : numpy.ndarray
            Shape (rows, columns), int16, contiguous.

        Returns
        -------
        SliceFacts
            Of the values written.

        Raises
        ------
        ImagingError
            When the pixels cannot be decoded.
        """
        layout, lossy = self._header.layout, False
        if self._is_raw and layout.bits_allocated == 16:
            stored: NDArray[Any] = out.view(self._stored_type("<"))
            self._read_raw(frame.index, stored)
        elif self._is_raw:
            stored = np.empty(layout.size_ji, dtype=self._stored_type("<"))
            self._read_raw(frame.index, stored)
        elif self._header.encapsulated:
            codestream = self._codestream(frame.index)
            stored = decode_frame(codestream, self._header)
            lossy = is_lossy(codestream, self._header.syntax)
        else:
            stored = self._expanded_frame(frame.index)
        empty = _padded(stored, layout, frame)
        lowest, highest = to_hounsfield(as_numbers(stored, layout), frame, empty, out)
        return SliceFacts(lowest, highest, lossy)

    def _refusal(self, message: str) -> ImagingError:
        return refuse_image("damaged", message, self._header.path.name)

    def _stored_type(self, order: str) -> np.dtype[Any]:
        layout = self._header.layout
        return np.dtype(f"{order}{'i' if layout.signed else 'u'}{layout.bits_allocated // 8}")

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

    def _codestream(self, index: int) -> bytes:
        with self._lock:
            if self._fragments is None:
                self._fragments = fragments(self._header)
            return self._fragments[index]

    def _expanded_frame(self, index: int) -> NDArray[Any]:
        """Return a frame of a deflated file, or of one whose pixels only pydicom finds."""
        with self._lock:
            if self._expanded is None:
                self._expanded = self._expand()
            frame: NDArray[Any] = self._expanded[index]
            return frame

    def _expand(self) -> NDArray[Any]:
        header = self._header
        try:
            if header.deflated and header.pixel_offset >= 0:
                data = inflated(header.path)[header.pixel_offset :]
            else:
                data = bytes(read_dataset(header.path, with_pixels=True).PixelData)
        except ImagingError:
            raise
        except Exception as error:  # a damaged file fails in any way
            message = f"the pixels cannot be read ({type(error).__name__}); export them again"
            raise self._refusal(message) from None
        shape = (len(header.frames), *header.layout.size_ji)
        kind = self._stored_type(">" if header.swapped else "<")
        count = int(np.prod(shape))
        if len(data) < count * kind.itemsize:
            raise self._refusal("the file holds fewer pixels than it says; copy it again")
        values = np.frombuffer(data, dtype=kind, count=count).reshape(shape)
        native: NDArray[Any] = values.astype(kind.newbyteorder("="))
        return native


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
) -> tuple[int, int]:
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
    tuple of int
        Lowest and highest value of what was measured.
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
        measured = out[~empty]
        lowest, highest = int(measured.min(initial=INT16.max)), int(measured.max(initial=INT16.min))
        out[empty] = AIR_HU
    return lowest, highest


def _padded(
    stored: NDArray[Any], layout: PixelLayout, frame: FrameHeader
) -> NDArray[np.bool_] | None:
    """Return where padding lies that would look like tissue, or None.

    Padding is compared before bits that are not stored are cut off: exporters pad with values
    outside the range they declare. A padding value that tissue has too counts only where it
    reaches the border of the image.
    """
    if layout.padding is None:
        return None
    kind = np.dtype(f"{'i' if layout.signed else 'u'}{stored.dtype.itemsize}")
    first, last = (_as_stored(number, kind) for number in layout.padding)
    values = stored.view(kind)
    ends_hu = [number * frame.slope + frame.intercept for number in (first, last)]
    half = 1 << layout.bits_stored - 1
    declared = -half <= first and last < half if layout.signed else last < 2 * half
    if declared and max(ends_hu) <= AIR_HU:
        return None
    empty: NDArray[np.bool_] = (values >= min(first, last)) & (values <= max(first, last))
    if not empty.any():
        return None
    if declared and min(ends_hu) < TISSUE_HU[1] and max(ends_hu) > TISSUE_HU[0]:
        return _touching_border(empty)
    return empty


def _as_stored(number: int, kind: np.dtype[Any]) -> int:
    """Return a padding value as the bits of the pixels hold it, whatever sign it was written in."""
    bits = kind.itemsize * 8
    pattern = number & ((1 << bits) - 1)
    return pattern - (1 << bits) if kind.kind == "i" and pattern >> (bits - 1) else pattern


def _touching_border(empty: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    from scipy.ndimage import label

    parts, _ = label(empty)
    edges = np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]])
    outer = np.unique(edges[edges > 0])
    found: NDArray[np.bool_] = np.isin(parts, outer)
    return found if found.any() else None

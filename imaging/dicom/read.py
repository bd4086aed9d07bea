"""Reads a DICOM series into a Volume."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Sized
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imaging.dicom.discover import Discovery
from imaging.dicom.grouping import FoundSeries
from imaging.dicom.headers import ImageHeader
from imaging.dicom.pixels import INT16, PixelSource, SliceFacts
from imaging.dicom.stack import assemble, max_position_error_mm, plan_stack
from imaging.errors import ImagingError, Problem, refuse_image
from imaging.progress import SILENT, Progress
from imaging.volume import SeriesInfo, Volume

METAL_HU = 3000  # above any bone; what a 12-bit scanner shows of steel and titanium
METAL_VOXELS = 50
PLAUSIBLE_HU = (-3100, 5000)  # padding and scanned circle below, dense implants above
ODD_SHARE = 0.2  # of the voxels; steel fills far less of a slice
FAT_HU = -50
DAMAGED_SLICES = "damaged_slices"
MOST_DAMAGED = 0.2  # of the slices; of what is more damaged the rest is not shown either
MAX_VOLUME_GIB = 8  # 4,000 slices of 1024 × 1024
THREADS = max(2, os.cpu_count() or 2)


def choose(discovery: Discovery, series_uid: str | None, path: Path) -> tuple[FoundSeries, bool]:
    """Return the series asked for, or the one with most slices.

    Parameters
    ----------
    discovery : Discovery
        What lies under the path.
    series_uid : str or None
        Series Instance UID asked for.
    path : Path
        For messages.

    Returns
    -------
    tuple
        The series, and whether others had to be passed over unasked.

    Raises
    ------
    ImagingError
        When there is no CT series, or not the one asked for.
    """
    if not discovery.series:
        raise _nothing_found(discovery, path)
    if series_uid is None:
        return discovery.series[0], len(discovery.series) > 1
    for series in discovery.series:
        if series.uid == series_uid:
            return series, False
    message = "no series has this UID; `osteoplan series PATH` lists what is there"
    raise refuse_image("no_such_series", message, series_uid)


def _nothing_found(discovery: Discovery, path: Path) -> Exception:
    if not discovery.skipped:
        return refuse_image("empty", "the folder is empty; choose the folder of the CT", path)
    reasons = sorted({one.reason for one in discovery.skipped})
    told = "; ".join(reasons[:4]) + ("; …" if len(reasons) > 4 else "")
    if all("localizer" in reason for reason in reasons):
        message = "only localizers, no slices; export the axial series as well"
        return refuse_image("localizer_only", message, path)
    message = (
        f"no CT series among {len(discovery.skipped)} files ({told}); choose the folder of the CT"
    )
    return refuse_image("no_ct_series", message, path)


def load_series(
    series: FoundSeries, path: Path, progress: Progress = SILENT, *, is_ct: bool = True
) -> Volume:
    """Read a series.

    Parameters
    ----------
    series : FoundSeries
        Its files.
    path : Path
        What the user opened; kept as the series' place.
    progress : Progress
        Told while slices are read.
    is_ct : bool
        Whether the values have to be Hounsfield units.

    Returns
    -------
    Volume
        HU, or the values as they are rescaled, on a regular grid; its series says what was found
        and corrected.

    Raises
    ------
    ImagingError
        When the files do not form a volume in Hounsfield units.
    """
    left_out: dict[ImageHeader, ImagingError] = _not_rescaled(series)
    while True:
        rest = _without(series, left_out)
        damaged, volume = _load(rest, path, progress.part(0.0, 0.98), is_ct=is_ct)
        if volume is not None:
            break
        left_out |= damaged
    problems = (*volume.series.problems, *_damage(left_out, path))
    progress.update(1.0, "read")
    return Volume(volume.hu, volume.grid, replace(volume.series, problems=problems))


def _load(
    series: FoundSeries, path: Path, progress: Progress, *, is_ct: bool
) -> tuple[dict[ImageHeader, ImagingError], Volume | None]:
    """Read a series, or return which of its files are damaged."""
    _refuse_too_large(series.slices, series.first.layout.size_ji, path)
    slices = _Slices(series)
    frames, size_ji = series.frames, series.first.layout.size_ji
    plan = plan_stack(frames, size_ji, slices.are_same, path.name)
    hu, placed_mm = assemble(plan, size_ji, slices.read, progress, THREADS)
    if slices.damaged:
        return slices.damaged, None
    if is_ct:
        _check_hounsfield(hu, series, slices.lowest_hu, path)
    problems = [*plan.problems, *_header_problems(series, slices.lossy)]
    if is_ct and slices.metal_voxels > METAL_VOXELS:
        message = "metal in the field of view; values near it are not to be trusted"
        problems.append(Problem(code="metal", message=message))
    first = series.first
    info = SeriesInfo(
        uid=series.uid,
        path=str(path),
        description=first.description,
        modality=first.modality,
        patient_position=first.patient_position,
        frame_of_reference_uid=first.frame_of_reference_uid,
        max_position_error_mm=max_position_error_mm(plan, frames, size_ji, placed_mm),
        problems=tuple(problems),
    )
    return {}, Volume(hu, plan.grid, info)


def _not_rescaled(series: FoundSeries) -> dict[ImageHeader, ImagingError]:
    """Return the files that alone do not say how their values become Hounsfield units."""
    silent = [header for header in series.headers if not header.rescaled]
    if len(silent) == len(series.headers):
        return {}
    message = "the header lacks Rescale Slope or Intercept, which the other slices have"
    return {header: refuse_image("damaged", message, header.path.name) for header in silent}


def _without(series: FoundSeries, damaged: dict[ImageHeader, ImagingError]) -> FoundSeries:
    """Return a series without its damaged files; raise where too little would be left."""
    rest = tuple(one for one in series.slices if one[0] not in damaged)
    if len(series.slices) - len(rest) > MOST_DAMAGED * len(series.slices):
        raise ImagingError([refusal.problems[0] for refusal in damaged.values()])
    return replace(series, slices=rest)


def _damage(damaged: dict[ImageHeader, ImagingError], path: Path) -> list[Problem]:
    """Return a problem for each file that was left out."""
    problems = []
    for header, refusal in damaged.items():
        inside = header.path.is_relative_to(path) and header.path != path
        name = str(header.path.relative_to(path)) if inside else header.path.name
        message = f"left out: {refusal}"
        problems.append(Problem(code=DAMAGED_SLICES, message=message, where=name))
    return problems


def load_preview(series: FoundSeries, path: Path) -> Volume:
    """Read the middle slice alone, to be shown while the series is being read.

    Parameters
    ----------
    series : FoundSeries
        Its files.
    path : Path
        What the user opened.

    Returns
    -------
    Volume
        One slice in its place.

    Raises
    ------
    ImagingError
        When that slice cannot be decoded.
    """
    normal = np.cross(series.frames[0].row_direction, series.frames[0].column_direction)
    ordered = sorted(series.slices, key=lambda one: float(np.dot(one[1].position_lps_mm, normal)))
    middle = ordered[len(ordered) // 2]
    return load_series(FoundSeries(series.uid, (middle,)), path)


class _Slices:
    """Reads the frames of a series one by one, and keeps what is asked of all of them."""

    def __init__(self, series: FoundSeries) -> None:
        self._slices = series.slices
        self._size_ji = series.first.layout.size_ji
        self._sources: dict[ImageHeader, PixelSource] = {}
        self._unread = Counter(header for header, _ in series.slices)
        self._lock = threading.Lock()
        self.lowest_hu = INT16.max
        self.metal_voxels = 0
        self.lossy = False
        self.damaged: dict[ImageHeader, ImagingError] = {}

    def read(self, number: int, out: NDArray[np.int16]) -> None:
        """Write the HU of a frame; safe to call from several threads."""
        header, _ = self._slices[number]
        found = self._read(number, out)
        if found is None:
            return
        metal = int((out > METAL_HU).sum()) if found.highest_hu > METAL_HU else 0
        with self._lock:
            self.lowest_hu = min(self.lowest_hu, found.lowest_hu)
            self.metal_voxels += metal
            self.lossy |= found.lossy
            self._unread[header] -= 1
            if not self._unread[header]:
                self._sources.pop(header, None)  # what it holds of a compressed file is not kept

    def are_same(self, one: int, other: int) -> bool:
        """Tell whether two frames hold the same values."""
        pair = np.zeros((2, *self._size_ji), dtype=np.int16)
        for number, out in zip((one, other), pair, strict=True):
            self._read(number, out)
        return np.array_equal(pair[0], pair[1])

    def _read(self, number: int, out: NDArray[np.int16]) -> SliceFacts | None:
        header, frame = self._slices[number]
        try:
            return self._source(header).read(frame, out)
        except ImagingError as refusal:
            with self._lock:
                self.damaged[header] = refusal
            return None

    def _source(self, header: ImageHeader) -> PixelSource:
        with self._lock:
            if header not in self._sources:
                self._sources[header] = PixelSource(header)
            return self._sources[header]


def _refuse_too_large(slices: Sized, size_ji: tuple[int, int], path: Path) -> None:
    rows, columns = size_ji
    gib = len(slices) * rows * columns * 2 / 2**30
    if gib > MAX_VOLUME_GIB:
        message = (
            f"the series claims {len(slices)} slices of {rows} × {columns} ({gib:.0f} GiB); "
            "no CT is so large"
        )
        raise refuse_image("too_large", message, path)


def _check_hounsfield(
    hu: NDArray[np.int16], series: FoundSeries, lowest_hu: int, path: Path
) -> None:
    """Refuse values that no CT has.

    Air surrounds a patient and fat lies in every one; a file without rescaling whose values never
    go below zero holds something else. Values that lie all over the 16 bits were decoded with the
    wrong order of bytes, or are no densities at all.
    """
    if not all(header.rescaled for header in series.headers) and lowest_hu > FAT_HU:
        message = (
            "the header does not say how values become Hounsfield units, and none is as low as "
            "fat; export the series again"
        )
        raise refuse_image("not_hounsfield", message, path)
    sample = hu[:: max(1, len(hu) // 16), ::4, ::4]
    odd = (sample < PLAUSIBLE_HU[0]) | (sample > PLAUSIBLE_HU[1])
    odd &= sample != sample.min()  # what lies outside the scanned circle holds one value
    if odd.mean() > ODD_SHARE:
        message = "the values cannot be Hounsfield units; export the series again uncompressed"
        raise refuse_image("not_hounsfield", message, path)


def _header_problems(series: FoundSeries, lossy: bool) -> list[Problem]:
    found = []
    if series.localizers:
        message = f"{series.localizers} localizers of this series were set aside"
        found.append(Problem(code="localizer_skipped", message=message))
    if lossy or any(header.lossy for header in series.headers):
        message = "the images went through lossy compression; fine structure may be lost"
        found.append(Problem(code="lossy_compression", message=message))
    if not series.first.series_uid:
        found.append(Problem(code="no_uid", message="the series has no UID; one was derived"))
    if len({header.frame_of_reference_uid for header in series.headers}) > 1:
        message = "the frame of reference differs slice by slice; positions were taken as they are"
        found.append(Problem(code="frame_of_reference", message=message))
    return found

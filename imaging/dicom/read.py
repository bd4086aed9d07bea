"""Reads a DICOM series into a Volume."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imaging.dicom.discover import Discovery, FoundSeries
from imaging.dicom.headers import ImageHeader
from imaging.dicom.pixels import decode
from imaging.dicom.stack import build, max_position_error_mm, plan_stack
from imaging.errors import Problem, refuse_image
from imaging.progress import SILENT, Progress
from imaging.volume import SeriesInfo, Volume

METAL_HU = 3000  # above any bone; what a 12-bit scanner shows of steel and titanium
METAL_VOXELS = 50
PLAUSIBLE_HU = (-3100, 5000)
DECODERS = 2


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


def load_series(series: FoundSeries, path: Path, progress: Progress = SILENT) -> Volume:
    """Read a series.

    Parameters
    ----------
    series : FoundSeries
        Its files.
    path : Path
        What the user opened; kept as the series' place.
    progress : Progress
        Told after each file.

    Returns
    -------
    Volume
        HU on a regular grid; its series says what was found and corrected.

    Raises
    ------
    ImagingError
        When the files do not form a volume in Hounsfield units.
    """
    pixels = _decode_all(series.headers, progress.part(0.0, 0.9))
    _check_hounsfield(pixels, path)
    pairs = series.frames
    frames = [frame for _, frame in pairs]
    progress.update(0.92, "building the volume")
    plan = plan_stack(frames, pixels)
    hu, placed_mm = build(plan, pixels)
    hu = np.ascontiguousarray(hu)
    problems = [*plan.problems, *_header_problems(series)]
    if int((hu > METAL_HU).sum()) > METAL_VOXELS:
        message = "metal in the field of view; values near it are not to be trusted"
        problems.append(Problem(code="metal", message=message))
    first = series.headers[0]
    info = SeriesInfo(
        uid=series.uid or f"no-uid-{hashlib.sha256(hu.tobytes()).hexdigest()[:24]}",
        path=str(path),
        description=first.description,
        modality=first.modality,
        patient_position=first.patient_position,
        max_position_error_mm=max_position_error_mm(plan, frames, placed_mm),
        problems=tuple(problems),
        checksum=hashlib.sha256(hu.tobytes()).hexdigest(),
    )
    progress.update(1.0, "read")
    return Volume(hu, plan.grid, info)


def _decode_all(headers: tuple[ImageHeader, ...], progress: Progress) -> NDArray[np.int16]:
    counts = [len(header.frames) for header in headers]
    pixels = np.empty((sum(counts), *headers[0].frames[0].size_ji), dtype=np.int16)
    starts = np.cumsum([0, *counts[:-1]])
    with ThreadPoolExecutor(DECODERS) as pool:
        done = pool.map(decode, headers)
        for number, (start, count, part) in enumerate(zip(starts, counts, done, strict=True)):
            pixels[start : start + count] = part
            progress.update((number + 1) / len(headers), "reading slices")
    return pixels


def _check_hounsfield(pixels: NDArray[np.int16], path: Path) -> None:
    sample = pixels[:: max(1, len(pixels) // 16), ::4, ::4]
    odd = ((sample < PLAUSIBLE_HU[0]) | (sample > PLAUSIBLE_HU[1])).mean()
    if odd > 0.5:
        message = "the values cannot be Hounsfield units; export the series again uncompressed"
        raise refuse_image("not_hounsfield", message, path)


def _header_problems(series: FoundSeries) -> list[Problem]:
    found = []
    if series.localizers:
        message = f"{series.localizers} localizers of this series were set aside"
        found.append(Problem(code="localizer_skipped", message=message))
    if any(header.lossy for header in series.headers):
        message = "the images went through lossy compression; fine structure may be lost"
        found.append(Problem(code="lossy_compression", message=message))
    if not series.uid:
        found.append(Problem(code="no_uid", message="the series has no UID; one was derived"))
    return found

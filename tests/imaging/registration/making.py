"""Second series made of a generated CT: moved, resampled, with another contrast and noise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.geometry import FloatArray, Grid
from imaging.registration.model import inverse, moved_grid, moved_points
from imaging.registration.series import SecondSeries
from imaging.volume import SeriesInfo, Volume, resample
from tests.imaging.dicom.making import ct_slice, save

MR_STORAGE, PET_STORAGE = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.128"
WITHIN_MM = 25.0  # of the lesion, where the error is measured


def like_mr(hu: NDArray[Any]) -> NDArray[Any]:
    """Return values as a T1-weighted MR might show them: fat bright, cortex and air dark."""
    known = [-1024, -300, -100, -50, 0, 60, 150, 300, 700, 1500]
    shown = [0, 0, 800, 700, 300, 350, 450, 250, 50, 20]
    remapped: NDArray[Any] = np.interp(hu, known, shown)
    return remapped


def moved(
    volume: Volume,
    to_fixed: FloatArray,
    spacing_mm: float = 2.2,
    noise: float = 25.0,
    remap: Callable[[NDArray[Any]], NDArray[Any]] | None = None,
    slices: tuple[float, float] = (0.0, 1.0),
) -> SecondSeries:
    """Return a series that `to_fixed` lays on the CT it was made of."""
    size = np.array(volume.grid.size_kji) * volume.grid.spacing_mm_kji / spacing_mm
    k, j, i = (int(n) for n in size)
    whole = Grid.aligned((k, j, i), spacing_mm, volume.grid.to_lps((0, 0, 0)))
    first, last = (int(k * part) for part in slices)
    grid = whole.cropped((first, 0, 0), (last - first, j, i))
    source = moved_grid(volume.grid, inverse(to_fixed))
    values: NDArray[Any] = resample(volume.hu, source, grid, order=1, outside=-1024)
    values = values if remap is None else remap(values)
    values = values + np.random.default_rng(7).normal(0.0, noise, values.shape)
    is_ct = remap is None
    info = SeriesInfo("second", "", modality="CT" if is_ct else "MR")
    made = Volume(np.rint(values).astype(np.int16), grid, info)
    return SecondSeries(made, 1.0, "HU" if is_ct else "", (0.0, 800.0))


def target_error_mm(found: FloatArray, truth: FloatArray, centre: FloatArray) -> float:
    """Return the largest distance between where two motions put places near the lesion."""
    ends = np.array(np.meshgrid(*[(-WITHIN_MM, 0.0, WITHIN_MM)] * 3)).reshape(3, -1).T
    places = moved_points(inverse(truth), centre + ends)
    apart = moved_points(found, places) - (centre + ends)
    return float(np.linalg.norm(apart, axis=1).max())


def write_series(
    folder: Path, series: SecondSeries, modality: str, slope: float = 1.0, **elements: Any
) -> Path:
    """Write a series as MR or PET, with a Rescale Slope that grows slice by slice."""
    grid = series.volume.grid
    for k, plane in enumerate(series.volume.hu):
        own = slope * (1.0 + 0.01 * k)
        pixels = np.clip(np.rint(plane * series.per_step / own), 0, 32000).astype(np.int16)
        right, down = (grid.affine_kji_to_lps[:3, n] for n in (2, 1))
        one = ct_slice(
            pixels,
            grid.to_lps((k, 0, 0)).tolist(),
            [*(right / np.linalg.norm(right)), *(down / np.linalg.norm(down))],
            grid.spacing_mm_kji[1:],
            series_uid=f"1.2.3.{int(modality == 'PT')}.9",
            Modality=modality,
            SOPClassUID=PET_STORAGE if modality == "PT" else MR_STORAGE,
            InstanceNumber=k + 1,
        )
        one.RescaleSlope, one.RescaleIntercept = f"{own:.8g}", 0
        one.PixelData = pixels.astype("<u2").tobytes()
        for name, value in elements.items():
            setattr(one, name, value)
        save(one, folder / f"{k:04d}.dcm")
    return folder

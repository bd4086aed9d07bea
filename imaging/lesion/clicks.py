"""The clicks: whether they can be used, which tissue they mean, where they want the outline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imaging.errors import ImagingError, Problem, refuse_image
from imaging.geometry import BoolArray, FloatArray
from imaging.lesion.region import Region
from imaging.lesion.relaxation import Field
from imaging.volume import Volume, sample

SEED_RADIUS_MM = 2.5
SETTLE_MM = 4.0  # a click beside a border is meant for the tissue it hit
OWN_HU = 60.0
NOISE_HU = (10.0, 25.0)  # of smoothed routine CT
DARKEST_PERCENTILE, DARKEST_NOISE_HU = 10, 5.0  # of a seed, and by how much noise lowers it
LEAST_SOFT_HU = 20.0  # darker is the fat beside a lesion, unless all that was clicked is
LEAST_CONTRAST_HU = 25.0  # below the noise of a routine CT, averaged over a seed
GAS_HU = -200.0
METAL_HU = 2500.0
DENSE_SEED_HU = 300.0
NEAR_BONE = 0.25  # share of directions; even beside a rib bone is seen in as many
LEAST_BONE_ML = 0.2


@dataclass(frozen=True)
class Tissue:
    """What was clicked on.

    Parameters
    ----------
    hu : float
        Its value.
    noise_hu : float
        Deviation about it.
    sign : float
        1 for a lesion darker than bone, −1 for a denser one.
    """

    hu: float
    noise_hu: float
    sign: float

    def above(self, hu: NDArray[np.floating]) -> Field:
        """Return by how much values lie on the bone's side of the lesion."""
        return (self.sign * (hu - self.hu)).astype(np.float32)


def check_clicks(volume: Volume, inside_lps_mm: FloatArray, outside_lps_mm: FloatArray) -> None:
    """Refuse clicks that cannot be used, all of them at once.

    Parameters
    ----------
    volume : Volume
        The CT.
    inside_lps_mm, outside_lps_mm : numpy.ndarray
        Shapes (n, 3) and (m, 3), clicks in the lesion and clicks that are not lesion.

    Raises
    ------
    ImagingError
        For clicks outside the image, in air, in metal, or both inside and outside.
    """
    problems = []
    for place in outside_lps_mm:
        if not np.isfinite(place).all() or volume.grid.nearest(place) is None:
            message = "a click beside the lesion lies outside the image; coordinates are LPS mm"
            problems.append(Problem(code="click_outside", message=message, where=_where(place)))
        elif (
            np.linalg.norm(inside_lps_mm - place, axis=1) < min(volume.grid.spacing_mm_kji)
        ).any():
            message = "the same place was clicked as lesion and as not lesion; take one back"
            problems.append(Problem(code="clicks_disagree", message=message, where=_where(place)))
    for seed in inside_lps_mm:
        where = _where(seed)
        if not np.isfinite(seed).all() or volume.grid.nearest(seed) is None:
            message = "the click lies outside the image; coordinates are LPS millimetres"
            problems.append(Problem(code="seed_outside", message=message, where=where))
            continue
        hu = float(np.median(volume.hu_at(seed + ball(2.0))))
        if hu < GAS_HU:
            message = f"the click lies in air ({hu:.0f} HU); click in the lesion"
            problems.append(Problem(code="seed_in_air", message=message, where=where))
        elif hu > METAL_HU:
            message = f"the click lies in metal ({hu:.0f} HU); click in the lesion"
            problems.append(Problem(code="seed_in_metal", message=message, where=where))
    if problems:
        raise ImagingError(problems)


def _where(place_lps_mm: FloatArray) -> str:
    return ", ".join(f"{n:.1f}" for n in place_lps_mm)


def ball(radius_mm: float) -> FloatArray:
    """Return places a millimetre apart within a distance of the origin.

    Parameters
    ----------
    radius_mm : float
        The distance.

    Returns
    -------
    numpy.ndarray
        Shape (n, 3), millimetres.
    """
    offsets = np.arange(-np.ceil(radius_mm), np.ceil(radius_mm) + 1)
    cloud = np.stack(np.meshgrid(offsets, offsets, offsets), axis=-1).reshape(-1, 3)
    places: FloatArray = cloud[np.linalg.norm(cloud, axis=1) <= radius_mm]
    return places


def settled(region: Region, volume: Volume, click_lps_mm: FloatArray) -> FloatArray:
    """Move a click near a border to even tissue of the same value nearby; others stay.

    Parameters
    ----------
    region : Region
        Around the click.
    volume : Volume
        The CT.
    click_lps_mm : numpy.ndarray
        Shape (3,).

    Returns
    -------
    numpy.ndarray
        Shape (3,), within 4 mm of the click.
    """
    own_hu = float(volume.hu_at(click_lps_mm))
    offsets = ball(SETTLE_MM)[:, None, :] + ball(SEED_RADIUS_MM)
    values = sample(region.hu, region.grid, click_lps_mm + offsets, order=1, outside=0.0)
    middle = np.median(values, axis=1)
    spread = np.median(np.abs(values - middle[:, None]), axis=1)
    at_click = int(np.argmin(np.linalg.norm(ball(SETTLE_MM), axis=1)))
    if abs(middle[at_click] - own_hu) < OWN_HU:
        return click_lps_mm
    like = np.abs(middle - own_hu) < OWN_HU
    if not like.any():
        return click_lps_mm
    best = int(np.argmin(np.where(like, spread, np.inf)))
    moved: FloatArray = click_lps_mm + ball(SETTLE_MM)[best]
    return moved


def clicked_tissue(region: Region, seeds_lps_mm: FloatArray) -> Tissue:
    """Measure the clicked tissue.

    Parameters
    ----------
    region : Region
        Around the clicks.
    seeds_lps_mm : numpy.ndarray
        Shape (n, 3).

    Returns
    -------
    Tissue
        Its value, noise, and side.

    Raises
    ------
    ImagingError
        Where there is no bone denser than a lesion that is not dense itself.
    """
    cloud = (seeds_lps_mm[:, None, :] + ball(SEED_RADIUS_MM)).reshape(-1, 3)
    values = sample(region.hu, region.grid, cloud, order=1, outside=0.0)
    hu = float(np.median(values))
    dense = hu > DENSE_SEED_HU
    if not dense:  # in a small lesion the seed holds part of its border
        darkest = float(np.percentile(values, DARKEST_PERCENTILE)) + DARKEST_NOISE_HU
        hu = min(hu, max(darkest, LEAST_SOFT_HU))
        values = values[values < hu + NOISE_HU[1]]
    noise_hu = float(np.clip(1.48 * np.median(np.abs(values - hu)), *NOISE_HU))
    bone = (region.surrounded > NEAR_BONE) & (region.hu > hu + LEAST_CONTRAST_HU + noise_hu)
    if not dense and np.count_nonzero(bone) * region.grid.voxel_ml < LEAST_BONE_ML:
        raise not_distinct(seeds_lps_mm)
    return Tissue(hu, noise_hu, -1.0 if dense else 1.0)


def not_distinct(seeds_lps_mm: FloatArray) -> ImagingError:
    """Return the refusal of a place where lesion and bone look the same.

    Parameters
    ----------
    seeds_lps_mm : numpy.ndarray
        Shape (n, 3).

    Returns
    -------
    ImagingError
        To be raised.
    """
    message = (
        "no bone is seen around the click, or lesion and bone cannot be told apart; "
        "click inside the lesion, or outline it with the brush"
    )
    return refuse_image("not_distinct", message, _where(seeds_lps_mm[0]))


def near_clicks(region: Region, clicks_lps_mm: FloatArray, radius_mm: float) -> BoolArray:
    """Return the voxels within a distance of the clicks.

    Parameters
    ----------
    region : Region
        Around the clicks.
    clicks_lps_mm : numpy.ndarray
        Shape (n, 3).
    radius_mm : float
        The distance.

    Returns
    -------
    numpy.ndarray
        Shape of the region, bool.
    """
    near = np.zeros(region.hu.shape, dtype=bool)
    for click in clicks_lps_mm:
        middle = np.array(region.index(click))
        reach = int(radius_mm / region.voxel_mm)
        start, end = np.maximum(middle - reach, 0), np.minimum(middle + reach + 1, near.shape)
        part = tuple(slice(a, b) for a, b in zip(start, end, strict=True))
        offsets = np.ogrid[part]
        away = sum((one - at) ** 2 for one, at in zip(offsets, middle, strict=True))
        near[part] |= np.sqrt(away) * region.voxel_mm <= radius_mm
    return near

"""Heights of a vertebral body, its collapse, and the part of it that a lesion takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from imaging.document import Document
from imaging.geometry import BoolArray, FloatArray, Grid, unit
from imaging.measurement.frame import Site, bone_on
from imaging.structures.levels import SEQUENCE
from imaging.structures.model import Structures

MIDLINE_MM = 6.0  # half the breadth of the midsagittal strip in which heights are read
AT_DEPTH = {"anterior": 0.92, "middle": 0.5, "posterior": 0.08}  # of the body's depth, from behind
BAND = 0.08  # of the depth, over which a height is averaged
LEAST_COLUMNS = 6
ENDPLATE_HU = 130.0  # discs and their calcium-free rims stay below, endplates above, even when poor
CANAL_NEAR_MM = 25.0  # canal within this height of the body shows its direction
LEAST_CANAL_VOXELS = 50
PREFIX = "vertebrae_"


class BodyHeights(Document):
    """Heights of a vertebral body in its midsagittal strip.

    Attributes
    ----------
    anterior_mm, middle_mm, posterior_mm : float
        Along the canal, from endplate to endplate.
    """

    anterior_mm: float
    middle_mm: float
    posterior_mm: float

    def as_array(self) -> FloatArray:
        """Return anterior, middle, posterior."""
        return np.array([self.anterior_mm, self.middle_mm, self.posterior_mm])


@dataclass(frozen=True)
class Collapse:
    """Height lost by a vertebral body.

    Parameters
    ----------
    percent : float
        Greatest loss among front, middle and back.
    compared_with : tuple of str
        Vertebrae whose mean heights are taken for the height before; the body's own back where
        no neighbour is whole.
    """

    percent: float
    compared_with: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Axes:
    """Up along the canal, forward from it, and across, with the canal's front wall."""

    up: FloatArray
    forward: FloatArray
    across: FloatArray
    origin_lps_mm: FloatArray


def is_vertebra(name: str) -> bool:
    """Tell whether a bone is a vertebra.

    Parameters
    ----------
    name : str
        Structure's name.

    Returns
    -------
    bool
        True with and without a known level.
    """
    return name.startswith(("vertebrae_", "vertebra_"))


def body_share_percent(site: Site) -> float | None:
    """Return the part of the vertebral body that a lesion takes.

    Parameters
    ----------
    site : Site
        Whose bone is a vertebra.

    Returns
    -------
    float or None
        Percent of the bone in front of the canal, lesion included; None without a canal there.
    """
    axes = _axes(site.grid, site.bone, site.canal)
    if axes is None:
        return None
    body = _body(site.grid, site.bone, axes)
    voxels = int(body.sum())
    return 100.0 * float((body & site.lesion).sum()) / voxels if voxels else None


def heights_of(site: Site, bone: BoolArray) -> BodyHeights | None:
    """Measure the heights of a vertebral body.

    Parameters
    ----------
    site : Site
        Grid and canal.
    bone : numpy.ndarray
        Shape of the site's grid, the vertebra.

    Returns
    -------
    BodyHeights or None
        Between the outermost dense bone of both endplates, since a label may hold some disc; what
        the lesion took of an endplate counts. None without a canal beside it, or where the image
        cuts it.
    """
    axes = _axes(site.grid, bone, site.canal)
    if axes is None or site.is_cut(bone):
        return None
    dense = _body(site.grid, bone, axes) & ((site.hu >= ENDPLATE_HU) | site.lesion)
    places = site.grid.to_lps(np.argwhere(dense)) - axes.origin_lps_mm
    if not len(places):
        return None
    places = places - np.median(places @ axes.across) * axes.across
    up, forward, across = (places @ axis for axis in (axes.up, axes.forward, axes.across))
    strip = np.abs(across) <= MIDLINE_MM
    if not strip.any():
        return None
    low, high = np.percentile(forward[strip], (1, 99))
    depth_mm = high - low
    found = {}
    for name, share in AT_DEPTH.items():
        near = strip & (np.abs(forward - low - share * depth_mm) <= BAND * depth_mm)
        height = _column_height_mm(up[near], forward[near], across[near])
        if height is None:
            return None
        found[f"{name}_mm"] = height
    return BodyHeights(**found)


def collapse(heights: BodyHeights, site: Site, structures: Structures) -> Collapse:
    """Compare a body's heights with those of its neighbours.

    Parameters
    ----------
    heights : BodyHeights
        Of the body.
    site : Site
        Where it lies.
    structures : Structures
        With the neighbouring levels.

    Returns
    -------
    Collapse
        Heights of whole neighbours differ by up to a tenth, so less is no collapse.
    """
    others = {}
    for name in _neighbours(site.name):
        if structures.named(name) is None:
            continue
        found = heights_of(site, bone_on(site.grid, structures, name))
        if found is not None:
            others[name] = found.as_array()
    own = heights.as_array()
    if others:
        before = np.mean(list(others.values()), axis=0)
        return Collapse(_lost_percent(own, before), tuple(others))
    return Collapse(_lost_percent(own, np.full(3, own[2])), ())


def _lost_percent(own: FloatArray, before: FloatArray) -> float:
    return 100.0 * max(0.0, float((1.0 - own / np.maximum(before, 1.0)).max()))


def _neighbours(name: str) -> tuple[str, ...]:
    level = name.removeprefix(PREFIX)
    if level not in SEQUENCE:
        return ()
    place = SEQUENCE.index(level)
    beside = (place - 1, place + 1)
    return tuple(f"{PREFIX}{SEQUENCE[n]}" for n in beside if 0 <= n < len(SEQUENCE))


def _axes(grid: Grid, bone: BoolArray, canal: BoolArray) -> _Axes | None:
    """Return the directions of a vertebra, from the canal beside it."""
    heights = np.flatnonzero(bone.any(axis=(1, 2)))
    if not len(heights):
        return None
    pad = int(CANAL_NEAR_MM / grid.spacing_mm_kji[0] / 2)
    low, high = max(heights[0] - pad, 0), heights[-1] + pad + 1
    index = np.argwhere(canal[low:high]) + np.array([low, 0, 0])
    if len(index) < LEAST_CANAL_VOXELS:
        return None
    places = grid.to_lps(index)
    middle = places.mean(axis=0)
    _, _, directions = np.linalg.svd(_middles(places) - middle, full_matrices=False)
    up = unit(directions[0] * (1.0 if directions[0][2] >= 0 else -1.0))
    own = grid.to_lps(np.argwhere(bone))
    ahead = np.median(own, axis=0) - middle
    ahead = np.array([0.0, -1.0, 0.0]) if np.linalg.norm(ahead) < 1.0 else ahead
    forward = unit(np.array([ahead[0] * 0.2, -abs(ahead[1]) - 1.0, ahead[2]]))
    forward = unit(forward - (forward @ up) * up)
    front = float(np.percentile((places - middle) @ forward, 95))
    return _Axes(up, forward, np.cross(up, forward), middle + front * forward)


def _middles(places: FloatArray) -> FloatArray:
    """Return the canal's middle in each slice, whose line is its direction."""
    heights, inverse = np.unique(np.round(places[:, 2], 3), return_inverse=True)
    sums = np.zeros((len(heights), 3))
    np.add.at(sums, inverse, places)
    middles: FloatArray = sums / np.bincount(inverse)[:, None]
    return middles


def _body(grid: Grid, bone: BoolArray, axes: _Axes) -> BoolArray:
    """Return the bone in front of the canal's front wall, its largest piece."""
    index = np.argwhere(bone)
    ahead = (grid.to_lps(index) - axes.origin_lps_mm) @ axes.forward >= 0
    body = np.zeros(bone.shape, dtype=bool)
    body[tuple(index[ahead].T)] = True
    pieces, count = scipy.ndimage.label(body)
    if count > 1:
        body = pieces == int(np.bincount(pieces.ravel())[1:].argmax()) + 1
    return body


def _column_height_mm(up: FloatArray, forward: FloatArray, across: FloatArray) -> float | None:
    """Return the median extent along the canal of the columns of a band."""
    cells = np.stack([np.round(forward), np.round(across)], axis=1)
    _, inverse = np.unique(cells, axis=0, return_inverse=True)
    inverse = inverse.ravel()
    count = int(inverse.max(initial=-1)) + 1
    if count < LEAST_COLUMNS:
        return None
    top, bottom = np.full(count, -np.inf), np.full(count, np.inf)
    np.maximum.at(top, inverse, up)
    np.minimum.at(bottom, inverse, up)
    return float(np.median(top - bottom)) + 1.0

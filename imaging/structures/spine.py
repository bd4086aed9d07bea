"""The spine laid straight along its canal, and the discs that cut it into vertebrae.

Along the canal's axis every point has a frame: up along the canal, to the front, to the left. In
this frame vertebrae stand one above the other whatever the curve of the spine. Two signs tell one
from the next: the disc, a darker band between two brighter end plates, tilted as it may be; and the
foramina, where the side walls of the canal (the pedicles) are missing. The sequence of cuts that
shows both best, at distances that vertebrae have, is taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from imaging.geometry import FloatArray

STEP_MM = 1.0  # along the axis, and between samples of the straightened spine
BEND_MM = 15.0  # the axis is smoothed over this, its direction over two thirds of it
BEYOND_MM = 30.0  # the axis is continued straight past both ends, for bodies that reach farther
FRONT_MM = (10.0, 32.0)  # where the bodies lie in front of the canal's centre
BODY_HALF_MM = 12.0
PEDICLE_FRONT_MM = (0.0, 8.0)
PEDICLE_SIDE_MM = (9.0, 15.0)
PIVOT_MM = 8.0  # tilted cuts turn about the back of the body
TILTS_DEG = tuple(range(-44, 29, 4))  # lumbosacral discs tilt forward-down, others little
TILT_COST_HU = 0.4  # per degree
HALF_DISCS_MM = (3.0, 4.0, 5.0, 6.0, 7.0)  # from a disc's middle to an end plate
BRIGHTEST_HU = 500.0  # metal and cement count no more than this
PEDICLE_PERIOD_MM = 36.0
HEIGHT_MM = (16, 46)  # from disc to disc: upper thoracic to lumbar, collapsed to tall
UNEVEN_COST_HU = 300.0  # times the squared logarithm of the ratio of neighbouring heights
LEAST_CUT_HU = 25.0  # contrast below which a cut is not worth it
LEAST_SHARE = 0.3  # of the spine's own discs: between bright end plates marrow looks like a disc


@dataclass(frozen=True, eq=False)
class SpineFrame:
    """Frames along the canal, one a millimetre.

    Parameters
    ----------
    points_mm : numpy.ndarray
        Shape (n, 3), the axis in millimetres along k, j, i from voxel (0, 0, 0), toward the head.
    up, front, left : numpy.ndarray
        Shape (n, 3), unit vectors along (k, j, i).
    """

    points_mm: FloatArray
    up: FloatArray
    front: FloatArray
    left: FloatArray

    @classmethod
    def along(cls, axis_kji: FloatArray, spacing_mm_kji: tuple[float, float, float]) -> SpineFrame:
        """Return the frames of a canal's axis.

        Parameters
        ----------
        axis_kji : numpy.ndarray
            Shape (slices, 3), fractional indices of its centre.
        spacing_mm_kji : tuple of float
            Voxel size.

        Returns
        -------
        SpineFrame
            The axis smoothed, and continued by 30 mm at both ends.
        """
        points = axis_kji * np.array(spacing_mm_kji)
        smooth = max(1.0, BEND_MM / spacing_mm_kji[0])
        points[:, 1:] = scipy.ndimage.gaussian_filter1d(
            points[:, 1:], smooth, axis=0, mode="nearest"
        )
        points = _continued(points)
        length = np.r_[0.0, np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))]
        places = np.arange(0.0, length[-1], STEP_MM)
        points = np.column_stack([np.interp(places, length, points[:, n]) for n in range(3)])
        up = np.gradient(points, axis=0)
        up = _units(scipy.ndimage.gaussian_filter1d(up, BEND_MM * 2 / 3, axis=0, mode="nearest"))
        front = np.array([0.0, -1.0, 0.0])
        front = _units(front - (up @ front)[:, None] * up)
        left = np.cross(up, front)
        left *= np.sign(left[:, 2:])
        return cls(points, up, front, left)

    def sample(
        self,
        hu: NDArray[np.int16],
        spacing_mm_kji: tuple[float, float, float],
        front_mm: FloatArray,
        left_mm: FloatArray,
    ) -> NDArray[np.float32]:
        """Return the straightened image.

        Parameters
        ----------
        hu : numpy.ndarray
            Shape (k, j, i).
        spacing_mm_kji : tuple of float
            Voxel size.
        front_mm, left_mm : numpy.ndarray
            Distances to the front and to the left of the axis.

        Returns
        -------
        numpy.ndarray
            Shape (n, fronts, lefts), HU.
        """
        points = (
            self.points_mm[:, None, None]
            + front_mm[None, :, None, None] * self.front[:, None, None]
            + left_mm[None, None, :, None] * self.left[:, None, None]
        )
        shape = points.shape[:3]
        where = (points / np.array(spacing_mm_kji)).reshape(-1, 3).T
        out: NDArray[np.float32] = scipy.ndimage.map_coordinates(
            hu, where, output=np.float32, order=1, mode="nearest"
        )
        return out.reshape(shape)

    def places(self, points_mm: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return where points lie along, in front of and to the left of the axis.

        Parameters
        ----------
        points_mm : numpy.ndarray
            Shape (n, 3), millimetres along k, j, i.

        Returns
        -------
        tuple of numpy.ndarray
            Place along the axis (a fractional index of :attr:`points_mm`), front and left in mm.
        """
        _, nearest = scipy.spatial.cKDTree(self.points_mm).query(points_mm)
        offset = points_mm - self.points_mm[nearest]
        along = nearest + np.einsum("ij,ij->i", offset, self.up[nearest])
        front = np.einsum("ij,ij->i", offset, self.front[nearest])
        left = np.einsum("ij,ij->i", offset, self.left[nearest])
        return along, front, left


@dataclass(frozen=True)
class Cut:
    """Where one vertebra ends and the next begins.

    Parameters
    ----------
    along : float
        Place on the axis where the cut meets the back of the bodies.
    tilt_deg : float
        Positive when the cut rises to the front.
    contrast_hu : float
        How much darker it is than what lies above and below.
    """

    along: float
    tilt_deg: float
    contrast_hu: float

    def height(self, front_mm: FloatArray) -> FloatArray:
        """Return the place along the axis that the cut has at distances in front of it.

        Parameters
        ----------
        front_mm : numpy.ndarray
            Any shape.

        Returns
        -------
        numpy.ndarray
            Same shape; behind the bodies the cut runs level.
        """
        ahead = np.maximum(front_mm - PIVOT_MM, 0.0)
        result: FloatArray = self.along + np.tan(np.radians(self.tilt_deg)) * ahead
        return result


def find_cuts(
    frame: SpineFrame, hu: NDArray[np.int16], spacing_mm_kji: tuple[float, float, float]
) -> list[Cut]:
    """Find the discs along the spine.

    Parameters
    ----------
    frame : SpineFrame
        Of the canal.
    hu : numpy.ndarray
        Shape (k, j, i), along the patient's axes.
    spacing_mm_kji : tuple of float
        Voxel size.

    Returns
    -------
    list of Cut
        From below upward.
    """
    fronts = np.arange(0.0, FRONT_MM[1] + 1.0)
    lefts = np.arange(-PEDICLE_SIDE_MM[1], PEDICLE_SIDE_MM[1] + 1.0)
    image = np.clip(frame.sample(hu, spacing_mm_kji, fronts, lefts), 0.0, BRIGHTEST_HU)
    contrast, tilt = _discs(image, fronts, lefts)
    worth = contrast + _openness(image, fronts, lefts)
    half = int(BEYOND_MM / 2)
    worth[:half] = worth[-half:] = 0.0
    first = np.sort(worth[_best_cuts(worth, LEAST_CUT_HU)])
    typical = float(np.median(first[len(first) // 2 :])) if len(first) else 0.0
    chosen = _best_cuts(worth, max(LEAST_CUT_HU, LEAST_SHARE * typical))
    return [Cut(float(n), float(tilt[n]), float(worth[n])) for n in chosen]


def _discs(
    image: NDArray[np.float32], fronts: FloatArray, lefts: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return how much darker than its borders the best tilted band is, and its tilt."""
    ahead = np.flatnonzero((fronts >= FRONT_MM[0]) & (fronts <= FRONT_MM[1]))
    bodies = image[:, ahead][:, :, np.abs(lefts) <= BODY_HALF_MM].mean(axis=2)
    place = np.arange(len(image), dtype=float)
    best = np.full(len(image), -np.inf)
    tilt = np.zeros(len(image))
    for degrees in TILTS_DEG:
        rise = np.tan(np.radians(degrees)) * (fronts[ahead] - PIVOT_MM)
        columns = [np.interp(place + r, place, bodies[:, n]) for n, r in enumerate(rise)]
        mean = np.mean(columns, axis=0)
        inside = scipy.ndimage.uniform_filter1d(mean, 3, mode="nearest")
        for half in HALF_DISCS_MM:
            above, below = (
                np.interp(place + half, place, mean),
                np.interp(place - half, place, mean),
            )
            border = 0.25 * (above + below) + 0.5 * np.minimum(above, below)
            score = border - inside - TILT_COST_HU * abs(degrees)
            better = score > best
            best[better] = score[better]
            tilt[better] = degrees
    return best, tilt


def _openness(
    image: NDArray[np.float32], fronts: FloatArray, lefts: FloatArray
) -> NDArray[np.float64]:
    """Return how much less bone stands beside the canal than around this place, HU."""
    deep = (fronts >= PEDICLE_FRONT_MM[0]) & (fronts <= PEDICLE_FRONT_MM[1])
    side = np.abs(lefts) >= PEDICLE_SIDE_MM[0]
    wall = image[:, deep][:, :, side].mean(axis=(1, 2)).astype(float)
    wall = scipy.ndimage.gaussian_filter1d(wall, 2.0, mode="nearest")
    around = scipy.ndimage.uniform_filter1d(wall, int(PEDICLE_PERIOD_MM), mode="nearest")
    result: NDArray[np.float64] = around - wall
    return result


def _best_cuts(worth: FloatArray, least_hu: float) -> list[int]:
    """Return the sequence of places with the largest sum, at distances that vertebrae have."""
    count, (least, most) = len(worth), HEIGHT_MM
    heights = np.arange(least, most + 1)
    uneven = UNEVEN_COST_HU * np.log(heights[:, None] / heights[None, :]) ** 2
    gain = worth - least_hu
    total = np.full((count, len(heights)), -np.inf)  # a cut here, so far above the last
    came = np.full((count, len(heights)), -1)
    for n in range(count):
        for h, height in enumerate(heights):
            last = n - height
            if last < 0:
                break
            chained = total[last] - uneven[h]
            best = int(chained.argmax())
            start = gain[last]  # or the last one was the first of all
            if chained[best] > start:
                total[n, h], came[n, h] = chained[best] + gain[n], best
            else:
                total[n, h] = start + gain[n]
    n, h = (int(x) for x in np.unravel_index(int(total.argmax()), total.shape))
    if not np.isfinite(total[n, h]):
        return [int(worth.argmax())] if worth.max(initial=0.0) > 2 * LEAST_CUT_HU else []
    cuts = [n]
    while True:
        n, h_before = n - int(heights[h]), int(came[n, h])
        cuts.append(n)
        if h_before < 0:
            return cuts[::-1]
        h = h_before


def _continued(points: FloatArray) -> FloatArray:
    """Add straight ends, in the direction of the last 20 mm."""
    ends = []
    for end, inner in ((points[0], points), (points[-1], points[::-1])):
        far = np.linalg.norm(inner - end, axis=1)
        other = inner[min(int(np.searchsorted(far, 20.0)), len(inner) - 1)]
        direction = (end - other) / max(float(np.linalg.norm(end - other)), 1e-6)
        ends.append(end + BEYOND_MM * direction)
    return np.vstack([ends[0], points, ends[1]])


def _units(vectors: FloatArray) -> FloatArray:
    result: FloatArray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return result

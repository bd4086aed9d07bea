"""Round vessels followed from slice to slice: where they run, and where their border is.

Each place of each slice is judged as the centre of a disc: alike inside, something else around it.
The path through the slices that is judged best, at a density that stays the same, is the vessel's
axis. Its border is the closed line around the axis that parts the vessel's own density from the
rest best, the same in neighbouring slices, and a circle where the neighbour is of the same density.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from imaging.geometry import BoolArray, FloatArray
from imaging.kernels import parallel_kernel, prange

RAYS = 24
RINGS = 3
INSIDE_MM = 1.5  # the border's blur, left out of the inside
OUTSIDE_MM = 3.0  # past the wall and its blur
CONTRAST_HU = 60.0  # half of what parts blood from fat, blurred
BRIGHT_WORTH = 0.55  # a bright neighbour (bone, calcified wall) shows the border less surely
BLOOD_HU = (10.0, 600.0)  # anaemic unenhanced blood to the first pass of contrast
LARGER_BONUS = 0.012  # a millimetre of radius: of discs that fit alike the largest is meant
SPREAD_HU = 35.0  # of the inside, beyond the noise, that halves a score
CHANGE_HU = 45.0  # of the mean from one slice to the next that costs a whole score
RADIUS_COST = 0.06  # a millimetre of change from one slice to the next
SIDEWAYS_COST = 0.02  # a place sideways, squared
OUTLINE_RAYS = 36
OUTLINE_STEP_MM = 0.5
BEND = 3  # steps by which neighbouring rays of a border may differ
ROUND_COST = 0.012  # of a ray's whole worth, a squared millimetre off the disc's radius
BORDER_ALONG_MM = 4.0  # the border's signs are smoothed over this along the vessel
CALCIUM_MM = 4.0  # the thickest plaque, with its blur
HALF_WAY = 0.45  # of the density of enhanced blood, where soft tissue or fat begins
EVERYWHERE = np.zeros((0, 0, 0), dtype=np.bool_)
WALL_HU = 130.0  # above blood: calcium of the wall, or bone


@dataclass(frozen=True, eq=False)
class DiscScores:
    """How well a disc fits at each place.

    Parameters
    ----------
    score : numpy.ndarray
        Shape (slices, rows, columns), at most 1.
    radius_mm, mean_hu : numpy.ndarray
        Same shape, of the disc that fits best.
    """

    score: NDArray[np.float32]
    radius_mm: NDArray[np.float32]
    mean_hu: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Tube:
    """A vessel's axis and border, a row for each slice it lies in.

    Parameters
    ----------
    slices : numpy.ndarray
        Indices of the slices, rising.
    centres_ji : numpy.ndarray
        Shape (n, 2), fractional indices.
    radii_mm : numpy.ndarray
        Shape (n, rays), from the centre to the border; ray 0 runs along +i, the next toward +j.
    mean_hu : numpy.ndarray
        Shape (n,), inside.
    score : numpy.ndarray
        Shape (n,), how well a disc fits.
    """

    slices: NDArray[np.int64]
    centres_ji: FloatArray
    radii_mm: FloatArray
    mean_hu: FloatArray
    score: FloatArray

    @property
    def sure(self) -> float:
        """The mean score of its slices."""
        return float(self.score.mean()) if len(self.score) else 0.0

    def part(self, keep: NDArray[np.bool_]) -> Tube:
        """Return some of its slices.

        Parameters
        ----------
        keep : numpy.ndarray
            Shape (n,), bool.

        Returns
        -------
        Tube
            Those only.
        """
        return Tube(
            self.slices[keep],
            self.centres_ji[keep],
            self.radii_mm[keep],
            self.mean_hu[keep],
            self.score[keep],
        )


@parallel_kernel
def _discs(  # noqa: C901, PLR0912 - one loop, compiled
    hu: NDArray[np.float32],
    places_j: NDArray[np.int64],
    places_i: NDArray[np.int64],
    radii_mm: FloatArray,
    pixel_mm: FloatArray,
    noise_hu: float,
    wanted: NDArray[np.bool_],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return score, radius and mean of the disc that fits best at each place that is wanted."""
    shape = (hu.shape[0], len(places_j), len(places_i))
    score = np.full(shape, np.float32(-1.0), dtype=np.float32)
    radius = np.zeros(shape, dtype=np.float32)
    level = np.zeros(shape, dtype=np.float32)
    height, width = hu.shape[1] - 1, hu.shape[2] - 1
    for k in prange(hu.shape[0]):
        for a in range(shape[1]):
            for b in range(shape[2]):
                j0 = places_j[a]
                i0 = places_i[b]
                if wanted.size > 0 and not wanted[k, a, b]:
                    continue
                if hu[k, j0, i0] < BLOOD_HU[0] - 30.0 or hu[k, j0, i0] > BLOOD_HU[1]:
                    continue
                for r in radii_mm:
                    total = 0.0
                    square = 0.0
                    count = 0
                    for ring in range(1, RINGS + 1):
                        far = (r - INSIDE_MM) * ring / RINGS
                        for ray in range(0, RAYS, 2):
                            angle = 2.0 * math.pi * (ray + ring % 2) / RAYS
                            y = int(j0 + math.sin(angle) * far / pixel_mm[0] + 0.5)
                            x = int(i0 + math.cos(angle) * far / pixel_mm[1] + 0.5)
                            if 0 <= y <= height and 0 <= x <= width:
                                value = min(hu[k, y, x], np.float32(700.0))
                                total += value
                                square += value * value
                                count += 1
                    if count == 0:
                        continue
                    mean = total / count
                    if mean < BLOOD_HU[0] or mean > BLOOD_HU[1]:
                        continue
                    spread = math.sqrt(max(square / count - mean * mean, 0.0))
                    scale = max(CONTRAST_HU, 0.35 * mean)
                    good = 0.0
                    for ray in range(RAYS):
                        angle = 2.0 * math.pi * ray / RAYS
                        far = r + OUTSIDE_MM
                        y = int(j0 + math.sin(angle) * far / pixel_mm[0] + 0.5)
                        x = int(i0 + math.cos(angle) * far / pixel_mm[1] + 0.5)
                        if y < 0 or x < 0 or y > height or x > width:
                            continue
                        off = (mean - hu[k, y, x]) / scale
                        if off > 0.0:
                            good += min(off, 1.0)
                        else:
                            good += BRIGHT_WORTH * min(-0.6 * off, 1.0)
                    fit = (
                        good / RAYS
                        + LARGER_BONUS * r
                        - 0.5 * max(spread - noise_hu, 0.0) / SPREAD_HU
                    )
                    if fit > score[k, a, b]:
                        score[k, a, b] = fit
                        radius[k, a, b] = r
                        level[k, a, b] = mean
    return score, radius, level


def judge_discs(
    hu: NDArray[np.float32],
    places: tuple[NDArray[np.int64], NDArray[np.int64]],
    radii_mm: FloatArray,
    pixel_mm: tuple[float, float],
    noise_hu: float,
    wanted: BoolArray = EVERYWHERE,
) -> DiscScores:
    """Judge each place of each slice as the centre of a vessel.

    Parameters
    ----------
    hu : numpy.ndarray
        Shape (k, j, i), smoothed a little.
    places : tuple of numpy.ndarray
        Rows and columns that are judged.
    radii_mm : numpy.ndarray
        Of the discs tried.
    pixel_mm : tuple of float
        Size along j and i.
    noise_hu : float
        Standard deviation of a homogeneous tissue.
    wanted : numpy.ndarray, optional
        Shape (slices, rows, columns): the places that are judged; all of them by default.

    Returns
    -------
    DiscScores
        On the places; the score is -1 where nothing was judged or is as dense as blood.
    """
    pixel = np.array(pixel_mm)
    return DiscScores(*_discs(hu, places[0], places[1], radii_mm, pixel, noise_hu, wanted))


@parallel_kernel
def _step(
    total: FloatArray,
    before: tuple[NDArray[np.float32], NDArray[np.float32]],
    here: tuple[NDArray[np.float32], NDArray[np.float32]],
    reach: tuple[int, int],
) -> tuple[FloatArray, NDArray[np.int16]]:
    """Return the best sum that leads to each place from the slice before, and from which move."""
    height, width = total.shape
    best = np.zeros((height, width))
    came = np.full((height, width), -1, dtype=np.int16)
    for a in prange(height):
        for b in range(width):
            for da in range(-reach[0], reach[0] + 1):
                for db in range(-reach[1], reach[1] + 1):
                    y = a + da
                    x = b + db
                    if y < 0 or x < 0 or y >= height or x >= width:
                        continue
                    cost = min(abs(here[0][a, b] - before[0][y, x]) / CHANGE_HU, 1.5)
                    cost += RADIUS_COST * abs(here[1][a, b] - before[1][y, x])
                    cost += SIDEWAYS_COST * (da * da + db * db)
                    gain = total[y, x] - cost
                    if gain > best[a, b]:
                        best[a, b] = gain
                        came[a, b] = (da + reach[0]) * (2 * reach[1] + 1) + db + reach[1]
    return best, came


def best_path(
    discs: DiscScores, worth: FloatArray, reach: tuple[int, int]
) -> tuple[NDArray[np.int64], slice, float]:
    """Return the chain of places whose worth has the largest sum, and the slices it runs through.

    Parameters
    ----------
    discs : DiscScores
        Of all places.
    worth : numpy.ndarray
        Same shape; below zero a place is not worth it.
    reach : tuple of int
        Places a chain may move from one slice to the next.

    Returns
    -------
    tuple
        Chain, shape (n, 2); the slices; its sum.
    """
    count, _, width = worth.shape
    total = worth[0].astype(np.float64)
    came = np.full(worth.shape, -1, dtype=np.int16)
    tops = [(float(total.max()), int(total.argmax()))]
    for k in range(1, count):
        before = discs.mean_hu[k - 1], discs.radius_mm[k - 1]
        best, came[k] = _step(total, before, (discs.mean_hu[k], discs.radius_mm[k]), reach)
        total = best + worth[k]
        tops.append((float(total.max()), int(total.argmax())))
    k = max(range(count), key=lambda n: tops[n][0])
    stop, sum_ = k + 1, tops[k][0]
    chain = [divmod(tops[k][1], width)]
    while k > 0 and came[k][chain[-1]] >= 0:
        da, db = divmod(int(came[k][chain[-1]]), 2 * reach[1] + 1)
        chain.append((chain[-1][0] + da - reach[0], chain[-1][1] + db - reach[1]))
        k -= 1
    return np.array(chain[::-1], dtype=np.int64), slice(k, stop), sum_


def outline(
    hu: NDArray[np.float32],
    tube: Tube,
    spacing_mm_kji: tuple[float, float, float],
    noise_hu: float,
    largest_mm: float,
) -> Tube:
    """Find the border of a vessel around its axis.

    Parameters
    ----------
    hu : numpy.ndarray
        Shape (k, j, i).
    tube : Tube
        With the discs' radii.
    spacing_mm_kji : tuple of float
        Voxel size.
    noise_hu : float
        Standard deviation of a homogeneous tissue.
    largest_mm : float
        Radius that no border passes.

    Returns
    -------
    Tube
        With the border's radii, and centres moved to its middle.
    """
    along = BORDER_ALONG_MM / spacing_mm_kji[0]
    level = scipy.ndimage.gaussian_filter1d(tube.mean_hu, max(1.0, 3 * along), mode="nearest")
    disc = tube.radii_mm.mean(axis=1)
    disc = scipy.ndimage.median_filter(disc, max(3, 2 * round(3 * along) + 1), mode="nearest")
    disc = scipy.ndimage.gaussian_filter1d(disc, max(1.0, along), mode="nearest")
    centres = tube.centres_ji.copy()
    steps = np.arange(1.0, largest_mm + OUTLINE_STEP_MM, OUTLINE_STEP_MM)
    angle = 2 * np.pi * np.arange(OUTLINE_RAYS) / OUTLINE_RAYS
    radii = np.repeat(disc[:, None], OUTLINE_RAYS, axis=1)
    for _ in range(2):
        y = centres[:, 0, None, None] + np.sin(angle)[:, None] * steps / spacing_mm_kji[1]
        x = centres[:, 1, None, None] + np.cos(angle)[:, None] * steps / spacing_mm_kji[2]
        k = np.broadcast_to(tube.slices[:, None, None], y.shape)
        values = scipy.ndimage.map_coordinates(hu, [k, y, x], order=1, mode="nearest")
        radii = _border(values, steps, level, disc, noise_hu, along)
        centres = centres + _shift(radii, angle, spacing_mm_kji[1:])
        centres = scipy.ndimage.gaussian_filter1d(
            centres, max(0.7, along / 2), axis=0, mode="nearest"
        )
    return Tube(tube.slices, centres, radii, tube.mean_hu, tube.score)


def _border(
    values: NDArray[np.float32],
    steps: FloatArray,
    level: FloatArray,
    disc: FloatArray,
    noise_hu: float,
    along: float,
) -> FloatArray:
    """Return the radii, shape (slices, rays), of the closed line that parts the density best."""
    off = values - level[:, None, None]
    width = np.maximum(CONTRAST_HU, HALF_WAY * level)[:, None, None]
    width = np.where(off > 0.0, np.maximum(0.8 * width, 2.0 * noise_hu), width)
    like = np.clip(1.0 - np.abs(off) / width, -1.0, 1.0)  # 0 half way to fat or soft tissue
    like[_calcium(off, steps)] = 0.3
    like = scipy.ndimage.gaussian_filter1d(like, max(0.5, along), axis=0, mode="nearest")
    gain = np.cumsum(like, axis=2) * OUTLINE_STEP_MM / disc[:, None, None]
    gain -= ROUND_COST * (steps - disc[:, None, None]) ** 2
    half = 0.5 * OUTLINE_STEP_MM  # the border lies past the last sample that is inside
    result: FloatArray = steps[_closed_lines(gain)] + half
    return scipy.ndimage.gaussian_filter1d(result, 1.0, axis=1, mode="wrap")


def _calcium(off: FloatArray, steps: FloatArray) -> BoolArray:
    """Tell the wall's calcium, thin and with soft tissue or fat behind it, from bone."""
    bright = off > WALL_HU
    behind = max(1, round(CALCIUM_MM / (steps[1] - steps[0])))
    padded = np.pad(off < 0.5 * WALL_HU, ((0, 0), (0, 0), (0, behind)))
    soft = np.zeros_like(bright)
    for n in range(1, behind + 1):
        soft |= padded[:, :, n : n + bright.shape[2]]
    result: BoolArray = bright & soft
    return result


def _closed_lines(gain: FloatArray) -> NDArray[np.int64]:
    """Return the step of each ray with the largest sum, neighbours alike, round and round.

    Two turns are made; the second's middle is where both ends meet.
    """
    count, rays, steps = gain.shape
    twice = np.concatenate([gain, gain], axis=1)
    total = twice[:, 0]
    came = np.zeros((count, 2 * rays, steps), dtype=np.int8)
    for ray in range(1, 2 * rays):
        best = np.full((count, steps), -np.inf)
        for move in range(-BEND, BEND + 1):
            there = np.full((count, steps), -np.inf)
            low, high = max(0, -move), min(steps, steps - move)
            there[:, low:high] = total[:, low + move : high + move] - 0.02 * move * move
            better = there > best
            best[better] = there[better]
            came[:, ray][better] = move
        total = best + twice[:, ray]
    line = np.zeros((count, 2 * rays), dtype=np.int64)
    line[:, -1] = total.argmax(axis=1)
    rows = np.arange(count)
    for ray in range(2 * rays - 1, 0, -1):
        line[:, ray - 1] = line[:, ray] + came[rows, ray, line[:, ray]]
    half = rays // 2
    return np.concatenate([line[:, rays : rays + half], line[:, half:rays]], axis=1)


def _shift(radii: FloatArray, angle: FloatArray, pixel_mm: tuple[float, float]) -> FloatArray:
    """Return how far the border's middle lies from its centre, in pixels (j, i)."""
    area = (radii**2).sum(axis=1)
    j = (2.0 / 3.0) * (radii**3 * np.sin(angle)).sum(axis=1) / area
    i = (2.0 / 3.0) * (radii**3 * np.cos(angle)).sum(axis=1) / area
    return np.column_stack([j / pixel_mm[0], i / pixel_mm[1]])

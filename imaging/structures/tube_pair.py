"""Two vessels that run beside each other, artery and vein, followed together from slice to slice.

Without contrast both are of one density and touch, so each alone would be followed into the other.
Together they are two places in each slice, apart by their radii, each a disc, and each near its
place in the slice before; the pair of chains with the best sum is taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imaging.geometry import FloatArray
from imaging.kernels import kernel
from imaging.structures.tube import CHANGE_HU, RADIUS_COST, DiscScores

MOST = 110  # places a slice, of each vessel: the best of them
BLOCK_MM = 3.6  # along each axis, of which the best place stands for all
SIDEWAYS_COST = 0.004  # of a score, a squared millimetre from one slice to the next
OVERLAP_MM = 2.5  # blur lets the discs of two vessels that touch overlap
NOT_SO = -1.0e6  # a sum that no chain has


@dataclass(frozen=True, eq=False)
class Candidates:
    """The places in each slice that may be a vessel's middle.

    Parameters
    ----------
    place_mm : numpy.ndarray
        Shape (slices, most, 2), from row 0 and column 0.
    radius_mm, mean_hu, score, worth : numpy.ndarray
        Shape (slices, most), of their discs; the worth of an empty place is hugely negative.
    """

    place_mm: FloatArray
    radius_mm: FloatArray
    mean_hu: FloatArray
    score: FloatArray
    worth: FloatArray

    @classmethod
    def of(
        cls, discs: DiscScores, worth: FloatArray, rows_mm: FloatArray, columns_mm: FloatArray
    ) -> Candidates:
        """Take the best places of each slice, one a block.

        Parameters
        ----------
        discs : DiscScores
            Of all places.
        worth : numpy.ndarray
            Same shape.
        rows_mm, columns_mm : numpy.ndarray
            Where the rows and columns of places lie, mm.

        Returns
        -------
        Candidates
            At most ``MOST`` a slice.
        """
        count = len(worth)
        size = max(1, int(BLOCK_MM / float(rows_mm[1] - rows_mm[0])))
        height, width = worth.shape[1] // size, worth.shape[2] // size
        blocks = worth[:, : height * size, : width * size]
        blocks = blocks.reshape(count, height, size, width, size)
        blocks = blocks.transpose(0, 1, 3, 2, 4).reshape(count, -1, size * size)
        inner, best = blocks.argmax(axis=2), blocks.max(axis=2)
        few = min(MOST, best.shape[1])
        block = np.argpartition(-best, few - 1, axis=1)[:, :few]
        which = np.take_along_axis(inner, block, axis=1)
        row = block // width * size + which // size
        column = block % width * size + which % size
        k = np.arange(count)[:, None]
        return cls(
            np.stack([rows_mm[row], columns_mm[column]], axis=2),
            discs.radius_mm[k, row, column].astype(float),
            discs.mean_hu[k, row, column].astype(float),
            discs.score[k, row, column].astype(float),
            worth[k, row, column],
        )

    def part(self, order: NDArray[np.int64]) -> Candidates:
        """Return some slices, in an order.

        Parameters
        ----------
        order : numpy.ndarray
            Indices of slices.

        Returns
        -------
        Candidates
            Those only.
        """
        return Candidates(
            self.place_mm[order],
            self.radius_mm[order],
            self.mean_hu[order],
            self.score[order],
            self.worth[order],
        )


@kernel
def _changes(
    place: FloatArray,
    radius: FloatArray,
    mean: FloatArray,
    k: int,
    reach_mm: float,
) -> FloatArray:
    """Return the cost of the way from each place of slice k to each of the next."""
    count = place.shape[1]
    out = np.full((count, count), -NOT_SO)
    for a in range(count):
        for b in range(count):
            y = place[k + 1, b, 0] - place[k, a, 0]
            x = place[k + 1, b, 1] - place[k, a, 1]
            far = y * y + x * x
            if far <= reach_mm * reach_mm:
                cost = min(abs(mean[k + 1, b] - mean[k, a]) / CHANGE_HU, 1.5)
                cost += RADIUS_COST * abs(radius[k + 1, b] - radius[k, a])
                out[a, b] = cost + SIDEWAYS_COST * far
    return out


@kernel
def _step(
    total: FloatArray, first: FloatArray, second: FloatArray
) -> tuple[FloatArray, NDArray[np.int16], NDArray[np.int16]]:
    """Return the best sum that leads to each pair of the next slice, and the pair it comes from."""
    rows, columns = total.shape
    half = np.full((rows, columns), NOT_SO)
    came_first = np.zeros((rows, columns), dtype=np.int16)
    for p in range(rows):
        for a in range(rows):
            cost = first[p, a]
            if cost < -NOT_SO:
                for q in range(columns):
                    if total[p, q] - cost > half[a, q]:
                        half[a, q] = total[p, q] - cost
                        came_first[a, q] = p
    best = np.full((rows, columns), NOT_SO)
    from_first = np.zeros((rows, columns), dtype=np.int16)
    from_second = np.zeros((rows, columns), dtype=np.int16)
    for q in range(columns):
        for b in range(columns):
            cost = second[q, b]
            if cost < -NOT_SO:
                for a in range(rows):
                    if half[a, q] - cost > best[a, b]:
                        best[a, b] = half[a, q] - cost
                        from_first[a, b] = came_first[a, q]
                        from_second[a, b] = q
    return best, from_first, from_second


def beside_each_other(
    first: Candidates, second: Candidates, apart_mm: float, usual: FloatArray, cost: float
) -> FloatArray:
    """Return how well each pair of places lies to each other.

    Parameters
    ----------
    first, second : Candidates
        Of both vessels, in the same slices.
    apart_mm : float
        Distance beyond which a pair is charged.
    usual : numpy.ndarray
        Shape (slices, 2), direction along rows and columns from the first to the second.
    cost : float
        Of a score, for lying the other way round or 30 mm too far apart.

    Returns
    -------
    numpy.ndarray
        Shape (slices, first, second), at most 0; impossible pairs are hugely negative.
    """
    off = second.place_mm[:, None, :, :] - first.place_mm[:, :, None, :]
    far = np.sqrt((off * off).sum(axis=3))
    least = first.radius_mm[:, :, None] + second.radius_mm[:, None, :] - OVERLAP_MM
    right_way = (off * usual[:, None, None, :]).sum(axis=3)
    out = -cost * np.clip(0.5 - right_way / 8.0, 0.0, 1.0)
    out -= cost * np.maximum(far - apart_mm, 0.0) / 30.0
    result: FloatArray = np.where(far < least, NOT_SO, out)
    return result


def follow_pair(
    first: Candidates, second: Candidates, relation: FloatArray, reach_mm: float
) -> NDArray[np.int64]:
    """Return the pair of chains with the best sum, from the first slice to the last.

    Parameters
    ----------
    first, second : Candidates
        Of both vessels, in the same slices.
    relation : numpy.ndarray
        As :func:`beside_each_other` returns it.
    reach_mm : float
        The farthest a vessel moves from one slice to the next.

    Returns
    -------
    numpy.ndarray
        Shape (slices, 2), the candidate of each; shorter where no way leads on.
    """
    total = first.worth[0][:, None] + second.worth[0][None, :] + relation[0]
    came: list[tuple[NDArray[np.int16], NDArray[np.int16]]] = []
    for k in range(len(relation) - 1):
        ways = (
            _changes(one.place_mm, one.radius_mm, one.mean_hu, k, reach_mm)
            for one in (first, second)
        )
        best, from_first, from_second = _step(total, *ways)
        best += first.worth[k + 1][:, None] + second.worth[k + 1][None, :] + relation[k + 1]
        if best.max() < 0.5 * NOT_SO:
            break
        came.append((from_first, from_second))
        total = best
    a, b = (int(n) for n in np.unravel_index(int(total.argmax()), total.shape))
    chain = [(a, b)]
    for from_first, from_second in reversed(came):
        a, b = int(from_first[a, b]), int(from_second[a, b])
        chain.append((a, b))
    return np.array(chain[::-1], dtype=np.int64)

"""The femur told from the hip bone at their joint, by the ball that turns in the socket.

The ball is where dense bone ends all round, up and to the middle, in a gap that bone follows again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy
from numpy.typing import NDArray

from imaging.geometry import BoolArray, FloatArray
from imaging.structures.partition import share_out

RADII_MM = (19.0, 20.5, 22.0, 23.5, 25.0, 26.5, 28.0)  # of heads with their cartilage [BG]
DIRECTIONS = 120
COARSE_PLACE_MM = 5.0
FINE_PLACE_MM = 1.5
INSIDE_MM = 3.0
GAP_MM = 4.0
BEHIND_MM = 9.0
DEEPEST_HU = 250.0  # fall from the head's cortex into the gap that counts in full
LEAST_FIT = 0.33
UNEVEN_MM = 20.0  # between the heights, and the depths, of both heads
LEAST_INSIDE_HU = 90.0
SOLID = 0.7  # of the least radius: within it a head is bone all round
SOLID_SHARE = 0.85  # of the directions; the neck and its fat lie in some
METAL_HU = 2200.0
METAL_ML = 2.0
LEAST_ML = 40.0
SHAFT_SIDE_MM = 14.0  # beside the middle of the head and below it: trochanter and shaft
ROOF_MM = 5.0  # above the head there is only the hip bone
MEDIAL_MM = 6.0  # as much beyond the head to the middle


@dataclass(frozen=True)
class Ball:
    """A femoral head.

    Parameters
    ----------
    centre_mm : tuple of float
        Millimetres along k, j, i from voxel (0, 0, 0).
    radius_mm : float
        With its cartilage.
    fit : float
        How well it fits, at most 1.
    """

    centre_mm: tuple[float, float, float]
    radius_mm: float
    fit: float

    def moved(self, voxels: list[int], spacing_mm_kji: tuple[float, float, float]) -> Ball:
        """Return it moved by a number of voxels along each axis.

        Parameters
        ----------
        voxels : list of int
            Along k, j, i.
        spacing_mm_kji : tuple of float
            Voxel size.

        Returns
        -------
        Ball
            The same, elsewhere.
        """
        k, j, i = (
            at + n * mm for at, n, mm in zip(self.centre_mm, voxels, spacing_mm_kji, strict=True)
        )
        return replace(self, centre_mm=(k, j, i))


def _box(mask: BoolArray, spacing: tuple[float, float, float]) -> tuple[slice, ...]:
    """Return the box of a mask with what rays out of a head reach around it."""
    wide = [int(np.ceil(BEHIND_MM / mm)) + 1 for mm in spacing]
    places = [np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {n}))) for n in range(3)]
    return tuple(
        slice(max(0, int(at[0]) - n), int(at[-1]) + n + 1) if len(at) else slice(0, 0)
        for at, n in zip(places, wide, strict=True)
    )


def split_femora(
    hu: NDArray[np.int16],
    labels: NDArray[np.int16],
    names: tuple[str, ...],
    spacing_mm_kji: tuple[float, float, float],
) -> tuple[NDArray[np.int16], tuple[str, ...]]:
    """Tell the femora from the hip bones they were found with.

    Parameters
    ----------
    hu : numpy.ndarray
        Shape (k, j, i) along the patient's axes, HU.
    labels : numpy.ndarray
        Same shape: place in ``names`` plus one; changed in place.
    names : tuple of str
        Of the bones.
    spacing_mm_kji : tuple of float
        Voxel size.

    Returns
    -------
    tuple
        Labels and names with ``femur_left`` and ``femur_right`` where a head was found; a side
        with metal takes the place of the other side's head, mirrored.
    """
    hips = {
        side: names.index(f"hip_{side}") + 1 for side in ("left", "right") if f"hip_{side}" in names
    }
    balls = {}
    boxes = {side: _box(labels == number, spacing_mm_kji) for side, number in hips.items()}
    metal = {}
    for side, number in hips.items():
        box = boxes[side]
        hip = labels[box] == number
        metal[side] = _has_metal(hu[box], hip, spacing_mm_kji)
        ball = None if metal[side] else _find_ball(hu[box], hip, side, spacing_mm_kji)
        if ball is not None:
            balls[side] = ball.moved([s.start for s in box], spacing_mm_kji)
    if len(balls) == 2:
        left, right = balls["left"].centre_mm, balls["right"].centre_mm
        if max(abs(left[0] - right[0]), abs(left[1] - right[1])) > UNEVEN_MM:
            return labels, names  # at least one is wrong, and nothing tells which
    for side in hips:
        other = balls.get("left" if side == "right" else "right")
        if side not in balls and other is not None and metal[side]:
            balls[side] = _mirrored(other, labels, names, spacing_mm_kji)
    for side, ball in balls.items():
        box = boxes[side]
        own = ball.moved([-s.start for s in box], spacing_mm_kji)
        femur = _femur(hu[box], labels[box] == hips[side], own, side, spacing_mm_kji)
        if femur.sum() * float(np.prod(spacing_mm_kji)) / 1000.0 > LEAST_ML / 2:
            names = (*names, f"femur_{side}")
            labels[box][femur] = len(names)
    return labels, names


def _directions() -> FloatArray:
    """Return unit vectors all round (k, j, i), evenly spread on a spiral."""
    n = np.arange(DIRECTIONS)
    up = 1.0 - 2.0 * (n + 0.5) / DIRECTIONS
    turn = np.pi * (1.0 + np.sqrt(5.0)) * n
    flat = np.sqrt(1.0 - up**2)
    return np.column_stack([up, flat * np.sin(turn), flat * np.cos(turn)])


def _find_ball(
    hu: NDArray[np.int16], hip: BoolArray, side: str, spacing: tuple[float, float, float]
) -> Ball | None:
    """Return the head in one hip bone, if there is one."""
    if hip.sum() * float(np.prod(spacing)) / 1000.0 < LEAST_ML:
        return None
    mm = np.array(spacing)
    low, high = np.zeros(3), (np.array(hip.shape) - 1) * mm
    axes = [np.arange(a, b + 1.0, COARSE_PLACE_MM) for a, b in zip(low, high, strict=True)]
    places = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    near = np.rint(places / mm).astype(int)
    near = np.minimum(near, np.array(hip.shape) - 1)
    places = places[scipy.ndimage.binary_dilation(hip, iterations=2)[tuple(near.T)]]
    places = places[_near_solid(hip, spacing, places)]
    if not len(places):
        return None
    smooth = scipy.ndimage.gaussian_filter(np.clip(hu, -200, 900).astype(np.float32), 0.6)
    ball = _best(smooth, places, side, mm)
    around = np.arange(-COARSE_PLACE_MM, COARSE_PLACE_MM + 0.1, FINE_PLACE_MM)
    grid = np.stack(np.meshgrid(around, around, around, indexing="ij"), axis=-1).reshape(-1, 3)
    ball = _best(smooth, np.array(ball.centre_mm) + grid, side, mm)
    return ball if ball.fit > LEAST_FIT else None


def _near_solid(
    hip: BoolArray, spacing: tuple[float, float, float], places: FloatArray
) -> BoolArray:
    """Return the places around which a ball's worth is mostly bone."""
    size = [max(1, round(2 * RADII_MM[0] * 0.6 / mm)) for mm in spacing]
    share = scipy.ndimage.uniform_filter(hip.astype(np.float32), size)
    index = np.minimum(np.rint(places / np.array(spacing)).astype(int), np.array(hip.shape) - 1)
    result: BoolArray = share[tuple(index.T)] > 0.5
    return result


def _best(smooth: NDArray[np.float32], places: FloatArray, side: str, mm: FloatArray) -> Ball:
    """Return the ball that fits best among places and radii."""
    directions = _directions()
    medial = -1.0 if side == "left" else 1.0
    weight = 0.5 + directions[:, 0] + 0.7 * medial * directions[:, 2]
    weight = np.clip(weight, 0.0, None)  # the neck leaves downward and outward
    weight /= weight.sum()
    best = Ball((0.0, 0.0, 0.0), 0.0, -1.0)

    def at(reach_mm: float) -> NDArray[np.float32]:
        where = (places[:, None] + reach_mm * directions) / mm
        values: NDArray[np.float32] = scipy.ndimage.map_coordinates(
            smooth, where.reshape(-1, 3).T, order=1, mode="nearest"
        )
        return values.reshape(len(places), DIRECTIONS)

    places = places[(at(SOLID * RADII_MM[0]) > LEAST_INSIDE_HU).mean(axis=1) > SOLID_SHARE]
    if not len(places):
        return best
    for radius in RADII_MM:
        inside = np.maximum(at(radius - INSIDE_MM), at(radius - 0.5 * INSIDE_MM))
        gap = np.minimum(at(radius + 0.3 * GAP_MM), at(radius + 0.8 * GAP_MM))
        behind = np.maximum(at(radius + 0.8 * BEHIND_MM), at(radius + BEHIND_MM))
        fall = np.clip((inside - gap) / DEEPEST_HU, -0.5, 1.0)
        rise = np.clip((behind - gap) / DEEPEST_HU, -0.2, 1.0)
        fit = ((0.6 * fall + 0.4 * rise) * weight).sum(axis=1)
        n = int(fit.argmax())
        if fit[n] > best.fit:
            k, j, i = (float(x) for x in places[n])
            best = Ball((k, j, i), radius, float(fit[n]))
    return best


def _has_metal(hu: NDArray[np.int16], hip: BoolArray, spacing: tuple[float, float, float]) -> bool:
    return bool((hu[hip] > METAL_HU).sum() * float(np.prod(spacing)) / 1000.0 > METAL_ML)


def _mirrored(
    ball: Ball,
    labels: NDArray[np.int16],
    names: tuple[str, ...],
    spacing: tuple[float, float, float],
) -> Ball:
    """Return a head at the other side's place, mirrored in the middle between the hip bones."""
    columns = []
    for side in ("left", "right"):
        hip = (labels == names.index(f"hip_{side}") + 1).any(axis=(0, 1))
        where = np.flatnonzero(hip)
        columns.append((float(where[0]), float(where[-1])))
    middle = 0.5 * (columns[0][1] + columns[1][0]) * spacing[2]
    inner = 0.5 * (columns[0][0] + columns[1][1]) * spacing[2]
    k, j, i = ball.centre_mm
    return Ball((k, j, (middle + inner) - i), ball.radius_mm, ball.fit)


def _femur(
    hu: NDArray[np.int16],
    hip: BoolArray,
    ball: Ball,
    side: str,
    spacing: tuple[float, float, float],
) -> BoolArray:
    """Return the part of a hip bone that hangs on the head, not on the socket."""
    axes = [np.arange(n) * mm for n, mm in zip(hip.shape, spacing, strict=True)]
    up = (axes[0] - ball.centre_mm[0])[:, None, None]
    back = (axes[1] - ball.centre_mm[1])[None, :, None]
    outward = (axes[2] - ball.centre_mm[2])[None, None, :] * (1.0 if side == "left" else -1.0)
    far = np.sqrt(up**2 + back**2 + outward**2)
    head = far < ball.radius_mm - 0.5
    shaft = (outward > SHAFT_SIDE_MM) & (up < 0.0) & (np.abs(back) < 2 * ball.radius_mm)
    roof = (up > ball.radius_mm + ROOF_MM) | (outward < -ball.radius_mm - MEDIAL_MM)
    socket = (
        (far > ball.radius_mm + GAP_MM) & (up > 0.3 * ball.radius_mm) & (outward < ball.radius_mm)
    )
    seeds = np.zeros(hip.shape, dtype=np.int16)
    seeds[np.broadcast_to(roof, hip.shape) | socket] = 1
    seeds[head | np.broadcast_to(shaft, hip.shape)] = 2
    seeds[~hip] = 0
    result: BoolArray = share_out(hu, hip, seeds, spacing) == 2
    return result

"""Balls along lines and sheets that run smoothly through a few control points."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import PchipInterpolator, RectBivariateSpline, make_interp_spline

from imaging.geometry import FloatArray
from imaging.phantom.solids import Balls

GAP_MM = 1.0  # distance between neighbouring balls: ripples stay below 0.05 mm from 2.5 mm radius


def line(points_lps_mm: ArrayLike, count: int) -> FloatArray:
    """Return points evenly along a smooth line.

    Parameters
    ----------
    points_lps_mm : array_like
        Shape (n, 3), at least two, on the line.
    count : int
        Points wanted.

    Returns
    -------
    numpy.ndarray
        Shape (count, 3).
    """
    points = np.asarray(points_lps_mm, dtype=float)
    along = _lengths(points)
    curve = make_interp_spline(along, points, k=min(3, len(points) - 1))
    fine = curve(np.linspace(0, along[-1], 400))
    travelled = _lengths(fine)
    even = np.linspace(0, travelled[-1], count)
    return np.stack([np.interp(even, travelled, fine[:, axis]) for axis in range(3)], axis=1)


def chain(points_mm: ArrayLike, *, level: float = 1.0, gap_mm: float = GAP_MM) -> Balls:
    """Return balls along a smooth line.

    Parameters
    ----------
    points_mm : array_like
        Shape (n, 4): x, y, z and radius.
    level : float
        As in :class:`Balls`.
    gap_mm : float
        Distance between balls.

    Returns
    -------
    Balls
        A rod of changing thickness.
    """
    rows = np.asarray(points_mm, dtype=float)
    points, radii = rows[:, :3], rows[:, 3]
    along = _lengths(points)
    count = max(2, int(along[-1] * 1.1 / gap_mm) + 1)
    thickness = PchipInterpolator(along / along[-1], radii)(np.linspace(0, 1, count))
    return Balls(line(points, count), thickness, level)


def sheet(net_mm: ArrayLike, *, gap_mm: float = GAP_MM) -> Balls:
    """Return balls on a smooth sheet.

    Parameters
    ----------
    net_mm : array_like
        Shape (m, n, 4): x, y, z and half thickness of m × n control points.
    gap_mm : float
        Distance between balls.

    Returns
    -------
    Balls
        A plate of changing thickness.
    """
    net = np.asarray(net_mm, dtype=float)
    rows, columns = net.shape[:2]
    down = np.linalg.norm(np.diff(net[..., :3], axis=0), axis=-1).sum(axis=0).max()
    across = np.linalg.norm(np.diff(net[..., :3], axis=1), axis=-1).sum(axis=1).max()
    s = np.linspace(0, rows - 1, max(2, int(1.1 * down / gap_mm) + 1))
    t = np.linspace(0, columns - 1, max(2, int(1.1 * across / gap_mm) + 1))
    degrees = {"kx": min(3, rows - 1), "ky": min(3, columns - 1)}
    parts = [
        RectBivariateSpline(np.arange(rows), np.arange(columns), net[..., n], s=0, **degrees)(s, t)
        for n in range(4)
    ]
    centres = np.stack(parts[:3], axis=-1).reshape(-1, 3)
    return Balls(centres, np.maximum(parts[3].ravel(), 0.5))


def together(*groups: Balls) -> Balls:
    """Return several groups of whole balls as one.

    Parameters
    ----------
    *groups : Balls
        At least one.

    Returns
    -------
    Balls
        All of them.
    """
    centres = np.concatenate([group.centres_lps_mm for group in groups])
    return Balls(centres, np.concatenate([group.radii_mm for group in groups]))


def _lengths(points: FloatArray) -> FloatArray:
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    return np.concatenate([[0.0], np.cumsum(steps)])

"""Vessels and kidneys named and painted, once the levels of the spine are known."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from imaging.geometry import BoolArray
from imaging.structures.canal import Canal
from imaging.structures.coarse import CoarseImage
from imaging.structures.contrast import Contrast
from imaging.structures.kidneys import find_kidneys
from imaging.structures.tube import Tube
from imaging.structures.vessels import Front, above_fork, paint_tube

CONTRAST_HU = 90  # half way from soft tissue to the least contrast that is looked for


def fork_slices(heights: dict[str, float]) -> dict[str, float | None]:
    """Return the slices at whose height the great vessels usually fork.

    Parameters
    ----------
    heights : dict
        Name of a vertebra to the slice of its middle.

    Returns
    -------
    dict
        The aorta at the middle of L4, the cava between L4 and L5 (general anatomy [BG]); far below
        or above the image where other levels are seen; None where no level is known.
    """
    fourth = level_slice(heights, "L4", 0.0)
    below = level_slice(heights, "L4", 0.5)
    return {"aorta": fourth, "inferior_vena_cava": below}


def level_slice(heights: dict[str, float], level: str, below: float) -> float | None:
    """Return the slice at the height of a lumbar level, also when it lies outside the image.

    Parameters
    ----------
    heights : dict
        Name of a vertebra to the slice of its middle.
    level : str
        ``L1`` to ``L5``.
    below : float
        Vertebrae below its middle: 0.5 is the disc below it.

    Returns
    -------
    float or None
        Slice, continued at the mean height of the vertebrae seen; None without two known levels.
    """
    known = sorted(
        (_place(name), slice_) for name, slice_ in heights.items() if _place(name) is not None
    )
    if len(known) < 2:
        return None
    places = np.array([place for place, _ in known], dtype=float)
    slices = np.array([slice_ for _, slice_ in known])
    wanted = 12.0 + int(level[1:]) + below
    if places[0] <= wanted <= places[-1]:
        return float(np.interp(wanted, places, slices))
    each = (slices[-1] - slices[0]) / (places[-1] - places[0])
    end = -1 if wanted > places[-1] else 0
    return float(slices[end] + each * (wanted - places[end]))


def _place(name: str) -> int | None:
    """Return the place of a thoracic or lumbar vertebra, T1 being 1."""
    level = name.removeprefix("vertebrae_")
    if level == name or level[0] not in "TL":
        return None
    return int(level[1:]) + (12 if level[0] == "L" else 0)


def name_vessels(
    tubes: dict[str, Tube], front: Front, heights: dict[str, float]
) -> dict[str, Tube]:
    """Return the great vessels above their forks.

    Parameters
    ----------
    tubes : dict
        Name to vessel as followed.
    front : Front
        Their grid.
    heights : dict
        Name of a vertebra to the slice of its middle.

    Returns
    -------
    dict
        Name to vessel; one that lies below its fork only is left out.
    """
    forks = fork_slices(heights)
    parts = {name: above_fork(tube, front, forks[name]) for name, tube in tubes.items()}
    return {name: tube for name, tube in parts.items() if tube is not None}


def paint_vessels(
    labels: NDArray[np.uint8],
    image: CoarseImage,
    tubes: Iterable[tuple[str, Tube]],
    number: dict[str, int],
    over: tuple[int, ...],
) -> None:
    """Paint the named vessels.

    Parameters
    ----------
    labels : numpy.ndarray
        Shape (k, j, i) along the patient's axes, changed in place.
    image : CoarseImage
        Their grid.
    tubes : iterable of (str, Tube)
        Name and vessel; earlier ones are not painted over.
    number : dict
        Name to label.
    over : tuple of int
        Labels they may replace.
    """
    for name, tube in tubes:
        paint_tube(tube, image, labels, number[name], over)


def paint_kidneys(
    labels: NDArray[np.uint8],
    hu: NDArray[np.int16],
    bone: BoolArray,
    canal: Canal,
    spacing_mm_kji: tuple[float, float, float],
    heights: dict[str, float],
    number: dict[str, int],
    over: tuple[int, ...],
) -> None:
    """Find the kidneys and paint them.

    Parameters
    ----------
    labels : numpy.ndarray
        Shape (k, j, i) along the patient's axes, changed in place.
    hu : numpy.ndarray
        Same shape, HU.
    bone : numpy.ndarray
        Same shape.
    canal : Canal
        The spinal canal.
    spacing_mm_kji : tuple of float
        Voxel size.
    heights : dict
        Name of a vertebra to the slice of its middle.
    number : dict
        Name to label.
    over : tuple of int
        Labels they may replace.
    """
    middle = level_slice(heights, "L1", 0.5)
    for kidney in find_kidneys(hu, bone, canal, spacing_mm_kji, middle):
        own = Contrast(kidney.mask, kidney.image)
        for k, plane in enumerate(labels):
            inside = own.plane(k, plane.shape)
            if inside.any():
                plane[inside & np.isin(plane, over)] = number[f"kidney_{kidney.side}"]


def paint_contrast(
    labels: NDArray[np.uint8],
    hu: NDArray[np.int16],
    contrast: Contrast,
    label: int,
    over: tuple[int, ...],
) -> None:
    """Paint what is filled with contrast and was not named.

    Parameters
    ----------
    labels : numpy.ndarray
        Shape (k, j, i) along the patient's axes, changed in place.
    hu : numpy.ndarray
        Same shape, HU.
    contrast : Contrast
        As found.
    label : int
        Of unnamed vessels.
    over : tuple of int
        Labels it may replace.
    """
    for k, plane in enumerate(labels):
        inside = contrast.plane(k, plane.shape)
        if inside.any():
            plane[inside & (hu[k] > CONTRAST_HU) & np.isin(plane, over)] = label

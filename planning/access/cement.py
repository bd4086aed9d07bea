"""Cementoplasty: how much the lesion may hold, and where cement may leak to."""

from __future__ import annotations

from typing import Literal

import numpy as np
import scipy

from imaging.document import Document, Vector
from imaging.geometry import BoolArray, FloatArray, filled_block
from imaging.measurement.breach import find_breach
from imaging.measurement.distances import distances
from imaging.measurement.frame import bone_of
from imaging.measurement.posterior_wall import posterior_wall
from imaging.measurement.vertebra import is_vertebra
from imaging.structures.model import SPINAL_CANAL, is_bone
from planning.access.request import AccessRequest

ENVELOPE_MM = (8.0, 25.0)  # radius by which the bone's gaps are closed: least and most
WIDER = 2.6  # than the lesion is thick, so that its own gap is closed nearly flat
VESSELS = ("aorta", "inferior_vena_cava", "iliac_", "vessel", "portal_vein")
ROOTS = ("nerve_root", "sacral_foramen")
DISC_MM = 3.0  # between the cavity and the gap to the neighbouring vertebra
PairKind = Literal["wall", "posterior_wall", "vein", "joint", "disc", "foramen"]


class Leak(Document):
    """A place where cement may leave the bone.

    Attributes
    ----------
    kind : str
        ``wall``, ``posterior_wall``, ``vein``, ``joint``, ``disc`` or ``foramen``.
    name : str
        Structure it would reach; empty for a wall.
    is_seen : bool or None
        True where the CT shows the way; None where it is only near, or not visible on any CT.
    gap_mm : float
        Between cavity and place; 0 for an open wall.
    at_lps_mm : Vector or None
        Where; None for what no CT shows.
    area_mm2 : float or None
        Of an open wall.
    """

    kind: PairKind
    name: str
    is_seen: bool | None
    gap_mm: float
    at_lps_mm: Vector | None
    area_mm2: float | None = None


class CementPlan(Document):
    """What may be filled through a way in.

    Attributes
    ----------
    bone : str
        Bone that holds the lesion; empty when none is known.
    fillable_ml : float
        Part of the lesion within the bone's envelope that is connected with the way's tip. It is
        the room there is, not a dose: volume and relief do not correlate (B15).
    outside_ml : float
        Part of the lesion outside the bone, which is not to be filled.
    leaks : tuple of Leak
        Open walls first, then by distance.
    rules : tuple of str
        Ids of the clinical rules that speak.
    """

    bone: str
    fillable_ml: float
    outside_ml: float
    leaks: tuple[Leak, ...]
    rules: tuple[str, ...] = ("A39", "A48", "A49", "B15")


def cement_plan(request: AccessRequest, tip_lps_mm: FloatArray) -> CementPlan:
    """Return what may be filled from a needle's tip, and where cement may leak.

    Parameters
    ----------
    request : AccessRequest
        The case.
    tip_lps_mm : numpy.ndarray
        Shape (3,), in the lesion.

    Returns
    -------
    CementPlan
        Volumes in the CT's voxels.
    """
    bone = bone_of(request.lesion, request.structures) or ""
    inside = _within_bone(request, bone)
    fillable = _connected(request, inside, tip_lps_mm)
    voxel_ml = request.volume.grid.voxel_ml
    return CementPlan(
        bone=bone,
        fillable_ml=float(fillable.sum()) * voxel_ml,
        outside_ml=float((request.lesion & ~inside).sum()) * voxel_ml,
        leaks=_leaks(request, bone, fillable if fillable.any() else request.lesion),
    )


def _within_bone(request: AccessRequest, name: str) -> BoolArray:
    """Return the part of the lesion inside the envelope of its bone: the bone, its gaps closed."""
    grid = request.volume.grid
    inside = np.zeros(grid.size_kji, dtype=bool)
    box = filled_block(request.lesion)
    if not name or box is None:
        return inside
    depth = np.asarray(
        scipy.ndimage.distance_transform_edt(
            np.pad(request.lesion[box], 1), sampling=grid.spacing_mm_kji
        )
    )
    closed_mm = float(np.clip(WIDER * depth.max(), *ENVELOPE_MM))
    wide = np.ceil(3 * closed_mm / np.array(grid.spacing_mm_kji)).astype(int)
    part = tuple(
        slice(max(axis.start - n, 0), min(axis.stop + n, size))
        for axis, n, size in zip(box, wide, grid.size_kji, strict=True)
    )
    bone = request.structures.mask(name)[part] & ~request.lesion[part]
    if not bone.any():
        return inside
    bone = np.pad(bone, 1)
    near = scipy.ndimage.distance_transform_edt(~bone, sampling=grid.spacing_mm_kji) <= closed_mm
    within = scipy.ndimage.distance_transform_edt(near, sampling=grid.spacing_mm_kji)
    closed = (within > closed_mm) | bone
    inside[part] = closed[1:-1, 1:-1, 1:-1] & request.lesion[part]
    return inside


def _connected(request: AccessRequest, inside: BoolArray, tip_lps_mm: FloatArray) -> BoolArray:
    """Return the part of a mask that is connected with the voxel nearest to the tip."""
    box = filled_block(inside)
    if box is None:
        return inside
    parts, count = scipy.ndimage.label(inside[box])
    if count > 1:
        where = np.argwhere(parts > 0)
        start = [axis.start for axis in box]
        places = request.volume.grid.to_lps(where + start)
        nearest = where[np.argmin(np.linalg.norm(places - tip_lps_mm, axis=1))]
        found = np.zeros(inside.shape, dtype=bool)
        found[box] = parts == parts[tuple(nearest)]
        return found
    return inside


def _leaks(request: AccessRequest, bone: str, cavity: BoolArray) -> tuple[Leak, ...]:
    volume, structures = request.volume, request.structures
    leaks = []
    breach = find_breach(volume, request.lesion)
    if breach.is_open:
        leaks.append(
            Leak(
                kind="wall",
                name="",
                is_seen=True,
                gap_mm=0.0,
                at_lps_mm=breach.centre_lps_mm,
                area_mm2=breach.area_mm2,
            )
        )
    canal = structures.mask(SPINAL_CANAL)
    wall = posterior_wall(volume, request.lesion, canal if canal.any() else None)
    if wall.is_open:
        leaks.append(
            Leak(
                kind="posterior_wall",
                name=SPINAL_CANAL,
                is_seen=True,
                gap_mm=0.0,
                at_lps_mm=wall.centre_lps_mm,
                area_mm2=wall.area_mm2,
            )
        )
    for one in distances(cavity, structures, leave_out=(bone,)):
        kind = _kind_of(one.name, bone)
        reach = DISC_MM + request.settings.leak_mm if kind == "disc" else request.settings.leak_mm
        if kind is not None and one.distance_mm <= reach:
            leaks.append(
                Leak(
                    kind=kind,
                    name=one.name,
                    is_seen=None,
                    gap_mm=one.distance_mm,
                    at_lps_mm=one.to_lps_mm,
                )
            )
    if is_vertebra(bone):  # leaves the body through the middle of its posterior wall
        leaks.append(
            Leak(kind="vein", name="basivertebral_vein", is_seen=None, gap_mm=0.0, at_lps_mm=None)
        )
    return tuple(leaks)


def _kind_of(name: str, bone: str) -> PairKind | None:
    """Return what lies between the cavity and a structure near it."""
    if name.startswith(VESSELS):
        return "vein"
    if name.startswith(ROOTS):
        return "foramen"
    if is_vertebra(bone) and (is_vertebra(name) or name == "sacrum"):
        return "disc"
    if is_bone(name) and name != "bone":
        return "joint"
    return None

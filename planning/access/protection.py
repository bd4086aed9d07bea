"""Needles that protect: thermocouples between zone and nerve, and needles for dissection."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Literal

import numpy as np

from imaging.document import Document, Vector
from imaging.errors import Refusal
from imaging.geometry import BoolArray, FloatArray, Grid
from imaging.measurement.distances import SKIN, Distance, distances
from imaging.progress import SILENT, Progress
from planning.access.needles import needle_named
from planning.access.request import AccessRequest, Proposal
from planning.access.search import check_request, search_access

NERVES = (
    "spinal_canal",
    "spinal_cord",
    "*nerve*",
    "cauda_equina",
    "*plexus*",
    "lumbosacral_trunk*",
)
TO_PUSH_AWAY = (SKIN, "*bowel*", "colon", "duodenum", "rectum", "stomach", "*nerve*", "*plexus*")
FROM_NERVE_MM = 2.0  # between the tip of a thermocouple and the nerve
TIP_MM = 2.0  # radius about a place in which a tip may come to lie
THERMOCOUPLES = ("thermocouple_20g_150", "trocar_13g_150")  # alone, else through a trocar
DISSECTORS = ("infiltration_22g_150",)


class Protection(Document):
    """A needle that protects a structure.

    Attributes
    ----------
    kind : str
        ``thermocouple`` measures beside a nerve, ``dissection`` pushes a structure away.
    structure : str
        What is protected.
    gap_mm : float
        Between lesion and structure.
    tip_lps_mm : Vector
        Where its tip is wanted.
    needle : str
        Needle of the table; a thermocouple that meets bone goes through a trocar.
    way : Proposal or None
        Its way in; None when no way passes every limit.
    against : tuple of str
        Why there is none.
    from_lps_mm : Vector or None
        The lesion's place that is nearest to the structure.
    """

    kind: Literal["thermocouple", "dissection"]
    structure: str
    gap_mm: float
    tip_lps_mm: Vector
    needle: str
    way: Proposal | None
    against: tuple[str, ...] = ()
    from_lps_mm: Vector | None = None


def find_protection(request: AccessRequest, progress: Progress = SILENT) -> tuple[Protection, ...]:
    """Place a thermocouple for each nerve, and a needle for what must be pushed away.

    Thermocouples (A45) lie on the shortest line between lesion and nerve, 2 mm before the nerve,
    or half way where the gap is narrower. Needles for dissection aim at the middle of the gap.

    Parameters
    ----------
    request : AccessRequest
        The case; its needle is replaced by those of the table.
    progress : Progress
        Told between the structures.

    Returns
    -------
    tuple of Protection
        Nearest structure first.
    """
    check_request(request)
    settings = request.settings
    wanted: list[tuple[Literal["thermocouple", "dissection"], Distance]] = []
    for one in distances(request.lesion, request.structures):
        if one.distance_mm <= settings.monitored_mm and _is_one_of(one.name, NERVES):
            wanted.append(("thermocouple", one))
        if one.distance_mm <= settings.dissected_mm and _is_one_of(one.name, TO_PUSH_AWAY):
            wanted.append(("dissection", one))
    found = []
    for number, (kind, gap) in enumerate(wanted):
        part = progress.part(number / len(wanted), (number + 1) / len(wanted))
        found.append(_placed(request, kind, gap, part))
    return tuple(found)


def can_be_pushed_away(name: str) -> bool:
    """Tell whether fluid or gas may part a structure from the lesion.

    Parameters
    ----------
    name : str
        Of the structure.

    Returns
    -------
    bool
        False for what is fixed, such as cord and canal.
    """
    return _is_one_of(name, TO_PUSH_AWAY)


def _is_one_of(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _placed(
    request: AccessRequest,
    kind: Literal["thermocouple", "dissection"],
    gap: Distance,
    progress: Progress,
) -> Protection:
    start, end = np.array(gap.from_lps_mm), np.array(gap.to_lps_mm)
    length = max(float(np.linalg.norm(end - start)), 1e-6)
    share = 0.5
    if kind == "thermocouple":
        share = max(0.5, 1.0 - FROM_NERVE_MM / length)
    tip = start + share * (end - start)
    x, y, z = (float(n) for n in tip)
    ids = THERMOCOUPLES if kind == "thermocouple" else DISSECTORS
    asked = replace(request, lesion=_about(request, tip), targets_lps_mm=(), top=1)
    way: Proposal | None = None
    against: tuple[str, ...] = ()
    used = ids[0]
    for needle_id in ids:
        try:
            found = search_access(replace(asked, needle=needle_named(needle_id)), progress)
        except Refusal as refusal:
            against = against or tuple(one.where or one.code for one in refusal.problems)
            continue
        way, used, against = found.proposals[0], needle_id, ()
        break
    return Protection(
        kind=kind,
        structure=gap.name,
        gap_mm=gap.distance_mm,
        tip_lps_mm=(x, y, z),
        needle=used,
        way=way,
        against=against,
        from_lps_mm=gap.from_lps_mm,
    )


def _about(request: AccessRequest, tip_lps_mm: FloatArray) -> BoolArray:
    """Return the voxels about a place that are not forbidden, or the place's own voxel."""
    grid: Grid = request.volume.grid
    mask = np.zeros(grid.size_kji, dtype=bool)
    reach = TIP_MM / np.array(grid.spacing_mm_kji)
    at = grid.to_kji(tip_lps_mm)
    low = np.maximum(np.floor(at - reach), 0).astype(int)
    high = np.minimum(np.ceil(at + reach) + 1, grid.size_kji).astype(int)
    part = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    where = np.stack(
        np.meshgrid(*(np.arange(a, b) for a, b in zip(low, high, strict=True)), indexing="ij"),
        axis=-1,
    )
    near = np.linalg.norm(grid.to_lps(where) - tip_lps_mm, axis=-1) <= TIP_MM
    closed = [row.label for row in request.structures.table if row.class_ == "forbidden"]
    mask[part] = near & ~np.isin(request.structures.labels[part], closed)
    if not mask.any():
        nearest = grid.nearest(tip_lps_mm)
        if nearest is not None:
            mask[nearest] = True
    return mask

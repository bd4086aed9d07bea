"""The strip under each rib, where the intercostal vessels and nerve run unseen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from imaging.geometry import BoolArray, FloatArray, Grid, filled_block
from imaging.structures.model import PassageClass, Structure, Structures
from planning.access.settings import AccessSettings

BUNDLE = "intercostal_bundle_assumed"
RIB = "rib_"
PAINTED = "intercostal_bundle"  # painted by hand: what is seen goes before what is assumed


def with_rib_bundles(
    structures: Structures, canal_lps_mm: FloatArray, settings: AccessSettings
) -> Structures:
    """Return the structures with the strips under the ribs closed to needles.

    A needle passes over the upper border of a rib; under the lower border run vein, artery and
    nerve, which no native CT shows. Beside the spine, where the costovertebral way runs, the
    strip is left open.

    Parameters
    ----------
    structures : Structures
        Of the case.
    canal_lps_mm : numpy.ndarray
        Shape (n, 3), places in the spinal canal.
    settings : AccessSettings
        Width of the strip, and where it ends.

    Returns
    -------
    Structures
        With one more row where the image holds ribs.
    """
    ribs = [row.label for row in structures.table if row.name.startswith(RIB)]
    is_painted = any(name.startswith(PAINTED) for name in structures.names())
    if not ribs or settings.rib_bundle_mm == 0 or is_painted:
        return structures
    bone = _is_one_of(structures, ribs)[structures.labels]
    box = filled_block(bone)
    if box is None:
        return structures
    part, strip = _under(bone, box, structures, canal_lps_mm, settings)
    if not strip.any():
        return structures
    label = structures.free_label()
    labels = structures.labels.copy()
    labels[part][strip] = label
    row = Structure(
        name=BUNDLE,
        label=label,
        volume_ml=float(strip.sum()) * structures.grid.voxel_ml,
        class_=PassageClass.FORBIDDEN,
        found_by="assumed under the lower border of each rib",
    )
    return replace(structures, labels=labels, table=(*structures.table, row))


def _under(
    bone: BoolArray,
    box: tuple[slice, ...],
    structures: Structures,
    canal_lps_mm: FloatArray,
    settings: AccessSettings,
) -> tuple[tuple[slice, ...], BoolArray]:
    """Return a block of the image, and where the strips lie in it: soft tissue below a rib."""
    grid = structures.grid
    axis = int(np.argmax(np.abs(grid.affine_kji_to_lps[2, :3])))
    down = -1 if grid.affine_kji_to_lps[2, axis] > 0 else 1
    steps = round(settings.rib_bundle_mm / grid.spacing_mm_kji[axis])
    wide = list(box)
    below, above = (steps, 0) if down < 0 else (0, steps)
    wide[axis] = slice(
        max(box[axis].start - below, 0), min(box[axis].stop + above, bone.shape[axis])
    )
    part = tuple(wide)
    rib = np.moveaxis(bone[part], axis, 0)
    strip = np.zeros(rib.shape, dtype=bool)
    for step in range(1, min(steps, len(rib) - 1) + 1):
        here, there = (
            (slice(0, -step), slice(step, None))
            if down < 0
            else (
                slice(step, None),
                slice(0, -step),
            )
        )
        strip[here] |= rib[there]
    soft = {row.label for row in structures.table if row.class_ != PassageClass.FORBIDDEN}
    hard = {row.label for row in structures.table if row.name.startswith((RIB, "vertebra"))}
    strip = np.moveaxis(strip, 0, axis)
    strip &= _is_one_of(structures, [0, *(soft - hard)])[structures.labels[part]]
    return part, strip & ~_beside_the_spine(structures.grid, part, strip, canal_lps_mm, settings)


def _is_one_of(structures: Structures, labels: list[int]) -> BoolArray:
    table = np.zeros(int(np.iinfo(structures.labels.dtype).max) + 1, dtype=bool)
    table[labels] = True
    return table


def _beside_the_spine(
    grid: Grid,
    part: tuple[slice, ...],
    strip: BoolArray,
    canal_lps_mm: FloatArray,
    settings: AccessSettings,
) -> BoolArray:
    """Return the part of the strips that the costovertebral way needs."""
    open_ = np.zeros(strip.shape, dtype=bool)
    if not len(canal_lps_mm):
        return open_
    where = np.argwhere(strip)
    under = grid.to_lps(where + [one.start or 0 for one in part])
    z = canal_lps_mm[:, 2]
    middle = np.interp(under[:, 2], *_middles(z, canal_lps_mm[:, 0]))
    depth = np.interp(under[:, 2], *_middles(z, canal_lps_mm[:, 1]))
    near = np.hypot(under[:, 0] - middle, under[:, 1] - depth) < settings.costovertebral_mm
    open_[tuple(where[near].T)] = True
    return open_


def _middles(z_mm: np.ndarray, across_mm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean place of the canal at each height, in order of height."""
    heights, index = np.unique(np.round(z_mm), return_inverse=True)
    return heights, np.bincount(index, across_mm) / np.bincount(index)

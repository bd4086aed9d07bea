"""How much of its bone's section a lesion takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imaging.geometry import BoolArray, FloatArray
from imaging.measurement.frame import Site

LEAST_SECTION = 0.5  # of the median section; the bone's tips are smaller and say nothing


@dataclass(frozen=True)
class SectionShares:
    """Parts of the bone's section across the patient's long axis.

    Parameters
    ----------
    area_percent : float
        Greatest part of the area of one section.
    diameter_fraction : float
        Greatest part of the diameter, across or from front to back, 0 to 1.
    z_mm : float
        Height of the section with the greatest part of the area, LPS.
    """

    area_percent: float
    diameter_fraction: float
    z_mm: float


def section_shares(site: Site) -> SectionShares | None:
    """Measure the part of the bone's sections that the lesion takes.

    Parameters
    ----------
    site : Site
        Lesion and bone.

    Returns
    -------
    SectionShares or None
        On axial sections of 1 mm, as read on slices; None where the lesion is too small for one.
    """
    bone_area = site.bone.sum(axis=(1, 2)).astype(float)
    lesion_area = (site.lesion & site.bone).sum(axis=(1, 2)).astype(float)
    here = lesion_area > 0
    if not here.any():
        return None
    usable = here & (bone_area >= LEAST_SECTION * np.median(bone_area[here]))
    share = np.where(usable, lesion_area / np.maximum(bone_area, 1.0), 0.0)
    k = int(share.argmax())
    widths = [
        _extent(site.lesion & site.bone, axis) / np.maximum(_extent(site.bone, axis), 1.0)
        for axis in (1, 2)
    ]
    fraction = float(np.max([np.where(usable, width, 0.0) for width in widths]))
    return SectionShares(100.0 * float(share[k]), fraction, float(site.grid.to_lps((k, 0, 0))[2]))


def _extent(mask: BoolArray, axis: int) -> FloatArray:
    """Return the extent along an axis (1 or 2) in each section, in voxels; 0 where it is empty."""
    seen: BoolArray = np.logical_or.reduce(mask, axis=3 - axis)
    reach = seen.shape[1] - seen[:, ::-1].argmax(axis=1) - seen.argmax(axis=1)
    extent: FloatArray = np.where(seen.any(axis=1), reach, 0).astype(float)
    return extent

"""What a lesion does to its bone, and how near its neighbours are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from imaging.document import Document
from imaging.errors import refuse_image
from imaging.geometry import BoolArray, block, filled_block
from imaging.measurement.distances import Distance, distances
from imaging.measurement.frame import ROOM_Z_MM, Site, find_site
from imaging.measurement.posterior_wall import posterior_wall
from imaging.measurement.section import section_shares
from imaging.measurement.vertebra import (
    BodyHeights,
    body_share_percent,
    collapse,
    heights_of,
    is_vertebra,
)
from imaging.structures.model import SPINAL_CANAL, Structures
from imaging.volume import Volume

MARGIN_MM = 5.0  # around the room, so that its edge is no edge of the image


class Involvement(Document):
    """Measures that need the structures around a lesion; None is unknown, never normal.

    Attributes
    ----------
    bone : str or None
        The bone that holds the lesion.
    section_percent : float or None
        Greatest part of the area of the bone's axial section.
    section_z_mm : float or None
        Height of that section, LPS.
    diameter_fraction : float or None
        Greatest part of the bone's diameter on an axial section, 0 to 1.
    body_percent : float or None
        Part of the vertebral body; None elsewhere than in a vertebra.
    heights : BodyHeights or None
        Of the vertebral body.
    collapse_percent : float or None
        Greatest loss of height.
    collapse_compared_with : tuple of str
        Neighbours whose heights were taken for the height before; the own back where empty.
    posterior_wall_breach : bool or None
        Whether no wall is left towards the canal.
    posterior_wall_area_mm2 : float or None
        Of the part without wall.
    distances : tuple of Distance
        To each structure within 60 mm, nearest first.
    """

    bone: str | None = None
    section_percent: float | None = None
    section_z_mm: float | None = None
    diameter_fraction: float | None = None
    body_percent: float | None = None
    heights: BodyHeights | None = None
    collapse_percent: float | None = None
    collapse_compared_with: tuple[str, ...] = ()
    posterior_wall_breach: bool | None = None
    posterior_wall_area_mm2: float | None = None
    distances: tuple[Distance, ...] = ()


def involvement(volume: Volume, mask: BoolArray, structures: Structures) -> Involvement:
    """Measure what a lesion does to its bone.

    Parameters
    ----------
    volume : Volume
        The CT.
    mask : numpy.ndarray
        Shape of the volume, at least one voxel.
    structures : Structures
        On the volume's grid.

    Returns
    -------
    Involvement
        What cannot be measured is None.

    Raises
    ------
    ImagingError
        When the mask is empty.
    """
    if not mask.any():
        raise refuse_image("empty_mask", "the mask is empty; outline the lesion first")
    volume, mask, structures = _around(volume, mask, structures)
    site = find_site(volume, mask, structures)
    if site is None:
        return Involvement(distances=distances(mask, structures))
    measured = Involvement(
        bone=site.name, distances=distances(mask, structures, leave_out=(site.name,))
    )
    section = section_shares(site)
    if section is not None:
        measured = measured.model_copy(
            update={
                "section_percent": section.area_percent,
                "section_z_mm": section.z_mm,
                "diameter_fraction": section.diameter_fraction,
            }
        )
    if is_vertebra(site.name):
        measured = measured.model_copy(update=_of_vertebra(site, structures))
    if is_vertebra(site.name) or site.name == "sacrum":
        wall = posterior_wall(volume, mask, structures.mask(SPINAL_CANAL))
        measured = measured.model_copy(
            update={
                "posterior_wall_breach": wall.is_open,
                "posterior_wall_area_mm2": wall.area_mm2,
            }
        )
    return measured


def _around(
    volume: Volume, mask: BoolArray, structures: Structures
) -> tuple[Volume, BoolArray, Structures]:
    """Return the neighbourhood of the lesion, on which everything is measured."""
    grid = volume.grid
    found = filled_block(mask) or (slice(0, 1),) * 3
    ends = grid.to_lps(np.array([[s.start, s.stop - 1] for s in found]).T)
    start, size = grid.around(ends, ROOM_Z_MM + MARGIN_MM)
    part = block(start, size)
    crop = volume.cropped(start, size)
    near = replace(structures, labels=structures.labels[part], grid=crop.grid)
    return crop, mask[part], near


def _of_vertebra(site: Site, structures: Structures) -> dict[str, object]:
    found: dict[str, object] = {"body_percent": body_share_percent(site)}
    heights = heights_of(site, site.bone)
    if heights is None:
        return found
    lost = collapse(heights, site, structures)
    return found | {
        "heights": heights,
        "collapse_percent": lost.percent,
        "collapse_compared_with": lost.compared_with,
    }


def nearest(measured: Involvement, *names: str) -> Distance | None:
    """Return the shortest of the ways to the named structures.

    Parameters
    ----------
    measured : Involvement
        Of a lesion.
    *names : str
        Structures.

    Returns
    -------
    Distance or None
        None where none of them lies within reach.
    """
    return next((one for one in measured.distances if one.name in names), None)

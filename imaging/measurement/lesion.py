"""Everything that is measured of a lesion's mask."""

from __future__ import annotations

from typing import Literal, cast

import numpy as np

from imaging.document import Document, Vector
from imaging.errors import refuse_image
from imaging.geometry import BoolArray
from imaging.measurement.breach import cortical_breach
from imaging.measurement.diameters import diameters, diameters_in_slice
from imaging.volume import Volume

Kind = Literal["lytic", "mixed", "blastic"]

DENSE_HU = 300  # above cancellous bone of a healthy adult [BG]
SOFT_HU = 130  # below cancellous bone of a healthy adult [BG]
MOSTLY = 0.6
HARDLY = 0.15


class AxialDiameters(Document):
    """Diameters in the slice with the greatest one.

    Attributes
    ----------
    length_mm, width_mm : float
        Within the plane of the slice.
    slice_k : int
        Index of the slice.
    """

    length_mm: float
    width_mm: float
    slice_k: int


class LesionMeasurement(Document):
    """The measures of a lesion, as ``osteoplan measure`` prints them.

    Attributes
    ----------
    length_mm, width_mm : float
        Greatest diameter in three dimensions; greatest extent across it.
    volume_formula_ml : float
        length × width² / 2000 (clinical rule A1).
    volume_ml : float
        Volume of the mask.
    length_ends_lps_mm, width_ends_lps_mm : tuple
        Ends of both diameters.
    axial : AxialDiameters
        In the slice with the greatest diameter.
    centroid_lps_mm : Vector
        Centre of mass of the mask.
    mean_hu : float
        Mean density.
    kind : str
        ``lytic``, ``mixed`` or ``blastic``, by the shares of soft and dense voxels.
    cortical_breach : bool or None
        None where it cannot be judged.
    voxels : int
        Number of voxels.
    """

    length_mm: float
    width_mm: float
    volume_formula_ml: float
    volume_ml: float
    length_ends_lps_mm: tuple[Vector, Vector]
    width_ends_lps_mm: tuple[Vector, Vector]
    axial: AxialDiameters
    centroid_lps_mm: Vector
    mean_hu: float
    kind: Kind
    cortical_breach: bool | None
    voxels: int


def measure(volume: Volume, mask: BoolArray) -> LesionMeasurement:
    """Measure a lesion.

    Parameters
    ----------
    volume : Volume
        The CT.
    mask : numpy.ndarray
        Shape of the volume, at least one voxel.

    Returns
    -------
    LesionMeasurement
        All measures; none is rounded.

    Raises
    ------
    ImagingError
        When the mask is empty.
    """
    voxels = int(mask.sum())
    if voxels == 0:
        raise refuse_image("empty_mask", "the mask is empty; outline the lesion first")
    grid = volume.grid
    spatial = diameters(mask, grid)
    axial, slice_k = diameters_in_slice(mask, grid)
    centroid = grid.to_lps(np.argwhere(mask).mean(axis=0))
    values = volume.hu[mask]
    return LesionMeasurement(
        length_mm=spatial.length_mm,
        width_mm=spatial.width_mm,
        volume_formula_ml=spatial.length_mm * spatial.width_mm**2 / 2000.0,
        volume_ml=voxels * grid.voxel_ml,
        length_ends_lps_mm=spatial.length_ends_lps_mm,
        width_ends_lps_mm=spatial.width_ends_lps_mm,
        axial=AxialDiameters(length_mm=axial.length_mm, width_mm=axial.width_mm, slice_k=slice_k),
        centroid_lps_mm=cast("Vector", tuple(float(n) for n in centroid)),
        mean_hu=float(values.mean()),
        kind=lesion_kind(values),
        cortical_breach=cortical_breach(volume, mask),
        voxels=voxels,
    )


def lesion_kind(values_hu: np.ndarray) -> Kind:
    """Tell lytic, mixed and blastic apart by the shares of soft and dense voxels.

    Parameters
    ----------
    values_hu : numpy.ndarray
        Values inside the lesion.

    Returns
    -------
    str
        ``blastic`` when most is denser than 300 HU, ``lytic`` when hardly any is and most is
        softer than 130 HU, else ``mixed``.
    """
    dense = float((values_hu > DENSE_HU).mean())
    soft = float((values_hu < SOFT_HU).mean())
    if dense >= MOSTLY:
        return "blastic"
    if dense <= HARDLY and soft >= MOSTLY:
        return "lytic"
    return "mixed"

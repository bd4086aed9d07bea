"""Everything that is measured of a lesion's mask."""

from __future__ import annotations

from typing import Literal, cast

import numpy as np
import scipy

from imaging.document import Document, Vector
from imaging.errors import refuse_image
from imaging.geometry import BoolArray, Grid, filled_block, filled_places
from imaging.measurement.breach import Breach, find_breach
from imaging.measurement.diameters import diameters, diameters_in_slice
from imaging.measurement.posterior_wall import PosteriorWall, posterior_wall
from imaging.volume import Volume

Kind = Literal["lytic", "mixed", "blastic"]

DENSE_HU = 300  # above cancellous bone of a healthy adult [BG]
SOFT_HU = 130  # below cancellous bone of a healthy adult [BG]
SURFACE_SMOOTHING_VOXELS = 0.8
SURFACE_PAD = 4
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


class Density(Document):
    """Spread of the density of a lesion, in Hounsfield units.

    Attributes
    ----------
    sd, p5, median, p95 : float
        Standard deviation and percentiles.
    """

    sd: float
    p5: float
    median: float
    p95: float


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
    surface_mm2 : float or None
        Area of the half level between lesion and the rest; None in plans that did not measure it.
    hu : Density or None
        Spread of the density.
    breach_area_mm2 : float or None
        Of the largest opening of the cortex; None without one.
    breach_lps_mm : Vector or None
        Middle of that opening.
    thin_cortex_mm2 : float or None
        Area without visible cortex that is too small a part of the surface to be called a breach;
        None without one.
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
    surface_mm2: float | None = None
    hu: Density | None = None
    breach_area_mm2: float | None = None
    breach_lps_mm: Vector | None = None
    thin_cortex_mm2: float | None = None


def measure(volume: Volume, mask: BoolArray, canal: BoolArray | None = None) -> LesionMeasurement:
    """Measure a lesion.

    Parameters
    ----------
    volume : Volume
        The CT.
    mask : numpy.ndarray
        Shape of the volume, at least one voxel.
    canal : numpy.ndarray or None
        Same shape: the spinal canal, towards which a lesion can break out too; None where there is
        none, or it is not known.

    Returns
    -------
    LesionMeasurement
        All measures; none is rounded.

    Raises
    ------
    ImagingError
        When the mask is empty.
    """
    filled = filled_block(mask)
    if filled is None:
        raise refuse_image("empty_mask", "the mask is empty; outline the lesion first")
    grid = volume.grid
    spatial = diameters(mask, grid)
    axial, slice_k = diameters_in_slice(mask, grid)
    centroid = grid.to_lps(filled_places(mask).mean(axis=0))
    values = volume.hu[filled][mask[filled]]
    breach = _widest(find_breach(volume, mask), posterior_wall(volume, mask, canal))
    p5, median, p95 = (float(n) for n in np.percentile(values, (5, 50, 95)))
    return LesionMeasurement(
        length_mm=spatial.length_mm,
        width_mm=spatial.width_mm,
        volume_formula_ml=spatial.length_mm * spatial.width_mm**2 / 2000.0,
        volume_ml=len(values) * grid.voxel_ml,
        length_ends_lps_mm=spatial.length_ends_lps_mm,
        width_ends_lps_mm=spatial.width_ends_lps_mm,
        axial=AxialDiameters(length_mm=axial.length_mm, width_mm=axial.width_mm, slice_k=slice_k),
        centroid_lps_mm=cast("Vector", tuple(float(n) for n in centroid)),
        mean_hu=float(values.mean()),
        kind=lesion_kind(values),
        cortical_breach=breach.is_open,
        voxels=len(values),
        surface_mm2=surface_mm2(mask, grid),
        hu=Density(sd=float(values.std()), p5=p5, median=median, p95=p95),
        breach_area_mm2=breach.area_mm2,
        breach_lps_mm=breach.centre_lps_mm,
        thin_cortex_mm2=breach.thin_mm2,
    )


def _widest(outward: Breach, wall: PosteriorWall) -> Breach:
    """Return the larger of the openings towards soft tissue and towards the canal."""
    if not wall.is_open or (wall.area_mm2 or 0.0) <= (outward.area_mm2 or 0.0):
        return outward
    return Breach(is_open=True, area_mm2=wall.area_mm2, centre_lps_mm=wall.centre_lps_mm)


def surface_mm2(mask: BoolArray, grid: Grid) -> float:
    """Measure the area of a mask's surface.

    Parameters
    ----------
    mask : numpy.ndarray
        Shape ``grid.size_kji``, at least one voxel.
    grid : Grid
        Where it lies.

    Returns
    -------
    float
        Square millimetres of the half level (marching cubes) after smoothing by half a voxel, which
        takes the staircase away that would add half as much again.
    """
    from skimage.measure import marching_cubes, mesh_surface_area

    found = filled_block(mask)
    part = np.pad(mask[found].astype(np.float32), SURFACE_PAD)
    smooth = scipy.ndimage.gaussian_filter(part, SURFACE_SMOOTHING_VOXELS)
    level = min(0.5, 0.99 * float(smooth.max()))
    corners, faces, _, _ = marching_cubes(smooth, level, spacing=grid.spacing_mm_kji)
    return float(mesh_surface_area(corners, faces))


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

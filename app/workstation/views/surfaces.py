"""Surfaces for the three-dimensional view, made without a window so that the worker can do it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkCommonDataModel import vtkImageData, vtkPolyData
from vtkmodules.vtkFiltersCore import (
    vtkFlyingEdges3D,
    vtkPolyDataConnectivityFilter,
    vtkPolyDataNormals,
    vtkQuadricDecimation,
    vtkWindowedSincPolyDataFilter,
)

from imaging.geometry import Grid
from imaging.orientation import Orientation
from imaging.progress import SILENT, Progress
from imaging.structures.body import find_body
from imaging.volume import AIR_HU, Volume

BONE_SURFACE_HU = 190.0  # cancellous bone of the elderly lies above muscle and contrast's rim [BG]
COARSE_MM = 2.0  # the skeleton is drawn on voxels of about this size
MOST_TRIANGLES = 150_000  # that software rendering still turns smoothly
LEAST_PIECE_TRIANGLES = 400  # smaller pieces are noise, calcifications or the couch's edge


@dataclass(frozen=True, eq=False)
class Mesh:
    """A surface of triangles.

    Parameters
    ----------
    points_lps_mm : numpy.ndarray
        Shape (n, 3), float32.
    normals : numpy.ndarray
        Shape (n, 3), float32, outward.
    triangles : numpy.ndarray
        Shape (m, 3), int64, indices of points.
    """

    points_lps_mm: NDArray[np.float32]
    normals: NDArray[np.float32]
    triangles: NDArray[np.int64]


def bone_mesh(volume: Volume, progress: Progress = SILENT) -> Mesh:
    """Return the surface of bone, on a coarsened grid.

    Parameters
    ----------
    volume : Volume
        The CT.
    progress : Progress
        Told between the steps.

    Returns
    -------
    Mesh
        At 190 HU, the couch and small pieces left out.
    """
    progress.update(0.0, "surface")
    values, grid = coarsened(volume.hu, volume.grid, COARSE_MM)
    progress.update(0.2, "surface")
    turned = Orientation.of(grid)
    inside = find_body(turned.turn(values).astype(np.int16), turned.grid.spacing_mm_kji)
    if inside.any():
        values[~turned.turn_back(inside)] = AIR_HU
    progress.update(0.4, "surface")
    return mesh(values, grid, BONE_SURFACE_HU, drop_small=True)


def coarsened(array: NDArray[Any], grid: Grid, edge_mm: float) -> tuple[NDArray[np.float32], Grid]:
    """Return the array averaged over blocks of about one edge length.

    Parameters
    ----------
    array : numpy.ndarray
        Shape ``grid.size_kji``.
    grid : Grid
        Where it lies.
    edge_mm : float
        Edge of a block wanted.

    Returns
    -------
    tuple
        The averages (float32) and their grid.
    """
    step = [
        max(1, min(n, int(edge_mm / mm + 0.3)))
        for n, mm in zip(array.shape, grid.spacing_mm_kji, strict=True)
    ]
    size = [n // s for n, s in zip(array.shape, step, strict=True)]
    total = np.zeros(size, dtype=np.float32)
    for dk in range(step[0]):
        for dj in range(step[1]):
            for di in range(step[2]):
                total += array[
                    dk : size[0] * step[0] : step[0],
                    dj : size[1] * step[1] : step[1],
                    di : size[2] * step[2] : step[2],
                ]
    total /= float(np.prod(step))
    affine = grid.affine_kji_to_lps.copy()
    affine[:3, 3] = grid.to_lps([(s - 1) / 2 for s in step])
    affine[:3, :3] = affine[:3, :3] * step
    return total, Grid((size[0], size[1], size[2]), affine)


def mesh(
    values: NDArray[Any], grid: Grid, level: float, *, drop_small: bool = False, smooth: bool = True
) -> Mesh:
    """Return an isosurface.

    Parameters
    ----------
    values : numpy.ndarray
        Shape ``grid.size_kji``.
    grid : Grid
        Where it lies.
    level : float
        Value on the surface.
    drop_small : bool
        Leave out pieces of few triangles.
    smooth : bool
        Take the steps of voxels away.

    Returns
    -------
    Mesh
        Closed at the border of the array.
    """
    turned = Orientation.of(grid)
    least = float(values.min())
    padded = np.pad(turned.turn(values), 1, constant_values=min(least, level - 1.0))
    edges = vtkFlyingEdges3D()
    edges.SetInputData(_image(padded))
    edges.SetValue(0, level)
    edges.ComputeNormalsOff()
    edges.Update()
    surface = edges.GetOutput()
    if drop_small:
        surface = _large_pieces(surface)
    if surface.GetNumberOfPolys() > MOST_TRIANGLES:
        fewer = vtkQuadricDecimation()
        fewer.SetInputData(surface)
        fewer.SetTargetReduction(1.0 - MOST_TRIANGLES / surface.GetNumberOfPolys())
        fewer.Update()
        surface = fewer.GetOutput()
    return _finished(surface, turned.grid, smooth)


def _image(padded: NDArray[Any]) -> vtkImageData:
    """Return the array as an image whose coordinates are its indices, one more on every side."""
    image = vtkImageData()
    image.SetDimensions(padded.shape[2], padded.shape[1], padded.shape[0])
    image.SetOrigin(-1.0, -1.0, -1.0)
    flat = np.ascontiguousarray(padded, dtype=np.float32).ravel()
    image.GetPointData().SetScalars(numpy_to_vtk(flat, deep=True))
    return image


def _large_pieces(surface: vtkPolyData) -> vtkPolyData:
    pieces = vtkPolyDataConnectivityFilter()
    pieces.SetInputData(surface)
    pieces.SetExtractionModeToAllRegions()
    pieces.Update()
    sizes = vtk_to_numpy(pieces.GetRegionSizes())
    pieces.SetExtractionModeToSpecifiedRegions()
    pieces.InitializeSpecifiedRegionList()
    for region in np.flatnonzero(sizes >= LEAST_PIECE_TRIANGLES):
        pieces.AddSpecifiedRegion(int(region))
    pieces.Update()
    large: vtkPolyData = pieces.GetOutput()
    return large


def _finished(surface: vtkPolyData, grid: Grid, smooth: bool) -> Mesh:
    if smooth:
        even = vtkWindowedSincPolyDataFilter()
        even.SetInputData(surface)
        even.SetNumberOfIterations(14)
        even.SetPassBand(0.08)
        even.NormalizeCoordinatesOn()
        even.Update()
        surface = even.GetOutput()
    if surface.GetNumberOfPolys() == 0:
        nothing = np.zeros((0, 3), dtype=np.float32)
        return Mesh(nothing, nothing, np.zeros((0, 3), dtype=np.int64))
    index_ijk = vtk_to_numpy(surface.GetPoints().GetData())
    places = grid.to_lps(index_ijk[:, ::-1]).astype(np.float32)
    surface.GetPoints().SetData(numpy_to_vtk(places, deep=True))
    lit = vtkPolyDataNormals()
    lit.SetInputData(surface)
    lit.SplittingOff()
    lit.ConsistencyOff()
    lit.AutoOrientNormalsOff()
    lit.Update()
    done = lit.GetOutput()
    return Mesh(
        vtk_to_numpy(done.GetPoints().GetData()).astype(np.float32),
        vtk_to_numpy(done.GetPointData().GetNormals()).astype(np.float32),
        vtk_to_numpy(done.GetPolys().GetConnectivityArray()).astype(np.int64).reshape(-1, 3),
    )

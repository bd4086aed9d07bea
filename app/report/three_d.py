"""The three-dimensional picture: bone, skin, lesion, ways in, ice or heat; needs no screen."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from app.report.colours import FORBIDDEN, LESION, NEEDLE, OTHER_NEEDLE, isotherm_colours
from imaging.geometry import FloatArray, Grid
from imaging.orientation import Orientation
from imaging.structures.model import BODY, BONE, SPINAL_CANAL, is_bone
from imaging.volume import Volume
from planning.plan import Case
from planning.store import Picture

if TYPE_CHECKING:
    from vtkmodules.vtkRenderingCore import vtkActor, vtkRenderer

SIZE_PIXELS = (900, 900)
SHRINK_MM = 2.0  # surfaces are drawn on voxels of about this size
NEEDLE_TUBE_MM = 1.5


def _prefer_no_screen() -> None:
    """Choose Mesa's off-screen window before VTK is loaded; with EGL it may draw noise."""
    if sys.platform == "linux" and "vtkmodules.vtkRenderingOpenGL2" not in sys.modules:
        os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkOSOpenGLRenderWindow")


def render_three_d(case: Case, volume: Volume, simulation: int | None) -> Picture:
    """Draw the case from where the needle comes.

    Parameters
    ----------
    case : Case
        With lesion and structures.
    volume : Volume
        The CT.
    simulation : int or None
        Index of the simulation whose first isotherm is drawn.

    Returns
    -------
    Picture
        PNG without identifiers.
    """
    _prefer_no_screen()
    import vtkmodules.vtkInteractionStyle
    import vtkmodules.vtkRenderingOpenGL2  # noqa: F401
    from vtkmodules.vtkIOImage import vtkPNGWriter
    from vtkmodules.vtkRenderingCore import (
        vtkRenderer,
        vtkRenderWindow,
        vtkWindowToImageFilter,
    )

    renderer = vtkRenderer()
    renderer.SetBackground(0.055, 0.078, 0.098)
    renderer.SetUseDepthPeeling(True)
    renderer.SetMaximumNumberOfPeels(6)
    for array, grid, level, colour, opacity in _surfaces(case, volume, simulation):
        renderer.AddActor(_surface_actor(array, grid, level, colour, opacity))
    for entry, target, colour in _ways(case):
        renderer.AddActor(_tube_actor(entry, target, colour))
    _aim_camera(renderer, case)
    window = vtkRenderWindow()
    window.SetOffScreenRendering(True)
    window.SetMultiSamples(0)
    window.SetAlphaBitPlanes(True)
    window.SetSize(*SIZE_PIXELS)
    window.AddRenderer(renderer)
    window.Render()
    grabbed = vtkWindowToImageFilter()
    grabbed.SetInput(window)
    grabbed.ReadFrontBufferOff()
    grabbed.Update()
    writer = vtkPNGWriter()
    writer.WriteToMemoryOn()
    writer.SetInputConnection(grabbed.GetOutputPort())
    writer.Write()
    png = bytes(memoryview(writer.GetResult()))
    window.Finalize()
    return Picture("three_d.png", png)


Surface = tuple[NDArray[np.float32], Grid, float, str, float]


def _surfaces(case: Case, volume: Volume, simulation: int | None) -> list[Surface]:
    found: list[Surface] = []
    structures = case.structures
    if structures is not None:
        bones = [name for name in structures.names() if is_bone(name)] or [BONE]
        for names, colour, opacity in (
            (bones, "#E8DCC8", 1.0),
            ([SPINAL_CANAL], FORBIDDEN, 0.9),
            ([BODY], "#C8A08A", 0.16),
        ):
            mask = structures.mask(*names)
            if mask.any():
                found.append((*_shrunk(mask, volume.grid), 0.5, colour, opacity))
    if case.lesion is not None:
        found.append((case.lesion.astype(np.float32), volume.grid, 0.5, LESION, 1.0))
    if simulation is not None:
        field = case.fields[simulation]
        technique = case.plan.simulation[simulation].technique
        level, colour = next(iter(isotherm_colours(technique).items()))
        found.append((field.temperature_c, field.grid, level, colour, 0.45))
    return found


def _shrunk(mask: NDArray[np.bool_], grid: Grid) -> tuple[NDArray[np.float32], Grid]:
    """Return the mask averaged over blocks, so that surfaces stay light and smooth."""
    step = [max(1, round(SHRINK_MM / mm)) for mm in grid.spacing_mm_kji]
    size = [n // s * s for n, s in zip(mask.shape, step, strict=True)]
    part = mask[: size[0], : size[1], : size[2]].astype(np.float32)
    blocks = part.reshape(
        size[0] // step[0], step[0], size[1] // step[1], step[1], size[2] // step[2], step[2]
    ).mean(axis=(1, 3, 5))
    affine = grid.affine_kji_to_lps.copy()
    affine[:3, 3] = grid.to_lps([(s - 1) / 2 for s in step])
    affine[:3, :3] = affine[:3, :3] * step
    return blocks, Grid((blocks.shape[0], blocks.shape[1], blocks.shape[2]), affine)


def _surface_actor(
    array: NDArray[np.float32], grid: Grid, level: float, colour: str, opacity: float
) -> vtkActor:
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkCommonDataModel import vtkImageData
    from vtkmodules.vtkFiltersCore import vtkFlyingEdges3D, vtkWindowedSincPolyDataFilter
    from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper

    turned = Orientation.of(grid)
    values = np.pad(turned.turn(array), 1, mode="edge" if level != 0.5 else "constant")
    image = vtkImageData()
    image.SetDimensions(*values.shape[::-1])
    image.SetSpacing(*turned.grid.spacing_mm_kji[::-1])
    directions = turned.grid.affine_kji_to_lps[:3, :3] / turned.grid.spacing_mm_kji
    image.SetDirectionMatrix(*np.fliplr(directions).ravel())
    image.SetOrigin(*turned.grid.to_lps((-1, -1, -1)))
    flat = np.ascontiguousarray(values, dtype=np.float32).ravel()
    image.GetPointData().SetScalars(numpy_to_vtk(flat, deep=True))
    edges = vtkFlyingEdges3D()
    edges.SetInputData(image)
    edges.SetValue(0, level)
    smooth = vtkWindowedSincPolyDataFilter()
    smooth.SetInputConnection(edges.GetOutputPort())
    smooth.SetNumberOfIterations(12)
    smooth.SetPassBand(0.1)
    mapper = vtkPolyDataMapper()
    mapper.SetInputConnection(smooth.GetOutputPort())
    mapper.ScalarVisibilityOff()
    actor = vtkActor()
    actor.SetMapper(mapper)
    actor.GetProperty().SetColor(*_rgb(colour))
    actor.GetProperty().SetOpacity(opacity)
    actor.GetProperty().SetSpecular(0.15)
    return actor


def _rgb(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[n : n + 2], 16) / 255.0 for n in (1, 3, 5))
    return red, green, blue


def _ways(case: Case) -> list[tuple[FloatArray, FloatArray, str]]:
    return [
        (
            np.array(one.entry_lps_mm),
            np.array(one.target_lps_mm),
            NEEDLE if one.rank == case.plan.chosen_rank else OTHER_NEEDLE,
        )
        for one in case.plan.ways
    ]


def _tube_actor(entry: FloatArray, target: FloatArray, colour: str) -> vtkActor:
    from vtkmodules.vtkFiltersCore import vtkTubeFilter
    from vtkmodules.vtkFiltersSources import vtkLineSource
    from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper

    line = vtkLineSource()
    hub = entry + (entry - target) / np.linalg.norm(entry - target) * 40.0
    line.SetPoint1(*hub)
    line.SetPoint2(*target)
    tube = vtkTubeFilter()
    tube.SetInputConnection(line.GetOutputPort())
    tube.SetRadius(NEEDLE_TUBE_MM)
    tube.SetNumberOfSides(12)
    mapper = vtkPolyDataMapper()
    mapper.SetInputConnection(tube.GetOutputPort())
    actor = vtkActor()
    actor.SetMapper(mapper)
    actor.GetProperty().SetColor(*_rgb(colour))
    return actor


def _aim_camera(renderer: vtkRenderer, case: Case) -> None:
    """Look at the lesion from behind and above, or from the side the needle comes from."""
    if case.plan.lesion is None:
        renderer.ResetCamera()
        return
    focus = np.array(case.plan.lesion.centroid_lps_mm)
    from_side = np.array([0.35, 0.85, 0.4])
    if case.plan.chosen is not None:
        way = np.array(case.plan.chosen.entry_lps_mm) - np.array(case.plan.chosen.target_lps_mm)
        from_side = way / np.linalg.norm(way) + np.array([0.35, 0.0, 0.35])
    camera = renderer.GetActiveCamera()
    camera.SetFocalPoint(*focus)
    camera.SetPosition(*(focus + 620.0 * from_side / np.linalg.norm(from_side)))
    camera.SetViewUp(0, 0, 1)
    camera.SetViewAngle(28.0)
    renderer.ResetCameraClippingRange()

"""Needles in space: the planned one with its ticks, the others as thin lines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from vtkmodules.util.numpy_support import numpy_to_vtk
from vtkmodules.vtkCommonCore import vtkPoints
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
from vtkmodules.vtkFiltersCore import vtkTubeFilter
from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper

from app.workstation.style.palette import rgb
from imaging.document import Vector
from imaging.geometry import FloatArray

TICK_MM, LONG_TICK_MM = 10.0, 50.0  # from the tip
TICK_RADIUS, LONG_TICK_RADIUS = 2.1, 3.4  # of the needle's radius
TICK_THICK_MM, LONG_TICK_THICK_MM = 0.8, 1.4
HUB_MM = 40.0  # of the needle outside the skin
GLOW = 0.55

Way = tuple[Vector, Vector]  # entry and target


def tick_places(entry_lps_mm: Vector, target_lps_mm: Vector) -> list[tuple[FloatArray, bool]]:
    """Return where a needle's ticks stand.

    Parameters
    ----------
    entry_lps_mm, target_lps_mm : Vector
        Where it enters the skin; its tip.

    Returns
    -------
    list of tuple
        Place, shape (3,), and whether it is a long tick; from the tip to the skin.
    """
    entry, target = np.array(entry_lps_mm), np.array(target_lps_mm)
    length = float(np.linalg.norm(entry - target))
    if length < TICK_MM:
        return []
    back = (entry - target) / length
    steps = np.arange(TICK_MM, length + 1e-6, TICK_MM)
    return [(target + mm * back, round(mm) % round(LONG_TICK_MM) == 0) for mm in steps]


def needle_actors(way: Way, colour: str, tick_colour: str, radius_mm: float) -> list[vtkActor]:
    """Return a needle with ticks, each centimetre from its tip.

    Parameters
    ----------
    way : tuple of Vector
        Where it enters the skin; its tip.
    colour, tick_colour : str
        ``#RRGGBB``.
    radius_mm : float
        Of the needle as it is drawn.

    Returns
    -------
    list of vtkActor
        Shaft, ticks, long ticks.
    """
    entry, target = np.array(way[0]), np.array(way[1])
    back = (entry - target) / max(float(np.linalg.norm(entry - target)), 1e-6)
    actors = [_tubes([(entry + HUB_MM * back, target)], colour, radius_mm)]
    for is_long, radius, thick in (
        (False, TICK_RADIUS, TICK_THICK_MM),
        (True, LONG_TICK_RADIUS, LONG_TICK_THICK_MM),
    ):
        places = [place for place, long_ in tick_places(*way) if long_ == is_long]
        pieces = [(one - thick / 2 * back, one + thick / 2 * back) for one in places]
        if pieces:
            actors.append(_tubes(pieces, tick_colour, radius * radius_mm))
    return actors


def thin_needles(ways: Sequence[Way], colour: str, radius_mm: float) -> vtkActor:
    """Return many needles as one thing to draw, however many there are.

    Parameters
    ----------
    ways : sequence of tuple
        Where each enters the skin; its tip.
    colour : str
        ``#RRGGBB``.
    radius_mm : float
        As they are drawn.

    Returns
    -------
    vtkActor
        All of them.
    """
    pieces = []
    for one in ways:
        entry, target = np.array(one[0]), np.array(one[1])
        back = (entry - target) / max(float(np.linalg.norm(entry - target)), 1e-6)
        pieces.append((entry + HUB_MM / 2 * back, target))
    return _tubes(pieces, colour, radius_mm)


def _tubes(pieces: list[tuple[FloatArray, FloatArray]], colour: str, radius_mm: float) -> vtkActor:
    ends = np.ascontiguousarray(np.array(pieces).reshape(-1, 3))
    points = vtkPoints()
    points.SetData(numpy_to_vtk(ends, deep=True))
    lines = vtkCellArray()
    for number in range(len(pieces)):
        lines.InsertNextCell(2)
        lines.InsertCellPoint(2 * number)
        lines.InsertCellPoint(2 * number + 1)
    data = vtkPolyData()
    data.SetPoints(points)
    data.SetLines(lines)
    tube = vtkTubeFilter()
    tube.SetInputData(data)
    tube.SetRadius(radius_mm)
    tube.SetNumberOfSides(12)
    tube.CappingOn()
    mapper = vtkPolyDataMapper()
    mapper.SetInputConnection(tube.GetOutputPort())
    actor = vtkActor()
    actor.SetMapper(mapper)
    shading = actor.GetProperty()
    shading.SetColor(*rgb(colour))
    shading.SetAmbient(GLOW)  # seen as well inside the shade of bone
    shading.SetDiffuse(0.85)
    return actor

"""What lies over the grey values: outlines, isotherms and needles, cut by the plane of a view.

Everything here is in millimetres of the plane (right, down), so that zooming and panning redraw
without cutting again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.workstation.arrays import same_memory
from app.workstation.style.palette import (
    EXTRA_NEEDLE,
    FORBIDDEN,
    LESION,
    NEEDLE,
    OTHER_NEEDLE,
    STRUCTURE_COLOURS,
    isotherm_colours,
)
from app.workstation.viewpoint import Look
from app.workstation.views.callipers import Calliper, callipers_of
from app.workstation.views.needles import tick_places
from app.workstation.views.reslice import Axes, Frame, Reslicer
from imaging.contours import contours, label_contours
from imaging.document import Vector
from imaging.geometry import FloatArray, Grid, filled_block
from imaging.slabs import Rectangle, Slab, cut_slab
from imaging.structures.model import PassageClass
from imaging.volume import AIR_HU, Volume
from planning.ablation.devices import devices
from planning.ablation.reach import active_ends
from planning.access.request import Proposal
from planning.plan import Case, ThermalField

CONTOUR_MM = 0.8  # pixel of the plane on which contours are found
FINE_MM = 0.4  # for the lesion and isotherms, which are read closely
SLAB_MM = 3.0  # a needle nearer to the plane than this is drawn solid
HUB_MM = 35.0  # of the needle outside the skin
MARGIN_MM = 3.0
MOST_CUTS = 8  # planes whose contours are kept
PROBE_PIXELS = 4.5  # of an active part, wider than the way that it lies on
THIN = Slab()
TICK_MM, LONG_TICK_MM = 1.2, 2.6  # half a tick


@dataclass(frozen=True, eq=False)
class Line:
    """Something drawn over a slice.

    Parameters
    ----------
    points_mm : tuple of numpy.ndarray
        Pieces, each shape (n, 2), right and down.
    colour : str
        ``#RRGGBB``.
    width : float
        Pixels.
    dashed : bool
        Lies away from the plane.
    legend : str
        Key of its name, empty for none; ``structure:NAME`` for a structure.
    """

    points_mm: tuple[FloatArray, ...]
    colour: str
    width: float
    dashed: bool = False
    legend: str = ""


class Layers:
    """The arrays of a case, ready to be cut, shared by the views."""

    def __init__(self) -> None:
        self.volume: Volume | None = None
        self.case: Case | None = None
        self.extra_ways: tuple[tuple[Vector, Vector], ...] = ()
        self._hu: Reslicer | None = None
        self._lesion: tuple[Reslicer, FloatArray] | None = None
        self._labels: Reslicer | None = None
        self._fields: list[Reslicer] = []
        self._preview: tuple[ThermalField, str, Reslicer] | None = None
        self._structure_cuts: dict[Axes, tuple[tuple[Any, ...], list[Line]]] = {}

    def use_volume(self, volume: Volume | None) -> None:
        """Show another CT.

        Parameters
        ----------
        volume : Volume or None
            None shows nothing.
        """
        self.volume = volume
        self._hu = Reslicer(volume.hu, volume.grid, AIR_HU) if volume is not None else None

    def use_case(self, case: Case | None) -> None:
        """Show another state of the case; arrays that stayed are not prepared again.

        Parameters
        ----------
        case : Case or None
            None shows nothing.
        """
        before, self.case = self.case, case
        if case is None:
            self._lesion, self._labels, self._fields = None, None, []
            return
        grid = case.plan.series.grid
        if before is None or not same_memory(before.lesion, case.lesion):
            self._lesion = _around_mask(case.lesion, grid)
        if before is None or before.structures is not case.structures:
            self._labels = (
                Reslicer(case.structures.labels, case.structures.grid, 0)
                if case.structures is not None
                else None
            )
        if before is None or before.fields is not case.fields:
            self._fields = [
                Reslicer(field.temperature_c, field.grid, float("nan")) for field in case.fields
            ]

    def use_preview(self, shown: tuple[ThermalField, str] | None) -> None:
        """Show another field in the place of those of the case.

        Parameters
        ----------
        shown : tuple or None
            The field and its technique; None shows those of the case again.
        """
        if shown is None:
            self._preview = None
        else:
            field, technique = shown
            reslicer = Reslicer(field.temperature_c, field.grid, float("nan"))
            self._preview = field, technique, reslicer

    def _field(self, look: Look) -> tuple[ThermalField, str, Reslicer] | None:
        """Return the field that is looked at, its technique, and how it is cut."""
        case = self.case
        if self._preview is not None:
            return self._preview
        if case is None or not case.fields:
            return None
        number = min(look.simulation, len(case.fields) - 1)
        return case.fields[number], case.plan.simulation[number].technique, self._fields[number]

    def callipers(self) -> tuple[Calliper, ...]:
        """Return length and width of the lesion, as they count."""
        return () if self.case is None else callipers_of(self.case)

    def grey(self, axes: Axes, frame: Frame, slab: Slab = THIN) -> NDArray[np.int16] | None:
        """Return the CT on a rectangle, or None where there is none.

        Parameters
        ----------
        axes : Axes
            Of the view.
        frame : Frame
            Its pixels.
        slab : Slab
            How thick the slice is.

        Returns
        -------
        numpy.ndarray or None
            Shape (rows, columns), HU.
        """
        if self._hu is None or self.volume is None:
            return None
        if slab.thickness_mm == 0:
            return self._hu.cut(axes, frame)
        rectangle = Rectangle(
            axes.place(frame.u_mm, frame.v_mm, frame.depth_mm),
            frame.step_mm * axes.right,
            frame.step_mm * axes.down,
            frame.columns,
            frame.rows,
        )
        return cut_slab(self.volume.hu, self.volume.grid, rectangle, slab, AIR_HU)

    def lines(self, axes: Axes, depth_mm: float, look: Look) -> list[Line]:
        """Return everything drawn over a slice, lowest first.

        Parameters
        ----------
        axes : Axes
            Of the view.
        depth_mm : float
            Of the plane, into the screen.
        look : Look
            What is shown.

        Returns
        -------
        list of Line
            Empty without a case.
        """
        if self.case is None:
            return []
        found = list(self._known_structure_lines(axes, depth_mm, look))
        found += self._isotherm_lines(axes, depth_mm, look)
        found += self._lesion_lines(axes, depth_mm)
        found += _needle_lines(self.case, axes, depth_mm, look)
        found += self._probe_lines(axes, depth_mm, look)
        half_mm = half_slab_mm(look)
        for entry, target in self.extra_ways:
            _, near = _split(entry, target, axes, depth_mm, half_mm)
            if near is not None:
                found.append(Line((near,), EXTRA_NEEDLE, 2.2, legend="extra_needle"))
        return found

    def _known_structure_lines(self, axes: Axes, depth_mm: float, look: Look) -> list[Line]:
        """Return the contours of the structures, cut again only when they or the plane changed."""
        structures = self.case.structures if self.case is not None else None
        key = (structures, depth_mm, look.hidden_structures)
        known = self._structure_cuts.get(axes)
        if known is None or known[0][0] is not structures or known[0][1:] != key[1:]:
            known = (key, list(self._structure_lines(axes, depth_mm, look)))
            self._structure_cuts.pop(axes, None)
            while len(self._structure_cuts) >= MOST_CUTS:  # planes along needles that were
                self._structure_cuts.pop(next(iter(self._structure_cuts)))
            self._structure_cuts[axes] = known
        return known[1]

    def _structure_lines(self, axes: Axes, depth_mm: float, look: Look) -> Iterator[Line]:
        case = self.case
        if case is None or case.structures is None or self._labels is None:
            return
        shown = [row for row in case.structures.table if row.name not in look.hidden_structures]
        if not shown:
            return
        frame = _frame(axes.flat(case.structures.grid.corners_lps_mm()), depth_mm, CONTOUR_MM)
        labels = self._labels.cut(axes, frame, linear=False)
        borders = label_contours(labels, frozenset(row.label for row in shown))
        for row in shown:
            pieces = _placed(borders.get(row.label, ()), frame)
            if pieces:
                forbidden = row.class_ == PassageClass.FORBIDDEN
                colour = FORBIDDEN if forbidden else STRUCTURE_COLOURS[row.class_.value]
                yield Line(pieces, colour, 1.3, legend=f"structure:{row.name}")

    def _lesion_lines(self, axes: Axes, depth_mm: float) -> list[Line]:
        if self._lesion is None:
            return []
        reslicer, corners = self._lesion
        flat = axes.flat(corners)
        if not flat[:, 2].min() <= depth_mm <= flat[:, 2].max():
            return []
        frame = _frame(flat, depth_mm, FINE_MM)
        pieces = _contours(reslicer.cut(axes, frame), 0.5, frame)
        return [Line(pieces, LESION, 2.2, legend="lesion")] if pieces else []

    def _isotherm_lines(self, axes: Axes, depth_mm: float, look: Look) -> list[Line]:
        looked_at = self._field(look) if look.shows_isotherms else None
        if looked_at is None:
            return []
        field, technique, reslicer = looked_at
        flat = axes.flat(field.grid.corners_lps_mm())
        if not flat[:, 2].min() < depth_mm < flat[:, 2].max():
            return []
        frame = _frame(flat, depth_mm, 2 * FINE_MM)
        values = reslicer.cut(axes, frame)
        found = []
        for level, colour in isotherm_colours(technique).items():
            pieces = _contours(values, level, frame)
            if pieces:
                found.append(Line(pieces, colour, 1.6, legend=f"isotherm:{level:.0f}"))
        return found

    def _probe_lines(self, axes: Axes, depth_mm: float, look: Look) -> list[Line]:
        """Return the active parts of the probes that are looked at, where they lie in the plane."""
        case = self.case
        if case is None or self._preview is not None or not look.shows_isotherms:
            return []
        rows = case.plan.simulation
        probes = rows[min(look.simulation, len(rows) - 1)].probes if rows else ()
        found = []
        for probe in probes:
            device = devices().get(probe.device)
            if device is not None:
                ends = active_ends(device, probe.tip_lps_mm, probe.axis_lps)
                end, start = axes.flat(np.array(ends))
                near = _in_slab(end, start, depth_mm, half_slab_mm(look))
                if near is not None:
                    found.append(Line((near,), NEEDLE, PROBE_PIXELS, legend="probe"))
        return found


def _around_mask(mask: NDArray[np.bool_] | None, grid: Grid) -> tuple[Reslicer, FloatArray] | None:
    """Return the part of a mask that is not empty, and its corners."""
    found = None if mask is None else filled_block(mask)
    if mask is None or found is None:
        return None
    ends = np.array([[part.start, part.stop - 1] for part in found])
    start, size = grid.around(grid.to_lps(ends.T), MARGIN_MM)
    block = tuple(slice(s, s + n) for s, n in zip(start, size, strict=True))
    part = grid.cropped(start, size)
    return Reslicer(mask[block], part, 0.0), part.corners_lps_mm()


def _frame(flat_corners: FloatArray, depth_mm: float, step_mm: float) -> Frame:
    low, high = flat_corners[:, :2].min(axis=0) - step_mm, flat_corners[:, :2].max(axis=0) + step_mm
    columns, rows = (int(n) + 1 for n in np.ceil((high - low) / step_mm))
    return Frame(float(low[0]), float(low[1]), depth_mm, step_mm, columns, rows)


def _contours(values: NDArray[Any], level: float, frame: Frame) -> tuple[FloatArray, ...]:
    if not np.nanmin(values, initial=np.inf) < level < np.nanmax(values, initial=-np.inf):
        return ()
    return _placed(contours(values, level), frame)


def _placed(pieces: tuple[FloatArray, ...], frame: Frame) -> tuple[FloatArray, ...]:
    """Return pieces in pixels of a frame as millimetres of its plane."""
    first = np.array([frame.u_mm, frame.v_mm])
    return tuple(piece * frame.step_mm + first for piece in pieces)


def _needle_lines(case: Case, axes: Axes, depth_mm: float, look: Look) -> list[Line]:
    found: list[Line] = []
    plan = case.plan
    others = () if plan.own_way is None else (plan.own_way,)
    others = others if plan.access is None else (*others, *plan.access.proposals)
    is_shown = look.shows_proposals and not look.is_at_ablation  # the chosen way is treated
    for one in others if is_shown else ():
        if one.rank != plan.chosen_rank:
            ends = one.entry_lps_mm, one.target_lps_mm
            _, near = _split(*ends, axes, depth_mm, half_slab_mm(look))
            if near is not None:
                found.append(Line((near,), OTHER_NEEDLE, 1.4, legend="other_needle"))
    if plan.chosen is not None:
        found += chosen_lines(plan.chosen, axes, depth_mm, half_slab_mm(look))
    return found


def half_slab_mm(look: Look) -> float:
    """Return how far from the plane a needle is still drawn as lying in it.

    Parameters
    ----------
    look : Look
        With the slab that is shown.

    Returns
    -------
    float
        Half of the slab, at least what a thin slice takes.
    """
    return max(SLAB_MM, look.slab.thickness_mm / 2)


def chosen_lines(
    one: Proposal, axes: Axes, depth_mm: float, half_mm: float = SLAB_MM
) -> list[Line]:
    """Return the planned needle as it is drawn on a plane: projected, and where it lies in it.

    Parameters
    ----------
    one : Proposal
        The planned way.
    axes : Axes
        Of the view.
    depth_mm : float
        Of the plane.
    half_mm : float
        From the plane, within which the needle is drawn solid.

    Returns
    -------
    list of Line
        With a tick each centimetre from the tip where it lies in the plane.
    """
    whole, near = _split(one.entry_lps_mm, one.target_lps_mm, axes, depth_mm, half_mm)
    found = [Line((whole,), NEEDLE, 1.2, dashed=True, legend="needle_projected")]
    if near is None:
        return found
    found.append(Line((near,), NEEDLE, 3.0, legend="needle"))
    along = whole[1] - whole[0]
    if float(np.linalg.norm(along)) > HUB_MM:  # steeper ones have no room for ticks
        across = np.array([-along[1], along[0]]) / np.linalg.norm(along)
        ticks = []
        for place, is_long in tick_places(one.entry_lps_mm, one.target_lps_mm):
            flat = axes.flat(place)
            if abs(flat[2] - depth_mm) <= half_mm:
                half = LONG_TICK_MM if is_long else TICK_MM
                ticks.append(np.stack([flat[:2] - half * across, flat[:2] + half * across]))
        found.append(Line(tuple(ticks), NEEDLE, 1.6, legend="needle"))
    return found


def _split(
    entry_lps_mm: Vector, target_lps_mm: Vector, axes: Axes, depth_mm: float, half_mm: float
) -> tuple[FloatArray, FloatArray | None]:
    """Return the needle projected onto the plane, and the part of it that lies in the slab."""
    entry, target = np.array(entry_lps_mm), np.array(target_lps_mm)
    hub = entry + (entry - target) / np.linalg.norm(entry - target) * HUB_MM
    start, end = axes.flat(hub), axes.flat(target)
    return np.stack([start[:2], end[:2]]), _in_slab(start, end, depth_mm, half_mm)


def _in_slab(
    start: FloatArray, end: FloatArray, depth_mm: float, half_mm: float
) -> FloatArray | None:
    """Return the part of a line that lies in the slab; its ends are in millimetres of the plane."""
    offset, run = start[2] - depth_mm, end[2] - start[2]
    if abs(run) < 1e-9:
        return np.stack([start[:2], end[:2]]) if abs(offset) <= half_mm else None
    shares = np.clip(sorted(((-half_mm - offset) / run, (half_mm - offset) / run)), 0.0, 1.0)
    if shares[1] - shares[0] <= 0:
        return None
    part: FloatArray = start[:2] + shares[:, None] * (end[:2] - start[:2])
    return part

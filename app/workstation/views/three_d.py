"""The three-dimensional view: skeleton, lesion, ways in, ice or heat."""

# ruff: noqa: N802 - Qt calls these methods by its own names

from __future__ import annotations

from typing import Any

import numpy as np
import vtkmodules.vtkInteractionStyle
import vtkmodules.vtkRenderingOpenGL2  # noqa: F401 - registers the drawing classes
from PySide6.QtCore import QSize, QTimer
from PySide6.QtWidgets import QVBoxLayout, QWidget
from vtkmodules.qt.QVTKRenderWindowInteractor import QVTKRenderWindowInteractor
from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray
from vtkmodules.vtkCommonCore import vtkCommand, vtkPoints
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
from vtkmodules.vtkInteractionStyle import vtkInteractorStyleTrackballCamera
from vtkmodules.vtkInteractionWidgets import vtkOrientationMarkerWidget
from vtkmodules.vtkRenderingAnnotation import vtkAnnotatedCubeActor
from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper, vtkRenderer

from app.margins import class_numbers, margins_at
from app.workstation.ablation_tasks import Shown
from app.workstation.access_tasks import SkinShown, SkinSurface
from app.workstation.arrays import same_memory
from app.workstation.style.palette import (
    BAD,
    BONE,
    EXTRA_NEEDLE,
    FORBIDDEN,
    GOOD,
    INK,
    LESION,
    NEEDLE,
    OTHER_NEEDLE,
    RAISED,
    isotherm_colours,
    rgb,
)
from app.workstation.tools.capture import window_png
from app.workstation.viewpoint import DrawnWay, Look, Rendering, Viewpoint
from app.workstation.views.margin import MarginLegend, lesion_mesh, margin_actor, probe_actors
from app.workstation.views.needles import Way, needle_actors, thin_needles
from app.workstation.views.rendering import VolumeRendering
from app.workstation.views.skin import SkinActor, SkinLegend
from app.workstation.views.surfaces import Mesh, coarsened, mesh
from app.workstation.words import Words
from imaging.geometry import FloatArray
from imaging.structures.model import SPINAL_CANAL
from imaging.volume import Volume, mask_on_grid
from planning.ablation.results import TreatmentSummary
from planning.lesions import middle_lps_mm
from planning.plan import Case, ThermalField

BACKGROUND_TOP = (0.10, 0.14, 0.18)
BACKGROUND = (0.03, 0.045, 0.06)
NEEDLE_MM, OTHER_NEEDLE_MM, FRONT_MM = 1.6, 0.8, 0.45  # radius of the tubes
EXTRA_NEEDLE_MM = 1.1
FAR_MM = 620.0
NEAR_MM = 240.0  # from which the margin along the lesion is read
CANAL, CANAL_BESIDE_ZONE = 0.9, 0.3  # opacity; the lesion is seen through it during ablation
VIEW_ANGLE_DEG = 28.0
FROM_BEHIND = (0.45, 0.8, 0.35)
FROM_FRONT = (0.35, -0.9, 0.25)
FINE_MM = 1.0
SEEN_THROUGH = 0.32  # opacity of bone around a lesion
# Fields of the look that are seen in space.
DRAWN_AGAIN = (
    "shows_skeleton",
    "shows_proposals",
    "simulation",
    "shows_isotherms",
    "shows_skin",
    "is_at_access",
    "drawn_way",
    "is_at_ablation",
    "shows_margin",
    "rendering",
)
DRAWN_AFTER_MS = 120  # the slices are drawn first; what follows one another is drawn once
LAYERS = (
    "skeleton",
    "lesion",
    "margin",
    "probes",
    "canal",
    "needles",
    "extras",
    "drawn",
    "zone",
    "skin",
)


class ThreeDView(QWidget):
    """The case in space; drag turns it, the wheel zooms.

    Parameters
    ----------
    viewpoint : Viewpoint
        Shared look.
    words : Words
        Of the screen.
    """

    def __init__(self, viewpoint: Viewpoint, words: Words) -> None:
        super().__init__()
        self._skin: SkinActor | None = None
        self._shown = viewpoint.look
        self._case: Case | None = None
        self._volume: Volume | None = None
        self._preview: Shown | None = None
        self._actors: dict[str, list[vtkActor]] = {name: [] for name in LAYERS}
        self._lesion_is_old = False  # its surface is made with the next drawing
        self._late = QTimer(self)
        self._late.setSingleShot(True)
        self._late.setInterval(DRAWN_AFTER_MS)
        self._late.timeout.connect(self._draw_now)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._inner: Any = QVTKRenderWindowInteractor(self)
        layout.setSpacing(0)
        layout.addWidget(self._inner, 1)
        self.legend = SkinLegend(words)
        self.legend.hide()
        layout.addWidget(self.legend)
        self.margin_legend = MarginLegend(words)
        self.margin_legend.hide()
        layout.addWidget(self.margin_legend)
        self._renderer = vtkRenderer()
        self._renderer.SetBackground(*BACKGROUND)
        self._renderer.SetBackground2(*BACKGROUND_TOP)
        self._renderer.GradientBackgroundOn()
        window = self._inner.GetRenderWindow()
        window.SetMultiSamples(0)
        window.SetAlphaBitPlanes(True)
        window.AddRenderer(self._renderer)
        style = vtkInteractorStyleTrackballCamera()
        style.AddObserver(
            vtkCommand.StartInteractionEvent, lambda *_: self._rendering.set_turning(True)
        )
        style.AddObserver(vtkCommand.EndInteractionEvent, lambda *_: self._draw())
        self._inner.SetInteractorStyle(style)
        self._rendering = VolumeRendering(self._renderer)
        self._renderer.GetActiveCamera().SetViewAngle(VIEW_ANGLE_DEG)
        self._inner.Initialize()
        self._sides = _side_marker(self._inner)
        self._unsubscribe = viewpoint.subscribe(self._look_changed)

    def minimumSizeHint(self) -> QSize:
        """Return the least size at which the view is of use."""
        return QSize(160, 140)

    def release(self) -> None:
        """Stop observing and give the drawing window back."""
        self._unsubscribe()
        self._late.stop()
        for name in LAYERS:
            self._clear(name)
        self._rendering.clear()
        self._sides.EnabledOff()
        self._inner.GetRenderWindow().RemoveRenderer(self._renderer)
        self._inner.Finalize()

    def png(self) -> bytes:
        """Return what is seen as PNG."""
        self._show_late()
        self._inner.GetRenderWindow().Render()
        return window_png(self._inner.GetRenderWindow())

    # What is shown

    def show_volume(self, volume: Volume | None) -> None:
        """Begin with another CT; its skeleton comes once the worker has found it.

        Parameters
        ----------
        volume : Volume or None
            None shows nothing.
        """
        self._volume, self._case, self._skin, self._preview = volume, None, None, None
        for name in LAYERS:
            self._clear(name)
        self._rendering.use_volume(volume)
        self._rendering.show(self._shown.rendering)
        self.look_at_all()

    def show_surface(self, surface: Mesh) -> None:
        """Show the skeleton and look at it from the front.

        Parameters
        ----------
        surface : Mesh
            LPS millimetres.
        """
        self._clear("skeleton")
        if len(surface.triangles):
            self._add("skeleton", _mesh_actor(surface, BONE, 1.0))
            self._see_through()
        self.look_at_all()

    def show_case(self, case: Case | None) -> None:
        """Show another state of the case.

        Parameters
        ----------
        case : Case or None
            None shows nothing planned.
        """
        before, self._case = self._case, case
        lesion_before = before.lesion if before else None
        lesion = case.lesion if case else None
        if not same_memory(lesion_before, lesion):
            self._lesion_is_old = True
            if lesion_before is None and lesion is not None:
                self.look_at_lesion()
        if _canal(before) != _canal(case):
            self._show_canal(case)
        if _ways(before) != _ways(case):
            self._show_needles(case)
        if not _same_fields(before, case):
            self._show_zone(case)
        if not _same_fields(before, case) or not same_memory(lesion_before, lesion):
            self._show_margin()
        self._draw()

    def look_at_all(self) -> None:
        """Look at the whole skeleton from the front."""
        if self._volume is not None:
            corners = self._volume.grid.corners_lps_mm()
            reach = float(np.linalg.norm(corners.max(axis=0) - corners.min(axis=0)))
            self._aim(corners.mean(axis=0), np.array(FROM_FRONT), 1.75 * reach)

    def look_at_lesion(self) -> None:
        """Look at the lesion, along the chosen way in or from behind; nearer at its margin."""
        case = self._case
        middle = None if case is None else middle_lps_mm(case)
        if case is None or middle is None:
            self.look_at_all()
            return
        from_side = np.array(FROM_BEHIND)
        chosen = case.plan.chosen
        if chosen is not None:
            way = np.subtract(chosen.entry_lps_mm, chosen.target_lps_mm)
            from_side = way / np.linalg.norm(way) + np.array([0.4, 0.0, 0.35])
        is_margin_read = self._shown.is_at_ablation and self._looked_at() is not None
        self._aim(np.array(middle), from_side, NEAR_MM if is_margin_read else FAR_MM)

    def turn(self, angle_deg: float) -> None:
        """Turn the case at once, drawn as coarsely as under the hand, then finely.

        Parameters
        ----------
        angle_deg : float
            About the axis that points upwards.
        """
        self._rendering.set_turning(True)
        self._renderer.GetActiveCamera().Azimuth(angle_deg)
        self._renderer.ResetCameraClippingRange()
        self._inner.GetRenderWindow().Render()
        self._draw()

    def _aim(self, focus: FloatArray, from_side: FloatArray, distance_mm: float) -> None:
        camera = self._renderer.GetActiveCamera()
        camera.SetFocalPoint(*focus)
        camera.SetPosition(*(focus + distance_mm * from_side / np.linalg.norm(from_side)))
        camera.SetViewUp(0, 0, 1)
        self._renderer.ResetCameraClippingRange()
        self._draw()

    def _look_changed(self, look: Look) -> None:
        before, self._shown = self._shown, look
        if before.rendering != look.rendering:
            self._rendering.show(look.rendering)
        if (before.shows_skeleton, before.rendering) != (look.shows_skeleton, look.rendering):
            self._see_through()
        if (before.shows_proposals, before.is_at_ablation) != (
            look.shows_proposals,
            look.is_at_ablation,
        ):
            self._show_needles(self._case)
        if (before.simulation, before.shows_isotherms) != (look.simulation, look.shows_isotherms):
            self._show_zone(self._case)
            self._see_through()
        if (before.simulation, before.shows_margin, before.is_at_ablation) != (
            look.simulation,
            look.shows_margin,
            look.is_at_ablation,
        ):
            self._show_margin()
        if look.is_at_ablation and not before.is_at_ablation and self._looked_at() is not None:
            self.look_at_lesion()
        if before.drawn_way != look.drawn_way:
            self._show_drawn(look.drawn_way)
        if (before.shows_skin, before.is_at_access) != (look.shows_skin, look.is_at_access):
            self._show_skin_or_not()
        if any(getattr(before, name) != getattr(look, name) for name in DRAWN_AGAIN):
            self._draw()

    def _see_through(self) -> None:
        """Make bone translucent once there is something inside it to be seen."""
        inside = bool(self._actors["lesion"])
        is_surface = self._shown.rendering is Rendering.SURFACES
        for actor in self._actors["skeleton"]:
            actor.SetVisibility(self._shown.shows_skeleton and is_surface)
            actor.GetProperty().SetOpacity(SEEN_THROUGH if inside else 1.0)
            actor.GetProperty().SetBackfaceCulling(inside)
        for actor in self._actors["canal"]:
            beside = self._shown.is_at_ablation
            actor.GetProperty().SetOpacity(CANAL_BESIDE_ZONE if beside else CANAL)

    def _show_lesion(self, case: Case | None) -> None:
        self._clear("lesion")
        if case is None or case.lesion is None:
            return
        surface = lesion_mesh(case.lesion, case.plan.series.grid)
        if surface is not None:
            self._add("lesion", _mesh_actor(surface, LESION, 1.0))
            self._show_margin()

    def _show_canal(self, case: Case | None) -> None:
        self._clear("canal")
        if case is None or case.structures is None:
            return
        mask = case.structures.mask(SPINAL_CANAL, "spinal_cord")
        if mask.any():
            values, grid = coarsened(mask, case.structures.grid, FINE_MM)
            self._add("canal", _mesh_actor(mesh(values, grid, 0.5), FORBIDDEN, CANAL))

    def _show_needles(self, case: Case | None) -> None:
        self._clear("needles")
        if case is None:
            return
        plan = case.plan
        if plan.chosen is not None:
            way = plan.chosen.entry_lps_mm, plan.chosen.target_lps_mm
            for actor in needle_actors(way, NEEDLE, INK, NEEDLE_MM):
                self._add("needles", actor)
        if not self._shown.shows_proposals or self._shown.is_at_ablation:
            return
        own = () if plan.own_way is None else (plan.own_way,)
        access = plan.access
        proposals = own if access is None else (*own, *access.proposals)
        front = () if access is None else access.front
        for group, radius_mm in ((proposals, OTHER_NEEDLE_MM), (front, FRONT_MM)):
            ways = [
                (one.entry_lps_mm, one.target_lps_mm)
                for one in group
                if one.rank != plan.chosen_rank
            ]
            if ways:
                self._add("needles", thin_needles(ways, OTHER_NEEDLE, radius_mm))

    def _show_drawn(self, way: DrawnWay | None) -> None:
        """Show the way that is being drawn, in the colour of its judgement."""
        self._clear("drawn")
        if way is not None and way.length_mm > 1.0:
            colour = INK if way.against is None else BAD if way.against else GOOD
            ends = way.entry_lps_mm, way.target_lps_mm
            self._add("drawn", thin_needles([ends], colour, NEEDLE_MM))

    def show_extras(self, ways: tuple[Way, ...]) -> None:
        """Show needles beside the planned way.

        Parameters
        ----------
        ways : tuple
            Entry and tip of each.
        """
        self._clear("extras")
        for way in ways:
            for actor in needle_actors(way, EXTRA_NEEDLE, INK, EXTRA_NEEDLE_MM):
                self._add("extras", actor)
        self._draw()

    def show_skin(self, shown: SkinShown | None, surface: SkinSurface | None) -> None:
        """Colour the skin by another map, at once.

        Parameters
        ----------
        shown : SkinShown or None
            None, or a map that was refused, shows none.
        surface : SkinSurface or None
            What it is drawn on.
        """
        if shown is None or surface is None or shown.problems:
            self._skin = None
            self._clear("skin")
        else:
            if self._skin is None or self._skin.surface is not surface:
                self._clear("skin")
                self._skin = SkinActor(surface)
                self._add("skin", self._skin.actor)
            self._skin.show(shown)
        self._show_skin_or_not()
        self._draw_now()

    def _show_skin_or_not(self) -> None:
        is_shown = self._shown.shows_skin and self._shown.is_at_access and self._skin is not None
        for actor in self._actors["skin"]:
            actor.SetVisibility(is_shown)
        self.legend.setVisible(is_shown)

    def show_preview(self, shown: Shown | None) -> None:
        """Show what a probe that is moved would do, in the place of what was simulated.

        Parameters
        ----------
        shown : Shown or None
            None shows what was simulated.
        """
        self._preview = shown
        self._show_zone(self._case)
        self._show_margin()
        self._draw_now()

    def _looked_at(self) -> tuple[ThermalField, TreatmentSummary] | None:
        """Return the simulation that is looked at."""
        if self._preview is not None:
            return self._preview.field, self._preview.summary
        case = self._case
        if case is None or not case.fields:
            return None
        number = min(self._shown.simulation, len(case.fields) - 1)
        return case.fields[number], case.plan.simulation[number]

    def _show_zone(self, _case: Case | None) -> None:
        self._clear("zone")
        self._clear("probes")
        found = self._looked_at()
        if found is None or not self._shown.shows_isotherms:
            return
        field, summary = found
        level, colour = next(iter(isotherm_colours(summary.technique).items()))
        cold = level < 20.0  # cold surfaces enclose what lies below the level
        values = -field.temperature_c if cold else field.temperature_c
        surface = mesh(values, field.grid, -level if cold else level)
        if len(surface.triangles):
            self._add("zone", _mesh_actor(surface, colour, 0.3))
        for actor in probe_actors(summary):
            self._add("probes", actor)

    def _show_margin(self) -> None:
        """Colour the lesion by how far the zone reaches beyond it, where that is looked at."""
        self._clear("margin")
        found = self._looked_at()
        case, look = self._case, self._shown
        is_wanted = look.shows_margin and look.is_at_ablation and case is not None
        if found is not None and is_wanted and case is not None and case.lesion is not None:
            own = found[0].grid  # the lesion as it was simulated
            lesion = mask_on_grid(case.lesion, case.plan.series.grid, own)
            surface = lesion_mesh(lesion, own)
            margins = margins_at(found[0], surface.points_lps_mm) if surface is not None else None
            if surface is not None and margins is not None:
                wanted_mm = found[1].margin_mm
                actor = margin_actor(surface, class_numbers(margins, wanted_mm), wanted_mm)
                self._add("margin", actor)
                self.margin_legend.show_margin(wanted_mm)
        is_shown = bool(self._actors["margin"])
        self.margin_legend.setVisible(is_shown)
        for actor in self._actors["lesion"]:
            actor.SetVisibility(not is_shown)

    def _add(self, layer: str, actor: vtkActor) -> None:
        self._actors[layer].append(actor)
        self._renderer.AddActor(actor)

    def _clear(self, layer: str) -> None:
        for actor in self._actors[layer]:
            self._renderer.RemoveActor(actor)
        self._actors[layer].clear()

    def _draw(self) -> None:
        """Draw soon."""
        if not self._late.isActive():
            self._late.start()

    def _show_late(self) -> None:
        if self._lesion_is_old:
            self._lesion_is_old = False
            self._show_lesion(self._case)
        self._see_through()
        self._rendering.set_turning(False)
        self._renderer.ResetCameraClippingRange()

    def _draw_now(self) -> None:
        self._show_late()
        if self.isVisible():
            self._inner.GetRenderWindow().Render()


def _side_marker(interactor: Any) -> vtkOrientationMarkerWidget:  # noqa: ANN401 - untyped in VTK
    """Return a small cube whose faces carry the letters of the patient's sides."""
    cube = vtkAnnotatedCubeActor()
    cube.SetXPlusFaceText("L")
    cube.SetXMinusFaceText("R")
    cube.SetYPlusFaceText("P")
    cube.SetYMinusFaceText("A")
    cube.SetZPlusFaceText("S")
    cube.SetZMinusFaceText("I")
    cube.SetZFaceTextRotation(90)
    cube.SetFaceTextScale(0.6)
    cube.GetCubeProperty().SetColor(*rgb(RAISED))
    cube.GetTextEdgesProperty().SetColor(*rgb(INK))
    for face in (
        cube.GetXPlusFaceProperty(),
        cube.GetXMinusFaceProperty(),
        cube.GetYPlusFaceProperty(),
        cube.GetYMinusFaceProperty(),
        cube.GetZPlusFaceProperty(),
        cube.GetZMinusFaceProperty(),
    ):
        face.SetColor(*rgb(INK))
        face.SetInterpolationToFlat()
    marker = vtkOrientationMarkerWidget()
    marker.SetOrientationMarker(cube)
    marker.SetInteractor(interactor)
    marker.SetViewport(0.0, 0.0, 0.17, 0.17)
    marker.EnabledOn()
    marker.InteractiveOff()
    return marker


def _canal(case: Case | None) -> tuple[object, ...] | None:
    """Return what tells one canal from another: its rows, and the labels found beneath paint."""
    if case is None or case.structures is None:
        return None
    found = case.structures
    beneath = found.labels if found.beneath is None else found.beneath
    address = beneath.__array_interface__["data"][0]
    return (address, *(found.named(name) for name in (SPINAL_CANAL, "spinal_cord")))


def _ways(case: Case | None) -> tuple[object, ...] | None:
    """Return what tells the ways in that are drawn for one case from those for another."""
    if case is None:
        return None
    return case.plan.access, case.plan.own_way, case.plan.chosen_rank


def _same_fields(before: Case | None, case: Case | None) -> bool:
    return (before.fields if before else ()) is (case.fields if case else ())


def _mesh_actor(surface: Mesh, colour: str, opacity: float) -> vtkActor:
    points = vtkPoints()
    points.SetData(numpy_to_vtk(surface.points_lps_mm, deep=True))
    cells = vtkCellArray()
    offsets = np.arange(0, 3 * len(surface.triangles) + 1, 3, dtype=np.int64)
    cells.SetData(
        numpy_to_vtkIdTypeArray(offsets, deep=True),
        numpy_to_vtkIdTypeArray(surface.triangles.ravel(), deep=True),
    )
    data = vtkPolyData()
    data.SetPoints(points)
    data.SetPolys(cells)
    data.GetPointData().SetNormals(numpy_to_vtk(surface.normals, deep=True))
    mapper = vtkPolyDataMapper()
    mapper.SetInputData(data)
    mapper.ScalarVisibilityOff()
    return _actor(mapper, colour, opacity)


def _actor(mapper: vtkPolyDataMapper, colour: str, opacity: float) -> vtkActor:
    actor = vtkActor()
    actor.SetMapper(mapper)
    shading = actor.GetProperty()
    shading.SetColor(*rgb(colour))
    shading.SetOpacity(opacity)
    shading.SetAmbient(0.12)
    shading.SetDiffuse(0.85)
    shading.SetSpecular(0.18)
    shading.SetSpecularPower(20)
    return actor

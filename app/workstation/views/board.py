"""The four linked views side by side, or one of them alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PySide6.QtCore import QPoint
from PySide6.QtGui import QPainter, QPixmap
from PySide6.QtWidgets import QGridLayout, QWidget

from app.workstation.ablation_tasks import Shown
from app.workstation.access_tasks import SkinShown
from app.workstation.annotating import Annotating
from app.workstation.arrays import same_memory
from app.workstation.extras import Extra
from app.workstation.session import Session
from app.workstation.stages import Topic, looks_same
from app.workstation.tools.capture import pixmap_png
from app.workstation.viewpoint import BRUSHES, DrawnWay, Look, Tool, Viewpoint
from app.workstation.views.callipers import Calliper
from app.workstation.views.cine import Cine
from app.workstation.views.layers import Layers
from app.workstation.views.layouts import ARRANGEMENTS, SIDE, Slot
from app.workstation.views.needle_view import BEYOND_MM, NeedlePlanes, NeedleSlider, NeedleView
from app.workstation.views.second_views import SecondViews
from app.workstation.views.slice_view import SliceView
from app.workstation.views.surfaces import Mesh
from app.workstation.views.three_d import ThreeDView
from app.workstation.words import Words, reason_said
from imaging.document import Vector
from imaging.geometry import BoolArray
from imaging.strokes import Stroke
from imaging.structures.model import Structures, is_bone
from imaging.volume import Volume
from planning.access.needles import needle_named
from planning.access.request import Proposal
from planning.annotations import Annotation
from planning.lesions import middle_lps_mm
from planning.plan import Case

NEAR_MM = 30.0  # of the middle of a lesion, within which a slice shows it
LESION_VIEW_MM = 150.0  # shown across a view when it is brought to the lesion


class Board(QWidget):
    """Axial, coronal and sagittal slices and the case in space.

    Parameters
    ----------
    session : Session
        The open case.
    viewpoint : Viewpoint
        Shared look.
    words : Words
        Of the screen.
    """

    def __init__(self, session: Session, viewpoint: Viewpoint, words: Words) -> None:
        super().__init__()
        self._session, self._viewpoint = session, viewpoint
        self.layers = Layers()
        self.axial = SliceView("axial", self.layers, viewpoint, words)
        self.coronal = SliceView("coronal", self.layers, viewpoint, words)
        self.sagittal = SliceView("sagittal", self.layers, viewpoint, words)
        self.three_d = ThreeDView(viewpoint, words)
        self.slices = (self.axial, self.coronal, self.sagittal)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(2)
        self.needle_views = tuple(
            NeedleView(name, self.layers, viewpoint, words) for name in ("along", "beside", "eye")
        )
        self.needle_slider = NeedleSlider(words, self.slide_needle)
        self.needle_depth_mm = 0.0
        self._planes: NeedlePlanes | None = None
        slots: tuple[Slot, ...] = ("first", "second", "third")
        self._slots: dict[QWidget, Slot] = {
            self.axial: "first",
            self.sagittal: "second",
            self.coronal: "third",
            self.three_d: "space",
            **dict(zip(self.needle_views, slots, strict=True)),
        }
        self.second = SecondViews(session, viewpoint, words, self.slices, self.needle_views)
        self._layout = viewpoint.look.layout
        self._grid.addWidget(self.needle_slider, SIDE, 0, 1, SIDE)
        for view in self.slices:
            view.on_click = self._clicked
            view.on_stroke = self._painted
            view.on_calliper = self._measured
        self._annotating = Annotating(session)
        for view in self.all_slices:
            view.on_annotation = self._annotated
            view.on_way = self._drawn
            view.on_maximise = self.maximise
        for view in self.needle_views:
            view.on_slide = self.slide_needle
        viewpoint.subscribe(self._look_changed)
        self.last_normal_lps: Vector = (0.0, 0.0, 1.0)  # of the slice painted in last
        self._words = words
        self._is_drawing = False
        self._alone: QWidget | None = None
        self._arrange()
        self._cine = Cine(
            self.all_slices,
            viewpoint,
            lambda: (viewpoint.look.crosshair_lps_mm, self.needle_depth_mm),
        )
        self._outline: BoolArray | None = None
        self._seen_lesion: int | None = None  # number of the one the views were brought to
        self._chosen: tuple[int | None, int | None] = (None, None)
        self._structures: Structures | None = None
        session.subscribe(Topic.VOLUME, self._show_volume)
        session.subscribe(Topic.PREVIEW, self._show_volume)
        session.subscribe(Topic.CASE, self._show_case)
        session.subscribe(Topic.SURFACE, self._show_surface)
        session.subscribe(Topic.SKIN, self._show_skin)
        session.subscribe(Topic.EXTRAS, self._show_extras)
        session.subscribe(Topic.TRIAL, self._show_trial)
        session.subscribe(Topic.ABLATION, self._show_preview)
        session.subscribe(Topic.JOB, self._forget_drawn)

    @property
    def all_slices(self) -> tuple[SliceView, ...]:
        """Slices along the patient's axes, and those along the needle."""
        return (*self.slices, *self.needle_views)

    def release(self) -> None:
        """Stop observing and give the drawing window back."""
        self._cine.release()
        for view in self.all_slices:
            view.release()
        self.second.release()
        self.three_d.release()

    def say_again(self) -> None:
        """Write everything again, in the language that is used now."""
        for view in self.all_slices:
            view.update()
        self.three_d.legend.update()
        self.needle_slider.show_depth(self.needle_depth_mm)

    def reset(self) -> None:
        """Fit the whole CT into all views."""
        for view in self.all_slices:
            view.reset()
        self.three_d.look_at_all()

    def look_at_lesion(self) -> None:
        """Bring the lesion to the middle of all views."""
        case = self._session.case
        middle = None if case is None else middle_lps_mm(case)
        if middle is not None:
            self.go_to(middle)
            self.three_d.look_at_lesion()

    def maximise(self, view: QWidget) -> None:
        """Show one view alone, or all of them again.

        Parameters
        ----------
        view : QWidget
            Any of the four.
        """
        self._alone = None if self._alone is view else view
        self._arrange()

    def _arrange(self) -> None:
        """Show the views of the layout, or one of them alone."""
        along = self._viewpoint.look.shows_needle_planes
        shown = {self.three_d, *(self.needle_views if along else self.slices)}
        if self._alone not in shown:
            self._alone = None
        arrangement = ARRANGEMENTS[self._layout]
        if self._alone is not None:
            arrangement = arrangement.alone(self._slots[self._alone])
        for view, slot in self._slots.items():
            place = arrangement.places.get(slot)
            is_shown = view in shown and place is not None
            holder = self.second.holder(view)
            self._grid.removeWidget(holder)
            if place is not None and is_shown:
                self._grid.addWidget(holder, *place)
            holder.setParent(self)
            holder.setVisible(is_shown)
        self.needle_slider.setVisible(along)
        for n in range(SIDE):
            self._grid.setRowStretch(n, arrangement.rows[n])
            self._grid.setColumnStretch(n, arrangement.columns[n])

    def go_to(self, point_lps_mm: Vector) -> None:
        """Move the crosshair to a place and bring it to the middle of the slices.

        Parameters
        ----------
        point_lps_mm : Vector
            LPS millimetres.
        """
        self._viewpoint.move_crosshair(point_lps_mm)
        for view in self.slices:
            view.zoom_to(np.array(point_lps_mm), LESION_VIEW_MM)

    def shown_views(self) -> tuple[QWidget, ...]:
        """Return the views that are seen now."""
        return tuple(view for view in self._slots if view.isVisible())

    def png(self) -> bytes:
        """Return the four views as one picture."""
        picture = QPixmap(self.size())
        picture.fill(self.palette().window().color())
        painter = QPainter(picture)
        for view in self.all_slices:
            if view.isVisible():
                holder = self.second.holder(view)
                painter.drawPixmap(holder.pos(), holder.grab())
        if self.three_d.isVisible():
            space = QPixmap()
            space.loadFromData(self.three_d.png())
            painter.drawPixmap(QPoint(self.three_d.pos()), space.scaled(self.three_d.size()))
        painter.end()
        return pixmap_png(picture)

    def _clicked(self, point_lps_mm: Vector) -> None:
        editing, look = self._session.editing, self._viewpoint.look
        if look.tool == Tool.LEVEL:
            editing.set_level(look.level, point_lps_mm)
        elif look.tool == Tool.KEEP_PART:
            editing.keep_part(point_lps_mm)
        elif look.tool == Tool.REMOVE_PART:
            editing.remove_part(point_lps_mm)
        else:
            editing.outline(point_lps_mm, is_inside=look.tool == Tool.CLICK_LESION)

    def _painted(self, stroke: Stroke) -> None:
        editing, name = self._session.editing, self._viewpoint.look.painted_structure
        self.last_normal_lps = stroke.normal_lps
        if name is None:
            editing.paint(stroke)
        else:
            editing.paint_structure(name, stroke)
            self._viewpoint.show_structure(name, True)

    def _measured(self, calliper: Calliper) -> None:
        ends = calliper.ends_lps_mm
        self._session.editing.edit_measure(calliper.key, calliper.length_mm, ends)

    def _annotated(self, annotation: Annotation) -> None:
        self._annotating.keep(annotation)
        self._viewpoint.change(selected_annotation=annotation.number)

    def remove_annotation(self) -> None:
        """Remove the measurement that was drawn or grasped last."""
        self._annotating.remove(self._viewpoint.look.selected_annotation)
        self._viewpoint.change(selected_annotation=None)

    def remove_annotations(self) -> None:
        """Remove all measurements of the plan."""
        self._annotating.remove_all()

    def _show_volume(self, volume: Volume | None) -> None:
        self.layers.use_volume(volume)
        self.layers.use_case(None)
        self._seen_lesion, self._chosen = None, (None, None)
        if volume is not None:
            x, y, z = (float(n) for n in volume.grid.corners_lps_mm().mean(axis=0))
            self._viewpoint.move_crosshair((x, y, z))
        for view in self.all_slices:
            view.show_volume()
        self.three_d.show_volume(volume)

    def _show_surface(self, surface: Mesh) -> None:
        self.three_d.show_surface(surface)
        if self._session.case is not None and self._session.case.lesion is not None:
            self.three_d.look_at_lesion()

    def _look_changed(self, look: Look) -> None:
        if look.shows_needle_planes != self.needle_slider.isVisibleTo(self):
            if look.shows_needle_planes:
                self._show_needle_planes()
            self._arrange()
        if look.layout != self._layout:
            self._layout, self._alone = look.layout, None
            self._arrange()

    def slide_needle(self, depth_mm: float) -> None:
        """Move the plane across the planned needle.

        Parameters
        ----------
        depth_mm : float
            From the skin; kept between the skin and a little beyond the target.
        """
        if self._planes is None:
            return
        most = self._planes.length_mm + BEYOND_MM
        self.needle_depth_mm = min(max(depth_mm, 0.0), most)
        for view in self.needle_views:
            view.slide_to(self.needle_depth_mm)
        self.needle_slider.show_depth(self.needle_depth_mm)

    def _show_needle_planes(self) -> None:
        """Cut along the way that is planned; without one the usual slices are shown."""
        case = self._session.case
        chosen = case.plan.chosen if case is not None else None
        if case is None or chosen is None:
            self._planes = None
            self._viewpoint.change(shows_needle_planes=False)
            return
        ends = chosen.entry_lps_mm, chosen.target_lps_mm
        known = self._planes
        if known is None or not np.array_equal((known.entry_lps_mm, known.target_lps_mm), ends):
            self._planes = NeedlePlanes.of(*ends)
            diameter_mm = needle_named(case.plan.needle_id).diameter_mm
            for view in self.needle_views:
                view.show_needle(self._planes, diameter_mm)
            self.needle_slider.show_needle(self._planes.length_mm)
            self.slide_needle(self._planes.length_mm)

    def _drawn(self, way: DrawnWay, is_done: bool) -> None:
        """Draw a way at once in all slices and have it judged; at the end of the drag plan it."""
        before = self._viewpoint.look.drawn_way
        against = before.against if before is not None else None
        self._viewpoint.change(drawn_way=replace(way, against=against))
        self._is_drawing = not is_done
        reaching = self._session.reaching
        if is_done:
            self._session.ablating.let_go()
            reaching.keep(way.entry_lps_mm, way.target_lps_mm)
        else:
            reaching.draw(way.entry_lps_mm, way.target_lps_mm)
            self._session.ablating.move(way.entry_lps_mm, way.target_lps_mm)
        self._forget_drawn()

    def _show_trial(self, judged: Proposal | None) -> None:
        drawn = self._viewpoint.look.drawn_way
        if drawn is not None and judged is not None:
            against = tuple(reason_said(self._words, one) for one in judged.against)
            self._viewpoint.change(drawn_way=replace(drawn, against=against))

    def _forget_drawn(self, _activity: object = None) -> None:
        """Take the drawn way off the slices once the plan holds it, or it was refused."""
        if not self._is_drawing and not self._session.runs("own_way"):
            self._viewpoint.change(drawn_way=None)

    def _show_preview(self, shown: Shown | None) -> None:
        """Show what a probe that is moved would do, in the place of what was simulated."""
        self.layers.use_preview(None if shown is None else (shown.field, shown.summary.technique))
        for view in self.all_slices:
            view.show_case()
        self.three_d.show_preview(shown)

    def _show_extras(self, found: tuple[Extra, ...]) -> None:
        ways = tuple(way for one in found for way in one.ways())
        self.layers.extra_ways = ways
        self.three_d.show_extras(ways)
        for view in self.all_slices:
            view.show_case()

    def _show_skin(self, shown: SkinShown | None) -> None:
        self.three_d.show_skin(shown, self._session.reaching.surface)

    def _show_case(self, case: Case | None) -> None:
        before = self.layers.case
        self._hide_bones(case)
        self.layers.use_case(case)
        if looks_same(before, case):
            return  # typing an answer redraws nothing
        for view in self.all_slices:
            view.show_case()
        if self._viewpoint.look.shows_needle_planes:
            self._show_needle_planes()
        self.three_d.show_case(case)
        if case is None:
            return
        plan = case.plan
        is_other = not same_memory(self._outline, case.lesion)
        self._outline = case.lesion
        if case.lesion is None:
            self._seen_lesion = None
        elif plan.number != self._seen_lesion or (is_other and self._is_far(case)):
            self._see_lesion(case)
        key = (id(plan.access) if plan.access else None, plan.chosen_rank)
        is_own = plan.own_way is not None and plan.chosen is plan.own_way  # it was seen drawn
        if plan.chosen is not None and key != self._chosen and not is_own:
            self.go_to(plan.chosen.target_lps_mm)
            self.three_d.look_at_lesion()
        self._chosen = key

    def _see_lesion(self, case: Case) -> None:
        """Bring the views to a lesion that is new in them, but never away from a brush."""
        middle = middle_lps_mm(case)
        if middle is not None and self._viewpoint.look.tool not in BRUSHES:
            self.go_to(middle)
        self._seen_lesion = case.plan.number

    def _is_far(self, case: Case) -> bool:
        """Tell whether no slice shows an outline, which may be when it was imported."""
        middle = middle_lps_mm(case)
        here = self._viewpoint.look.crosshair_lps_mm
        return middle is not None and float(np.abs(np.subtract(middle, here)).min()) > NEAR_MM

    def _hide_bones(self, case: Case | None) -> None:
        """Leave the contours of newly found bones out of the slices, where bone is seen anyway."""
        found = case.structures if case is not None else None
        if found is not None and found is not self._structures:
            known = () if self._structures is None else self._structures.names()
            bones = frozenset(n for n in found.names() if is_bone(n) and n not in known)
            hidden = self._viewpoint.look.hidden_structures | bones
            self._viewpoint.change(hidden_structures=hidden)
        self._structures = found

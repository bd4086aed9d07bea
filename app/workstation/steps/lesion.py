"""Lesion: click in it, see its outline and measures, correct it; several in one case."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton, QSlider, QVBoxLayout, QWidget

from app.names import level_doubt_said
from app.workstation.stages import Activity
from app.workstation.steps.brush import Brush, tool_button
from app.workstation.steps.measures import MeasureTable
from app.workstation.steps.panel import Desk, Notes, Panel, button, combo, label, row
from app.workstation.viewpoint import Look, Tool
from imaging.lesion.certainty import Certainty
from planning.lesions import lesions
from planning.plan import Case, Plan
from planning.teaching.exercise import Visible

MASKS = "*.nii *.nii.gz *.nrrd *.mha *.dcm"
SLIDER_STEPS = 10


class LesionPanel(Panel):
    """The lesion.

    Parameters
    ----------
    desk : Desk
        What it works with.
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk, "lesion")
        self.editing = self.session.editing
        self._build_choice()
        self._click = self._tool("lesion.click", Tool.CLICK_LESION)
        self._click.setObjectName("primary")
        self._outside = self._tool("lesion.outside", Tool.CLICK_OUTSIDE)
        self.column.addLayout(row(self._click, self._outside))
        click_hint = label(self.words("lesion.click_hint"), "hint")
        self.column.addWidget(click_hint)
        self._notes = Notes()
        self._about_bone: list[tuple[str, str]] = []
        self._number = 0  # of the lesion that this is said of
        self.column.addWidget(self._notes)
        self._measures = MeasureTable(self.words, self.editing)
        self._callipers = self._tool("lesion.callipers", Tool.CALLIPERS)
        self._measured = QWidget()
        below = QVBoxLayout(self._measured)
        below.setContentsMargins(0, 0, 0, 0)
        below.addWidget(self._measures)
        below.addWidget(self._callipers)
        self.column.addWidget(self._measured)
        fit = self.add_section("lesion.fit")
        ends = self._build_slider()
        self.withhold(
            Visible.ONE_CLICK_OUTLINE,
            *(self._click, self._outside, click_hint, fit, self.slider, *ends),
        )
        self.add_section("lesion.correct")
        self._build_corrections()
        self._subscriptions.append(self.viewpoint.subscribe(self._show_look))
        self._show_look(self.viewpoint.look)
        self.finish()

    def show_withheld(self) -> None:
        """Hide the measures too where measuring is the task."""
        super().show_withheld()
        self._measured.setVisible(not self.session.exercising.hides_measures)

    def _build_choice(self) -> None:
        self._choice = combo()
        self._choice.setAccessibleName(self.words("lesion.choice"))
        self._choice.activated.connect(
            lambda _n: self.editing.look_at_lesion(int(self._choice.currentData()))
        )
        self._another = button(self.words("lesion.another"), self._add_lesion)
        self._drop = button(self.words("lesion.drop"), self.editing.remove_lesion)
        self.column.addWidget(self._choice)
        self.column.addLayout(row(self._another, self._drop))

    def _build_slider(self) -> tuple[QWidget, ...]:
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(-SLIDER_STEPS, SLIDER_STEPS)
        self.slider.setTickInterval(SLIDER_STEPS)
        self.slider.setPageStep(2)
        self.slider.setTracking(False)
        self.slider.setAccessibleName(self.words("lesion.fit"))
        self.slider.valueChanged.connect(self._regrow)
        tight = label(self.words("lesion.tight"), "quiet")
        generous = label(self.words("lesion.generous"), "quiet")
        self.column.addLayout(row(tight, self.slider, generous))
        return tight, generous

    def _build_corrections(self) -> None:
        self.brush = Brush(self.words, self.viewpoint, self._paint_lesion)
        self.column.addLayout(self.brush)
        self._fill = button(
            self.words("lesion.fill_between"),
            lambda: self.editing.fill_between(self.board.last_normal_lps),
        )
        self._smooth = button(self.words("lesion.smooth"), self.editing.smooth)
        self.column.addLayout(row(self._fill, self._smooth))
        self._split = self._tool("lesion.remove_part", Tool.REMOVE_PART)
        self._keep = self._tool("lesion.keep_part", Tool.KEEP_PART)
        self.column.addLayout(row(self._split, self._keep))
        self.column.addLayout(
            row(
                button(self.words("lesion.again"), self._begin_again),
                button(self.words("lesion.import"), self._import),
            )
        )

    def _tool(self, key: str, tool: Tool) -> QPushButton:
        return tool_button(self.words, self.viewpoint, key, tool, self._paint_lesion)

    def _paint_lesion(self) -> None:
        self.viewpoint.change(painted_structure=None)

    def show_case(self, case: Case | None) -> None:
        """Show the measures."""
        plan = case.plan if case else None
        has_lesion = case is not None and case.lesion is not None
        can_regrow = plan is not None and bool(plan.seeds_lps_mm)
        self._click.setEnabled(case is not None)
        self.brush.set_enabled(case is not None)
        self._outside.setEnabled(can_regrow)
        self._show_fit()
        for widget in (self._fill, self._smooth, self._split, self._keep, self._callipers):
            widget.setEnabled(has_lesion)
        self._show_choice(case)
        is_measuring = has_lesion and plan is not None and plan.lesion is None
        self._measures.show_plan(plan, is_measuring=is_measuring)
        if plan is None or not has_lesion:
            self._about_bone = []
            self._notes.show_notes(())
            return
        if plan.lesion is not None and plan.lesion.hu is not None:
            self.brush.suggest_range(plan.lesion.hu.p5, plan.lesion.hu.p95)
        notes = [("warning", self.words.problem(one)) for one in plan.doubts]
        if plan.certainty is not None:
            tone = "hint" if plan.certainty is Certainty.CLEAR else "warning"
            notes.insert(0, (tone, self.words(f"lesion.certainty.{plan.certainty}")))
        if not is_measuring or plan.number != self._number:
            self._about_bone, self._number = self._bone_notes(plan), plan.number
        elif not self._measures.is_pending:
            notes.insert(0, ("hint", self.words("lesion.measuring")))
        self._notes.show_notes((*notes, *self._about_bone))

    def _bone_notes(self, plan: Plan) -> list[tuple[str, str]]:
        """Say in which bone the lesion lies; kept while it is measured again."""
        if plan.involvement is None or plan.involvement.bone is None:
            return []
        bone = self.words.structure(plan.involvement.bone)
        notes = [("hint", self.words("lesion.in_bone", bone=bone))]
        doubt = plan.levels.doubt if plan.levels is not None else None
        if doubt and plan.involvement.bone.startswith("vertebra"):
            said = level_doubt_said(doubt, self.words.language)
            notes.append(("warning", self.words("lesion.level_doubt", doubt=said)))
        return notes

    def show_activity(self, activity: Activity | None) -> None:
        """Keep the slider still while the outline is being found."""
        self._show_fit()

    def _show_fit(self) -> None:
        """Show how generous the outline is, unless another is being found."""
        busy = self.session.runs("outline", "regrow")
        plan = None if self.session.case is None else self.session.case.plan
        self.slider.setEnabled(plan is not None and bool(plan.seeds_lps_mm) and not busy)
        if not busy and not self.slider.isSliderDown():
            self.slider.blockSignals(True)
            self.slider.setValue(0 if plan is None else round(plan.generosity * SLIDER_STEPS))
            self.slider.blockSignals(False)

    def _show_choice(self, case: Case | None) -> None:
        found = lesions(case) if case is not None else ()
        self._another.setEnabled(case is not None and case.lesion is not None)
        self._drop.setVisible(len(found) > 1)
        self._choice.clear()
        for one in found:
            self._choice.addItem(self._title(one.plan), one.plan.number)
        if case is not None:
            self._choice.setCurrentIndex(self._choice.findData(case.plan.number))
        self._choice.setEnabled(len(found) > 1)

    def _title(self, plan: Plan) -> str:
        bone = plan.involvement.bone if plan.involvement is not None else None
        parts = [self.words("lesion.number", number=plan.number)]
        if plan.name:
            parts.append(plan.name)
        elif bone is not None:
            parts.append(self.words.structure(bone))
        if plan.measures is not None and not self.session.exercising.hides_measures:
            parts.append(f"{self.words.number(plan.measures.volume_ml)} ml")
        return " · ".join(parts)

    def _regrow(self, value: int) -> None:
        self.editing.regrow(value / SLIDER_STEPS)

    def _add_lesion(self) -> None:
        self.editing.add_lesion()
        self.viewpoint.change(tool=Tool.CLICK_LESION, painted_structure=None)

    def _begin_again(self) -> None:
        self.editing.forget_lesion()
        self.viewpoint.change(tool=Tool.CLICK_LESION, painted_structure=None)

    def _import(self) -> None:
        path = self.ask_file("lesion.import", MASKS)
        if path is not None:
            self.editing.import_lesion(path)

    def _show_look(self, look: Look) -> None:
        is_mine = look.painted_structure is None
        self.brush.show_look(look, is_mine=is_mine)
        for widget, tool in (
            (self._click, Tool.CLICK_LESION),
            (self._outside, Tool.CLICK_OUTSIDE),
            (self._callipers, Tool.CALLIPERS),
            (self._split, Tool.REMOVE_PART),
            (self._keep, Tool.KEEP_PART),
        ):
            widget.setChecked(look.tool == tool)

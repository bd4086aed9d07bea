"""Lesion: click in it, see its outline and measures, correct it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton, QSlider

from app.workstation.stages import Activity
from app.workstation.steps.panel import Desk, Facts, Notes, Panel, button, label, row
from app.workstation.viewpoint import BRUSH_MM, Look, Tool
from imaging.measurement.lesion import LesionMeasurement
from planning.plan import Case

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
        self._click = self._tool_button("lesion.click", Tool.CLICK_LESION)
        self._click.setObjectName("primary")
        self.column.addWidget(self._click)
        self.column.addWidget(label(self.words("lesion.click_hint"), "hint"))
        self._facts, self._notes = Facts(), Notes()
        self.column.addWidget(self._facts)
        self.column.addWidget(self._notes)
        self._fit_heading = self.add_section("lesion.fit")
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(-SLIDER_STEPS, SLIDER_STEPS)
        self.slider.setTickInterval(SLIDER_STEPS)
        self.slider.setPageStep(2)
        self.slider.setTracking(False)
        self.slider.setAccessibleName(self.words("lesion.fit"))
        self.slider.valueChanged.connect(self._regrow)
        self.column.addLayout(
            row(
                label(self.words("lesion.tight"), "quiet"),
                self.slider,
                label(self.words("lesion.generous"), "quiet"),
            )
        )
        self.add_section("lesion.correct")
        self._add = self._tool_button("lesion.add", Tool.BRUSH_ADD)
        self._remove = self._tool_button("lesion.remove", Tool.BRUSH_REMOVE)
        self.column.addLayout(row(self._add, self._remove))
        self._brush = QSlider(Qt.Orientation.Horizontal)
        self._brush.setRange(int(BRUSH_MM[0]), int(BRUSH_MM[1]))
        self._brush.setAccessibleName(self.words("lesion.brush", mm=""))
        self._brush.valueChanged.connect(self.viewpoint.set_brush)
        self._brush_label = label("", "quiet")
        self.column.addLayout(row(self._brush_label, self._brush))
        self.column.addLayout(
            row(
                button(self.words("lesion.again"), self._begin_again),
                button(self.words("lesion.import"), self._import),
            )
        )
        self._subscriptions.append(self.viewpoint.subscribe(self._show_look))
        self._show_look(self.viewpoint.look)
        self.finish()

    def _tool_button(self, key: str, tool: Tool) -> QPushButton:
        made = QPushButton(self.words(key))
        made.setCheckable(True)
        made.clicked.connect(
            lambda checked: self.viewpoint.change(tool=tool if checked else Tool.CROSSHAIR)
        )
        return made

    def show_case(self, case: Case | None) -> None:
        """Show the measures."""
        lesion = case.plan.lesion if case else None
        for widget in (self._click, self._add, self._remove):
            widget.setEnabled(case is not None)
        can_regrow = case is not None and bool(case.plan.seeds_lps_mm)
        self.slider.setEnabled(can_regrow)
        if case is None or lesion is None:
            self._facts.show_rows(())
            self._notes.show_notes(())
            self._set_slider(0)
            return
        self._facts.show_rows(self._rows(lesion))
        self._notes.show_problems(case.plan.doubts, self.words, "warning")

    def show_activity(self, activity: Activity | None) -> None:
        """Keep the outline's controls still while it is being found."""
        self._brush.setEnabled(not self.session.runs("brush"))

    def _rows(self, lesion: LesionMeasurement) -> list[tuple[str, str]]:
        words, number = self.words, self.words.number
        breach = {True: "yes", False: "no", None: "unknown"}[lesion.cortical_breach]
        axial = lesion.axial
        return [
            (words("lesion.length"), f"{number(lesion.length_mm)} mm"),
            (words("lesion.width"), f"{number(lesion.width_mm)} mm"),
            (words("lesion.axial"), f"{number(axial.length_mm)} × {number(axial.width_mm)} mm"),
            (words("lesion.volume_formula"), f"{number(lesion.volume_formula_ml, 2)} ml"),
            (words("lesion.volume"), f"{number(lesion.volume_ml, 2)} ml"),
            (words("lesion.kind"), words(f"options.{lesion.kind}")),
            (words("lesion.mean"), f"{number(lesion.mean_hu, 0)} HU"),
            (words("lesion.breach"), words(f"answers_said.{breach}")),
        ]

    def _regrow(self, value: int) -> None:
        self.session.regrow(value / SLIDER_STEPS)

    def _set_slider(self, value: int) -> None:
        self.slider.blockSignals(True)
        self.slider.setValue(value)
        self.slider.blockSignals(False)

    def _begin_again(self) -> None:
        self._set_slider(0)
        self.session.forget_lesion()
        self.viewpoint.change(tool=Tool.CLICK_LESION)

    def _import(self) -> None:
        path = self.ask_file("lesion.import", MASKS)
        if path is not None:
            self.session.import_lesion(path)

    def _show_look(self, look: Look) -> None:
        self._click.setChecked(look.tool == Tool.CLICK_LESION)
        self._add.setChecked(look.tool == Tool.BRUSH_ADD)
        self._remove.setChecked(look.tool == Tool.BRUSH_REMOVE)
        self._brush.setValue(round(look.brush_mm))
        self._brush_label.setText(self.words("lesion.brush", mm=f"{look.brush_mm:.0f}"))

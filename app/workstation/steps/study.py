"""Study: which CT is open, and what was found when it was read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np

from app.workstation.follow_up.model import overdue
from app.workstation.steps.panel import Desk, Facts, Notes, Panel
from planning.follow_up.schedule import Due
from planning.follow_up.tables import occasion_name
from planning.plan import Case

HARMLESS = {"localizer_skipped"}


class StudyPanel(Panel):
    """The CT.

    Parameters
    ----------
    desk : Desk
        What it works with.
    open_folder, open_file : callable
        Ask for a CT.
    """

    def __init__(
        self, desk: Desk, open_folder: Callable[[], None], open_file: Callable[[], None]
    ) -> None:
        super().__init__(desk, "study")
        self.add_button("study.open_folder", open_folder, "primary")
        self.add_button("study.open_file", open_file)
        self._facts = Facts()
        self.column.addWidget(self._facts)
        self._heading = self.add_section("study.found")
        self._notes = Notes()
        self.column.addWidget(self._notes)
        self._late = Notes()
        self.column.addWidget(self._late)
        self.finish()

    def show_case(self, case: Case | None) -> None:
        """Show the CT of the case."""
        self._heading.setVisible(case is not None)
        if case is None:
            self._facts.show_rows(())
            self._notes.show_notes(())
            self._late.show_notes(())
            return
        words, series = self.words, case.plan.series
        k, j, i = series.size_kji
        spacing = " × ".join(words.number(mm, 2) for mm in series.grid.spacing_mm_kji)
        extent = np.array(series.size_kji) * series.grid.spacing_mm_kji / 10
        rows = [
            (words("study.description"), series.description or words("study.none")),
            (words("study.size"), words("study.size_value", k=k, j=j, i=i)),
            (words("study.spacing"), f"{spacing} mm"),
            (words("study.extent"), " × ".join(words.number(cm, 0) for cm in extent) + " cm"),
            (
                words("study.position"),
                words.maybe(
                    f"positions_dicom.{series.patient_position}",
                    series.patient_position or words("study.unknown"),
                ),
            ),
            (words("study.error"), f"{words.number(series.max_position_error_mm, 3)} mm"),
        ]
        self._facts.show_rows(rows)
        notes = [
            ("hint" if one.code in HARMLESS else "warning", words.problem(one))
            for one in series.problems
        ]
        self._notes.show_notes(notes or [("good", words("study.clean"))])
        self._late.show_notes(
            ("warning", self._late_said(*one)) for one in overdue(case, date.today())
        )

    def _late_said(self, lesion: int, late: Due) -> str:
        name = occasion_name(late.occasion, self.words.language)
        return self.words(
            "study.overdue",
            lesion=lesion,
            name=name,
            date=late.due.isoformat(),
            days=late.days_overdue,
        )

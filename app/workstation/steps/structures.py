"""Structures: what lies around the lesion, and whether a needle may pass it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QTableWidgetItem

from app.workstation.stages import Activity
from app.workstation.steps.panel import Desk, Panel, fit_height, label, table
from app.workstation.style.palette import FORBIDDEN, STRUCTURE_COLOURS
from imaging.structures.model import Structure
from planning.plan import Case

LABEL_MAPS = "*.nii *.nii.gz *.nrrd *.mha *.dcm"


class StructuresPanel(Panel):
    """The structures.

    Parameters
    ----------
    desk : Desk
        What it works with.
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk, "structures")
        self._find = self.add_button(
            "structures_panel.find", self.session.find_structures, "primary"
        )
        self._import = self.add_button("structures_panel.import", self._ask)
        self._table = table(
            self.words(f"structures_panel.{key}") for key in ("name", "volume", "class")
        )
        self._table.itemChanged.connect(self._toggle)
        self.column.addWidget(self._table)
        self._hint = label(self.words("structures_panel.shown_hint"), "hint")
        self.column.addWidget(self._hint)
        self._shown: tuple[Structure, ...] = ()
        self.finish()

    def show_case(self, case: Case | None) -> None:
        """Show the structures of the case."""
        for widget in (self._find, self._import):
            widget.setEnabled(case is not None)
        rows = case.plan.structures if case else ()
        self._table.setVisible(bool(rows))
        self._hint.setVisible(bool(rows))
        if rows == self._shown:
            return
        self._shown = rows
        self._table.blockSignals(True)
        self._table.setRowCount(len(rows))
        for number, one in enumerate(rows):
            self._fill(number, one)
        self._table.blockSignals(False)
        fit_height(self._table, 20)

    def show_activity(self, activity: Activity | None) -> None:
        """Keep a second search from being started."""
        busy = self.session.runs("structures", "import_structures")
        self._find.setEnabled(self.session.case is not None and not busy)

    def _fill(self, number: int, one: Structure) -> None:
        name = QTableWidgetItem(self.words.structure(one.name))
        name.setToolTip(self.words.maybe(f"found_by.{one.name}", one.found_by))
        name.setFlags(name.flags() | Qt.ItemFlag.ItemIsUserCheckable)
        hidden = one.name in self.viewpoint.look.hidden_structures
        name.setCheckState(Qt.CheckState.Unchecked if hidden else Qt.CheckState.Checked)
        volume = QTableWidgetItem(f"{self.words.number(one.volume_ml)} ml")
        volume.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        kind = QTableWidgetItem(self.words(f"classes.{one.class_.value}"))
        kind.setForeground(QColor(STRUCTURE_COLOURS.get(one.class_.value, FORBIDDEN)))
        for column, item in enumerate((name, volume, kind)):
            self._table.setItem(number, column, item)

    def _toggle(self, item: QTableWidgetItem) -> None:
        if item.column() == 0 and item.row() < len(self._shown):
            shown = item.checkState() == Qt.CheckState.Checked
            self.viewpoint.show_structure(self._shown[item.row()].name, shown)

    def _ask(self) -> None:
        path = self.ask_file("structures_panel.import", LABEL_MAPS)
        if path is not None:
            self.session.import_structures(path)

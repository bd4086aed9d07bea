"""Structures: what lies around the lesion, whether a needle may pass it, what it stands."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QCursor
from PySide6.QtWidgets import QComboBox, QDialog, QMenu, QTableWidgetItem

from app.names import level_doubt_said
from app.workstation.stages import Activity
from app.workstation.steps.brush import Brush, tool_button
from app.workstation.steps.limits import LimitDialog, limit_said
from app.workstation.steps.panel import Desk, Notes, Panel, combo, fit_height, label, row, table
from app.workstation.style.palette import FORBIDDEN, STRUCTURE_COLOURS
from app.workstation.viewpoint import Look, Tool
from imaging.structures.model import PassageClass, Structure
from imaging.structures.not_visible import not_found
from imaging.structures.set_level import NAMES as LEVELS
from planning.ablation.limits import LimitChange
from planning.plan import Case
from planning.teaching.exercise import Visible

LABEL_MAPS = "*.nii *.nii.gz *.nrrd *.mha *.dcm"
NAME, VOLUME, CLASS, LIMIT = range(4)


class StructuresPanel(Panel):
    """The structures.

    Parameters
    ----------
    desk : Desk
        What it works with.
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk, "structures")
        self.editing = self.session.editing
        self._find = self.add_button(
            "structures_panel.find", self.editing.find_structures, "primary"
        )
        self._import = self.add_button("structures_panel.import", self._ask)
        self.withhold(Visible.STRUCTURES, self._find)
        self._levels = Notes()
        self.column.addWidget(self._levels)
        self._build_level()
        headings = ("name", "volume", "class", "limit")
        self._table = table(self.words(f"structures_panel.{key}") for key in headings)
        self._table.itemChanged.connect(self._toggle)
        self._table.itemDoubleClicked.connect(self._change)
        self.column.addWidget(self._table)
        self._hint = label(self.words("structures_panel.shown_hint"), "hint")
        self.column.addWidget(self._hint)
        self._shown: tuple[tuple[Structure, ...], tuple[LimitChange, ...]] = ((), ())
        self.add_section("structures_panel.paint")
        self._build_painting()
        self._unseen = Notes()
        self.column.addWidget(self._unseen)
        self._subscriptions.append(self.viewpoint.subscribe(self._show_look))
        self._show_look(self.viewpoint.look)
        self.finish()

    def _build_level(self) -> None:
        self._level = combo()
        for name in LEVELS:
            self._level.addItem(name, name)
        self._level.setCurrentText(self.viewpoint.look.level)
        self._level.activated.connect(
            lambda _n: self.viewpoint.change(level=self._level.currentData())
        )
        self._set_level = tool_button(
            self.words, self.viewpoint, "structures_panel.set_level", Tool.LEVEL, self._use_level
        )
        self.column.addLayout(row(self._set_level, self._level))

    def _build_painting(self) -> None:
        self.column.addWidget(label(self.words("structures_panel.paint_hint"), "hint"))
        self._painted: QComboBox = combo()
        self._painted.setEditable(True)
        self._painted.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self._painted.setAccessibleName(self.words("structures_panel.paint"))
        self._painted.activated.connect(lambda _n: self._use_name())
        self.column.addWidget(self._painted)
        self.brush = Brush(self.words, self.viewpoint, self._use_name)
        self.column.addLayout(self.brush)

    def _use_level(self) -> None:
        self.viewpoint.change(level=self._level.currentData())

    def _use_name(self) -> None:
        """Let the brush paint the structure that is chosen, or named by hand."""
        text = self._painted.currentText().strip()
        at = self._painted.findText(text)
        name = self._painted.itemData(at) if at >= 0 else text.lower().replace(" ", "_")
        self.viewpoint.change(painted_structure=name or None)

    def show_case(self, case: Case | None) -> None:
        """Show the structures of the case."""
        for widget in (self._find, self._import):
            widget.setEnabled(case is not None)
        rows = case.plan.structures if case else ()
        limits = case.plan.limits if case else ()
        self._table.setVisible(bool(rows))
        self._hint.setVisible(bool(rows))
        has_spine = any(one.name.startswith("vertebra") for one in rows)
        self._set_level.setVisible(has_spine)
        self._level.setVisible(has_spine)
        self.brush.set_enabled(case is not None)
        self._show_unseen(case)
        if (rows, limits) == self._shown:
            return
        self._shown = (rows, limits)
        self._table.blockSignals(True)
        self._table.setRowCount(len(rows))
        for number, one in enumerate(rows):
            self._fill(number, one, limits)
        self._table.blockSignals(False)
        fit_height(self._table, 14)
        self._offer_names(case)

    def show_activity(self, activity: Activity | None) -> None:
        """Keep a second search from being started."""
        busy = self.session.runs("structures", "import_structures", "set_level")
        self._find.setEnabled(self.session.case is not None and not busy)

    def _show_unseen(self, case: Case | None) -> None:
        """Say how levels were counted, what no CT shows and what was not found."""
        words = self.words
        if case is None or case.structures is None:
            self._levels.show_notes(())
            self._unseen.show_notes(())
            return
        levels = case.plan.levels
        told = []
        if levels is not None:
            counted = words.maybe(f"counted_from.{levels.counted_from}", levels.counted_from)
            told.append(("hint", words("structures_panel.counted", how=counted)))
            if levels.doubt:
                told.append(("warning", level_doubt_said(levels.doubt, words.language)))
        self._levels.show_notes(told)
        unseen, lacking = case.plan.unpainted, not_found(case.structures)
        notes = []
        if unseen:
            names = "; ".join(words.structure(one.name) for one in unseen)
            notes.append(("bad", words("structures_panel.unpainted", count=len(unseen))))
            notes.append(("warning", words("structures_panel.not_visible", name=names)))
        if lacking:
            names = "; ".join(words.structure(one.name) for one in lacking)
            notes.append(("hint", words("structures_panel.not_found", name=names)))
        self._unseen.show_notes(notes)

    def _offer_names(self, case: Case | None) -> None:
        """Offer what can be painted: what no CT shows, what was not found, what is there."""
        if case is None:
            return
        before = self._painted.currentText()
        names = [one.name for one in case.plan.unpainted]
        names += [one.name for one in case.plan.structures if one.name != "body"]
        self._painted.clear()
        for name in dict.fromkeys(names):
            self._painted.addItem(self.words.structure(name), name)
        if before:
            self._painted.setCurrentText(before)

    def _fill(self, number: int, one: Structure, limits: tuple[LimitChange, ...]) -> None:
        name = QTableWidgetItem(self.words.structure(one.name))
        found_by = self.words.maybe(f"found_by.{one.name}", one.found_by)
        name.setToolTip(f"{name.text()}\n{found_by}")  # the column is too narrow for long names
        name.setFlags(name.flags() | Qt.ItemFlag.ItemIsUserCheckable)
        hidden = one.name in self.viewpoint.look.hidden_structures
        name.setCheckState(Qt.CheckState.Unchecked if hidden else Qt.CheckState.Checked)
        volume = QTableWidgetItem(self.words.number(one.volume_ml))
        volume.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        limit = QTableWidgetItem(limit_said(self.words, one.name, limits))
        limit.setToolTip(self.words("structures_panel.limit_hint"))
        class_ = QTableWidgetItem(self.words(f"classes.{one.class_.value}"))
        class_.setForeground(QColor(STRUCTURE_COLOURS.get(one.class_.value, FORBIDDEN)))
        class_.setToolTip(self.words("structures_panel.class_hint"))
        for column, item in ((NAME, name), (VOLUME, volume), (CLASS, class_), (LIMIT, limit)):
            self._table.setItem(number, column, item)

    def _toggle(self, item: QTableWidgetItem) -> None:
        rows = self._shown[0]
        if item.column() == NAME and item.row() < len(rows):
            shown = item.checkState() == Qt.CheckState.Checked
            self.viewpoint.show_structure(rows[item.row()].name, shown)

    def _change(self, item: QTableWidgetItem) -> None:
        """Ask for another class or limit of the structure that was double-clicked."""
        rows, limits = self._shown
        if item.row() >= len(rows):
            return
        one = rows[item.row()]
        if item.column() == CLASS:
            self.class_menu(one).popup(QCursor.pos())
        elif item.column() == LIMIT:
            dialog = LimitDialog(self, self.words, one.name, limits)
            if dialog.exec() == QDialog.DialogCode.Accepted:
                self.editing.set_limit(dialog.change)

    def class_menu(self, one: Structure) -> QMenu:
        """Return the menu of the classes that a structure can be given.

        Parameters
        ----------
        one : Structure
            Row of the table.

        Returns
        -------
        QMenu
            Gone once it closes.
        """
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for class_ in PassageClass:
            action = menu.addAction(self.words(f"classes.{class_.value}"))
            action.setCheckable(True)
            action.setChecked(class_ == one.class_)
            action.triggered.connect(partial(self._set_class, one.name, class_))
        return menu

    def _set_class(self, name: str, class_: PassageClass, _checked: bool = False) -> None:
        self.editing.set_class(name, class_)

    def _show_look(self, look: Look) -> None:
        self.brush.show_look(look, is_mine=look.painted_structure is not None)
        self._set_level.setChecked(look.tool == Tool.LEVEL)

    def _ask(self) -> None:
        path = self.ask_file("structures_panel.import", LABEL_MAPS)
        if path is not None:
            self.editing.import_structures(path)

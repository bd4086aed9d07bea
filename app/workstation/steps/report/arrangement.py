"""Which sections and which captured pictures the report holds, and in which order."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QIcon, QPixmap
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from app.report.texts import texts
from app.workstation.reporting import Reporting
from app.workstation.steps.panel import button, label, row
from app.workstation.words import Words
from planning.plan import Case
from planning.report_choice import ALWAYS_SHOWN

THUMB = QSize(120, 84)
LIST_HEIGHT = 170
PICTURES = "captures"  # a section that is there when pictures are


class Arrangement(QWidget):
    """Sections to tick, pictures to order.

    Parameters
    ----------
    reporting : Reporting
        Of the session.
    words : Words
        Of the screen.
    """

    def __init__(self, reporting: Reporting, words: Words) -> None:
        super().__init__()
        self._reporting, self._words = reporting, words
        self._fills = False
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        self.sections = QListWidget()
        self.sections.setFixedHeight(LIST_HEIGHT)
        self.sections.setAccessibleName(words("report.sections"))
        self.sections.itemChanged.connect(self._ticked)
        titles = texts(words.language)["sections"]
        for key in (key for key in titles if key != PICTURES):
            item = QListWidgetItem(str(titles[key]))
            item.setData(Qt.ItemDataRole.UserRole, key)
            self.sections.addItem(item)
        column.addWidget(label(words("report.sections"), "quiet"))
        column.addWidget(self.sections)
        column.addWidget(label(words("report.pictures"), "quiet"))
        self._hint = label(words("report.capture_hint"), "hint")
        column.addWidget(self._hint)
        self.pictures = QListWidget()
        self.pictures.setIconSize(THUMB)
        self.pictures.setFixedHeight(LIST_HEIGHT)
        self.pictures.setAccessibleName(words("report.pictures"))
        column.addWidget(self.pictures)
        self._earlier = button(words("report.earlier"), lambda: self._move(-1))
        self._later = button(words("report.later"), lambda: self._move(1))
        self._drop = button(words("report.leave_out"), self._leave_out)
        column.addLayout(row(self._earlier, self._later, self._drop))
        self._shown: tuple[str, ...] | None = None

    def show_case(self, case: Case | None) -> None:
        """Show how the report of a case is arranged.

        Parameters
        ----------
        case : Case or None
            None while nothing is open.
        """
        self.setEnabled(case is not None)
        choice = case.plan.report if case is not None else None
        self._fills = True
        for number in range(self.sections.count()):
            item = self.sections.item(number)
            key = item.data(Qt.ItemDataRole.UserRole)
            fixed = key in ALWAYS_SHOWN
            flags = item.flags() | Qt.ItemFlag.ItemIsUserCheckable
            item.setFlags(flags & ~Qt.ItemFlag.ItemIsEnabled if fixed else flags)
            shown = choice is None or choice.shows(key)
            item.setCheckState(Qt.CheckState.Checked if shown else Qt.CheckState.Unchecked)
        self._fills = False
        self._show_pictures(choice.pictures if choice is not None else ())

    def _show_pictures(self, names: tuple[str, ...]) -> None:
        known = {one.name: one for one in self._reporting.pictures}
        names = tuple(name for name in names if name in known)
        for widget in (self.pictures, self._earlier, self._later, self._drop):
            widget.setVisible(bool(names))
        if names == self._shown:
            return
        self._shown = names
        self.pictures.clear()
        for name in names:
            picture = QPixmap()
            picture.loadFromData(known[name].png)
            item = QListWidgetItem(QIcon(picture), name.removesuffix(".png"))
            item.setData(Qt.ItemDataRole.UserRole, name)
            self.pictures.addItem(item)

    def _ticked(self, _item: QListWidgetItem) -> None:
        if self._fills:
            return
        items = [self.sections.item(n) for n in range(self.sections.count())]
        left = [
            str(one.data(Qt.ItemDataRole.UserRole))
            for one in items
            if one.checkState() == Qt.CheckState.Unchecked
        ]
        self._reporting.leave_out(tuple(left))

    def _names(self) -> list[str]:
        items = (self.pictures.item(n) for n in range(self.pictures.count()))
        return [str(one.data(Qt.ItemDataRole.UserRole)) for one in items]

    def _move(self, by: int) -> None:
        names, here = self._names(), self.pictures.currentRow()
        place = here + by
        if here < 0 or not 0 <= place < len(names):
            return
        names.insert(place, names.pop(here))
        self._reporting.arrange_pictures(tuple(names))
        self.pictures.setCurrentRow(place)

    def _leave_out(self) -> None:
        names, here = self._names(), self.pictures.currentRow()
        if here >= 0:
            del names[here]
            self._reporting.arrange_pictures(tuple(names))

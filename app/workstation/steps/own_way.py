"""The way drawn by hand: the tool, and the reason for taking it although it breaks limits."""

from __future__ import annotations

from PySide6.QtWidgets import QLineEdit, QPushButton, QVBoxLayout, QWidget

from app.workstation.session import Session
from app.workstation.steps.panel import Notes, button, row
from app.workstation.viewpoint import Look, Tool, Viewpoint
from app.workstation.words import Words
from planning.plan import Case


class OwnWay(QWidget):
    """Draws a way by hand and overrules what speaks against it.

    Parameters
    ----------
    session : Session
        The open case.
    viewpoint : Viewpoint
        Whose tool is changed.
    words : Words
        Of the screen.
    """

    def __init__(self, session: Session, viewpoint: Viewpoint, words: Words) -> None:
        super().__init__()
        self._session, self._viewpoint, self._words = session, viewpoint, words
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(7)
        self.draw = QPushButton(words("own_way.draw"))
        self.draw.setToolTip(words("own_way.draw_hint"))
        self.draw.setCheckable(True)
        self.draw.clicked.connect(self._use_tool)
        column.addWidget(self.draw)
        self._overruled = Notes()
        column.addWidget(self._overruled)
        self.reason = QLineEdit()
        self.reason.setPlaceholderText(words("own_way.reason"))
        self.reason.setToolTip(words("own_way.reason_hint"))
        self.reason.returnPressed.connect(self._overrule)
        self.take = button(words("own_way.overrule"), self._overrule)
        self.reason.textChanged.connect(lambda text: self.take.setEnabled(bool(text.strip())))
        self.take.setEnabled(False)
        self._back = button(words("own_way.take_back"), self._take_back)
        column.addLayout(row(self.reason, self.take))
        column.addWidget(self._back)

    def show_case(self, case: Case | None) -> None:
        """Show another state of the case.

        Parameters
        ----------
        case : Case or None
            None while nothing is open.
        """
        ready = case is not None and case.lesion is not None and case.structures is not None
        self.draw.setEnabled(ready)
        own = case.plan.own_way if case is not None else None
        is_own = own is not None and case is not None and case.plan.chosen_rank == own.rank
        asks = own is not None and is_own and bool(own.against)
        overruled = own.overruled if own is not None and asks else ""
        notes = [("warning", self._words("own_way.overruled", reason=overruled))]
        self._overruled.show_notes(notes if overruled else [])
        self.reason.setVisible(asks and not overruled)
        self.take.setVisible(asks and not overruled)
        self._back.setVisible(bool(overruled))
        if not asks:
            self.reason.clear()

    def show_look(self, look: Look) -> None:
        """Show which tool the pointer is.

        Parameters
        ----------
        look : Look
            Shared by the views.
        """
        self.draw.setChecked(look.tool == Tool.DRAW_WAY)

    def _use_tool(self, on: bool) -> None:
        self._viewpoint.change(tool=Tool.DRAW_WAY if on else Tool.CROSSHAIR)

    def _overrule(self) -> None:
        if self.reason.text().strip():
            self._session.reaching.overrule(self.reason.text().strip())

    def _take_back(self) -> None:
        self._session.reaching.overrule("")

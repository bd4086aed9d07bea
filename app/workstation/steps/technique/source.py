"""The source behind a sentence, one click away and staying until it is closed."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout

from app.workstation.steps.panel import button
from app.workstation.style.palette import theme
from app.workstation.words import Words
from planning.technique.explanation import Explained
from planning.technique.rules import Rule, rule
from planning.words import labelled

CLOSE = "\N{MULTIPLICATION SIGN}"


class SourceCard(QFrame):
    """A rule in words, where it stands in its source, and the values that made it hold.

    Parameters
    ----------
    words : Words
        Of the screen.
    """

    def __init__(self, words: Words) -> None:
        super().__init__()
        self._words = words
        self.setObjectName("source")
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 8, 8, 10)
        column.setSpacing(2)
        row = QHBoxLayout()
        self._title = QLabel()
        self._title.setObjectName("section")
        close = button(CLOSE, self.hide, "close")
        close.setAccessibleName(words("technique.close_source"))
        close.setToolTip(words("technique.close_source"))
        row.addWidget(self._title, 1)
        row.addWidget(close)
        column.addLayout(row)
        self._text = QLabel()
        self._text.setTextFormat(Qt.TextFormat.RichText)
        self._text.setWordWrap(True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        column.addWidget(self._text)
        self.hide()

    def show_rule(self, rule_id: str, explained: Iterable[Explained]) -> None:
        """Show a rule.

        Parameters
        ----------
        rule_id : str
            Such as ``A14``.
        explained : iterable of Explained
            Decisions of that rule which hold or wait in this case.
        """
        try:
            found = rule(rule_id)
        except KeyError:
            return
        self._title.setText(f"{found.id} – {self._words(f'sources.{found.source}')}")
        self._text.setText("<br>".join([*self._rule_lines(found), *self._why(explained)]))
        self.show()

    def _rule_lines(self, found: Rule) -> list[str]:
        words = self._words
        checked = words("technique.checked", date=f"{found.checked:%Y-%m-%d}")
        where = f"{found.place}; {words(f'strengths.{found.strength}')}; {checked}"
        return [
            escape(found.text(words.language)),
            f"<span style='color:{theme().quiet}'>{escape(where)}</span>",
        ]

    def _why(self, explained: Iterable[Explained]) -> list[str]:
        words, lines = self._words, []
        for one in explained:
            told = words.maybe(f"techniques.{one.technique}", "")
            about = labelled(told, "", words.language) if told else ""
            if one.holds:
                why = "; ".join(one.because) or words("technique.always")
            else:
                names = [words.maybe(f"answers.{key}", key) for key in one.waits_for]
                why = words("technique.waits_for", names=", ".join(names))
            lines.append(
                f"<span style='color:{theme().accent}'>▸</span> {escape(about)}{escape(one.text)} "
                f"<span style='color:{theme().quiet}'>– {escape(why)}</span>"
            )
        return list(dict.fromkeys(lines))

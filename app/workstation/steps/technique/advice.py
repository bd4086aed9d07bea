"""What the rules recommend: every sentence with its source one click away."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from app.workstation.steps.panel import Facts, Notes, label
from app.workstation.steps.technique.advice_words import (
    ASK,
    OPEN,
    RULE,
    cited_text,
    dose_rows,
    missing_text,
    score_rows,
    technique_text,
)
from app.workstation.words import Words
from planning.technique.answers import Answers
from planning.technique.explanation import dose_steps
from planning.technique.recommendation import Recommendation

VERDICT_KINDS = {"go": "good", "stop": "bad", "insufficient": "warning"}


class Advice(QWidget):
    """The recommendation.

    Parameters
    ----------
    words : Words
        Of the screen.
    """

    asked_rule = Signal(str, str)  # id of a rule; technique, empty for the case
    asked_question = Signal(str)  # key of the answers

    def __init__(self, words: Words) -> None:
        super().__init__()
        self._words = words
        self._shown: Recommendation | None = None
        self._opened: set[str] = set()
        self._made: list[QLabel] = []
        self._headings: list[QLabel] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(8)
        self._verdict = Notes()
        self._column.addWidget(self._verdict)
        self._changes = self._rich("changes")
        self._cards = QVBoxLayout()
        self._cards.setSpacing(6)
        self._column.addLayout(self._cards)
        self._missing = self._section("technique.missing", self._linked("quiet"))
        self._doses_notes = Notes()
        self._doses = Facts()
        self._steps = label("", "quiet")
        self._section("technique.doses", self._doses_notes, self._doses, self._steps)
        self._scores = Facts()
        self._section("technique.scores", self._scores)
        self._warnings = self._section("technique.warnings", self._linked("quiet"))
        self._tables = label("", "hint")
        self._column.addWidget(self._tables)
        self._column.addStretch(1)

    def _rich(self, name: str) -> QLabel:
        made = self._linked(name)
        made.hide()
        self._column.addWidget(made)
        return made

    def _linked(self, name: str) -> QLabel:
        made = QLabel()
        made.setObjectName(name)
        made.setTextFormat(Qt.TextFormat.RichText)
        made.setWordWrap(True)
        made.setTextInteractionFlags(
            Qt.TextInteractionFlag.LinksAccessibleByMouse
            | Qt.TextInteractionFlag.LinksAccessibleByKeyboard
        )
        made.linkActivated.connect(self._follow)
        return made

    def _section(self, key: str, *inside: QWidget) -> QLabel:
        heading = label(self._words(key), "section")
        self._headings.append(heading)
        self._column.addWidget(heading)
        for one in inside:
            self._column.addWidget(one)
        last = inside[-1]
        return last if isinstance(last, QLabel) else heading

    def show_changes(self, text: str) -> None:
        """Show what the last answer changed.

        Parameters
        ----------
        text : str
            Rich text; empty where nothing changed.
        """
        self._changes.setText(text)
        self._changes.setVisible(bool(text))

    def show_recommendation(
        self, recommendation: Recommendation | None, judged: Answers | None = None
    ) -> None:
        """Show another recommendation.

        Parameters
        ----------
        recommendation : Recommendation or None
            None while nothing was answered.
        judged : Answers or None
            What the rules saw.
        """
        words = self._words
        self._shown = recommendation
        for heading in self._headings:
            heading.setVisible(recommendation is not None)
        for widget in (self._missing, self._steps, self._warnings, self._tables):
            widget.setVisible(recommendation is not None)
        if recommendation is None:
            self._show_nothing()
            return
        verdict = recommendation.verdict
        self._verdict.show_notes([(VERDICT_KINDS[verdict], words(f"verdicts.{verdict}"))])
        self._show_cards(recommendation)
        dose = recommendation.infiltration
        kind = VERDICT_KINDS[dose.verdict]
        self._doses_notes.show_notes([(kind, words(f"verdicts_dose.{dose.verdict}"))])
        self._doses.show_rows(dose_rows(dose, words))
        steps = [] if judged is None else dose_steps(judged, words.language)
        self._steps.setText("\n".join(steps))
        rows = score_rows(recommendation, words)
        self._scores.show_rows(rows)
        self._missing.setText(missing_text(recommendation, words))
        told = [f"• {cited_text(row.message, row.rules)}" for row in recommendation.warnings]
        told += [f"~ {cited_text(text, ())}" for text in recommendation.disagreements]
        self._warnings.setText("<br>".join(told))
        self._tables.setText(words("technique.tables", version=recommendation.tables_version))

    def _show_nothing(self) -> None:
        self._verdict.show_notes([("hint", self._words("technique.nothing_yet"))])
        for facts in (self._doses, self._scores):
            facts.show_rows(())
        self._doses_notes.show_notes(())
        self.show_changes("")
        self._card_labels(0)

    def _show_cards(self, recommendation: Recommendation) -> None:
        rows = recommendation.techniques
        for card, one in zip(self._card_labels(len(rows)), rows, strict=True):
            text = technique_text(one, self._words, opened=one.technique in self._opened)
            if card.text() != text:
                card.setText(text)

    def _card_labels(self, count: int) -> list[QLabel]:
        """Return as many cards as there are techniques; those left over are hidden."""
        while len(self._made) < count:
            card = self._linked("card")
            card.setContentsMargins(10, 7, 10, 7)
            card.setAlignment(Qt.AlignmentFlag.AlignTop)
            self._cards.addWidget(card)
            self._made.append(card)
        for number, card in enumerate(self._made):
            card.setVisible(number < count)
        return self._made[:count]

    def _follow(self, link: str) -> None:
        if link.startswith(OPEN):
            self._opened ^= {link.removeprefix(OPEN)}
            shown = self._shown
            if shown is not None:
                QTimer.singleShot(0, lambda: self._show_cards(shown))
        elif link.startswith(RULE):
            rule_id, _, technique = link.removeprefix(RULE).partition(":")
            self.asked_rule.emit(rule_id, technique)
        elif link.startswith(ASK):
            self.asked_question.emit(link.removeprefix(ASK))

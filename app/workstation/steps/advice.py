"""What the rules recommend, with every reason's own words behind its id."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QLabel, QToolTip, QVBoxLayout, QWidget

from app.workstation.steps.panel import Facts, Notes, empty, label
from app.workstation.style.palette import ACCENT, BAD, GOOD, QUIET, WARNING
from app.workstation.words import Words
from planning.technique.recommendation import Recommendation
from planning.technique.rules import rule

STATUS_COLOURS = {
    "recommended": GOOD,
    "possible": ACCENT,
    "contraindicated": BAD,
    "insufficient": WARNING,
}
OPEN = "open:"  # begins the link that shows all that is said of a technique
KEY = re.compile(r"\b[a-z]+(?:_[a-z0-9]+)+(?:\.[a-z_]+)?\b|\bescc\b")
VERDICT_KINDS = {"go": "good", "stop": "bad", "insufficient": "warning"}


class Advice(QWidget):
    """The recommendation.

    Parameters
    ----------
    words : Words
        Of the screen.
    """

    def __init__(self, words: Words) -> None:
        super().__init__()
        self._words = words
        self._shown: Recommendation | None = None
        self._opened: set[str] = set()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        self._verdict = Notes()
        self._warnings = Notes()
        self._techniques = QVBoxLayout()
        self._techniques.setSpacing(6)
        self._doses_heading = label(words("technique.doses"), "section")
        self._doses = Facts()
        self._doses_notes = Notes()
        self._scores_heading = label(words("technique.scores"), "section")
        self._scores = Facts()
        self._missing_heading = label(words("technique.missing"), "section")
        self._missing = label("", "quiet")
        column.addWidget(self._verdict)
        column.addLayout(self._techniques)
        for widget in (
            self._doses_heading,
            self._doses_notes,
            self._doses,
            self._scores_heading,
            self._scores,
            self._warnings,
            self._missing_heading,
            self._missing,
        ):
            column.addWidget(widget)
        column.addStretch(1)

    def show_recommendation(self, recommendation: Recommendation | None) -> None:
        """Show another recommendation.

        Parameters
        ----------
        recommendation : Recommendation or None
            None while nothing was answered.
        """
        words = self._words
        self._shown = recommendation
        empty(self._techniques)
        said: dict[str, Any] = (
            recommendation.model_dump(mode="json", by_alias=True) if recommendation else {}
        )
        for widget in (self._doses_heading, self._missing_heading, self._missing):
            widget.setVisible(bool(said))
        if not said:
            self._verdict.show_notes([("hint", words("technique.nothing_yet"))])
            for facts in (self._doses, self._scores):
                facts.show_rows(())
            self._warnings.show_notes(())
            self._doses_notes.show_notes(())
            self._scores_heading.hide()
            return
        verdict = said["verdict"]
        self._verdict.show_notes([(VERDICT_KINDS[verdict], words(f"verdicts.{verdict}"))])
        ranked = sorted(said["techniques"], key=lambda one: (one["rank"] is None, one["rank"] or 0))
        for one in ranked:
            self._techniques.addWidget(self._technique(one))
        self._show_doses(said["infiltration"])
        self._show_scores(said["scores"])
        warnings = [
            ("warning", f"{self._readable(w['message'])}  ({', '.join(w['rules'])})")
            for w in said["warnings"]
        ]
        self._warnings.show_notes(warnings)
        names = [words.maybe(f"answers.{key}", key) for key in said["missing"]]
        self._missing.setText(" · ".join(names) or words("technique.nothing_missing"))

    def _technique(self, one: dict[str, Any]) -> QLabel:
        words = self._words
        colour = STATUS_COLOURS[one["status"]]
        name = escape(words(f"techniques.{one['technique']}"))
        status = escape(words(f"statuses.{one['status']}"))
        lines = [
            f"<b style='font-size:14px'>{name}</b> &nbsp;"
            f"<span style='color:{colour}'>●&nbsp;{status}</span>"
        ]
        for key, sign in (("for", "+"), ("against", "−")):
            if one[key]:
                told = words(f"technique.{key}")
                lines.append(f"<span style='color:{QUIET}'>{sign} {told}</span> {_links(one[key])}")
        more = [*one["adjuncts"], *one["notes"]]
        opened = one["technique"] in self._opened
        if more:
            sign = "▾" if opened else "▸"
            told = words("technique.less" if opened else "technique.more", count=len(more))
            lines.append(
                f"<a href='{OPEN}{one['technique']}' style='color:{QUIET};text-decoration:none'>"
                f"{sign} {told}</a>"
            )
        if opened:
            lines += [
                f"<span style='color:{QUIET}'>– {escape(self._readable(text))}</span>"
                for text in more
            ]
        card = QLabel("<br>".join(lines))
        card.setObjectName("card")
        card.setTextFormat(Qt.TextFormat.RichText)
        card.setWordWrap(True)
        card.setContentsMargins(10, 7, 10, 7)
        card.linkHovered.connect(lambda link: self._tell(card, link))
        card.linkActivated.connect(lambda link: self._follow(card, link))
        return card

    def _readable(self, text: str) -> str:
        """Return a sentence with the keys of answers replaced by their names."""
        return KEY.sub(lambda m: self._words.maybe(f"answers.{m[0]}", m[0]), text)

    def _follow(self, card: QLabel, link: str) -> None:
        if link.startswith(OPEN):
            self._opened ^= {link.removeprefix(OPEN)}
            QTimer.singleShot(0, lambda: self.show_recommendation(self._shown))
        else:
            self._tell(card, link)

    def _tell(self, card: QLabel, link: str) -> None:
        """Show the rule's words and source in a tool tip."""
        if not link or link.startswith(OPEN):
            QToolTip.hideText()
            return
        QToolTip.showText(QCursor.pos(), rule_text(link, self._words), card)

    def _show_doses(self, dose: dict[str, Any]) -> None:
        words, number = self._words, self._words.number

        def ml(value: float | None) -> str:
            return words("technique.undetermined") if value is None else f"{number(value)} ml"

        rows = [(words("technique.anaesthetic"), ml(dose["anaesthetic_ml"]))]
        choices = dose["anaesthetic_choices_ml"]
        if len(choices) > 1:
            rows.append((words("technique.choices"), " / ".join(ml(one) for one in choices)))
        rows.append((words("technique.band"), ml(dose["band_ml"])))
        quantities = {
            "max_permitted_ml": "ml",
            "lidocaine_mg": "mg",
            "ropivacaine_mg": "mg",
            "contrast_ml": "ml",
        }
        rows += [
            (words(f"technique.{key}"), f"{number(dose[key])} {unit}")
            for key, unit in quantities.items()
            if dose[key] is not None
        ]
        if dose["fraction_of_maximum"] is not None:
            share = f"{number(100 * dose['fraction_of_maximum'], 0)} %"
            rows.append((words("technique.fraction_of_maximum"), share))
        steroid = dose["corticosteroid"]
        told = words("technique.undetermined") if steroid is None else words(f"steroids.{steroid}")
        rows.append((words("technique.corticosteroid"), told))
        most = dose["corticosteroid_max"]
        if most and most.get("value") is not None:
            rows.append((words("technique.most"), f"{number(most['value'])} {most['unit']}"))
        if dose["needle_gauge"] is not None:
            rows.append((words("technique.needle"), f"{dose['needle_gauge']} G"))
        kind = VERDICT_KINDS.get(dose["verdict"], "warning")
        self._doses_notes.show_notes([(kind, words.maybe(f"verdicts.{dose['verdict']}", ""))])
        self._doses.show_rows(rows)
        self._doses.setToolTip("\n\n".join(rule_text(one, words) for one in dose["rules"]))

    def _show_scores(self, scores: dict[str, Any]) -> None:
        rows = []
        for name, score in scores.items():
            if score:
                kind = score["class"]
                said = self._words.maybe(f"score_classes.{kind}", str(kind))
                rows.append((name.upper(), f"{score['total']} – {said}"))
        self._scores_heading.setVisible(bool(rows))
        self._scores.show_rows(rows)


def rule_text(rule_id: str, words: Words) -> str:
    """Return a rule in words, with its source.

    Parameters
    ----------
    rule_id : str
        Such as ``A14``.
    words : Words
        Of the screen.

    Returns
    -------
    str
        Plain text.
    """
    try:
        found = rule(rule_id)
    except KeyError:
        return rule_id
    source = words.maybe(f"sources.{found.source}", found.source)
    return f"{found.id} – {found.text(words.language)}\n{source}, {found.place}"


def _links(ids: Iterable[str]) -> str:
    return " ".join(
        f"<a href='{escape(one)}' style='color:{ACCENT};text-decoration:none'>{escape(one)}</a>"
        for one in ids
    )

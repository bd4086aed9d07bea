"""Several needles, protection, cement and screws: found on demand, listed below."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtWidgets import QPushButton

from app.workstation.extras import Extra
from app.workstation.session import Session
from app.workstation.stages import Activity
from app.workstation.steps.access_limits import Fold
from app.workstation.steps.access_words import nearest_said, place_said, why_none
from app.workstation.steps.panel import Facts, Notes, button, combo, label, row
from app.workstation.words import Words, reason_said
from planning.access.cement import CementPlan, Leak
from planning.access.protection import Protection
from planning.access.screws import Screw
from planning.access.sets import MOST_NEEDLES, NeedleSet, Purpose
from planning.plan import Case

JOBS = ("needle_set", "protection", "cement", "screws")
Rows = list[tuple[str, str]]


class ExtraNeedles(Fold):
    """Finds what goes beside the planned way, and lists it.

    Parameters
    ----------
    session : Session
        The open case.
    words : Words
        Of the screen.
    """

    def __init__(self, session: Session, words: Words) -> None:
        super().__init__(words("extras.title"))
        self._session, self._words = session, words
        self.purpose, self.count = combo(), combo()
        for purpose in Purpose:
            self.purpose.addItem(words.maybe(f"extras.{purpose.value}", purpose.value), purpose)
        self.count.addItem(words("extras.as_few"), None)
        for number in range(1, MOST_NEEDLES + 1):
            self.count.addItem(words.counted("extras.count", number), number)
        self.combine = button(words("extras.find_set"), self._find_set)
        extras = session.extras
        self.protect = button(words("extras.protect"), extras.protect)
        self.cement = button(words("extras.cement"), extras.cement)
        self.screws = button(words("extras.screws"), extras.screws)
        for widget, key in (
            (self.combine, "find_set_hint"),
            (self.protect, "protect_hint"),
            (self.cement, "cement_hint"),
            (self.screws, "screws_hint"),
        ):
            widget.setToolTip(words.maybe(f"extras.{key}", ""))
        self.rows.addWidget(label(words("extras.hint"), "hint"))
        self.rows.addLayout(row(self.purpose, self.count, self.combine))
        self.rows.addLayout(row(self.protect, self.cement, self.screws))
        self._problems = Notes()
        self.rows.addWidget(self._problems)
        self.facts = Facts(150)
        self.rows.addWidget(self.facts)
        self._clear = button(words("extras.clear"), extras.clear)
        self.rows.addWidget(self._clear)
        self.show_extras(extras.found)

    def show_extras(self, found: tuple[Extra, ...]) -> None:
        """List what was found.

        Parameters
        ----------
        found : tuple of Extra
            The newest last.
        """
        problems = [
            ("bad", f"{self._words(f'extras.{one.kind}_none')} {why_none(self._words, problem)}")
            for one in found
            for problem in one.problems[:4]
        ]
        self._problems.show_notes(problems)
        self.facts.show_rows([line for one in found for line in self._said(one)])
        self._clear.setVisible(bool(found))

    def show_activity(self, case: Case | None, activity: Activity | None) -> None:
        """Let each search start only when it can.

        Parameters
        ----------
        case : Case or None
            That is open.
        activity : Activity or None
            What runs.
        """
        ready = case is not None and case.lesion is not None and case.structures is not None
        free = ready and not self._session.runs(*JOBS)
        buttons: tuple[QPushButton, ...] = (self.combine, self.protect, self.screws)
        for one in buttons:
            one.setEnabled(free)
        self.cement.setEnabled(free and case is not None and case.plan.chosen is not None)

    def _find_set(self) -> None:
        purpose = Purpose(self.purpose.currentData())
        self._session.extras.find_set(purpose, self.count.currentData())

    def _said(self, extra: Extra) -> Iterator[tuple[str, str]]:
        words = self._words
        if extra.needles is not None:
            yield from _set_said(words, extra.needles)
        if extra.kind == "protection" and not extra.problems and not extra.protections:
            yield words("extras.protection"), words("extras.protection_not_needed")
        for one in extra.protections:
            yield _protection_said(words, one)
        if extra.cement is not None:
            yield from _cement_said(words, extra.cement)
        for number, screw in enumerate(extra.screws, start=1):
            yield _screw_said(words, screw, number)


def _set_said(words: Words, found: NeedleSet) -> Rows:
    lines = [
        words("extras.covered", percent=words.number(100 * found.covered_fraction, 0)),
        words("extras.reach", mm=words.number(found.reach_mm, 0)),
    ]
    if found.margin_mm > 0:
        percent = words.number(100 * found.covered_with_margin_fraction, 0)
        mm = words.number(found.margin_mm, 0)
        lines.insert(1, words("extras.covered_margin", percent=percent, mm=mm))
    if found.spacing_mm is not None:
        lines.append(words("extras.spacing", mm=words.number(found.spacing_mm, 0)))
    rows = [(words.maybe(f"extras.{found.purpose.value}", found.purpose.value), ", ".join(lines))]
    for one in found.needles:
        depth = words("units.cm", value=words.number(one.length_mm / 10))
        broken = "".join(f"; {reason_said(words, why)}" for why in one.against)
        rows.append(
            (
                words("extras.needle", number=one.rank),
                f"{depth}; {nearest_said(words, one)}{broken}",
            )
        )
    return rows


def _protection_said(words: Words, one: Protection) -> tuple[str, str]:
    kind = words.maybe(f"extras.{one.kind}", one.kind)
    title = words("extras.of", kind=kind, name=words.structure(one.structure))
    if one.way is None:
        why = "; ".join(reason_said(words, reason) for reason in one.against[:3])
        return title, f"{words('extras.no_way')} {why}".strip()
    depth = words("units.cm", value=words.number(one.way.length_mm / 10))
    needle = words.maybe(f"needles.{one.needle}", one.needle)
    return title, f"{depth}; {needle}; {place_said(words, one.tip_lps_mm)}"


def _cement_said(words: Words, plan: CementPlan) -> Rows:
    rows = [
        (words("extras.fillable"), f"{words.number(plan.fillable_ml)} ml"),
        (words("extras.outside"), f"{words.number(plan.outside_ml)} ml"),
    ]
    rows += [(words("extras.leak"), _leak_said(words, one)) for one in plan.leaks]
    rows.append((words("extras.rules"), ", ".join(plan.rules)))
    return rows


def _leak_said(words: Words, leak: Leak) -> str:
    told = words.maybe(f"leaks.{leak.kind}", leak.kind)
    if leak.name:
        told += f" – {words.structure(leak.name)}"
    if leak.area_mm2 is not None:
        return f"{told}, {words.number(leak.area_mm2, 0)} mm²"
    if leak.at_lps_mm is None:
        return f"{told} ({words('extras.not_visible')})"
    return f"{told}, {words.number(leak.gap_mm)} mm"


def _screw_said(words: Words, screw: Screw, number: int) -> tuple[str, str]:
    title = words("extras.screw", number=number)
    size = f"{words.number(screw.diameter_mm)} × {words.number(screw.length_mm, 0)} mm"
    bone = words.structure(screw.bone)
    left = words("extras.cortex_left", mm=words.number(screw.cortex_left_mm))
    return title, f"{size}; {bone}; {left}"

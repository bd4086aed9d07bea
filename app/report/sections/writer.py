"""What every section of the report is written with: values of one case in one language."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.report.texts import Language, texts
from imaging.errors import Refusal
from imaging.volume import Volume
from planning.measured_answers import completed_answers, unconfirmed
from planning.plan import Case
from planning.technique.answers import Answers
from planning.technique.engine import recommend
from planning.words import option_name, structure_name

Row = tuple[str, str]
UNKNOWN = {"fr": "inconnu", "en": "unknown"}


class Heading(str):
    """The label of a row that stands above those that belong to it."""

    __slots__ = ()


@dataclass(frozen=True)
class Section:
    """One section of the report.

    Parameters
    ----------
    key : str
        Of its title in the table of texts.
    rows : tuple
        Label and value.
    paragraphs : tuple of str
        Sentences below the rows.
    table : tuple
        What is compared, above the rows: headings first, then lines of as many cells.
    widths_mm : tuple of float
        Of the table's columns; empty for the usual ones.
    """

    key: str
    rows: tuple[Row, ...] = ()
    paragraphs: tuple[str, ...] = ()
    table: tuple[tuple[str, ...], ...] = ()
    widths_mm: tuple[float, ...] = ()


class Writer:
    """Values of one case in one language.

    Parameters
    ----------
    case : Case
        Any state.
    language : str
        ``fr`` or ``en``.
    patient : str or None
        As the CT names the patient; only the PDF knows.
    volume : Volume or None
        The CT, where it is at hand.
    """

    def __init__(
        self,
        case: Case,
        language: Language,
        patient: str | None = None,
        volume: Volume | None = None,
    ) -> None:
        self.patient = patient
        self.volume = volume
        self.case = case
        self.plan = case.plan
        self.language = language
        self.words = texts(language)
        self.judged = _judged(case)
        self.answers = (self.judged or case.plan.answers).model_dump(by_alias=True)
        self.unconfirmed = unconfirmed(case.plan.answers, self.judged)
        self.advice = _advice(case, self.judged, language)

    def label(self, key: str) -> str:
        """Return the label of a row.

        Parameters
        ----------
        key : str
            Of the table of texts.

        Returns
        -------
        str
            In the language of the report.
        """
        return str(self.words["labels"][key])

    def said(self, key: str, unit: str = "") -> str:
        """Return an answer; what the CT filled in is marked.

        Parameters
        ----------
        key : str
            Of the answers.
        unit : str
            Written behind a number.

        Returns
        -------
        str
            A word for what is unknown.
        """
        value = self.answers.get(key)
        if value is None:
            return UNKNOWN[self.language]
        mark = " (CT)" if key in self.unconfirmed else ""
        if isinstance(value, bool):
            return self.yes_no(value) + mark
        if isinstance(value, list):
            return ", ".join(str(item) for item in value) or self.label("none")
        known = (
            self.number(value) if isinstance(value, float) else option_name(value, self.language)
        )
        return f"{known} {unit}".strip() + mark

    def yes_no(self, value: bool | None) -> str:
        """Return a word for a truth value.

        Parameters
        ----------
        value : bool or None
            None is unknown.

        Returns
        -------
        str
            Yes, no or unknown.
        """
        if value is None:
            return UNKNOWN[self.language]
        return self.label("yes") if value else self.label("no")

    def number(self, value: float | None, digits: int = 1) -> str:
        """Return a number as the language writes it.

        Parameters
        ----------
        value : float or None
            None is unknown.
        digits : int
            After the decimal mark.

        Returns
        -------
        str
            With a true minus sign, and a comma in French.
        """
        if value is None:
            return UNKNOWN[self.language]
        text = f"{value:.{digits}f}"
        if float(text) == 0.0:
            text = text.removeprefix("-")
        text = text.replace("-", "\N{MINUS SIGN}")
        return text.replace(".", ",") if self.language == "fr" else text

    def place(self, name: str) -> str:
        """Return the name of a structure or place.

        Parameters
        ----------
        name : str
            As in the label map.

        Returns
        -------
        str
            In the language of the report, with a capital.
        """
        found = str(self.words["places"].get(name) or structure_name(name, self.language))
        return found[:1].upper() + found[1:]

    def told(self, label: str, text: str) -> str:
        """Return a label with what it is about.

        Parameters
        ----------
        label, text : str
            In the language of the report.

        Returns
        -------
        str
            With a space before the colon in French.
        """
        return f"{label} : {text}" if self.language == "fr" else f"{label}: {text}"

    def cite(self, ids: list[str]) -> str:
        """Return the ids of rules, joined.

        Parameters
        ----------
        ids : list of str
            Of clinical rules.

        Returns
        -------
        str
            A dash where there are none.
        """
        return ", ".join(ids) if ids else "–"


def _judged(case: Case) -> Answers | None:
    """Return the answers with what the CT fills in; None where they contradict each other."""
    try:
        return completed_answers(case, case.plan.answers)
    except Refusal:
        return case.plan.judged


def _advice(case: Case, judged: Answers | None, language: Language) -> dict[str, Any]:
    """Return the recommendation with its sentences in the report's language."""
    if case.plan.recommendation is None or judged is None:
        return {}
    return recommend(judged, language).model_dump(mode="json", by_alias=True)


def unseen(w: Writer) -> tuple[str, ...]:
    """Say which nerves no CT shows, so that no zone can be said to spare them.

    Parameters
    ----------
    w : Writer
        Of the case.

    Returns
    -------
    tuple of str
        A sentence, or nothing.
    """
    names = ", ".join(w.place(one.name) for one in w.plan.unpainted)
    return (w.told(w.label("not_visible"), names),) if names else ()

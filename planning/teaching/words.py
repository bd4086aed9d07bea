"""The sentences of exercises and their feedback, in French and English."""

from __future__ import annotations

import re

from imaging.tables import load_table
from planning.teaching.marking.terms import Fault, Term
from planning.technique.wording import Language, Wording
from planning.words import number_said, option_name, structure_name

SECONDS_PER_MINUTE = 60.0
DIGITS = 1  # of figures in sentences; JSON is never rounded
OF_STRUCTURES = ("structure", "reference_structure", "structures")
NUMBERS = re.compile(r"[\d.]+( / [\d.]+)*")
OF_ADJUNCTS = ("lacking", "superfluous")


def wording(place: str, key: str) -> Wording:
    """Return a sentence of the table in both languages.

    Parameters
    ----------
    place, key : str
        Of ``teaching_words``.

    Returns
    -------
    Wording
        It may have places for figures.

    Raises
    ------
    KeyError
        When the table has none.
    """
    return Wording.model_validate(load_table("teaching_words")[place][key])


def said(place: str, key: str, language: Language, **figures: object) -> str:
    """Return a sentence of the table in one language.

    Parameters
    ----------
    place, key : str
        Of ``teaching_words``.
    language : str
        ``en`` or ``fr``.
    **figures : object
        What its places hold; numbers are rounded for people.

    Returns
    -------
    str
        Nothing left to fill in.
    """
    shown = {name: figure_said(value, language) for name, value in figures.items()}
    return wording(place, key).text(language).format(**shown)


def figure_said(value: object, language: Language) -> str:
    """Return a figure as a sentence shows it.

    Parameters
    ----------
    value : object
        A number, numbers parted by slashes, or a word.
    language : str
        ``en`` or ``fr``.

    Returns
    -------
    str
        Numbers with one digit behind the mark at most.
    """
    if isinstance(value, str) and language == "fr" and NUMBERS.fullmatch(value):
        return value.replace(".", ",")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return number_said(round(float(value), DIGITS), language)


def term_said(term: Term, language: Language) -> str:
    """Return what is said of a term.

    Parameters
    ----------
    term : Term
        Of a mark.
    language : str
        ``en`` or ``fr``.

    Returns
    -------
    str
        A sentence.
    """
    figures: dict[str, object] = {
        "value": _valued(term, term.value, language),
        "reference": _valued(term, term.reference, language),
        "error": term.error if term.error is not None else "",
    }
    for name, value in term.params.items():
        if name in OF_STRUCTURES:
            figures[name] = _listed(value, language, structure_name)
        elif name in OF_ADJUNCTS:
            figures[name] = _listed(value, language, adjunct_name)
        elif name == "limits":
            figures[name] = _listed(value, language, limit_said)
        elif name == "status":
            figures[name] = _translated("statuses", str(value), language)
        else:
            figures[name] = value
    return said("told", term.told_key, language, **figures)


def fault_said(fault: Fault, language: Language) -> str:
    """Return what is said of a fault.

    Parameters
    ----------
    fault : Fault
        Of a mark.
    language : str
        ``en`` or ``fr``.

    Returns
    -------
    str
        A sentence.
    """
    where = structure_name(fault.where, language)
    if fault.term == "technique":
        where = _translated("techniques", fault.where, language)
    elif fault.term == "corticosteroid":
        where = _translated("steroids", fault.where, language)
    figures = {
        "where": where,
        "value": fault.value,
        "limit": fault.limit,
        "unit": fault.unit,
    }
    text = said("faults", fault.code, language, **figures)
    return text[:1].upper() + text[1:]


def adjunct_name(adjunct: str, language: str) -> str:
    """Return the name of an adjunct.

    Parameters
    ----------
    adjunct : str
        Of :class:`planning.teaching.exercise.Adjunct`.
    language : str
        ``en`` or ``fr``.

    Returns
    -------
    str
        For people.
    """
    return wording("adjuncts", adjunct).text("fr" if language == "fr" else "en")


def technique_name(technique: str, language: Language) -> str:
    """Return the name of a technique.

    Parameters
    ----------
    technique : str
        One of the eleven.
    language : str
        ``en`` or ``fr``.

    Returns
    -------
    str
        For people.
    """
    return _translated("techniques", technique, language)


def limit_said(limit: str, language: str) -> str:
    """Return what is said of a limit that a way breaks.

    Parameters
    ----------
    limit : str
        Such as ``crosses:aorta``.
    language : str
        ``en`` or ``fr``.

    Returns
    -------
    str
        For people.
    """
    reason, _, name = limit.partition(":")
    told = str(load_table(f"translations/{language}")["reasons"].get(reason, reason))
    return f"{told} {structure_name(name, language)}" if name else told


def _valued(term: Term, value: float | str | None, language: Language) -> object:
    if value is None:
        return said("labels", "none", language)
    if term.id == "time" and isinstance(value, float):
        return value / SECONDS_PER_MINUTE
    if term.id == "overlap" and isinstance(value, float):
        return number_said(round(value, 2), language)
    if not isinstance(value, str):
        return value
    places = {"technique": "techniques", "corticosteroid": "steroids"}
    if term.id in places:
        return _translated(places[term.id], value, language)
    return _listed(value, language, adjunct_name) if term.id == "adjuncts" else value


def _listed(value: object, language: Language, name: object) -> str:
    parts = [part for part in str(value).split(", ") if part]
    if not parts or not callable(name):
        return said("labels", "none", language)
    return ", ".join(str(name(part, language)) for part in parts)


def _translated(place: str, key: str, language: Language) -> str:
    words = load_table(f"translations/{language}")[place]
    return str(words.get(key) or option_name(key, language))

"""Words for people, in French and English, that the screen and the report share."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from imaging.errors import Problem
from imaging.structures.model import PassageClass
from imaging.tables import load_table
from planning.words import structure_name


def class_name(class_: PassageClass, language: str) -> str:
    """Return what a class means for a needle, for people.

    Parameters
    ----------
    class_ : PassageClass
        Of a structure.
    language : str
        ``fr`` or ``en``.

    Returns
    -------
    str
        A word.
    """
    return str(load_table(f"translations/{language}")["classes"][class_.value])


def problem_said(problem: Problem, language: str) -> str:
    """Return what a problem says, translated where its code is known.

    Parameters
    ----------
    problem : Problem
        From any layer, in English.
    language : str
        ``fr`` or ``en``.

    Returns
    -------
    str
        Its message.
    """
    if language == "en":
        return problem.message
    words = load_table(f"translations/{language}")
    text = str(words["problems"].get(problem.code, problem.message))
    hint = words["unit_hints"].get(problem.where.rpartition(": ")[2])
    return f"{text} {hint}" if hint and problem.code == "out_of_bounds" else text


def needle_name(needle: str, language: str) -> str:
    """Return the name of a needle, for people.

    Parameters
    ----------
    needle : str
        Id of its row.
    language : str
        ``fr`` or ``en``.

    Returns
    -------
    str
        With gauge and length.
    """
    return str(load_table(f"translations/{language}")["needles"].get(needle, needle))


def level_doubt_said(doubt: str, language: str) -> str:
    """Return the doubt about the levels of the vertebrae, for people.

    Parameters
    ----------
    doubt : str
        In English, one or more sentences.
    language : str
        ``fr`` or ``en``.

    Returns
    -------
    str
        Each known sentence translated; one that is unknown stays as it is, never unsaid.
    """
    words: dict[str, Any] = load_table(f"translations/{language}")
    for known in words["level_doubts"].values():
        doubt = re.sub(_template(known["doubt"]), partial(_filled, known["said"], language), doubt)
    return doubt


def _template(text: str) -> str:
    """Return the pattern of a text whose ``{names}`` stand for words without blanks."""
    parts = re.split(r"\{(\w+)\}", text)
    return "".join(
        rf"(?P<{part}>[^\s;:,]+)" if n % 2 else re.escape(part) for n, part in enumerate(parts)
    )


def _filled(text: str, language: str, found: re.Match[str]) -> str:
    anchors: dict[str, str] = load_table(f"translations/{language}")["level_anchors"]
    parts = {
        key: anchors.get(one) or structure_name(one, language)
        for key, one in found.groupdict().items()
    }
    return text.format(**parts)

"""The words of the screen, in French and English, from `resources/translations`."""

from __future__ import annotations

import locale
import os
from collections.abc import Callable
from typing import Any, Literal

from app.names import problem_said
from imaging.errors import Problem
from imaging.tables import load_table
from planning.words import structure_name

Language = Literal["fr", "en"]
LANGUAGES: tuple[Language, ...] = ("en", "fr")


def default_language() -> Language:
    """Return the language of ``OSTEOPLAN_LANG``, else of the system, else English."""
    wanted = os.environ.get("OSTEOPLAN_LANG") or locale.getlocale()[0] or ""
    return "fr" if wanted.lower().startswith("fr") else "en"


class Words:
    """The words of one language, which may change while the program runs.

    Parameters
    ----------
    language : str
        ``fr`` or ``en``.
    """

    def __init__(self, language: Language) -> None:
        self.language: Language = language
        self._observers: list[Callable[[], None]] = []

    def subscribe(self, observer: Callable[[], None]) -> None:
        """Tell an observer when the language changes.

        Parameters
        ----------
        observer : callable
            Takes nothing.
        """
        self._observers.append(observer)

    def use(self, language: Language) -> None:
        """Change the language.

        Parameters
        ----------
        language : str
            ``fr`` or ``en``.
        """
        if language != self.language:
            self.language = language
            for observer in tuple(self._observers):
                observer()

    def __call__(self, key: str, **values: object) -> str:
        """Return the text of a key.

        Parameters
        ----------
        key : str
            Dotted, such as ``steps.lesion``.
        **values : object
            Filled in where the text names them.

        Returns
        -------
        str
            The text.

        Raises
        ------
        KeyError
            When no text has this key.
        """
        found = self._find(key)
        if found is None:
            raise KeyError(key)
        return found.format(**values) if values else found

    def counted(self, key: str, count: int, **values: object) -> str:
        """Return the text of a key for a number of things.

        Parameters
        ----------
        key : str
            Dotted; below it stand ``one`` and ``other``.
        count : int
            Filled in as ``count``.
        **values : object
            Filled in too.

        Returns
        -------
        str
            The singular for 1, in French for 0 too.
        """
        is_one = count == 1 or (count == 0 and self.language == "fr")
        return self(f"{key}.{'one' if is_one else 'other'}", count=count, **values)

    def maybe(self, key: str, otherwise: str) -> str:
        """Return the text of a key that data decide, such as the name of a structure.

        Parameters
        ----------
        key : str
            Dotted.
        otherwise : str
            Returned when no text has this key.

        Returns
        -------
        str
            The text.
        """
        return self._find(key) or otherwise

    def structure(self, name: str) -> str:
        """Return the name of a structure for people.

        Parameters
        ----------
        name : str
            As in the label map.

        Returns
        -------
        str
            Translated where the words have it, with its level and side, else without underscores.
        """
        return structure_name(name, self.language)

    def problem(self, problem: Problem) -> str:
        """Return what a problem says, translated where its code is known.

        Parameters
        ----------
        problem : Problem
            From any layer.

        Returns
        -------
        str
            Its message, with the place it concerns.
        """
        text = problem_said(problem, self.language)
        return f"{text} [{problem.where}]" if problem.where else text

    def number(self, value: float, digits: int = 1) -> str:
        """Return a number with the decimal sign of the language.

        Parameters
        ----------
        value : float
            Any.
        digits : int
            After the decimal sign.

        Returns
        -------
        str
            Such as ``12.3`` or ``12,3``, with a true minus sign.
        """
        text = f"{round(value, digits) + 0.0:.{digits}f}"  # adding 0 takes the sign from −0
        text = text.replace("-", "\N{MINUS SIGN}")
        return text.replace(".", ",") if self.language == "fr" else text

    def _find(self, key: str) -> str | None:
        node: Any = load_table(f"translations/{self.language}")
        for part in key.split("."):
            node = node.get(part) if isinstance(node, dict) else None
        return node if isinstance(node, str) else None


def reason_said(words: Words, name: str) -> str:
    """Return why ways are rejected, or what a way breaks.

    Parameters
    ----------
    words : Words
        Of the screen.
    name : str
        As the search names it, such as ``too_near:spinal_canal``.

    Returns
    -------
    str
        For people.
    """
    kind, _, structure = name.partition(":")
    if structure:
        return f"{words.maybe(f'reasons.{kind}', kind)} {words.structure(structure)}"
    return words.maybe(f"reasons.{name}", words.structure(name))

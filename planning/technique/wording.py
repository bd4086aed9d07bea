"""Sentences of the tables, in French and English."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from imaging.document import Document

Language = Literal["en", "fr"]
DECIMAL_POINT = re.compile(r"(?<=\d)\.(?=\d)")


class Wording(Document):
    """A sentence in both languages.

    Attributes
    ----------
    fr, en : str
        The sentence; it may have places for figures.
    """

    fr: str
    en: str

    def text(self, language: Language) -> str:
        """Return the sentence.

        Parameters
        ----------
        language : str
            ``en`` or ``fr``.

        Returns
        -------
        str
            As the table holds it.
        """
        return self.fr if language == "fr" else self.en

    def filled(self, language: Language, figures: Mapping[str, object]) -> str:
        """Return the sentence with its figures, decimals as the language writes them.

        Parameters
        ----------
        language : str
            ``en`` or ``fr``.
        figures : mapping
            What its places hold.

        Returns
        -------
        str
            Nothing left to fill in.
        """
        text = self.text(language).format(**figures)
        return DECIMAL_POINT.sub(",", text) if language == "fr" else text


class Message(Wording):
    """What is said of a case.

    Attributes
    ----------
    code : str
        Stable word for programs.
    rules : tuple of str
        Ids it rests on.
    """

    code: str
    rules: tuple[str, ...]

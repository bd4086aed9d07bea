"""Sentences of the tables, in French and English."""

from __future__ import annotations

from typing import Literal

from imaging.document import Document

Language = Literal["en", "fr"]


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

"""The words of the report, in French and English."""

from __future__ import annotations

from typing import Any, Literal, cast

from imaging.tables import load_table

Language = Literal["fr", "en"]
LANGUAGES: tuple[Language, ...] = ("fr", "en")


def texts(language: Language) -> dict[str, Any]:
    """Return all words of the report in one language.

    Parameters
    ----------
    language : str
        ``fr`` or ``en``.

    Returns
    -------
    dict
        Key to word, or to a dict of words; every language has the same keys.
    """
    table = load_table("report/texts")
    return {key: _in(language, value) for key, value in table.items()}


def _in(language: Language, value: dict[str, Any]) -> Any:  # noqa: ANN401 - a word or a dict
    if set(value) == set(LANGUAGES):
        return value[language]
    return {key: _in(language, cast("dict[str, Any]", inner)) for key, inner in value.items()}

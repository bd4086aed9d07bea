"""What the samples of a treatment say, in a few plain sentences."""

from __future__ import annotations

from typing import Any

from app.report.texts import Language, texts
from planning.ablation.uncertainty.result import UncertaintyResult
from planning.words import structure_name


def uncertainty_text(result: UncertaintyResult, language: Language) -> str:
    """Return how sure the treatment is: coverage, neighbours, and what the spread is due to.

    Parameters
    ----------
    result : UncertaintyResult
        Of the samples.
    language : str
        ``fr`` or ``en``.

    Returns
    -------
    str
        Two to four sentences.
    """
    words = texts(language)
    said = words["uncertainty"]
    covered = result.covered
    sentences = [
        said["covered"].format(
            share=_number(result.share_percent, language),
            count=covered.count,
            of=covered.of,
            low=_percent(covered.low),
            high=_percent(covered.high),
        )
    ]
    lost = sum(result.failed.values())
    if lost:
        sentences.append(said["lost"].format(count=lost, of=result.samples))
    if lost < result.samples:
        sentences.append(_neighbours(result, words, language))
    if result.main_parameter is not None:
        name = _parameter(result.main_parameter, said["parameters"])
        sentences.append(said["cause"].format(name=name))
    return " ".join(sentences)


def _neighbours(result: UncertaintyResult, words: dict[str, Any], language: Language) -> str:
    said = words["uncertainty"]
    harmed = [near for near in result.neighbours if near.passed.count]
    if not harmed:
        none = result.any_limit
        return str(said["unharmed"].format(of=none.of, high=_percent(none.high)))
    parts = [
        said["neighbour"].format(
            name=_place(near.name, words, language),
            count=near.passed.count,
            of=near.passed.of,
        )
        for near in harmed
    ]
    return str(said["harmed"].format(list=", ".join(parts)))


def _place(name: str, words: dict[str, Any], language: Language) -> str:
    """Return the name of a structure with a capital, as the tables write it."""
    found = str(words["places"].get(name) or structure_name(name, language))
    return found[:1].upper() + found[1:]


def _parameter(name: str, words: dict[str, str]) -> str:
    """Return a parameter's words; one of several needles has its number."""
    plain = name.rstrip("0123456789").rstrip("_")
    if name in words:
        return words[name]
    return f"{words[plain]} ({name.removeprefix(plain).strip('_')})"


def _percent(share: float) -> str:
    return f"{100.0 * share:.0f}"


def _number(value: float, language: Language) -> str:
    text = f"{value:g}"
    return text.replace(".", ",") if language == "fr" else text

"""Why: every decision that holds, down to the rule and the values that made it hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imaging.document import Document
from imaging.tables import load_table
from planning.technique.answers import Answers, Technique
from planning.technique.doses import formula_volume_ml
from planning.technique.judging import Finding, Judged, judge
from planning.technique.logic import Condition, Fact, Facts, evaluate
from planning.technique.rules import Effect
from planning.technique.tables import Tables
from planning.technique.tables import tables as shipped_tables
from planning.technique.wording import Language
from planning.words import answer_name, labelled, number_said, option_name


class Explained(Document):
    """A decision that holds, or waits for answers.

    Attributes
    ----------
    technique : str or None
        None for the case as a whole.
    rule : str
        Id.
    effect : str
        What it does.
    text : str
        What it says.
    holds : bool or None
        None while it waits.
    because : tuple of str
        Values and limits that made it hold, in words; empty when it always holds.
    waits_for : tuple of str
        Answers that would settle it.
    source : str
        Source and place in it.
    """

    technique: Technique | None
    rule: str
    effect: Effect
    text: str
    holds: bool | None
    because: tuple[str, ...]
    waits_for: tuple[str, ...]
    source: str


def explain(
    answers: Answers, language: Language = "en", tables: Tables | None = None
) -> tuple[Explained, ...]:
    """Explain a recommendation.

    Parameters
    ----------
    answers : Answers
        As the rules saw them.
    language : str
        ``en`` or ``fr``.
    tables : Tables, optional
        Other tables than those of `resources/`.

    Returns
    -------
    tuple of Explained
        Decisions that hold or wait, technique by technique, then those of the case.
    """
    used = tables or shipped_tables()
    judged = judge(answers, used)
    rows = [
        explained(finding, name, facts_of(judged, name), used, language)
        for name, found in judged.found.items()
        for finding in found.rows
        if finding.verdict.truth is not False
    ]
    rows += [
        explained(finding, None, judged.known.facts, used, language)
        for finding in judged.of_the_case
        if finding.verdict.truth is not False
    ]
    return tuple(rows)


def facts_of(judged: Judged, technique: str) -> Facts:
    """Return the facts that a technique was judged by.

    Parameters
    ----------
    judged : Judged
        The case.
    technique : str
        Judged.

    Returns
    -------
    mapping of str to Fact
        With what its simulation says.
    """
    return judged.known.facts | judged.known.simulated.get(technique, {})


def explained(
    finding: Finding, technique: str | None, facts: Facts, tables: Tables, language: Language
) -> Explained:
    """Explain one decision.

    Parameters
    ----------
    finding : Finding
        The decision and whether it holds.
    technique : str or None
        For which one; None for the case.
    facts : mapping of str to Fact
        It was judged by.
    tables : Tables
        Limits.
    language : str
        ``en`` or ``fr``.

    Returns
    -------
    Explained
        With the values in words.
    """
    row, decision = finding.rule, finding.decision
    grounds = _grounds(decision.when, facts, tables, language) if finding.verdict.truth else []
    return Explained.model_validate(
        {
            "technique": technique,
            "rule": row.id,
            "effect": decision.effect,
            "text": decision.text(language),
            "holds": finding.verdict.truth,
            "because": tuple(dict.fromkeys(grounds)),
            "waits_for": finding.verdict.needs,
            "source": f"{row.source}, {row.place}",
        }
    )


def dose_steps(answers: Answers, language: Language, tables: Tables | None = None) -> list[str]:
    """Show how the dose was worked out.

    Parameters
    ----------
    answers : Answers
        Diameters, weight, mixture.
    language : str
        ``en`` or ``fr``.
    tables : Tables, optional
        Other tables than those of `resources/`.

    Returns
    -------
    list of str
        Volume, band, milligrams and ceilings, each with its rule; empty without diameters.
    """
    used = tables or shipped_tables()
    dosing = judge(answers, used).known.dosing
    length, width = answers.lesion_length_mm, answers.lesion_width_mm
    if length is None or width is None:
        return []
    words = _words(language)["dose_steps"]
    volume = formula_volume_ml(length, width)
    said = [words["volume"].format(length=length, width=width, volume=volume)]
    if dosing.band_ml is not None:
        band = next(row for row in used.doses.bands if row.anaesthetic_ml == dosing.band_ml)
        said.append(words["band"].format(band=dosing.band_ml, rule=band.rule))
    held = dosing.milligrams
    if held is not None and held.fraction is not None:
        said.append(
            words["fraction"].format(
                lidocaine=held.lidocaine_mg,
                ropivacaine=held.ropivacaine_mg,
                weight=answers.weight_kg,
                fraction=held.fraction,
            )
        )
    return said


def condition_said(condition: Condition, tables: Tables, language: Language) -> str:
    """Return a condition of the tables in words, for a clinician who reviews them.

    Parameters
    ----------
    condition : mapping
        As the tables hold it.
    tables : Tables
        Limits.
    language : str
        ``en`` or ``fr``.

    Returns
    -------
    str
        One line.
    """
    joints = _words(language)["joints"]
    parts = []
    for name, wanted in condition.items():
        if name in ("all", "any"):
            inner = [condition_said(part, tables, language) for part in wanted]
            joined = f" {joints['and' if name == 'all' else 'or']} ".join(inner)
            parts.append(f"({joined})" if len(inner) > 1 and len(condition) > 1 else joined)
        elif name == "not":
            parts.append(f"{joints['not']} ({condition_said(wanted, tables, language)})")
        else:
            parts.append(f"{_name(name, language)} {_wanted(wanted, tables, language)}")
    return f" {joints['and']} ".join(parts)


def _wanted(wanted: Any, tables: Tables, language: Language) -> str:  # noqa: ANN401 - YAML
    if isinstance(wanted, Mapping):
        return _limits_said(wanted, tables, language)
    values = wanted if isinstance(wanted, list) else [wanted]
    return "= " + " / ".join(_value(Fact(value), language) for value in values)


def _limits_said(wanted: Mapping[str, str], tables: Tables, language: Language) -> str:
    comparisons = _words(language)["comparisons"]
    return ", ".join(
        f"{comparisons[how]} {number_said(tables.limits[n], language)}" for how, n in wanted.items()
    )


def _grounds(condition: Condition, facts: Facts, tables: Tables, language: Language) -> list[str]:
    """Return what makes a true condition true, in words."""
    found: list[str] = []
    for name, wanted in (condition or {}).items():
        if name in ("all", "any"):
            for part in wanted:
                if name == "all" or evaluate(part, facts, tables.limits).truth:
                    found += _grounds(part, facts, tables, language)
        elif name == "not":
            found += _values(wanted, facts, tables, language)
        else:
            found.append(_ground(name, wanted, facts[name], tables, language))
    return found


def _values(condition: Condition, facts: Facts, tables: Tables, language: Language) -> list[str]:
    """Return the values that a condition looks at, whatever it says of them."""
    found: list[str] = []
    for name, wanted in condition.items():
        if name in ("all", "any"):
            for part in wanted:
                found += _values(part, facts, tables, language)
        elif name == "not":
            found += _values(wanted, facts, tables, language)
        else:
            found.append(_named(name, facts[name], language))
    return found


def _ground(name: str, wanted: Any, fact: Fact, tables: Tables, language: Language) -> str:  # noqa: ANN401 - YAML
    said = _named(name, fact, language)
    if not isinstance(wanted, Mapping):
        return said
    return f"{said} ({_limits_said(wanted, tables, language)})"


def _named(name: str, fact: Fact, language: Language) -> str:
    return labelled(_name(name, language), _value(fact, language), language)


def _name(fact: str, language: Language) -> str:
    derived = _words(language)["facts"].get(fact)
    return str(derived) if derived is not None else answer_name(fact, language)


def _value(fact: Fact, language: Language) -> str:
    words = _words(language)
    if fact.value is None:
        if fact.low is not None and fact.high is not None:
            return f"{number_said(fact.low, language)}–{number_said(fact.high, language)}"
        return str(words["answers_said"]["unknown"])
    known = words["fact_values"].get(fact.value) if isinstance(fact.value, str) else None
    return str(known) if known is not None else option_name(fact.value, language)


def _words(language: Language) -> dict[str, Any]:
    words: dict[str, Any] = load_table(f"translations/{language}")
    return words

"""Words for what a treatment does."""

from __future__ import annotations

from app.amounts import clock, never_rounded_up
from app.workstation.words import Words
from planning.ablation.planner.result import AblationSearch, Attempt
from planning.ablation.planner.trials import LONGEST_S
from planning.ablation.results import TreatmentSummary
from planning.ablation.solver.protocol import Phase

MEASURES = {"max_c": "°C", "min_c": "°C", "cem43": "CEM43 min", "clear_mm": "mm"}
SIGNS = {"max_c": "≤", "min_c": "≥", "cem43": "≤", "clear_mm": "≥"}
Note = tuple[str, str]


def percent_said(words: Words, percent: float) -> str:
    """Return a share for people, never rounded up.

    Parameters
    ----------
    words : Words
        Of the screen.
    percent : float
        0 to 100.

    Returns
    -------
    str
        With its sign.
    """
    return f"{words.number(never_rounded_up(percent))} %"


def passed_said(words: Words, one: TreatmentSummary) -> str:
    """Return which limits are passed.

    Parameters
    ----------
    words : Words
        Of the screen.
    one : TreatmentSummary
        A simulation.

    Returns
    -------
    str
        Names, or that none is.
    """
    names = ", ".join(words.structure(near.name) for near in one.passed)
    return words("ablation.limits_passed", names=names) if names else words("ablation.none_passed")


def protocol_said(words: Words, protocol: tuple[Phase, ...]) -> str:
    """Return a protocol on one line.

    Parameters
    ----------
    words : Words
        Of the screen.
    protocol : tuple of Phase
        What is done.

    Returns
    -------
    str
        Phases with their durations.
    """
    told = []
    for phase in protocol:
        mode = words.maybe(f"modes.{phase.mode.value}", phase.mode.value)
        power = "" if phase.power_w is None else f" {words.number(phase.power_w, 0)} W"
        told.append(f"{mode}{power} {clock(phase.seconds)}")
    return " – ".join(told)


def stop_said(words: Words, one: TreatmentSummary) -> Note | None:
    """Return when to stop, and what is covered then.

    Parameters
    ----------
    words : Words
        Of the screen.
    one : TreatmentSummary
        A simulation.

    Returns
    -------
    tuple or None
        Kind of note and sentence; None for simulations that do not know it.
    """
    stop = one.stop
    if stop is None:
        return None
    if stop.structure is None:
        return "good", words("ablation.stop_never")
    return "bad", words(
        "ablation.stop",
        time=clock(stop.seconds),
        name=words.structure(stop.structure),
        covered=percent_said(words, stop.coverage_percent),
        margin=percent_said(words, stop.coverage_with_margin_percent),
    )


def near_said(words: Words, one: TreatmentSummary) -> list[Note]:
    """Return which probes come near to what no needle may touch.

    Parameters
    ----------
    words : Words
        Of the screen.
    one : TreatmentSummary
        A simulation.

    Returns
    -------
    list of tuple
        Kind of note and sentence.
    """
    return [
        (
            "bad",
            words(
                "ablation.near" if near.distance_mm > 0 else "ablation.touches",
                number=near.probe,
                mm=words.number(near.distance_mm),
                name=words.structure(near.structure),
            ),
        )
        for near in one.near
    ]


def search_said(words: Words, search: AblationSearch) -> list[Note]:
    """Return what a search found.

    Parameters
    ----------
    words : Words
        Of the screen.
    search : AblationSearch
        As the plan holds it.

    Returns
    -------
    list of tuple
        Kind of note and sentence.
    """
    technique = words(f"techniques.{search.technique}")
    if search.feasible:
        told = words(
            "ablation.planned",
            technique=technique,
            probes=probes_said(words, len(search.probes)),
            share=percent_said(words, search.covered_percent),
            protocol=protocol_said(words, search.protocol),
        )
        notes: list[Note] = [("good", told)]
    else:
        told = words(
            "ablation.not_feasible",
            technique=technique,
            share=percent_said(words, search.covered_percent),
            mm=words.number(search.margin_mm),
        )
        notes = [("bad", told)]
    notes += [("hint", attempt_said(words, one)) for one in search.attempts if one.ending != "done"]
    if not search.verified_device:
        notes.append(("warning", words("ablation.not_verified")))
    return notes


def probes_said(words: Words, count: int) -> str:
    """Return how many probes a sentence is about.

    Parameters
    ----------
    words : Words
        Of the screen.
    count : int
        At least 1.

    Returns
    -------
    str
        With a colon.
    """
    return words("ablation.probe") if count == 1 else words("ablation.probes", count=count)


def attempt_said(words: Words, one: Attempt) -> str:
    """Return what stands against a number of probes.

    Parameters
    ----------
    words : Words
        Of the screen.
    one : Attempt
        Of a search.

    Returns
    -------
    str
        A sentence.
    """
    head = probes_said(words, one.probes)
    if one.ending == "no_way":
        return f"{head} {words('ablation.no_way')}"
    if one.ending == "refuted":
        head += f" {words('ablation.refuted')}"
    covered = words(
        "ablation.covered_then",
        covered=percent_said(words, one.coverage_percent),
        margin=percent_said(words, one.coverage_with_margin_percent),
    )
    first = one.gives_first
    if first is None:
        if one.ending == "refuted":
            return f"{head} {covered}"
        return f"{head} {words('ablation.too_short', time=clock(LONGEST_S))} {covered}"
    unit = MEASURES[first.measure]
    gives = words(
        "ablation.gives_first",
        name=words.structure(first.structure),
        time=clock(first.at_s),
        limit=f"{SIGNS[first.measure]} {words.number(first.limit, 0)} {unit}",
    )
    told = f"{head} {gives} {covered}"
    if one.dissection is not None:
        key = "dissection_helps" if one.dissection.helps else "dissection_does_not"
        fluid = words(f"fluids.{one.dissection.dissection.fluid}")
        share = percent_said(words, one.dissection.coverage_with_margin_percent)
        told += f" {words(f'ablation.{key}', fluid=fluid, margin=share)}"
    return told

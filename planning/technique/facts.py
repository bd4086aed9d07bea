"""Facts that conditions name: the answers, and what follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from planning.technique.answers import Answers, Distances, SimulationResult
from planning.technique.doses import UNNAMED_BONE, Dosing, dose
from planning.technique.haemostasis import holding
from planning.technique.logic import NOT_APPLICABLE, Fact, Limits, evaluate
from planning.technique.scores import Scored, mirels, sins
from planning.technique.tables import Tables

DERIVED = ("distance_mm", "antithrombotics", "simulation", "anaesthetic_mixture")
SEGMENTS = {"C": "cervical", "T": "thoracic", "L": "lumbar", "S": "sacral"}
ABSENT = {"foraminal": False, "posterior_wall_breach": False, "escc": "0"}  # away from the spine
CORD_WORDS = ("cord", "spinal_canal", "spinal canal", "cauda")  # in names of structures


@dataclass(frozen=True)
class Known:
    """Everything known of a case.

    Parameters
    ----------
    facts : dict of str to Fact
        What conditions name.
    simulated : dict of str to dict
        Facts that differ for a technique that was simulated.
    sins, mirels : Scored
        Scores, or what is known of them.
    dosing : Dosing
        Volumes and milligrams of the infiltration.
    """

    facts: dict[str, Fact]
    simulated: dict[str, dict[str, Fact]]
    sins: Scored
    mirels: Scored
    dosing: Dosing


def gather(answers: Answers, tables: Tables) -> Known:
    """Derive the facts of a case.

    Parameters
    ----------
    answers : Answers
        What was measured and asked.
    tables : Tables
        Limits, points, doses.

    Returns
    -------
    Known
        Facts, scores, doses.
    """
    facts = _direct(answers)
    facts["region"] = _region(answers, facts, tables)
    candidates = tables.techniques.bones.near_spine_candidates
    facts["region_by_distance"] = Fact(answers.bone in candidates)
    facts["segment"] = _segment(answers, facts["region"], tables)
    facts["weight_bearing"] = _weight_bearing(answers, tables)
    for key, absent in ABSENT.items():
        facts[key] = _near_spine_only(facts[key], facts["region"], absent)
    stability = sins(answers, tables.scores.sins, _in_spine(answers, facts["region"], tables))
    fracture = mirels(answers, tables.scores.mirels)
    facts["sins"], facts["mirels"] = stability.fact, fracture.fact
    held = holding(answers, tables.haemostasis)
    facts["antithrombotics_held"] = held.held
    facts["antithrombotic_unlisted"] = held.unlisted
    facts["anticoagulated"] = held.anticoagulated
    facts["mdt_held"] = Fact(answers.mdt_date is not None)
    facts["side_checked"] = Fact(answers.side_confirmed is True)
    results = answers.simulation or ()
    simulated = _simulated(results, tables.limits)
    facts["simulation_limit_passed"] = Fact(False)
    facts["simulation_coverage_percent"] = facts["simulation_margin_mm"] = NOT_APPLICABLE
    facts["simulation_cord_conflict"] = Fact(False)
    passed = [row["simulation_limit_passed"].value for row in simulated.values()]
    facts["any_limit_passed"] = _any(passed)
    conflicts = [row["simulation_cord_conflict"].value for row in simulated.values()]
    facts["any_cord_conflict"] = Fact(True in conflicts)
    facts["device_unverified"] = Fact(any(row.verified_device is not True for row in results))
    dosing = dose(answers, facts, tables.limits, tables.doses)
    facts["dose_above_ceiling"] = dosing.above_ceiling
    facts["ropivacaine_doubtful"] = dosing.strength_doubtful
    return Known(facts, simulated, stability, fracture, dosing)


def _direct(answers: Answers) -> dict[str, Fact]:
    keys = (key for key in Answers.model_fields if key not in DERIVED)
    facts = {key: Fact(getattr(answers, key), (key,)) for key in keys}
    distances = answers.distance_mm or Distances()
    for name in Distances.model_fields:
        key = f"distance_mm.{name}"
        facts[key] = Fact(getattr(distances, name), (key,))
    return facts


def _region(answers: Answers, facts: dict[str, Fact], tables: Tables) -> Fact:
    """Return spine, near_spine or peripheral: as answered, else by bone and distances (A8)."""
    bones = tables.techniques.bones
    if answers.region is not None:
        return Fact(answers.region)
    if answers.bone is None:
        return Fact(None, ("bone",))
    if answers.bone in bones.spine:
        return Fact("spine")
    if answers.bone not in bones.near_spine_candidates:
        return Fact("peripheral")
    near = evaluate(tables.doses.near_spine_when, facts, tables.limits)
    if near.truth is None:
        return Fact(None, near.needs)
    return Fact("near_spine" if near.truth else "peripheral")


def _in_spine(answers: Answers, region: Fact, tables: Tables) -> bool | None:
    """Tell whether the lesion lies in a vertebra or the sacrum."""
    if answers.bone not in (None, UNNAMED_BONE):
        return answers.bone in tables.techniques.bones.spine
    return None if region.value is None else region.value == "spine"


def _segment(answers: Answers, region: Fact, tables: Tables) -> Fact:
    if answers.level is not None:
        return Fact(SEGMENTS[answers.level[0]])
    if answers.bone == "sacrum":
        return Fact("sacral")
    unnamed = answers.bone in (None, UNNAMED_BONE)  # it may lie beside the neck
    if region.value == "peripheral" or (
        not unnamed and answers.bone not in tables.techniques.bones.spine
    ):
        return NOT_APPLICABLE
    return Fact(None, (*region.needs, "level"))


def _weight_bearing(answers: Answers, tables: Tables) -> Fact:
    bones = tables.techniques.bones
    if answers.weight_bearing is not None:
        return Fact(answers.weight_bearing)
    if answers.bone in bones.weight_bearing:
        return Fact(True)
    if answers.bone in bones.not_weight_bearing:
        return Fact(False)
    return Fact(None, ("weight_bearing",))


def _near_spine_only(fact: Fact, region: Fact, absent: object) -> Fact:
    """Return what cannot be present away from the spine as absent there, else as answered."""
    return Fact(absent) if fact.value is None and region.value == "peripheral" else fact


def _simulated(results: tuple[SimulationResult, ...], limits: Limits) -> dict[str, dict[str, Fact]]:
    """Return the facts of each technique simulated; every result of a technique counts."""
    facts: dict[str, dict[str, Fact]] = {}
    for technique in dict.fromkeys(row.technique for row in results):
        rows = [row for row in results if row.technique == technique]
        coverage = [r.coverage_percent for r in rows if r.coverage_percent is not None]
        margin = [r.min_margin_mm for r in rows if r.min_margin_mm is not None]
        facts[technique] = {
            "simulation_limit_passed": _any([_passed(row) for row in rows]),
            "simulation_coverage_percent": Fact(min(coverage, default=None)),
            "simulation_margin_mm": Fact(min(margin, default=None)),
            "simulation_cord_conflict": _cord_conflict(rows, limits),
        }
    return facts


def _cord_conflict(rows: list[SimulationResult], limits: Limits) -> Fact:
    """Tell whether no zone of a technique covers the lesion and spares the cord."""
    spared = [spares_the_cord(row) for row in rows]
    if any(covers(row, limits) and cord for row, cord in zip(rows, spared, strict=True)):
        return Fact(False)
    if any(cord is False for cord in spared):
        return Fact(True)
    return Fact(None, ("simulation",)) if None in spared else Fact(False)


def covers(row: SimulationResult, limits: Limits) -> bool | None:
    """Tell whether a simulated zone covers the whole lesion.

    Parameters
    ----------
    row : SimulationResult
        Of one device.
    limits : mapping of str to float
        With full coverage and the least margin.

    Returns
    -------
    bool or None
        None where neither coverage nor margin is known.
    """
    coverage, margin = row.coverage_percent, row.min_margin_mm
    if coverage is None and margin is None:
        return None
    whole = coverage is None or coverage >= limits["full_coverage_percent"]
    return whole and (margin is None or margin >= limits["least_margin_mm"])


def spares_the_cord(row: SimulationResult) -> bool | None:
    """Tell whether a simulated zone keeps the limit of the cord.

    Parameters
    ----------
    row : SimulationResult
        Of one device.

    Returns
    -------
    bool or None
        None while something that matters was not checked.
    """
    if row.limits_passed is None:
        return None
    return not any(is_cord(passed.structure) for passed in row.limits_passed)


def is_cord(structure: str) -> bool:
    """Tell whether a structure stands for the cord.

    Parameters
    ----------
    structure : str
        Its name; native CT shows the canal, which stands for the cord.

    Returns
    -------
    bool
        True for cord, canal and cauda equina.
    """
    return any(word in structure.lower() for word in CORD_WORDS)


def _passed(row: SimulationResult) -> bool | None:
    """Return whether a limit was passed; unknown while something that matters was not checked."""
    return None if row.limits_passed is None else bool(row.limits_passed)


def _any(values: Sequence[object]) -> Fact:
    """Return whether one is true; unknown where none is and one is unknown."""
    if any(values):
        return Fact(True)
    return Fact(None, ("simulation",)) if None in values else Fact(False)

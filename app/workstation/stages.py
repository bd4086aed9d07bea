"""What the session speaks of: steps and their states, topics, the job shown, a plan's CT."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from app.workstation.arrays import same_memory
from app.workstation.reading import SeriesChoice
from imaging.errors import Problem
from imaging.structures.model import Structures
from imaging.volume import Volume
from planning.dependence import NO_ACCESS
from planning.plan import Case, LesionPlan, Plan, SeriesReference
from planning.technique.answers import Answers

NOT_DRAWN = (
    "answers",
    "judged",
    "recommendation",
    "side_check",
    "treatments",
    "name",
    "comparison",
    "report",
)


class Step(StrEnum):
    """The seven steps of a plan, in their order."""

    STUDY = "study"
    LESION = "lesion"
    STRUCTURES = "structures"
    ACCESS = "access"
    ABLATION = "ablation"
    TECHNIQUE = "technique"
    REPORT = "report"


class State(StrEnum):
    """Where a step stands."""

    LACKING = "lacking"
    DONE = "done"
    STALE = "stale"


class Topic(StrEnum):
    """What observers can be told of."""

    VOLUME = "volume"
    CASE = "case"
    JOB = "job"
    PREVIEW = "preview"
    SURFACE = "surface"
    REFUSED = "refused"
    CHOICE = "choice"
    CT_WANTED = "ct_wanted"
    EXPORTED = "exported"
    SKIN = "skin"
    TRIAL = "trial"
    EXTRAS = "extras"
    ABLATION = "ablation"
    COMPARISON = "comparison"
    COMPARISON_ASKED = "comparison_asked"
    EXERCISE = "exercise"
    EXERCISE_MADE = "exercise_made"
    FEEDBACK = "feedback"


@dataclass(frozen=True)
class Activity:
    """The job that is shown to the user.

    Parameters
    ----------
    name : str
        Key of its name in the words, below ``jobs``.
    fraction : float
        0 to 1.
    message : str
        What is being done.
    """

    name: str
    fraction: float = 0.0
    message: str = ""


@dataclass(frozen=True)
class Choice:
    """Series among which the user has to choose.

    Parameters
    ----------
    path : Path
        That was opened.
    series : tuple of SeriesChoice
        Most slices first.
    """

    path: Path
    series: tuple[SeriesChoice, ...]


def is_done(step: Step, case: Case | None, has_ct: bool, is_exported: bool) -> bool:
    """Tell whether a step has its result.

    Parameters
    ----------
    step : Step
        Any.
    case : Case or None
        That is open.
    has_ct : bool
        Whether its CT is read.
    is_exported : bool
        Whether the report of this state was written.

    Returns
    -------
    bool
        False without a case.
    """
    if case is None:
        return False
    plan = case.plan
    return {
        Step.STUDY: has_ct,
        Step.LESION: plan.lesion is not None,
        Step.STRUCTURES: case.structures is not None,
        Step.ACCESS: plan.chosen is not None,
        Step.ABLATION: bool(plan.simulation),
        Step.TECHNIQUE: plan.recommendation is not None and plan.answers != Answers(),
        Step.REPORT: is_exported,
    }[step]


def same_inputs(before: Case | None, now: Case | None) -> bool:
    """Tell whether a result that was computed from one case still holds for another.

    Parameters
    ----------
    before, now : Case or None
        When the job was asked for; at its end. A job without a case before always holds.

    Returns
    -------
    bool
        True where only answers and recommendation have changed.
    """
    if before is None or before is now:
        return True
    if now is None:
        return False
    one, other = before.plan, now.plan
    return (
        one.series == other.series
        and one.number == other.number
        and same_memory(before.lesion, now.lesion)
        and before.structures is now.structures
        and one.access is other.access
        and one.chosen_rank == other.chosen_rank
        and one.own_way == other.own_way
        and one.margins_mm == other.margins_mm
        and one.access_settings == other.access_settings
        and one.needle_set == other.needle_set
        and one.depth_shifts_mm == other.depth_shifts_mm
        and one.dissections == other.dissections
        and before.fields is now.fields
    )


def looks_same(before: Case | None, now: Case | None) -> bool:
    """Tell whether two states of a case are drawn alike: only words were changed.

    Parameters
    ----------
    before, now : Case or None
        States that follow each other; what did not change is the same object.

    Returns
    -------
    bool
        False without a case.
    """
    if before is None or now is None:
        return False
    shared = ("structures", "fields", "others")
    drawn = (name for name in Plan.model_fields if name not in NOT_DRAWN)
    return (
        same_memory(before.lesion, now.lesion)
        and all(getattr(before, name) is getattr(now, name) for name in shared)
        and all(getattr(before.plan, name) is getattr(now.plan, name) for name in drawn)
    )


def same_structures(one: Structures | None, other: Structures | None) -> bool:
    """Tell whether structures are the same, though they may have travelled to the worker and back.

    Parameters
    ----------
    one, other : Structures or None
        To be compared.

    Returns
    -------
    bool
        True for the same labels, in memory, with the same table.
    """
    if one is None or other is None or one is other:
        return one is other
    same_table = one.table == other.table and one.levels == other.levels
    return same_table and same_memory(one.labels, other.labels)


def kept_by_hand(asked: Case, now: Case, changed: Case) -> Case:
    """Return the result of a job with what was set by hand while it ran.

    Parameters
    ----------
    asked, now, changed : Case
        The case that the job was given; the present one; what the job made of the first.

    Returns
    -------
    Case
        With the other lesions, answers, name and limits as they are now, and, of the same outline,
        with its edits and measures.
    """
    unmoved = same_structures(now.structures, changed.structures)
    kept = replace(changed, others=_others_kept(asked, now, changed, unmoved=unmoved))
    if unmoved:
        kept = replace(kept, structures=now.structures)
    since = _set_since(asked.plan, now.plan)
    if not same_memory(now.lesion, changed.lesion):
        since.pop("edits", None)  # they belonged to the outline before
    else:
        since["lesion"] = kept.plan.lesion or now.plan.lesion
        if unmoved:
            since["involvement"] = kept.plan.involvement or now.plan.involvement
    kept = kept.with_plan(**since)
    if "limits" in since:  # a simulation counted with the limits before
        kept = replace(kept, fields=()).with_plan(
            simulation=(), ablation_search=None, uncertainty=(), recommendation=None
        )
    return kept


def _set_since(asked: Plan, now: Plan) -> dict[str, object]:
    """Return the fields that were set by hand between two states of a plan."""
    fields = (
        "answers",
        "side_check",
        "name",
        "limits",
        "edits",
        "thermocouples",
        "treatments",
        "comparison",
        "annotations",
    )
    return {key: getattr(now, key) for key in fields if getattr(now, key) != getattr(asked, key)}


def _others_kept(asked: Case, now: Case, changed: Case, *, unmoved: bool) -> tuple[LesionPlan, ...]:
    """Return the other lesions as they are now, with the structures that a job has changed."""
    if unmoved:
        return now.others
    before = {one.plan.number: one.plan for one in asked.others}
    made = {one.plan.number: one for one in changed.others}
    kept = []
    for one in now.others:
        found = made.get(one.plan.number)
        if found is not None and same_memory(found.lesion, one.lesion):
            since = _set_since(before[one.plan.number], one.plan)
            plan = found.plan.model_copy(update=since)
            kept.append(replace(found, plan=plan, lesion=one.lesion))
        else:
            kept.append(_moved(one, changed.plan))
    return tuple(kept)


def _moved(one: LesionPlan, shared: Plan) -> LesionPlan:
    """Return a lesion that a job did not know, with the structures which that job made."""
    update: dict[str, object] = {
        "structures": shared.structures,
        "levels": shared.levels,
        "classes": shared.classes,
        "involvement": None,
        **NO_ACCESS,
    }
    return replace(one, plan=one.plan.model_copy(update=update), fields=())


def uid_on_disk(series: SeriesReference) -> str | None:
    """Return the UID to ask for; those made from the content are in no header.

    Parameters
    ----------
    series : SeriesReference
        Of a plan.

    Returns
    -------
    str or None
        None where the UID was derived.
    """
    return None if series.uid.startswith(("file-", "no-uid-")) else series.uid


def mismatch(series: SeriesReference, volume: Volume) -> Problem | None:
    """Return why a volume is not the CT of a plan, or None where it is.

    Parameters
    ----------
    series : SeriesReference
        Of the plan.
    volume : Volume
        As read.

    Returns
    -------
    Problem or None
        Another series, or other voxels.
    """
    if series.uid != volume.series.uid:
        message = "this is another series than the one the plan was made on; choose its CT"
        return Problem(code="other_series", message=message, where=volume.series.path)
    if series.checksum != volume.checksum:
        message = (
            "the series has the right UID but other voxels than those the plan was made on; "
            "choose the original CT"
        )
        return Problem(code="other_voxels", message=message, where=volume.series.path)
    return None

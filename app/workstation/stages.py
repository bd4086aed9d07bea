"""What the session speaks of: steps and their states, topics, the job shown, a plan's CT."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from app.workstation.arrays import same_memory
from app.workstation.tasks import SeriesChoice
from imaging.errors import Problem
from imaging.volume import Volume
from planning.plan import Case, SeriesReference


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
        Step.TECHNIQUE: plan.recommendation is not None,
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
        and before.fields is now.fields
    )


def kept_by_hand(now: Case, changed: Case) -> Case:
    """Return the result of a job with what was set by hand while it ran.

    Parameters
    ----------
    now, changed : Case
        The present case; what the job made of an earlier one.

    Returns
    -------
    Case
        With the present answers and names, and, of the same outline, with its edits and measures.
    """
    plan = now.plan
    kept = changed.with_plan(answers=plan.answers)
    if plan.number == changed.plan.number:
        kept = kept.with_plan(name=plan.name)
    if same_memory(now.lesion, changed.lesion):
        kept = kept.with_plan(edits=plan.edits, lesion=kept.plan.lesion or plan.lesion)
        if now.structures is changed.structures:
            kept = kept.with_plan(involvement=kept.plan.involvement or plan.involvement)
    return kept


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

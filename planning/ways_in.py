"""The steps of a plan that concern the way in: search, choice, a way drawn by hand, overruling."""

from __future__ import annotations

from dataclasses import replace

from imaging.document import Vector
from imaging.errors import Problem
from imaging.progress import SILENT, Progress
from imaging.structures.model import PassageClass
from imaging.volume import Volume
from planning.access.needles import needle_named
from planning.access.posture import Position
from planning.access.request import AccessRequest, Proposal
from planning.access.search import search_access, search_with_first_trocar
from planning.access.settings import settings_with
from planning.dependence import without_access
from planning.errors import NothingFeasible, PlanningError
from planning.plan import Case

PROPOSALS = 8
OWN_RANK = 0


def find_access(
    case: Case,
    volume: Volume,
    needle_id: str | None = None,
    position: Position = Position.AUTO,
    progress: Progress = SILENT,
    top: int = PROPOSALS,
    targets_lps_mm: tuple[Vector, ...] = (),
) -> Case:
    """Search for ways in and choose the best.

    Parameters
    ----------
    case : Case
        With lesion and structures; its margins and settings hold.
    volume : Volume
        The CT.
    needle_id : str or None
        None takes the first trocar of the table for which there is a way.
    position : Position
        Which skin can be reached.
    progress : Progress
        Told while searching.
    top : int
        Proposals wanted.
    targets_lps_mm : tuple of Vector
        Places to aim at; empty lets the search choose them.

    Returns
    -------
    Case
        With proposals, or with the reasons why there are none.

    Raises
    ------
    PlanningError
        When lesion or structures are lacking, or no skin is in reach.
    """
    bare = without_access(case).with_plan(position=position, needle_id=needle_id)
    request = replace(access_request(bare, volume, top), targets_lps_mm=targets_lps_mm)
    search = search_with_first_trocar if needle_id is None else search_access
    try:
        found = search(request, progress)
    except NothingFeasible as nothing:
        return bare.with_plan(no_access=nothing.problems)
    return bare.with_plan(access=found, chosen_rank=found.proposals[0].rank)


def access_request(case: Case, volume: Volume, top: int = PROPOSALS) -> AccessRequest:
    """Return what the search is asked for a case.

    Parameters
    ----------
    case : Case
        With lesion and structures.
    volume : Volume
        The CT.
    top : int
        Proposals wanted.

    Returns
    -------
    AccessRequest
        With the plan's needle, position, margins and settings.

    Raises
    ------
    PlanningError
        When lesion or structures are lacking, or a setting is refused.
    """
    problems = []
    if case.lesion is None:
        problems.append(Problem(code="no_lesion", message="outline the lesion first"))
    if case.structures is None:
        problems.append(Problem(code="no_structures", message="find the structures first"))
    if case.lesion is None or case.structures is None:
        raise PlanningError(problems)
    plan = case.plan
    rows = case.structures.table
    names = {row.name for row in rows if row.class_ == PassageClass.FORBIDDEN}
    return AccessRequest(
        volume=volume,
        lesion=case.lesion,
        structures=case.structures,
        needle=needle_named(plan.needle_used),
        position=plan.position,
        margins_mm={name: mm for name, mm in plan.margins_mm.items() if name in names},
        top=top,
        settings=settings_with(**plan.access_settings),
    )


def choose_access(case: Case, rank: int) -> Case:
    """Choose another way in.

    Parameters
    ----------
    case : Case
        With proposals, or a way drawn by hand.
    rank : int
        Of the way; 0 is the one drawn by hand.

    Returns
    -------
    Case
        Without the simulations of the former way in.
    """
    changed = replace(case, fields=())
    return changed.with_plan(
        chosen_rank=rank,
        needle_set=None,
        depth_shifts_mm=(),
        simulation=(),
        ablation_search=None,
        uncertainty=(),
        recommendation=None,
    )


def with_own_way(case: Case, way: Proposal) -> Case:
    """Return the case with a way drawn by hand, which is chosen.

    Parameters
    ----------
    case : Case
        Any state.
    way : Proposal
        As judged.

    Returns
    -------
    Case
        Without the simulations of the former way in.
    """
    own = way.model_copy(update={"rank": OWN_RANK})
    return choose_access(case, OWN_RANK).with_plan(own_way=own)


def overrule(case: Case, reason: str) -> Case:
    """Take the way drawn by hand although it breaks limits.

    Parameters
    ----------
    case : Case
        With a way drawn by hand.
    reason : str
        Why; it goes into the report. Empty takes the overruling back.

    Returns
    -------
    Case
        The judgement stays beside the reason.

    Raises
    ------
    PlanningError
        When no way was drawn, or it breaks nothing.
    """
    own = case.plan.own_way
    if own is None or not own.against:
        message = "only a way drawn by hand that breaks a limit can be overruled"
        raise PlanningError(Problem(code="nothing_to_overrule", message=message))
    return case.with_plan(own_way=own.model_copy(update={"overruled": reason.strip()}))


def with_access_limits(
    case: Case, margins_mm: dict[str, float], settings: dict[str, float]
) -> Case:
    """Set the margins and settings of the search.

    Parameters
    ----------
    case : Case
        Any state.
    margins_mm : dict
        Margin by structure.
    settings : dict
        Settings changed from the table, by id.

    Returns
    -------
    Case
        Without the ways in that were found under other limits.

    Raises
    ------
    PlanningError
        When a value is out of its bounds.
    """
    settings_with(**settings)
    bad = [name for name, mm in margins_mm.items() if not 0.0 <= mm <= 50.0]
    if bad:
        message = "a margin lies between 0 and 50 mm"
        raise PlanningError([Problem(code="margin_refused", message=message, where=n) for n in bad])
    return without_access(case).with_plan(
        margins_mm=dict(margins_mm), access_settings=dict(settings)
    )

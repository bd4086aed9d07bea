"""The search over the whole reachable skin.

Every point of skin is paired with every target and marched through the fields of the scene. What
may hold is examined on the CT's own voxels, best first; what holds is tried with needles that land
off, and the best, apart from each other, are proposed.
"""

from __future__ import annotations

import time
from dataclasses import replace

from imaging.errors import Problem, Refusal
from imaging.geometry import FloatArray
from imaging.progress import SILENT, Progress
from imaging.structures.model import PassageClass
from planning.access.examination import Counts, examined
from planning.access.judge import Judge
from planning.access.march import REASONS, TOO_MUCH_BONE
from planning.access.marching import march_all
from planning.access.needles import Needle, needle_table
from planning.access.posture import is_reachable
from planning.access.proposals import proposals_of
from planning.access.request import AccessRequest, AccessResult, Proposal
from planning.access.scene import Scene
from planning.access.skin import NO_SKIN
from planning.access.targets import targets_of
from planning.errors import NothingFeasible, PlanningError


def search_access(request: AccessRequest, progress: Progress = SILENT) -> AccessResult:
    """Search the whole reachable skin.

    Parameters
    ----------
    request : AccessRequest
        The case and its limits.
    progress : Progress
        Told between chunks of skin.

    Returns
    -------
    AccessResult
        Proposals, best first, and why the others were rejected.

    Raises
    ------
    NothingFeasible
        When no way passes every limit; the problems are the reasons with their counts.
    PlanningError
        When no skin is within reach, or what was asked contradicts itself.
    """
    begun_s = time.perf_counter()
    check_request(request)
    progress.update(0.0, "preparing the search")
    judge = Judge.of(request)
    scene = judge.scene
    targets = targets_of(request, judge.shape)
    progress.update(0.4, "searching the skin")
    reachable = is_reachable(scene.skin.normals_lps, request.position)
    skin = scene.skin.part(reachable)
    marched = march_all(request, scene, targets, progress.part(0.4, 0.7), skin)
    counts = Counts.of(marched, scene, int((~reachable).sum()) * len(targets))
    progress.update(0.7, "judging the best")
    pool = examined(judge, skin, targets, marched, counts, progress.part(0.7, 0.9))
    proposals, front = proposals_of(judge, pool)
    if not proposals:
        raise NothingFeasible(_reasons(counts.rejected))
    progress.update(1.0, "access found")
    return AccessResult(
        candidates=counts.candidates,
        feasible=counts.feasible,
        elapsed_s=time.perf_counter() - begun_s,
        rejected={name: count for name, count in counts.rejected.items() if count > 0},
        proposals=proposals,
        needle=request.needle.id,
        not_checked=not_checked(request, scene),
        front=front,
        assumed=scene.assumed,
    )


def search_with_first_trocar(request: AccessRequest, progress: Progress = SILENT) -> AccessResult:
    """Search with the first trocar of the table for which there is a way.

    Parameters
    ----------
    request : AccessRequest
        The case and its limits; its needle is replaced.
    progress : Progress
        Told between chunks of skin.

    Returns
    -------
    AccessResult
        Names the trocar.

    Raises
    ------
    NothingFeasible
        When there is none for any trocar; the reasons are those of the last one tried.
    PlanningError
        As :func:`search_access`.
    """
    tried = trocars()
    for number, needle in enumerate(tried):
        part = progress.part(number / len(tried), (number + 1) / len(tried))
        try:
            return search_access(replace(request, needle=needle), part)
        except Refusal as refusal:
            is_short = refusal.problems[0].code == NO_SKIN
            if needle is tried[-1] or not (is_short or isinstance(refusal, NothingFeasible)):
                raise
    raise NothingFeasible(Problem(code="no_trocar", message="the table of needles has no trocar"))


def judge_with_first_trocar(
    request: AccessRequest, entry_lps_mm: FloatArray, target_lps_mm: FloatArray
) -> tuple[Proposal, Needle]:
    """Judge one way with the first trocar of the table that is long enough and passes its bone.

    Parameters
    ----------
    request : AccessRequest
        The case and its limits; its needle is replaced.
    entry_lps_mm, target_lps_mm : numpy.ndarray
        Shape (3,).

    Returns
    -------
    tuple
        The way, and the trocar; the last one tried where none will do.
    """
    check_request(request)
    for needle in trocars():
        way = Judge.of(replace(request, needle=needle)).judge(entry_lps_mm, target_lps_mm)
        if not {"longer_than_needle", REASONS[TOO_MUCH_BONE]} & set(way.against):
            break
    return way, needle


def trocars() -> list[Needle]:
    """Return the trocars of the table, those left out that reach no more than one before them."""
    found: list[Needle] = []
    for needle in needle_table():
        if needle.kind == "trocar" and _reaches_more(needle, found):
            found.append(needle)
    return found


def _reaches_more(trocar: Needle, before: list[Needle]) -> bool:
    """Tell whether a trocar may find a way where none of those before it does."""
    return all(
        trocar.length_mm > one.length_mm
        or trocar.diameter_mm < one.diameter_mm
        or trocar.max_bone_mm > one.max_bone_mm
        for one in before
    )


def not_checked(request: AccessRequest, scene: Scene | None = None) -> tuple[str, ...]:
    """Return what no structure of the case covers.

    Parameters
    ----------
    request : AccessRequest
        The case.
    scene : Scene or None
        Its fields; without them nothing is said of the gantry.

    Returns
    -------
    tuple of str
        Groups of structures of which one at least was not found; a way may cross it unnoticed.
    """
    names = " ".join(request.structures.names())
    any_of = {"spinal canal": ("spinal_c",), "lung": ("lung",), "bowel": ("bowel", "colon")}
    all_of = {
        "vessels": ("aorta", "vena_cava"),
        "kidneys": ("kidney_left", "kidney_right"),
        "liver and spleen": ("liver", "spleen"),
    }
    lacking = [group for group, parts in any_of.items() if not any(part in names for part in parts)]
    lacking += [
        group for group, parts in all_of.items() if not all(part in names for part in parts)
    ]
    if scene is not None and scene.gantry_lps_mm is None:
        lacking.append("gantry")
    return (*lacking, "nerves")


def check_request(request: AccessRequest) -> None:
    """Refuse what cannot be searched for, with every reason.

    Parameters
    ----------
    request : AccessRequest
        The case and its limits.

    Raises
    ------
    PlanningError
        When a margin is out of its bounds or names nothing, or the lesion is empty.
    """
    problems = [
        Problem(
            code="margin_refused",
            message=f"a margin of {value:g} mm is not between 0 and 50 mm",
            where=name,
        )
        for name, value in request.margins_mm.items()
        if not 0.0 <= value <= 50.0
    ]
    known = set(request.structures.names())
    problems += [
        Problem(
            code="unknown_structure",
            message="no structure of this case has this name; `osteoplan structures` lists them",
            where=name,
        )
        for name in request.margins_mm
        if name not in known
    ]
    problems += [
        Problem(
            code="margin_without_effect",
            message="needles may pass this structure, so a margin has no effect; forbid it first",
            where=row.name,
        )
        for row in request.structures.table
        if row.name in request.margins_mm and row.class_ != PassageClass.FORBIDDEN
    ]
    if not request.lesion.any():
        problems.append(Problem(code="no_lesion", message="the mask of the lesion is empty"))
    if problems:
        raise PlanningError(problems)


def _reasons(rejected: dict[str, int]) -> list[Problem]:
    ordered = sorted(rejected.items(), key=lambda item: -item[1])
    problems = [
        Problem(
            code=reason.split(":")[0],
            message=f"{count} ways rejected: {reason.replace('_', ' ').replace(':', ' ')}",
            where=reason,
        )
        for reason, count in ordered
        if count > 0
    ]
    return problems or [
        Problem(code="no_entry", message="no skin can be reached in this position; try another")
    ]

"""What depends on what: a change drops the results that belonged to the state before it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from imaging.geometry import BoolArray
from imaging.measurement.involvement import involvement
from imaging.measurement.lesion import measure
from imaging.structures.canal import canal_beside
from imaging.structures.model import Structures
from imaging.volume import Volume
from planning.edits import DISTANCE
from planning.plan import Case, Plan

NO_ACCESS: dict[str, object] = {
    "access": None,
    "no_access": (),
    "own_way": None,
    "chosen_rank": None,
    "needle_set": None,
    "depth_shifts_mm": (),
    "thermocouples": (),
    "dissections": (),
    "simulation": (),
    "ablation_search": None,
    "uncertainty": (),
    "recommendation": None,
}


def measure_surroundings(case: Case, volume: Volume) -> Case:
    """Measure what every lesion of the case does to its bone, where that is not known yet.

    Parameters
    ----------
    case : Case
        Lesions without outline, and cases without structures, stay as they are.
    volume : Volume
        The CT.

    Returns
    -------
    Case
        With involvement; where the outline had no measures yet, with those too.
    """

    def measured(plan: Plan, mask: BoolArray | None) -> Plan:
        if mask is None:
            return plan
        if plan.lesion is None:
            middle = volume.grid.to_lps(np.argwhere(mask).mean(axis=0))
            canal = canal_beside(case.structures, volume, middle)
            plan = plan.model_copy(update={"lesion": measure(volume, mask, canal)})
        if plan.involvement is None and case.structures is not None:
            found = involvement(volume, mask, case.structures)
            plan = plan.model_copy(update={"involvement": found})
        return plan

    others = tuple(replace(one, plan=measured(one.plan, one.lesion)) for one in case.others)
    return replace(case, plan=measured(case.plan, case.lesion), others=others)


def without_access(case: Case) -> Case:
    """Drop what depended on outline or structures, of the lesion that is looked at.

    Parameters
    ----------
    case : Case
        Any state.

    Returns
    -------
    Case
        Without access, simulations and recommendation.
    """
    return replace(case, fields=()).with_plan(**NO_ACCESS)


def for_all(case: Case, **changes: object) -> Case:
    """Change fields of the plans of all lesions.

    Parameters
    ----------
    case : Case
        Any state.
    **changes : object
        Fields of :class:`Plan`.

    Returns
    -------
    Case
        The arrays stay.
    """
    others = tuple(replace(one, plan=one.plan.model_copy(update=changes)) for one in case.others)
    return replace(case.with_plan(**changes), others=others)


def with_names(case: Case, names: dict[str, str]) -> Case:
    """Return the case with what was set by hand for structures under their new names.

    Parameters
    ----------
    case : Case
        Any state.
    names : dict
        New names by old ones.

    Returns
    -------
    Case
        With edits of distances, limits and classes moved, in the plans of all lesions.
    """
    keys = {f"{DISTANCE}.{old}": f"{DISTANCE}.{new}" for old, new in names.items()}

    def moved(plan: Plan) -> Plan:
        edits = [one.model_copy(update={"key": keys.get(one.key, one.key)}) for one in plan.edits]
        set_for = {
            field: tuple(
                one.model_copy(update={"name": names.get(one.name, one.name)}) for one in rows
            )
            for field, rows in (("limits", plan.limits), ("classes", plan.classes))
        }
        return plan.model_copy(update={"edits": tuple(edits), **set_for})

    others = tuple(replace(one, plan=moved(one.plan)) for one in case.others)
    return replace(case, plan=moved(case.plan), others=others)


def with_all(case: Case, structures: Structures, volume: Volume | None) -> Case:
    """Return the case with other structures, which no lesion's plan was made with.

    Parameters
    ----------
    case : Case
        Any state.
    structures : Structures
        On the grid of the series.
    volume : Volume or None
        The CT, to measure the lesions against them; None leaves that for later.

    Returns
    -------
    Case
        Without access and simulations of any lesion.
    """
    bare = replace(
        case,
        structures=structures,
        fields=(),
        others=tuple(replace(one, fields=()) for one in case.others),
    )
    changed = for_all(
        bare,
        structures=structures.table,
        levels=structures.levels,
        involvement=None,
        **NO_ACCESS,
    )
    return changed if volume is None else measure_surroundings(changed, volume)

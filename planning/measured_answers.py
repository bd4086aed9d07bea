"""Answers that the CT gives: what was measured fills what the physician left open."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Any, get_args

from planning.ablation.results import TreatmentSummary
from planning.edits import lesion_as_edited
from planning.plan import Case
from planning.side import side_holds
from planning.technique.answers import LEVEL, Answers, Bone, answers_from
from planning.technique.consistency import LIMB_BONES, contradictions

VERTEBRA = "vertebrae_"
NOT_ASKED = ("simulation", "side_confirmed")  # nobody is asked to confirm them one by one
# Keys of the answers' distances, and the structures they are read from.
DISTANCE_NAMES = {
    "spinal_cord": ("spinal_canal", "spinal_cord"),
    "nerve_root": ("nerve_root*", "spinal_nerve*"),
    "skin": ("skin",),
    "bowel": ("bowel*", "colon", "small_bowel", "duodenum", "rectum", "stomach"),
    "vessel": (
        "aorta",
        "inferior_vena_cava",
        "superior_vena_cava",
        "brachiocephalic_trunk",
        "iliac_*",
        "vessel*",
        "*artery*",
        "*vein*",
    ),
}


# Bones as the answers call them, by the names of structures. A hip is several bones of the answers.
BONE_NAMES = {
    "vertebrae_S*": "sacrum",
    "vertebrae_*": "vertebra",
    "sacrum": "sacrum",
    "rib_*": "rib",
    "sternum": "sternum",
    "clavicula_*": "clavicle",
    "scapula_*": "scapula",
    "humerus_*": "humerus",
    "femur_*": "femur",
    "tibia*": "tibia",
    "skull": "skull",
}


def completed_answers(case: Case, answers: Answers) -> Answers:
    """Fill open answers from the measures of the case.

    Parameters
    ----------
    case : Case
        Any state.
    answers : Answers
        What the physician said; it always decides.

    Returns
    -------
    Answers
        With length, width, volume, kind, breach, distances and simulations filled in, and what the
        CT says of the bone: which one and its level, loss of height, part of the body or of the
        diameter. A posterior wall is told only where it was seen to be open: that it is whole is
        for the physician to say.
    """
    said = answers.model_dump(mode="json", exclude_none=True, by_alias=True)
    if case.plan.side_check is not None:
        said["side_confirmed"] = side_holds(case)
    measured: dict[str, Any] = {}
    if case.plan.lesion is not None:
        lesion = lesion_as_edited(case.plan.lesion, case.plan.edits)
        measured = {
            "lesion_length_mm": lesion.length_mm,
            "lesion_width_mm": lesion.width_mm,
            "lesion_volume_ml": lesion.volume_ml,
            "lesion_kind": lesion.kind,
        }
        if lesion.cortical_breach is not None:
            measured["cortical_breach"] = lesion.cortical_breach
    distances = {**measured_distances_mm(case), **said.get("distance_mm", {})}
    if distances:
        measured["distance_mm"] = distances
    if case.plan.simulation:
        unpainted = bool(case.plan.unpainted)
        rows = [_simulation_answer(row, unpainted) for row in case.plan.simulation]
        measured["simulation"] = rows
    said.pop("distance_mm", None)
    located = located_answers(case)
    other_bone = said.get("bone", located.get("bone")) != located.get("bone")
    if other_bone or any(contradictions({**measured, **located, **said}, get_args(Bone))):
        located = {}  # the physician sees another place than the program does
    return answers_from({**measured, **located, **said})


def unconfirmed(said: Answers, judged: Answers | None) -> tuple[str, ...]:
    """Return what the CT filled in and no physician confirmed.

    Parameters
    ----------
    said : Answers
        What the physician said.
    judged : Answers or None
        What the rules saw; None where nothing was judged.

    Returns
    -------
    tuple of str
        Keys of the answers, dotted for nested ones, in their order.
    """
    if judged is None:
        return ()
    own, seen = flat_answers(said), flat_answers(judged)
    return tuple(key for key in seen if own.get(key) is None and key not in NOT_ASKED)


def flat_answers(answers: Answers) -> dict[str, Any]:
    """Return what is known, with dotted keys for what lies deeper.

    Parameters
    ----------
    answers : Answers
        Any.

    Returns
    -------
    dict
        As JSON holds it, by key, in the order of the answers.
    """
    flat: dict[str, Any] = {}
    for key, value in answers.model_dump(mode="json", exclude_none=True).items():
        if isinstance(value, dict):
            flat |= {f"{key}.{inner}": one for inner, one in value.items()}
        else:
            flat[key] = value
    return flat


def located_answers(case: Case) -> dict[str, Any]:
    """Return what the CT says of the bone that holds the lesion.

    Parameters
    ----------
    case : Case
        Any state.

    Returns
    -------
    dict
        Keys of the answers; empty where no bone is known by a name that they have.
    """
    effects = case.plan.effects
    if effects is None or effects.bone is None:
        return {}
    bone = next((b for name, b in BONE_NAMES.items() if fnmatchcase(effects.bone, name)), None)
    if bone is None:
        return {}
    found: dict[str, Any] = {"bone": bone}
    level = effects.bone.removeprefix(VERTEBRA)
    if re.fullmatch(LEVEL, level):
        found["level"] = level
    if bone == "vertebra":
        found["collapse_percent"] = effects.collapse_percent
        found["body_involved_percent"] = effects.body_percent
    if bone in ("vertebra", "sacrum") and effects.posterior_wall_breach:
        found["posterior_wall_breach"] = True
    if bone in LIMB_BONES:
        found["long_bone_fraction"] = effects.diameter_fraction
    return {key: value for key, value in found.items() if value is not None}


def _simulation_answer(row: TreatmentSummary, unpainted: bool) -> dict[str, Any]:
    """Return a simulation as an answer; while a nerve is unpainted, no limit passed is unknown."""
    passed = [
        {"structure": near.name, "value": near.value, "limit": near.limit, "measure": near.measure}
        for near in row.neighbours
        if near.passed
    ]
    return {
        "technique": row.technique,
        "coverage_percent": row.coverage_percent,
        "min_margin_mm": row.min_margin_mm,
        "limits_passed": passed or (None if unpainted else []),
        "verified_device": row.verified_device,
    }


def measured_distances_mm(case: Case) -> dict[str, float]:
    """Return the distances from the lesion that the structures of the case allow to measure.

    Parameters
    ----------
    case : Case
        With lesion and structures; otherwise nothing is measured.

    Returns
    -------
    dict
        Keys of ``distance_mm``. The canal stands for the cord, which native CT does not show: the
        cord is never nearer than the canal's wall. Distances beyond 60 mm are left out.
    """
    effects = case.plan.effects
    if effects is None:
        return {}
    found: dict[str, float] = {}
    for way in effects.distances:  # nearest first
        for key, patterns in DISTANCE_NAMES.items():
            if any(fnmatchcase(way.name, pattern) for pattern in patterns):
                found.setdefault(key, way.distance_mm)
    return found

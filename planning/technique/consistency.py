"""Answers that cannot be true together."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from imaging.errors import Problem
from imaging.tables import load_table

SPINE_BONES = ("vertebra", "sacrum")
LEVELS_OF = {"vertebra": "CTLS", "sacrum": "S", "rib": "T"}  # first letters of a bone's levels
LEVEL_FREE = ("other",)  # bones that say nothing about the level
SITES_OF = {
    "humerus": ("upper_limb",),
    "femur": ("lower_limb", "peritrochanteric"),
    "tibia": ("lower_limb",),
}
LIMB_BONES = tuple(SITES_OF)
AWAY_FROM_THE_SPINE = {  # answers, and the values they may have there
    "foraminal": (False, None),
    "posterior_wall_breach": (False, None),
    "escc": ("0", None),
}
OF_A_VERTEBRA = {  # answers, and the values they may have in another bone
    "collapse_percent": (0, None),
    "alignment": ("normal", None),
    "posterolateral": ("none", None),
}
# A body of greatest diameter L whose extent across it is W lies in a slice of thickness L over a
# shape of diameter W, and that shape has at most the area of a disc: its volume is at most
# π L W² / 4, half as much again as L × W² / 2. Measures err, so more is granted.
LARGEST_OF_FORMULA = 2.0
LARGEST_NUMBER = 1.0e9  # far beyond every bound of the answers
SMALLEST_OF_FORMULA = 0.02  # thinner shapes are no lesions; a unit confused is a thousandth


def contradictions(data: Mapping[str, Any], bones: Collection[str]) -> Iterator[Problem]:
    """Find answers that contradict each other, whatever else is wrong with them.

    Parameters
    ----------
    data : mapping
        As JSON holds it; values of a wrong type are left to the type check.
    bones : collection of str
        Known bones; what is said of any other is left to the type check too.

    Yields
    ------
    Problem
        One for each contradiction.
    """
    yield from _diameters(data)
    yield from _volumes(data)
    bone = data.get("bone")
    if isinstance(bone, str) and bone in bones and bone not in LEVEL_FREE:
        yield from _level(bone, data.get("level"))
        yield from _site(bone, data.get("long_bone_site"))
        yield from _region(bone, data.get("region"))
        yield from _bone_answers(bone, data)
    if _is_peripheral(data, bones):
        yield from _spinal_answers(data)


def _number(value: object) -> float | None:
    """Return a number that arithmetic can hold; the bounds of the answers refuse the others."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if -LARGEST_NUMBER <= value <= LARGEST_NUMBER else None


def _diameters(data: Mapping[str, Any]) -> Iterator[Problem]:
    length, width = _number(data.get("lesion_length_mm")), _number(data.get("lesion_width_mm"))
    if length is not None and width is not None and length < width:
        message = (
            f"the length {length:g} mm is below the width {width:g} mm; the length is the greatest "
            "diameter: measure again rather than swap them, the dose depends on it (A1)"
        )
        yield Problem(code="length_below_width", message=message, where="lesion_length_mm")


def _volumes(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Find a volume that no body of these diameters can have: a unit was confused."""
    length, width = _number(data.get("lesion_length_mm")), _number(data.get("lesion_width_mm"))
    volume = _number(data.get("lesion_volume_ml"))
    if length is not None and width is None and volume is not None and length > 0:
        yield from _volume_of_length(length, volume)
    if length is None or width is None or volume is None or not 0 < width <= length:
        return
    formula = length * width**2 / 2000.0
    if SMALLEST_OF_FORMULA * formula <= volume <= LARGEST_OF_FORMULA * formula:
        return
    message = (
        f"{volume:g} mL cannot be the volume of a lesion of {length:g} × {width:g} mm "
        f"({formula:.3g} mL by A1); check millimetres against centimetres, and the volume's unit"
    )
    yield Problem(code="units_confused", message=message, where="lesion_volume_ml")


def _volume_of_length(length: float, volume: float) -> Iterator[Problem]:
    """Find a volume that no lesion of this greatest diameter can have, however wide."""
    largest = LARGEST_OF_FORMULA * length**3 / 2000.0
    if volume <= largest:
        return
    message = (
        f"{volume:g} mL cannot be the volume of a lesion of at most {length:g} mm "
        f"({largest:.3g} mL at the very most); check millimetres against centimetres, and the "
        "volume's unit"
    )
    yield Problem(code="units_confused", message=message, where="lesion_volume_ml")


def _bone_answers(bone: str, data: Mapping[str, Any]) -> Iterator[Problem]:
    """Find answers about a vertebra or a long bone for a bone that is neither."""
    if bone not in SPINE_BONES:
        for key, usual in OF_A_VERTEBRA.items():
            value = data.get(key)
            if isinstance(value, (int, float, str)) and value not in usual:
                message = f"{key} concerns the spine; correct the bone, or leave {key} out"
                yield Problem(code="impossible_combination", message=message, where=key)
    if bone not in LIMB_BONES and _number(data.get("long_bone_fraction")) is not None:
        message = f"the {bone} is no long bone; correct the bone, or leave long_bone_fraction out"
        yield Problem(code="impossible_combination", message=message, where="long_bone_fraction")


def _level(bone: str, level: object) -> Iterator[Problem]:
    known = isinstance(level, str) and level.isascii() and level.isprintable()
    if isinstance(level, str) and known and level[:1] not in LEVELS_OF.get(bone, ""):
        message = f"the {bone} has no level {level[:4]}; correct the bone or the level"
        yield Problem(code="impossible_combination", message=message, where="level")


def _site(bone: str, site: object) -> Iterator[Problem]:
    known = any(site in sites for sites in SITES_OF.values())
    if known and site not in SITES_OF.get(bone, ()):
        message = f"{site} is no site of the {bone}; correct the bone or the site"
        yield Problem(code="impossible_combination", message=message, where="long_bone_site")


def _region(bone: str, region: object) -> Iterator[Problem]:
    spinal = bone in SPINE_BONES
    wrong = (
        (spinal and region in ("near_spine", "peripheral"))
        or (not spinal and region == "spine")
        or (bone in LIMB_BONES and region == "near_spine")
    )
    if wrong:
        message = f"the {bone} does not lie in the region {region}; correct the bone or the region"
        yield Problem(code="impossible_combination", message=message, where="region")


def _is_peripheral(data: Mapping[str, Any], bones: Collection[str]) -> bool:
    """Tell whether the lesion lies away from the spine, as answered or by bone and distances."""
    if isinstance(data.get("region"), str):
        return bool(data["region"] == "peripheral")
    table = load_table("technique_limits")
    bone = data.get("bone")
    if not isinstance(bone, str) or bone not in bones or bone in table["bones"]["spine"]:
        return False
    if bone not in table["bones"]["near_spine_candidates"]:
        return True
    limit_mm = next(row["value"] for row in table["limits"] if row["id"] == "near_spine_mm")
    distances = data.get("distance_mm")
    if not isinstance(distances, Mapping):
        return False
    found = [_number(distances.get(name)) for name in ("spinal_cord", "nerve_root")]
    return all(distance is not None and distance >= limit_mm for distance in found)


def _spinal_answers(data: Mapping[str, Any]) -> Iterator[Problem]:
    for key, usual in AWAY_FROM_THE_SPINE.items():
        value = data.get(key)
        if isinstance(value, (bool, str)) and value not in usual:
            message = (
                f"{key} concerns the spine, and the lesion lies away from it; correct the bone, "
                f"the region or the distances, or leave {key} out"
            )
            yield Problem(code="impossible_combination", message=message, where=key)

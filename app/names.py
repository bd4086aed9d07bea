"""Words for people, in French and English, that the screen and the report share."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from imaging.errors import Problem
from imaging.structures.model import PassageClass
from imaging.tables import load_table

# Names that carry a level, a number or a side, and the word they are made of.
SIDE = "(?P<side>left|right)"
PATTERNS = {
    r"vertebrae_(?P<level>[CTLS]\d+)": "vertebra",
    r"vertebra_(?P<level>\d+)": "vertebra_numbered",
    rf"rib_{SIDE}_(?P<level>\d+)": "rib",
    rf"hip_{SIDE}": "hip",
    rf"femur_{SIDE}": "femur",
    rf"kidney_{SIDE}": "kidney",
    rf"iliac_artery_{SIDE}": "iliac_artery",
    rf"iliac_vena_{SIDE}": "iliac_vein",
    rf"nerve_root_exit_(?P<level>[CTLS]\d+)_{SIDE}": "nerve_root_exit",
    rf"nerve_root_(?P<level>[CTLS]\d+)_{SIDE}": "nerve_root",
    rf"nerve_roots_{SIDE}": "nerve_roots",
    rf"sciatic_nerve_{SIDE}": "sciatic_nerve",
    rf"lumbosacral_trunk_{SIDE}": "lumbosacral_trunk",
    rf"femoral_nerve_{SIDE}": "femoral_nerve",
    rf"obturator_nerve_{SIDE}": "obturator_nerve",
    rf"intercostal_bundle_{SIDE}": "intercostal_bundle",
    r"disc_(?P<level>[CTLS]\d+)_(?P<other>[CTLS]\d+)": "disc_between",
    rf"autochthon_{SIDE}": "autochthon",
    rf"ureter_{SIDE}": "ureter",
    rf"adrenal_gland_{SIDE}": "adrenal_gland",
    rf"humerus_{SIDE}": "humerus",
    rf"scapula_{SIDE}": "scapula",
    rf"clavicula_{SIDE}": "clavicula",
    rf"lung_upper_lobe_{SIDE}": "lung_upper_lobe",
    rf"lung_lower_lobe_{SIDE}": "lung_lower_lobe",
    rf"common_carotid_artery_{SIDE}": "common_carotid_artery",
    rf"subclavian_artery_{SIDE}": "subclavian_artery",
}
MUSCLES = (
    "adductor_magnus",
    "adductors",
    "gluteus_maximus",
    "gluteus_medius",
    "gluteus_minimus",
    "hamstrings",
    "iliopsoas",
    "latissimus_dorsi",
    "levator_ani",
    "obturator_externus",
    "obturator_internus",
    "pectineus",
    "piriformis",
    "quadratus_femoris",
    "quadratus_lumborum",
    "rectus_abdominis",
    "rectus_femoris",
    "sartorius",
    "tensor_fasciae_latae",
    "vastus_intermedius",
    "vastus_lateralis",
)
PATTERNS |= {f"{muscle}_{SIDE}": muscle for muscle in MUSCLES}


def structure_name(name: str, language: str) -> str:
    """Return the name of a structure for people.

    Parameters
    ----------
    name : str
        As in the label map.
    language : str
        ``fr`` or ``en``.

    Returns
    -------
    str
        Translated where the words have it, with its level and side, else without underscores.
    """
    words: dict[str, Any] = load_table(f"translations/{language}")
    known = words["structures"].get(name)
    if isinstance(known, str) and name != "hint":
        return known
    for pattern, key in PATTERNS.items():
        found = re.fullmatch(pattern, name)
        if found is not None:
            parts = found.groupdict()
            if "side" in parts:
                parts["side"] = words["sides"][parts["side"]]
            return str(words["structures_of"][key]).format(**parts)
    return name.replace("_", " ")


def class_name(class_: PassageClass, language: str) -> str:
    """Return what a class means for a needle, for people.

    Parameters
    ----------
    class_ : PassageClass
        Of a structure.
    language : str
        ``fr`` or ``en``.

    Returns
    -------
    str
        A word.
    """
    return str(load_table(f"translations/{language}")["classes"][class_.value])


def problem_said(problem: Problem, language: str) -> str:
    """Return what a problem says, translated where its code is known.

    Parameters
    ----------
    problem : Problem
        From any layer, in English.
    language : str
        ``fr`` or ``en``.

    Returns
    -------
    str
        Its message.
    """
    if language == "en":
        return problem.message
    return str(
        load_table(f"translations/{language}")["problems"].get(problem.code, problem.message)
    )


def needle_name(needle: str, language: str) -> str:
    """Return the name of a needle, for people.

    Parameters
    ----------
    needle : str
        Id of its row.
    language : str
        ``fr`` or ``en``.

    Returns
    -------
    str
        With gauge and length.
    """
    return str(load_table(f"translations/{language}")["needles"].get(needle, needle))


def level_doubt_said(doubt: str, language: str) -> str:
    """Return the doubt about the levels of the vertebrae, for people.

    Parameters
    ----------
    doubt : str
        In English, one or more sentences.
    language : str
        ``fr`` or ``en``.

    Returns
    -------
    str
        Each known sentence translated; one that is unknown stays as it is, never unsaid.
    """
    words: dict[str, Any] = load_table(f"translations/{language}")
    for known in words["level_doubts"].values():
        doubt = re.sub(_template(known["doubt"]), partial(_filled, known["said"], language), doubt)
    return doubt


def _template(text: str) -> str:
    """Return the pattern of a text whose ``{names}`` stand for words without blanks."""
    parts = re.split(r"\{(\w+)\}", text)
    return "".join(
        rf"(?P<{part}>[^\s;:,]+)" if n % 2 else re.escape(part) for n, part in enumerate(parts)
    )


def _filled(text: str, language: str, found: re.Match[str]) -> str:
    anchors: dict[str, str] = load_table(f"translations/{language}")["level_anchors"]
    parts = {
        key: anchors.get(one) or structure_name(one, language)
        for key, one in found.groupdict().items()
    }
    return text.format(**parts)

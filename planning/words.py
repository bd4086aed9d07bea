"""Words for people, in French and English, that the rules, the screen and the report share."""

from __future__ import annotations

import re
from typing import Any

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
SIDED = (
    "axillary_artery",
    "axillary_nerve",
    "axillary_vein",
    "brachial_plexus",
    "brachiocephalic_vein",
    "bronchus",
    "jugular_vein",
    "radial_nerve",
    "subclavian_vein",
    "suprascapular_nerve",
)
MUSCLES = (
    "adductor_magnus",
    "adductors",
    "biceps_brachii",
    "brachialis",
    "coracobrachialis",
    "deltoid",
    "gluteus_maximus",
    "gluteus_medius",
    "gluteus_minimus",
    "hamstrings",
    "iliopsoas",
    "infraspinatus",
    "latissimus_dorsi",
    "levator_ani",
    "levator_scapulae",
    "longus_colli",
    "obturator_externus",
    "obturator_internus",
    "pectineus",
    "pectoralis_major",
    "pectoralis_minor",
    "piriformis",
    "quadratus_femoris",
    "quadratus_lumborum",
    "rectus_abdominis",
    "rectus_femoris",
    "rhomboideus",
    "sartorius",
    "scalenus",
    "serratus_anterior",
    "sternocleidomastoid",
    "subscapularis",
    "supraspinatus",
    "tensor_fasciae_latae",
    "teres_major",
    "teres_minor",
    "trapezius",
    "triceps_brachii",
    "vastus_intermedius",
    "vastus_lateralis",
)
PATTERNS |= {f"{name}_{SIDE}": name for name in (*SIDED, *MUSCLES)}


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


def answer_name(key: str, language: str) -> str:
    """Return what a key of the answers asks for, for people.

    Parameters
    ----------
    key : str
        Dotted where it lies deeper, such as ``distance_mm.skin``.
    language : str
        ``fr`` or ``en``.

    Returns
    -------
    str
        The label of its question; the key itself where there is none.
    """
    words: dict[str, Any] = load_table(f"translations/{language}")
    outer, _, inner = key.partition(".")
    found = words["answers"].get(outer)
    if inner and isinstance(found, str):
        return f"{found}, {words['answers_inner'].get(inner, inner)}"
    node = found.get(inner) if isinstance(found, dict) else found
    return node if isinstance(node, str) else key


def option_name(value: object, language: str) -> str:
    """Return the name of what may be answered, for people.

    Parameters
    ----------
    value : object
        As JSON holds it: a word, a truth value or a number.
    language : str
        ``fr`` or ``en``.

    Returns
    -------
    str
        Translated where the words have it.
    """
    words: dict[str, Any] = load_table(f"translations/{language}")
    if isinstance(value, bool):
        return str(words["answers_said"]["yes" if value else "no"])
    if isinstance(value, int | float):
        return number_said(value, language)
    for place in ("options", "drugs"):
        known = words[place].get(value)
        if isinstance(known, str):
            return known
    return str(value)


def number_said(value: float, language: str) -> str:
    """Return a number as the language writes it.

    Parameters
    ----------
    value : float
        Any.
    language : str
        ``fr`` or ``en``.

    Returns
    -------
    str
        Up to six digits, with a comma in French.
    """
    text = f"{value:g}"
    return text.replace(".", ",") if language == "fr" else text


def labelled(name: str, text: str, language: str) -> str:
    """Return a name with what it is.

    Parameters
    ----------
    name, text : str
        In the language.
    language : str
        ``fr`` or ``en``.

    Returns
    -------
    str
        With a space before the colon in French.
    """
    return f"{name} : {text}" if language == "fr" else f"{name}: {text}"

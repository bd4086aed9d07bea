"""What a key of the answers asks for, in words that notes, screen and report share."""

from __future__ import annotations

from typing import Any

from imaging.tables import load_table


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
    node: Any = load_table(f"translations/{language}")["answers"]
    for part in key.split("."):
        node = node.get(part) if isinstance(node, dict) else None
    return node if isinstance(node, str) else key

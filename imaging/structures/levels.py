"""Which vertebra is which: counted from the sacrum and from the lowest rib, with the doubt said.

Mixing up levels is the classic error of spinal procedures. Both anchors are used where the image
shows both; where they disagree, or one is missing, that is said with every vertebra.
"""

from __future__ import annotations

from dataclasses import dataclass

from imaging.document import Document

SEQUENCE = (
    *(f"C{n}" for n in range(1, 8)),
    *(f"T{n}" for n in range(1, 13)),
    *(f"L{n}" for n in range(1, 6)),
)
LUMBAR = 5
SACRAL = 5  # vertebrae grown together
LAST_LUMBAR = SEQUENCE.index("L5")
LAST_THORACIC = SEQUENCE.index("T12")
RIBLESS_BELOW = (
    2  # so many vertebrae without a rib below the lowest rib show that it is the twelfth
)
SIDES = ("left", "right")
EXIT = "nerve_root_exit"


class Levels(Document):
    """How the levels of the vertebrae were counted.

    Attributes
    ----------
    counted_from : str
        ``sacrum_and_ribs``, ``sacrum``, ``ribs``, ``user``, or ``unknown``.
    doubt : str or None
        What may be wrong with them; None where both anchors agree.
    """

    counted_from: str
    doubt: str | None

    def with_doubt(self, more: str | None) -> Levels:
        """Return it with a further doubt.

        Parameters
        ----------
        more : str or None
            In words; None changes nothing.

        Returns
        -------
        Levels
            Both doubts said.
        """
        if more is None:
            return self
        doubt = f"{self.doubt}; {more}" if self.doubt else more
        return Levels(counted_from=self.counted_from, doubt=doubt)


@dataclass(frozen=True)
class Anchors:
    """What the levels can be counted from; vertebrae are numbered from 0, from above downward.

    Parameters
    ----------
    vertebrae : int
        How many are seen above the sacrum.
    above_sacrum : bool
        Whether the lowest of them stands on a sacrum.
    ribbed : frozenset of int
        Those that carry a rib.
    """

    vertebrae: int
    above_sacrum: bool
    ribbed: frozenset[int]

    @property
    def lowest_rib(self) -> int | None:
        """The vertebra with the lowest rib, where enough of the spine below it shows none."""
        if not self.ribbed or max(self.ribbed) + RIBLESS_BELOW >= self.vertebrae:
            return None
        return max(self.ribbed)


def name_levels(anchors: Anchors) -> tuple[tuple[str, ...], Levels]:
    """Return the name of each vertebra, from above downward, and how they were counted.

    Parameters
    ----------
    anchors : Anchors
        What is seen.

    Returns
    -------
    tuple
        Names such as ``vertebrae_L3``, or ``vertebra_1`` from the top where nothing tells the
        level; and the way of counting with its doubt.
    """
    from_ribs, lowest = anchors.lowest_rib, LAST_LUMBAR
    if anchors.above_sacrum:
        if from_ribs is None:
            doubt = (
                "counted upward from the sacrum only, as five lumbar vertebrae: a transitional "
                "vertebra would shift all levels by one"
            )
            how = Levels(counted_from="sacrum", doubt=doubt)
        else:
            lumbar = anchors.vertebrae - 1 - from_ribs
            how = _both(lumbar)
            if how.counted_from == "ribs":
                lowest = LAST_THORACIC + lumbar
    elif from_ribs is not None:
        lowest = LAST_THORACIC + anchors.vertebrae - 1 - from_ribs
        doubt = (
            "counted from the lowest rib seen, taken for the twelfth, without a sacrum: a missing "
            "or thirteenth rib would shift all levels by one"
        )
        if lowest > LAST_LUMBAR:
            doubt += "; what follows the fifth lumbar vertebra was taken for the sacrum"
        how = Levels(counted_from="ribs", doubt=doubt)
    if (from_ribs is None and not anchors.above_sacrum) or _leaves_the_spine(anchors, lowest):
        doubt = (
            "neither sacrum nor lowest rib is seen surely enough to count from: the vertebrae are "
            "numbered from the top of the image; set the level of one and the rest follow"
        )
        names = tuple(f"vertebra_{n + 1}" for n in range(anchors.vertebrae))
        return names, Levels(counted_from="unknown", doubt=doubt)
    first = lowest - anchors.vertebrae + 1
    names = tuple(level_name(first + n) for n in range(anchors.vertebrae))
    if how.counted_from == "ribs" and not anchors.above_sacrum:
        names = tuple("sacrum" if first + n > LAST_LUMBAR else names[n] for n in range(len(names)))
    return names, how


def _leaves_the_spine(anchors: Anchors, lowest: int) -> bool:
    """Tell a count that no spine has, which is no count: above C1, or far below the sacrum."""
    return lowest > LAST_LUMBAR + SACRAL or lowest - anchors.vertebrae + 1 < 0


def _both(lumbar: int) -> Levels:
    """Compare both anchors.

    Too few above the sacrum: the fifth is fused with it, or was taken for part of it, and ribs
    count right either way. Too many: rib twelve is short and missed more often than a sixth exists.
    """
    if lumbar == LUMBAR:
        return Levels(counted_from="sacrum_and_ribs", doubt=None)
    anchor = "ribs" if lumbar < LUMBAR else "sacrum"
    doubt = (
        f"{lumbar} vertebrae without ribs are seen above the sacrum, not {LUMBAR}: counted from "
        f"the {anchor}; a transitional vertebra, or a rib or joint that was missed, shifts all "
        "levels by one, so check"
    )
    return Levels(counted_from=anchor, doubt=doubt)


def level_name(index: int) -> str:
    """Return the name of the vertebra at a place in the spine.

    Parameters
    ----------
    index : int
        0 is C1; 24 is a sixth lumbar vertebra.

    Returns
    -------
    str
        Such as ``vertebrae_L3``; ``vertebra_above_C1`` and the like where the count leaves the
        spine, which only a wrong count does.
    """
    if 0 <= index < len(SEQUENCE):
        return f"vertebrae_{SEQUENCE[index]}"
    if index == len(SEQUENCE):
        return "vertebrae_L6"
    return f"vertebra_above_C1_{-index}" if index < 0 else f"vertebra_below_L6_{index}"


def rib_name(vertebra: str, side: str) -> str:
    """Return the name of the rib that a vertebra carries.

    Parameters
    ----------
    vertebra : str
        Its name.
    side : str
        ``left`` or ``right``.

    Returns
    -------
    str
        ``rib_left_12`` of ``vertebrae_T12``; ``rib_left_of_…`` of others.
    """
    if vertebra.startswith("vertebrae_T"):
        return f"rib_{side}_{vertebra.removeprefix('vertebrae_T')}"
    return f"rib_{side}_of_{vertebra}"


def rib_vertebra(name: str) -> tuple[str, str] | None:
    """Return the vertebra and the side of a rib's name, or None for other names.

    Parameters
    ----------
    name : str
        Structure's name.

    Returns
    -------
    tuple of str or None
        As given to :func:`rib_name`.
    """
    for side in SIDES:
        start = f"rib_{side}_"
        if name.startswith(start):
            rest = name.removeprefix(start)
            if rest.isdigit():
                return f"vertebrae_T{rest}", side
            return rest.removeprefix("of_"), side
    return None


def exit_name(vertebra: str, side: str) -> str:
    """Return the name of the exit of the root below a vertebra's pedicle.

    Parameters
    ----------
    vertebra : str
        Its name.
    side : str
        ``left`` or ``right``.

    Returns
    -------
    str
        ``nerve_root_exit_L3_left`` of ``vertebrae_L3``; ``nerve_root_exit_of_…`` of others.
    """
    if vertebra.startswith("vertebrae_"):
        return f"{EXIT}_{vertebra.removeprefix('vertebrae_')}_{side}"
    return f"{EXIT}_of_{vertebra}_{side}"


def exit_vertebra(name: str) -> tuple[str, str] | None:
    """Return the vertebra and the side of a root's exit, or None for other names.

    Parameters
    ----------
    name : str
        Structure's name.

    Returns
    -------
    tuple of str or None
        As given to :func:`exit_name`.
    """
    if not name.startswith(f"{EXIT}_") or not name.endswith(SIDES):
        return None
    middle, side = name.removeprefix(f"{EXIT}_").rsplit("_", 1)
    if middle.startswith("of_"):
        return middle.removeprefix("of_"), side
    return f"vertebrae_{middle}", side

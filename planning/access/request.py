"""What the search for access is asked, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from imaging.document import Document, Vector
from imaging.geometry import BoolArray
from imaging.structures.model import Structures
from imaging.volume import Volume
from planning.access.needles import Needle

DEFAULT_MARGIN_MM = 3.0  # contract of `osteoplan access`
NEAR_LESION_MM = 5.0  # margins do not apply inside the lesion and this near to it


class Position(StrEnum):
    """How the patient lies during the procedure; the side named is down or faces up."""

    AUTO = "auto"
    SUPINE = "supine"
    PRONE = "prone"
    LEFT = "left"
    RIGHT = "right"


@dataclass(frozen=True, eq=False)
class AccessRequest:
    """All that the search depends on.

    Parameters
    ----------
    volume : Volume
        The CT.
    lesion : numpy.ndarray
        Shape of the volume, bool.
    structures : Structures
        On the volume's grid.
    needle : Needle
        Row of the table.
    position : Position
        Which skin can be reached; ``auto`` is all of it.
    margins_mm : dict
        Margin by structure name; others have 3 mm.
    top : int
        Proposals wanted.
    """

    volume: Volume
    lesion: BoolArray
    structures: Structures
    needle: Needle
    position: Position = Position.AUTO
    margins_mm: dict[str, float] = field(default_factory=dict)
    top: int = 5

    def margin_mm(self, name: str) -> float:
        """Return the margin of a structure.

        Parameters
        ----------
        name : str
            Structure's name.

        Returns
        -------
        float
            Millimetres from the needle's surface.
        """
        return self.margins_mm.get(name, DEFAULT_MARGIN_MM)


class Proposal(Document):
    """One way in.

    Attributes
    ----------
    rank : int
        1 is the best.
    entry_lps_mm, target_lps_mm : Vector
        Point on the skin; point in the lesion.
    length_mm : float
        From skin to target.
    angle_to_axial_deg : float
        Of the needle's advance; positive when it runs towards the head.
    bone_mm : float
        Bone on the way, lesion left out.
    clearance_mm : dict
        Distance from the needle's surface to each forbidden structure.
    score : float
        0 to 1, weighted mean of the terms.
    terms : dict
        Each wish, 0 (bad) to 1 (good).
    """

    rank: int
    entry_lps_mm: Vector
    target_lps_mm: Vector
    length_mm: float
    angle_to_axial_deg: float
    bone_mm: float
    clearance_mm: dict[str, float]
    score: float
    terms: dict[str, float]


class AccessResult(Document):
    """Answer of the search, as ``osteoplan access`` prints it.

    Attributes
    ----------
    candidates, feasible : int
        Pairs of entry and target judged; pairs that pass every limit.
    elapsed_s : float
        Time of the search.
    rejected : dict
        Count by reason.
    proposals : tuple of Proposal
        Best first.
    needle : str
        Id of the needle.
    not_checked : tuple of str
        What no structure of this case covers; every way is unsafe against it until looked at.
    """

    candidates: int
    feasible: int
    elapsed_s: float
    rejected: dict[str, int]
    proposals: tuple[Proposal, ...]
    needle: str
    not_checked: tuple[str, ...]

"""What the search for access is asked, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from imaging.document import Document, Vector
from imaging.geometry import BoolArray, FloatArray, Grid, filled_block
from imaging.structures.model import SPINAL_CANAL, Structures
from imaging.volume import Volume
from planning.access.needles import Needle
from planning.access.posture import Position, Provisional
from planning.access.settings import AccessSettings, settings_with

DEFAULT_MARGIN_MM = 3.0  # contract of `osteoplan access`
CANAL = (SPINAL_CANAL, "spinal_cord")
NEAR_LESION_MM = 5.0  # margins do not apply inside the lesion and this near to it


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
    settings : AccessSettings
        Those of the table, or as the radiologist set them.
    targets_lps_mm : tuple of Vector
        Places to aim at; empty lets the search choose them.
    """

    volume: Volume
    lesion: BoolArray
    structures: Structures
    needle: Needle
    position: Position = Position.AUTO
    margins_mm: dict[str, float] = field(default_factory=dict)
    top: int = 5
    settings: AccessSettings = field(default_factory=settings_with)
    targets_lps_mm: tuple[Vector, ...] = ()

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

    @cached_property
    def lesion_lps_mm(self) -> FloatArray:
        """Voxel centres of the lesion, shape (n, 3)."""
        return _centres(self.lesion, self.volume.grid)

    @cached_property
    def canal_lps_mm(self) -> FloatArray:
        """Voxel centres of the spinal canal, shape (n, 3); n is 0 where it was not found."""
        return _centres(self.structures.mask(*CANAL), self.volume.grid)


def _centres(mask: BoolArray, grid: Grid) -> FloatArray:
    box = filled_block(mask)
    if box is None:
        return np.empty((0, 3))
    return grid.to_lps(np.argwhere(mask[box]) + [axis.start for axis in box])


class Crossing(Document):
    """A stretch of a way.

    Attributes
    ----------
    name : str
        Structure that it runs through; ``lesion``; ``outside`` the body; ``unlabelled`` where an
        imported label map names nothing.
    length_mm : float
        Its length.
    """

    name: str
    length_mm: float


class Hand(Document):
    """How a way bears the error of the hand.

    Attributes
    ----------
    angle_deg, offset_mm : float
        Standard deviations assumed.
    safe_fraction : float
        Needles that touch nothing forbidden, of those that land off.
    hit_fraction : float
        Needles that pass through the lesion.
    """

    angle_deg: float
    offset_mm: float
    safe_fraction: float
    hit_fraction: float


class TableFigures(Document):
    """What is read out at the table.

    Attributes
    ----------
    slice_z_mm : float
        Slice of the entry, LPS z.
    from_midline_mm : float or None
        Entry from the midline, positive to the patient's left; None where no spine shows it.
    reference : str
        Nearest landmark: ``iliac_crest_left``, ``spinous_process_L3`` …; empty when none is known.
    from_reference_mm : tuple of float or None
        Entry from it: to the left, to the head.
    depth_cm : float
        From the skin to the target.
    axial_angle_deg : float
        Needle in the axial plane from the vertical of the image, 0 to 180; 0 runs straight from
        back to front.
    axial_towards : str
        Side that the needle runs to in that plane: ``left``, ``right`` or ``straight``.
    tilt_deg : float
        Out of the axial plane, positive towards the head.
    """

    slice_z_mm: float
    from_midline_mm: float | None
    reference: str
    from_reference_mm: tuple[float, float] | None
    depth_cm: float
    axial_angle_deg: float
    axial_towards: str
    tilt_deg: float


class Proposal(Document):
    """One way in, found by the search or drawn by hand.

    Attributes
    ----------
    rank : int
        1 is the best; 0 was drawn by hand.
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
    crossed : tuple of Crossing
        What it runs through, in order.
    cortex_angle_deg : float or None
        Between the needle and the bone's surface where it meets it; None where it meets none.
    corridor : str
        ``transpedicular_left``, ``costovertebral_right`` …; empty for any other way.
    hand : Hand or None
        How it bears the error of the hand; None in plans of an earlier version.
    table : TableFigures or None
        What is read out at the table.
    positions : tuple of Position
        Positions of the patient in which its entry faces up or sideways.
    provisional : tuple of Provisional
        Why it does not count yet: ``posture``, ``posture_unknown``, ``breathing`` (the planning CT
        must be repeated), ``not_cleared`` (it runs through tissue that was not told apart).
    on_front : bool
        No other way is as good in everything and better in something.
    against : tuple of str
        Limits that it breaks; only a way drawn by hand may break any.
    overruled : str
        Why the radiologist takes it all the same.
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
    crossed: tuple[Crossing, ...] = ()
    cortex_angle_deg: float | None = None
    corridor: str = ""
    hand: Hand | None = None
    table: TableFigures | None = None
    positions: tuple[Position, ...] = ()
    provisional: tuple[Provisional, ...] = ()
    on_front: bool = False
    against: tuple[str, ...] = ()
    overruled: str = ""


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
    front : tuple of Proposal
        Further ways of which none other is better in everything; ranks go on from the proposals.
    assumed : tuple of str
        Structures that no CT shows and the search kept clear by assumption.
    """

    candidates: int
    feasible: int
    elapsed_s: float
    rejected: dict[str, int]
    proposals: tuple[Proposal, ...]
    needle: str
    not_checked: tuple[str, ...]
    front: tuple[Proposal, ...] = ()
    assumed: tuple[str, ...] = ()

    def ranked(self, rank: int | None) -> Proposal | None:
        """Return a way by its rank.

        Parameters
        ----------
        rank : int or None
            Of a proposal, or of a way of the front.

        Returns
        -------
        Proposal or None
            None when no way has it.
        """
        return next((one for one in (*self.proposals, *self.front) if one.rank == rank), None)

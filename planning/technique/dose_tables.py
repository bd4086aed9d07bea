"""The tables of the infiltration: bands, ceilings, corticosteroids, ampoules."""

from __future__ import annotations

from typing import Literal

from imaging.document import Document
from planning.technique.logic import Condition
from planning.technique.wording import Message


class Band(Document):
    """A range of lesion volume and the anaesthetic mixture it gets.

    Attributes
    ----------
    rule : str
        Id that states it.
    from_ml, to_ml : float
        Ends, mL; no end for the last.
    from_included, to_included : bool
        Whether the ends belong to it.
    anaesthetic_ml : float
        Mixture, mL.
    """

    rule: str
    from_ml: float
    from_included: bool
    to_ml: float | None
    to_included: bool
    anaesthetic_ml: float


class Ceiling(Document):
    """Greatest dose of a local anaesthetic.

    Attributes
    ----------
    id, source : str
        Name; whose ceiling it is.
    drug : str
        ``lidocaine`` or ``ropivacaine``.
    per_kg_mg, most_mg : float
        By weight, mg/kg; whatever the weight, mg.
    """

    id: str
    drug: Literal["lidocaine", "ropivacaine"]
    per_kg_mg: float
    most_mg: float | None
    source: str


class Steroid(Document):
    """A corticosteroid and its greatest dose.

    Attributes
    ----------
    id, rule, basis : str
        Name; id and words of what the ceiling rests on.
    particulate : bool
        True when it must not reach an artery of the cord.
    most : float
        In ``unit``.
    unit : str
        mL, mg or ampoule.
    """

    id: str
    particulate: bool
    most: float
    unit: str
    rule: str
    basis: str


class AmpouleRow(Document):
    """What a product is sold in.

    Attributes
    ----------
    product : str
        An anaesthetic, a corticosteroid or ``contrast``.
    strength : float
        In ``unit``; 0 where it does not matter.
    unit : str
        mg/mL.
    sizes_ml : tuple of float
        Of an ampoule or vial.
    source : str
        Where the sizes come from.
    """

    product: str
    strength: float
    unit: str
    sizes_ml: tuple[float, ...]
    source: str


class Doses(Document):
    """Everything the infiltration needs.

    Attributes
    ----------
    bands : tuple of Band
        A2 to A5.
    measurement_error_mm, same_volume_ml, same_fraction : float
        Error of a diameter; rounding of volumes and of fractions.
    needle_gauge : int
        G.
    contrast_ml : float
        Before the anaesthetic.
    mixture_lidocaine_percent : float
        Of the lidocaine in the document's mixture; another strength is told.
    least_ropivacaine_mg_ml : float
        A smaller figure is taken for a percentage, and nothing is weighed with it.
    skin_lidocaine_percent, mg_ml_per_percent : float
        Of the skin anaesthetic; mg/mL in 1 %.
    small_lesion_mm : float
        Shorter ones are asked whether they are centimetres.
    most_needles : int
        The dose is split over up to so many.
    ampoules : tuple of AmpouleRow
        What is opened.
    frail_factor, largest_fraction : float
        Lowers the ceilings; the sum of dose over ceiling stays at or below.
    ceilings : tuple of Ceiling
        The strictest of a drug decides.
    corticosteroids : tuple of Steroid
        Known ones.
    spine_steroid, peripheral_steroid, substitute_steroid : str
        Ids by region; where particles are refused.
    near_canal_when, particulate_refused_when, cortivazol_refused_when, near_spine_when : object
        Conditions.
    messages : tuple of Message
        What is said of doses.
    """

    bands: tuple[Band, ...]
    measurement_error_mm: float
    same_volume_ml: float
    small_lesion_mm: float
    most_needles: int
    ampoules: tuple[AmpouleRow, ...]
    needle_gauge: int
    contrast_ml: float
    mixture_lidocaine_percent: float
    least_ropivacaine_mg_ml: float
    skin_lidocaine_percent: float
    mg_ml_per_percent: float
    frail_factor: float
    ceilings: tuple[Ceiling, ...]
    largest_fraction: float
    same_fraction: float
    corticosteroids: tuple[Steroid, ...]
    spine_steroid: str
    peripheral_steroid: str
    substitute_steroid: str
    near_canal_when: Condition
    particulate_refused_when: Condition
    cortivazol_refused_when: Condition
    near_spine_when: Condition
    messages: tuple[Message, ...]

    def steroid(self, steroid_id: str) -> Steroid:
        """Return a corticosteroid's row.

        Parameters
        ----------
        steroid_id : str
            Of the table.

        Returns
        -------
        Steroid
            Its row.
        """
        return next(row for row in self.corticosteroids if row.id == steroid_id)

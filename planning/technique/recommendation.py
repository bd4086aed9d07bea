"""What the engine answers: verdict, ranked techniques, infiltration, scores, what is missing."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from imaging.document import Document
from planning.technique.answers import Technique
from planning.technique.scores import Score

Verdict = Literal["go", "stop", "insufficient"]
Status = Literal["recommended", "possible", "contraindicated", "insufficient"]


class TechniqueAdvice(Document):
    """What is said of one technique.

    Attributes
    ----------
    technique : str
        Judged.
    status : str
        See the contract.
    rank : int
        1 to 11.
    for_, against : tuple of str
        Ids of the rules that fired; ``for`` in JSON.
    adjuncts, notes : tuple of str
        In words, each with its rule's id.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    technique: Technique
    status: Status
    rank: int
    for_: tuple[str, ...] = Field(alias="for")
    against: tuple[str, ...]
    adjuncts: tuple[str, ...]
    notes: tuple[str, ...]


class SteroidMaximum(Document):
    """Greatest dose of the corticosteroid.

    Attributes
    ----------
    value : float or None
        None without a corticosteroid.
    unit : str or None
        mL, mg or ampoule.
    basis : str or None
        What it rests on.
    """

    value: float | None
    unit: str | None
    basis: str | None


class Infiltration(Document):
    """Products of the infiltration.

    Attributes
    ----------
    verdict : str
        ``go``; ``stop``; ``insufficient`` also when the physician chooses the volume.
    volume_ml : float or None
        Of the lesion by A1.
    band_ml : float or None
        What A2 to A5 say; None at 20.0, and without diameters.
    anaesthetic_ml : float or None
        Proposed; None when undetermined or stopped.
    anaesthetic_choices_ml : tuple of float
        Doses to choose from, none above the ceilings.
    max_permitted_ml : float or None
        Largest volume of mixture below the ceilings.
    lidocaine_mg, ropivacaine_mg, fraction_of_maximum : float or None
        Of ``band_ml``, skin anaesthetic included.
    corticosteroid : str or None
        ``none`` when contraindicated, None when unknown.
    corticosteroid_max : SteroidMaximum
        Its ceiling.
    contrast_ml : float
        Before the anaesthetic.
    needle_gauge : int
        G.
    rules : tuple of str
        Ids that decided.
    """

    verdict: Verdict
    volume_ml: float | None
    band_ml: float | None
    anaesthetic_ml: float | None
    anaesthetic_choices_ml: tuple[float, ...]
    max_permitted_ml: float | None
    lidocaine_mg: float | None
    ropivacaine_mg: float | None
    fraction_of_maximum: float | None
    corticosteroid: Literal["cortivazol", "triamcinolone_acetonide", "dexamethasone", "none"] | None
    corticosteroid_max: SteroidMaximum
    contrast_ml: float
    needle_gauge: int
    rules: tuple[str, ...]


class ScoreCard(Document):
    """Scores.

    Attributes
    ----------
    sins, mirels : Score or None
        None when it does not apply or an item is unknown.
    """

    sins: Score | None
    mirels: Score | None


class Warned(Document):
    """Something the physician must see.

    Attributes
    ----------
    code : str
        Stable word for programs.
    rules : tuple of str
        Ids it rests on.
    message : str
        For people.
    """

    code: str
    rules: tuple[str, ...]
    message: str


class Recommendation(Document):
    """The answer of ``osteoplan recommend``.

    Attributes
    ----------
    verdict : str
        Of the percutaneous treatment.
    techniques : tuple of TechniqueAdvice
        All eleven, ranked.
    infiltration : Infiltration
        Products.
    scores : ScoreCard
        SINS and Mirels.
    missing : tuple of str
        Answers that could change something, dotted for nested keys.
    warnings : tuple of Warned
        In the order of the rules.
    rules : tuple of str
        Every id that fired.
    """

    verdict: Verdict
    techniques: tuple[TechniqueAdvice, ...]
    infiltration: Infiltration
    scores: ScoreCard
    missing: tuple[str, ...]
    warnings: tuple[Warned, ...]
    rules: tuple[str, ...]

    def advice(self, technique: str) -> TechniqueAdvice:
        """Return what is said of a technique.

        Parameters
        ----------
        technique : str
            One of the eleven.

        Returns
        -------
        TechniqueAdvice
            Its row.
        """
        return next(row for row in self.techniques if row.technique == technique)

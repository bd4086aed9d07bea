"""What the engine answers: verdict, ranked techniques, infiltration, scores, what is missing."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from imaging.document import Document
from planning.technique.ampoules import Split, Supply
from planning.technique.answers import LimitPassed, Technique
from planning.technique.scores import Grade, OpenScore, Saying, Score

Verdict = Literal["go", "stop", "insufficient"]
Status = Literal["recommended", "possible", "contraindicated", "insufficient"]


class Reported(Document):
    """What the sources report of a technique.

    Attributes
    ----------
    text : str
        In words.
    rule : str or None
        Id; None where nothing is published here.
    count, of : int or None
        Events among how many, where the source prints both.
    percent : float or None
        Of them.
    interval_percent : tuple of float or None
        Exact 95 % interval; None where the source gives no counts.
    """

    text: str
    rule: str | None
    count: int | None = None
    of: int | None = None
    percent: float | None = None
    interval_percent: tuple[float, float] | None = None


class SimulatedZone(Document):
    """What the simulation says of a technique; the best of its zones.

    Attributes
    ----------
    coverage_percent, min_margin_mm : float or None
        Share of the lesion inside the lethal isotherm; smallest distance from border to isotherm.
    limits_passed : tuple of LimitPassed or None
        None while something that matters was not checked.
    covers_and_spares_cord : bool or None
        False when it cannot cover the lesion without passing the limit of the cord.
    text : str
        The same in words.
    """

    coverage_percent: float | None
    min_margin_mm: float | None
    limits_passed: tuple[LimitPassed, ...] | None
    covers_and_spares_cord: bool | None
    text: str


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
    contraindications : tuple of str
        Gates that are closed, or open and unanswered, in words with ids.
    outcome, complications : tuple of Reported
        As the sources report them.
    preparation, procedure, aftercare : tuple of str
        In words with ids; the procedure in its order.
    disagreements : tuple of str
        Where the documents disagree or are wrong, in words with ids.
    simulation : SimulatedZone or None
        None when it was not simulated.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    technique: Technique
    status: Status
    rank: int
    for_: tuple[str, ...] = Field(alias="for")
    against: tuple[str, ...]
    adjuncts: tuple[str, ...]
    notes: tuple[str, ...]
    contraindications: tuple[str, ...] = ()
    outcome: tuple[Reported, ...] = ()
    complications: tuple[Reported, ...] = ()
    preparation: tuple[str, ...] = ()
    procedure: tuple[str, ...] = ()
    aftercare: tuple[str, ...] = ()
    disagreements: tuple[str, ...] = ()
    simulation: SimulatedZone | None = None


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
        What the physician entered, else what is proposed; None when undetermined or stopped.
    anaesthetic_choices_ml : tuple of float
        Doses to choose from, none above the ceilings.
    max_permitted_ml : float or None
        Largest volume of mixture below the ceilings.
    lidocaine_mg, ropivacaine_mg, fraction_of_maximum : float or None
        Of what the physician entered, else of ``band_ml``; skin anaesthetic included.
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
    split : tuple of Split
        The dose shared among needles.
    supplies : tuple of Supply
        What is opened.
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
    split: tuple[Split, ...] = ()
    supplies: tuple[Supply, ...] = ()


class ScoreCard(Document):
    """Scores.

    Attributes
    ----------
    sins, mirels : Score or None
        None when it does not apply or an item is unknown.
    escc : Grade or None
        None while nobody graded it.
    sins_said, mirels_said : Saying or None
        What the scores say.
    sins_open, mirels_open : OpenScore or None
        What is known of a score that lacks items.
    """

    sins: Score | None
    mirels: Score | None
    escc: Grade | None = None
    sins_said: Saying | None = None
    mirels_said: Saying | None = None
    sins_open: OpenScore | None = None
    mirels_open: OpenScore | None = None


class Influence(Document):
    """What a missing answer could change.

    Attributes
    ----------
    key : str
        Of the answers, dotted for nested keys.
    techniques : tuple of str
        Whose status it could change.
    verdict, dose : bool
        Whether it could stop everything; whether the dose or its ceiling waits for it.
    weight : float
        How much that is, in techniques whose status changes.
    """

    key: str
    techniques: tuple[Technique, ...]
    verdict: bool
    dose: bool
    weight: float


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
        Answers that could change something, the one that could change most first; dotted for
        nested keys.
    warnings : tuple of Warned
        In the order of the rules.
    rules : tuple of str
        Every id that fired.
    influences : tuple of Influence
        What each missing answer could change, in the same order.
    disagreements : tuple of str
        Of the documents, that concern no single technique; in words with ids.
    tables_version : str
        Of the tables that were used; empty in plans from before it was kept.
    """

    verdict: Verdict
    techniques: tuple[TechniqueAdvice, ...]
    infiltration: Infiltration
    scores: ScoreCard
    missing: tuple[str, ...]
    warnings: tuple[Warned, ...]
    rules: tuple[str, ...]
    influences: tuple[Influence, ...] = ()
    disagreements: tuple[str, ...] = ()
    tables_version: str = ""

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

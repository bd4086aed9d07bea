"""Volumes, milligrams and corticosteroid of the infiltration (A1 to A11, B1 to B4, B21)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from planning.technique.answers import AnaestheticMixture, Answers
from planning.technique.logic import Condition, Fact, Facts, Limits, Verdict, evaluate
from planning.technique.tables import Band, Ceiling, Doses, Steroid

MM3_PER_ML = 1000.0
PER_CENT_MIXTURE = ("lidocaine_percent", "ropivacaine_mg_ml", "lidocaine_fraction")


@dataclass(frozen=True)
class Saying:
    """A message of the table and the figures it shows.

    Parameters
    ----------
    code : str
        Of the table.
    figures : mapping
        What its places hold.
    """

    code: str
    figures: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Milligrams:
    """What a volume of mixture holds, and how it stands to the ceilings.

    Parameters
    ----------
    lidocaine_mg, ropivacaine_mg : float or None
        With the skin anaesthetic; None when unknown.
    fraction : float or None
        Sum of dose over ceiling; None when unknown.
    low, high : float
        Bounds of the fraction, whatever the unknown answers are.
    """

    lidocaine_mg: float | None
    ropivacaine_mg: float | None
    fraction: float | None
    low: float
    high: float


@dataclass(frozen=True)
class Corticosteroid:
    """The corticosteroid of the site.

    Parameters
    ----------
    name : str or None
        Of the table, ``none`` when it is contraindicated, None when unknown.
    row : Steroid or None
        Its row.
    rules : tuple of str
        Ids that decided.
    needs : tuple of str
        Answers that would settle it.
    sayings : tuple of Saying
        What is said.
    """

    name: str | None
    row: Steroid | None = None
    rules: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    sayings: tuple[Saying, ...] = ()


@dataclass(frozen=True)
class Dosing:
    """Doses before it is known whether the infiltration is done.

    Parameters
    ----------
    volume_ml : float or None
        By A1.
    band_ml : float or None
        By A2 to A5; None at 20.0 and without a volume.
    choices_ml : tuple of float
        When more than one dose is possible.
    near_canal : bool
        The physician enters the volume (B21).
    milligrams : Milligrams or None
        Of the band; None without a band.
    most_ml : float or None
        Largest volume below the ceilings.
    above_ceiling : Fact
        Whether the smallest dose passes the ceilings.
    corticosteroid : Corticosteroid
        Of the site.
    rules, needs : tuple of str
        Ids that decided; answers still lacking.
    sayings : tuple of Saying
        What is said.
    """

    volume_ml: float | None
    band_ml: float | None
    choices_ml: tuple[float, ...]
    near_canal: bool
    milligrams: Milligrams | None
    most_ml: float | None
    above_ceiling: Fact
    corticosteroid: Corticosteroid
    rules: tuple[str, ...]
    needs: tuple[str, ...]
    sayings: tuple[Saying, ...]


def formula_volume_ml(length_mm: float, width_mm: float) -> float:
    """Return the volume by A1, V = L × W² / 2.

    Parameters
    ----------
    length_mm, width_mm : float
        Greatest diameter, and the one perpendicular to it.

    Returns
    -------
    float
        mL.
    """
    return length_mm * width_mm**2 / 2 / MM3_PER_ML


def bands_of(volume_ml: float, table: Doses) -> tuple[Band, ...]:
    """Return the bands a volume belongs to; 20.0 mL belongs to two (A6).

    Parameters
    ----------
    volume_ml : float
        By A1.
    table : Doses
        Bands.

    Returns
    -------
    tuple of Band
        One or two; none for a volume of zero.
    """
    return tuple(band for band in table.bands if _within(volume_ml, band, table.same_volume_ml))


def _within(volume_ml: float, band: Band, same_ml: float) -> bool:
    if abs(volume_ml - band.from_ml) <= same_ml:
        return band.from_included
    if band.to_ml is not None and abs(volume_ml - band.to_ml) <= same_ml:
        return band.to_included
    return volume_ml > band.from_ml and (band.to_ml is None or volume_ml < band.to_ml)


def dose(answers: Answers, facts: Facts, limits: Limits, table: Doses) -> Dosing:
    """Work out the doses.

    Parameters
    ----------
    answers : Answers
        Diameters, weight, mixture.
    facts : mapping of str to Fact
        Region, foramen, epidural extent …
    limits : mapping of str to float
        That conditions name.
    table : Doses
        Bands, ceilings, corticosteroids.

    Returns
    -------
    Dosing
        With what is lacking.
    """
    length, width = answers.lesion_length_mm, answers.lesion_width_mm
    volume = None if length is None or width is None else formula_volume_ml(length, width)
    bands = () if volume is None else bands_of(volume, table)
    band_ml = bands[0].anaesthetic_ml if len(bands) == 1 else None
    anaesthetics = Anaesthetics.of(answers, table)
    possible = [band.anaesthetic_ml for band in bands or table.bands]
    near = near_canal(facts, limits, table)
    steroid = corticosteroid(facts, limits, table)
    choices, sayings = _choices(answers, volume, bands, table)
    most = anaesthetics.most_ml()
    same = 1.0 + table.same_fraction
    allowed = tuple(n for n in choices if most is None or n <= most * same)
    if allowed != choices and allowed:
        sayings.append(Saying("ceiling_limits_choice", {"most": most}))
    milligrams = None if band_ml is None else anaesthetics.milligrams(band_ml)
    if milligrams is not None:
        sayings += anaesthetics.sayings(band_ml or 0.0, milligrams)
    if near:
        sayings.append(Saying("near_canal"))
    if volume is not None:
        sayings.append(Saying("per_lesion_or_needle"))
    fired = ["A1", *(band.rule for band in bands)] if bands else []
    fired += [rule for rule, on in (("A6", choices), ("B21", near), ("B1", most is not None)) if on]
    lengths = (("lesion_length_mm", length), ("lesion_width_mm", width))
    return Dosing(
        volume_ml=volume,
        band_ml=band_ml,
        choices_ml=allowed,
        near_canal=near,
        milligrams=milligrams,
        most_ml=most,
        above_ceiling=anaesthetics.above_ceiling(min(possible), max(possible), bool(bands)),
        corticosteroid=steroid,
        rules=tuple(dict.fromkeys([*fired, "A7", "A10", "A11", *steroid.rules])),
        needs=(
            *(key for key, value in lengths if value is None),
            *anaesthetics.needs,
            *steroid.needs,
        ),
        sayings=(*sayings, *steroid.sayings),
    )


def near_canal(facts: Facts, limits: Limits, table: Doses) -> bool:
    """Tell whether the dose may reach the epidural space, or nobody knows (B21).

    Parameters
    ----------
    facts : mapping of str to Fact
        Region, posterior wall, ESCC, foramen.
    limits : mapping of str to float
        That conditions name.
    table : Doses
        With the condition.

    Returns
    -------
    bool
        True in the spine unless every sign is known to be absent.
    """
    if facts["region"].value != "spine":
        return False
    return evaluate(table.near_canal_when, facts, limits).truth is not False


def corticosteroid(facts: Facts, limits: Limits, table: Doses) -> Corticosteroid:
    """Choose the corticosteroid by region (A8), site (B4) and haemostasis (B2).

    Parameters
    ----------
    facts : mapping of str to Fact
        Region, segment, foramen, operations, haemostasis.
    limits : mapping of str to float
        That conditions name.
    table : Doses
        Corticosteroids and their conditions.

    Returns
    -------
    Corticosteroid
        With what is lacking.
    """
    region = facts["region"]
    if region.value is None:
        return Corticosteroid(None, needs=region.needs)
    peripheral = region.value == "peripheral"
    row = table.steroid(table.peripheral_steroid if peripheral else table.spine_steroid)
    refused = _refused(row.particulate, table.particulate_refused_when, facts, limits)
    if refused.truth:
        row = table.steroid(table.substitute_steroid)
        return Corticosteroid(row.id, row, ("A8", "B4", row.rule), (), _said("particulate_refused"))
    if refused.truth is not None:
        of_spine = row.id == table.spine_steroid
        refused = _refused(of_spine, table.cortivazol_refused_when, facts, limits)
    if refused.truth is None:
        return Corticosteroid(None, rules=("A8",), needs=refused.needs)
    if refused.truth:
        return Corticosteroid("none", None, ("A8", "B2"), (), _said("cortivazol_refused"))
    code = "triamcinolone_salt" if peripheral else "steroid_stricter_than_source"
    return Corticosteroid(row.id, row, ("A8", "A9", row.rule), (), _said(code))


def _refused(concerned: bool, condition: Condition, facts: Facts, limits: Limits) -> Verdict:
    return evaluate(condition, facts, limits) if concerned else Verdict(False)


def _said(code: str) -> tuple[Saying, ...]:
    return (Saying(code),)


def _choices(
    answers: Answers, volume_ml: float | None, bands: tuple[Band, ...], table: Doses
) -> tuple[tuple[float, ...], list[Saying]]:
    """Return the doses to choose from where more than one is possible, and why."""
    length, width = answers.lesion_length_mm, answers.lesion_width_mm
    if volume_ml is None or length is None or width is None:
        return (), []
    sayings = [Saying("volume_20")] if len(bands) > 1 else []
    error = table.measurement_error_mm
    smallest = formula_volume_ml(max(length - error, 0.0), max(width - error, 0.0))
    reached = _bands_between(smallest, formula_volume_ml(length + error, width + error), table)
    doses = {band.anaesthetic_ml for band in reached}
    crosses = len(doses) > 1
    segmented = answers.lesion_volume_ml
    if segmented is not None:
        others = bands_of(segmented, table)
        doses |= {band.anaesthetic_ml for band in others}
        if others != bands:
            both = {"volume": volume_ml, "segmented": segmented}
            sayings.append(Saying("volume_definitions_differ", both))
    choices = tuple(sorted(doses))
    if crosses and len(bands) == 1:
        told = " / ".join(f"{band.anaesthetic_ml:g}" for band in reached)
        figures = {"error": error, "volume": volume_ml, "choices": told}
        sayings.append(Saying("volume_edge", figures))
    return (choices if len(choices) > 1 else ()), sayings


def _bands_between(low_ml: float, high_ml: float, table: Doses) -> list[Band]:
    """Return every band that volumes from low to high may fall in."""
    ends = {*bands_of(low_ml, table), *bands_of(high_ml, table)}
    if low_ml <= 0:
        ends.add(table.bands[0])
    between = (b for b in table.bands if low_ml < b.from_ml < high_ml or b in ends)
    return list(between)


@dataclass(frozen=True)
class Anaesthetics:
    """What the mixture, the skin anaesthetic and the patient's weight make of a volume.

    Parameters
    ----------
    answers : Answers
        Weight, frailty.
    table : Doses
        Ceilings.
    lidocaine_mg_ml, ropivacaine_mg_ml : float or None
        In the mixture.
    skin_mg : float or None
        Lidocaine of the skin anaesthetic.
    needs : tuple of str
        Answers that are lacking.
    """

    answers: Answers
    table: Doses
    lidocaine_mg_ml: float | None
    ropivacaine_mg_ml: float | None
    skin_mg: float | None
    needs: tuple[str, ...]

    @classmethod
    def of(cls, answers: Answers, table: Doses) -> Anaesthetics:
        """Read them from the answers.

        Parameters
        ----------
        answers : Answers
            Mixture, skin anaesthetic, weight.
        table : Doses
            Concentration of the skin anaesthetic.

        Returns
        -------
        Anaesthetics
            With what is lacking.
        """
        mixture = answers.anaesthetic_mixture or AnaestheticMixture()
        share = mixture.lidocaine_fraction
        percent, ropivacaine = mixture.lidocaine_percent, mixture.ropivacaine_mg_ml
        needs = [name for name in PER_CENT_MIXTURE if getattr(mixture, name) is None]
        unused = {1.0: "ropivacaine_mg_ml", 0.0: "lidocaine_percent"}.get(
            -1.0 if share is None else share
        )
        keys = [f"anaesthetic_mixture.{name}" for name in needs if name != unused]
        others = ("weight_kg", "skin_lidocaine_ml", "frail")
        keys += [key for key in others if getattr(answers, key) is None]
        skin = answers.skin_lidocaine_ml
        return cls(
            answers=answers,
            table=table,
            lidocaine_mg_ml=_times(
                share, None if percent is None else percent * table.mg_ml_per_percent
            ),
            ropivacaine_mg_ml=_times(None if share is None else 1.0 - share, ropivacaine),
            skin_mg=_times(skin, table.skin_lidocaine_percent * table.mg_ml_per_percent),
            needs=tuple(keys),
        )

    def ceiling_mg(
        self, drug: str, only: str | None = None, *, frail: bool = False
    ) -> float | None:
        """Return the strictest ceiling of a drug, or the one named.

        Parameters
        ----------
        drug : str
            ``lidocaine`` or ``ropivacaine``.
        only : str or None
            Id of a ceiling.
        frail : bool
            Lowered for a frail patient.

        Returns
        -------
        float or None
            mg; None without a weight.
        """
        weight = self.answers.weight_kg
        if weight is None:
            return None
        rows = [row for row in self.table.ceilings if row.drug == drug and only in (None, row.id)]
        factor = self.table.frail_factor if frail else 1.0
        return factor * min(_ceiling(row, weight) for row in rows)

    def fraction(
        self, volume_ml: float, only: str | None = None, *, frail: bool = False
    ) -> float | None:
        """Return the sum of dose over ceiling, skin anaesthetic included.

        Parameters
        ----------
        volume_ml : float
            Of mixture.
        only : str or None
            Id of a ceiling of lidocaine; None takes the strictest.
        frail : bool
            Lowered ceilings.

        Returns
        -------
        float or None
            None when an answer is lacking.
        """
        lidocaine, ropivacaine, skin = self.lidocaine_mg_ml, self.ropivacaine_mg_ml, self.skin_mg
        first = self.ceiling_mg("lidocaine", only, frail=frail)
        second = self.ceiling_mg("ropivacaine", frail=frail)
        if (
            lidocaine is None
            or ropivacaine is None
            or skin is None
            or first is None
            or second is None
        ):
            return None
        return (lidocaine * volume_ml + skin) / first + ropivacaine * volume_ml / second

    def _least(self, volume_ml: float) -> float:
        """Return the fraction of what is known alone."""
        first, second = self.ceiling_mg("lidocaine"), self.ceiling_mg("ropivacaine")
        if first is None or second is None:
            return 0.0
        frail = self.table.frail_factor if self.answers.frail else 1.0
        known = ((self.lidocaine_mg_ml or 0.0) * volume_ml + (self.skin_mg or 0.0)) / first
        return (known + (self.ropivacaine_mg_ml or 0.0) * volume_ml / second) / frail

    def milligrams(self, volume_ml: float) -> Milligrams:
        """Return what a volume holds.

        Parameters
        ----------
        volume_ml : float
            Of mixture.

        Returns
        -------
        Milligrams
            Unknown frailty shows the fraction of a patient who is not frail, and its upper bound.
        """
        fraction = self.fraction(volume_ml, frail=bool(self.answers.frail))
        worst = self.fraction(volume_ml, frail=self.answers.frail is not False)
        lidocaine = _times(self.lidocaine_mg_ml, volume_ml)
        with_skin = None if lidocaine is None or self.skin_mg is None else lidocaine + self.skin_mg
        return Milligrams(
            lidocaine_mg=with_skin,
            ropivacaine_mg=_times(self.ropivacaine_mg_ml, volume_ml),
            fraction=fraction,
            low=self._least(volume_ml),
            high=math.inf if worst is None else worst,
        )

    def above_ceiling(self, least_ml: float, most_ml: float, known_volume: bool) -> Fact:
        """Tell whether the smallest dose passes the ceilings.

        Parameters
        ----------
        least_ml, most_ml : float
            Smallest and largest dose that the lesion may get.
        known_volume : bool
            False when the lesion was not measured.

        Returns
        -------
        Fact
            Unknown when an answer that is lacking may decide it.
        """
        limit = self.table.largest_fraction + self.table.same_fraction
        if self.milligrams(least_ml).low > limit:
            return Fact(True)
        if self.milligrams(least_ml if known_volume else most_ml).high <= limit:
            return Fact(False)
        lengths = () if known_volume else ("lesion_length_mm", "lesion_width_mm")
        return Fact(None, (*lengths, *self.needs))

    def most_ml(self, *, frail: bool | None = None) -> float | None:
        """Return the largest volume of mixture below the ceilings.

        Parameters
        ----------
        frail : bool or None
            None takes the answer; unknown counts as not frail and is said.

        Returns
        -------
        float or None
            mL, at least 0; None when an answer is lacking.
        """
        lowered = bool(self.answers.frail) if frail is None else frail
        skin, with_one = self.fraction(0.0, frail=lowered), self.fraction(1.0, frail=lowered)
        if skin is None or with_one is None:
            return None
        return max(0.0, (self.table.largest_fraction - skin) / (with_one - skin))

    def sayings(self, volume_ml: float, milligrams: Milligrams) -> list[Saying]:
        """Return what is said of a dose.

        Parameters
        ----------
        volume_ml : float
            Of mixture.
        milligrams : Milligrams
            What it holds.

        Returns
        -------
        list of Saying
            Ceilings passed, the US label beside, what is unknown.
        """
        if milligrams.fraction is None:
            return [Saying("milligrams_unknown")]
        figures = {
            "dose": volume_ml,
            "fraction": milligrams.fraction,
            "us": self.fraction(volume_ml, "us_label", frail=bool(self.answers.frail)),
            "most": self.most_ml(),
        }
        passed = milligrams.fraction > self.table.largest_fraction + self.table.same_fraction
        said = [Saying("dose_above_ceiling" if passed else "dose_us_label", figures)]
        if self.answers.frail is None:
            frail = {"frail": milligrams.high, "frail_most": self.most_ml(frail=True)}
            said.append(Saying("frailty_unknown", frail))
        return said


def _ceiling(row: Ceiling, weight_kg: float) -> float:
    by_weight = row.per_kg_mg * weight_kg
    return by_weight if row.most_mg is None else min(by_weight, row.most_mg)


def _times(first: float | None, second: float | None) -> float | None:
    """Multiply; zero of anything is zero even when the other is unknown."""
    if first == 0 or second == 0:
        return 0.0
    return None if first is None or second is None else first * second

"""Volumes, milligrams and corticosteroid of the infiltration (A1 to A11, B1 to B4, B21)."""

from __future__ import annotations

from dataclasses import dataclass

from planning.technique.anaesthetics import Anaesthetics, Milligrams, Saying
from planning.technique.answers import Answers
from planning.technique.dose_tables import Band, Doses, Steroid
from planning.technique.logic import Condition, Fact, Facts, Limits, Verdict, evaluate

MM3_PER_ML = 1000.0
UNNAMED_BONE = "other"  # tells nothing about the region


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
    chosen_ml : float or None
        What the physician entered.
    milligrams : Milligrams or None
        Of what the physician entered, else of the band; None without either.
    most_ml : float or None
        Largest volume below the ceilings.
    above_ceiling, strength_doubtful : Fact
        Whether the smallest dose passes the ceilings; whether the strength of the ropivacaine
        looks like a percentage.
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
    chosen_ml: float | None
    milligrams: Milligrams | None
    most_ml: float | None
    above_ceiling: Fact
    strength_doubtful: Fact
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
    most = anaesthetics.most_ml()
    chosen = answers.chosen_anaesthetic_ml
    possible = [band.anaesthetic_ml for band in bands or table.bands]
    if chosen is not None:
        possible = [chosen]
    choices, sayings = _choices(answers, volume, bands, table)
    same = 1.0 + table.same_fraction
    allowed = tuple(n for n in choices if most is None or n <= most * same)
    if allowed != choices and allowed:
        sayings.append(Saying("ceiling_limits_choice", {"most": most}))
    near = near_canal(facts, limits, table)
    steroid = corticosteroid(facts, limits, table)
    weighed_ml = band_ml if chosen is None else chosen
    milligrams = None if weighed_ml is None else anaesthetics.milligrams(weighed_ml)
    doubtful = anaesthetics.doubtful_mg_ml
    if doubtful is not None:
        milligrams = None
        read = doubtful * table.mg_ml_per_percent
        sayings.append(Saying("ropivacaine_strength", {"given": doubtful, "read": read}))
    if weighed_ml is not None and milligrams is not None:
        sayings += anaesthetics.sayings(weighed_ml, milligrams)
    if chosen is not None and chosen != band_ml:
        band = " / ".join(f"{row.anaesthetic_ml:g}" for row in bands) or "?"
        sayings.append(Saying("volume_chosen", {"chosen": chosen, "band": band}))
    given = answers.anaesthetic_mixture.lidocaine_percent if answers.anaesthetic_mixture else None
    if given is not None and given != table.mixture_lidocaine_percent:
        sayings.append(Saying("lidocaine_strength", {"given": given}))
    if length is not None and length < table.small_lesion_mm:
        known = " × ".join(f"{n:g}" for n in (length, width) if n is not None)
        sayings.append(Saying("small_lesion", {"lengths": known}))
    sayings += _cautions(answers, facts, limits, near=near, measured=volume is not None)
    lengths = (("lesion_length_mm", length), ("lesion_width_mm", width))
    lacking = [key for key, value in lengths if value is None]
    lacking += ["region"] if region_assumed(answers) else []
    return Dosing(
        volume_ml=volume,
        band_ml=band_ml,
        choices_ml=allowed,
        near_canal=near,
        chosen_ml=chosen,
        milligrams=milligrams,
        most_ml=most,
        above_ceiling=anaesthetics.above_ceiling(
            min(possible), max(possible), bool(bands) or chosen is not None
        ),
        strength_doubtful=Fact(doubtful is not None),
        corticosteroid=steroid,
        rules=_fired(bands, steroid, choices=bool(choices), near=near, weighed=most is not None),
        needs=(*lacking, *anaesthetics.needs, *steroid.needs),
        sayings=(*sayings, *steroid.sayings),
    )


def _fired(
    bands: tuple[Band, ...], steroid: Corticosteroid, *, choices: bool, near: bool, weighed: bool
) -> tuple[str, ...]:
    """Return the ids that decided the doses."""
    ids = ["A1", *(band.rule for band in bands)] if bands else []
    ids += [rule for rule, on in (("A6", choices), ("B21", near), ("B1", weighed)) if on]
    return tuple(dict.fromkeys([*ids, "A7", "A10", "A11", *steroid.rules]))


def _cautions(
    answers: Answers, facts: Facts, limits: Limits, *, near: bool, measured: bool
) -> list[Saying]:
    """Return what is said beside the dose: the canal, the setting of nearness, the procedure."""
    found = [Saying("near_canal")] if near else []
    derived = answers.region is None and facts["region"].value is not None
    if derived and facts["region_by_distance"].value:
        found.append(Saying("near_spine_setting", {"limit": limits["near_spine_mm"]}))
    if region_assumed(answers):
        found.append(Saying("region_assumed"))
    if measured:
        found.append(Saying("per_lesion_or_needle"))
    return found


def region_assumed(answers: Answers) -> bool:
    """Tell whether the region is peripheral only because the bone says nothing (A8).

    Parameters
    ----------
    answers : Answers
        Bone, region.

    Returns
    -------
    bool
        True for an unnamed bone without a region.
    """
    return answers.bone == UNNAMED_BONE and answers.region is None


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
        True in the spine unless every sign is known to be absent; near the spine where one of them
        is known to be present.
    """
    truth = evaluate(table.near_canal_when, facts, limits).truth
    if facts["region"].value == "near_spine":
        return truth is True
    return facts["region"].value == "spine" and truth is not False


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

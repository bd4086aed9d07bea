"""Milligrams of local anaesthetic against their ceilings, skin anaesthetic included (B1)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from planning.technique.answers import AnaestheticMixture, Answers
from planning.technique.dose_tables import Ceiling, Doses
from planning.technique.logic import Fact

MIXTURE = ("lidocaine_percent", "ropivacaine_mg_ml", "lidocaine_fraction")


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
        needs = [name for name in MIXTURE if getattr(mixture, name) is None]
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

    @property
    def doubtful_mg_ml(self) -> float | None:
        """Strength of the ropivacaine where it looks like a percentage; None otherwise."""
        given = (self.answers.anaesthetic_mixture or AnaestheticMixture()).ropivacaine_mg_ml
        return given if given is not None and given < self.table.least_ropivacaine_mg_ml else None

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

"""What is drawn up for an infiltration: the dose split over needles, and ampoules to open."""

from __future__ import annotations

import math
from collections.abc import Iterator

from imaging.document import Document
from planning.technique.answers import AnaestheticMixture, Answers
from planning.technique.dose_tables import AmpouleRow, Doses, Steroid

SAME_ML = 1.0e-9  # rounding: a need this little above an ampoule's content is met by it


class Split(Document):
    """The anaesthetic of a procedure, shared evenly among needles.

    Attributes
    ----------
    needles : int
        How many.
    anaesthetic_ml : float
        For each of them.
    """

    needles: int
    anaesthetic_ml: float


class Opened(Document):
    """Ampoules of one size.

    Attributes
    ----------
    size_ml : float
        Of one of them.
    count : int
        How many are opened.
    """

    size_ml: float
    count: int


class Supply(Document):
    """A product and what is opened for it.

    Attributes
    ----------
    product : str
        An anaesthetic, a corticosteroid or ``contrast``.
    strength : float or None
        In ``unit``; None where it does not matter.
    unit : str
        mg/mL.
    needed_ml : float
        Of the product; with the skin anaesthetic for lidocaine of that strength.
    is_ceiling : bool
        True where only the greatest dose is known: at most so many are opened.
    opened : tuple of Opened
        Least waste, then fewest; empty when the table knows no ampoule of that strength.
    source : str or None
        Where the sizes come from.
    """

    product: str
    strength: float | None
    unit: str
    needed_ml: float
    is_ceiling: bool
    opened: tuple[Opened, ...]
    source: str | None


def split(anaesthetic_ml: float, needles: int | None, table: Doses) -> tuple[Split, ...]:
    """Share a dose among needles (A15).

    Parameters
    ----------
    anaesthetic_ml : float
        Of the procedure.
    needles : int or None
        As planned; None shows every number up to the greatest of the table.
    table : Doses
        With that number.

    Returns
    -------
    tuple of Split
        One, or one for each number.
    """
    numbers = range(1, table.most_needles + 1) if needles is None else (needles,)
    return tuple(Split(needles=n, anaesthetic_ml=anaesthetic_ml / n) for n in numbers)


def supplies(
    answers: Answers, anaesthetic_ml: float | None, steroid: Steroid | None, table: Doses
) -> tuple[Supply, ...]:
    """Return what is opened for an infiltration.

    Parameters
    ----------
    answers : Answers
        Mixture, skin anaesthetic.
    anaesthetic_ml : float or None
        Of mixture; None while nobody decided it.
    steroid : Steroid or None
        Of the site.
    table : Doses
        Ampoules.

    Returns
    -------
    tuple of Supply
        Products whose volume is known; nothing is said of the others.
    """
    found = [_supply("contrast", 0.0, table.contrast_ml, table)]
    for (product, strength), need_ml in _anaesthetics(answers, anaesthetic_ml, table).items():
        found.append(_supply(product, strength, need_ml, table))
    if steroid is not None:
        row = next((row for row in table.ampoules if row.product == steroid.id), None)
        if row is not None:
            need_ml = _steroid_ml(steroid, row)
            found.append(_supply(row.product, row.strength, need_ml, table, is_ceiling=True))
    return tuple(found)


def _anaesthetics(
    answers: Answers, anaesthetic_ml: float | None, table: Doses
) -> dict[tuple[str, float], float]:
    """Return mL by product and strength; lidocaine of one strength is drawn from one ampoule."""
    mixture = answers.anaesthetic_mixture or AnaestheticMixture()
    share = mixture.lidocaine_fraction
    need: dict[tuple[str, float], float] = {}

    def add(product: str, strength: float | None, need_ml: float) -> None:
        if strength is not None and need_ml > 0:
            key = (product, strength)
            need[key] = need.get(key, 0.0) + need_ml

    per_percent = table.mg_ml_per_percent
    if anaesthetic_ml is not None and share is not None:
        percent = mixture.lidocaine_percent
        strength = None if percent is None else percent * per_percent
        add("lidocaine", strength, share * anaesthetic_ml)
        add("ropivacaine", mixture.ropivacaine_mg_ml, (1.0 - share) * anaesthetic_ml)
    skin_strength = table.skin_lidocaine_percent * per_percent
    add("lidocaine", skin_strength, answers.skin_lidocaine_ml or 0.0)
    return need


def _steroid_ml(steroid: Steroid, row: AmpouleRow) -> float:
    if steroid.unit == "mL":
        return steroid.most
    return (
        steroid.most * row.sizes_ml[0] if steroid.unit == "ampoule" else steroid.most / row.strength
    )


def _supply(
    product: str, strength: float, need_ml: float, table: Doses, *, is_ceiling: bool = False
) -> Supply:
    row = next(
        (r for r in table.ampoules if r.product == product and math.isclose(r.strength, strength)),
        None,
    )
    return Supply(
        product=product,
        strength=strength or None,
        unit="mg/mL",
        needed_ml=need_ml,
        is_ceiling=is_ceiling,
        opened=() if row is None else ampoules_for(need_ml, row.sizes_ml),
        source=None if row is None else row.source,
    )


def ampoules_for(need_ml: float, sizes_ml: tuple[float, ...]) -> tuple[Opened, ...]:
    """Choose ampoules: the least that is thrown away, then the fewest.

    Parameters
    ----------
    need_ml : float
        Volume needed.
    sizes_ml : tuple of float
        Volumes sold.

    Returns
    -------
    tuple of Opened
        Largest first.
    """
    largest_first = tuple(sorted(sizes_ml, reverse=True))
    best = min(
        _choices(need_ml, largest_first),
        key=lambda counts: (
            round(sum(n * size for n, size in zip(counts, largest_first, strict=True)), 6),
            sum(counts),
        ),
    )
    return tuple(
        Opened(size_ml=size, count=n) for n, size in zip(best, largest_first, strict=True) if n
    )


def _choices(need_ml: float, sizes_ml: tuple[float, ...]) -> Iterator[tuple[int, ...]]:
    """Yield counts of every size, the last one filling up what the others leave."""
    size, *others = sizes_ml
    most = max(0, math.ceil((need_ml - SAME_ML) / size))
    if not others:
        yield (most,)
        return
    for count in range(most + 1):
        for rest in _choices(max(0.0, need_ml - count * size), tuple(others)):
            yield (count, *rest)

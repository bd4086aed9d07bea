"""How an outline and its measures are compared with those of the reference."""

from __future__ import annotations

import numpy as np

from imaging.errors import Problem
from imaging.geometry import BoolArray
from planning.errors import PlanningError
from planning.teaching.answer import Answer
from planning.teaching.marking.findings import Finding, percent_off
from planning.technique.doses import bands_of, formula_volume_ml
from planning.technique.tables import tables


def overlap(one: BoolArray, other: BoolArray) -> float:
    """Return the Dice coefficient of two masks, 2 |A ∩ B| / (|A| + |B|).

    Parameters
    ----------
    one, other : numpy.ndarray
        Of the same shape, bool.

    Returns
    -------
    float
        0 (apart) to 1 (the same); 0 where both are empty.

    Notes
    -----
    L. R. Dice, Ecology 1945;26:297-302.
    """
    total = int(np.count_nonzero(one)) + int(np.count_nonzero(other))
    return 0.0 if total == 0 else 2.0 * int(np.count_nonzero(one & other)) / total


def diameters_mm(answer: Answer) -> tuple[float | None, float | None]:
    """Return length and width of an answer: those stated, else those of the plan.

    Parameters
    ----------
    answer : Answer
        Any.

    Returns
    -------
    tuple of float or None
        None where there is none.
    """
    stated, measures = answer.statement, answer.case.plan.measures
    length = stated.length_mm or (None if measures is None else measures.length_mm)
    width = stated.width_mm or (None if measures is None else measures.width_mm)
    return length, width


def measuring(answer: Answer, reference: Answer) -> list[Finding]:
    """Compare diameters, volume, band of the dose and outline.

    Parameters
    ----------
    answer, reference : Answer
        The reference with outline and measures.

    Returns
    -------
    list of Finding
        Of the task to measure.

    Raises
    ------
    PlanningError
        When the reference lacks what the answer is compared with.
    """
    wanted = reference.case.plan.measures
    truth = reference.case.lesion
    true_length, true_width = diameters_mm(reference)
    if wanted is None or truth is None or true_length is None or true_width is None:
        message = "the reference has no outline; outline and measure the lesion first"
        raise PlanningError(Problem(code="reference_lacks_outline", message=message))
    length, width = diameters_mm(answer)
    measures, mask = answer.case.plan.measures, answer.case.lesion
    is_there = mask is not None and mask.shape == truth.shape and bool(mask.any())
    volume = measures.volume_ml if measures is not None and is_there else None
    dice = overlap(mask, truth) if mask is not None and is_there else None
    return [
        Finding("length_error", percent_off(length, true_length), length, true_length),
        Finding("width_error", percent_off(width, true_width), width, true_width),
        Finding("volume_error", percent_off(volume, wanted.volume_ml), volume, wanted.volume_ml),
        _band(length, width, true_length, true_width),
        Finding("overlap", None if dice is None else 1.0 - dice, dice, 1.0),
    ]


def _band(
    length: float | None, width: float | None, true_length: float, true_width: float
) -> Finding:
    """Compare the dose that the diameters lead to; two bands at 20.0 mL are both right (A6)."""
    table = tables().doses
    true_ml = formula_volume_ml(true_length, true_width)
    right = [table.bands.index(band) for band in bands_of(true_ml, table)]
    told = " / ".join(f"{table.bands[n].anaesthetic_ml:g}" for n in right)
    if length is None or width is None:
        return Finding("dose_band", None, None, told)
    volume_ml = formula_volume_ml(length, width)
    found = [table.bands.index(band) for band in bands_of(volume_ml, table)]
    steps = min((abs(a - b) for a in found for b in right), default=len(table.bands))
    value = " / ".join(f"{table.bands[n].anaesthetic_ml:g}" for n in found)
    figures: dict[str, float | str] = {"volume_ml": volume_ml, "true_ml": true_ml}
    return Finding("dose_band", float(steps), value, told, figures)

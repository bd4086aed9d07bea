"""Names of the files of simulated zones; a device may be simulated twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from planning.ablation.results import TreatmentSummary


def zone_names(rows: Iterable[TreatmentSummary]) -> tuple[str, ...]:
    """Return what tells each zone's file from the others.

    Parameters
    ----------
    rows : iterable of TreatmentSummary
        Of a plan.

    Returns
    -------
    tuple of str
        The device, numbered from its second simulation on.
    """
    seen: Counter[str] = Counter()
    names = []
    for row in rows:
        seen[row.device] += 1
        number = seen[row.device]
        names.append(row.device if number == 1 else f"{row.device}-{number}")
    return tuple(names)

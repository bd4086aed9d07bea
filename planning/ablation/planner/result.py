"""What a search for a treatment found, as a document of the plan."""

from __future__ import annotations

from typing import Literal

from imaging.document import Document
from planning.ablation.dissection import Dissection
from planning.ablation.exposure import Measure
from planning.ablation.results import Probe
from planning.ablation.solver.protocol import Phase

# Share of lesion with margin that the planner calls covered: of the 1,800 cells of 2 mm that a
# lesion of 2 cm has with 5 mm around it, 9 at its edge may be missed.
COVERED_PERCENT = 99.5

Ending = Literal["done", "limit", "time", "no_way", "refuted"]


class GivesFirst(Document):
    """The first limit that is passed.

    Attributes
    ----------
    structure, measure : str
        Whose limit, and which.
    limit, value : float
        The limit, and what the structure saw when the simulation stopped.
    at_s : float
        When it was passed, seconds since the start.
    source : str
        Of the limit.
    """

    structure: str
    measure: Measure
    limit: float
    value: float
    at_s: float
    source: str


class DissectionTrial(Document):
    """The same treatment with fluid or gas before what gives first.

    Attributes
    ----------
    dissection : Dissection
        What was put there.
    helps : bool
        Whether everything is covered then before any limit is passed.
    coverage_percent, coverage_with_margin_percent : float
        What is covered before the first limit is passed.
    gives_first : GivesFirst or None
        What is passed then.
    """

    dissection: Dissection
    helps: bool
    coverage_percent: float
    coverage_with_margin_percent: float
    gives_first: GivesFirst | None


class Attempt(Document):
    """The best that was found with a number of probes.

    Attributes
    ----------
    probes : int
        Their number.
    ending : str
        ``done``: it does it; ``limit``: a limit is passed before all is covered; ``time``: the
        longest treatment does not cover it; ``no_way``: so many probes have no safe ways;
        ``refuted``: the finer simulation of the whole protocol contradicts.
    trials : int
        Simulations tried.
    placed : tuple of Probe
        Where the probes lay.
    power_w : float or None
        Of each antenna, where it is chosen.
    covered_s : float or None
        When the share that counts as covered was reached.
    stop_s : float
        Until when no limit was passed.
    coverage_percent, coverage_with_margin_percent : float
        What was covered at that moment.
    gives_first : GivesFirst or None
        What is passed next; of a refuted one these are what the finer simulation says.
    dissection : DissectionTrial or None
        Whether pushing that away would help; None where it cannot be pushed away.
    """

    probes: int
    ending: Ending
    trials: int
    placed: tuple[Probe, ...] = ()
    power_w: float | None = None
    covered_s: float | None = None
    stop_s: float = 0.0
    coverage_percent: float = 0.0
    coverage_with_margin_percent: float = 0.0
    gives_first: GivesFirst | None = None
    dissection: DissectionTrial | None = None


class AblationSearch(Document):
    """The treatment that was found, or what stands against each number of probes.

    Attributes
    ----------
    technique, device : str
        Of the table.
    margin_mm : float
        Wanted around the lesion.
    covered_percent : float
        Share of lesion with margin from which on all counts as covered.
    feasible : bool
        Whether that share can be covered without passing a limit.
    probes : tuple of Probe
        The chosen placement; empty when nothing is feasible.
    protocol : tuple of Phase
        What is done.
    attempts : tuple of Attempt
        For each number of probes tried, fewest first.
    search_spacing_mm, spacing_mm : float
        Cells of the search, and of the simulation that confirms.
    verified_device : bool
        False when nobody looked up the zone of the device.
    """

    technique: str
    device: str
    margin_mm: float
    feasible: bool
    probes: tuple[Probe, ...]
    protocol: tuple[Phase, ...]
    attempts: tuple[Attempt, ...]
    search_spacing_mm: float
    spacing_mm: float
    verified_device: bool
    covered_percent: float = COVERED_PERCENT

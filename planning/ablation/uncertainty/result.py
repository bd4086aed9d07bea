"""What all samples together say: shares with intervals, maps, and what the spread is due to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from imaging.document import Document
from imaging.geometry import FloatArray, unit
from planning.ablation.dissection import Dissection
from planning.ablation.request import PlacedDevice
from planning.ablation.results import Probe
from planning.ablation.solver.materials import Float32Array
from planning.ablation.uncertainty.outcome import SampleOutcome, SampleRow
from planning.ablation.uncertainty.variation import uncertainty_table

CONFIDENCE = 0.95  # of the intervals
PERCENTILES = (5.0, 50.0, 95.0)
LEAST_FOR_RANKS = 4  # samples below which a correlation says nothing
NORMAL_975 = 1.96  # quantile of the normal distribution


class Share(Document):
    """How many of how many, with the exact interval of Clopper and Pearson.

    Attributes
    ----------
    count, of : int
        Samples.
    low, high : float
        Ends of the 95 % interval of the share, 0 to 1.
    """

    count: int
    of: int
    low: float
    high: float

    @classmethod
    def counted(cls, count: int, of: int) -> Share:
        """Return a share with its interval.

        Parameters
        ----------
        count, of : int
            Samples.

        Returns
        -------
        Share
            Between 0 and 1 where there is no sample.
        """
        from scipy.stats import beta

        tail = 0.5 * (1.0 - CONFIDENCE)
        low = float(beta.ppf(tail, count, of - count + 1)) if count > 0 else 0.0
        high = float(beta.ppf(1.0 - tail, count + 1, of - count)) if count < of else 1.0
        return cls(count=count, of=of, low=low, high=high)


class Spread(Document):
    """Percentiles over the samples."""

    p5: float
    p50: float
    p95: float

    @classmethod
    def over(cls, values: Sequence[float]) -> Spread | None:
        """Return the percentiles of values, None without any.

        Parameters
        ----------
        values : sequence of float
            One a sample.

        Returns
        -------
        Spread or None
            By linear interpolation.
        """
        if not values:
            return None
        p5, p50, p95 = np.percentile(np.asarray(values, dtype=float), PERCENTILES)
        return cls(p5=float(p5), p50=float(p50), p95=float(p95))


class NeighbourRisk(Document):
    """In how many samples a neighbour's limit is passed.

    Attributes
    ----------
    name : str
        Of the structure.
    passed : Share
        Of the samples that could be simulated.
    first : int
        In how many of them it is the first one whose limit is passed.
    """

    name: str
    passed: Share
    first: int


class Influence(Document):
    """How the ranks of a parameter and of a result go together over the samples (Spearman).

    Attributes
    ----------
    parameter : str
        Field of the variation, or ``shift_along_mm`` (towards the hub), ``shift_across_mm``,
        ``tilt_deg`` of a needle, with its number where there are several.
    coverage, margin : float or None
        −1 to 1; None where the result is the same in all samples.
    """

    parameter: str
    coverage: float | None
    margin: float | None


class UncertaintyResult(Document):
    """What is written: all samples, and what they say together.

    Attributes
    ----------
    device, technique : str
        Of the first applicator.
    samples, seed : int
        As asked.
    spacing_mm, margin_mm, share_percent : float
        As asked.
    covered, covered_with_margin : Share
        Samples whose lethal zone holds at least ``share_percent`` of the lesion, and of lesion
        with margin; a sample that could not be simulated counts as not covered.
    any_limit : Share
        Samples in which a limit of any neighbour is passed, of those that could be simulated.
    failed : dict of str to int
        Samples that could not be simulated, by reason.
    neighbours : tuple of NeighbourRisk
        The one most often harmed first.
    coverage_percent, min_margin_mm : Spread or None
        Over the samples that could be simulated, and have a margin.
    influences : tuple of Influence
        The strongest first.
    main_parameter : str or None
        Whose ranks go most with those of the least margin, else of the coverage.
    rows : tuple of SampleRow
        Every sample.
    """

    device: str
    technique: str
    samples: int
    seed: int
    spacing_mm: float
    margin_mm: float
    share_percent: float
    covered: Share
    covered_with_margin: Share
    any_limit: Share
    failed: dict[str, int]
    neighbours: tuple[NeighbourRisk, ...]
    coverage_percent: Spread | None
    min_margin_mm: Spread | None
    influences: tuple[Influence, ...]
    main_parameter: str | None
    rows: tuple[SampleRow, ...]
    probes: tuple[Probe, ...] = ()
    dissections: tuple[Dissection, ...] = ()


def share_at_least(rows: Sequence[SampleRow], percent: float, *, with_margin: bool) -> Share:
    """Return in how many samples at least so much is covered.

    Parameters
    ----------
    rows : sequence of SampleRow
        All samples; those that could not be simulated count as not covered.
    percent : float
        Of the lesion, or of lesion with margin.
    with_margin : bool
        Which of the two.

    Returns
    -------
    Share
        Of all samples.
    """
    values = [r.coverage_with_margin_percent if with_margin else r.coverage_percent for r in rows]
    count = sum(1 for value in values if value is not None and value >= percent)
    return Share.counted(count, len(rows))


def failures(rows: Sequence[SampleRow]) -> dict[str, int]:
    """Return why samples could not be simulated.

    Parameters
    ----------
    rows : sequence of SampleRow
        All samples.

    Returns
    -------
    dict of str to int
        Code of the reason to number of samples.
    """
    return dict(sorted(Counter(row.failed for row in rows if row.failed is not None).items()))


def neighbour_risks(outcomes: Sequence[SampleOutcome]) -> tuple[NeighbourRisk, ...]:
    """Return how often each neighbour's limit is passed.

    Parameters
    ----------
    outcomes : sequence of SampleOutcome
        All samples.

    Returns
    -------
    tuple of NeighbourRisk
        The one most often harmed first.
    """
    done = [one for one in outcomes if one.row.failed is None]
    names = list(dict.fromkeys(name for one in done for name in one.neighbours))
    passed = Counter(limit.name for one in done for limit in one.row.limits_passed)
    first = Counter(one.row.limits_passed[0].name for one in done if one.row.limits_passed)
    risks = [
        NeighbourRisk(name=n, passed=Share.counted(passed[n], len(done)), first=first[n])
        for n in names
    ]
    return tuple(sorted(risks, key=lambda risk: -risk.passed.count))


def probability(
    outcomes: Sequence[SampleOutcome],
    size_kji: tuple[int, int, int],
    bits: Callable[[SampleOutcome], bytes],
) -> Float32Array:
    """Return in which share of the samples that could be simulated a cell is marked.

    Parameters
    ----------
    outcomes : sequence of SampleOutcome
        All samples.
    size_kji : tuple of int
        Of the grid.
    bits : callable
        Returns the marks of a sample, eight cells a byte.

    Returns
    -------
    numpy.ndarray
        Shape ``size_kji``, float32, 0 to 1; zero without samples.
    """
    cells = int(np.prod(size_kji))
    counted = np.zeros(cells, dtype=np.int64)
    done = [one for one in outcomes if one.row.failed is None]
    for one in done:
        counted += np.unpackbits(np.frombuffer(bits(one), dtype=np.uint8), count=cells)
    return (counted / max(len(done), 1)).astype(np.float32).reshape(size_kji)


def influences(
    rows: Sequence[SampleRow], applicators: Sequence[PlacedDevice]
) -> tuple[Influence, ...]:
    """Return how each parameter goes with coverage and least margin.

    Parameters
    ----------
    rows : sequence of SampleRow
        All samples; those that could not be simulated are left out.
    applicators : sequence of PlacedDevice
        As planned; shifts are told along and across them.

    Returns
    -------
    tuple of Influence
        The strongest first.
    """
    done = [row for row in rows if row.failed is None]
    if len(done) < LEAST_FOR_RANKS:
        return ()
    coverage = np.array([row.coverage_percent for row in done], dtype=float)
    # Without a zone there is no margin at all, which is worse than any.
    margin = np.array([-np.inf if r.min_margin_mm is None else r.min_margin_mm for r in done])
    found = [
        Influence(parameter=name, coverage=_ranks(v, coverage), margin=_ranks(v, margin))
        for name, v in _parameters(done, applicators).items()
    ]
    return tuple(sorted(found, key=lambda one: -strength(one)))


def main_of(found: Sequence[Influence], samples: int) -> str | None:
    """Return what the spread is mostly due to.

    Parameters
    ----------
    found : sequence of Influence
        The strongest first.
    samples : int
        That could be simulated.

    Returns
    -------
    str or None
        None where the strongest correlation could be chance: where it is below that which two
        columns without any connection exceed once in twenty times, 1.96 / √(n − 1).
    """
    if not found or samples < LEAST_FOR_RANKS:
        return None
    by_chance = NORMAL_975 / np.sqrt(samples - 1.0)
    return found[0].parameter if strength(found[0]) > by_chance else None


def strength(one: Influence) -> float:
    """Return how much a parameter decides: by the margin, or by the coverage where all are alike.

    Parameters
    ----------
    one : Influence
        Of a parameter.

    Returns
    -------
    float
        0 to 1.
    """
    return abs(one.margin if one.margin is not None else one.coverage or 0.0)


def _parameters(
    rows: Sequence[SampleRow], applicators: Sequence[PlacedDevice]
) -> dict[str, FloatArray]:
    """Return the value of each parameter in each sample."""
    values: dict[str, FloatArray] = {
        row.id: np.array([getattr(one.variation, row.id) for one in rows], dtype=float)
        for row in uncertainty_table().properties
    }
    for n, placed in enumerate(applicators):
        suffix = f"_{n + 1}" if len(applicators) > 1 else ""
        shifts = np.array([one.placement[n].shift_lps_mm for one in rows])
        tilts = np.array([one.placement[n].tilt_deg for one in rows])
        along = shifts @ unit(placed.axis_lps)
        across = shifts - along[:, None] * unit(placed.axis_lps)
        values[f"shift_along_mm{suffix}"] = along
        values[f"shift_across_mm{suffix}"] = np.linalg.norm(across, axis=1)
        values[f"tilt_deg{suffix}"] = np.linalg.norm(tilts, axis=1)
    return values


def _ranks(parameter: FloatArray, result: FloatArray) -> float | None:
    unknown = np.isnan(parameter).any()  # as in the table, in all samples
    if unknown or np.all(parameter == parameter[0]) or np.all(result == result[0]):
        return None
    from scipy.stats import spearmanr

    return float(spearmanr(parameter, result).statistic)

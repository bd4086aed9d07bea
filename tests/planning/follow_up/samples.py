"""Invented cases: plans without a CT, and the cohort of table 4 of the thesis."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from planning.follow_up.checks import treatment_from
from planning.follow_up.folder import Procedure
from planning.follow_up.keeping import with_treatment, with_visit
from planning.follow_up.records import Treatment
from planning.plan import Case, Plan, SeriesReference
from planning.store import PlanFile

TODAY = date(2026, 11, 1)
# Failures and successes of table 4 (A30).
RADIOTHERAPY = {True: (5, 17), False: (5, 9)}
SITES = {"rib": (8, 11), "vertebra": (2, 15)}


def visit(occasion: str, vas: float | None = None, **more: Any) -> dict[str, Any]:
    return {"occasion": occasion, **({} if vas is None else {"vas": vas}), **more}


def treatment(*visits: dict[str, Any], day: str = "2026-01-31", **more: Any) -> Treatment:
    data = {"date": day, "techniques": ["infiltration"], "visits": list(visits), **more}
    return treatment_from(data, TODAY)


def empty_case(checksum: str = "0" * 64, number: int = 1, name: str = "") -> Case:
    series = SeriesReference(
        uid="1.2.3", path="", checksum=checksum, description="", size_kji=(2, 2, 2),
        affine_kji_to_lps=((0, 0, 1, 0), (0, 1, 0, 0), (1, 0, 0, 0), (0, 0, 0, 1)),
        max_position_error_mm=0.0,
    )  # fmt: skip
    return Case(
        Plan(created_utc="2026-01-01T00:00:00+00:00", series=series, number=number, name=name)
    )


def treated_case(checksum: str = "0" * 64, day: str = "2026-01-31", week1: float = 3.0) -> Case:
    data = {"date": day, "techniques": ["infiltration"], "visits": [visit("day0", 8.0)]}
    case = with_treatment(empty_case(checksum), data, TODAY)
    return with_visit(case, None, visit("week1", week1), TODAY)


def write_plan(path: Path, case: Case) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with PlanFile.create(path, case):
        pass
    return path


def table_4() -> tuple[Procedure, ...]:
    """36 procedures with the counts of table 4: 10 failures, 26 successes."""
    rows = []
    for place, vas in ((0, 6.0), (1, 2.0)):
        radiotherapy = [yes for yes, counts in RADIOTHERAPY.items() for _ in range(counts[place])]
        sites = [site for site, counts in SITES.items() for _ in range(counts[place])]
        for number, (prior, site) in enumerate(zip(radiotherapy, sites, strict=True)):
            one = treatment(
                visit("day0", 8.0), visit("week1", vas), prior_radiotherapy=prior, site=site
            )
            rows.append(Procedure(case=f"{place}-{number}", treatment=one))
    return tuple(rows)

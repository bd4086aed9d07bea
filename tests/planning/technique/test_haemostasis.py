"""Haemostasis: limits of the laboratory and holding times, edge by edge."""

from __future__ import annotations

from typing import Any

import pytest

from tests.planning.technique.cases import BASE, SPINE, advise, codes, statuses

DAY_H = 24


@pytest.mark.parametrize(
    ("inr", "low_risk", "high_risk", "warned"),
    [
        (1.5, "possible", "recommended", False),
        (1.51, "possible", "recommended", True),
        (1.8, "possible", "recommended", True),
        (1.81, "possible", "contraindicated", False),
        (2.0, "possible", "contraindicated", False),
        (2.5, "possible", "contraindicated", True),
        (3.0, "possible", "contraindicated", True),
        (3.01, "contraindicated", "contraindicated", False),
        (None, "insufficient", "insufficient", False),
    ],
)
def test_inr(inr: float | None, low_risk: str, high_risk: str, warned: bool) -> None:
    advice = advise(BASE, inr=inr, life_expectancy_months=12, pain="none")
    found = statuses(advice)
    # An ablation that is contraindicated makes the infiltration an indication (A17).
    expected = (
        "recommended" if high_risk == "contraindicated" and low_risk == "possible" else low_risk
    )
    assert (found["infiltration"], found["cryoablation"]) == (expected, high_risk)
    assert ("inr_in_range" in codes(advice)) == warned


@pytest.mark.parametrize(
    ("platelets", "low_risk", "high_risk"),
    [
        (19.9, "contraindicated", "contraindicated"),
        (20, "recommended", "contraindicated"),
        (49.9, "recommended", "contraindicated"),
        (50, "possible", "recommended"),
        (None, "insufficient", "insufficient"),
    ],
)
def test_platelets(platelets: float | None, low_risk: str, high_risk: str) -> None:
    found = statuses(advise(BASE, platelets_g_l=platelets))
    assert (found["infiltration"], found["cryoablation"]) == (low_risk, high_risk)


@pytest.mark.parametrize("change", [{"level": "C6"}, {"foraminal": True}])
def test_cervical_and_foraminal_sites_count_as_high_risk(change: dict[str, Any]) -> None:
    assert statuses(advise(SPINE, platelets_g_l=30))["infiltration"] == "recommended"
    assert statuses(advise(SPINE, platelets_g_l=30, **change))["infiltration"] == "contraindicated"
    recent = [{"drug": "apixaban", "hours_since": 10}]
    advice = advise(SPINE, antithrombotics=recent, **change)
    assert statuses(advice)["infiltration"] == "contraindicated"


def test_an_unknown_foramen_may_be_high_risk() -> None:
    assert statuses(advise(SPINE, foraminal=None, inr=1.7))["infiltration"] == "possible"
    assert statuses(advise(SPINE, foraminal=None, inr=2.2))["infiltration"] == "insufficient"


@pytest.mark.parametrize(
    ("drug", "clearance", "hours", "status"),
    [
        ("apixaban", 90, 2 * DAY_H, "recommended"),
        ("apixaban", 90, 2 * DAY_H - 0.1, "contraindicated"),
        ("apixaban", 26, 2 * DAY_H, "recommended"),
        ("apixaban", 25, 10 * DAY_H, "insufficient"),
        ("apixaban", None, 10 * DAY_H, "insufficient"),
        ("rivaroxaban", 31, 2 * DAY_H, "recommended"),
        ("rivaroxaban", 30, 10 * DAY_H, "insufficient"),
        ("dabigatran", 51, 2 * DAY_H, "recommended"),
        ("dabigatran", 50, 2 * DAY_H, "contraindicated"),
        ("dabigatran", 30, 4 * DAY_H, "recommended"),
        ("dabigatran", 29, 20 * DAY_H, "insufficient"),
        ("edoxaban", None, 2 * DAY_H, "recommended"),
        ("warfarin", 90, 5 * DAY_H, "recommended"),
        ("warfarin", 90, 5 * DAY_H - 1, "contraindicated"),
        ("warfarin", 90, None, "insufficient"),
        ("lmwh_prophylactic", 90, 12, "recommended"),
        ("lmwh_prophylactic", 90, 11, "contraindicated"),
        ("lmwh_therapeutic", 90, 24, "recommended"),
        ("lmwh_therapeutic", 90, 12, "contraindicated"),
        ("ufh", 90, 3, "contraindicated"),
        ("ufh", 90, 5, "possible"),
        ("ufh", 90, 6, "recommended"),
        ("fondaparinux", 90, 60, "possible"),
        ("clopidogrel", 90, 5 * DAY_H, "recommended"),
        ("ticagrelor", 90, 2 * DAY_H, "contraindicated"),
        ("ticagrelor", 90, 4 * DAY_H, "possible"),
        ("prasugrel", 90, 7 * DAY_H, "recommended"),
        ("prasugrel", 90, 6 * DAY_H, "contraindicated"),
        ("aspirin", None, None, "recommended"),
        ("other", 90, 1000, "insufficient"),
    ],
)
def test_holding_time(drug: str, clearance: float | None, hours: float | None, status: str) -> None:
    given = [{"drug": drug, "hours_since": hours}]
    advice = advise(BASE, antithrombotics=given, creatinine_clearance_ml_min=clearance)
    assert statuses(advice)["cryoablation"] == status
    assert ("B6" in advice.advice("cryoablation").against) == (
        status in ("contraindicated", "possible")
    )
    assert statuses(advice)["infiltration"] in ("possible", "recommended")  # a low-risk procedure


def test_the_worst_of_several_drugs_decides() -> None:
    aspirin = {"drug": "aspirin", "hours_since": 1}
    recent = {"drug": "warfarin", "hours_since": 1}
    other = {"drug": "other", "hours_since": 1}
    found = [
        statuses(advise(BASE, antithrombotics=drugs))["cementoplasty"]
        for drugs in ([aspirin], [aspirin, other], [other, recent, aspirin], None)
    ]
    assert found == ["possible", "insufficient", "contraindicated", "insufficient"]
    assert "antithrombotic_not_in_table" in codes(advise(BASE, antithrombotics=[aspirin, other]))
    held = advise(BASE, antithrombotics=[{"drug": "warfarin"}])
    assert "antithrombotics.hours_since" in held.missing

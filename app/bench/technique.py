"""Measures of the rules: nothing else does this, so there is no peer."""

from __future__ import annotations

from typing import Any

from app.bench.timing import Timed, measure

REPEATS = 40
SPINAL: dict[str, Any] = {
    "bone": "vertebra",
    "level": "L2",
    "lesion_length_mm": 31.0,
    "lesion_width_mm": 24.0,
    "lesion_kind": "lytic",
    "collapse_percent": 40.0,
    "alignment": "normal",
    "posterolateral": "none",
    "posterior_wall_breach": False,
    "escc": "0",
    "fracture": True,
    "vas": 8.0,
    "pain": "mechanical",
    "life_expectancy_months": 12.0,
    "weight_kg": 70.0,
    "anaesthetic_mixture": {
        "lidocaine_percent": 1.0,
        "ropivacaine_mg_ml": 2.0,
        "lidocaine_fraction": 0.5,
    },
    "inr": 1.1,
    "antithrombotics": [{"drug": "apixaban", "hours_since": 50.0}],
    "creatinine_clearance_ml_min": 80.0,
}


def bench_technique() -> list[dict[str, Any]]:
    """Measure a recommendation from nothing, from a spinal case, and what a typed answer costs.

    ``technique_typed`` checks the answers, judges them and tells what the last one changed.
    """
    from planning.technique.answers import Answers, answers_from
    from planning.technique.engine import recommend
    from planning.technique.what_if import what_if

    spinal = answers_from(SPINAL)

    def typed() -> object:
        after = answers_from(SPINAL | {"inr": 2.4})
        return recommend(after), what_if(spinal, after)

    runs = (
        Timed("technique_recommend", lambda: recommend(spinal), 1.0, "answers/s", {}),
        Timed("technique_nothing_known", lambda: recommend(Answers()), 1.0, "answers/s", {}),
        Timed("technique_typed", typed, 1.0, "answers/s", {}),
    )
    return [measure(one, REPEATS) for one in runs]

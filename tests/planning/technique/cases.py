"""The worked cases of the clinical rules, each on top of answers in which nothing is lacking."""

from __future__ import annotations

from typing import Any

from planning.technique.answers import answers_from
from planning.technique.engine import recommend
from planning.technique.recommendation import Recommendation

DISTANCES = {
    "spinal_cord": 60,
    "nerve_root": 50,
    "skin": 40,
    "bowel": 50,
    "vessel": 30,
    "joint": 40,
}
MIXTURE = {"lidocaine_percent": 1, "ropivacaine_mg_ml": 2, "lidocaine_fraction": 0.5}
BASE: dict[str, Any] = {
    "lesion_length_mm": 30,
    "lesion_width_mm": 24,
    "lesion_kind": "lytic",
    "bone": "rib",
    "cortical_breach": False,
    "fracture": False,
    "impending_fracture": False,
    "weight_bearing": False,
    "side_confirmed": True,
    "neurological_deficit": False,
    "vas": 8,
    "pain": "mechanical",
    "opioid_failure": True,
    "prior_radiotherapy": False,
    "radiotherapy_possible": True,
    "life_expectancy_months": 12,
    "who_status": 1,
    "primary": "lung",
    "lesion_count": 1,
    "goal": "palliative",
    "test_block": "not_done",
    "operable": True,
    "hypervascular": False,
    "weight_kg": 70,
    "frail": False,
    "anaesthetic_mixture": MIXTURE,
    "skin_lidocaine_ml": 5,
    "inr": 1.0,
    "platelets_g_l": 250,
    "creatinine_clearance_ml_min": 90,
    "antithrombotics": [],
    "infection": False,
    "pregnancy": False,
    "contrast_reaction": False,
    "anaesthetic_allergy": False,
    "implanted_cardiac_device": False,
    "spine_surgery": False,
    "lung_fibrosis": False,
    "diabetes": False,
    "general_anaesthesia_possible": True,
    "prone_possible": True,
    "mdt_date": "2026-01-05",
    "distance_mm": DISTANCES,
}
SPINE: dict[str, Any] = BASE | {
    "bone": "vertebra",
    "level": "L2",
    "weight_bearing": True,
    "posterior_wall_breach": False,
    "collapse_percent": 0,
    "body_involved_percent": 30,
    "alignment": "normal",
    "posterolateral": "none",
    "foraminal": False,
    "escc": "0",
}
HIP: dict[str, Any] = BASE | {
    "bone": "femur",
    "weight_bearing": True,
    "long_bone_site": "peritrochanteric",
    "long_bone_fraction": 0.5,
    "pain_severity": "functional",
}
CASES: dict[str, dict[str, Any]] = {
    "1": BASE | {"life_expectancy_months": 2},
    "2": BASE | {"lesion_length_mm": 64, "lesion_width_mm": 25},
    "2 at 50": BASE | {"lesion_length_mm": 62.5, "lesion_width_mm": 40},
    "4": BASE
    | {
        "lesion_length_mm": 70,
        "lesion_width_mm": 45,
        "weight_kg": 40,
        "anaesthetic_mixture": MIXTURE | {"ropivacaine_mg_ml": 7.5},
    },
    "4 at 2 mg/mL": BASE | {"lesion_length_mm": 70, "lesion_width_mm": 45, "weight_kg": 40},
    "5": BASE | {"anaesthetic_mixture": {"lidocaine_percent": 1, "lidocaine_fraction": 0.5}},
    "6": BASE | {"bone": "ilium", "lesion_kind": "blastic"},
    "7": SPINE | {"fracture": True, "collapse_percent": 40},
    "8": SPINE | {"level": "T8", "escc": "3", "neurological_deficit": True},
    "9": SPINE | {"level": "T8", "escc": "2", "prior_radiotherapy": True, "operable": False},
    "10": SPINE
    | {
        "bone": "sacrum",
        "level": "S1",
        "life_expectancy_months": 14,
        "test_block": "positive",
        "distance_mm": DISTANCES | {"nerve_root": 4},
    },
    "11": BASE
    | {
        "bone": "ilium",
        "primary": "neuroendocrine",
        "goal": "curative",
        "lesion_length_mm": 28,
        "lesion_width_mm": 20,
    },
    "12": BASE | {"bone": "acetabulum", "weight_bearing": True, "lesion_length_mm": 38},
    "13": HIP,
    "13 inoperable": HIP | {"operable": False},
    "14": BASE | {"implanted_cardiac_device": True},
    "15": SPINE | {"level": "C6", "foraminal": True},
    "15 anticoagulated": SPINE
    | {
        "fracture": True,
        "antithrombotics": [{"drug": "apixaban", "hours_since": 3}],
        "platelets_g_l": None,
    },
}


def advise(answers: dict[str, Any], **changes: Any) -> Recommendation:
    """Return the recommendation for answers with some of them changed."""
    return recommend(answers_from(answers | changes))


def statuses(advice: Recommendation) -> dict[str, str]:
    """Return the status of every technique."""
    return {row.technique: row.status for row in advice.techniques}


def codes(advice: Recommendation) -> set[str]:
    """Return the codes of the warnings."""
    return {row.code for row in advice.warnings}

"""Every row of the tables, and that every figure in them decides something."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from imaging.tables import load_table
from planning.technique.answers import Answers, answers_from
from planning.technique.engine import recommend
from planning.technique.facts import gather
from planning.technique.rules import Effect, Rule, rule, rules
from planning.technique.tables import NAMES, DrugRow, Tables, build_tables, tables
from tests.planning.technique.cases import BASE, CASES, DISTANCES, HIP, MIXTURE, SPINE

EXPECTED_IDS = [*(f"A{n}" for n in range(1, 63)), *(f"B{n}" for n in range(1, 22))]
TECHNIQUES = set(tables().techniques.groups["all"])


def names_in(condition: Any) -> Iterator[tuple[str, Any]]:
    """Yield the facts a condition names, and what it wants of them."""
    for name, wanted in (condition or {}).items():
        if name in ("all", "any"):
            for part in wanted:
                yield from names_in(part)
        elif name == "not":
            yield from names_in(wanted)
        else:
            yield name, wanted


def test_every_id_of_the_clinical_rules_has_one_row() -> None:
    assert [row.id for row in rules()] == EXPECTED_IDS


@pytest.mark.parametrize("row", rules(), ids=lambda row: row.id)
def test_row_is_complete(row: Rule) -> None:
    assert row.fr != row.en
    assert min(len(row.fr), len(row.en)) > 15
    assert row.place
    assert row.source == "B" if row.id[0] == "B" else row.source != "B"
    acts = bool(row.decides) or row.applied_by is not None
    assert acts == (row.kind == "used")
    for decision in row.decides:
        assert decision.fr
        assert decision.en
        named = set(tables().techniques_of(decision.techniques))
        assert named <= TECHNIQUES
        about_case = decision.effect in (Effect.WARNING, Effect.ELSEWHERE)
        assert bool(named) != about_case or decision.effect is Effect.DISAGREEMENT
        assert (decision.order != 0) == (decision.effect is Effect.STEP)
        counted = decision.effect in (Effect.OUTCOME, Effect.COMPLICATION)
        assert decision.of is None or counted
        assert (decision.code is not None) == (decision.effect is Effect.WARNING)
        assert (decision.where is not None) == (decision.effect is Effect.ELSEWHERE)
        assert (decision.priority != 100) == (decision.effect is Effect.INDICATES)
        assert set(decision.rules) <= set(EXPECTED_IDS)
        assert set(decision.asks) <= set(Answers.model_fields)
    assert rule(row.id) is row


def test_conditions_name_facts_values_and_limits_that_exist() -> None:
    facts = set(gather(answers_from(SPINE), tables()).facts) | {"ablation_contraindicated"}
    limits = tables().limits
    doses = tables().doses
    conditions = [d.when for row in rules() for d in row.decides]
    conditions += [d.unless for row in rules() for d in row.decides]
    conditions += [doses.near_canal_when, doses.near_spine_when]
    conditions += [doses.particulate_refused_when, doses.cortivazol_refused_when]
    used_limits = set()
    for condition in conditions:
        for name, wanted in names_in(condition):
            assert name in facts
            if isinstance(wanted, dict):
                assert set(wanted.values()) <= set(limits)
                used_limits |= set(wanted.values())
            elif name in Answers.model_fields:
                for value in wanted if isinstance(wanted, list) else [wanted]:
                    assert getattr(answers_from({name: value}), name) == value
    assert used_limits == set(limits)


def test_each_used_rule_is_cited_by_some_case() -> None:
    probes = [answers_from(case) for group in PROBES.values() for case in group]
    fired = {rule_id for case in probes for rule_id in recommend(case).rules}
    used = {row.id for row in rules() if row.kind == "used"}
    assert used - fired == set()
    assert fired <= used


def test_drugs_of_the_contract_are_in_the_table_except_other() -> None:
    drugs = {row.id for row in tables().haemostasis.drugs}
    for drug in [*drugs, "other"]:
        assert answers_from({"antithrombotics": [{"drug": drug}]}).antithrombotics
    assert "other" not in drugs
    assert len(drugs) == 13


def test_a_limit_outside_its_bounds_is_refused() -> None:
    raw = {name: copy.deepcopy(load_table(name)) for name in NAMES}
    raw["technique_limits"]["limits"][0]["value"] = 1000.0
    with pytest.raises(ValueError, match="outside its bounds"):
        build_tables(raw)


def _dose_probes() -> list[dict[str, Any]]:
    sizes: list[tuple[float, float]] = [(64, w) for w in (24.99, 25, 25.01, 36.5, 57.8)]
    sizes += [(62.5, 40), (62.5, 40.1), (50, 20), (50, 20.05), (10, 5), (30, 24)]
    found = []
    for length, width in sizes:
        for skin in (0, 5, 19, 20, 21):
            size = {"lesion_length_mm": length, "lesion_width_mm": width}
            found.append(BASE | size | {"skin_lidocaine_ml": skin})
    for weight in (25, 67, 80, 100, 130, 390):
        found.append(BASE | {"weight_kg": weight, "skin_lidocaine_ml": 20})
        found.append(BASE | {"weight_kg": weight, "frail": True})
        strong = MIXTURE | {"ropivacaine_mg_ml": 10, "lidocaine_fraction": 0}
        found.append(BASE | {"weight_kg": weight, "anaesthetic_mixture": strong})
    return [*found, SPINE, SPINE | {"level": "C6"}]


def _drug_probes(row: DrugRow) -> list[dict[str, Any]]:
    hours = {0.0, 0.1}
    clearances = {90.0}
    for part in row.classes:
        for edge in (part.hours, part.hours_to):
            hours |= {edge, edge + 0.2, edge - 0.2} if edge else set()
        for edge in (part.above_ml_min, part.at_least_ml_min, part.at_most_ml_min):
            clearances |= {edge, edge + 0.3, edge - 0.3} if edge else set()
    return [
        BASE
        | {"creatinine_clearance_ml_min": clearance}
        | {"antithrombotics": [{"drug": row.id, "hours_since": number}]}
        for number in sorted(n for n in hours if n >= 0)
        for clearance in sorted(clearances)
    ]


def _spinal_probes() -> list[dict[str, Any]]:
    levels = [level for row in tables().scores.sins.location for level in row.levels]
    changes: list[dict[str, Any]] = [
        *({"level": level} for level in levels),
        *({"collapse_percent": n} for n in (1, 49.9, 50, 50.1, 60)),
        *({"body_involved_percent": n} for n in (49.5, 50, 50.5)),
        *({"alignment": name} for name in ("deformity", "subluxation")),
        *({"posterolateral": name} for name in ("unilateral", "bilateral")),
        *({"pain": name} for name in ("functional", "mixed", "non_mechanical", "none")),
        *({"lesion_kind": name} for name in ("mixed", "blastic")),
        {"alignment": "subluxation", "collapse_percent": 20},  # 13 points
        {"alignment": "deformity", "collapse_percent": 60},  # 12 points
        {"pain": "non_mechanical", "posterolateral": "unilateral"},  # 6 points
        {"pain": "non_mechanical", "alignment": "deformity"},  # 7 points
        {"escc": "1b", "prior_radiotherapy": True},
    ]
    return [SPINE | change for change in changes]


def _limb_probes() -> list[dict[str, Any]]:
    mild = {"pain_severity": "mild"}
    changes: list[dict[str, Any]] = [
        *({"long_bone_fraction": n} for n in (0.32, 0.335, 0.35, 0.66, 0.67, 0.69)),
        *({"pain_severity": name} for name in ("mild", "moderate")),
        *({"lesion_kind": name} | mild for name in ("mixed", "blastic", "lytic")),
        {"long_bone_site": "lower_limb"} | mild,  # 8 points
        {"bone": "humerus", "long_bone_site": "upper_limb"},  # 9 points
        {"bone": "humerus", "long_bone_site": "upper_limb"} | mild,  # 7 points
        {"bone": "humerus", "long_bone_site": None},
        {"long_bone_site": None},
        {"bone": "tibia", "long_bone_site": None},
    ]
    return [HIP | change for change in changes]


def _limit_probes() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name, edges in {
        "spinal_cord": (10, 20),
        "nerve_root": (10, 20),
        "skin": (25,),
        "vessel": (5,),
        "bowel": (10,),
        "joint": (5,),
    }.items():
        for value in [edge + step for edge in edges for step in (-0.05, 0, 0.05)]:
            near = {"distance_mm": DISTANCES | {name: value}}
            found += [BASE | near | {"foraminal": False, "escc": "0"}, SPINE | near]
    for key, numbers in {
        "lesion_length_mm": (29.9, 30, 30.1, 39.9, 40, 40.1),
        "lesion_count": (1, 2, 5, 6),
    }.items():
        found += [BASE | {"goal": "curative", key: number} for number in numbers]
    for key, numbers in {
        "life_expectancy_months": (5.9, 6, 6.05),
        "vas": (0, 0.1),
        "inr": (1.49, 1.5, 1.51, 1.79, 1.8, 1.81, 1.99, 2, 2.01, 2.99, 3, 3.01),
        "platelets_g_l": (19, 20, 20.1, 49, 50, 50.1),
        "creatinine_clearance_ml_min": (29, 30, 30.1),
    }.items():
        for number in numbers:
            found += [BASE | {key: number, "pain": "none"}, SPINE | {key: number}]
    for coverage, margin in ((99.5, 1), (98.5, 1), (100, 0.1), (100, 0), (100, -0.1)):
        row = {"technique": "microwave", "coverage_percent": coverage, "min_margin_mm": margin}
        passed = [{"structure": "skin", "value": 45, "limit": 43}]
        found += [BASE | {"simulation": [row | {"limits_passed": n}]} for n in ([], passed)]
    return found


def _other_probes() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [{}, *CASES.values()]
    spinal_only = ("posterior_wall_breach", "foraminal")
    for case in (BASE, SPINE, HIP):
        for key in [key for key, value in SPINE.items() if isinstance(value, bool)]:
            if case is SPINE or key not in spinal_only:
                found += [case | {key: not case[key]}, case | {key: None}]
    found += [
        BASE | {"primary": name} for name in ("neuroendocrine", "colorectal", "pancreas", "kidney")
    ]
    found += [BASE | {"test_block": name} for name in ("positive", "negative")]
    found.append(BASE | {"bone": "ilium", "fracture": True, "hypervascular": True})
    found.append(BASE | {"bone": "acetabulum", "weight_bearing": None, "fracture": True})
    return found


def _probes() -> dict[str, list[dict[str, Any]]]:
    """Return cases on both sides of every threshold, by the table that decides them."""
    drugs = {row.id: _drug_probes(row) for row in tables().haemostasis.drugs}
    return drugs | {
        "doses": _dose_probes(),
        "sins": _spinal_probes(),
        "mirels": _limb_probes(),
        "limits": [*_limit_probes(), *_spinal_probes(), *_limb_probes()],
        "other": _other_probes(),
    }


PROBES = _probes()


def _group(path: tuple[str | int, ...]) -> str:
    """Return which probes look at a figure."""
    if path[:2] == ("haemostasis", "drugs"):
        return str(load_table("haemostasis")["drugs"][path[2]]["id"])
    if "limits" in path:
        return "limits"
    return str(path[1]) if path[0] == "scores" else "doses"


@cache
def _shipped(group: str) -> list[str]:
    return [recommend(answers_from(case)).model_dump_json() for case in PROBES[group]]


def _figures() -> list[tuple[str | int, ...]]:
    """Return where every figure of the tables is."""

    def walk(node: Any, path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
        if isinstance(node, dict):
            for key, value in node.items():
                if key not in ("bounds", "classes") or path[:2] != ("scores", "sins"):
                    yield from walk(value, (*path, key))
        elif isinstance(node, list):
            for n, value in enumerate(node):
                yield from walk(value, (*path, n))
        elif isinstance(node, int | float) and not isinstance(node, bool):
            yield path

    unseen = ("same_volume_ml", "same_fraction")  # rounding
    return [
        path
        for name in ("technique_limits", "haemostasis", "scores", "doses")
        for path in walk(load_table(name), (name,))
        if path[-1] not in unseen and "bounds" not in path and "classes" not in path[:3]
    ]


def changed(path: tuple[str | int, ...]) -> Tables:
    """Return the tables with one figure changed a little, within its bounds."""
    raw: Any = {name: copy.deepcopy(load_table(name)) for name in NAMES}
    node = raw
    for part in path[:-1]:
        node = node[part]
    value = node[path[-1]]
    step = 1 if isinstance(value, int) else 0.01 * abs(value) or 0.2
    if path[0] == "scores" and isinstance(value, int) and value > 0:
        step = -1  # a total above the last class has no name
    at_the_top = isinstance(node, dict) and "bounds" in node and value + step > node["bounds"][1]
    node[path[-1]] = value - step if at_the_top else value + step
    return build_tables(raw)


@pytest.mark.parametrize("path", _figures(), ids=lambda path: ".".join(map(str, path)))
def test_every_figure_of_the_tables_decides_something(path: tuple[str | int, ...]) -> None:
    used = changed(path)
    group = _group(path)
    for case, expected in zip(PROBES[group], _shipped(group), strict=True):
        if recommend(answers_from(case), tables=used).model_dump_json() != expected:
            return
    pytest.fail(f"no case notices a change of {path}")

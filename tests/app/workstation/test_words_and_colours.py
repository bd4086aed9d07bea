"""Both languages say the same things, and what is written can be read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args, get_origin

import pytest

from app.workstation.steps.access_limits import SHOWN
from app.workstation.steps.technique.fields import field_type
from app.workstation.steps.technique.form import GROUPS, NESTED, NOT_ASKED
from app.workstation.steps.ways import COLUMNS
from app.workstation.style import palette
from app.workstation.words import Language, Words
from imaging.tables import load_table
from planning.access.cement import PairKind
from planning.access.corridors import COSTOVERTEBRAL, POSTEROLATERAL, TRANSPEDICULAR
from planning.access.march import REASONS
from planning.access.needles import needle_table
from planning.access.posture import Provisional
from planning.access.sets import Purpose
from planning.access.settings import wishes
from planning.technique.answers import Answers
from planning.words import PATTERNS

CODE = Path(palette.__file__).resolve().parents[1]
READABLE = 4.5  # WCAG 2.2, 1.4.3
VISIBLE = 3.0  # WCAG 2.2, 1.4.11


def _keys(node: object, before: str = "") -> dict[str, str]:
    if not isinstance(node, dict):
        return {before.removesuffix("."): str(node)}
    found: dict[str, str] = {}
    for key, value in node.items():
        found |= _keys(value, f"{before}{key}.")
    return found


ENGLISH = _keys(load_table("translations/en"))
FRENCH = _keys(load_table("translations/fr"))


def test_both_languages_have_the_same_keys_and_none_is_empty() -> None:
    assert ENGLISH.keys() == FRENCH.keys()
    for texts in (ENGLISH, FRENCH):
        assert all(isinstance(text, str) and text.strip() for text in texts.values())


def test_both_languages_fill_in_the_same_values() -> None:
    for key, text in ENGLISH.items():
        assert set(re.findall(r"{(\w+)}", text)) == set(re.findall(r"{(\w+)}", FRENCH[key])), key


def test_every_word_the_code_asks_for_exists() -> None:
    asked = set()
    for file in CODE.rglob("*.py"):
        source = file.read_text(encoding="utf-8")
        counted = re.findall(r"\.counted\(\s*\"([\w.]+)\"", source)
        asked |= {f"{key}.{number}" for key in counted for number in ("one", "other")}
        pattern = r"(?:words|add_section|add_button|_menu|ask_file)\((?:window, )?\"([\w.]+)\""
        asked |= set(re.findall(pattern, source))
    assert len(asked) > 60
    assert asked - ENGLISH.keys() == set()


def test_every_command_that_can_be_undone_has_a_name() -> None:
    found = set()
    for file in CODE.rglob("*.py"):
        pattern = r"(?:ession|self)\.(?:apply|change)\(\s*\"(\w+)\""
        found |= set(re.findall(pattern, file.read_text(encoding="utf-8")))
    assert {"side", "answers", "choose_access"} <= found
    assert {f"commands.{name}" for name in found} - ENGLISH.keys() == set()


def test_every_answer_can_be_given_and_has_a_name_in_both_languages() -> None:
    asked = [key for keys in GROUPS.values() for key in keys]
    assert len(asked) == len(set(asked))
    outer = {key.partition(".")[0] for key in asked} | set(NOT_ASKED)
    assert outer == set(Answers.model_fields)
    for key in asked:
        assert f"answers.{key}" in ENGLISH
        kind = field_type(key)
        if get_origin(kind) is not None and key not in {"antithrombotics", "escc"}:
            assert all(f"options.{value}" in ENGLISH for value in get_args(kind)), key
    for name in NESTED:
        fields = field_type(name).model_fields
        assert {key.partition(".")[2] for key in asked if key.startswith(name)} == set(fields)


def test_every_needle_has_a_name() -> None:
    assert all(f"needles.{needle.id}" in ENGLISH for needle in needle_table())


def test_everything_that_is_said_of_a_way_has_words_in_both_languages() -> None:
    limits = {*REASONS.values(), "near_a_limit", "skin_faces_couch", "target_outside_lesion"}
    assert {f"reasons.{one}" for one in limits} <= ENGLISH.keys()
    for kind in (TRANSPEDICULAR, COSTOVERTEBRAL, POSTEROLATERAL):
        assert {f"corridors.{kind}", f"corridors_short.{kind}"} <= ENGLISH.keys()
    for wish in wishes():
        assert {f"wishes.{wish}", f"wish_reasons.{wish}"} <= ENGLISH.keys()
    doubts = ("posture", "posture_unknown", "breathing")
    assert {f"provisional.{one}" for one in doubts} <= ENGLISH.keys()
    shown = (*SHOWN, *(f"{one}_hint" for one in SHOWN))
    assert {f"access_limits.{one}" for one in shown} <= ENGLISH.keys()
    assert {f"extras.{purpose.value}" for purpose in Purpose} <= ENGLISH.keys()
    assert {f"provisional.{why}" for why in get_args(Provisional)} <= ENGLISH.keys()
    assert {f"leaks.{kind}" for kind in get_args(PairKind)} <= ENGLISH.keys()
    assert {f"access_hints.{column}" for column in COLUMNS} <= ENGLISH.keys()
    for name in ("intercostal_bundle_assumed", "unlabelled", "outside", "gantry", "lesion"):
        assert f"structures.{name}" in ENGLISH


def test_every_structure_that_carries_a_side_has_words() -> None:
    assert {f"structures_of.{key}" for key in PATTERNS.values()} <= ENGLISH.keys()


def test_the_scale_of_access_grows_lighter_with_the_score() -> None:
    contrasts = [palette.contrast(colour, "#000000") for colour in palette.ACCESS_SCALE]
    assert contrasts == sorted(contrasts)


def test_french_numbers_have_a_comma() -> None:
    assert Words("fr").number(-12.34) == "−12,3"
    assert Words("en").number(-12.34) == "−12.3"
    assert Words("en").number(-0.04) == "0.0"


@pytest.mark.parametrize(
    ("language", "texts"),
    [("en", ["0 plans", "1 plan", "2 plans"]), ("fr", ["0 plan", "1 plan", "2 plans"])],
)
def test_what_is_counted_is_named_in_the_singular_and_in_the_plural(
    language: Language, texts: list[str]
) -> None:
    assert [Words(language).counted("library.plans", n) for n in range(3)] == texts


def test_planned_things_stand_out_from_black() -> None:
    planned = [palette.LESION, palette.NEEDLE, palette.OTHER_NEEDLE, palette.FORBIDDEN]
    assert all(palette.contrast(colour, "#000000") >= VISIBLE for colour in planned)


def test_contrast_is_that_of_the_standard() -> None:
    assert palette.contrast("#000000", "#FFFFFF") == pytest.approx(21.0)
    assert palette.contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)  # W3C example


def test_style_sheet_names_no_unknown_colour() -> None:
    assert "@" not in palette.style_sheet()

"""Nerves that no CT shows are listed until somebody paints them."""

from __future__ import annotations

import numpy as np
import pytest

from imaging.geometry import Grid
from imaging.structures.labels import passage_class, structures_from
from imaging.structures.model import is_bone
from imaging.structures.not_visible import not_found, not_visible
from imaging.tables import load_table
from planning.ablation.limits import limit_of


def names_of(*structures: str) -> set[str]:
    return {row.name for row in not_visible(structures)}


def test_nerves_follow_the_bones_of_the_image() -> None:
    assert {"sciatic_nerve_left", "obturator_nerve_left"} <= names_of("hip_left")
    assert "sciatic_nerve_right" not in names_of("hip_left")
    assert names_of("rib_right_8") == {"intercostal_bundle_right"}
    assert "radiculomedullary_arteries" in names_of("vertebrae_T10")
    assert names_of("liver") == set()


def test_a_painted_nerve_is_no_longer_listed() -> None:
    assert "sciatic_nerve_left" not in names_of("hip_left", "sciatic_nerve_left")
    assert "sciatic_nerve_right" in names_of("hip_right", "hip_left", "sciatic_nerve_left")


def test_an_exit_marked_by_assumption_does_not_stand_for_the_nerve() -> None:
    assert "nerve_roots_left" in names_of("vertebrae_L4", "nerve_root_exit_L4_left")
    assert "nerve_roots_left" not in names_of("vertebrae_L4", "nerve_root_L4_left")


def test_a_nerve_of_one_place_does_not_stand_for_another() -> None:
    assert "nerve_roots_right" in names_of("vertebrae_L4", "nerve_root_L4_left")
    assert "nerves_near_bone" in names_of("bone", "hip_left", "sciatic_nerve_left")


def test_every_nerve_would_be_forbidden_once_painted() -> None:
    for row in not_visible(("hip_left", "hip_right", "sacrum", "rib_left_9", "vertebrae_L1")):
        if "arteries" not in row.name:
            assert passage_class(row.name) == "forbidden", row.name


@pytest.mark.parametrize(
    "bone",
    ["humerus_left", "scapula_left", "clavicula_right", "sternum", "skull", "tibia", "coccyx"],
)
def test_no_bone_is_without_nerves(bone: str) -> None:
    assert names_of(bone)


@pytest.mark.parametrize("row", load_table("not_visible"), ids=lambda row: row["name"])
def test_what_is_offered_to_be_painted_is_then_painted_and_has_a_limit(
    row: dict[str, str | list[str]],
) -> None:
    name = str(row["name"]).replace("SIDE", "left")
    bone = row["bones"][0].replace("SIDE", "left").replace("*", "1")
    assert name in names_of(bone)
    assert name not in names_of(bone, name)
    assert limit_of(name) is not None
    for pattern in row["painted"]:
        assert limit_of(pattern.replace("SIDE", "left").replace("*", "1")) is not None, pattern


@pytest.mark.parametrize("row", load_table("not_visible"), ids=lambda row: row["name"])
def test_each_row_names_bones_a_course_and_a_rule(row: dict[str, str | list[str]]) -> None:
    assert row["where"]
    assert str(row["rule"])[0] in "AB"
    for pattern in row["bones"]:
        assert is_bone(pattern.replace("SIDE", "left").replace("*", "T1"))


def test_what_is_not_found_is_said() -> None:
    grid = Grid.aligned((2, 2, 2), 1.0, (0, 0, 0))
    labels = np.full(grid.size_kji, 1, np.uint16)
    found = structures_from(labels, grid, {1: "vertebrae_L3"}, "a test")
    lacking = {row.name for row in not_found(found)}
    assert "vertebrae" not in lacking
    assert {"aorta", "kidneys", "sacrum", "spinal_canal"} <= lacking
    assert {"iliac_artery_left", "iliac_vena_right", "other_vessels"} <= lacking


def test_an_iliac_vessel_does_not_stand_for_the_others() -> None:
    grid = Grid.aligned((2, 2, 2), 1.0, (0, 0, 0))
    labels = np.full(grid.size_kji, 1, np.uint16)
    found = structures_from(labels, grid, {1: "iliac_artery_left"}, "a test")
    lacking = {row.name for row in not_found(found)}
    assert "iliac_artery_left" not in lacking
    assert {"iliac_artery_right", "iliac_vena_left", "other_vessels"} <= lacking

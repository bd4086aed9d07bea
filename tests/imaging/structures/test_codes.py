"""Every structure has a code that says no more than is known of it."""

from __future__ import annotations

from typing import cast

import pytest
from pydicom.sr._concepts_dict import concepts

from imaging.structures.codes import CATEGORIES, LEFT, RIGHT, TISSUE, structure_code
from imaging.tables import load_table

SNOMED = cast("dict[str, dict[str, tuple[str, list[int]]]]", concepts["SCT"])
KNOWN = {code for rows in SNOMED.values() for code in rows}


@pytest.mark.parametrize("row", load_table("structure_codes"), ids=lambda row: row["names"][0])
def test_every_code_is_one_of_dicom(row: dict[str, str]) -> None:
    assert row["code"] in KNOWN
    assert row["category"] in CATEGORIES
    assert 0 < len(row["meaning"]) <= 64
    assert all(ord(letter) < 128 for letter in row["meaning"])


@pytest.mark.parametrize("part", [f"vertebrae_{n}" for n in ("C1", "T1", "T10", "L1", "L5")])
def test_vertebrae_are_told_apart(part: str) -> None:
    meanings = [
        meaning
        for rows in SNOMED.values()
        for code, (meaning, _) in rows.items()
        if code == structure_code(part).kind.value
    ]
    assert f"{part.removeprefix('vertebrae_')} vertebra" in meanings


def test_sides_come_from_the_name() -> None:
    assert structure_code("kidney_left").side == LEFT
    assert structure_code("rib_right_4").side == RIGHT
    assert structure_code("aorta").side is None
    assert structure_code("rib_right_4").kind == structure_code("rib_left_9").kind


def test_what_no_row_names_is_tissue() -> None:
    assert structure_code("label_77").kind == TISSUE

"""One click outlines the lesion; what cannot be outlined is said."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from imaging.errors import ImagingError
from imaging.files import read_volume
from imaging.lesion.segment import segment_lesion
from imaging.measurement.lesion import measure
from imaging.phantom.insert import insert_lesion
from imaging.structures.canal import canal_near
from imaging.volume import Volume

if TYPE_CHECKING:
    from imaging.phantom.cases import GeneratedCase


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def test_vertebral_lesion_is_outlined_and_measured(vertebra: GeneratedCase) -> None:
    truth = vertebra.truth.lesion
    outline = segment_lesion(vertebra.volume, np.array(truth.seed_lps_mm))
    assert dice(outline.mask, vertebra.lesion) > 0.85
    found = measure(vertebra.volume, outline.mask)
    assert found.length_mm == pytest.approx(truth.length_mm, abs=4.0)
    assert found.volume_ml == pytest.approx(truth.volume_ml, rel=0.2)
    assert found.kind == "lytic"
    assert found.cortical_breach is False


def test_generosity_orders_the_outlines(vertebra: GeneratedCase) -> None:
    seed = np.array(vertebra.truth.lesion.seed_lps_mm)
    sizes = [
        int(segment_lesion(vertebra.volume, seed, generosity=value).mask.sum())
        for value in (-1.0, 0.0, 1.0)
    ]
    assert sizes[0] < sizes[1] <= sizes[2]


def test_clicks_outside_and_in_air_are_listed_together(vertebra: GeneratedCase) -> None:
    seeds = np.array([[9000.0, 0.0, 0.0], [0.0, -190.0, 0.0]])
    with pytest.raises(ImagingError) as refusal:
        segment_lesion(vertebra.volume, seeds)
    assert [problem.code for problem in refusal.value.problems] == ["seed_outside", "seed_in_air"]


def test_lesion_like_its_bone_is_refused(vertebra: GeneratedCase) -> None:
    flat = Volume(np.full(vertebra.volume.hu.shape, 60, np.int16), vertebra.volume.grid)
    with pytest.raises(ImagingError) as refusal:
        segment_lesion(flat, np.array(vertebra.truth.lesion.seed_lps_mm))
    assert refusal.value.code == "not_distinct"


def test_outline_keeps_out_of_the_canal(vertebra: GeneratedCase) -> None:
    seed = np.array(vertebra.truth.lesion.seed_lps_mm)
    canal = canal_near(vertebra.volume, seed)
    assert canal is not None
    assert not (segment_lesion(vertebra.volume, seed, outside=canal).mask & canal).any()


@pytest.mark.parametrize(
    ("at", "diameter", "breach", "least"),
    [
        ((-19.5, 43.0, -655.0), 22.0, False, 0.75),
        ((-4.0, 43.0, -655.0), 24.0, True, 0.75),
        ((-119.0, 43.0, -735.75), 26.0, True, 0.7),
    ],
    ids=["L3", "L3 with breach", "ilium with breach"],
)
def test_lesion_in_real_bone_is_outlined(
    shared_data: Path, at: tuple[float, float, float], diameter: float, breach: bool, least: float
) -> None:
    volume = read_volume(shared_data / "lumbar-pelvis-dicom")
    made = insert_lesion(volume, at, diameter, breach, seed=1)
    seed = np.array(made.truth.lesion.seed_lps_mm)
    outline = segment_lesion(made.volume, seed, outside=canal_near(made.volume, seed))
    assert dice(outline.mask, made.lesion) > least


def test_clicks_in_two_places_are_said(vertebra: GeneratedCase) -> None:
    seed = np.array(vertebra.truth.lesion.seed_lps_mm)
    both = np.stack([seed, seed + np.array([40.0, 0.0, 0.0])])
    doubts = {doubt.code for doubt in segment_lesion(vertebra.volume, both).doubts}
    assert "separate_parts" in doubts

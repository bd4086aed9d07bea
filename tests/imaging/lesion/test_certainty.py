"""How sure an outline is is said, above all where there may be no lesion."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from imaging.errors import Problem
from imaging.files import read_volume
from imaging.lesion.certainty import Certainty, certainty
from imaging.lesion.segment import segment_lesion

if TYPE_CHECKING:
    from imaging.phantom.cases import GeneratedCase


@pytest.mark.parametrize(
    ("codes", "wanted"),
    [
        ((), Certainty.CLEAR),
        (("low_contrast",), Certainty.CHECK),
        (("low_contrast", "like_other_side"), Certainty.GUESS),
        (("open_to_soft_tissue",), Certainty.GUESS),
    ],
)
def test_the_worst_doubt_counts(codes: tuple[str, ...], wanted: Certainty) -> None:
    assert certainty(Problem(code=code, message="") for code in codes) is wanted


def test_a_plain_lesion_is_clear(vertebra: GeneratedCase) -> None:
    outline = segment_lesion(vertebra.volume, np.array(vertebra.truth.lesion.seed_lps_mm))
    assert certainty(outline.doubts) is Certainty.CLEAR


@pytest.mark.parametrize("place", [(-105.0, 75.0, -745.0), (-60.0, 110.0, -640.0)])
def test_a_click_on_normal_tissue_of_a_real_ct_is_never_clear(
    shared_data: Path, place: tuple[float, float, float]
) -> None:
    """Gluteal muscle beside the ilium, and muscle beside the spine."""
    volume = read_volume(shared_data / "lumbar-pelvis-dicom")
    assert 0 < volume.hu_at(np.array(place)) < 110
    outline = segment_lesion(volume, np.array(place))
    assert "like_other_side" in {one.code for one in outline.doubts}
    assert certainty(outline.doubts) is Certainty.GUESS

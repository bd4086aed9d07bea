"""MR and PET are read in their own units; the series of another patient is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from imaging.dicom.suv import pet_scale
from imaging.errors import ImagingError
from imaging.files import read_volume
from imaging.geometry import Grid
from imaging.registration.series import SecondSeries, list_second, planning_file, read_second
from imaging.volume import SeriesInfo, Volume
from tests.imaging.dicom.making import field_series
from tests.imaging.registration.making import write_series

DOSE_BQ, WEIGHT_KG, HALF_LIFE_S = 3.7e8, 74.0, 6586.2


def _ramp() -> SecondSeries:
    values = np.arange(6 * 8 * 10, dtype=np.int16).reshape(6, 8, 10) * 40
    volume = Volume(values, Grid.aligned((6, 8, 10), 3.0, (0, 0, 0)), SeriesInfo("r", ""))
    return SecondSeries(volume, 1.0, "", (0.0, 1.0))


def _pet(**changes: Any) -> dict[str, Any]:
    drug = Dataset()
    drug.RadionuclideTotalDose, drug.RadionuclideHalfLife = DOSE_BQ, HALF_LIFE_S
    drug.RadiopharmaceuticalStartTime = "090000"
    known: dict[str, Any] = {
        "Units": "BQML",
        "DecayCorrection": "START",
        "PatientWeight": WEIGHT_KG,
        "SeriesDate": "20260110",
        "SeriesTime": "100000",
        "AcquisitionDate": "20260110",
        "AcquisitionTime": "100000",
        "RadiopharmaceuticalInformationSequence": [drug],
    }
    return {**known, **changes}


def test_an_mr_is_read_as_its_header_rescales_it(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "mr", _ramp(), "MR", 0.7)
    found = read_second(folder)
    assert (found.modality, found.unit) == ("MR", "")
    np.testing.assert_allclose(found.volume.hu * found.per_step, _ramp().volume.hu, atol=1.2)
    assert [row.modality for row in list_second(folder)] == ["MR"]
    with pytest.raises(ImagingError) as refused:
        read_volume(folder)  # it never becomes a planning CT
    assert refused.value.code == "no_ct_series"


def test_a_pet_is_read_in_suv(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "pet", _ramp(), "PT", 1.3, **_pet())
    found = read_second(folder)
    left_bq = DOSE_BQ * 0.5 ** (3600.0 / HALF_LIFE_S)
    wanted = _ramp().volume.hu * WEIGHT_KG * 1000.0 / left_bq
    assert found.unit == "SUV"
    np.testing.assert_allclose(found.volume.hu * found.per_step, wanted, atol=0.001)
    assert found.value_at((6.0, 6.0, 6.0)) == pytest.approx(float(wanted[2, 2, 2]), abs=0.001)


@pytest.mark.parametrize("lacking", ["PatientWeight", "DecayCorrection", "Units"])
def test_a_pet_without_what_an_suv_needs_says_so(tmp_path: Path, lacking: str) -> None:
    folder = write_series(tmp_path / "pet", _ramp(), "PT", **_pet(**{lacking: None}))
    found = read_second(folder)
    assert found.unit != "SUV"
    assert [one.code for one in found.volume.series.problems] == ["no_suv"]


def test_a_dose_corrected_to_the_administration_does_not_decay() -> None:
    header = Dataset()
    for name, value in _pet(DecayCorrection="ADMIN").items():
        setattr(header, name, value)
    assert pet_scale(header).factor == pytest.approx(WEIGHT_KG * 1000.0 / DOSE_BQ)


def test_another_patient_is_refused_without_being_named(tmp_path: Path) -> None:
    places = [(0.0, 0.0, 3.0 * n) for n in range(5)]
    ct = field_series(tmp_path / "ct", places, PatientID="SECRET-1", StudyDate="20260101")
    mr = write_series(tmp_path / "mr", _ramp(), "MR", PatientID="SECRET-2", StudyDate="20260115")
    beside = planning_file(ct, read_volume(ct).series.uid)
    assert beside is not None
    with pytest.raises(ImagingError) as refused:
        read_second(mr, None, beside)
    assert refused.value.code == "other_patient"
    assert "SECRET" not in str(refused.value)
    found = read_second(mr, None, beside, is_anonymised=True)
    assert (found.days_apart, found.is_same_patient) == (14, False)

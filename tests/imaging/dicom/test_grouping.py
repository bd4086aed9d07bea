"""What was exported under one UID is taken apart into stacks of slices."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from imaging.dicom.discover import discover
from imaging.dicom.grouping import FoundSeries
from tests.imaging.dicom.enhanced import enhanced_ct
from tests.imaging.dicom.making import ct_slice, field_series, read_file, save


def found(folder: Path) -> tuple[FoundSeries, ...]:
    return discover(sorted(p for p in folder.rglob("*") if p.is_file()), folder).series


def sizes(folder: Path) -> list[int]:
    return [len(series.slices) for series in found(folder)]


def heights(count: int, step: float = 2.0, start: float = 0.0) -> list[list[float]]:
    return [[0.0, 0.0, start + step * n] for n in range(count)]


def test_two_kernels_over_the_same_places_are_two_stacks(tmp_path: Path) -> None:
    field_series(tmp_path / "a", heights(8), ConvolutionKernel="SOFT")
    field_series(tmp_path / "b", heights(8), ConvolutionKernel="BONE")
    stacks = found(tmp_path)
    assert [len(one.slices) for one in stacks] == [8, 8]
    assert {one.first.kernel for one in stacks} == {"SOFT", "BONE"}
    assert stacks[1].uid == "1.2.3.4/2"


def test_two_acquisitions_that_overlap_in_part_are_two_stacks(tmp_path: Path) -> None:
    field_series(tmp_path / "a", heights(10), AcquisitionNumber=1)
    field_series(tmp_path / "b", heights(6, start=12.0), AcquisitionNumber=2)
    assert sizes(tmp_path) == [10, 6]


def test_acquisitions_that_follow_each_other_stay_one_stack(tmp_path: Path) -> None:
    field_series(tmp_path / "a", heights(5), AcquisitionNumber=1)
    field_series(tmp_path / "b", heights(5, start=10.0), AcquisitionNumber=2)
    assert sizes(tmp_path) == [10]


def test_a_reformat_under_the_same_uid_is_apart(tmp_path: Path) -> None:
    field_series(tmp_path / "a", heights(8))
    field_series(tmp_path / "b", [[0, 2.0 * n, 0] for n in range(5)], (1, 0, 0, 0, 0, -1))
    assert sizes(tmp_path) == [8, 5]


def test_another_frame_of_reference_is_apart(tmp_path: Path) -> None:
    field_series(tmp_path / "a", heights(6))
    field_series(tmp_path / "b", heights(6, start=12.0), FrameOfReferenceUID="1.2.3.9")
    assert sizes(tmp_path) == [6, 6]


def test_series_without_uid_are_kept_apart_by_folder_and_number(tmp_path: Path) -> None:
    field_series(tmp_path / "a", heights(6), series_uid="")
    field_series(tmp_path / "b", heights(4), series_uid="")
    assert sizes(tmp_path) == [6, 4]


def test_times_of_an_enhanced_image_are_apart(tmp_path: Path) -> None:
    save(enhanced_ct(heights(4) * 3, [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]), tmp_path / "e.dcm")
    stacks = found(tmp_path)
    assert [len(one.slices) for one in stacks] == [4, 4, 4]
    assert all(len(one.headers) == 1 for one in stacks)


def test_localizers_and_dose_screens_are_counted_and_named(tmp_path: Path) -> None:
    field_series(tmp_path / "a", heights(4))
    scout = ct_slice(np.zeros((8, 8), np.int16), [0, 0, 0])
    scout.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    del scout.ImageOrientationPatient
    save(scout, tmp_path / "scout.dcm")
    result = discover(sorted(p for p in tmp_path.rglob("*") if p.is_file()), tmp_path)
    assert [(one.path, one.reason) for one in result.skipped] == [
        ("scout.dcm", "localizer or dose screen, not a slice")
    ]
    assert result.series[0].localizers == 1


def test_one_slice_sent_again_under_another_number_stays_a_duplicate(tmp_path: Path) -> None:
    folder = field_series(tmp_path, heights(6))
    again = read_file(folder / "0002.dcm")
    again.SOPInstanceUID, again.InstanceNumber = "1.2.3.99", 70
    save(again, folder / "again.dcm")
    assert sizes(tmp_path) == [7]

"""What was exported under one UID is taken apart into stacks of slices."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from imaging.dicom.discover import discover, opened
from imaging.dicom.grouping import FoundSeries
from tests.conftest import Run
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


def test_the_same_heights_beside_each_other_are_two_stacks(tmp_path: Path) -> None:
    field_series(tmp_path / "a", [[-80.0, 0.0, 2.0 * n] for n in range(6)])
    field_series(tmp_path / "b", [[60.0, 0.0, 2.0 * n] for n in range(6)])
    assert sizes(tmp_path) == [6, 6]


def test_interleaved_acquisitions_are_not_mixed_slice_by_slice(tmp_path: Path) -> None:
    field_series(tmp_path / "a", heights(8), AcquisitionNumber=1)
    field_series(tmp_path / "b", heights(8, start=1.0), AcquisitionNumber=2)
    assert sizes(tmp_path) == [8, 8]


def test_rotations_of_an_axial_scan_stay_one_stack(tmp_path: Path) -> None:
    for block in range(5):
        folder = tmp_path / str(block)
        field_series(folder, heights(4, start=8.0 * block), AcquisitionNumber=block + 1)
    assert sizes(tmp_path) == [20]


def test_an_acquisition_number_for_each_slice_splits_nothing(tmp_path: Path) -> None:
    folder = field_series(tmp_path, heights(12))
    for number, file in enumerate(sorted(folder.iterdir())):
        dataset = read_file(file)
        dataset.AcquisitionNumber = number + 1
        save(dataset, file)
    again = read_file(folder / "0004.dcm")
    again.SOPInstanceUID, again.AcquisitionNumber = "1.2.3.99", 50
    save(again, folder / "again.dcm")
    assert sizes(tmp_path) == [13]


def test_an_empty_frame_of_reference_fits_any(tmp_path: Path) -> None:
    folder = field_series(tmp_path, heights(10))
    for file in sorted(folder.iterdir())[::2]:
        dataset = read_file(file)
        dataset.FrameOfReferenceUID = ""
        save(dataset, file)
    assert sizes(tmp_path) == [10]


def test_frames_of_reference_in_turn_stay_one_stack(tmp_path: Path) -> None:
    folder = field_series(tmp_path, heights(10))
    for file in sorted(folder.iterdir())[::2]:
        dataset = read_file(file)
        dataset.FrameOfReferenceUID = "1.2.3.6"
        save(dataset, file)
    assert sizes(tmp_path) == [10]


def test_another_study_under_the_same_series_is_apart(tmp_path: Path) -> None:
    field_series(tmp_path / "a", heights(6), FrameOfReferenceUID="")
    field_series(
        tmp_path / "b", heights(6, start=20.0), FrameOfReferenceUID="", StudyInstanceUID="1.9"
    )
    assert sizes(tmp_path) == [6, 6]


def test_a_series_without_uid_can_be_asked_for_by_the_name_that_was_told(
    tmp_path: Path, run: Run
) -> None:
    field_series(tmp_path / "a", heights(6), series_uid="")
    field_series(tmp_path / "b", heights(4), series_uid="")
    status, told, _ = run("series", tmp_path, "--json")
    assert status == 0
    assert all({p["code"] for p in row["problems"]} == {"no_uid"} for row in told["series"])
    small = told["series"][1]
    out = tmp_path / "small.nii.gz"
    status, row, _ = run("convert", tmp_path, out, "--series", small["uid"], "--json")
    assert status == 0
    assert row["slices"] == 4
    (tmp_path / "a").rename(tmp_path / "z")
    assert run("series", tmp_path, "--json")[1]["series"][1]["uid"] == small["uid"]


def test_the_numbers_of_stacks_do_not_depend_on_folder_names(tmp_path: Path) -> None:
    field_series(tmp_path / "a", heights(8), ConvolutionKernel="SOFT")
    field_series(tmp_path / "b", heights(8), ConvolutionKernel="BONE")
    before = {one.uid: one.first.kernel for one in found(tmp_path)}
    (tmp_path / "a").rename(tmp_path / "z")
    assert {one.uid: one.first.kernel for one in found(tmp_path)} == before


def test_a_folder_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    field_series(tmp_path / "a", heights(4))
    (tmp_path / "locked").mkdir()
    scandir = os.scandir

    def refusing(path: str | os.PathLike[str]) -> Iterator[os.DirEntry[str]]:
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with opened(tmp_path) as files:
        result = discover(files, tmp_path)
    assert [one.path for one in result.skipped] == ["locked"]
    assert len(result.series[0].slices) == 4


def test_links_to_folders_are_followed_once(tmp_path: Path) -> None:
    field_series(tmp_path / "elsewhere", heights(4))
    opened_folder = tmp_path / "opened"
    opened_folder.mkdir()
    (opened_folder / "link").symlink_to(tmp_path / "elsewhere")
    (opened_folder / "loop").symlink_to(opened_folder)
    with opened(opened_folder) as files:
        assert len(files) == 4

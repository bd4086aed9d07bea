"""A case on disk is whole or absent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imaging.errors import ImagingError, refuse_image
from imaging.files import write_array
from imaging.phantom import save
from imaging.phantom.cases import GeneratedCase, generate


@pytest.fixture(scope="module")
def case() -> GeneratedCase:
    return generate("rib", spacing_mm=3.0, margin_mm=10.0)


def _save(case: GeneratedCase, folder: Path) -> tuple[Path, ...]:
    return save.save_case(
        folder, case.volume, case.lesion, case.truth, labels=case.labels, names=case.names
    )


def test_all_files_are_written(case: GeneratedCase, tmp_path: Path) -> None:
    files = _save(case, tmp_path / "a" / "b")
    assert all(file.exists() for file in files)
    names = {"dicom", "lesion.nii.gz", "labels.nii.gz", "labels.json", "truth.json"}
    assert {path.name for path in (tmp_path / "a" / "b").iterdir()} == names


def test_a_failure_half_way_leaves_nothing(
    case: GeneratedCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = write_array

    def full(array: np.ndarray, grid: object, path: Path) -> None:
        if path.name == save.LABELS_FILE:
            raise refuse_image("cannot_write", "no space", path)
        real(array, grid, path)  # type: ignore[arg-type]

    monkeypatch.setattr(save, "write_array", full)
    with pytest.raises(ImagingError):
        _save(case, tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_other_things_keeps_them(case: GeneratedCase, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    _save(case, tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    with pytest.raises(ImagingError) as refused:
        _save(case, tmp_path)
    assert refused.value.code == "folder_holds_dicom"


def test_a_place_nobody_can_write_to_is_refused_before_the_work(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(ImagingError) as refused:
        save.refuse_used_folder(file / "below")
    assert refused.value.code == "cannot_write"

"""Writing a CT series: valid DICOM, exact values, exact places, nothing half written."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from imaging.dicom.write import write_ct_series
from imaging.errors import ImagingError
from imaging.files import read_volume
from imaging.geometry import FloatArray, Grid
from imaging.progress import Cancelled, Progress
from imaging.volume import SeriesInfo, Volume

OBLIQUE = np.array([[0.2, 0.1, 0.974679], [0.1, 0.97, -0.12], [-0.97, 0.12, 0.19]])


def _grid(directions: FloatArray, spacing: tuple[float, float, float]) -> Grid:
    affine = np.eye(4)
    affine[:3, :3] = directions * np.array(spacing)
    affine[:3, 3] = [-31.25, 17.0625, -412.375]
    return Grid((6, 9, 11), affine)


AXIAL = np.fliplr(np.eye(3))
GRIDS = {
    "axial": _grid(AXIAL, (2.0, 0.8, 0.7)),
    "axial downwards": _grid(AXIAL * [-1.0, 1.0, 1.0], (1.25, 0.6, 0.6)),
    "coronal": _grid(np.array([[0, 0, 1.0], [1, 0, 0], [0, -1, 0]]), (3.0, 0.5, 0.5)),
    "oblique": _grid(np.linalg.qr(OBLIQUE)[0], (1.7, 0.83, 0.83)),
}


def _volume(grid: Grid, low: int = -1024, high: int = 3071) -> Volume:
    hu = np.random.default_rng(5).integers(low, high + 1, grid.size_kji).astype(np.int16)
    hu.flat[0], hu.flat[1] = low, high
    series = SeriesInfo(uid="1.2.3", path="/secret/PATIENT^NAME", description="of the source")
    return Volume(hu, grid, series)


def _write(volume: Volume, folder: Path) -> str:
    return write_ct_series(volume, folder, description="test", patient_name="Osteoplan^Teaching")


@pytest.mark.parametrize("name", GRIDS)
def test_another_reader_finds_the_same_values_in_the_same_places(name: str, tmp_path: Path) -> None:
    volume = _volume(GRIDS[name])
    uid = _write(volume, tmp_path / "series")
    reader = sitk.ImageSeriesReader()
    names = reader.GetGDCMSeriesFileNames(str(tmp_path / "series"), uid)
    reader.SetFileNames(names)
    image = reader.Execute()
    array = sitk.GetArrayFromImage(image)
    for kji in [(0, 0, 0), (5, 8, 10), (3, 2, 7), (1, 8, 0)]:
        place = volume.grid.to_lps(kji)
        index = image.TransformPhysicalPointToContinuousIndex([float(n) for n in place])
        i, j, k = (round(n) for n in index)
        assert np.abs(np.array(index) - [i, j, k]).max() < 1e-3
        assert array[k, j, i] == volume.hu[kji]


@pytest.mark.parametrize("limits", [(-1024, 3071), (-2048, 1500), (-32768, 32767)])
def test_values_come_back_exactly(limits: tuple[int, int], tmp_path: Path) -> None:
    volume = _volume(GRIDS["axial"], *limits)
    _write(volume, tmp_path)
    files = [pydicom.dcmread(file) for file in tmp_path.glob("*.dcm")]
    files.sort(key=lambda one: float(one.ImagePositionPatient[2]))
    back = np.stack([f.pixel_array.astype(int) + int(f.RescaleIntercept) for f in files])
    assert np.array_equal(back, volume.hu)
    assert all(f.PixelRepresentation == 0 and f.RescaleSlope == 1 for f in files)


def test_the_program_reads_its_own_series(tmp_path: Path) -> None:
    volume = _volume(GRIDS["axial"])
    uid = _write(volume, tmp_path)
    back = read_volume(tmp_path)
    assert back.series.uid == uid
    there = back.grid.to_kji(volume.grid.to_lps((2, 3, 4)))
    k, j, i = np.rint(there).astype(int)
    assert back.hu[k, j, i] == volume.hu[2, 3, 4]


@pytest.mark.parametrize("name", GRIDS)
def test_a_validator_finds_no_error(name: str, tmp_path: Path) -> None:
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy (dicom3tools) is not installed")
    _write(_volume(GRIDS[name]), tmp_path)
    for file in sorted(tmp_path.glob("*.dcm"))[::3]:
        done = subprocess.run(["dciodvfy", str(file)], capture_output=True, text=True, check=False)
        assert "Error" not in done.stdout + done.stderr, done.stderr


def test_nothing_of_the_source_is_written(tmp_path: Path) -> None:
    _write(_volume(GRIDS["axial"]), tmp_path)
    for file in tmp_path.glob("*.dcm"):
        content = file.read_bytes()
        assert b"PATIENT^NAME" not in content
        assert b"of the source" not in content
        one = pydicom.dcmread(file)
        assert one.PatientName == "Osteoplan^Teaching"
        assert one.StudyDate == "20000101"
        assert one.SeriesInstanceUID != "1.2.3"


def test_uids_are_unique_and_the_numbers_run_from_the_head(tmp_path: Path) -> None:
    first, second = (_write(_volume(GRIDS["axial"]), tmp_path / n) for n in ("a", "b"))
    assert first != second
    files = [pydicom.dcmread(file) for file in sorted((tmp_path / "a").glob("*.dcm"))]
    assert len({one.SOPInstanceUID for one in files}) == 6
    assert [one.InstanceNumber for one in files] == [1, 2, 3, 4, 5, 6]
    heights = [float(one.ImagePositionPatient[2]) for one in files]
    assert heights == sorted(heights, reverse=True)


def test_two_series_are_never_mixed(tmp_path: Path) -> None:
    _write(_volume(GRIDS["axial"]), tmp_path / "inner")
    with pytest.raises(ImagingError) as refused:
        _write(_volume(GRIDS["axial"]), tmp_path)
    assert refused.value.code == "folder_holds_dicom"
    assert len(list(tmp_path.rglob("*.dcm"))) == 6


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("x")
    for folder, code in ((blocker, "not_a_folder"), (blocker / "below", "cannot_write")):
        with pytest.raises(ImagingError) as refused:
            _write(_volume(GRIDS["axial"]), folder)
        assert refused.value.code == code


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = pydicom.dataset.FileDataset.save_as, []

    def full(self: pydicom.dataset.FileDataset, *args: object, **kwargs: object) -> None:
        calls.append(1)
        if len(calls) > 3:
            raise OSError(28, "No space left on device")
        real(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(pydicom.dataset.FileDataset, "save_as", full)
    with pytest.raises(ImagingError) as refused:
        _write(_volume(GRIDS["axial"]), tmp_path / "new" / "series")
    assert refused.value.code == "cannot_write"
    assert "No space left" in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_a_cancelled_series_leaves_nothing_behind(tmp_path: Path) -> None:
    seen: list[float] = []
    progress = Progress(report=lambda f, _: seen.append(f), is_cancelled=lambda: len(seen) > 2)
    with pytest.raises(Cancelled):
        write_ct_series(
            _volume(GRIDS["axial"]),
            tmp_path / "series",
            description="test",
            patient_name="A^B",
            progress=progress,
        )
    assert list(tmp_path.iterdir()) == []


def test_a_sheared_grid_is_refused(tmp_path: Path) -> None:
    affine = GRIDS["axial"].affine_kji_to_lps.copy()
    affine[1, 0] = 0.4
    with pytest.raises(ImagingError) as refused:
        _write(_volume(Grid((6, 9, 11), affine)), tmp_path)
    assert refused.value.code == "sheared_grid"


@pytest.mark.parametrize("value", [1 / 3, -204.4, 1e-17, -1234.56789012345, 123456789.123456789])
def test_decimals_fit_and_keep_their_value(value: float, tmp_path: Path) -> None:
    affine = GRIDS["axial"].affine_kji_to_lps.copy()
    affine[0, 3] = value
    _write(_volume(Grid((2, 3, 3), affine)), tmp_path)
    one = pydicom.dcmread(next(tmp_path.glob("*.dcm")))
    text = str(one.ImagePositionPatient[0].original_string)
    assert len(text) <= 16
    assert float(text) == pytest.approx(value, rel=1e-8, abs=1e-9)

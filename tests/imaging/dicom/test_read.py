"""Every slice lies where its own header puts it, whatever the series went through."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.uid import generate_uid

from imaging.dicom.write import write_ct_series
from imaging.errors import ImagingError
from imaging.files import read_volume, write_array
from imaging.geometry import Grid
from imaging.volume import Volume

DAMAGED = b"\0" * 128 + b"DICM" + b"\1" * 400


@pytest.fixture
def series(tmp_path: Path) -> Path:
    noise = np.random.default_rng(3).integers(-1000, 1500, (12, 40, 48), dtype=np.int16)
    grid = Grid(
        (12, 40, 48),
        np.array([[0, 0, 0.7, -10.0], [0, 0.9, 0, 20.0], [2.5, 0, 0, 5.0], [0, 0, 0, 1.0]]),
    )
    folder = tmp_path / "series"
    write_ct_series(Volume(noise, grid), folder, description="noise", patient_name="Nobody")
    return folder


def slices(folder: Path) -> list[Path]:
    def height(path: Path) -> float:
        return float(pydicom.dcmread(path, stop_before_pixels=True).ImagePositionPatient[2])

    return sorted((path for path in folder.rglob("*") if path.is_file()), key=height)


def codes(volume: Volume) -> set[str]:
    return {problem.code for problem in volume.series.problems}


def change(path: Path, **values: object) -> None:
    dataset = pydicom.dcmread(path)
    for name, value in values.items():
        setattr(dataset, name, value)
    dataset.save_as(path)


def test_series_agrees_with_simpleitk(series: Path) -> None:
    volume = read_volume(series)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([str(path) for path in slices(series)])
    image = reader.Execute()
    np.testing.assert_array_equal(volume.hu, sitk.GetArrayFromImage(image))
    for index in ((0, 0, 0), (11, 39, 47), (4, 7, 30)):
        place = image.TransformIndexToPhysicalPoint([index[2], index[1], index[0]])
        np.testing.assert_allclose(volume.grid.to_lps(index), place, atol=1e-6)
    assert volume.series.max_position_error_mm < 1e-6
    assert not codes(volume)


def test_identical_slices_are_kept_once(series: Path) -> None:
    before = read_volume(series)
    dataset = pydicom.dcmread(slices(series)[5])
    dataset.SOPInstanceUID = generate_uid()
    dataset.save_as(series / "again.dcm")
    after = read_volume(series)
    assert codes(after) == {"duplicate_slices"}
    np.testing.assert_array_equal(before.hu, after.hu)
    assert after.grid.same_as(before.grid)


def test_conflicting_slices_are_said(series: Path) -> None:
    dataset = pydicom.dcmread(slices(series)[5])
    dataset.SOPInstanceUID = generate_uid()
    dataset.PixelData = bytes(len(dataset.PixelData))
    dataset.save_as(series / "zz-again.dcm")
    assert codes(read_volume(series)) == {"conflicting_slices"}


def test_missing_slices_are_interpolated_in_place(series: Path) -> None:
    before = read_volume(series)
    for path in slices(series)[4:6]:
        path.unlink()
    after = read_volume(series)
    assert codes(after) == {"missing_slices"}
    assert after.grid.same_as(before.grid)
    kept = [0, 1, 2, 3, 6, 7, 8, 9, 10, 11]
    np.testing.assert_array_equal(after.hu[kept], before.hu[kept])
    assert after.series.max_position_error_mm < 1e-6


def test_a_gap_that_could_hide_a_lesion_is_refused(series: Path) -> None:
    for path in slices(series)[3:9]:
        path.unlink()
    with pytest.raises(ImagingError, match="could hide"):
        read_volume(series)


def test_uneven_slices_are_resampled_in_place(series: Path) -> None:
    for number, path in enumerate(slices(series)):
        z = 5.0 + 2.5 * number + (0.7 if number % 3 == 1 else 0.0)
        change(path, ImagePositionPatient=[-10.0, 20.0, z])
    volume = read_volume(series)
    assert codes(volume) == {"variable_spacing"}
    assert volume.series.max_position_error_mm < 1e-6


def test_tilted_gantry_is_straightened(series: Path) -> None:
    tilt = np.radians(20.0)
    for number, path in enumerate(slices(series)):
        orientation = [1, 0, 0, 0, float(np.cos(tilt)), float(-np.sin(tilt))]
        change(
            path,
            ImageOrientationPatient=orientation,
            ImagePositionPatient=[-10.0, 20.0, 5.0 + 2.5 * number],
        )
    volume = read_volume(series)
    assert codes(volume) == {"gantry_tilt"}
    axes = volume.grid.affine_kji_to_lps[:3, :3] / np.array(volume.grid.spacing_mm_kji)
    np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-6)
    assert volume.series.max_position_error_mm < 1e-4


def test_slices_in_one_place_are_no_volume(series: Path) -> None:
    for path in slices(series):
        change(path, ImagePositionPatient=[-10.0, 20.0, 5.0])
    with pytest.raises(ImagingError) as refusal:
        read_volume(series)
    assert refusal.value.code == "not_a_volume"


def test_padding_becomes_air(series: Path) -> None:
    path = slices(series)[0]
    dataset = pydicom.dcmread(path)
    pixels = dataset.pixel_array.copy()
    pixels[:5] = 63536
    dataset.PixelData = pixels.tobytes()
    dataset.add_new("PixelPaddingValue", "US", 63536)
    dataset.save_as(path)
    assert (read_volume(series).hu[0, :5] <= -1000).all()


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda folder: None, "empty"),
        (lambda folder: (folder / "notes.txt").write_text("hello"), "no_ct_series"),
        (lambda folder: (folder / "x.dcm").write_bytes(DAMAGED), "no_ct_series"),
    ],
    ids=["empty", "text", "damaged"],
)
def test_folders_without_ct_are_refused(tmp_path: Path, make: object, code: str) -> None:
    make(tmp_path)  # type: ignore[operator]
    with pytest.raises(ImagingError) as refusal:
        read_volume(tmp_path)
    assert refusal.value.code == code


def test_only_localizers_are_refused(series: Path) -> None:
    for path in slices(series):
        change(path, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    with pytest.raises(ImagingError) as refusal:
        read_volume(series)
    assert refusal.value.code == "localizer_only"


def test_zip_that_leads_outside_is_refused(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("../../evil.dcm", b"x")
    with pytest.raises(ImagingError) as refusal:
        read_volume(tmp_path / "bad.zip")
    assert refusal.value.code == "unsafe_zip"


def test_nifti_agrees_with_nibabel(series: Path, tmp_path: Path) -> None:
    volume = read_volume(series)
    write_array(volume.hu, volume.grid, tmp_path / "out.nii.gz")
    image = nibabel.load(tmp_path / "out.nii.gz")
    data = np.asarray(image.dataobj)  # type: ignore[attr-defined]
    for k, j, i in ((0, 0, 0), (11, 39, 47), (3, 20, 9)):
        ras = image.affine @ [i, j, k, 1]  # type: ignore[attr-defined]
        np.testing.assert_allclose(volume.grid.to_lps((k, j, i)), ras[:3] * [-1, -1, 1], atol=1e-4)
        assert data[i, j, k] == volume.hu[k, j, i]


def test_real_series_agrees_with_simpleitk(shared_data: Path) -> None:
    folder = shared_data / "lumbar-pelvis-dicom"
    volume = read_volume(folder)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([str(path) for path in slices_of_real(folder)])
    np.testing.assert_array_equal(volume.hu, sitk.GetArrayFromImage(reader.Execute()))
    assert volume.series.max_position_error_mm < 0.01


def slices_of_real(folder: Path) -> list[Path]:
    files = [path for path in folder.iterdir() if path.suffix == ".dcm"]
    return sorted(
        files,
        key=lambda path: float(
            pydicom.dcmread(path, stop_before_pixels=True).ImagePositionPatient[2]
        ),
    )


@pytest.mark.parametrize(
    ("name", "reference", "problems"),
    [
        ("gantrytilting/001", "gantrytilting_001_Tilt_1", {"gantry_tilt"}),
        ("sliceincrement/001", "sliceincrement_001_Eq_1", {"missing_slices"}),
        ("sliceincrement/002", "sliceincrement_002_Tilt_Eq_1", {"gantry_tilt", "missing_slices"}),
    ],
)
def test_repaired_series_agree_with_dcm2niix(
    shared_data: Path, name: str, reference: str, problems: set[str]
) -> None:
    hard = shared_data / "hard"
    volume = read_volume(hard / "gaps-and-tilt" / name)
    assert codes(volume) == problems
    path = hard / "gaps-and-tilt-reference" / f"dicom2nifti_failing_{reference}.nii.gz"
    image = nibabel.load(path)
    theirs = np.asarray(image.dataobj)  # type: ignore[attr-defined]
    inside = np.array([[i, j, k] for i in (150, 256, 350) for j in (200, 260) for k in (1, 2)])
    ras = inside @ image.affine[:3, :3].T + image.affine[:3, 3]  # type: ignore[attr-defined]
    ours = volume.hu_at(ras * [-1, -1, 1])
    values = theirs[inside[:, 0], inside[:, 1], inside[:, 2]]
    assert np.median(np.abs(ours - values)) <= 60


@pytest.mark.parametrize(
    "name", ["CT1_J2KR", "CT1_JLSL", "CT1_JPLL", "CT1_RLE", "CT2_J2KR", "CT2_JLSL", "CT2_RLE"]
)
def test_lossless_encodings_give_the_same_values(shared_data: Path, name: str) -> None:
    folder = shared_data / "hard" / "transfer-syntaxes"
    twin = folder / f"{name[:3]}_UNC"
    if not twin.exists():
        pytest.skip("no uncompressed twin")
    np.testing.assert_array_equal(read_volume(folder / name).hu, read_volume(twin).hu)

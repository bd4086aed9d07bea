"""Values in Hounsfield units are right whatever the encoding."""

from __future__ import annotations

import shutil
import subprocess
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray
from pydicom.uid import ImplicitVRLittleEndian

from app.bench.load import ENCODINGS, encode_series
from imaging.dicom.headers import read_header
from imaging.dicom.pixels import PixelSource
from imaging.errors import ImagingError
from imaging.files import read_volume
from tests.imaging.dicom.making import ct_slice, save


@pytest.fixture
def noise() -> NDArray[np.int16]:
    return np.random.default_rng(5).integers(-1024, 3000, (6, 33, 47), dtype=np.int16)


def write(folder: Path, slices: NDArray[np.int16], **elements: Any) -> Path:
    for number, pixels in enumerate(slices):
        save(ct_slice(pixels, [0, 0, 2.0 * number], **elements), folder / f"{number}.dcm")
    return folder


@pytest.mark.parametrize("encoding", sorted(ENCODINGS))
def test_every_lossless_encoding_gives_the_same_values(
    tmp_path: Path, noise: NDArray[np.int16], encoding: str
) -> None:
    folder = write(tmp_path, noise)
    encode_series(folder, encoding)
    np.testing.assert_array_equal(read_volume(folder).hu, noise)


@pytest.mark.parametrize(
    ("tool", "options"),
    [
        ("dcmcrle", []),
        ("dcmcjpeg", ["+e1"]),
        ("dcmcjpeg", ["+el", "+sv", "4"]),
        ("dcmcjpls", ["+el"]),
        ("dcmconv", ["+te"]),
        ("dcmconv", ["+ti"]),
        ("dcmconv", ["+tb"]),
        ("dcmconv", ["+td"]),
        ("dcmconv", ["-F", "+te"]),
        ("dcmconv", ["-F", "+ti"]),
        ("dcmconv", ["+te", "-e"]),
        ("dcmconv", ["+ti", "-g"]),
    ],
)
def test_files_written_by_dcmtk(
    tmp_path: Path, noise: NDArray[np.int16], tool: str, options: list[str]
) -> None:
    if shutil.which(tool) is None:
        pytest.skip("dcmtk is absent")
    plain = write(tmp_path / "plain", noise)
    out = tmp_path / "out"
    out.mkdir()
    for file in sorted(plain.iterdir()):
        command = [tool, *options, str(file), str(out / file.name)]
        subprocess.run(command, check=True, capture_output=True)
    np.testing.assert_array_equal(read_volume(out).hu, noise)


def test_signed_values_of_fewer_bits_keep_their_sign(
    tmp_path: Path, noise: NDArray[np.int16]
) -> None:
    hu = np.clip(noise, -1024, 2047)
    for number, pixels in enumerate(hu):
        one = ct_slice(pixels, [0, 0, 2.0 * number])
        one.BitsStored, one.HighBit, one.PixelRepresentation = 12, 11, 1
        one.RescaleIntercept = 0
        overlay = 0xF000 if number % 2 else 0
        one.PixelData = ((pixels.astype(np.int32) & 0x0FFF) | overlay).astype("<u2").tobytes()
        save(one, tmp_path / f"{number}.dcm")
    np.testing.assert_array_equal(read_volume(tmp_path).hu, hu)


def test_bits_above_those_stored_are_no_values(tmp_path: Path, noise: NDArray[np.int16]) -> None:
    hu = np.clip(noise, -1024, 3000)
    for number, pixels in enumerate(hu):
        one = ct_slice(pixels, [0, 0, 2.0 * number])
        one.BitsStored, one.HighBit = 12, 11
        stored = (pixels.astype(np.int32) + 1024) | (0x8000 if number == 3 else 0)
        one.PixelData = stored.astype("<u2").tobytes()
        save(one, tmp_path / f"{number}.dcm")
    np.testing.assert_array_equal(read_volume(tmp_path).hu, hu)


@pytest.mark.parametrize(("slope", "intercept"), [(2.0, -1024.0), (0.5, -1000.5), (1.0, -1024.5)])
def test_rescaling_is_applied_slice_by_slice(
    tmp_path: Path, noise: NDArray[np.int16], slope: float, intercept: float
) -> None:
    noise = np.clip(noise, -1024, 900)
    for number, pixels in enumerate(noise):
        one = ct_slice(pixels, [0, 0, 2.0 * number])
        if number != 2:
            one.RescaleSlope, one.RescaleIntercept = str(slope), str(intercept)
        save(one, tmp_path / f"{number}.dcm")
    expected = np.rint((noise.astype(float) + 1024) * slope + intercept)
    expected[2] = noise[2]
    np.testing.assert_array_equal(read_volume(tmp_path).hu, expected)


@pytest.mark.parametrize("bits", [8, 32])
def test_other_widths(tmp_path: Path, bits: int) -> None:
    stored = np.random.default_rng(2).integers(0, 200, (3, 16, 18))
    for number, pixels in enumerate(stored):
        one = ct_slice(pixels.astype(np.int16), [0, 0, 2.0 * number])
        one.BitsAllocated, one.BitsStored, one.HighBit = bits, bits, bits - 1
        one.RescaleIntercept = -100
        one.PixelData = pixels.astype(f"<u{bits // 8}").tobytes()
        save(one, tmp_path / f"{number}.dcm")
    np.testing.assert_array_equal(read_volume(tmp_path).hu, stored - 100)


def test_values_beyond_sixteen_bits_are_cut_not_wrapped(tmp_path: Path) -> None:
    for number in range(2):
        one = ct_slice(np.zeros((32, 32), np.int16), [0, 0, 2.0 * number])
        stored = np.zeros((32, 32), "<u2")
        stored[0, 0] = 65535
        one.PixelData, one.RescaleIntercept = stored.tobytes(), "-1000"
        save(one, tmp_path / f"{number}.dcm")
    hu = read_volume(tmp_path).hu
    assert (hu[:, 0, 0] == 32767).all()
    assert hu[0, 1, 1] == -1000


def test_values_without_rescaling_and_without_air_are_refused(tmp_path: Path) -> None:
    for number in range(3):
        one = ct_slice(np.full((8, 8), 50, np.int16), [0, 0, 2.0 * number])
        del one.RescaleIntercept, one.RescaleSlope
        save(one, tmp_path / f"{number}.dcm")
    with pytest.raises(ImagingError) as refusal:
        read_volume(tmp_path)
    assert refusal.value.code == "not_hounsfield"


def test_bytes_in_the_wrong_order_are_refused(tmp_path: Path, noise: NDArray[np.int16]) -> None:
    for number, pixels in enumerate(noise):
        one = ct_slice(pixels, [0, 0, 2.0 * number])
        one.PixelData = (pixels + 1024).astype(">u2").tobytes()
        save(one, tmp_path / f"{number}.dcm")
    with pytest.raises(ImagingError) as refusal:
        read_volume(tmp_path)
    assert refusal.value.code == "not_hounsfield"


def test_effective_atomic_numbers_are_no_ct(tmp_path: Path, noise: NDArray[np.int16]) -> None:
    write(tmp_path, noise, RescaleType="Z_EFF")
    with pytest.raises(ImagingError, match="Z_EFF"):
        read_volume(tmp_path)


def test_a_data_set_without_preamble_is_read(tmp_path: Path, noise: NDArray[np.int16]) -> None:
    for number, pixels in enumerate(noise):
        one = ct_slice(pixels, [0, 0, 2.0 * number])
        one.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
        path = save(one, tmp_path / f"{number}.dcm")
        data = path.read_bytes()
        meta_bytes = pydicom.dcmread(path).file_meta.FileMetaInformationGroupLength
        path.write_bytes(data[144 + meta_bytes :])
    np.testing.assert_array_equal(read_volume(tmp_path).hu, noise)


def test_real_files_agree_with_pydicom_and_simpleitk(shared_data: Path) -> None:
    compared = 0
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    for file in sorted((shared_data / "hard").rglob("*")):
        try:
            header = read_header(file)
        except (ImagingError, IsADirectoryError):
            continue
        out = np.empty((len(header.frames), *header.layout.size_ji), dtype=np.int16)
        source = PixelSource(header)
        for frame, target in zip(header.frames, out, strict=True):
            source.read(frame, target)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                stored = pydicom.dcmread(file, force=True).pixel_array.reshape(out.shape)
        except Exception:  # pydicom cannot read all that is here
            continue
        slope = np.array([frame.slope for frame in header.frames])[:, None, None]
        intercept = np.array([frame.intercept for frame in header.frames])[:, None, None]
        np.testing.assert_array_equal(out, np.rint(stored * slope + intercept), err_msg=file.name)
        compared += 1
        if len(header.frames) == 1 and "no_meta" not in file.name:
            image = sitk.GetArrayFromImage(sitk.ReadImage(str(file)))
            np.testing.assert_array_equal(out, image.reshape(out.shape), err_msg=file.name)
    assert compared >= 30


@pytest.mark.parametrize("options", [["+pt", "1"], ["+sv", "4", "+pt", "2"]])
def test_a_point_transform_is_undone_and_said(
    tmp_path: Path, noise: NDArray[np.int16], options: list[str]
) -> None:
    if shutil.which("dcmcjpeg") is None or shutil.which("dcmdjpeg") is None:
        pytest.skip("dcmtk is absent")
    plain = write(tmp_path / "plain", noise)
    packed, unpacked = tmp_path / "packed", tmp_path / "unpacked"
    packed.mkdir()
    unpacked.mkdir()
    for file in sorted(plain.iterdir()):
        command = ["dcmcjpeg", "+el", *options, str(file), str(packed / file.name)]
        subprocess.run(command, check=True, capture_output=True)
        command = ["dcmdjpeg", str(packed / file.name), str(unpacked / file.name)]
        subprocess.run(command, check=True, capture_output=True)
    volume = read_volume(packed)
    np.testing.assert_array_equal(volume.hu, read_volume(unpacked).hu)
    assert "lossy_compression" in {problem.code for problem in volume.series.problems}


@pytest.mark.parametrize(("reversible", "level"), [(True, 0), (False, 60)])
def test_a_lossy_codestream_is_said_whatever_the_header_says(
    tmp_path: Path, reversible: bool, level: int
) -> None:
    import imagecodecs
    from pydicom.encaps import encapsulate
    from pydicom.uid import JPEG2000

    smooth = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint16) * 8
    stream = imagecodecs.jpeg2k_encode(
        smooth, level=level, codecformat="j2k", reversible=reversible, mct=False
    )
    for number in range(3):
        one = ct_slice(np.zeros((64, 64), np.int16), [0, 0, 2.0 * number])
        one.PixelData = encapsulate([bytes(stream)])
        one["PixelData"].VR = "OB"
        one.file_meta.TransferSyntaxUID = JPEG2000
        save(one, tmp_path / f"{number}.dcm")
    codes = {problem.code for problem in read_volume(tmp_path).series.problems}
    assert ("lossy_compression" in codes) == (not reversible)


@pytest.mark.parametrize("lacks", [["RescaleSlope", "RescaleIntercept"], ["RescaleIntercept"]])
def test_a_slice_without_rescaling_among_others_is_left_out(
    tmp_path: Path, noise: NDArray[np.int16], lacks: list[str]
) -> None:
    folder = write(tmp_path, noise)
    dataset = pydicom.dcmread(folder / "2.dcm")
    for name in lacks:
        delattr(dataset, name)
    save(dataset, folder / "2.dcm")
    volume = read_volume(folder)
    codes = {problem.code for problem in volume.series.problems}
    assert codes == {"damaged_slices", "missing_slices"}
    np.testing.assert_array_equal(volume.hu[[0, 1, 3, 4, 5]], noise[[0, 1, 3, 4, 5]])


def test_padding_does_not_hide_that_rescaling_lacks(tmp_path: Path) -> None:
    for number in range(3):
        one = ct_slice(np.zeros((16, 16), np.int16), [0, 0, 2.0 * number])
        stored = np.full((16, 16), 1000, "<u2")
        stored[:4] = 63536
        one.PixelData = stored.tobytes()
        one.add_new("PixelPaddingValue", "US", 63536)
        del one.RescaleIntercept, one.RescaleSlope
        save(one, tmp_path / f"{number}.dcm")
    with pytest.raises(ImagingError) as refusal:
        read_volume(tmp_path)
    assert refusal.value.code == "not_hounsfield"


def test_a_range_of_padding_becomes_air(tmp_path: Path) -> None:
    for number in range(3):
        one = ct_slice(np.zeros((16, 16), np.int16), [0, 0, 2.0 * number])
        stored = np.full((16, 16), 1064, "<u2")
        stored[:2], stored[2:4] = 63536, 64000
        one.PixelData = stored.tobytes()
        one.add_new("PixelPaddingValue", "US", 63536)
        one.add_new("PixelPaddingRangeLimit", "US", 65535)
        save(one, tmp_path / f"{number}.dcm")
    hu = read_volume(tmp_path).hu
    assert (hu[:, :4] == -1024).all()
    assert (hu[:, 4:] == 40).all()


def test_padding_that_tissue_has_too_counts_only_at_the_border(tmp_path: Path) -> None:
    for number in range(3):
        one = ct_slice(np.zeros((20, 20), np.int16), [0, 0, 2.0 * number])
        hu = np.full((20, 20), -50, "<i2")
        hu[:3] = 0
        hu[10:12, 10:12] = 0
        one.PixelData, one.PixelRepresentation, one.RescaleIntercept = hu.tobytes(), 1, 0
        one.add_new("PixelPaddingValue", "SS", 0)
        save(one, tmp_path / f"{number}.dcm")
    volume = read_volume(tmp_path)
    assert (volume.hu[:, :3] == -1024).all()
    assert (volume.hu[:, 10:12, 10:12] == 0).all()


def test_an_enhanced_image_rescaled_as_a_whole(tmp_path: Path) -> None:
    from tests.imaging.dicom.enhanced import enhanced_ct

    one = enhanced_ct([[0, 0, 2.0 * n] for n in range(4)], [1] * 4)
    save(one, tmp_path / "a" / "frames.dcm")
    del one.SharedFunctionalGroupsSequence[0].PixelValueTransformationSequence
    one.RescaleSlope, one.RescaleIntercept = "1", "-1024"
    save(one, tmp_path / "b" / "whole.dcm")
    np.testing.assert_array_equal(read_volume(tmp_path / "a").hu, read_volume(tmp_path / "b").hu)


@pytest.mark.parametrize("change", ["half", "palette", "float"])
def test_what_only_looks_like_values_is_refused(
    tmp_path: Path, noise: NDArray[np.int16], change: str
) -> None:
    for number, pixels in enumerate(noise):
        one = ct_slice(pixels, [0, 0, 2.0 * number])
        if change == "half":
            one.PixelData = one.PixelData[: len(one.PixelData) // 4 * 2]
            one.add_new(0xFFFCFFFC, "OB", b"\0" * 4000)
        elif change == "palette":
            one.PhotometricInterpretation = "PALETTE COLOR"
        else:
            del one.PixelData
            one.BitsAllocated = 32
            one.FloatPixelData = pixels.astype("<f4").tobytes()
        save(one, tmp_path / f"{number}.dcm")
    with pytest.raises(ImagingError):
        read_volume(tmp_path)


def test_elements_out_of_order_change_no_value(tmp_path: Path, noise: NDArray[np.int16]) -> None:
    hu = np.clip(noise, -1024, 3000)
    for number, pixels in enumerate(hu):
        one = ct_slice(pixels, [0, 0, 2.0 * number])
        one.BitsStored, one.HighBit = 12, 15
        one.PixelData = ((pixels.astype(np.int32) + 1024) << 4).astype("<u2").tobytes()
        path = save(one, tmp_path / f"{number}.dcm")
        data = path.read_bytes()
        element = b"\x08\x00\x60\x00CS\x02\x00CT"
        assert data.count(element) == 1
        behind = data.index(b"\x28\x00\x02\x00US")
        moved = data[:behind] + element + data[behind:]
        path.write_bytes(moved.replace(element, b"", 1))
    np.testing.assert_array_equal(read_volume(tmp_path).hu, hu)

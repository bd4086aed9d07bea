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

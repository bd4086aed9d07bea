"""Bad input ends in a refusal that names the file, in bounded time and memory; never in a crash."""

from __future__ import annotations

import random
import resource
import shutil
import struct
import time
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    MediaStorageDirectoryStorage,
)

from app.bench.load import ENCODINGS, encode_series
from imaging.dicom.discover import discover, opened
from imaging.dicom.headers import read_header
from imaging.dicom.pixels import PixelSource
from imaging.errors import ImagingError
from imaging.files import read_volume
from tests.conftest import Run
from tests.imaging.dicom.enhanced import enhanced_ct
from tests.imaging.dicom.making import ct_slice, field_series, save

LONGEST_S = 20.0
LARGEST_BYTES = 6 << 30
FUZZED = 2000


@pytest.fixture(autouse=True)
def bounded_memory() -> Iterator[None]:
    """Take memory away, so that what asks for too much fails here."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (LARGEST_BYTES, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def refused(path: Path, run: Run) -> str:
    """Run the program on a file; return what it says. It must refuse, soon, and name the file."""
    begun_s = time.monotonic()
    status, document, err = run("series", path, "--json")
    assert status == 3, document
    assert time.monotonic() - begun_s < LONGEST_S
    assert "Traceback" not in err
    assert path.name in str(document)
    return str(document["error"]["message"])


def slice_file(path: Path, **elements: Any) -> Path:
    pixels = np.zeros((16, 16), np.int16)
    return save(ct_slice(pixels, [0, 0, 0], **elements), path)


@pytest.mark.parametrize(
    "claims",
    [
        {"Rows": 65535, "Columns": 65535},
        {"Rows": 0},
        {"NumberOfFrames": 2**31 - 1},
        {"NumberOfFrames": -1},
        {"BitsStored": 99},
        {"HighBit": 3},
        {"PixelSpacing": ["0", "0"]},
        {"PixelSpacing": ["1e300", "1e300", "1"]},
        {"ImagePositionPatient": ["nan", "0", "0"]},
        {"ImageOrientationPatient": ["1", "0", "0", "1", "0", "0"]},
        {"RescaleSlope": "0"},
        {"SamplesPerPixel": 3},
    ],
    ids=str,
)
def test_headers_that_claim_the_impossible(
    tmp_path: Path, run: Run, claims: dict[str, object]
) -> None:
    with pydicom.config.disable_value_validation():
        path = slice_file(tmp_path / "claims.dcm")
        dataset = pydicom.dcmread(path)
        for name, value in claims.items():
            tag = int(tag_for_keyword(name) or 0)
            dataset.add_new(tag, "LO" if isinstance(value, list) else dictionary_VR(tag), value)
        save(dataset, path)
    refused(path, run)


def test_large_slices_that_are_not_there(tmp_path: Path, run: Run) -> None:
    refused(slice_file(tmp_path / "huge.dcm", Rows=8192, Columns=8192), run)


def test_many_frames_that_are_not_there(tmp_path: Path, run: Run) -> None:
    one = enhanced_ct([[0, 0, float(n)] for n in range(400)], [1] * 400, (4, 4))
    one.Rows, one.Columns = 4096, 4096
    refused(save(one, tmp_path / "frames.dcm"), run)


def test_truncated_pixels(tmp_path: Path, run: Run) -> None:
    path = slice_file(tmp_path / "short.dcm")
    path.write_bytes(path.read_bytes()[:-100])
    assert "ends before" in refused(path, run)


@pytest.mark.parametrize("encoding", ["", "jpeg_ls", "rle"])
def test_one_damaged_slice_is_left_out_and_named(tmp_path: Path, run: Run, encoding: str) -> None:
    folder = field_series(tmp_path / "s", [[0, 0, 2.0 * n] for n in range(8)])
    if encoding:
        encode_series(folder, encoding)
    file = folder / "0003.dcm"
    file.write_bytes(file.read_bytes()[:-150])
    status, document, _ = run("series", folder, "--json")
    assert status == 0
    row = document["series"][0]
    assert row["slices"] == 8
    assert {one["code"] for one in row["problems"]} == {"missing_slices", "damaged_slices"}
    assert [one["path"] for one in document["skipped"]] == ["0003.dcm"]


def test_a_series_of_mostly_damaged_slices_is_refused(tmp_path: Path, run: Run) -> None:
    folder = field_series(tmp_path / "s", [[0, 0, 2.0 * n] for n in range(8)])
    for file in sorted(folder.iterdir())[:4]:
        file.write_bytes(file.read_bytes()[:-50])
    status, document, _ = run("series", folder, "--json")
    assert status == 3
    assert "0002.dcm" in str(document)


def nested(depth: int) -> bytes:
    """Return a private sequence nested so deep, of undefined lengths."""
    begin = b"\x09\x00\x10\x10SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    end = b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
    return begin * depth + end * depth


@pytest.mark.parametrize("depth", [200, 20_000])
def test_sequences_nested_without_end(tmp_path: Path, run: Run, depth: int) -> None:
    path = slice_file(tmp_path / "deep.dcm")
    data = path.read_bytes()
    at = data.index(b"\x18\x00") if b"\x18\x00" in data else data.index(b"\x20\x00\x0d\x00UI")
    path.write_bytes(data[:at] + nested(depth) + data[at:])
    status, document, err = run("series", path, "--json")
    assert status in {0, 3}, document
    assert "Traceback" not in err


def test_a_deflated_bomb(tmp_path: Path, run: Run) -> None:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = UID("1.2.3")
    head = Dataset()
    head.file_meta = meta
    path = tmp_path / "bomb.dcm"
    head.save_as(path, enforce_file_format=True)
    begin = path.read_bytes()
    meta_end = 144 + pydicom.dcmread(path).file_meta.FileMetaInformationGroupLength
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    element = b"\x08\x00\x01\x00UN\0\0" + struct.pack("<I", 0xFFFFFFF0)
    packed = packer.compress(element)
    for _ in range(3000):
        packed += packer.compress(b"\0" * (1 << 20))
    path.write_bytes(begin[:meta_end] + packed + packer.flush())
    assert "expands" in refused(path, run)


def test_a_codestream_of_another_size_than_the_header(tmp_path: Path, run: Run) -> None:
    import imagecodecs

    one = ct_slice(np.zeros((16, 16), np.int16), [0, 0, 0])
    stream = bytearray(imagecodecs.jpeg2k_encode(np.zeros((16, 16), np.uint16), codecformat="j2k"))
    stream[8:16] = struct.pack(">II", 60_000, 60_000)
    one.PixelData = encapsulate([bytes(stream)])
    one["PixelData"].VR = "OB"
    one.file_meta.TransferSyntaxUID = JPEG2000Lossless
    assert "size" in refused(save(one, tmp_path / "codestream.dcm"), run)


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("name", ["../out.dcm", "/tmp/out.dcm", "a/../../out.dcm", "C:\\out.dcm"])
def test_zips_that_lead_out_of_their_folder(tmp_path: Path, run: Run, name: str) -> None:
    assert "leads out" in refused(zipped(tmp_path / "slip.zip", {name: b"x"}), run)


def test_a_zip_bomb(tmp_path: Path, run: Run) -> None:
    content = b"\0" * (100 << 20)
    path = zipped(tmp_path / "bomb.zip", {f"{n}.dcm": content for n in range(12)})
    assert "expand" in refused(path, run)


def test_a_zip_that_was_cut_off(tmp_path: Path, run: Run) -> None:
    folder = field_series(tmp_path / "s", [[0, 0, 2.0 * n] for n in range(4)])
    whole = Path(shutil.make_archive(str(tmp_path / "whole"), "zip", folder))
    cut = tmp_path / "cut.zip"
    cut.write_bytes(whole.read_bytes()[:-500])
    assert "zip is damaged" in refused(cut, run)


def test_a_zip_of_a_series_is_read(tmp_path: Path) -> None:
    folder = field_series(tmp_path / "s", [[0, 0, 2.0 * n] for n in range(4)])
    whole = Path(shutil.make_archive(str(tmp_path / "whole"), "zip", folder))
    np.testing.assert_array_equal(read_volume(whole).hu, read_volume(folder).hu)


def dicomdir(folder: Path, names: list[list[str]]) -> Path:
    one = Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    one.file_meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    one.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3")
    one.DirectoryRecordSequence = []
    for name in names:
        record = Dataset()
        record.DirectoryRecordType = "IMAGE"
        record.ReferencedFileID = name
        one.DirectoryRecordSequence.append(record)
    one.save_as(folder / "DICOMDIR", enforce_file_format=True)
    return folder / "DICOMDIR"


def test_a_dicomdir_that_points_outside(tmp_path: Path, run: Run) -> None:
    inside = tmp_path / "disc"
    inside.mkdir()
    assert "outside" in refused(dicomdir(inside, [["..", "secret.dcm"]]), run)


def test_a_dicomdir_lists_what_is_missing(tmp_path: Path) -> None:
    folder = field_series(tmp_path / "disc", [[0, 0, 2.0 * n] for n in range(3)])
    path = dicomdir(folder, [["0000.DCM"], ["0000.dcm"], ["0001.dcm"], ["GONE"]])
    with opened(path) as files:
        found = discover(files, path.parent)
    assert "GONE" in {one.path for one in found.skipped}
    assert len(found.series[0].slices) == 2


def test_a_fifo_does_not_hang(tmp_path: Path, run: Run) -> None:
    import os

    folder = field_series(tmp_path / "s", [[0, 0, 2.0 * n] for n in range(3)])
    os.mkfifo(folder / "pipe")
    status, document, _ = run("series", folder, "--json")
    assert status == 0
    assert document["series"][0]["slices"] == 3


def originals(folder: Path, shared: Path | None) -> list[bytes]:
    """Return small files of every encoding, and real ones where they are there."""
    found = []
    for encoding in ["plain", *sorted(ENCODINGS)]:
        one = field_series(folder / encoding, [[0, 0, 0]], size_ji=(24, 20))
        if encoding != "plain":
            encode_series(one, encoding)
        found.append((one / "0000.dcm").read_bytes())
    many = enhanced_ct([[0, 0, 1.0 * n] for n in range(4)], [1] * 4)
    found.append(save(many, folder / "enhanced.dcm").read_bytes())
    if shared is not None:
        files = sorted((shared / "hard").rglob("*"))
        found += [f.read_bytes() for f in files if f.is_file() and f.stat().st_size < 300_000]
    return found


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Return bytes changed, cut, doubled or filled somewhere, mostly in the header."""
    out = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 5, 20])):
        end = len(out) if rng.random() < 0.3 else min(len(out), 2500)
        at = rng.randrange(end) if end else 0
        kind = rng.randrange(6)
        if kind == 0:
            out[at : at + 1] = bytes([rng.randrange(256)])
        elif kind == 1:
            out[at : at + 4] = rng.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f"])
        elif kind == 2:
            del out[at:]
        elif kind == 3:
            del out[at : at + rng.randrange(1, 40)]
        elif kind == 4:
            out[at:at] = out[at : at + rng.randrange(1, 400)]
        else:
            out[at : at + 8] = rng.randbytes(8)
    return bytes(out)


def survives(path: Path) -> None:
    """Read a file as the program does; a refusal is well, any other exception is not."""
    begun_s = time.monotonic()
    try:
        header = read_header(path)
        source = PixelSource(header)
        out = np.empty(header.layout.size_ji, np.int16)
        for frame in header.frames[:50]:
            source.read(frame, out)
        read_volume(path)
    except ImagingError as refusal:
        assert str(refusal)
    assert time.monotonic() - begun_s < LONGEST_S


@pytest.mark.parametrize("seed", range(150))
def test_mutated_files(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    path = tmp_path / "mutated.dcm"
    path.write_bytes(mutated(rng.choice(originals(tmp_path, None)), rng))
    survives(path)


@pytest.mark.long
def test_two_thousand_mutated_files(tmp_path: Path, shared_data: Path) -> None:
    rng = random.Random(20_000)
    data = originals(tmp_path, shared_data)
    path = tmp_path / "mutated.dcm"
    for _ in range(FUZZED):
        path.write_bytes(mutated(rng.choice(data), rng))
        survives(path)

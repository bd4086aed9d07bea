"""Reading a series against SimpleITK's series reader, in every encoding, and its peak memory."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from app.bench.timing import Timed, measure
from imaging.dicom.write import write_ct_series
from imaging.files import is_image_file, read_volume
from imaging.geometry import Grid
from imaging.volume import Volume

REPEATS = 5
UNCOMPRESSED_SLICES = 300
COMPRESSED_SLICES = 120
ENCODINGS: dict[str, tuple[UID, Callable[[NDArray[np.uint16]], bytes] | None]] = {
    "big_endian": (ExplicitVRBigEndian, None),
    "deflated": (DeflatedExplicitVRLittleEndian, None),
    "rle": (RLELossless, None),
    "jpeg_lossless": (JPEGLosslessSV1, lambda pixels: bytes(imagecodecs.ljpeg_encode(pixels))),
    "jpeg_ls": (JPEGLSLossless, lambda pixels: bytes(imagecodecs.jpegls_encode(pixels))),
    "jpeg_2000": (
        JPEG2000Lossless,
        lambda pixels: bytes(
            imagecodecs.jpeg2k_encode(pixels, codecformat="j2k", reversible=True, mct=False)
        ),
    ),
}
_PEAK = """
import sys
from pathlib import Path
from imaging.files import read_volume
volume = read_volume(Path(sys.argv[1]))
status = Path("/proc/self/status").read_text()
print(1024 * int(status.split("VmHWM:")[1].split()[0]))
"""


def encode_series(folder: Path, encoding: str) -> None:
    """Encode the files of a series anew, in place.

    Parameters
    ----------
    folder : Path
        Uncompressed, little endian, 16 bits allocated.
    encoding : str
        One of ``ENCODINGS``.
    """
    syntax, encoder = ENCODINGS[encoding]
    for file in sorted(folder.iterdir()):
        dataset = pydicom.dcmread(file)
        if encoder is not None:
            dataset.PixelData = encapsulate([encoder(dataset.pixel_array)])
            dataset["PixelData"].VR = "OB"
        elif syntax == RLELossless:
            dataset.compress(RLELossless, generate_instance_uid=False)
        elif syntax == ExplicitVRBigEndian:
            dataset.PixelData = dataset.pixel_array.astype(">u2").tobytes()
        dataset.file_meta.TransferSyntaxUID = syntax
        fresh = pydicom.Dataset()  # forgets how the elements were written
        for element in dataset:
            fresh.add(element)
        fresh.file_meta = dataset.file_meta
        fresh.save_as(file, enforce_file_format=True)


def bench_load(path: Path | None) -> list[dict[str, Any]]:
    """Measure reading a series, or generated ones in every encoding, with peak memory."""
    if path is not None:
        return [_row("load_series", path)]
    rows = []
    with tempfile.TemporaryDirectory(prefix="osteoplan-bench-") as folder:
        whole = Path(folder) / "uncompressed"
        _write(whole, UNCOMPRESSED_SLICES)
        rows.append(_row(f"load_uncompressed_{UNCOMPRESSED_SLICES}", whole))
        for encoding in ENCODINGS:
            part = Path(folder) / encoding
            _write(part, COMPRESSED_SLICES)
            encode_series(part, encoding)
            rows.append(_row(f"load_{encoding}_{COMPRESSED_SLICES}", part))
    return rows


def _write(folder: Path, slices: int) -> None:
    """Write a series whose values are as noisy as a CT's, so that it shrinks as a CT does."""
    rng = np.random.default_rng(0)
    hu = rng.normal(0.0, 20.0, (slices, 512, 512)).astype(np.int16)
    j, i = np.mgrid[-256:256, -256:256]
    hu[:, np.hypot(j / 180, i / 230) > 1] = -1000
    hu[:, np.hypot((j - 90) / 40, i / 40) < 1] += 400
    made = Volume(hu, Grid.aligned((slices, 512, 512), 1.0, (0.0, 0.0, 0.0)))
    write_ct_series(made, folder, description="bench", patient_name="Bench")


def _row(name: str, source: Path) -> dict[str, Any]:
    volume = read_volume(source)
    peers: dict[str, Callable[[], object]] = {}
    if source.is_dir() and not is_image_file(source):
        peers = _peers(source, volume.grid.size_kji[0])
    timed = Timed(name, lambda: read_volume(source), volume.grid.size_kji[0], "slices/s", peers)
    row = measure(timed, REPEATS)
    row["sha256"] = volume.checksum
    peak = _peak_bytes(source)
    if peak is not None:
        row["peak_memory_ratio"] = peak / volume.hu.nbytes
        row["peak_memory_mb"] = peak / 1e6
    return row


def _peers(source: Path, slices: int) -> dict[str, Callable[[], object]]:
    import SimpleITK as sitk

    reader = sitk.ImageSeriesReader()
    folders = {file.parent for file in source.rglob("*") if file.is_file()}
    for folder in sorted(folders):
        names = reader.GetGDCMSeriesFileNames(str(folder))
        if len(names) == slices:
            reader.SetFileNames(names)
            return {"SimpleITK series reader": reader.Execute}
    return {}


def _peak_bytes(source: Path) -> int | None:
    """Return the largest memory of a program that only reads the series; None where not told."""
    if not Path("/proc/self/status").exists():
        return None
    ran = subprocess.run(  # noqa: S603 - our own interpreter, on a path that was just read
        [sys.executable, "-c", _PEAK, str(source.resolve())],
        capture_output=True,
        text=True,
        check=False,
    )
    return int(ran.stdout) if ran.returncode == 0 else None

"""The report command writes everything, and the patient's name only where it belongs."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image
from pypdf import PdfReader

from imaging.files import read_volume, write_array
from planning.store import PlanFile
from tests.app.report.conftest import GivenBack
from tests.app.report.sources import BORN, IDENTIFIER, NAME, planned
from tests.conftest import Run

Kind = Callable[[str], GivenBack]
FOLDERS = {"", "dicom", "slicer"}


def kept(made: GivenBack, folder: Path) -> Path:
    with PlanFile.create(folder / "plan.osteoplan", made.case):
        pass
    return folder / "plan.osteoplan"


@pytest.fixture
def written(run: Run, given_back: Kind, tmp_path: Path) -> tuple[Path, list[Path]]:
    plan = kept(given_back("straight"), tmp_path)
    status, answer, err = run("report", plan, "--out", tmp_path / "out", "--lang", "fr", "--json")
    assert status == 0, err
    return tmp_path / "out", [Path(name) for name in answer["files"]]


def test_every_file_is_listed(written: tuple[Path, list[Path]]) -> None:
    out, files = written
    assert set(files) == {path for path in out.rglob("*") if path.is_file()}
    assert {str(path.parent.relative_to(out)).replace(".", "") for path in files} == FOLDERS


def test_identity_is_in_dicom_and_report_only(written: tuple[Path, list[Path]]) -> None:
    out, files = written
    secrets = [word.encode() for word in (*NAME.split("^"), IDENTIFIER, BORN)]
    for path in files:
        content = path.read_bytes()
        if path.suffix == ".dcm":
            assert secrets[2] in content, path
            continue
        if path.suffix == ".gz":
            content += gzip.decompress(content)
        if path.suffix == ".nrrd":
            head, _, packed = content.partition(b"\n\n")
            content = head + zlib.decompress(packed, 31)
        if path.suffix == ".png":
            with Image.open(path) as picture:
                content += str(picture.info).encode()
        for secret in secrets:
            assert secret not in content, path
    text = "".join(page.extract_text() for page in PdfReader(out / "report.pdf").pages)
    assert IDENTIFIER in text
    assert "Doe Jane" in text


def test_pictures_in_the_folder_have_no_strip(written: tuple[Path, list[Path]]) -> None:
    import pydicom

    out, _ = written
    picture = np.array(Image.open(out / "axial.png").convert("RGB"))
    capture = pydicom.dcmread(out / "dicom" / "axial.dcm").pixel_array
    assert capture.shape[1] > picture.shape[1]


def test_without_dicom_the_rest_is_written_and_said(
    run: Run, given_back: Kind, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    volume = given_back("straight").volume
    write_array(volume.hu, volume.grid, tmp_path / "ct.nii.gz")
    again = read_volume(tmp_path / "ct.nii.gz")
    with PlanFile.create(tmp_path / "plan.osteoplan", planned(again)):
        pass
    out = tmp_path / "out"
    status, _, err = run("report", tmp_path / "plan.osteoplan", "--out", out, "--json")
    assert status == 0
    assert not (out / "dicom").exists()
    assert (out / "slicer" / "lesion.seg.nrrd").is_file()
    assert (out / "slicer" / "path-2-chosen.stl").is_file()
    assert "not there as DICOM" in err + caplog.text
    read = sitk.ReadImage(str(out / "slicer" / "lesion.seg.nrrd"))
    assert sitk.GetArrayFromImage(read).sum() == answer_voxels(planned(again))


def answer_voxels(case: object) -> int:
    lesion = getattr(case, "lesion", None)
    assert lesion is not None
    return int(lesion.sum())

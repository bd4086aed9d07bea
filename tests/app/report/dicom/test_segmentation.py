"""Masks given back are the same voxels in the same places, for our reader and for others."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from app.report.dicom.objects import dicom_objects
from app.report.dicom.segmentation import zone_on_grid
from imaging.dicom.segmentation import read_segmentation
from imaging.files import write_array
from imaging.geometry import Grid
from imaging.volume import mask_on_grid, resample
from tests.app.report.conftest import GivenBack
from tests.app.report.sources import KINDS, grid_along, round_zone
from tests.conftest import Run

Kind = Callable[[str], GivenBack]
GEOMETRIES = ["straight", "oblique", "feet_first", "tilted", "uneven", "multi_frame"]


def written(made: GivenBack, name: str, folder: Path) -> Path:
    (folder / name).write_bytes(made.files[name])
    return folder / name


@pytest.mark.parametrize("kind", KINDS)
def test_our_reader_gives_the_lesion_back(given_back: Kind, kind: str, tmp_path: Path) -> None:
    made = given_back(kind)
    labels, grid, _ = read_segmentation(written(made, "lesion-seg.dcm", tmp_path))
    assert made.case.lesion is not None
    assert int((labels > 0).sum()) == int(made.case.lesion.sum())
    back = mask_on_grid(labels > 0, grid, made.volume.grid)
    np.testing.assert_array_equal(back, made.case.lesion)


@pytest.mark.parametrize("kind", GEOMETRIES)
def test_highdicom_puts_every_voxel_where_it_was(given_back: Kind, kind: str) -> None:
    made = given_back(kind)
    segmentation = hd.seg.segread(io.BytesIO(made.files["lesion-seg.dcm"]))
    volume = segmentation.get_volume(combine_segments=True)
    size = tuple(int(n) for n in volume.spatial_shape)
    grid = Grid((size[0], size[1], size[2]), np.asarray(volume.affine))
    theirs = grid.to_lps(np.argwhere(np.asarray(volume.array)))
    assert made.case.lesion is not None
    ours = made.volume.grid.to_lps(np.argwhere(made.case.lesion))
    order = [np.lexsort(np.round(points, 3).T) for points in (theirs, ours)]
    np.testing.assert_allclose(theirs[order[0]], ours[order[1]], atol=2e-3)


@pytest.mark.parametrize("kind", GEOMETRIES)
def test_structures_come_back_with_their_names(given_back: Kind, kind: str, tmp_path: Path) -> None:
    made = given_back(kind)
    path = written(made, "structures-seg.dcm", tmp_path)
    labels, grid, names = read_segmentation(path)
    back = np.rint(resample(labels, grid, made.volume.grid, order=0, outside=0))
    assert made.case.structures is not None
    for row in made.case.structures.table:
        (number,) = [n for n, name in names.items() if name.lower() == row.name.lower()]
        wanted = made.case.structures.labels == row.label
        np.testing.assert_array_equal(back == number, wanted, err_msg=row.name)


def test_structures_are_coded(given_back: Kind) -> None:
    rows = {row.SegmentLabel: row for row in segments(given_back("straight"))}
    assert code(rows["vertebrae_L3"]) == ("36470004", "SCT")
    assert code(rows["kidney_left"]) == ("64033007", "SCT")
    kind = rows["kidney_left"].SegmentedPropertyTypeCodeSequence[0]
    assert kind.SegmentedPropertyTypeModifierCodeSequence[0].CodeValue == "7771000"
    assert code(rows["spinal_canal"]) == ("61853006", "SCT")
    for row in rows.values():
        assert row.RecommendedDisplayCIELabValue is not None
        assert row.SegmentationAlgorithmIdentificationSequence[0].AlgorithmVersion


def segments(made: GivenBack) -> list[Dataset]:
    return list(made.dataset("structures-seg.dcm").SegmentSequence)


def code(row: Dataset) -> tuple[str, str]:
    kind = row.SegmentedPropertyTypeCodeSequence[0]
    return kind.CodeValue, kind.CodingSchemeDesignator


def test_empty_frames_are_left_out(given_back: Kind) -> None:
    made = given_back("straight")
    assert made.case.lesion is not None
    used = int(made.case.lesion.any(axis=(1, 2)).sum())
    assert int(made.dataset("lesion-seg.dcm").NumberOfFrames) == used


@pytest.mark.parametrize("kind", GEOMETRIES)
def test_zone_is_the_simulated_ball(given_back: Kind, kind: str, tmp_path: Path) -> None:
    made = given_back(kind)
    (field,) = made.case.fields
    labels, grid, _ = read_segmentation(written(made, "zone-icerod_17g-seg.dcm", tmp_path))
    places = grid.to_lps(np.argwhere(labels))
    assert made.case.plan.lesion is not None
    away = np.linalg.norm(places - np.array(made.case.plan.lesion.centroid_lps_mm), axis=1)
    assert away.max() < 14.0 + 0.75
    inside = mask_on_grid(field.zone, field.grid, made.volume.grid)
    assert int(labels.sum()) == pytest.approx(int(inside.sum()), rel=0.03)


def test_zone_keeps_its_volume_on_a_turned_grid() -> None:
    field = round_zone(np.array([3.0, -8.0, 425.0]), radius_mm=11.0)
    turned = grid_along(np.linalg.qr(np.array([[1, 0.2, 0], [-0.2, 1, 0.1], [0, -0.1, 1.0]]))[0])
    shift = field.grid.to_lps([15, 16, 17]) - turned.to_lps([7, 24, 28])
    affine = turned.affine_kji_to_lps.copy()
    affine[:3, 3] += shift
    grid = Grid(turned.size_kji, affine)
    zone = zone_on_grid(field, grid)
    volume_ml = float(field.zone.sum()) * field.grid.voxel_ml
    assert float(zone.sum()) * grid.voxel_ml == pytest.approx(volume_ml, rel=0.03)


def test_structures_command_writes_what_it_reads(
    run: Run, given_back: Kind, tmp_path: Path
) -> None:
    ct = Path(given_back("tilted").case.plan.series.path)
    status, _, err = run("structures", ct, "--out", tmp_path / "made.dcm", "--json")
    assert status == 0, err
    status, found, _ = run("structures", ct, "--labels", tmp_path / "made.dcm", "--json")
    assert status == 0
    status, direct, _ = run("structures", ct, "--json")
    volumes = [
        {row["name"]: row["volume_ml"] for row in answer["structures"] if row["name"] != "body"}
        for answer in (found, direct)
    ]
    assert volumes[0] == pytest.approx(volumes[1])


def test_a_file_without_study_is_refused(run: Run, given_back: Kind, tmp_path: Path) -> None:
    volume = given_back("straight").volume
    write_array(volume.hu, volume.grid, tmp_path / "ct.nii.gz")
    out = tmp_path / "made.dcm"
    status, answer, _ = run("structures", tmp_path / "ct.nii.gz", "--out", out, "--json")
    assert status == 3
    assert answer["error"]["code"] == "no_dicom_source"
    assert not out.exists()


@pytest.mark.parametrize("kind", ["tilted", "multi_frame"])
def test_lesion_command_writes_what_measure_reads(
    run: Run, given_back: Kind, kind: str, tmp_path: Path
) -> None:
    made = given_back(kind)
    ct, out = Path(made.case.plan.series.path), tmp_path / "lesion.dcm"
    seed = made.volume.grid.to_lps((6, 25, 28))
    at = ",".join(str(float(n)) for n in seed)
    status, found, err = run("lesion", ct, f"--seed={at}", "--out", out, "--json")
    assert status == 0, err
    status, measured, _ = run("measure", ct, out, "--json")
    assert status == 0
    for key in ("length_mm", "width_mm", "volume_ml", "voxels"):
        assert measured[key] == pytest.approx(found[key])


def test_a_drawn_outline_is_not_said_to_be_clicked(given_back: Kind) -> None:
    made = given_back("straight")
    assert made.case.plan.seeds_lps_mm == ()
    (row,) = made.dataset("lesion-seg.dcm").SegmentSequence
    algorithm = row.SegmentationAlgorithmIdentificationSequence[0].AlgorithmName
    assert "drawn or imported" in algorithm
    clicked = made.case.with_plan(seeds_lps_mm=((0.0, 0.0, 0.0),))
    files = dicom_objects(clicked, [], b"%PDF", made.source, "en")
    (row,) = pydicom.dcmread(io.BytesIO(files["lesion-seg.dcm"])).SegmentSequence
    algorithm = row.SegmentationAlgorithmIdentificationSequence[0].AlgorithmName
    assert "one-click" in algorithm

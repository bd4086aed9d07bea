"""Files for 3D Slicer hold what the plan holds, in the right places, and name nobody."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray
from vtkmodules.vtkFiltersCore import vtkFeatureEdges, vtkMassProperties
from vtkmodules.vtkIOGeometry import vtkSTLReader

from app.report.slicer import slicer_files
from app.report.stl import lesion_stl, needle_stl
from imaging.geometry import Grid
from tests.app.report.conftest import GivenBack

Kind = Callable[[str], GivenBack]
GEOMETRIES = ["straight", "oblique", "feet_first", "tilted"]
TROCAR_13G_MM = 2.41


def markup(files: dict[str, bytes], name: str) -> dict[str, object]:
    """Check the file against what the schema demands, and return its only markup."""
    document = json.loads(files[name])
    assert document["@schema"].endswith("markups-schema-v1.0.3.json#")
    (one,) = document["markups"]
    assert one["type"] in {"Fiducial", "Line", "Angle", "Curve", "ClosedCurve", "Plane", "ROI"}
    assert one["coordinateSystem"] == "LPS"
    assert one["coordinateUnits"] == "mm"
    for point in one["controlPoints"]:
        assert isinstance(point["id"], str)
        assert isinstance(point["label"], str)
        assert len(point["position"]) == 3
        axes = np.reshape(point["orientation"], (3, 3))
        np.testing.assert_allclose(axes @ axes.T, np.eye(3))
        assert np.linalg.det(axes) == pytest.approx(1.0)
        assert point["positionStatus"] in {"undefined", "preview", "defined"}
        assert all(point[key] is True or point[key] is False for key in ("selected", "locked"))
    assert all(0 <= value <= 1 for value in one["display"]["color"])
    assert isinstance(one, dict)
    return one


def places(one: dict[str, object]) -> list[list[float]]:
    points = one["controlPoints"]
    assert isinstance(points, list)
    return [point["position"] for point in points]


def test_ways_in_are_lines_from_skin_to_target(given_back: Kind) -> None:
    case = given_back("straight").case
    files = slicer_files(case)
    assert case.plan.access is not None
    for one in case.plan.access.proposals:
        suffix = "-chosen" if one.rank == case.plan.chosen_rank else ""
        line = markup(files, f"path-{one.rank}{suffix}.mrk.json")
        assert line["type"] == "Line"
        assert places(line) == [list(one.entry_lps_mm), list(one.target_lps_mm)]
        points = line["controlPoints"]
        assert isinstance(points, list)
        assert [point["label"] for point in points] == ["entry", "target"]
        measured = line["measurements"]
        assert isinstance(measured, list)
        assert measured[0]["value"] == pytest.approx(one.length_mm)
    assert len([name for name in files if name.startswith("path") and "chosen" in name]) == 3


def test_a_device_simulated_twice_has_two_files(given_back: Kind) -> None:
    case = given_back("straight").case
    (row, *_), (field, *_) = case.plan.simulation, case.fields
    twice = replace(case, fields=(field, field)).with_plan(simulation=(row, row))
    names = {name for name in slicer_files(twice) if name.startswith("zone-")}
    assert names == {f"zone-{row.device}.seg.nrrd", f"zone-{row.device}-2.seg.nrrd"}


def test_diameters_and_middle_are_markups(given_back: Kind) -> None:
    case = given_back("straight").case
    files, lesion = slicer_files(case), case.plan.lesion
    assert lesion is not None
    length, width = (markup(files, f"lesion-{name}.mrk.json") for name in ("length", "width"))
    assert places(length) == [list(end) for end in lesion.length_ends_lps_mm]
    assert places(width) == [list(end) for end in lesion.width_ends_lps_mm]
    assert places(markup(files, "lesion.mrk.json")) == [list(lesion.centroid_lps_mm)]


def image(files: dict[str, bytes], name: str, folder: Path) -> sitk.Image:
    (folder / name).write_bytes(files[name])
    return sitk.ReadImage(str(folder / name))


@pytest.mark.parametrize("kind", GEOMETRIES)
def test_structures_are_read_by_simpleitk(given_back: Kind, kind: str, tmp_path: Path) -> None:
    case = given_back(kind).case
    read = image(slicer_files(case), "structures.seg.nrrd", tmp_path)
    assert case.structures is not None
    np.testing.assert_array_equal(sitk.GetArrayFromImage(read), case.structures.labels)
    for index in ((0, 0, 0), (11, 5, 3), (40, 30, 9)):
        place = read.TransformIndexToPhysicalPoint(index)
        np.testing.assert_allclose(place, case.structures.grid.to_lps(index[::-1]), atol=1e-9)
    for number, row in enumerate(case.structures.table):
        key = f"Segment{number}_"
        assert read.GetMetaData(f"{key}Name") == row.name
        assert int(read.GetMetaData(f"{key}LabelValue")) == row.label
        assert read.GetMetaData(f"{key}Layer") == "0"
        assert "SCT^" in read.GetMetaData(f"{key}Tags")
        where = np.argwhere(case.structures.labels == row.label)
        low, high = where.min(axis=0)[::-1], where.max(axis=0)[::-1]
        wanted = [int(n) for pair in zip(low, high, strict=True) for n in pair]
        assert [int(n) for n in read.GetMetaData(f"{key}Extent").split()] == wanted


@pytest.mark.parametrize("kind", GEOMETRIES)
@pytest.mark.parametrize("name", ["lesion.seg.nrrd", "zone-icerod_17g.seg.nrrd"])
def test_parts_lie_where_they_lay(given_back: Kind, kind: str, name: str, tmp_path: Path) -> None:
    case = given_back(kind).case
    read = image(slicer_files(case), name, tmp_path)
    found = sitk.GetArrayFromImage(read)
    grid = case.plan.series.grid
    first = grid.to_kji(np.array(read.GetOrigin()))
    start = np.rint(first).astype(int)
    np.testing.assert_allclose(first, start, atol=1e-6)
    offset = read.GetMetaData("Segmentation_ReferenceImageExtentOffset")
    assert [int(n) for n in offset.split()] == list(start[::-1])
    whole = np.zeros(grid.size_kji, dtype=bool)
    whole[tuple(slice(a, a + n) for a, n in zip(start, found.shape, strict=True))] = found > 0
    if name.startswith("lesion"):
        np.testing.assert_array_equal(whole, case.lesion)
    else:
        (field,) = case.fields
        volume = float(whole.sum()) * grid.voxel_ml
        assert volume == pytest.approx(float(field.zone.sum()) * field.grid.voxel_ml, rel=0.04)


def surface(content: bytes, folder: Path) -> tuple[float, NDArray[np.float64]]:
    """Volume in mm³ and corners of a surface, which must be closed."""
    (folder / "surface.stl").write_bytes(content)
    reader = vtkSTLReader()
    reader.SetFileName(str(folder / "surface.stl"))
    reader.MergingOn()
    reader.Update()
    edges = vtkFeatureEdges()
    edges.SetInputConnection(reader.GetOutputPort())
    edges.FeatureEdgesOff()
    edges.ManifoldEdgesOff()
    edges.BoundaryEdgesOn()
    edges.NonManifoldEdgesOn()
    edges.Update()
    assert edges.GetOutput().GetNumberOfCells() == 0
    mass = vtkMassProperties()
    mass.SetInputConnection(reader.GetOutputPort())
    mass.Update()
    rows = np.frombuffer(content[84:], dtype=LAYOUT)
    corners = rows["corners"].astype(float)
    assert len(rows) == int(np.frombuffer(content[80:84], "<u4")[0])
    crossed = np.cross(corners[:, 1], corners[:, 2])
    signed = float(np.einsum("ij,ij->", corners[:, 0], crossed)) / 6
    assert signed == pytest.approx(mass.GetVolume(), rel=1e-2)  # above zero: normals point outward
    return signed, corners.reshape(-1, 3)


LAYOUT = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])


@pytest.mark.parametrize("kind", GEOMETRIES)
def test_lesion_surface_is_closed_and_in_place(given_back: Kind, kind: str, tmp_path: Path) -> None:
    case = given_back(kind).case
    volume, corners = surface(slicer_files(case)["lesion.stl"], tmp_path)
    assert case.lesion is not None
    assert case.plan.lesion is not None
    assert volume == pytest.approx(1000 * case.plan.lesion.volume_ml, rel=0.06)
    voxels = case.plan.series.grid.to_lps(np.argwhere(case.lesion))
    assert np.abs(corners.max(axis=0) - voxels.max(axis=0)).max() < 2.5
    assert np.abs(corners.min(axis=0) - voxels.min(axis=0)).max() < 2.5


def test_needle_is_as_thick_as_in_the_table(given_back: Kind, tmp_path: Path) -> None:
    case = given_back("straight").case
    chosen = case.plan.chosen
    assert chosen is not None
    files = slicer_files(case)
    assert files["path-2-chosen.stl"][:80].startswith(b"Osteoplan; SPACE=LPS; UNIT=mm")
    volume, corners = surface(files["path-2-chosen.stl"], tmp_path)
    entry, target = np.array(chosen.entry_lps_mm), np.array(chosen.target_lps_mm)
    axis = (target - entry) / np.linalg.norm(target - entry)
    along = (corners - entry) @ axis
    away = np.linalg.norm(corners - entry - along[:, None] * axis, axis=1)
    assert 2 * away.max() == pytest.approx(TROCAR_13G_MM, abs=1e-3)
    assert (along.min(), along.max()) == pytest.approx((0.0, chosen.length_mm), abs=1e-3)
    assert volume < np.pi * (TROCAR_13G_MM / 2) ** 2 * chosen.length_mm
    _, ball = surface(files["path-2-chosen-tip.stl"], tmp_path)
    np.testing.assert_allclose((ball.max(axis=0) + ball.min(axis=0)) / 2, target, atol=1e-3)


def test_single_voxel_and_short_way_are_closed_too(tmp_path: Path) -> None:
    grid = Grid.aligned((5, 5, 5), 2.0, (0.0, 0.0, 0.0))
    one = np.zeros((5, 5, 5), dtype=bool)
    one[0, 4, 2] = True
    volume, _ = surface(lesion_stl(one, grid), tmp_path)
    assert 0 < volume < 8.0
    volume, _ = surface(needle_stl((0.0, 0.0, 0.0), (0.0, 0.0, 0.5), 3.0), tmp_path)
    assert volume > 0


def test_an_unfinished_plan_has_what_there_is(given_back: Kind) -> None:
    from planning.plan import Case

    assert slicer_files(Case.begin(given_back("straight").volume)) == {}

"""Masks and label maps from other programs land on the CT's grid, with their names."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from matplotlib.path import Path as Outline
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RTStructureSetStorage

from imaging.dicom.rtstruct import filled
from imaging.errors import ImagingError
from imaging.files import to_itk, write_array
from imaging.geometry import BoolArray, FloatArray, Grid
from imaging.label_files import read_label_file, read_mask
from imaging.label_names import structure_name
from imaging.overlap import LabelPainter

GRID = Grid(
    (20, 60, 70),
    np.array([[0, 0, 0.8, -30.0], [0, 0.9, 0, -20.0], [2.5, 0, 0, -100.0], [0, 0, 0, 1]]),
)


def circle(centre: tuple[float, float, float], radius_mm: float, points: int = 90) -> FloatArray:
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    x, y, z = centre
    return np.column_stack(
        [x + radius_mm * np.cos(angle), y + radius_mm * np.sin(angle), np.full(points, z)]
    )


def structure_set(path: Path, structures: dict[str, list[FloatArray]]) -> Path:
    one = Dataset()
    one.Modality, one.SOPClassUID, one.SOPInstanceUID = "RTSTRUCT", RTStructureSetStorage, "1.2.9"
    one.StructureSetROISequence, one.ROIContourSequence = [], []
    for number, (name, polygons) in enumerate(structures.items(), start=3):
        roi, contours = Dataset(), Dataset()
        roi.ROINumber, roi.ROIName = number, name
        contours.ReferencedROINumber = number
        contours.ContourSequence = []
        for polygon in polygons:
            contour = Dataset()
            contour.ContourGeometricType = "CLOSED_PLANAR"
            contour.NumberOfContourPoints = len(polygon)
            contour.ContourData = [f"{n:.6g}" for n in polygon.ravel()]
            contours.ContourSequence.append(contour)
        one.StructureSetROISequence.append(roi)
        one.ROIContourSequence.append(contours)
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    one.save_as(path, enforce_file_format=True)
    return path


def ball_contours(centre: tuple[float, float, float], radius_mm: float) -> list[FloatArray]:
    """Return the circles in which the grid's slices cut a ball."""
    polygons = []
    for k in range(GRID.size_kji[0]):
        z = float(GRID.to_lps((k, 0, 0))[2])
        squared = radius_mm**2 - (z - centre[2]) ** 2
        if squared > 1:
            polygons.append(circle((centre[0], centre[1], z), float(np.sqrt(squared))))
    return polygons


def test_contours_are_filled_where_their_points_say(tmp_path: Path) -> None:
    centre = (-4.0, 8.0, -76.3)
    path = structure_set(tmp_path / "rs.dcm", {"GTV": ball_contours(centre, 15.0)})
    mask = read_mask(path, GRID)
    volume_mm3 = mask.sum() * GRID.voxel_ml * 1000
    assert volume_mm3 == pytest.approx(4 / 3 * np.pi * 15**3, rel=0.02)
    np.testing.assert_allclose(GRID.to_lps(np.argwhere(mask)).mean(axis=0), centre, atol=0.15)


def test_filling_agrees_with_matplotlib(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    angle = np.sort(rng.uniform(0, 2 * np.pi, 40))
    radius = rng.uniform(4, 18, 40)
    polygon = np.column_stack(
        [-3 + radius * np.cos(angle), 5 + radius * np.sin(angle), np.full(40, -75.0)]
    )
    mask = filled((polygon,), GRID)
    j, i = np.mgrid[:60, :70]
    points = GRID.to_lps(np.stack([np.full(j.size, 10), j.ravel(), i.ravel()], axis=1))
    expected = Outline(polygon[:, :2]).contains_points(points[:, :2]).reshape(60, 70)
    np.testing.assert_array_equal(mask[10], expected)
    assert mask[10].any()
    assert not mask[[8, 9, 11, 12]].any()


def test_a_hole_is_a_contour_within_a_contour() -> None:
    ring = filled((circle((-3, 5, -75.0), 16.0), circle((-3, 5, -75.0), 8.0)), GRID)
    pixel_mm2 = 0.8 * 0.9
    assert ring.sum() * pixel_mm2 == pytest.approx(np.pi * (16**2 - 8**2), rel=0.03)
    inside = GRID.nearest([-3, 5, -75.0])
    assert inside is not None
    assert not ring[inside]


def test_contours_on_every_second_slice_reach_half_way() -> None:
    polygons = tuple(circle((-3, 5, -100.0 + 5.0 * n), 10.0) for n in range(2, 6))
    mask = filled(polygons, GRID)
    assert mask.any(axis=(1, 2)).sum() == 8


def test_contours_across_the_slices_are_filled_too() -> None:
    turned = tuple(
        np.column_stack([np.full(90, x), c[:, 1], c[:, 0] - 75.0])
        for x in np.arange(-10.0, 10.1, 1.0)
        for c in [circle((0.0, 5.0, 0.0), np.sqrt(max(12.0**2 - x**2, 1.0)))]
    )
    mask = filled(turned, GRID)
    expected = 4 / 3 * np.pi * 12**3 - 2 * np.pi * 1.5**2 * (12 - 0.5)
    assert mask.sum() * GRID.voxel_ml * 1000 == pytest.approx(expected, rel=0.06)


def test_of_several_structures_the_lesion_is_taken_or_asked_for(tmp_path: Path) -> None:
    one, other = ball_contours((-10, 0, -80), 8), ball_contours((10, 10, -70), 6)
    named = structure_set(tmp_path / "named.dcm", {"Bladder": one, "GTV 1": other})
    assert read_mask(named, GRID).sum() == read_label_file(named, GRID).labels.astype(bool).sum(
    ) - (read_label_file(named, GRID).labels == 1).sum()  # fmt: skip
    unnamed = structure_set(tmp_path / "unnamed.dcm", {"A": one, "Left B": other})
    with pytest.raises(ImagingError, match=r"unnamed\.dcm#NAME") as refusal:
        read_mask(unnamed, GRID)
    assert refusal.value.code == "several_structures"
    chosen = read_mask(tmp_path / "unnamed.dcm#Left B", GRID)
    np.testing.assert_array_equal(chosen, read_label_file(unnamed, GRID).labels == 2)


def test_a_folder_of_masks_gives_its_names(tmp_path: Path) -> None:
    spleen, liver = np.zeros(GRID.size_kji, bool), np.zeros(GRID.size_kji, bool)
    spleen[3:6, 10:20, 10:20] = True
    liver[8:12, 30:50, 20:60] = True
    write_array(spleen, GRID, tmp_path / "spleen.nii.gz")
    write_array(liver, GRID, tmp_path / "liver.nii.gz")
    found = read_label_file(tmp_path, GRID)
    assert found.names == {1: "liver", 2: "spleen"}
    np.testing.assert_array_equal(found.labels == 1, liver)
    np.testing.assert_array_equal(found.labels == 2, spleen)


def test_names_inside_a_nifti_header_are_read(tmp_path: Path) -> None:
    labels = np.zeros(GRID.size_kji, np.uint8)
    labels[5:8, 5:9, 5:9] = 4
    plain = tmp_path / "plain.nii"
    sitk.WriteImage(to_itk(labels, GRID), str(plain))
    data = plain.read_bytes()
    xml = b'<?xml version="1.0"?><CaretExtension><LabelTable>'
    xml += b'<Label Key="4"><![CDATA[vertebrae_L3]]></Label></LabelTable></CaretExtension>'
    size = -(-(len(xml) + 8) // 16) * 16
    extension = struct.pack("<ii", size, 0) + xml.ljust(size - 8, b"\0")
    header = bytearray(data[:348])
    struct.pack_into("<f", header, 108, 352.0 + size)
    path = tmp_path / "named.nii.gz"
    path.write_bytes(gzip.compress(bytes(header) + b"\1\0\0\0" + extension + data[352:]))
    found = read_label_file(path, GRID)
    assert found.names == {4: "vertebrae_L3"}
    np.testing.assert_array_equal(found.labels, labels)


def test_names_that_total_segmentator_wrote_are_read(shared_data: Path) -> None:
    import json

    folder = shared_data / "abdomen-labelled"
    names = json.loads((folder / "names.json").read_text())
    path = folder / "example_seg_fast_force_split.nii.gz"
    found = read_label_file(path, GRID)
    pairs = names.items() if all(k.isdigit() for k in names) else ((v, k) for k, v in names.items())
    assert found.names == {int(label): name for label, name in pairs}


def test_overlapping_segments_of_slicer_are_read(tmp_path: Path) -> None:
    outer, inner = np.zeros(GRID.size_kji, np.uint8), np.zeros(GRID.size_kji, np.uint8)
    outer[4:12, 10:40, 10:40] = 1
    inner[6:8, 20:30, 20:30] = 1
    image = sitk.Compose(to_itk(outer, GRID), to_itk(inner, GRID))
    for number, (name, layer) in enumerate([("Body", 0), ("Lesion", 1)]):
        image.SetMetaData(f"Segment{number}_Name", name)
        image.SetMetaData(f"Segment{number}_LabelValue", "1")
        image.SetMetaData(f"Segment{number}_Layer", str(layer))
    path = tmp_path / "two.seg.nrrd"
    sitk.WriteImage(image, str(path))
    found = read_label_file(path, GRID)
    assert found.names == {1: "body", 2: "lesion"}
    np.testing.assert_array_equal(found.labels == 2, inner.astype(bool))
    np.testing.assert_array_equal(read_mask(path, GRID), inner.astype(bool))


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_the_smaller_of_two_masks_wins(order: tuple[int, int]) -> None:
    masks: dict[int, BoolArray] = {n: np.zeros((4, 10, 10), bool) for n in (1, 2)}
    masks[1][1:3, 1:9, 1:9] = True
    masks[2][1:3, 3:5, 3:5] = True
    painter = LabelPainter((4, 10, 10))
    for label in order:
        painter.add(label, masks[label])
    np.testing.assert_array_equal(painter.painted("test") == 2, masks[2])


def test_real_segmentations_keep_their_size(shared_data: Path) -> None:
    from imaging.files import read_volume

    folder = shared_data / "hard" / "dcmqi_seg"
    grid = read_volume(folder / "ct-3slice").grid
    assert read_mask(folder / "liver.dcm", grid).sum() == 107_098  # as highdicom counts them
    found = read_label_file(folder / "partial_overlaps.dcm", grid)
    assert sorted(found.names.values()) == ["dark_blue", "green", "light_blue", "orange", "purple"]


def test_names_are_spelled_one_way() -> None:
    assert structure_name("Vertebrae L3") == "vertebrae_L3"
    assert structure_name("vertebrae_T12") == "vertebrae_T12"
    assert structure_name("Spinal  Canal") == "spinal_canal"
    assert structure_name("rib_left_1") == "rib_left_1"


def test_what_is_no_mask_is_refused(tmp_path: Path, shared_data: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no mask")
    for path, code in ((text, "unknown_format"), (tmp_path / "gone.dcm", "not_found")):
        with pytest.raises(ImagingError) as refusal:
            read_mask(path, GRID)
        assert refusal.value.code == code
    with pytest.raises(ImagingError, match="neither SEG nor RTSTRUCT"):
        read_mask(shared_data / "hard" / "singles" / "CT_small.dcm", GRID)


def test_doubled_and_overlapping_contours_are_added() -> None:
    one, other = circle((-8, 5, -75.0), 8.0), circle((2, 5, -75.0), 8.0)
    alone = filled((one,), GRID)
    np.testing.assert_array_equal(filled((one, one.copy()), GRID), alone)
    both = filled((one, other), GRID)
    np.testing.assert_array_equal(both, alone | filled((other,), GRID))


def test_contours_of_one_slice_with_rounded_heights_are_one_plane() -> None:
    parts = tuple(
        circle((x, 5, -75.0 + rounding), 4.0) for x, rounding in ((-15, 0.0), (-3, 0.06), (9, 0.12))
    )
    mask = filled(parts, GRID)
    assert mask.any(axis=(1, 2)).sum() == 1
    assert mask.sum() * 0.8 * 0.9 == pytest.approx(3 * np.pi * 16, rel=0.06)


def test_contours_that_are_not_parallel_are_refused() -> None:
    axial = circle((-3, 5, -75.0), 10.0)
    sagittal = axial[:, [2, 1, 0]] + np.array([75.0, 0, -72.0])
    with pytest.raises(ImagingError) as refusal:
        filled((axial, sagittal), GRID)
    assert refusal.value.code == "not_parallel"


def test_contours_metres_away_are_refused() -> None:
    far = np.array([[0, 0, 0], [1e7, 3.0, 5.0], [0, 40.0, 20.0]])
    with pytest.raises(ImagingError, match="damaged"):
        filled((far,), GRID)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_a_header_with_two_places_is_refused(tmp_path: Path, ending: str) -> None:
    import nibabel

    affine = np.diag([0.8, 0.9, 2.5, 1.0])
    affine[:3, 3] = [10.0, -20.0, 30.0]
    mask = np.zeros((10, 12, 8), np.uint8)
    mask[4:6, 4:6, 3:5] = 1
    image = nibabel.Nifti1Image(mask, affine)  # type: ignore[no-untyped-call]
    image.set_sform(affine, code=2)  # type: ignore[no-untyped-call]
    image.set_qform(affine, code=1)  # type: ignore[no-untyped-call]
    nibabel.save(image, tmp_path / f"one{ending}")
    read_label_file(tmp_path / f"one{ending}", GRID)
    moved = affine.copy()
    moved[0, 3] += 4.0
    image.set_sform(moved, code=2)  # type: ignore[no-untyped-call]
    nibabel.save(image, tmp_path / f"two{ending}")
    with pytest.raises(ImagingError, match=r"4\.0 mm apart"):
        read_label_file(tmp_path / f"two{ending}", GRID)

"""Small CT series of every kind the report may be given back to, and a plan on each."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from imaging.dicom.write import write_ct_series
from imaging.files import read_volume
from imaging.geometry import FloatArray, Grid
from imaging.measurement.lesion import measure
from imaging.structures.labels import structures_from
from imaging.volume import Volume
from planning.ablation.results import TreatmentSummary
from planning.access.request import AccessResult, Proposal
from planning.plan import Case, ThermalField
from planning.procedure import with_lesion, with_structures
from planning.technique.answers import Answers

SIZE_KJI = (14, 48, 56)
SPACING_MM_KJI = (2.5, 1.25, 1.25)
NAME, IDENTIFIER, BORN = "Doe^Jane", "HOSPITAL-4711", "19570312"


def _turned(about_x_deg: float, about_z_deg: float) -> FloatArray:
    a, b = np.radians([about_x_deg, about_z_deg])
    x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    z = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
    return np.asarray(z @ x, dtype=float)


def grid_along(directions: FloatArray) -> Grid:
    """Grid whose i, j and k run along the columns of a matrix."""
    affine = np.eye(4)
    affine[:3, :3] = np.fliplr(directions) * SPACING_MM_KJI
    affine[:3, 3] = (-30.0, -25.0, 410.0)
    return Grid(SIZE_KJI, affine)


def write_series(folder: Path, grid: Grid) -> Path:
    """Soft tissue in air with a bone that has a hole."""
    k, j, i = np.indices(grid.size_kji)
    away = np.sqrt(((j - 24) / 22) ** 2 + ((i - 28) / 26) ** 2)
    hu = np.where(away < 1, 40, -1000)
    bone = ((k - 7) / 6) ** 2 + ((j - 26) / 12) ** 2 + ((i - 26) / 12) ** 2
    hu[bone < 1] = 400
    hole = ((k - 6) / 3) ** 2 + ((j - 25) / 7) ** 2 + ((i - 28) / 5) ** 2
    hu[hole < 1] = 60
    volume = Volume(hu.astype(np.int16), grid)
    write_ct_series(volume, folder, description="CT", patient_name=NAME)

    def identify(image: Dataset) -> None:
        image.PatientID, image.PatientBirthDate, image.PatientSex = IDENTIFIER, BORN, "F"
        del image.PatientIdentityRemoved
        del image.DeidentificationMethod

    change(folder, identify)
    return folder


def change(folder: Path, edit: Callable[[Dataset], None]) -> None:
    """Edit every header of a series."""
    for path in sorted(folder.iterdir()):
        image = pydicom.dcmread(path)
        edit(image)
        image.save_as(path)


def straight(folder: Path) -> Path:
    return write_series(folder, grid_along(np.eye(3)))


def oblique(folder: Path) -> Path:
    return write_series(folder, grid_along(_turned(17.0, 8.0)))


def feet_first(folder: Path) -> Path:
    return write_series(folder, grid_along(np.diag([-1.0, 1.0, -1.0])))


def tilted(folder: Path) -> Path:
    straight(folder)
    angle = np.radians(15.0)

    def tilt(image: Dataset) -> None:
        image.ImageOrientationPatient = [1, 0, 0, 0, float(np.cos(angle)), float(np.sin(angle))]

    change(folder, tilt)
    return folder


def uneven(folder: Path) -> Path:
    straight(folder)
    sorted(folder.iterdir())[4].unlink()
    return folder


def multi_frame(folder: Path) -> Path:
    straight(folder)
    images = [pydicom.dcmread(path) for path in sorted(folder.iterdir())]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = hd.legacy.LegacyConvertedEnhancedCTImage(
            images,
            series_instance_uid=generate_uid(),
            series_number=2,
            sop_instance_uid=generate_uid(),
            instance_number=1,
            transfer_syntax_uid=ExplicitVRLittleEndian,
        )
    for path in folder.iterdir():
        path.unlink()
    whole.save_as(folder / "enhanced.dcm")
    return folder


def bare(folder: Path) -> Path:
    """Much is missing, and what is there is of the wrong shape."""
    straight(folder)

    def strip(image: Dataset) -> None:
        for keyword in ("StudyID", "FrameOfReferenceUID", "StudyDate", "StudyTime"):
            delattr(image, keyword)
        del image.AccessionNumber
        del image.SliceThickness
        image.PatientID = ""
        image.PatientName = None
        image["PatientBirthDate"]._value = "unknown"

    change(folder, strip)
    return folder


def named(characters: str | list[str], name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        straight(folder)

        def rename(image: Dataset) -> None:
            image.SpecificCharacterSet = characters
            image.PatientName = name

        change(folder, rename)
        return folder

    return make


def wordy(folder: Path) -> Path:
    straight(folder)

    def fill(image: Dataset) -> None:
        image.StudyDescription = "Scanner abdomen et pelvis " * 2 + "avec injection"[:12]
        image.SeriesDescription = ("Spine " * 12)[:64]
        image.StudyID = "0123456789012345"

    change(folder, fill)
    return folder


KINDS: dict[str, Callable[[Path], Path]] = {
    "straight": straight,
    "oblique": oblique,
    "feet_first": feet_first,
    "tilted": tilted,
    "uneven": uneven,
    "multi_frame": multi_frame,
    "bare": bare,
    "latin_1": named("ISO_IR 100", "Müller^Jürgen"),
    "utf_8": named("ISO_IR 192", "Åström^Žofie"),
    "japanese": named(["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    "wordy": wordy,
}


def planned(volume: Volume) -> Case:
    """A whole plan: lesion and structures as boxes, two ways in, a round zone."""
    shape = np.array(volume.grid.size_kji)
    mid = shape // 2
    lesion = np.zeros(shape, dtype=bool)
    lesion[max(mid[0] - 2, 0) : mid[0] + 2, mid[1] - 6 : mid[1] + 5, mid[2] - 4 : mid[2] + 6] = True
    lesion[mid[0], mid[1] - 8 : mid[1], mid[2]] = True
    case = with_lesion(Case.begin(volume), volume, lesion)
    assert case.plan.lesion is not None
    assert case.plan.lesion == measure(volume, lesion)
    centroid = case.plan.lesion.centroid_lps_mm
    case = with_structures(
        case, structures_from(_labels(shape), volume.grid, NAMES, "boxes"), volume
    )
    target = np.array(centroid)
    field = round_zone(target)
    return Case(
        case.plan.model_copy(
            update={
                "access": _access(target),
                "chosen_rank": 2,
                "simulation": (summary(field),),
                "answers": Answers(bone="vertebra", level="L3"),
            }
        ),
        case.lesion,
        case.structures,
        (field,),
    )


NAMES = {2: "body", 5: "vertebrae_L3", 6: "kidney_left", 9: "bowel_gas", 11: "spinal_canal"}


def _labels(shape: np.ndarray) -> np.ndarray:
    labels = np.zeros(shape, dtype=np.uint16)
    nk, nj, ni = (int(n) for n in shape)
    labels[:, 2 : nj - 2, 3 : ni - 3] = 2
    labels[: nk - 1, 8:22, 8:22] = 5
    labels[1:, 24:30, 6:14] = 6
    labels[nk // 2, 4:8, 25:30] = 9
    labels[:, 30:36, 24:31] = 11
    return labels


def _access(target: FloatArray) -> AccessResult:
    def way(rank: int, offset: tuple[float, float, float]) -> Proposal:
        entry = target + offset
        return Proposal(
            rank=rank,
            entry_lps_mm=tuple(float(n) for n in entry),
            target_lps_mm=tuple(float(n) for n in target),
            length_mm=float(np.linalg.norm(offset)),
            angle_to_axial_deg=float(-np.degrees(np.arcsin(offset[2] / np.linalg.norm(offset)))),
            bone_mm=4.0,
            clearance_mm={"spinal_canal": 6.5},
            score=0.5,
            terms={},
        )

    ways = (way(1, (10.0, 40.0, 0.0)), way(2, (-12.0, 38.0, 9.0)))
    return AccessResult(
        candidates=10,
        feasible=2,
        elapsed_s=0.1,
        rejected={},
        proposals=ways,
        needle="trocar_13g_150",
        not_checked=(),
    )


def round_zone(centre: FloatArray, radius_mm: float = 14.0) -> ThermalField:
    """A ball on a grid of its own along the patient's axes."""
    grid = Grid.aligned((31, 33, 35), 1.5, centre - 1.5 * np.array([17.2, 16.1, 15.3]))
    places = grid.to_lps(np.moveaxis(np.indices(grid.size_kji), 0, -1))
    away = np.linalg.norm(places - centre, axis=-1)
    cold = np.where(away <= radius_mm, -40.0, 20.0).astype(np.float32)
    return ThermalField(grid, cold, away <= radius_mm)


def summary(field: ThermalField) -> TreatmentSummary:
    return TreatmentSummary(
        device="icerod_17g",
        technique="cryoablation",
        coverage_percent=93.123456789,
        coverage_with_margin_percent=61.25,
        min_margin_mm=-1.75,
        neighbours=(),
        margin_mm=5.0,
        spacing_mm=1.5,
        zone_ml=float(field.zone.sum()) * field.grid.voxel_ml,
        verified_device=False,
        isotherms=(),
        curves=(),
    )


def case_of(kind: str, folder: Path) -> tuple[Volume, Case]:
    """Write a series of a kind and plan on it."""
    volume = read_volume(KINDS[kind](folder / kind))
    return volume, planned(volume)

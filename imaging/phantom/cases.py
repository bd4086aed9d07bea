"""Generated cases: a CT of the lower or the upper trunk with one lesion, labels and truth."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from pydantic import Field as Bounded
from pydicom.uid import generate_uid

from imaging.errors import refuse_image
from imaging.geometry import BoolArray, FloatArray, Grid
from imaging.phantom import body
from imaging.phantom.findings import findings
from imaging.phantom.lesion import LesionModel, LesionSpec, build
from imaging.phantom.model import Layer
from imaging.phantom.scanner import Exposure, Scan, scan
from imaging.phantom.sites import Trunk, anchor
from imaging.phantom.truth import LabelVolume, Truth, lesion_truth
from imaging.phantom.upper import whole
from imaging.progress import SILENT, Progress
from imaging.tables import load_table
from imaging.volume import SeriesInfo, Volume

SPACING_MM_KJI = (2.0, 0.8, 0.8)
FIELD_MM: dict[Trunk, float] = {  # edge of the square field of view
    "lower_trunk": 409.6,
    "upper_trunk": 512.0,  # the arms lie beside the body
}
FIELD_CENTRE_Y_MM = -8.0
Z_MM: dict[Trunk, tuple[float, float]] = {  # lowest and highest slice
    "lower_trunk": (-272.0, 150.0),  # from below the lesser trochanters to the top of T11
    "upper_trunk": (120.0, 400.0),  # from T12 to C7
}
SEED_LIMIT = 2**31


class Case(LesionSpec):
    """A row of ``phantom_cases.yaml``: a lesion, and the patient around it.

    Attributes
    ----------
    name : str
        For the command line.
    title_fr, title_en : str
        For people.
    seed : int
        Of the lesion's border and of the noise.
    vertebral_hu : float or None
        Density of the vertebrae's cancellous bone; that of a healthy adult by default.
    collapse_percent : float
        Height the front of the lesion's vertebra has lost.
    z_mm : tuple of float or None
        Lowest and highest slice, from the centre of L3; the whole body by default.
    """

    name: str
    title_fr: str
    title_en: str
    seed: int = Bounded(ge=0, lt=SEED_LIMIT)
    vertebral_hu: float | None = Bounded(default=None, ge=20.0, le=400.0)
    collapse_percent: float = Bounded(default=0.0, ge=0.0, le=60.0)
    z_mm: tuple[float, float] | None = None

    def layers(self) -> tuple[Layer, ...]:
        """Return the body without its lesion."""
        level = self.site.level if self.site.part == "vertebra" else None
        collapsed = (level, self.collapse_percent) if level and self.collapse_percent else None
        if self.body == "upper_trunk":
            return whole.layers(self.vertebral_hu, collapsed)
        return body.layers(self.vertebral_hu, collapsed)


@dataclass(frozen=True, eq=False)
class GeneratedCase:
    """A generated CT with everything that is known of it.

    Parameters
    ----------
    volume : Volume
        The CT.
    lesion : numpy.ndarray
        Shape of the volume, bool: voxels whose centre lies in the lesion.
    labels : numpy.ndarray
        Same shape, uint16.
    names : dict
        Label to name.
    truth : Truth
        Measured on the model.
    """

    volume: Volume
    lesion: BoolArray
    labels: NDArray[np.uint16]
    names: dict[int, str]
    truth: Truth


@cache
def cases() -> dict[str, Case]:
    """Return the cases by name, in the order of their table; the first is the default."""
    rows = [Case.model_validate(row) for row in load_table("phantom_cases")]
    return {row.name: row for row in rows}


def find_case(name: str) -> Case:
    """Return a case.

    Parameters
    ----------
    name : str
        As in the table.

    Returns
    -------
    Case
        Its row.

    Raises
    ------
    ImagingError
        When there is none of that name; says which there are.
    """
    known = cases()
    if name not in known:
        raise refuse_image(
            "unknown_case",
            f"there is no case '{name}'; choose one of: {', '.join(known)}",
            "--case",
        )
    return known[name]


def generate(
    case_name: str,
    *,
    spacing_mm: float | tuple[float, float, float] = SPACING_MM_KJI,
    margin_mm: float | None = None,
    seed: int | None = None,
    progress: Progress = SILENT,
) -> GeneratedCase:
    """Generate a case.

    Parameters
    ----------
    case_name : str
        As in ``phantom_cases.yaml``.
    spacing_mm : float or tuple of float
        Of the voxels along k, j and i; one number for cubes.
    margin_mm : float, optional
        Keep only a block with this margin around the lesion; the whole trunk by default.
    seed : int, optional
        Of border and noise; the case's own by default.
    progress : Progress
        Told as the work goes on.

    Returns
    -------
    GeneratedCase
        Volume, lesion, labels and truth; the same each time for the same arguments.

    Raises
    ------
    ImagingError
        When there is no such case.
    Cancelled
        When the result is no longer wanted.
    """
    case = find_case(case_name)
    seed = case.seed if seed is None else seed
    lesion = build(case, seed, case.collapse_percent)
    spacing = (spacing_mm,) * 3 if isinstance(spacing_mm, int | float) else spacing_mm
    grid = _grid((float(spacing[0]), float(spacing[1]), float(spacing[2])), case)
    if margin_mm is not None:
        grid = grid.cropped(*grid.around(lesion.size.length_ends_lps_mm, margin_mm))
    result = scan((*case.layers(), *lesion.layers), Exposure(grid, seed), progress)
    mask = _mask(lesion, grid)
    return GeneratedCase(
        volume=Volume(result.hu, grid, _series(case, grid, result.hu)),
        lesion=mask,
        labels=result.labels,
        names=result.names,
        truth=_truth(case, seed, lesion, grid, result),
    )


def _grid(spacing_mm_kji: tuple[float, float, float], case: Case) -> Grid:
    dz, dy, dx = spacing_mm_kji
    lowest, highest = case.z_mm or Z_MM[case.body]
    field_mm = FIELD_MM[case.body]
    slices = int((highest - lowest) / dz) + 1
    rows, columns = round(field_mm / dy), round(field_mm / dx)
    affine = np.eye(4)
    affine[:3, :3] = np.array([[0.0, 0.0, dx], [0.0, dy, 0.0], [dz, 0.0, 0.0]])
    affine[:3, 3] = [
        -dx * (columns - 1) / 2,
        FIELD_CENTRE_Y_MM - dy * (rows - 1) / 2,
        lowest,
    ]
    return Grid((slices, rows, columns), affine)


def _mask(lesion: LesionModel, grid: Grid) -> BoolArray:
    """Return the voxels whose centre lies in the lesion."""
    start, size = grid.around(_corners(lesion), 0.0)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in size), indexing="ij"), axis=-1)
    inside = lesion.solid.at(grid.to_lps(index + np.array(start))) < 0
    mask = np.zeros(grid.size_kji, dtype=bool)
    mask[tuple(slice(s, s + n) for s, n in zip(start, size, strict=True))] = inside
    return mask


def _corners(lesion: LesionModel) -> FloatArray:
    low = lesion.solid.first_lps_mm
    size = np.array(lesion.solid.values.shape[::-1]) - 1
    return np.stack([low, low + size * lesion.solid.step_mm])


def _series(case: Case, grid: Grid, hu: NDArray[np.int16]) -> SeriesInfo:
    """Name the series after its content: the same picture has the same UID, another has another."""
    checksum = hashlib.sha256(np.ascontiguousarray(hu).tobytes()).hexdigest()
    entropy = ["osteoplan", case.name, checksum, str(grid.affine_kji_to_lps.tolist())]
    return SeriesInfo(
        uid=str(generate_uid(entropy_srcs=entropy)),
        path="",
        description=case.title_en,
        patient_position="HFS",
    )


def _truth(case: Case, seed: int, lesion: LesionModel, grid: Grid, result: Scan) -> Truth:
    at = anchor(case.site, case.body)
    counts = np.bincount(result.labels.ravel(), minlength=len(result.names) + 1)
    counts[1] = counts[1:].sum()  # the body is everything inside the skin
    return Truth(
        case=case.name,
        title_fr=case.title_fr,
        title_en=case.title_en,
        seed=seed,
        series_uid=_series(case, grid, result.hu).uid,
        into=None,
        spacing_mm_kji=grid.spacing_mm_kji,
        lesion=lesion_truth(
            lesion.size,
            kind=case.kind,
            breach=lesion.breach,
            bone=at.answer,
            level=case.site.level,
            side=case.site.side,
            structure=at.structure,
        ),
        labels=tuple(
            LabelVolume(name=name, label=n, volume_ml=float(counts[n]) * grid.voxel_ml)
            for n, name in result.names.items()
            if counts[n]
        ),
        findings=findings(case, lesion, case.layers(), case.collapse_percent),
    )

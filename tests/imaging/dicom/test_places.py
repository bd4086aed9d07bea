"""Whatever the slices' places and order, each value lies where its own header puts it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imaging.errors import ImagingError
from imaging.files import read_volume
from imaging.geometry import FloatArray
from imaging.volume import Volume
from tests.imaging.dicom.making import field_hu, field_series, read_file, save

ORIENTATIONS = {
    "head first supine": (1, 0, 0, 0, 1, 0),
    "prone": (-1, 0, 0, 0, -1, 0),
    "on the left side": (0, 1, 0, -1, 0, 0),
    "coronal": (1, 0, 0, 0, 0, -1),
    "sagittal": (0, 1, 0, 0, 0, -1),
    "oblique": (0.8, 0.6, 0, -0.36, 0.48, 0.8),
}


def covered_error_hu(volume: Volume, trim: tuple[int, int] = (0, 0)) -> float:
    """Return the largest difference from the field, without the rows and columns trimmed."""
    index = np.stack(np.meshgrid(*map(np.arange, volume.grid.size_kji), indexing="ij"), axis=-1)
    expected = field_hu(volume.grid.to_lps(index))
    inside = expected[:, trim[0] : -trim[0] or None, trim[1] : -trim[1] or None]
    found = volume.hu[:, trim[0] : -trim[0] or None, trim[1] : -trim[1] or None]
    return float(np.abs(found - inside).max())


def stack(
    orientation: tuple[float, ...], heights: list[float], shear: tuple[float, float] = (0.0, 0.0)
) -> list[FloatArray]:
    """Return positions along the normal, shifted along row and column by a shear."""
    row, column = np.array(orientation[:3], float), np.array(orientation[3:], float)
    normal = np.cross(row, column)
    origin = np.array([-12.5, 33.0, -25.25])
    return [origin + h * (normal + shear[0] * column + shear[1] * row) for h in heights]


@settings(max_examples=40, deadline=None)
@given(
    orientation=st.sampled_from(sorted(ORIENTATIONS)),
    step=st.floats(0.4, 6.0),
    count=st.integers(2, 8),
    spacing=st.tuples(st.floats(0.3, 1.5), st.floats(0.3, 1.5)),
    order=st.randoms(use_true_random=False),
)
def test_even_stacks(
    orientation: str, step: float, count: int, spacing: tuple[float, float], order: object
) -> None:
    positions = stack(ORIENTATIONS[orientation], [step * n for n in range(count)])
    order.shuffle(positions)  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory() as folder:
        field_series(
            Path(folder), [list(p) for p in positions], ORIENTATIONS[orientation], spacing=spacing
        )
        volume = read_volume(Path(folder))
    assert volume.grid.size_kji == (count, 20, 24)
    assert volume.series.max_position_error_mm < 1e-5
    assert covered_error_hu(volume) <= 1.0


@settings(max_examples=40, deadline=None)
@given(
    orientation=st.sampled_from(sorted(ORIENTATIONS)),
    gaps=st.lists(st.floats(0.6, 5.0), min_size=3, max_size=8),
)
def test_uneven_stacks_are_resampled_in_place(orientation: str, gaps: list[float]) -> None:
    positions = stack(ORIENTATIONS[orientation], [0.0, *np.cumsum(gaps).tolist()])
    with tempfile.TemporaryDirectory() as folder:
        field_series(Path(folder), [list(p) for p in positions], ORIENTATIONS[orientation])
        volume = read_volume(Path(folder))
    assert volume.series.max_position_error_mm <= 0.05 + 1e-6
    assert covered_error_hu(volume) <= 1.0


@settings(max_examples=30, deadline=None)
@given(
    tilt_deg=st.floats(3.0, 30.0),
    sideways=st.booleans(),
    gaps=st.lists(st.sampled_from([2.5, 5.0, 3.1]), min_size=4, max_size=6),
)
def test_tilted_stacks_are_straightened_even_when_uneven(
    tilt_deg: float, sideways: bool, gaps: list[float]
) -> None:
    slope = float(np.tan(np.radians(tilt_deg)))
    shear = (0.0, slope) if sideways else (slope, 0.0)
    positions = stack((1, 0, 0, 0, 1, 0), [0.0, *np.cumsum(gaps).tolist()], shear)
    with tempfile.TemporaryDirectory() as folder:
        field_series(Path(folder), [list(p) for p in positions], size_ji=(40, 44))
        volume = read_volume(Path(folder))
    extra = int(np.ceil(slope * sum(gaps))) + 1
    assert "gantry_tilt" in {problem.code for problem in volume.series.problems}
    assert volume.series.max_position_error_mm <= 0.05 + 1e-6
    trim = (1, extra) if sideways else (extra, 1)
    assert covered_error_hu(volume, trim) <= 1.5  # three roundings to whole units


@pytest.mark.parametrize("lacking", [[3], [3, 4], [2, 6]])
def test_missing_slices_do_not_move_the_others(tmp_path: Path, lacking: list[int]) -> None:
    heights = [2.5 * n for n in range(10) if n not in lacking]
    field_series(tmp_path, [list(p) for p in stack((1, 0, 0, 0, 1, 0), heights)])
    volume = read_volume(tmp_path)
    assert {problem.code for problem in volume.series.problems} == {"missing_slices"}
    assert volume.grid.size_kji[0] == 10
    assert covered_error_hu(volume) <= 1.0


def test_two_doubled_slices_do_not_change_the_spacing(tmp_path: Path) -> None:
    heights = sorted([2.5 * n for n in range(20)] + [2.5 * 4, 2.5 * 11])
    field_series(tmp_path, [list(p) for p in stack((1, 0, 0, 0, 1, 0), heights)])
    volume = read_volume(tmp_path)
    assert {problem.code for problem in volume.series.problems} == {"duplicate_slices"}
    assert volume.grid.spacing_mm_kji[0] == pytest.approx(2.5)
    assert covered_error_hu(volume) <= 1.0


def test_a_frame_of_reference_for_each_slice_is_said(tmp_path: Path) -> None:
    folder = field_series(tmp_path, [list(p) for p in stack((1, 0, 0, 0, 1, 0), [0.0, 2.0, 4.0])])
    for number, file in enumerate(sorted(folder.iterdir())):
        dataset = read_file(file)
        dataset.FrameOfReferenceUID = f"1.2.3.5.{number}"
        save(dataset, file)
    volume = read_volume(tmp_path)
    assert {problem.code for problem in volume.series.problems} == {"frame_of_reference"}
    assert volume.grid.size_kji[0] == 3


def test_slices_lying_beside_each_other_are_not_called_the_same(tmp_path: Path) -> None:
    beside = [[0.0, 0.0, 0.0], [30.0, 0.0, 0.0]]
    field_series(tmp_path, beside)
    with pytest.raises(ImagingError) as refusal:
        read_volume(tmp_path)
    assert refusal.value.code == "not_a_volume"


@pytest.mark.parametrize("noise_mm", [0.01, 0.04])
@pytest.mark.parametrize("lacking", [[], [5], [3, 4]])
def test_rounded_positions_are_no_uneven_series(
    tmp_path: Path, noise_mm: float, lacking: list[int]
) -> None:
    rng = np.random.default_rng(4)
    heights = [1.0 * n + float(rng.uniform(-noise_mm, noise_mm)) for n in range(24)]
    kept = [h for n, h in enumerate(heights) if n not in lacking]
    field_series(tmp_path, [list(p) for p in stack((1, 0, 0, 0, 1, 0), kept)])
    volume = read_volume(tmp_path)
    codes = {problem.code for problem in volume.series.problems}
    assert volume.grid.size_kji[0] == 24
    assert ("missing_slices" in codes) == bool(lacking)
    assert volume.series.max_position_error_mm <= 0.05 + 1e-6
    assert covered_error_hu(volume) <= 1.5


def test_all_slices_twice_with_rounding_are_kept_once(tmp_path: Path) -> None:
    heights = [2.0 * n for n in range(10)] + [2.0 * n + 0.02 for n in range(10)]
    positions = [list(p) for p in stack((1, 0, 0, 0, 1, 0), heights)]
    field_series(tmp_path, positions)
    volume = read_volume(tmp_path)
    assert volume.grid.size_kji[0] == 10


@pytest.mark.parametrize("axis", [0, 2])
def test_one_slice_far_away_does_not_make_a_huge_volume(tmp_path: Path, axis: int) -> None:
    positions = [list(p) for p in stack((1, 0, 0, 0, 1, 0), [2.0 * n for n in range(6)])]
    positions[4][axis] += 200_000.0
    field_series(tmp_path, positions)
    with pytest.raises(ImagingError) as refusal:
        read_volume(tmp_path)
    assert refusal.value.code == "not_a_volume"


def test_a_single_slice_is_as_thick_as_its_header_says(tmp_path: Path) -> None:
    field_series(tmp_path, [[0.0, 0.0, 0.0]], SliceThickness=5)
    assert read_volume(tmp_path).grid.spacing_mm_kji[0] == pytest.approx(5.0)


def test_thin_slices_with_gaps_are_said(tmp_path: Path) -> None:
    positions = [list(p) for p in stack((1, 0, 0, 0, 1, 0), [10.0 * n for n in range(8)])]
    field_series(tmp_path, positions, SliceThickness=1)
    codes = {problem.code for problem in read_volume(tmp_path).series.problems}
    assert codes == {"sparse_slices"}


def test_a_steeply_tilted_gantry_is_axial_still(tmp_path: Path) -> None:
    tilt = np.radians(30)
    orientation = (1, 0, 0, 0, float(np.cos(tilt)), float(-np.sin(tilt)))
    positions = [[0.0, 0.0, 3.0 * n] for n in range(6)]
    field_series(tmp_path, positions, orientation, size_ji=(40, 24))
    codes = {problem.code for problem in read_volume(tmp_path).series.problems}
    assert codes == {"gantry_tilt"}

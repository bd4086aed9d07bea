"""Aorta and inferior vena cava, in front of the spine, with and without contrast."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from imaging.geometry import BoolArray, FloatArray
from imaging.structures.canal import Canal
from imaging.structures.coarse import CoarseImage
from imaging.structures.tube import DiscScores, Tube, best_path, judge_discs, outline

WORK_MM = (3.0, 1.7, 1.7)
SMOOTH_MM = 1.0
PLACE_MM = 2.5
FRONT_MM = (8.0, 100.0)  # of the canal's centre
SIDE_MM = 62.0
EDGE_MM = 20.0  # around them, that discs need
SOFT_HU = (0.0, 90.0)  # where noise is measured


@dataclass(frozen=True)
class Course:
    """Where a vessel runs and how large it is.

    Parameters
    ----------
    front_mm, left_mm : tuple of float
        Usual place from the canal's centre, and how far from it halves the belief.
    radii_mm : tuple of float
        Smallest and largest.
    least : float
        Score below which a place is not worth it.
    length_mm : float
        Shorter ones are not believed.
    sure : float
        Mean score of a vessel that is believed.
    """

    front_mm: tuple[float, float]
    left_mm: tuple[float, float]
    radii_mm: tuple[float, float]
    least: float
    length_mm: float
    sure: float


# source of places and sizes: general anatomy [BG]; the aorta is 12 to 35 mm wide
AORTA = Course((54.0, 26.0), (14.0, 22.0), (6.0, 18.0), 0.42, 45.0, 0.5)
CAVA = Course((60.0, 28.0), (-18.0, 18.0), (6.0, 14.0), 0.34, 45.0, 0.45)
PLACE_COST = 0.18  # of a score, where the belief is halved
FARTHEST = 4.6  # squared, of where belief is halved: farther no score, at most 1.2, is worth it
RADIUS_STEP_MM = 1.5
BORDER_BEYOND = 1.25  # times the largest radius that a border may reach
APART_MM = 3.0  # between the borders of two vessels and the middle of the other
FORK_MM = 25.0  # above and below the usual level, where a vessel forks
FORK_NARROWING = 0.8  # of the radius above
END_NARROWING = 0.72  # the same, where the level is not known
FORK_LENGTH_MM = 60.0  # above a fork, over which its radius is measured
LEAST_LENGTH_MM = 20.0  # of what is left above a fork


def noise_of(hu: NDArray[np.float32]) -> float:
    """Return the standard deviation of noise in soft tissue.

    Parameters
    ----------
    hu : numpy.ndarray
        Shape (k, j, i).

    Returns
    -------
    float
        HU; from the differences of a voxel to the mean of its four neighbours in the slice.
    """
    inner = hu[:, 1:-1, 1:-1]
    around = hu[:, :-2, 1:-1] + hu[:, 2:, 1:-1] + hu[:, 1:-1, :-2] + hu[:, 1:-1, 2:]
    off = np.abs(inner - 0.25 * around)[(inner > SOFT_HU[0]) & (inner < SOFT_HU[1])]
    return float(1.4826 / np.sqrt(1.25) * np.median(off)) if len(off) else 0.0


@dataclass(frozen=True, eq=False)
class Front:
    """The part of the image in front of the spine, on coarse voxels.

    Parameters
    ----------
    image : CoarseImage
        In front of the canal and beside it.
    smooth : numpy.ndarray
        Its values, smoothed a little.
    canal_ji : numpy.ndarray
        Shape (slices, 2), the canal's centre in each coarse slice; beyond its ends, the end's.
    noise_hu : float
        Of the smoothed values.
    """

    image: CoarseImage
    smooth: NDArray[np.float32]
    canal_ji: FloatArray
    noise_hu: float

    @classmethod
    def of(
        cls,
        hu: NDArray[np.int16],
        canal: Canal,
        spacing_mm_kji: tuple[float, float, float],
    ) -> Front:
        """Take it from an image along the patient's axes.

        Parameters
        ----------
        hu : numpy.ndarray
            Shape (k, j, i).
        canal : Canal
            The spinal canal.
        spacing_mm_kji : tuple of float
            Voxel size.

        Returns
        -------
        Front
            With the noise measured.
        """
        axis = canal.axis_kji
        edge_mm = (FRONT_MM[1] + EDGE_MM, EDGE_MM), (SIDE_MM + EDGE_MM,) * 2
        window = tuple(
            slice(
                max(0, int(axis[:, n].min() - before / mm)),
                min(hu.shape[n], int(axis[:, n].max() + after / mm) + 1),
            )
            for n, (before, after), mm in zip((1, 2), edge_mm, spacing_mm_kji[1:], strict=True)
        )
        image = CoarseImage.of(hu, spacing_mm_kji, WORK_MM, (window[0], window[1]))
        sigma = [0.0, *(SMOOTH_MM / mm for mm in image.spacing_mm_kji[1:])]
        smooth = scipy.ndimage.gaussian_filter(image.hu, sigma)
        slices = image.to_fine(0, np.arange(len(smooth), dtype=float))
        centre = [image.from_fine(n, np.interp(slices, axis[:, 0], axis[:, n])) for n in (1, 2)]
        return cls(image, smooth, np.column_stack(centre), noise_of(smooth))

    def places(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the rows and columns in which large vessels can lie."""
        _, mm_j, mm_i = self.image.spacing_mm_kji
        low = self.canal_ji.min(axis=0)
        high = self.canal_ji.max(axis=0)
        rows = (low[0] - FRONT_MM[1] / mm_j, high[0] - FRONT_MM[0] / mm_j)
        columns = (low[1] - SIDE_MM / mm_i, high[1] + SIDE_MM / mm_i)
        return (
            _every(rows, self.smooth.shape[1], PLACE_MM / mm_j),
            _every(columns, self.smooth.shape[2], PLACE_MM / mm_i),
        )

    def offsets(
        self, places: tuple[NDArray[np.int64], NDArray[np.int64]]
    ) -> tuple[FloatArray, FloatArray]:
        """Return how far places lie in front and to the left of the canal in each slice, mm.

        Parameters
        ----------
        places : tuple of numpy.ndarray
            Rows and columns.

        Returns
        -------
        tuple of numpy.ndarray
            Shapes (slices, rows, 1) and (slices, 1, columns).
        """
        _, mm_j, mm_i = self.image.spacing_mm_kji
        front = (self.canal_ji[:, :1] - places[0]) * mm_j
        left = (places[1] - self.canal_ji[:, 1:]) * mm_i
        return front[:, :, None], left[:, None, :]


def _every(limits: tuple[float, float], size: int, stride: float) -> NDArray[np.int64]:
    low, high = max(0, int(limits[0])), min(size - 1, int(np.ceil(limits[1])))
    return np.arange(low, high + 1, max(1, round(stride)))


def find_course(
    front: Front,
    course: Course,
    places: tuple[NDArray[np.int64], NDArray[np.int64]],
    discs: DiscScores,
    taken: BoolArray | None = None,
) -> Tube | None:
    """Follow a vessel.

    Parameters
    ----------
    front : Front
        Where to look.
    course : Course
        What to look for.
    places : tuple of numpy.ndarray
        Rows and columns judged.
    discs : DiscScores
        On them.
    taken : numpy.ndarray, optional
        Shape of the scores, places of another vessel.

    Returns
    -------
    Tube or None
        None where nothing is believed.
    """
    worth = discs.score - course.least - PLACE_COST * _off(front, course, places)
    if taken is not None:
        worth[taken] = -1.0
    _, mm_j, mm_i = front.image.spacing_mm_kji
    place_mm = (places[0][1] - places[0][0]) * mm_j, (places[1][1] - places[1][0]) * mm_i
    slice_mm = front.image.spacing_mm_kji[0]
    reach = tuple(max(1, round(slice_mm * 1.0 / mm)) for mm in place_mm)
    chain, run, _ = best_path(discs, worth, (reach[0], reach[1]))
    ks = np.arange(run.start, run.stop)
    score = discs.score[ks, chain[:, 0], chain[:, 1]].astype(float)
    if len(ks) * slice_mm < course.length_mm or score.mean() < course.sure:
        return None
    radius = discs.radius_mm[ks, chain[:, 0], chain[:, 1]].astype(float)
    mean = discs.mean_hu[ks, chain[:, 0], chain[:, 1]].astype(float)
    centres = np.column_stack([places[0][chain[:, 0]], places[1][chain[:, 1]]]).astype(float)
    centres = scipy.ndimage.gaussian_filter1d(
        centres, max(0.7, 3.0 / slice_mm), axis=0, mode="nearest"
    )
    return Tube(ks, centres, radius[:, None], mean, score)


def _off(
    front: Front, course: Course, places: tuple[NDArray[np.int64], NDArray[np.int64]]
) -> FloatArray:
    """Return how far places lie off the usual one, squared, 1 being where belief is halved."""
    ahead, beside = front.offsets(places)
    off: FloatArray = ((ahead - course.front_mm[0]) / course.front_mm[1]) ** 2
    return off + ((beside - course.left_mm[0]) / course.left_mm[1]) ** 2


def follow_vessels(front: Front) -> dict[str, Tube]:
    """Follow aorta and inferior vena cava, and what continues them below their forks.

    Parameters
    ----------
    front : Front
        Where to look.

    Returns
    -------
    dict
        Name to vessel, of those believed.
    """
    places = front.places()
    if min(len(places[0]), len(places[1])) < 2 or len(front.smooth) < 3:
        return {}
    found: dict[str, Tube] = {}
    for name, course in (("aorta", AORTA), ("inferior_vena_cava", CAVA)):
        radii = np.arange(course.radii_mm[0], course.radii_mm[1] + 0.1, RADIUS_STEP_MM)
        pixel_mm = front.image.spacing_mm_kji[1:]
        near = _off(front, course, places) < FARTHEST
        discs = judge_discs(front.smooth, places, radii, pixel_mm, front.noise_hu, near)
        taken = np.zeros(discs.score.shape, dtype=bool)
        for other in found.values():
            taken |= _taken(front, places, other)
        tube = find_course(front, course, places, discs, taken)
        if tube is not None:
            largest_mm = BORDER_BEYOND * course.radii_mm[1]
            spacing = front.image.spacing_mm_kji
            found[name] = outline(front.smooth, tube, spacing, front.noise_hu, largest_mm)
    return found


def _taken(
    front: Front, places: tuple[NDArray[np.int64], NDArray[np.int64]], tube: Tube
) -> BoolArray:
    """Return the places inside another vessel, or too close to it."""
    _, mm_j, mm_i = front.image.spacing_mm_kji
    out = np.zeros((len(front.smooth), len(places[0]), len(places[1])), dtype=bool)
    reach = tube.radii_mm.mean(axis=1) + APART_MM
    for k, (j, i), limit in zip(tube.slices, tube.centres_ji, reach, strict=True):
        y, x = (places[0] - j) * mm_j, (places[1] - i) * mm_i
        out[k] = np.hypot(y[:, None], x[None, :]) < limit
    return out


def above_fork(tube: Tube, front: Front, usual_k: float | None) -> Tube | None:
    """Return what of a vessel lies above its fork.

    Parameters
    ----------
    tube : Tube
        A vessel that was followed, perhaps into a branch.
    front : Front
        Its grid.
    usual_k : float or None
        Slice of the image at whose height it usually forks; None where that is not known.

    Returns
    -------
    Tube or None
        It ends where it grows narrow near that height, else there; without a height where its
        lower end is much narrower than the rest. None where next to nothing is above.
    """
    slice_mm = front.image.spacing_mm_kji[0]
    radius = scipy.ndimage.gaussian_filter1d(
        tube.radii_mm.mean(axis=1), 3.0 / slice_mm, mode="nearest"
    )
    if usual_k is None:
        narrow = radius < END_NARROWING * float(np.median(radius))
        first = int(np.argmin(narrow)) if narrow[0] else 0
        return tube.part(np.arange(len(radius)) >= first)
    usual = float(front.image.from_fine(0, np.array([usual_k]))[0])
    above_mm = (tube.slices - usual) * slice_mm
    upper = (above_mm > FORK_MM) & (above_mm < FORK_MM + FORK_LENGTH_MM)
    end_mm = 0.0
    if upper.any():
        narrow = radius < FORK_NARROWING * float(np.median(radius[upper]))
        near = narrow & (np.abs(above_mm) < FORK_MM)
        end_mm = float(above_mm[near].max()) if near.any() else 0.0
    keep = above_mm > end_mm
    return tube.part(keep) if keep.sum() * slice_mm > LEAST_LENGTH_MM else None


def paint_tube(
    tube: Tube,
    own: CoarseImage,
    labels: NDArray[np.uint8],
    label: int,
    over: tuple[int, ...],
) -> None:
    """Paint a vessel on the image, over some labels only.

    Parameters
    ----------
    tube : Tube
        On the grid of ``own``.
    own : CoarseImage
        Where it was found.
    labels : numpy.ndarray
        Shape of the image along the patient's axes, changed in place.
    label : int
        Of the vessel.
    over : tuple of int
        Labels that it may replace.
    """
    slices = own.from_fine(0, np.arange(len(labels), dtype=float))
    for k, window, inside in _sections(tube, own, slices, None):
        plane = labels[k][window]
        plane[inside[: plane.shape[0], : plane.shape[1]] & np.isin(plane, over)] = label


def tube_mask(tube: Tube, front: Front, image: CoarseImage) -> BoolArray:
    """Return a vessel on a coarse image.

    Parameters
    ----------
    tube : Tube
        On the grid of ``front``.
    front : Front
        Where it was found.
    image : CoarseImage
        Of the same volume.

    Returns
    -------
    numpy.ndarray
        Shape of the coarse image.
    """
    out = np.zeros(image.hu.shape, dtype=bool)
    slices = front.image.from_fine(0, image.to_fine(0, np.arange(len(out), dtype=float)))
    for k, window, inside in _sections(tube, front.image, slices, image):
        part = out[k][window]
        part |= inside[: part.shape[0], : part.shape[1]]
    return out


def _sections(
    tube: Tube, own: CoarseImage, slices: FloatArray, image: CoarseImage | None
) -> Iterator[tuple[int, tuple[slice, slice], BoolArray]]:
    """Give each slice of a target grid with the window the vessel lies in and its section there.

    The target is a coarse image, or the image itself.
    """
    scale = image.step if image else (1, 1, 1)
    spacing = [mm / s for mm, s in zip(own.spacing_mm_kji, own.step, strict=True)]
    mm_j, mm_i = spacing[1] * scale[1], spacing[2] * scale[2]
    index = tube.slices.astype(float)
    centre = [own.to_fine(n + 1, tube.centres_ji[:, n]) for n in (0, 1)]
    if image:
        centre = [image.from_fine(n + 1, centre[n]) for n in (0, 1)]
    angles = 2 * np.pi * np.arange(tube.radii_mm.shape[1] + 1) / tube.radii_mm.shape[1]
    for k, place in enumerate(slices):
        if not index[0] - 0.5 <= place <= index[-1] + 0.5:
            continue
        j, i = (float(np.interp(place, index, values)) for values in centre)
        radii = _between(tube.radii_mm, index, place)
        reach = float(radii.max()) + 1.0
        rows = np.arange(max(0, int(j - reach / mm_j)), int(j + reach / mm_j) + 2)
        columns = np.arange(max(0, int(i - reach / mm_i)), int(i + reach / mm_i) + 2)
        if not len(rows) or not len(columns):
            continue
        y, x = (rows[:, None] - j) * mm_j, (columns[None, :] - i) * mm_i
        turn = np.arctan2(y, x) % (2 * np.pi)
        inside = np.hypot(y, x) <= np.interp(turn, angles, np.append(radii, radii[0]))
        yield k, (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)), inside


def _between(radii: FloatArray, index: FloatArray, place: float) -> FloatArray:
    """Return the radii between two slices of a tube."""
    at = float(np.clip(np.interp(place, index, np.arange(len(index))), 0, len(index) - 1))
    low = int(at)
    high = min(low + 1, len(index) - 1)
    result: FloatArray = radii[low] * (1 - at + low) + radii[high] * (at - low)
    return result

"""Iliac arteries and veins, followed downward from the forks of the great vessels to the groin.

Common and external iliac artery lie on a line from the fork of the aorta to the middle of the
groin, which sags backward to the brim of the pelvis; the vein lies behind, then to the middle. The
bones tell where the brim and the groin are. Artery and vein of a side are followed together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from imaging.geometry import BoolArray, FloatArray
from imaging.structures.coarse import CoarseImage
from imaging.structures.pelvis import Pelvis
from imaging.structures.tube import DiscScores, Tube, judge_discs, outline
from imaging.structures.tube_pair import Candidates, beside_each_other, follow_pair
from imaging.structures.vessels import noise_of

WORK_MM = (3.0, 1.2, 1.2)
SMOOTH_MM = 1.0
PLACE_MM = 1.8
EDGE_MM = 15.0  # around all places, that discs need
TRUNKS = {"artery": "aorta", "vena": "inferior_vena_cava"}
# source of places and sizes: general anatomy [BG]; measured on two real CT
RADII_MM = {"artery": (3.0, 4.0, 5.0, 6.0), "vena": (3.5, 4.5, 5.5, 6.5, 8.0)}
LARGEST_MM = {"artery": 8.0, "vena": 12.0}  # radius that no border passes
GROIN_FRONT_MM = 22.0  # of the bone, where the vessels reach the groin
GROIN_SIDE_MM = 9.0  # beyond the side wall, and
GROIN_BELOW_MM = 25.0  # so far below its widest place
SAG_MM = {"artery": 36.0, "vena": 44.0}  # backward from the straight line, beside the sacral ala
SAGS_MM = (25.0, -38.0)  # above the sacrum's top: begins, is deepest; it ends at the side wall
COMMON = 0.3  # of the way down, the common iliac vessels
SPREAD_MM = (24.0, 17.0)  # from the usual course: to the front or back, to the side
PLACE_COST = 0.22  # of a score, at that distance; it grows with its square, and
FARTHEST = 4.0  # times that cost is the most
ENHANCED_HU = 90.0  # blood without contrast has 30 to 60
UNENHANCED_HU = 30.0  # the least of a vein that contrast has not reached
ALIKE = (0.2, 0.15)  # of the density above the fork: less and more are as likely
ALIKE_HU = 8.0  # at least
TRUNK_MM = 40.0  # above a fork, over which its density is measured
HU_COST = 0.2  # of a score, for
HU_SPREAD = (10.0, 0.1)  # beyond that: HU, or a share of the density
HU_MOST = 3.0  # times that cost is the most
WEIGHT = {"artery": 1.5, "vena": 1.0}  # arteries are rounder: of two places theirs is the surer
LEAST = 0.3  # score below which a place is not worth it
ABOVE_FORK_MM = 20.0  # where both sides' vessels are still one
FORK_MM = 9.0  # from the middle of a great vessel there
ELSEWHERE = -5.0  # worth of a place that is farther
UNKNOWN_CAVA_MM = (8.0, -20.0)  # behind and to the left of the aorta's end
APART_MM = 18.0  # between the middles of artery and vein of a side
APART_COST = 0.35
STEEPEST = 1.8  # sideways to down
SLOPE_MM = 3.0  # each slice allows as much, whatever its thickness
ONE_VESSEL = 0.5  # of both radii: nearer middles are those of one vessel
LOST = 0.4  # mean score below which a vessel is lost, over
LOST_MM = 60.0  # this length: short stretches are bridged
# mean score of a vessel that is believed; measured: arteries 0.66 to 0.79, veins 0.61 to 0.70, and
# what is followed where all of them were taken out, 0.57 to 0.64 and 0.44 to 0.54
SURE = {"artery": 0.6, "vena": 0.55}
LENGTH_MM = 50.0  # shorter ones are not believed
AXIS_MM = 3.0  # the axis is smoothed over this
OUTSIDE_HU = -100.0  # given to what is nearer to the other vessel, as if fat parted them


@dataclass(frozen=True, eq=False)
class _Field:
    """The image between forks and groin, and the places in it that may be a vessel's middle."""

    image: CoarseImage
    smooth: NDArray[np.float32]
    noise_hu: float
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]

    @property
    def pixel_mm(self) -> tuple[float, float, float]:
        """Size of the voxels of the image that coarse ones were taken from."""
        k, j, i = (mm / n for mm, n in zip(self.image.spacing_mm_kji, self.image.step, strict=True))
        return k, j, i

    def slices(self) -> FloatArray:
        """Return the slices of the image in which the coarse ones lie."""
        return self.image.to_fine(0, np.arange(len(self.smooth), dtype=float))

    def places_mm(self) -> tuple[FloatArray, FloatArray]:
        """Return rows and columns of the places, mm."""
        _, mm_j, mm_i = self.pixel_mm
        rows = self.image.to_fine(1, self.rows.astype(float)) * mm_j
        return rows, self.image.to_fine(2, self.columns.astype(float)) * mm_i


def find_iliacs(
    hu: NDArray[np.int16],
    pelvis: dict[str, Pelvis],
    trunks: dict[str, Tube],
    own: CoarseImage,
    spacing_mm_kji: tuple[float, float, float],
) -> tuple[CoarseImage, list[tuple[str, Tube]]]:
    """Find the iliac arteries and veins.

    Parameters
    ----------
    hu : numpy.ndarray
        Shape (k, j, i) along the patient's axes, HU.
    pelvis : dict
        Side to the bones' frame; sides without one are left out.
    trunks : dict
        Aorta and cava above their forks, by name.
    own : CoarseImage
        Their grid.
    spacing_mm_kji : tuple of float
        Voxel size.

    Returns
    -------
    tuple
        The vessels' grid, and name and vessel of those believed, with what of the trunks lies
        below their given ends; none without the aorta.
    """
    forks = _forks(trunks, own, spacing_mm_kji)
    if forks is None:
        return own, []
    top = max(end[0] for end in forks.values())
    long = LENGTH_MM / spacing_mm_kji[0]
    sides = {side: frame for side, frame in pelvis.items() if top - frame.end_k > long}
    if not sides:
        return own, []
    field = _field(hu, forks, sides, spacing_mm_kji)
    followed = _followed(field, forks, sides, _densities(trunks, own.spacing_mm_kji[0]))
    found = []
    slice_mm = field.image.spacing_mm_kji[0]
    for kind, trunk in TRUNKS.items():
        both = [followed[side][kind] for side in followed]
        parted = _parted(both, field.image.spacing_mm_kji)
        for side, tube in zip(followed, both, strict=True):
            below = _believed(tube.part(tube.slices < parted), slice_mm, SURE[kind])
            if below is None:
                continue
            found.append((f"iliac_{kind}_{side}", below))
            if trunk in trunks and tube.slices[-1] >= parted:
                found.append((trunk, tube.part(tube.slices >= parted)))
    return field.image, found


def _forks(
    trunks: dict[str, Tube], own: CoarseImage, spacing: tuple[float, float, float]
) -> dict[str, FloatArray] | None:
    """Return aorta and cava a little above their forks, (k, j, i); None without the aorta.

    Above: what was taken for the lower end of the aorta may be the first part of a branch.
    """
    if "aorta" not in trunks:
        return None
    above = ABOVE_FORK_MM / own.spacing_mm_kji[0]
    start = max(float(tube.slices[0]) + above * (name == "aorta") for name, tube in trunks.items())
    start = min(start, float(trunks["aorta"].slices[-1]))
    places = {}
    for kind, name in TRUNKS.items():
        if name in trunks:
            tube = trunks[name]
            centre = [np.interp(start, tube.slices, tube.centres_ji[:, n]) for n in (0, 1)]
            fine = [own.to_fine(n, np.array([x])) for n, x in enumerate((start, *centre))]
            places[kind] = np.concatenate(fine)
    if "vena" not in places:
        behind, left = UNKNOWN_CAVA_MM
        places["vena"] = places["artery"] + np.array([0.0, behind / spacing[1], left / spacing[2]])
    return places


def _field(
    hu: NDArray[np.int16],
    forks: dict[str, FloatArray],
    sides: dict[str, Pelvis],
    spacing: tuple[float, float, float],
) -> _Field:
    """Judge all discs between the forks and the groin."""
    top = int(np.ceil(max(end[0] for end in forks.values())))
    image = CoarseImage.of(hu[: top + 1], spacing, WORK_MM, _window(hu, forks, sides, spacing))
    pixel_mm = image.spacing_mm_kji[1:]
    smooth = scipy.ndimage.gaussian_filter(image.hu, [0.0, *(SMOOTH_MM / mm for mm in pixel_mm)])
    rows, columns = (
        np.arange(0, n, max(1, round(PLACE_MM / mm)))
        for n, mm in zip(smooth.shape[1:], pixel_mm, strict=True)
    )
    return _Field(image, smooth, noise_of(smooth), rows, columns)


def _window(
    hu: NDArray[np.int16],
    forks: dict[str, FloatArray],
    sides: dict[str, Pelvis],
    spacing: tuple[float, float, float],
) -> tuple[slice, slice]:
    """Return the rows and columns in which the vessels can lie, with an edge."""
    around = [2.0 * mm + EDGE_MM for mm in SPREAD_MM]
    frames = sides.values()
    groin = [float(f.front_j[: max(0, int(f.wall_k)) + 1].min()) for f in frames]
    rows = [forks["artery"][1], min(groin) - GROIN_FRONT_MM / spacing[1], max(groin)]
    deep = max(SAG_MM.values()) + around[0]
    reach = max(f.wall_mm for f in frames) + GROIN_SIDE_MM + around[1]
    middle = [f.middle_i for f in frames]
    limits = (
        (min(rows) - around[0] / spacing[1], max(rows) + deep / spacing[1]),
        (min(middle) - reach / spacing[2], max(middle) + reach / spacing[2]),
    )
    one, other = (
        slice(max(0, int(low)), min(size, int(high) + 1))
        for (low, high), size in zip(limits, hu.shape[1:], strict=True)
    )
    return one, other


def _followed(
    field: _Field,
    forks: dict[str, FloatArray],
    sides: dict[str, Pelvis],
    densities: dict[str, tuple[float, float]],
) -> dict[str, dict[str, Tube]]:
    """Follow artery and vein of each side, with their borders."""
    chosen: dict[str, dict[str, Candidates]] = {side: {} for side in sides}
    rows_mm, columns_mm = field.places_mm()
    pixel_mm = field.image.spacing_mm_kji[1:]
    for kind, radii_mm in RADII_MM.items():
        fork_mm = forks[kind][1:] * np.array(field.pixel_mm[1:])
        off = {side: _off(field, frame, fork_mm, SAG_MM[kind]) for side, frame in sides.items()}
        wanted = np.logical_or.reduce([far < FARTHEST for far in off.values()])
        discs = judge_discs(
            field.smooth,
            (field.rows, field.columns),
            np.array(radii_mm),
            pixel_mm,
            field.noise_hu,
            wanted,
        )
        discs = _of_density(discs, densities[kind])
        elsewhere = np.hypot((rows_mm - fork_mm[0])[:, None], columns_mm - fork_mm[1]) > FORK_MM
        for side in sides:
            worth = discs.score - LEAST - PLACE_COST * np.minimum(off[side], FARTHEST)
            worth *= WEIGHT[kind]
            worth[-1][elsewhere] = ELSEWHERE
            chosen[side][kind] = Candidates.of(discs, worth, rows_mm, columns_mm)
    return {side: _pair(field, chosen[side], frame) for side, frame in sides.items()}


def _densities(trunks: dict[str, Tube], slice_mm: float) -> dict[str, tuple[float, float]]:
    """Return the least and most HU that artery and vein are likely to have."""
    above = {
        kind: float(np.median(trunks[name].mean_hu[: max(1, round(TRUNK_MM / slice_mm))]))
        for kind, name in TRUNKS.items()
        if name in trunks
    }
    artery = above["artery"]
    vein = above.get("vena", min(artery, ENHANCED_HU))
    found = {
        kind: (level - max(ALIKE_HU, ALIKE[0] * level), level + max(ALIKE_HU, ALIKE[1] * level))
        for kind, level in (("artery", artery), ("vena", vein))
    }
    if vein > ENHANCED_HU or "vena" not in above:  # contrast may not have reached the legs' veins
        found["vena"] = (
            min(UNENHANCED_HU, found["vena"][0]),
            max(high for _, high in found.values()),
        )
    return found


def _of_density(discs: DiscScores, limits: tuple[float, float]) -> DiscScores:
    """Return discs, those of another density scored lower."""
    low, high = limits
    beyond = np.maximum(np.maximum(low - discs.mean_hu, discs.mean_hu - high), 0.0)
    off = (beyond / max(HU_SPREAD[0], HU_SPREAD[1] * high)) ** 2
    score = discs.score - HU_COST * np.minimum(off, HU_MOST)
    return DiscScores(score.astype(np.float32), discs.radius_mm, discs.mean_hu)


def _off(field: _Field, frame: Pelvis, fork_mm: FloatArray, sag_mm: float) -> FloatArray:
    """Return how far places lie off a vessel's usual course, squared, 1 being its spread."""
    rows_mm, columns_mm = field.places_mm()
    course = _course(field, frame, fork_mm, sag_mm)
    off = ((rows_mm - course[:, :1]) / SPREAD_MM[0])[:, :, None] ** 2
    result: FloatArray = off + ((columns_mm - course[:, 1:]) / SPREAD_MM[1])[:, None, :] ** 2
    return result


def _pair(field: _Field, chosen: dict[str, Candidates], frame: Pelvis) -> dict[str, Tube]:
    """Return the best pair of artery and vein of a side, with their borders."""
    slices = field.slices()
    order = np.flatnonzero(slices >= frame.end_k)[::-1]  # the chains run downward
    artery, vein = (chosen[kind].part(order) for kind in TRUNKS)
    usual = _vein_from_artery(_down(field, frame)[order], frame.sign)
    relation = beside_each_other(artery, vein, APART_MM, usual, APART_COST)
    reach_mm = STEEPEST * field.image.spacing_mm_kji[0] + SLOPE_MM
    chain = follow_pair(artery, vein, relation, reach_mm)
    pair = zip(TRUNKS, (artery, vein), chain.T, strict=True)
    return _outlined(field, {kind: _tube(field, own, way, order) for kind, own, way in pair})


def _down(field: _Field, frame: Pelvis) -> FloatArray:
    """Return the share of the way from the forks to the side wall, of each coarse slice."""
    slices = field.slices()
    fork = float(slices[-1]) - ABOVE_FORK_MM / field.pixel_mm[0]
    return np.clip((fork - slices) / (fork - frame.wall_k), 0.0, 1.0)


def _course(field: _Field, frame: Pelvis, fork_mm: FloatArray, sag_mm: float) -> FloatArray:
    """Return the usual course of a side's vessels, rows and columns in mm."""
    slices, mm, down = field.slices(), field.pixel_mm, _down(field, frame)
    end = np.minimum(slices, max(frame.wall_k, 0.0))
    groin = np.interp(end, np.arange(len(frame.front_j)), frame.front_j) * mm[1] - GROIN_FRONT_MM
    if frame.wall_k < 0:  # the image ends above
        groin = np.full(len(slices), fork_mm[0])
    begin, deepest = (frame.sacrum_k + above / mm[0] for above in SAGS_MM)
    sag = np.interp(slices, (frame.wall_k, deepest, begin), (0.0, 1.0, 0.0))
    row = (1 - down) * fork_mm[0] + down * groin + sag_mm * np.sin(0.5 * np.pi * sag) ** 2
    below = np.clip((frame.wall_k - slices) * mm[0] / GROIN_BELOW_MM, 0.0, 1.0)
    wall = frame.middle_i * mm[2] + frame.sign * frame.wall_mm
    column = (1 - down) * fork_mm[1] + down * wall + frame.sign * GROIN_SIDE_MM * below
    return np.column_stack([row, column])


def _vein_from_artery(down: FloatArray, sign: float) -> FloatArray:
    """Return where the vein lies from the artery, a direction along rows and columns.

    Behind it; above also on the patient's right, below also toward the middle.
    """
    behind = 0.5 + 0.5 * np.sin(np.pi * down)
    return np.column_stack([behind, np.where(down < COMMON, -0.6, -sign * down)])


def _tube(
    field: _Field, chosen: Candidates, chain: NDArray[np.int64], order: NDArray[np.int64]
) -> Tube:
    """Return a chain as a tube, its slices rising."""
    rows, which = np.arange(len(chain))[::-1], chain[::-1]
    place = chosen.place_mm[rows, which] / np.array(field.pixel_mm[1:])
    centres = np.column_stack([field.image.from_fine(n + 1, place[:, n]) for n in (0, 1)])
    along = max(0.7, AXIS_MM / field.image.spacing_mm_kji[0])
    return Tube(
        order[: len(chain)][::-1],
        scipy.ndimage.gaussian_filter1d(centres, along, axis=0, mode="nearest"),
        chosen.radius_mm[rows, which][:, None],
        chosen.mean_hu[rows, which],
        chosen.score[rows, which],
    )


def _outlined(field: _Field, tubes: dict[str, Tube]) -> dict[str, Tube]:
    """Return the vessels with their borders, each kept out of the other."""
    spacing = field.image.spacing_mm_kji
    nearer = _nearer(tubes["artery"], tubes["vena"], field.smooth.shape, spacing)
    out = {}
    for kind, others in (("artery", ~nearer), ("vena", nearer)):
        alone = np.where(others, np.float32(OUTSIDE_HU), field.smooth)
        out[kind] = outline(alone, tubes[kind], spacing, field.noise_hu, LARGEST_MM[kind])
    return out


def _nearer(
    tube: Tube, other: Tube, shape: tuple[int, ...], spacing: tuple[float, float, float]
) -> BoolArray:
    """Return what lies nearer to the first vessel, by the border of their discs, than the other."""
    out = np.zeros(shape, dtype=bool)
    jj, ii = np.ogrid[: shape[1], : shape[2]]
    for n, k in enumerate(tube.slices):
        first, second = (
            ((jj - t.centres_ji[n, 0]) * spacing[1]) ** 2
            + ((ii - t.centres_ji[n, 1]) * spacing[2]) ** 2
            - float(t.radii_mm[n].mean()) ** 2
            for t in (tube, other)
        )
        out[k] = first <= second
    return out


def _parted(both: list[Tube], spacing: tuple[float, float, float]) -> int:
    """Return the slice from which upward the vessels of both sides are still one."""
    top = int(both[0].slices[-1]) + 1
    if len(both) < 2:
        return top
    one, other = both
    for n in range(1, min(len(one.slices), len(other.slices)) + 1):
        off = (one.centres_ji[-n] - other.centres_ji[-n]) * np.array(spacing[1:])
        apart = ONE_VESSEL * float(one.radii_mm[-n].mean() + other.radii_mm[-n].mean())
        if np.hypot(*off) > apart:
            break
        top = int(one.slices[-n])
    return top


def _believed(tube: Tube, slice_mm: float, sure: float) -> Tube | None:
    """Return a vessel down to where it is lost; None where little is left."""
    if not len(tube.slices):
        return None
    size = max(1, round(LOST_MM / slice_mm))
    lost = np.flatnonzero(scipy.ndimage.uniform_filter1d(tube.score, size, mode="reflect") < LOST)
    kept = tube.part(np.arange(len(tube.slices)) > (lost.max() if len(lost) else -1))
    return kept if len(kept.slices) * slice_mm > LENGTH_MM and kept.sure > sure else None

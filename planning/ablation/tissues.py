"""Which tissue every cell of a patient is, from the CT, the lesion and the structures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import scipy

from imaging.geometry import BoolArray, FloatArray
from imaging.structures.model import BODY, LUNG, SPINAL_CANAL, Structures
from imaging.volume import Volume
from planning.ablation.solver.materials import (
    Float32Array,
    IndexArray,
    Material,
    Medium,
    blended,
    tissue_material,
)
from planning.ablation.uncertainty.variation import Variation

AS_TABLED = Variation()
# Order of the map's values; the first is what lies outside the body.
CLASSES: tuple[str, ...] = (
    "air",
    "muscle",
    "fat",
    "skin",
    "gas",
    "lung",
    "cancellous_bone",
    "cortical_bone",
    "red_marrow",
    "yellow_marrow",
    "lytic_metastasis",
    "blastic_metastasis",
    "disc",
    "csf",
    "spinal_cord",
    "nerve",
    "vessel",
    "large_bowel",
    "liver",
    "metal",
    "dextrose_5",
    "saline",
    "carbon_dioxide",
    "cement",
)
GRADES = 5  # of bone between cancellous and cortical
# Tissues that grow denser with HU: what they are at their loosest, and the grades of it.
GRADED = {
    loosest: tuple(f"{loosest}_{grade}" for grade in range(1, GRADES + 1))
    for loosest in ("cancellous_bone", "blastic_metastasis")
}
DENSEST = "cortical_bone"
CLASSES += tuple(name for names in GRADED.values() for name in names)
VALUE = {name: n for n, name in enumerate(CLASSES)}
GAS_BELOW_HU = -300.0  # [BG]
FAT_BELOW_HU = -25.0  # [BG]
BONE_FROM_HU = 150.0  # mineral, outside the bone mask too [BG]
# Mineral up to the first HU is cancellous bone, from the second on cortical bone; between them
# every property goes in proportion [BG].
CANCELLOUS_TO_HU, CORTICAL_FROM_HU = 300.0, 900.0
BLASTIC_FROM_HU = 250.0  # of a lesion's voxel [BG]
METAL_FROM_HU = 2500.0
SKIN_MM = 2.0  # thickness of the skin [BG]
HEAT_SINK_MM = 3.0  # a vessel thinner than this gives way to the tissue's perfusion
# Air diffuses heat twenty times faster than ice and would rule the time step. Raised to this, a
# fortieth of tissue's, its heat capacity still stores next to nothing.
LEAST_HEAT_J_M3_K = 1e5
FLOWING = frozenset({"vessel"})  # never dies, so never loses its flow

Matcher = Callable[[str], bool]


def _words(*words: str) -> Matcher:
    return lambda name: any(word in name for word in words)


# Named soft structures; later rows win.
SOFT: tuple[tuple[str, Matcher], ...] = (
    ("liver", _words("liver", "spleen", "kidney")),
    ("large_bowel", _words("colon", "small_bowel", "duodenum", "rectum", "stomach")),
    ("disc", _words("disc", "intervertebral")),
    ("vessel", _words("aorta", "vena_cava", "artery", "vein", "vessel", "iliac_vena")),
    ("csf", lambda name: name == SPINAL_CANAL),
    ("nerve", _words("nerve", "plexus", "ganglion")),
    ("spinal_cord", _words("spinal_cord")),
)
# Named bodies that are what they are at any HU.
HARD: tuple[tuple[str, Matcher], ...] = (
    ("cement", _words("cement", "pmma")),
    ("metal", _words("metal", "screw", "implant", "prosthesis")),
)


def tissue_map(volume: Volume, lesion_mask: BoolArray, structures: Structures) -> IndexArray:
    """Return the tissue of every voxel.

    Parameters
    ----------
    volume : Volume
        On the grid of the simulation.
    lesion_mask : numpy.ndarray
        Shape ``volume.grid.size_kji``, bool.
    structures : Structures
        On any grid.

    Returns
    -------
    numpy.ndarray
        Shape ``volume.grid.size_kji``, uint8: positions in ``CLASSES``.
    """
    near = structures.on_grid(volume.grid)
    hu = volume.hu.astype(np.float32)
    body = body_mask(volume, near)
    result = np.full(hu.shape, VALUE["muscle"], dtype=np.uint8)
    result[hu < FAT_BELOW_HU] = VALUE["fat"]
    result[_skin(body, volume.grid.spacing_mm_kji)] = VALUE["skin"]
    for tissue, matches in SOFT:
        names = [name for name in near.names() if matches(name)]
        if not names:
            continue
        mask = near.mask(*names) & (hu < BONE_FROM_HU)
        if tissue in FLOWING:
            mask = wide_parts(mask, volume.grid.spacing_mm_kji, HEAT_SINK_MM)
        result[mask] = VALUE[tissue]
    _bone(result, hu, near.bone_mask())
    result[hu < GAS_BELOW_HU] = VALUE["gas"]
    lungs = [name for name in near.names() if name == LUNG or name.startswith("lung_")]
    result[near.mask(*lungs) & (hu < GAS_BELOW_HU)] = VALUE["lung"]
    result[lesion_mask] = VALUE["lytic_metastasis"]
    _grade(result, hu, lesion_mask & (hu >= BLASTIC_FROM_HU), "blastic_metastasis")
    result[hu > METAL_FROM_HU] = VALUE["metal"]
    for material, matches in HARD:
        names = [name for name in near.names() if matches(name)]
        result[near.mask(*names)] = VALUE[material]
    result[~body & ~lesion_mask] = VALUE["air"]
    return result


def _bone(result: IndexArray, hu: Float32Array, bone: BoolArray) -> None:
    """Tell cortical, cancellous bone and marrow apart by HU."""
    result[bone & (hu < FAT_BELOW_HU)] = VALUE["yellow_marrow"]
    result[bone & (hu >= FAT_BELOW_HU)] = VALUE["red_marrow"]
    _grade(result, hu, hu >= BONE_FROM_HU, "cancellous_bone")


def _grade(result: IndexArray, hu: Float32Array, where: BoolArray, loosest: str) -> None:
    """Fill mineral by how dense it is."""
    names = (loosest, *GRADED[loosest], DENSEST)
    share = (hu[where] - CANCELLOUS_TO_HU) / (CORTICAL_FROM_HU - CANCELLOUS_TO_HU)
    grade = np.rint(np.clip(share, 0.0, 1.0) * (GRADES + 1)).astype(int)
    result[where] = np.array([VALUE[name] for name in names], dtype=np.uint8)[grade]


def wide_parts(
    vessel: BoolArray, spacing_mm_kji: tuple[float, float, float], width_mm: float
) -> BoolArray:
    """Return where a vessel is as wide as a heat sink.

    Parameters
    ----------
    vessel : numpy.ndarray
        Shape (k, j, i), bool.
    spacing_mm_kji : tuple of float
        Of the cells; on wider cells than half the least width the thin parts cannot be told.
    width_mm : float
        Least width.

    Returns
    -------
    numpy.ndarray
        The parts that a ball so wide reaches without leaving the vessel, to a cell.
    """
    depth: FloatArray = scipy.ndimage.distance_transform_edt(vessel, sampling=spacing_mm_kji)
    core = depth >= 0.5 * width_mm
    if not core.any():
        return core
    around: FloatArray = scipy.ndimage.distance_transform_edt(~core, sampling=spacing_mm_kji)
    wide: BoolArray = vessel & (around <= 0.5 * width_mm)
    return wide


def _skin(body: BoolArray, spacing_mm_kji: tuple[float, float, float]) -> BoolArray:
    """Return the outer layer of the body; where the grid ends is no skin."""
    if body.all():
        return np.zeros_like(body)
    depth: FloatArray = scipy.ndimage.distance_transform_edt(body, sampling=spacing_mm_kji)
    outer: BoolArray = body & (depth <= SKIN_MM)
    return outer


def body_mask(volume: Volume, structures: Structures) -> BoolArray:
    """Return what lies inside the skin.

    Parameters
    ----------
    volume : Volume
        Asked when the structures hold no body.
    structures : Structures
        On the same grid.

    Returns
    -------
    numpy.ndarray
        Shape ``volume.grid.size_kji``, bool.
    """
    if structures.named(BODY):
        return structures.mask(BODY)
    solid = volume.hu >= GAS_BELOW_HU
    filled = np.stack([scipy.ndimage.binary_fill_holes(part) for part in solid])
    result: BoolArray = filled | structures.mask(*structures.names())
    return result


@dataclass(frozen=True, eq=False)
class PatientMedium:
    """The medium of a patient.

    Parameters
    ----------
    medium : Medium
        For the solver.
    classes : numpy.ndarray
        Shape (k, j, i), uint8: positions in ``CLASSES``.
    """

    medium: Medium
    classes: IndexArray

    def mask(self, *tissues: str) -> BoolArray:
        """Return where tissues lie.

        Parameters
        ----------
        *tissues : str
            Names of ``CLASSES``.

        Returns
        -------
        numpy.ndarray
            Shape (k, j, i), bool.
        """
        result: BoolArray = np.isin(self.classes, [VALUE[name] for name in tissues])
        return result


def _with_body(material: Material) -> Material:
    """Give gases enough heat capacity for the time step; they insulate as before."""
    least = LEAST_HEAT_J_M3_K / material.specific_heat_j_kg_k
    return replace(material, density_kg_m3=max(material.density_kg_m3, least))


def patient_medium(classes: IndexArray, variation: Variation | None = None) -> PatientMedium:
    """Return the medium of a tissue map.

    Parameters
    ----------
    classes : numpy.ndarray
        As :func:`tissue_map` returns it.
    variation : Variation or None
        How the tissues differ from the table; None not at all.

    Returns
    -------
    PatientMedium
        Only the tissues that occur are materials, which keeps the time step as long as it can be.
    """
    used = np.unique(classes)
    lookup = np.zeros(256, dtype=np.uint8)
    lookup[used] = np.arange(len(used))
    varied = variation or AS_TABLED
    materials = tuple(_with_body(_material(CLASSES[n], varied)) for n in used)
    return PatientMedium(Medium(materials, lookup[classes]), classes)


def _material(name: str, varied: Variation) -> Material:
    """Return a class of the map as it is in a variation."""
    for loosest, names in GRADED.items():
        if name in names:
            share = (names.index(name) + 1) / (GRADES + 1)
            return blended(name, _material(loosest, varied), _material(DENSEST, varied), share)
    return varied.applied(tissue_material(name, linear=name in FLOWING))

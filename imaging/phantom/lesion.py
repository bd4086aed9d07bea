"""A lesion of the model: an irregular oval in a bone, with a part outside where it breaks out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from pydantic import Field as Bounded

from imaging.document import Document, Vector
from imaging.geometry import FloatArray
from imaging.phantom import spine
from imaging.phantom.model import CORD, Layer, Tissue
from imaging.phantom.pressed_cord import pressed_cord
from imaging.phantom.sites import COLUMNS, Anchor, Site, Trunk, anchor
from imaging.phantom.solids import BAND_MM, Field, FieldArray, Oval, Sampled, Shape
from imaging.phantom.texture import noise_at
from imaging.phantom.truth import LATTICE_MM, Kind, Measured, largest_piece, measure

CORTEX_LEFT_MM = 1.0  # cortex that a lesion without a breach leaves standing
BREACH_FROM_MM = 0.5  # a lesion this far outside the bone has broken through
FORBIDDEN_MM = 0.3  # distance a lesion keeps from the canal
ISLAND_MM = 8.0  # size of the sclerotic islands of a mixed lesion

TISSUES: dict[Kind, Tissue] = {
    "lytic": Tissue(45.0, 7.0, (4.0, 4.0, 4.0)),
    "mixed": Tissue(170.0, 150.0, (6.0, 6.0, 6.0)),
    "blastic": Tissue(680.0, 110.0, (5.0, 5.0, 5.0)),
}
SCLEROSIS = Tissue(640.0, 90.0, (3.0, 3.0, 3.0))


class Breakout(Document):
    """The part of a lesion outside the bone.

    Attributes
    ----------
    offset_mm : tuple of float
        Its centre from the anchor, along the bone's own axes.
    diameters_mm : tuple of float
        Along the same axes.
    """

    offset_mm: Vector
    diameters_mm: Vector


class Epidural(Breakout):
    """The part of a lesion in the spinal canal.

    Attributes
    ----------
    indent_mm : float
        Depth it may press into the dural sac; negative keeps it that far off. A cord in its way
        gives way to the back.
    """

    indent_mm: float = Bounded(default=-0.5, ge=-5.0, le=9.0)


class LesionSpec(Document):
    """A lesion in words and numbers.

    Attributes
    ----------
    body : str
        ``lower_trunk`` or ``upper_trunk``: the body that has the site.
    site : Site
        Where it lies.
    diameters_mm : tuple of float
        Of the oval it starts from, along the bone's axes.
    breakout : Breakout or None
        Its part outside the bone; None leaves the cortex standing.
    epidural : Epidural or None
        Its part in the spinal canal; None leaves the posterior wall standing.
    kind : str
        ``lytic``, ``mixed`` or ``blastic``.
    hu : float or None
        Mean of its tissue, of the lytic part of a mixed one; that of its kind by default.
    sclerotic_part : float or None
        Part of a mixed lesion that is sclerotic, in islands; None for one coarse mixture.
    irregularity : float
        Deviation of its border as a part of the smallest diameter.
    """

    body: Trunk = "lower_trunk"
    site: Site
    diameters_mm: Vector
    breakout: Breakout | None = None
    epidural: Epidural | None = None
    kind: Kind
    hu: float | None = Bounded(default=None, ge=-100.0, le=1500.0)
    sclerotic_part: float | None = Bounded(default=None, gt=0.0, lt=1.0)
    irregularity: float = Bounded(ge=0.0, le=0.2)


@dataclass(frozen=True, eq=False)
class LesionModel:
    """A lesion ready to be painted.

    Parameters
    ----------
    solid : Field
        Signed distances on the lattice of the measurements.
    size : Measured
        Its truth.
    breach : bool
        Whether it reaches outside its bone.
    layers : tuple of Layer
        To be painted last.
    bone : Field
        Signed distances to the bone's surface on the same lattice.
    cord : Field or None
        The cord as the lesion presses it, on the same lattice; None where it does not.
    """

    solid: Field
    size: Measured
    breach: bool
    layers: tuple[Layer, ...]
    bone: Field
    cord: Field | None = None


def build(spec: LesionSpec, seed: int, collapse_percent: float = 0.0) -> LesionModel:
    """Build a lesion.

    Parameters
    ----------
    spec : LesionSpec
        Where it lies, how large it is and what it is made of.
    seed : int
        Of its border.
    collapse_percent : float
        Height its vertebra has lost at the front.

    Returns
    -------
    LesionModel
        Ready to be painted.

    Raises
    ------
    ImagingError
        When the model has no such site, or nothing of the lesion lies in the bone.
    """
    at = anchor(spec.site, spec.body, collapse_percent)
    core = Oval(at.place_lps_mm, _half(spec.diameters_mm), at.axes_lps, power=2.2, axis_power=2.2)
    outer = None if spec.breakout is None else _outside(at, spec.breakout)
    inner = None if spec.epidural is None else _outside(at, spec.epidural)
    reach = [part.bounds_mm() for part in (core, outer, inner) if part is not None]
    rough = spec.irregularity * min(spec.diameters_mm)
    lattice = _lattice(reach, 2.5 * rough)
    border = rough * _border(lattice, max(min(spec.diameters_mm) / 3.0, 4.0), seed)
    bone = at.bone.on(lattice)
    values = np.maximum(core.fill(lattice) + border, bone.values + np.float32(CORTEX_LEFT_MM))
    if outer is not None:
        values = np.minimum(values, outer.fill(lattice) + 0.6 * border)
    column = COLUMNS[spec.body]
    canal = spine.canal_shape(column).on(lattice).values
    values = np.maximum(values, np.float32(FORBIDDEN_MM) - canal)
    if inner is not None and spec.epidural is not None:
        sac = spine.sac_shape(column).on(lattice).values + np.float32(spec.epidural.indent_mm)
        values = np.minimum(values, np.maximum(inner.fill(lattice) + 0.3 * border, -sac))
    values = largest_piece(values.astype(np.float32))
    solid = Field(lattice.first_lps_mm, lattice.step_mm, values)
    breach = bool((bone.values[solid.values < 0] > BREACH_FROM_MM).any())
    cord = pressed_cord(solid, column) if inner is not None else None
    layers = _layers(spec, solid, seed)
    if cord is not None:
        layers = _around_cord(layers, solid, canal, cord)
    return LesionModel(solid, measure(values, solid.grid()), breach, layers, bone, cord)


def _around_cord(
    layers: tuple[Layer, ...], solid: Field, canal: FieldArray, cord: Field
) -> tuple[Layer, ...]:
    """Return a lesion's layers with the cord that gives way to it, so that labels tell it too."""
    part = replace(solid, values=np.maximum(solid.values, canal))
    room = Layer("spinal_canal", Shape((Sampled(part),), step_mm=LATTICE_MM), layers[0].tissue)
    pressed = Shape((Sampled(cord),), step_mm=LATTICE_MM)
    return room, *layers, Layer("spinal_cord", pressed, CORD)


def _outside(at: Anchor, part: Breakout) -> Oval:
    place = at.place_lps_mm + np.array(part.offset_mm) @ at.axes_lps
    return Oval(place, _half(part.diameters_mm), at.axes_lps)


def _layers(spec: LesionSpec, solid: Field, seed: int) -> tuple[Layer, ...]:
    """Return the tissue of a lesion; sclerotic islands lie over the lytic part of a mixed one."""
    islands = spec.kind == "mixed" and spec.sclerotic_part is not None
    tissue = TISSUES["lytic" if islands else spec.kind]
    if spec.hu is not None:
        tissue = replace(tissue, hu=spec.hu)
    whole = Layer("", Shape((Sampled(solid),), step_mm=LATTICE_MM), tissue, labelled=False)
    if not islands or spec.sclerotic_part is None:
        return (whole,)
    shift = np.random.default_rng([seed, 2]).uniform(0, 64, 3)
    cells = solid.points_lps_mm().reshape(-1, 3) * (2.0 / ISLAND_MM) + shift
    noise = noise_at(cells).reshape(solid.values.shape)
    level = np.quantile(noise[solid.values < 0], 1.0 - spec.sclerotic_part)
    # the noise rises by about its deviation over half a bump: near enough to a distance
    island = np.maximum((level - noise) * (ISLAND_MM / 2), solid.values).astype(np.float32)
    dense = Shape((Sampled(replace(solid, values=island)),), step_mm=LATTICE_MM)
    return whole, Layer("", dense, SCLEROSIS, labelled=False)


def _half(diameters_mm: Vector) -> tuple[float, float, float]:
    a, b, c = diameters_mm
    return a / 2, b / 2, c / 2


def _lattice(reach: list[tuple[FloatArray, FloatArray]], margin_mm: float) -> Field:
    room = margin_mm + BAND_MM
    low = np.min([r[0] for r in reach], axis=0) - room
    high = np.max([r[1] for r in reach], axis=0) + room
    low = np.floor(low / LATTICE_MM) * LATTICE_MM
    nx, ny, nz = (int(n) + 1 for n in np.ceil((high - low) / LATTICE_MM))
    return Field(low, LATTICE_MM, np.empty((nz, ny, nx), dtype=np.float32))


def _border(lattice: Field, grain_mm: float, seed: int) -> FieldArray:
    """Return noise of deviation one: lobes of the given size, and finer ones upon them."""
    shift = np.random.default_rng(seed).uniform(0, 64, 3)
    points = lattice.points_lps_mm().reshape(-1, 3)
    lobes = noise_at(points * (2.0 / grain_mm) + shift)
    fine = noise_at(points * (4.6 / grain_mm) + shift[::-1])
    return (0.9 * lobes + 0.44 * fine).reshape(lattice.values.shape).astype(np.float32)

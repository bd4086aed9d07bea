"""A lesion of the model: an irregular oval in a bone, with a part outside where it breaks out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from pydantic import Field as Bounded

from imaging.document import Document, Vector
from imaging.errors import refuse_image
from imaging.geometry import FloatArray, unit
from imaging.phantom import femur, pelvis, spine, thorax
from imaging.phantom.model import Layer, Tissue
from imaging.phantom.sampling import line
from imaging.phantom.solids import BAND_MM, Field, FieldArray, Oval, Sampled, Shape
from imaging.phantom.texture import noise_at
from imaging.phantom.truth import LATTICE_MM, Kind, Measured, Side, largest_piece, measure

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
        Depth it presses into the dural sac; negative keeps it that far off.
    """

    indent_mm: float = Bounded(default=-0.5, ge=-5.0, le=5.0)


class Site(Document):
    """Where a lesion lies.

    Attributes
    ----------
    part : str
        ``vertebra``, ``rib``, ``ilium``, ``acetabulum``, ``femur`` or ``sacrum``.
    level : str or None
        ``T10`` … ``L5``, ``S1`` … ``S4``, or the rib's level, such as ``T11``.
    side : str
        ``left``, ``right`` or ``midline``.
    along : float
        On a rib: part of the way from head to tip. On an ilium: from front to back.
    up : float
        On an ilium: part of the way from brim to crest.
    offset_mm : tuple of float
        Along the bone's axes: vertebra and sacrum left, back, head; rib along to the tip, outwards,
        up; ilium to the back, to the gluteal side, up; acetabulum, from the centre of the femoral
        head, and femur, from its axis at the lesser trochanter: to the side, back, up.
    """

    part: str
    level: str | None = None
    side: Side = "midline"
    along: float = 0.5
    up: float = 0.5
    offset_mm: Vector = (0.0, 0.0, 0.0)


class LesionSpec(Document):
    """A lesion in words and numbers.

    Attributes
    ----------
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

    site: Site
    diameters_mm: Vector
    breakout: Breakout | None = None
    epidural: Epidural | None = None
    kind: Kind
    hu: float | None = Bounded(default=None, ge=-100.0, le=1500.0)
    sclerotic_part: float | None = Bounded(default=None, gt=0.0, lt=1.0)
    irregularity: float = Bounded(ge=0.0, le=0.2)


@dataclass(frozen=True, eq=False)
class Anchor:
    """A place in a bone, and the bone.

    Parameters
    ----------
    place_lps_mm : numpy.ndarray
        Shape (3,).
    axes_lps : numpy.ndarray
        Shape (3, 3), the bone's own axes as rows.
    bone : Shape
        Its envelope, cortex included.
    structure : str
        Its label.
    answer : str
        The bone as the questions of ``osteoplan recommend`` name it.
    """

    place_lps_mm: FloatArray
    axes_lps: FloatArray
    bone: Shape
    structure: str
    answer: str


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
    """

    solid: Field
    size: Measured
    breach: bool
    layers: tuple[Layer, ...]
    bone: Field


def anchor(site: Site, collapse_percent: float = 0.0) -> Anchor:
    """Find a site on the model.

    Parameters
    ----------
    site : Site
        Where the lesion lies.
    collapse_percent : float
        Height its vertebra has lost at the front.

    Returns
    -------
    Anchor
        Place, axes and bone.

    Raises
    ------
    ImagingError
        When the model has no such bone.
    """
    sign = -1.0 if site.side == "right" else 1.0
    if site.part == "vertebra" and site.level in spine.SIZES:
        frame = spine.vertebrae()[site.level].frame
        bone = spine.bone_shape(site.level, collapse_percent)
        return _moved(frame.centre_lps_mm, frame.axes_lps, site, bone, f"vertebrae_{site.level}")
    if site.part == "sacrum" and site.level in ("S1", "S2", "S3", "S4"):
        n = int(site.level[1]) - 1
        frame = pelvis.segments()[n]
        middle = frame.centre_lps_mm - frame.axes_lps[2] * pelvis.SACRUM[n][0] / 2
        return _moved(middle, frame.axes_lps, site, pelvis.sacrum_shape(), "sacrum")
    if site.part == "rib" and site.level and site.side != "midline":
        return _on_rib(site, sign)
    if site.part == "ilium" and site.side != "midline":
        return _on_ilium(site, sign)
    if site.part == "acetabulum" and site.side != "midline":
        place, hip = pelvis.head_centre() * [sign, 1.0, 1.0], pelvis.hip_shape(sign)
        return _moved(place, _outwards(sign), site, hip, f"hip_{site.side}")
    if site.part == "femur" and site.side != "midline":
        place, bone = femur.lesser_trochanter() * [sign, 1.0, 1.0], femur.femur_shape(sign)
        return _moved(place, _outwards(sign), site, bone, f"femur_{site.side}")
    raise refuse_image(
        "unknown_site",
        f"the model has no {site.part} {site.level or ''} {site.side}; correct the case",
        "phantom_cases.yaml",
    )


def _moved(place: FloatArray, axes: FloatArray, site: Site, bone: Shape, structure: str) -> Anchor:
    answer = site.part
    return Anchor(place + np.array(site.offset_mm) @ axes, axes, bone, structure, answer)


def _outwards(sign: float) -> FloatArray:
    """Return axes to the side, to the back and up."""
    return np.diag([sign, 1.0, 1.0])


def _on_rib(site: Site, sign: float) -> Anchor:
    number = int((site.level or "T0")[1:])
    course = thorax.rib_line(number) * [sign, 1.0, 1.0]
    n = round(site.along * (len(course) - 1))
    ahead = unit(course[min(n + 4, len(course) - 1)] - course[max(n - 4, 0)])
    outwards = course[n] - [0.0, thorax.WALL_Y_MM, course[n][2]]
    outwards = unit(outwards - ahead * (outwards @ ahead))
    axes = np.stack([ahead, outwards, np.cross(ahead, outwards)])
    if axes[2, 2] < 0:
        axes[2] *= -1
    shape = thorax.rib_shape(number, sign)
    return _moved(course[n], axes, site, shape, f"rib_{site.side}_{number}")


def _on_ilium(site: Site, sign: float) -> Anchor:
    net = pelvis.wing_net()[..., :3] * [sign, 1.0, 1.0]
    rise = site.up * (len(net) - 1)
    low = min(int(rise), len(net) - 2)
    row = net[low] + (rise - low) * (net[low + 1] - net[low])
    course = line(row, 101)
    n = round(site.along * 100)
    back = unit(course[min(n + 5, 100)] - course[max(n - 5, 0)])
    top = np.array([0.0, 0.0, 1.0])
    up = unit(top - back * (top @ back))
    out = np.cross(up, back)
    axes = np.stack([back, out if out[0] * sign > 0 else -out, up])
    return _moved(course[n], axes, site, pelvis.hip_shape(sign), f"hip_{site.side}")


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
    at = anchor(spec.site, collapse_percent)
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
    canal = spine.canal_shape().on(lattice).values
    values = np.maximum(values, np.float32(FORBIDDEN_MM) - canal)
    if inner is not None and spec.epidural is not None:
        sac = spine.sac_shape().on(lattice).values + np.float32(spec.epidural.indent_mm)
        values = np.minimum(values, np.maximum(inner.fill(lattice) + 0.3 * border, -sac))
    values = largest_piece(values.astype(np.float32))
    solid = Field(lattice.first_lps_mm, lattice.step_mm, values)
    breach = bool((bone.values[solid.values < 0] > BREACH_FROM_MM).any())
    return LesionModel(
        solid, measure(values, solid.grid()), breach, _layers(spec, solid, seed), bone
    )


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

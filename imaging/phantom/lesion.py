"""A lesion of the model: an irregular oval in a bone, with a part outside where it breaks out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imaging.document import Document, Vector
from imaging.errors import refuse_image
from imaging.geometry import FloatArray, unit
from imaging.phantom import pelvis, spine, thorax
from imaging.phantom.model import Layer, Tissue
from imaging.phantom.sampling import line
from imaging.phantom.solids import BAND_MM, Field, FieldArray, Oval, Sampled, Shape
from imaging.phantom.texture import noise_at
from imaging.phantom.truth import LATTICE_MM, Kind, Measured, Side, largest_piece, measure

CORTEX_LEFT_MM = 1.0  # cortex that a lesion without a breach leaves standing
BREACH_FROM_MM = 0.5  # a lesion this far outside the bone has broken through
FORBIDDEN_MM = 0.3  # distance a lesion keeps from the canal

TISSUES: dict[Kind, Tissue] = {
    "lytic": Tissue(45.0, 7.0, (4.0, 4.0, 4.0)),
    "mixed": Tissue(170.0, 150.0, (6.0, 6.0, 6.0)),
    "blastic": Tissue(680.0, 110.0, (5.0, 5.0, 5.0)),
}


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


class Site(Document):
    """Where a lesion lies.

    Attributes
    ----------
    part : str
        ``vertebra``, ``rib``, ``ilium`` or ``sacrum``.
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
        up; ilium to the back, to the gluteal side, up.
    """

    part: str
    level: str | None = None
    side: Side = "midline"
    along: float = 0.5
    up: float = 0.5
    offset_mm: Vector = (0.0, 0.0, 0.0)


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
    layer : Layer
        To be painted last.
    """

    solid: Field
    size: Measured
    breach: bool
    layer: Layer


def anchor(site: Site) -> Anchor:
    """Find a site on the model.

    Parameters
    ----------
    site : Site
        Where the lesion lies.

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
        bone = spine.bone_shape(site.level)
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
    raise refuse_image(
        "unknown_site",
        f"the model has no {site.part} {site.level or ''} {site.side}; correct the case",
        "phantom_cases.yaml",
    )


def _moved(place: FloatArray, axes: FloatArray, site: Site, bone: Shape, structure: str) -> Anchor:
    answer = site.part
    return Anchor(place + np.array(site.offset_mm) @ axes, axes, bone, structure, answer)


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


def build(
    site: Site,
    diameters_mm: Vector,
    breakout: Breakout | None,
    irregularity: float,
    kind: Kind,
    seed: int,
) -> LesionModel:
    """Build a lesion.

    Parameters
    ----------
    site : Site
        Where it lies.
    diameters_mm : tuple of float
        Of the oval it starts from, along the bone's axes.
    breakout : Breakout or None
        Its part outside the bone; None leaves the cortex standing.
    irregularity : float
        Deviation of its border, as a part of the smallest diameter.
    kind : str
        ``lytic``, ``mixed`` or ``blastic``.
    seed : int
        Of its border.

    Returns
    -------
    LesionModel
        Ready to be painted.

    Raises
    ------
    ImagingError
        When the model has no such site, or nothing of the lesion lies in the bone.
    """
    at = anchor(site)
    core = Oval(at.place_lps_mm, _half(diameters_mm), at.axes_lps, power=2.2, axis_power=2.2)
    reach = [core.bounds_mm()]
    outer = None
    if breakout is not None:
        place = at.place_lps_mm + np.array(breakout.offset_mm) @ at.axes_lps
        outer = Oval(place, _half(breakout.diameters_mm), at.axes_lps)
        reach.append(outer.bounds_mm())
    rough = irregularity * min(diameters_mm)
    lattice = _lattice(reach, 2.5 * rough)
    border = rough * _border(lattice, max(min(diameters_mm) / 3.0, 4.0), seed)
    bone = at.bone.on(lattice).values
    values = np.maximum(core.fill(lattice) + border, bone + np.float32(CORTEX_LEFT_MM))
    if outer is not None:
        values = np.minimum(values, outer.fill(lattice) + 0.6 * border)
    canal = spine.canal_shape().on(lattice).values
    values = np.maximum(values, np.float32(FORBIDDEN_MM) - canal)
    values = largest_piece(values.astype(np.float32))
    solid = Field(lattice.first_lps_mm, lattice.step_mm, values)
    breach = bool((bone[solid.values < 0] > BREACH_FROM_MM).any())
    shape = Shape((Sampled(solid),), step_mm=LATTICE_MM)
    return LesionModel(
        solid,
        measure(values, solid.grid()),
        breach,
        Layer("", shape, TISSUES[kind], labelled=False),
    )


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

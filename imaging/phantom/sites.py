"""Where a lesion can lie: places in the bones of both bodies, with the bones' own axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from imaging.document import Document, Vector
from imaging.errors import refuse_image
from imaging.geometry import FloatArray, unit
from imaging.phantom import femur, pelvis, spine, thorax
from imaging.phantom.sampling import line
from imaging.phantom.solids import Shape
from imaging.phantom.truth import Side
from imaging.phantom.upper import chest, shoulder
from imaging.phantom.upper.column import UPPER

Trunk: TypeAlias = Literal["lower_trunk", "upper_trunk"]
COLUMNS = {"lower_trunk": spine.LOWER, "upper_trunk": UPPER}


class Site(Document):
    """Where a lesion lies.

    Attributes
    ----------
    part : str
        ``vertebra`` or ``rib``; in the lower trunk also ``ilium``, ``acetabulum``, ``femur`` and
        ``sacrum``, in the upper one ``scapula``, ``humerus``, ``sternum`` and ``clavicle``.
    level : str or None
        ``T10`` … ``L5``, ``S1`` … ``S4``, in the upper trunk ``C7`` … ``T12``, or the rib's level,
        such as ``T11``.
    side : str
        ``left``, ``right`` or ``midline``.
    along : float
        On a rib: part of the way from head to tip. On an ilium: from front to back. On a clavicle:
        from the sternum to the acromion.
    up : float
        On an ilium: part of the way from brim to crest.
    offset_mm : tuple of float
        Along the bone's axes: vertebra and sacrum left, back, head; rib along to the tip, outwards,
        up; ilium to the back, to the gluteal side, up; acetabulum, from the centre of the femoral
        head, and femur, from its axis at the lesser trochanter: to the side, back, up; scapula,
        from the middle of its neck: to the glenoid, to the back, up; humerus, from its axis in the
        proximal shaft: to the side, back, up; sternum, from the middle of its body: left, back,
        up; clavicle to the acromion, to the back, up.
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


def anchor(site: Site, body: Trunk = "lower_trunk", collapse_percent: float = 0.0) -> Anchor:
    """Find a site on the model.

    Parameters
    ----------
    site : Site
        Where the lesion lies.
    body : str
        ``lower_trunk`` or ``upper_trunk``.
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
    column = COLUMNS[body]
    if site.part == "vertebra" and site.level in column.sizes:
        frame = spine.vertebrae(column)[site.level].frame
        bone = spine.bone_shape(site.level, collapse_percent, column)
        return _moved(frame.centre_lps_mm, frame.axes_lps, site, bone, f"vertebrae_{site.level}")
    if site.part == "rib" and site.level and site.side != "midline":
        return _on_rib(site, body)
    found = _in_lower_trunk(site) if body == "lower_trunk" else _in_upper_trunk(site)
    if found is None:
        raise refuse_image(
            "unknown_site",
            f"the model has no {site.part} {site.level or ''} {site.side}; correct the case",
            "phantom_cases.yaml",
        )
    return found


def _in_lower_trunk(site: Site) -> Anchor | None:
    sign = _sign(site)
    if site.part == "sacrum" and site.level in ("S1", "S2", "S3", "S4"):
        n = int(site.level[1]) - 1
        frame = pelvis.segments()[n]
        middle = frame.centre_lps_mm - frame.axes_lps[2] * pelvis.SACRUM[n][0] / 2
        return _moved(middle, frame.axes_lps, site, pelvis.sacrum_shape(), "sacrum")
    if site.side == "midline":
        return None
    if site.part == "ilium":
        return _on_ilium(site, sign)
    if site.part == "acetabulum":
        place, hip = pelvis.head_centre() * [sign, 1.0, 1.0], pelvis.hip_shape(sign)
        return _moved(place, _outwards(sign), site, hip, f"hip_{site.side}")
    if site.part == "femur":
        place, bone = femur.lesser_trochanter() * [sign, 1.0, 1.0], femur.femur_shape(sign)
        return _moved(place, _outwards(sign), site, bone, f"femur_{site.side}")
    return None


def _in_upper_trunk(site: Site) -> Anchor | None:
    sign = _sign(site)
    if site.part == "sternum":
        return _moved(chest.sternum_place(), np.eye(3), site, chest.sternum_shape(), "sternum")
    if site.side == "midline":
        return None
    if site.part == "scapula":
        place, axes = shoulder.scapula_neck(sign)
        return _moved(place, axes, site, shoulder.scapula_shape(sign), f"scapula_{site.side}")
    if site.part == "humerus":
        bone = shoulder.humerus_shape(sign)
        place = shoulder.humerus_axis(sign)
        return _moved(place, _outwards(sign), site, bone, f"humerus_{site.side}")
    if site.part == "clavicle":
        return _on_clavicle(site, sign)
    return None


def _sign(site: Site) -> float:
    return -1.0 if site.side == "right" else 1.0


def _along(course: FloatArray, n: int) -> FloatArray:
    """Return the direction of a course at one of its points."""
    return unit(course[min(n + 4, len(course) - 1)] - course[max(n - 4, 0)])


def _on_clavicle(site: Site, sign: float) -> Anchor:
    course = shoulder.clavicle_line() * [sign, 1.0, 1.0]
    n = round(site.along * (len(course) - 1))
    ahead = _along(course, n)
    top = np.array([0.0, 0.0, 1.0])
    up = unit(top - ahead * (top @ ahead))
    back = np.cross(up, ahead)
    axes = np.stack([ahead, back if back[1] > 0 else -back, up])
    shape = shoulder.clavicle_shape(sign)
    return _moved(course[n], axes, site, shape, f"clavicula_{site.side}")


def _moved(place: FloatArray, axes: FloatArray, site: Site, bone: Shape, structure: str) -> Anchor:
    answer = site.part
    return Anchor(place + np.array(site.offset_mm) @ axes, axes, bone, structure, answer)


def _outwards(sign: float) -> FloatArray:
    """Return axes to the side, to the back and up."""
    return np.diag([sign, 1.0, 1.0])


def _on_rib(site: Site, body: Trunk) -> Anchor:
    number, sign = int((site.level or "T0")[1:]), _sign(site)
    ribs = thorax if body == "lower_trunk" else chest
    course = ribs.rib_line(number) * [sign, 1.0, 1.0]
    n = round(site.along * (len(course) - 1))
    ahead = _along(course, n)
    outwards = course[n] - [0.0, thorax.WALL_Y_MM, course[n][2]]
    outwards = unit(outwards - ahead * (outwards @ ahead))
    axes = np.stack([ahead, outwards, np.cross(ahead, outwards)])
    if axes[2, 2] < 0:
        axes[2] *= -1
    shape = ribs.rib_shape(number, sign)
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

"""Solids of the generated body: implicit surfaces, evaluated as signed distances on small fields.

Three kinds of part are enough for anatomy: balls along a medial line or sheet (ribs, vessels, hip
bones), ovals in a frame of their own (vertebral bodies, kidneys), and lofts, ovals whose outline
changes along the body (skin, muscles). A distance is negative inside, in millimetres.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter, map_coordinates

from imaging.geometry import FloatArray, Grid
from imaging.kernels import kernel
from imaging.phantom.texture import TILE, tile_value

FieldArray: TypeAlias = NDArray[np.float32]

BAND_MM = 5.0  # distances are kept this far outside a surface: more than any shell or halo


@dataclass(frozen=True, eq=False)
class Balls:
    """Balls so close together that their union is a smooth rod or plate.

    Parameters
    ----------
    centres_lps_mm : numpy.ndarray
        Shape (n, 3).
    radii_mm : numpy.ndarray
        Shape (n,).
    level : float
        Part of the radius behind each centre above which the ball is filled: 1 is a whole ball,
        0 the front half. Gas lies in front of a level in a patient on the back.
    """

    centres_lps_mm: FloatArray
    radii_mm: FloatArray
    level: float = 1.0

    def bounds_mm(self) -> tuple[FloatArray, FloatArray]:
        """Return the lowest and highest corner."""
        radii = self.radii_mm[:, None]
        return (self.centres_lps_mm - radii).min(axis=0), (self.centres_lps_mm + radii).max(axis=0)

    def fill(self, into: Field) -> FieldArray:
        """Return the signed distances on the lattice of a field."""
        values = np.full(into.values.shape, BAND_MM, dtype=np.float32)
        _splat_balls(
            values, into.first_lps_mm, into.step_mm, self.centres_lps_mm, self.radii_mm, self.level
        )
        return values

    def mirrored(self) -> Balls:
        """Return the same on the other side of the body."""
        return replace(self, centres_lps_mm=self.centres_lps_mm * [-1.0, 1.0, 1.0])

    def moved(self, by_mm: ArrayLike, grown_mm: float = 0.0) -> Balls:
        """Return the same balls elsewhere, larger by the given length."""
        centres = self.centres_lps_mm + np.asarray(by_mm, dtype=float)
        return replace(self, centres_lps_mm=centres, radii_mm=self.radii_mm + grown_mm)


@dataclass(frozen=True, eq=False)
class Oval:
    """A superellipsoid in its own frame.

    Parameters
    ----------
    centre_lps_mm : numpy.ndarray
        Shape (3,).
    half_mm : tuple of float
        Half its size along its three axes.
    axes_lps : numpy.ndarray
        Shape (3, 3), a unit axis a row.
    power : float
        2 is an ellipse across the third axis, larger is squarer.
    axis_power : float
        The same along the third axis.
    waist : float
        Part of its girth lost half way along the third axis.
    dent : float
        Part of its height lost in the middle of both ends.
    notch : float
        Part of the second half-axis lost in the middle of the back.
    """

    centre_lps_mm: FloatArray
    half_mm: tuple[float, float, float]
    axes_lps: FloatArray = field(default_factory=lambda: np.eye(3))
    power: float = 2.0
    axis_power: float = 2.0
    waist: float = 0.0
    dent: float = 0.0
    notch: float = 0.0

    def bounds_mm(self) -> tuple[FloatArray, FloatArray]:
        """Return the lowest and highest corner."""
        reach = np.abs(self.axes_lps.T) @ np.array(self.half_mm)
        return self.centre_lps_mm - reach, self.centre_lps_mm + reach

    def fill(self, into: Field) -> FieldArray:
        """Return the signed distances on the lattice of a field."""
        values = np.empty(into.values.shape, dtype=np.float32)
        shape = np.array([self.power, self.axis_power, self.waist, self.dent, self.notch])
        _fill_oval(
            values,
            into.first_lps_mm,
            into.step_mm,
            self.centre_lps_mm,
            np.ascontiguousarray(self.axes_lps),
            np.array(self.half_mm),
            shape,
        )
        return values

    def mirrored(self) -> Oval:
        """Return the same on the other side of the body."""
        flip = np.array([-1.0, 1.0, 1.0])
        axes = self.axes_lps * flip
        return replace(self, centre_lps_mm=self.centre_lps_mm * flip, axes_lps=axes)


@dataclass(frozen=True, eq=False)
class Loft:
    """An outline that changes from foot to head.

    Parameters
    ----------
    rows : numpy.ndarray
        Shape (n, 6), by rising z: z, centre x, centre y, half width, half depth to the front,
        half depth to the back, all in LPS millimetres.
    power : float
        2 is an ellipse, larger is squarer.
    turn_deg : float
        Turn of the outline about its centre, from left towards the back.
    """

    rows: FloatArray
    power: float = 2.0
    turn_deg: float = 0.0

    def bounds_mm(self) -> tuple[FloatArray, FloatArray]:
        """Return the lowest and highest corner."""
        z, x, y, width, front, back = self.rows.T
        reach = np.maximum(width, np.maximum(front, back)) if self.turn_deg else width
        ahead = reach if self.turn_deg else front
        behind = reach if self.turn_deg else back
        low = np.array([(x - reach).min(), (y - ahead).min(), z.min()])
        return low, np.array([(x + reach).max(), (y + behind).max(), z.max()])

    def fill(self, into: Field) -> FieldArray:
        """Return the signed distances on the lattice of a field."""
        z_mm = into.first_lps_mm[2] + into.step_mm * np.arange(into.values.shape[0])
        inside = np.clip(z_mm, self.rows[0, 0], self.rows[-1, 0])
        outline = PchipInterpolator(self.rows[:, 0], self.rows[:, 1:])(inside)
        beyond = np.maximum(self.rows[0, 0] - z_mm, z_mm - self.rows[-1, 0])
        values = np.empty(into.values.shape, dtype=np.float32)
        _fill_loft(
            values,
            into.first_lps_mm,
            into.step_mm,
            np.ascontiguousarray(outline),
            beyond,
            self.power,
            np.deg2rad(self.turn_deg),
        )
        return values

    def mirrored(self) -> Loft:
        """Return the same on the other side of the body."""
        return replace(
            self, rows=self.rows * [1.0, -1.0, 1.0, 1.0, 1.0, 1.0], turn_deg=-self.turn_deg
        )


@dataclass(frozen=True, eq=False)
class Sampled:
    """A solid known by its signed distances.

    Parameters
    ----------
    distances : Field
        On a lattice that reaches beyond the solid.
    """

    distances: Field

    def bounds_mm(self) -> tuple[FloatArray, FloatArray]:
        """Return the lowest and highest corner."""
        size = np.array(self.distances.values.shape[::-1]) - 1
        low = self.distances.first_lps_mm
        return low, low + size * self.distances.step_mm

    def fill(self, into: Field) -> FieldArray:
        """Return the signed distances on the lattice of a field."""
        values: FieldArray = self.distances.at(into.points_lps_mm()).astype(np.float32)
        return values


Part: TypeAlias = Balls | Oval | Loft | Sampled


@dataclass(frozen=True, eq=False)
class Shape:
    """Parts melted into one solid.

    Parameters
    ----------
    parts : tuple of Balls, Oval or Loft
        Their union.
    minus : tuple of Shape
        Cut out of it.
    inside : tuple of Shape
        What lies outside these is cut off.
    blend_mm : float
        Reach of the fillets between parts.
    soften_mm : float
        Creases are rounded by a Gaussian of this deviation.
    rough_mm : float
        Deviation of the surface from the ideal one.
    grain_mm : float
        Size of the bumps of that deviation.
    grow_mm : float
        The whole is larger by this length.
    step_mm : float
        Lattice it is evaluated on.
    above_mm : float
        Lowest z it is painted at; cut there without a surface, as by the end of a picture.
    """

    parts: tuple[Part, ...]
    minus: tuple[Shape, ...] = ()
    inside: tuple[Shape, ...] = ()
    blend_mm: float = 0.0
    soften_mm: float = 0.0
    rough_mm: float = 0.0
    grain_mm: float = 6.0
    grow_mm: float = 0.0
    step_mm: float = 1.25
    above_mm: float = -1000.0

    def bounds_mm(self) -> tuple[FloatArray, FloatArray]:
        """Return the lowest and highest corner."""
        corners = [part.bounds_mm() for part in self.parts]
        low = np.min([c[0] for c in corners], axis=0) - self.grow_mm - self.rough_mm
        high = np.max([c[1] for c in corners], axis=0) + self.grow_mm + self.rough_mm
        low[2] = max(low[2], self.above_mm)
        return low, high

    def field(self, step_mm: float | None = None) -> Field:
        """Return its signed distances.

        Parameters
        ----------
        step_mm : float, optional
            Lattice spacing; the shape's own by default.

        Returns
        -------
        Field
            Reaches a band beyond its bounds.
        """
        step = step_mm or self.step_mm
        low, high = self.bounds_mm()
        low = np.floor((low - BAND_MM) / step) * step
        nx, ny, nz = (int(n) + 1 for n in np.ceil((high + BAND_MM - low) / step))
        return self.on(Field(low, step, np.empty((nz, ny, nx), dtype=np.float32)))

    def on(self, lattice: Field) -> Field:
        """Return its signed distances on a given lattice.

        Parameters
        ----------
        lattice : Field
            Whose place and size are taken; its values are not read.

        Returns
        -------
        Field
            Same lattice.
        """
        values = self.parts[0].fill(lattice)
        for part in self.parts[1:]:
            _melt(values, part.fill(lattice), self.blend_mm)
        if self.soften_mm:
            values = gaussian_filter(values, self.soften_mm / lattice.step_mm, mode="nearest")
        if self.rough_mm:
            _roughen(
                values, lattice.first_lps_mm, lattice.step_mm, TILE, self.rough_mm, self.grain_mm
            )
        values -= np.float32(self.grow_mm)
        for other in self.minus:
            np.maximum(values, -other.on(lattice).values, out=values)
        for other in self.inside:
            np.maximum(values, other.on(lattice).values, out=values)
        return replace(lattice, values=values)


@dataclass(frozen=True, eq=False)
class Field:
    """Signed distances on a cubic lattice along the patient's axes.

    Parameters
    ----------
    first_lps_mm : numpy.ndarray
        Shape (3,), place of the first value.
    step_mm : float
        Spacing of the lattice.
    values : numpy.ndarray
        Shape (nz, ny, nx), float32, millimetres, negative inside.
    """

    first_lps_mm: FloatArray
    step_mm: float
    values: FieldArray

    def grid(self) -> Grid:
        """Return the lattice as a grid."""
        nz, ny, nx = self.values.shape
        return Grid.aligned((nz, ny, nx), self.step_mm, self.first_lps_mm)

    def points_lps_mm(self) -> FloatArray:
        """Return the places of its values, shape (nz, ny, nx, 3), LPS millimetres."""
        nz, ny, nx = self.values.shape
        z, y, x = np.meshgrid(np.arange(nz), np.arange(ny), np.arange(nx), indexing="ij")
        return self.first_lps_mm + self.step_mm * np.stack([x, y, z], axis=-1)

    def at(self, points_lps_mm: ArrayLike) -> FloatArray:
        """Return interpolated distances.

        Parameters
        ----------
        points_lps_mm : array_like
            Shape (..., 3), LPS millimetres.

        Returns
        -------
        numpy.ndarray
            Shape (...), millimetres; 5 outside the lattice.
        """
        points = np.asarray(points_lps_mm, dtype=float)
        index = (np.atleast_2d(points) - self.first_lps_mm) / self.step_mm
        result: FloatArray = map_coordinates(
            self.values,
            np.moveaxis(index[..., ::-1], -1, 0),
            output=np.float64,
            order=1,
            mode="constant",
            cval=BAND_MM,
        )
        return result.reshape(points.shape[:-1])


@kernel
def _power(value: float, power: float) -> float:
    """Power, quick for squares: most solids are ellipsoids."""
    if power == 2.0:
        return value * value
    if value <= 0.0:
        return 0.0
    return float(np.exp(power * np.log(value)))


@kernel
def _root(value: float, power: float) -> float:
    if power == 2.0:
        return float(np.sqrt(value))
    if value <= 0.0:
        return 0.0
    return float(np.exp(np.log(value) / power))


@kernel
def _slope(value: float, power: float) -> float:
    """Return ``value ** (power - 1)``."""
    return value if power == 2.0 else _power(value, power - 1.0)


@kernel
def _splat_balls(
    values: FieldArray,
    first: FloatArray,
    step: float,
    centres: FloatArray,
    radii: FloatArray,
    level: float,
) -> None:
    nz, ny, nx = values.shape
    for n in range(len(radii)):
        radius = radii[n]
        reach = radius + BAND_MM
        x, y, z = centres[n, 0] - first[0], centres[n, 1] - first[1], centres[n, 2] - first[2]
        for k in range(
            max(0, int(np.ceil((z - reach) / step))), min(nz, int((z + reach) / step) + 1)
        ):
            dz = k * step - z
            for j in range(
                max(0, int(np.ceil((y - reach) / step))), min(ny, int((y + reach) / step) + 1)
            ):
                dy = j * step - y
                for i in range(
                    max(0, int(np.ceil((x - reach) / step))), min(nx, int((x + reach) / step) + 1)
                ):
                    dx = i * step - x
                    distance = np.sqrt(dx * dx + dy * dy + dz * dz) - radius
                    if level < 1.0:
                        distance = max(distance, dy - level * radius)
                    values[k, j, i] = min(values[k, j, i], distance)


@kernel
def _fill_oval(
    values: FieldArray,
    first: FloatArray,
    step: float,
    centre: FloatArray,
    axes: FloatArray,
    half: FloatArray,
    shape: FloatArray,
) -> None:
    power, axis_power, waist, dent, notch = shape
    nz, ny, nx = values.shape
    for k in range(nz):
        dz = first[2] + k * step - centre[2]
        for j in range(ny):
            dy = first[1] + j * step - centre[1]
            for i in range(nx):
                dx = first[0] + i * step - centre[0]
                u = axes[0, 0] * dx + axes[0, 1] * dy + axes[0, 2] * dz
                v = axes[1, 0] * dx + axes[1, 1] * dy + axes[1, 2] * dz
                w = axes[2, 0] * dx + axes[2, 1] * dy + axes[2, 2] * dz
                along = min(abs(w / half[2]), 1.0)
                girth = 1.0 - waist * (1.0 - along * along)
                a, b = half[0] * girth, half[1] * girth
                if v > 0.0 and notch > 0.0:
                    side = min(abs(u / a), 1.0)
                    b *= 1.0 - notch * (1.0 - side * side) ** 2
                p, q = abs(u) / a, abs(v) / b
                flat = _root(_power(p, power) + _power(q, power), power)
                c = half[2] * (1.0 - dent * (1.0 - min(flat, 1.0) ** 2))
                s = abs(w) / c
                radius = _root(_power(flat, axis_power) + _power(s, axis_power), axis_power)
                if radius < 1e-3:
                    values[k, j, i] = -min(half[0], half[1], half[2])
                    continue
                # first-order distance: the implicit value over the length of its gradient
                outer = _slope(flat / radius, axis_power)
                gu = outer * _slope(p / max(flat, 1e-9), power) / a
                gv = outer * _slope(q / max(flat, 1e-9), power) / b
                gw = _slope(s / radius, axis_power) / c
                slope = np.sqrt(gu * gu + gv * gv + gw * gw)
                values[k, j, i] = (radius - 1.0) / max(slope, 1e-6)


@kernel
def _fill_loft(
    values: FieldArray,
    first: FloatArray,
    step: float,
    outline: FloatArray,
    beyond: FloatArray,
    power: float,
    turn: float,
) -> None:
    nz, ny, nx = values.shape
    cosine, sine = np.cos(turn), np.sin(turn)
    for k in range(nz):
        cx, cy, half, front, back = outline[k]
        for j in range(ny):
            dy = first[1] + j * step - cy
            for i in range(nx):
                dx = first[0] + i * step - cx
                u = cosine * dx + sine * dy
                v = cosine * dy - sine * dx
                depth = front if v < 0.0 else back
                p, q = abs(u) / max(half, 0.1), abs(v) / max(depth, 0.1)
                radius = _root(_power(p, power) + _power(q, power), power)
                if radius < 1e-3:
                    distance = -min(half, depth)
                else:
                    gu = _slope(p / radius, power) / max(half, 0.1)
                    gv = _slope(q / radius, power) / max(depth, 0.1)
                    distance = (radius - 1.0) / max(np.sqrt(gu * gu + gv * gv), 1e-6)
                values[k, j, i] = max(distance, beyond[k])


@kernel
def _melt(values: FieldArray, other: FieldArray, blend: float) -> None:
    """Smooth minimum, polynomial (Quilez): fillets of the given reach."""
    nz, ny, nx = values.shape
    for k in range(nz):
        for j in range(ny):
            for i in range(nx):
                a, b = values[k, j, i], other[k, j, i]
                low = min(a, b)
                if blend > 0.0:
                    h = max(blend - abs(a - b), 0.0) / blend
                    low -= h * h * blend * 0.25
                values[k, j, i] = low


@kernel
def _roughen(
    values: FieldArray,
    first: FloatArray,
    step: float,
    tile: FieldArray,
    rough: float,
    grain: float,
) -> None:
    nz, ny, nx = values.shape
    scale = 2.0 / grain  # the tile's bumps are about two of its cells wide
    for k in range(nz):
        z = (first[2] + k * step) * scale
        for j in range(ny):
            y = (first[1] + j * step) * scale
            for i in range(nx):
                x = (first[0] + i * step) * scale
                values[k, j, i] += rough * tile_value(tile, x, y, z)

"""Sources cut into the grid below the size of a voxel.

A cell whose centre lies inside a source, or almost, is held at the source's temperature. Around it
two things make the radius true on any grid. The *contact* of an outside cell with the surface uses
the real gap: for a cylinder of radius a, conductance k·A/(a ln(r/a)) with A the part of the surface
that the cell sees, for a sphere k·A/(a(r − a)/r). The *links* between outside cells near it carry
the flux of the exact radial field (ln r, or 1/r), where the plain stencil takes it as linear.
A source thinner than a voxel holds no cell at all; it then reaches its cells by contacts alone, as
wells do in reservoir models (Peaceman 1978; Ding and Jeannin 2001 [BG]).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imaging.geometry import BoolArray, FloatArray, Grid, unit
from planning.ablation.solver.kernels import CellArray

NEAR_CELLS = 3.5  # links are corrected this many cells beyond the surface; further out m ≈ 1
LEAST_GAP_CELLS = 0.1  # a smaller gap would only make the time step short
MOST_CONDUCTANCE = 12.0  # of a cell's contacts together, in units of k·h; a plain cell has 6
CLOSE_RADII = math.exp(2.0 * math.pi / MOST_CONDUCTANCE)  # where 2π/ln(r/a) comes to that
LINK_BOUNDS = (0.3, 3.0)  # a factor outside comes from faces that the radial field hardly crosses
RESOLVED_CELLS = 6.0  # a radius of more cells is resolved: straight gaps along the grid suffice
QUADRATURE = 6  # points along each edge of a face


@dataclass(frozen=True)
class Shape:
    """A sphere, or a cylinder with flat ends.

    Parameters
    ----------
    tip_lps_mm : tuple of float
        Centre of the sphere, or distal end of the cylinder's axis.
    axis_lps : tuple of float
        From tip to hub.
    radius_mm : float
        Above zero.
    length_mm : float
        Of the cylinder; 0 for a sphere.
    """

    tip_lps_mm: tuple[float, float, float]
    axis_lps: tuple[float, float, float]
    radius_mm: float
    length_mm: float = 0.0

    @property
    def is_sphere(self) -> bool:
        """Whether it is a sphere."""
        return self.length_mm == 0

    def local(self, points_lps_mm: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the place along the axis, the radial vector and its length.

        Parameters
        ----------
        points_lps_mm : numpy.ndarray
            Shape (..., 3).

        Returns
        -------
        tuple of numpy.ndarray
            Axial place (mm, 0 for a sphere), radial vector (..., 3), radius (mm).
        """
        offset = points_lps_mm - np.asarray(self.tip_lps_mm)
        if self.is_sphere:
            return np.zeros(offset.shape[:-1]), offset, np.linalg.norm(offset, axis=-1)
        axis = unit(self.axis_lps)
        along = offset @ axis
        radial = offset - along[..., None] * axis
        return along, radial, np.linalg.norm(radial, axis=-1)

    def contains(self, points_lps_mm: FloatArray) -> BoolArray:
        """Tell which points lie inside.

        Parameters
        ----------
        points_lps_mm : numpy.ndarray
            Shape (..., 3).

        Returns
        -------
        numpy.ndarray
            Shape (...), bool.
        """
        along, _, radius = self.local(points_lps_mm)
        inside: BoolArray = (radius <= self.radius_mm) & (along >= 0) & (along <= self.length_mm)
        return inside

    def reach(self) -> FloatArray:
        """Return the corners of a box that holds the shape, shape (2, 3), LPS millimetres."""
        start = np.asarray(self.tip_lps_mm, dtype=float)
        end = start + (0 if self.is_sphere else self.length_mm * unit(self.axis_lps))
        return np.array(
            [np.minimum(start, end) - self.radius_mm, np.maximum(start, end) + self.radius_mm]
        )


@dataclass(frozen=True, eq=False)
class Embedding:
    """How a shape meets the cells of a grid; flat indices count one ghost cell on every side.

    Parameters
    ----------
    held : numpy.ndarray
        Cells whose centre lies inside.
    held_along_mm : numpy.ndarray
        Their place along the axis, from the tip.
    cells, area_mm2, gap_mm, along_mm : numpy.ndarray
        Contacts: outside cell, surface it sees, effective gap to it, place along the axis.
    first, second, factor : numpy.ndarray
        Links between outside cells, and the factor on their plain conductance.
    link_axis : numpy.ndarray
        0, 1, 2 for links along k, j, i.
    """

    held: CellArray
    held_along_mm: FloatArray
    cells: CellArray
    area_mm2: FloatArray
    gap_mm: FloatArray
    along_mm: FloatArray
    first: CellArray
    second: CellArray
    factor: FloatArray
    link_axis: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Block:
    """The cells near a shape: their centres and what the shape's field is there."""

    shape: Shape
    spacing_mm: FloatArray
    centres: FloatArray
    along: FloatArray
    radius: FloatArray
    inside: BoolArray
    flat: CellArray
    real: BoolArray

    @property
    def is_thin(self) -> bool:
        """Whether the radius is few cells, so that the field bends within a cell."""
        return self.shape.radius_mm < RESOLVED_CELLS * float(self.spacing_mm.max())

    def potential(self) -> FloatArray:
        """Radial potential whose gradient is the exact field: ln r, or −1/r."""
        radius = np.maximum(self.radius, 1e-9)
        return -1.0 / radius if self.shape.is_sphere else np.log(radius)

    def within(self, along: FloatArray) -> BoolArray:
        """Whether places along the axis lie between the flat ends."""
        if self.shape.is_sphere:
            return np.ones(along.shape, dtype=bool)
        inside: BoolArray = (along >= 0) & (along <= self.shape.length_mm)
        return inside


def _block(grid: Grid, shape: Shape) -> _Block:
    spacing = np.array(grid.spacing_mm_kji)
    margin = (NEAR_CELLS + 1.0) * float(spacing.max())
    reach = grid.to_kji(shape.reach()) + np.array([[-margin], [margin]]) / spacing
    top = np.array(grid.size_kji)
    # One layer beyond the grid, so that cells at its edge have all their faces.
    low = np.clip(np.floor(reach[0]).astype(int), -1, top)
    high = np.clip(np.ceil(reach[1]).astype(int), -1, top)
    axes = [np.arange(a, b + 1) for a, b in zip(low, high, strict=True)]
    kji = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    flat = ((kji[..., 0] + 1) * (top[1] + 2) + kji[..., 1] + 1) * (top[2] + 2) + kji[..., 2] + 1
    real: BoolArray = np.asarray(((kji >= 0) & (kji < top)).all(axis=-1), dtype=np.bool_)
    centres = grid.to_lps(kji)
    along, _, radius = shape.local(centres)
    inside = shape.contains(centres) | _close_cells(shape, centres, spacing)
    return _Block(shape, spacing, centres, along, radius, inside, flat.astype(np.int64), real)


def _close_cells(shape: Shape, centres: FloatArray, spacing_mm: FloatArray) -> BoolArray:
    """Tell which cells hold a piece of the axis and reach almost to the surface.

    Their centre is so close to it that a contact would have to carry more than
    ``MOST_CONDUCTANCE``; they are held like those inside, and their neighbours see the surface.
    """
    along, radial, radius = shape.local(centres)
    crossed = (np.abs(radial) <= 0.5 * spacing_mm[::-1]).all(axis=-1)
    ends = (along >= 0) & (along <= shape.length_mm)
    close: BoolArray = crossed & ends & (radius < CLOSE_RADII * shape.radius_mm)
    return close


def _face_flux(block: _Block, centres: FloatArray, axis: int) -> FloatArray:
    """Flux of the exact field through faces ahead of cells, by Gauss quadrature (mm², or mm)."""
    nodes, weights = np.polynomial.legendre.leggauss(QUADRATURE)
    others = [n for n in range(3) if n != axis]
    # arrays (k, j, i) step along LPS z, y, x
    lps = [2 - n for n in range(3)]
    flux = np.zeros(centres.shape[:-1])
    half = block.spacing_mm / 2
    area = block.spacing_mm[others[0]] * block.spacing_mm[others[1]]
    for a, weight_a in zip(nodes, weights, strict=True):
        for b, weight_b in zip(nodes, weights, strict=True):
            points = centres.copy()
            points[..., lps[axis]] += half[axis]
            points[..., lps[others[0]]] += a * half[others[0]]
            points[..., lps[others[1]]] += b * half[others[1]]
            _, radial, radius = block.shape.local(points)
            power = 3 if block.shape.is_sphere else 2
            normal = radial[..., lps[axis]] / np.maximum(radius, 1e-6) ** power
            flux += weight_a * weight_b / 4.0 * area * normal
    return flux


def _ahead(axis: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    low, high = [slice(None)] * 3, [slice(None)] * 3
    low[axis], high[axis] = slice(None, -1), slice(1, None)
    return tuple(low), tuple(high)


def _gap_fraction(shape: Shape, outside: FloatArray, inside: FloatArray) -> FloatArray:
    """Fraction of the way from outside to inside points at which the surface lies."""
    low, high = np.zeros(len(outside)), np.ones(len(outside))
    for _ in range(30):
        middle = 0.5 * (low + high)
        entered = shape.contains(outside + middle[:, None] * (inside - outside))
        high = np.where(entered, middle, high)
        low = np.where(entered, low, middle)
    return high


def radial_gap_mm(shape: Shape, radius_mm: FloatArray) -> FloatArray:
    """Return the gap of equal resistance between the surface and points outside it.

    Cylinder: a ln(r/a); sphere: a (r − a)/r. Times k it gives the exact flux at the surface.

    Parameters
    ----------
    shape : Shape
        With radius a.
    radius_mm : numpy.ndarray
        Distance r from the axis or centre.

    Returns
    -------
    numpy.ndarray
        Millimetres, zero at the surface.
    """
    a = shape.radius_mm
    r = np.maximum(radius_mm, a)
    return a * (r - a) / r if shape.is_sphere else a * np.log(r / a)


class _Collector:
    """Gathers contacts and links while the faces are walked."""

    def __init__(self, block: _Block) -> None:
        self.block = block
        self.contacts: list[tuple[CellArray, FloatArray, FloatArray, FloatArray]] = []
        self.links: list[tuple[CellArray, CellArray, FloatArray, NDArray[np.int64]]] = []
        self.net = np.zeros(block.radius.shape)

    def contact(self, cell: BoolArray, area: FloatArray, gap: FloatArray) -> None:
        """Add contacts of the cells marked in a block-shaped mask."""
        block = self.block
        cell, real = cell & block.real, block.real[cell]
        area, gap = area[real], gap[real]
        least = LEAST_GAP_CELLS * float(block.spacing_mm.min())
        limit = block.shape.length_mm
        along = np.clip(block.along[cell], 0.0, limit)
        self.contacts.append((block.flat[cell], area, np.maximum(gap, least), along))

    def walk(self, axis: int) -> None:
        """Take the faces along an axis: links between outside cells, contacts through the rest."""
        block, (low, high) = self.block, _ahead(axis)
        if not block.is_thin:
            for outer, inner in ((low, high), (high, low)):
                self._straight(axis, outer, inner, ~block.inside[outer] & block.inside[inner])
            return
        flux = _face_flux(block, block.centres[low], axis)
        middle = 0.5 * (block.along[low] + block.along[high])
        within = block.within(middle)
        self.net[low] += flux
        self.net[high] -= flux
        self._links(axis, low, high, flux, within)
        for outer, inner, sign in ((low, high, -1.0), (high, low, 1.0)):
            touching = ~block.inside[outer] & block.inside[inner]
            self._contacts(axis, outer, inner, touching, sign * flux)

    def _links(
        self,
        axis: int,
        low: tuple[slice, ...],
        high: tuple[slice, ...],
        flux: FloatArray,
        within: BoolArray,
    ) -> None:
        block = self.block
        spacing = float(block.spacing_mm[axis])
        area = float(np.prod(block.spacing_mm)) / spacing
        step = block.potential()[high] - block.potential()[low]
        plain = step / spacing * area
        steep = np.abs(step) > 0.1 * spacing * self._gradient(low, high)
        near = np.minimum(block.radius[low], block.radius[high])
        near_mm = block.shape.radius_mm + NEAR_CELLS * float(block.spacing_mm.max())
        chosen = within & steep & (near < near_mm) & ~block.inside[low] & ~block.inside[high]
        chosen &= block.real[low] & block.real[high]
        factor = np.ones(flux.shape)
        np.divide(flux, plain, out=factor, where=chosen)
        factor = np.clip(factor, *LINK_BOUNDS)
        count = int(chosen.sum())
        self.links.append(
            (
                block.flat[low][chosen],
                block.flat[high][chosen],
                factor[chosen],
                np.full(count, axis, dtype=np.int64),
            )
        )

    def _gradient(self, low: tuple[slice, ...], high: tuple[slice, ...]) -> FloatArray:
        block = self.block
        radius = np.maximum(0.5 * (block.radius[low] + block.radius[high]), 1e-6)
        return radius ** (-2.0 if block.shape.is_sphere else -1.0)

    def _contacts(
        self,
        axis: int,
        outer: tuple[slice, ...],
        inner: tuple[slice, ...],
        touching: BoolArray,
        outward_flux: FloatArray,
    ) -> None:
        block, shape = self.block, self.block.shape
        cell = np.zeros(block.inside.shape, dtype=bool)
        side = touching & block.within(block.along[outer]) & (outward_flux > 0)
        cell[outer] = side
        power = 2 if shape.is_sphere else 1
        area = outward_flux[side] * shape.radius_mm**power
        self.contact(cell, area, radial_gap_mm(shape, block.radius[cell]))
        self._straight(axis, outer, inner, touching & ~block.within(block.along[outer]))

    def _straight(
        self,
        axis: int,
        outer: tuple[slice, ...],
        inner: tuple[slice, ...],
        end: BoolArray,
    ) -> None:
        block, shape = self.block, self.block.shape
        cell = np.zeros(block.inside.shape, dtype=bool)
        cell[outer] = end
        fraction = _gap_fraction(shape, block.centres[outer][end], block.centres[inner][end])
        spacing = float(block.spacing_mm[axis])
        face = np.full(len(fraction), float(np.prod(block.spacing_mm)) / spacing)
        self.contact(cell, face, fraction * spacing)

    def crossed(self) -> None:
        """Add the outside cells that hold a piece of the axis (or the centre): thin sources."""
        block, shape = self.block, self.block.shape
        whole = 4.0 * np.pi if shape.is_sphere else 2.0 * np.pi * float(block.spacing_mm.min())
        crossed = ~block.inside & (self.net > 0.02 * whole)
        crossed &= block.real
        power = 2 if shape.is_sphere else 1
        area = self.net[crossed] * shape.radius_mm**power * self._share(crossed)
        used = area > 0
        cell = crossed.copy()
        cell[crossed] = used
        self.contact(cell, area[used], radial_gap_mm(shape, block.radius[cell]))

    def _share(self, cell: BoolArray) -> FloatArray:
        """Share of a cell's extent along the axis that lies between the ends."""
        block, shape = self.block, self.block.shape
        if shape.is_sphere:
            return np.ones(int(cell.sum()))
        half = 0.5 * float(np.abs(unit(shape.axis_lps)) @ block.spacing_mm[::-1])
        along = block.along[cell]
        inside = np.minimum(along + half, shape.length_mm) - np.maximum(along - half, 0.0)
        return np.clip(inside / (2.0 * half), 0.0, 1.0)


def _crowding(cells: CellArray, conductance: FloatArray) -> FloatArray:
    """Factor on the gaps of cells so close to the surface that they would rule the time step."""
    if len(cells) == 0:
        return np.ones(0)
    _, place = np.unique(cells, return_inverse=True)
    total = np.bincount(place, weights=conductance)
    factor: FloatArray = np.maximum(total / MOST_CONDUCTANCE, 1.0)[place]
    return factor


def embed(grid: Grid, shape: Shape) -> Embedding:
    """Return how a shape meets the cells of a grid along the patient's axes.

    Parameters
    ----------
    grid : Grid
        Aligned with the patient's axes; spacings may differ.
    shape : Shape
        Parts outside the grid are cut off.

    Returns
    -------
    Embedding
        Empty where the shape lies wholly outside.
    """
    block = _block(grid, shape)
    collector = _Collector(block)
    for axis in range(3):
        collector.walk(axis)
    if block.is_thin:
        collector.crossed()
    cells, area, gap, along = (
        np.concatenate(part) for part in zip(*collector.contacts, strict=True)
    )
    gap = gap * _crowding(cells, area / (gap * float(block.spacing_mm.mean())))
    no_cells = np.zeros(0, dtype=np.int64)
    none = (no_cells, no_cells, np.zeros(0), no_cells)
    first, second, factor, link_axis = (
        np.concatenate(part) for part in zip(none, *collector.links, strict=True)
    )
    held = block.inside & block.real
    return Embedding(
        held=block.flat[held],
        held_along_mm=block.along[held],
        cells=cells,
        area_mm2=area,
        gap_mm=gap,
        along_mm=along,
        first=first,
        second=second,
        factor=factor,
        link_axis=link_axis,
    )

"""How a lethal zone covers a lesion: signed distances between their surfaces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from imaging.geometry import BoolArray, FloatArray
from planning.ablation.devices import Device
from planning.ablation.limits import thermal_limits
from planning.ablation.solver.materials import Float32Array
from planning.ablation.solver.simulation import Outcome


def lethal_field(outcome: Outcome, device: Device) -> FloatArray:
    """Return how far inside the lethal criterion every cell lies, zero at its edge.

    Kelvin below the lethal isotherm of cold, above that of heat.

    Parameters
    ----------
    outcome : Outcome
        Of the simulation.
    device : Device
        Tells the technique.

    Returns
    -------
    numpy.ndarray
        Shape of the grid; holes left by a cooled shaft count as inside.
    """
    if device.technique == "cryoablation":
        field = thermal_limits().lethal_cold_c - outcome.coldest_c.astype(float)
    else:
        field = outcome.hottest_c.astype(float) - thermal_limits().lethal_heat_c
    filled = np.asarray(scipy.ndimage.binary_fill_holes(field >= 0), dtype=bool)
    result: FloatArray = np.where(filled, np.maximum(field, 1e-6), field)
    return result


def surface_points(field: FloatArray) -> FloatArray:
    """Return where a field crosses zero between neighbouring voxels.

    Parameters
    ----------
    field : numpy.ndarray
        Shape (k, j, i), above or at zero inside.

    Returns
    -------
    numpy.ndarray
        Shape (n, 3), in voxels.
    """
    found = []
    for axis in range(3):
        low: list[slice] = [slice(None)] * 3
        high: list[slice] = [slice(None)] * 3
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        first, second = field[tuple(low)], field[tuple(high)]
        crossing = np.nonzero((first >= 0) != (second >= 0))
        points = np.stack(crossing, axis=1).astype(float)
        points[:, axis] += first[crossing] / (first[crossing] - second[crossing])
        found.append(points)
    return np.concatenate(found)


@dataclass(frozen=True, eq=False)
class Margin:
    """How far a zone reaches beyond a lesion.

    Parameters
    ----------
    least_mm : float or None
        Least signed distance from the lesion's surface to the zone's: above zero where the zone
        reaches beyond the lesion everywhere, below zero how far lesion is left out; None without a
        zone or without a lesion.
    at_kji : numpy.ndarray or None
        Shape (3,): where that is, in voxels.
    field_mm : numpy.ndarray
        Shape of the grid, float32: signed distance to the zone's surface, known within two voxels
        of the lesion's surface, NaN elsewhere.
    """

    least_mm: float | None
    at_kji: FloatArray | None
    field_mm: Float32Array


def margin_of(lesion: BoolArray, field: FloatArray, spacing_mm: float) -> Margin:
    """Return the signed distances from the lesion's surface to the lethal zone's.

    Surfaces are at the half level between voxels of the lesion, and where the field is zero.

    Parameters
    ----------
    lesion : numpy.ndarray
        Bool.
    field : numpy.ndarray
        Same shape; at or above zero inside the zone.
    spacing_mm : float
        Edge of a voxel.

    Returns
    -------
    Margin
        Least distance, where it is, and the distances along the lesion's surface.
    """
    known: Float32Array = np.full(lesion.shape, np.nan, dtype=np.float32)
    edge = surface_points(np.where(lesion, 1.0, -1.0))
    zone = surface_points(field)
    if len(edge) == 0 or len(zone) == 0:
        return Margin(None, None, known)
    tree = scipy.spatial.cKDTree(zone)

    def signed_mm(places: FloatArray) -> FloatArray:
        distance = np.asarray(tree.query(places)[0])
        inside = scipy.ndimage.map_coordinates(field, places.T, order=1, mode="nearest") >= 0
        signed: FloatArray = np.where(inside, distance, -distance) * spacing_mm
        return signed

    along = signed_mm(edge)
    worst = int(along.argmin())
    around = scipy.ndimage.generate_binary_structure(3, 3)
    band = scipy.ndimage.binary_dilation(lesion, around, 2) & ~scipy.ndimage.binary_erosion(
        lesion, around, 2
    )
    known[band] = signed_mm(np.argwhere(band).astype(float))
    return Margin(float(along[worst]), edge[worst], known)


def percent(part: BoolArray, whole: BoolArray) -> float:
    """Return the share of a mask that lies in another one.

    Parameters
    ----------
    part, whole : numpy.ndarray
        Same shape, bool.

    Returns
    -------
    float
        0 to 100; 0 for an empty whole.
    """
    return 100.0 * float((part & whole).sum()) / max(float(whole.sum()), 1.0)

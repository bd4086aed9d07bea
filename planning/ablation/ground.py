"""The box of a patient in which a treatment is simulated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from imaging.errors import Problem
from imaging.geometry import BoolArray, Grid, unit
from imaging.structures.model import Structures
from planning.ablation.assembly import Placement
from planning.ablation.limits import LimitChange, limit_of
from planning.ablation.request import TreatmentRequest
from planning.ablation.tissues import PatientMedium
from planning.errors import PlanningError

AROUND_MM = 25.0  # of tissue simulated beyond the lesion and the active parts
LEAST_BOX_MM, MOST_BOX_MM = 80.0, 200.0


def treatment_grid(request: TreatmentRequest, placements: Sequence[Placement]) -> Grid:
    """Return the box that holds the lesion and the active parts with tissue around.

    Parameters
    ----------
    request : TreatmentRequest
        Gives lesion and spacing.
    placements : sequence of Placement
        Where the devices are.

    Returns
    -------
    Grid
        Along the patient's axes.

    Raises
    ------
    PlanningError
        When devices and lesion lie too far apart.
    """
    where = np.argwhere(request.lesion)
    corners = np.array([where.min(axis=0) - 0.5, where.max(axis=0) + 0.5])
    picks = np.array(np.meshgrid(*corners.T, indexing="ij")).reshape(3, -1).T
    points = [request.volume.grid.to_lps(picks)]
    for p in placements:
        tip = np.asarray(p.tip_lps_mm, dtype=float)
        hub = tip + unit(p.axis_lps) * p.device.insertion_mm
        points.append(np.array([tip, hub]))
    everything = np.concatenate(points)
    low, high = everything.min(axis=0) - AROUND_MM, everything.max(axis=0) + AROUND_MM
    size = np.maximum(high - low, LEAST_BOX_MM)
    if (size > MOST_BOX_MM).any():
        message = (
            "devices and lesion lie too far apart to be simulated together; place the devices "
            f"so that all fits a box of {MOST_BOX_MM:g} mm"
        )
        raise PlanningError(Problem(code="too_far_apart", message=message, where="applicators"))
    counts = np.ceil(size / request.spacing_mm).astype(int)
    first = 0.5 * (low + high) - 0.5 * (counts - 1) * request.spacing_mm
    i, j, k = (int(n) for n in counts)
    return Grid.aligned((k, j, i), request.spacing_mm, first)


def neighbours_in(
    structures: Structures,
    patient: PatientMedium,
    lesion: BoolArray,
    changes: tuple[LimitChange, ...],
) -> dict[str, BoolArray]:
    """Return the structures in the box that have a limit, and the skin."""
    found = {}
    for name in structures.names():
        if limit_of(name, changes) is not None:
            found[name] = structures.mask(name) & ~lesion
    found["skin"] = patient.mask("skin")
    return {name: mask for name, mask in found.items() if mask.any()}

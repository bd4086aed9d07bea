"""Finds the structures of a CT without any learned model."""

from __future__ import annotations

import numpy as np

from imaging.errors import refuse_image
from imaging.orientation import Orientation
from imaging.progress import SILENT, Progress
from imaging.structures.body import find_air, find_body
from imaging.structures.bone import fill_marrow, find_bone
from imaging.structures.canal import find_canal
from imaging.structures.cavity import find_cavity
from imaging.structures.labels import passage_class
from imaging.structures.model import (
    BODY,
    BODY_CAVITY,
    BONE,
    BOWEL_GAS,
    LUNG,
    METAL,
    SPINAL_CANAL,
    Structure,
    Structures,
)
from imaging.volume import Volume

METAL_HU = 2500  # above any bone
LEAST_BODY_ML = 50.0

# Later rows are painted over earlier ones; the label of a structure is its place here, from 1.
METHODS = {
    BODY: "largest connected tissue above −300 HU without thin sheets; couch and clothing removed",
    BODY_CAVITY: (
        "inside the skeleton's convex hull or behind 20 mm of belly wall, in front of the canal; "
        "the organs and vessels in it were not told apart"
    ),
    BONE: "above 140 HU and connected to bone above 220 HU, with what the cortex encloses",
    LUNG: "air inside the body of lung's mean density, at least 20 ml",
    BOWEL_GAS: "other air inside the body",
    SPINAL_CANAL: "the soft channel that bone surrounds, followed from slice to slice",
    METAL: "above 2500 HU",
}


def find_structures(volume: Volume, progress: Progress = SILENT) -> Structures:
    """Find body, bone, lung, gas, canal and the cavity whose organs were not told apart.

    Parameters
    ----------
    volume : Volume
        A CT.
    progress : Progress
        Told after each structure.

    Returns
    -------
    Structures
        On the volume's grid; what was not found has no row.

    Raises
    ------
    ImagingError
        When there is no body in the image.
    """
    turned = Orientation.of(volume.grid)
    hu = np.ascontiguousarray(turned.turn(volume.hu))
    spacing = turned.grid.spacing_mm_kji
    progress.update(0.0, "body")
    body = find_body(hu, spacing)
    if body.sum() * turned.grid.voxel_ml < LEAST_BODY_ML:
        message = "no body is seen in the image; choose the series that shows the patient"
        raise refuse_image("no_body", message, volume.series.path)
    progress.update(0.25, "air")
    lung, gas = find_air(hu, body, turned.grid.voxel_ml)
    progress.update(0.4, "spinal canal")
    canal = find_canal(hu, body, spacing)
    progress.update(0.7, "bone")
    bone = find_bone(hu, body, spacing)
    nothing = np.zeros_like(body)
    masks = {BODY: body, LUNG: lung, BOWEL_GAS: gas, METAL: body & (hu > METAL_HU)}
    masks[SPINAL_CANAL] = canal.mask if canal else nothing
    masks[BONE] = fill_marrow(bone, masks[SPINAL_CANAL], spacing)
    progress.update(0.85, "body cavity")
    masks[BODY_CAVITY] = (
        find_cavity(masks[BONE], body, canal.axis_kji, spacing) if canal else nothing
    )
    labels = np.zeros(hu.shape, dtype=np.uint16)
    for label, name in enumerate(METHODS, start=1):
        labels[masks[name]] = label
    rows = []
    for label, (name, method) in enumerate(METHODS.items(), start=1):
        own = int((labels > 0).sum() if name == BODY else (labels == label).sum())
        if own:
            rows.append(
                Structure(
                    name=name,
                    label=label,
                    volume_ml=own * turned.grid.voxel_ml,
                    class_=passage_class(name),
                    found_by=method,
                )
            )
    progress.update(1.0, "structures found")
    return Structures(turned.turn_back(labels), volume.grid, tuple(rows))

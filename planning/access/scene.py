"""The case as the search sees it: a few fields on cubic voxels along the patient's axes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from imaging.geometry import BoolArray, Grid, filled_block
from imaging.nearest import nearest_label
from imaging.structures.cavity import behind_all, find_cavity, is_trunk
from imaging.structures.model import BODY, PassageClass, Structure, Structures, is_bone
from imaging.structures.model import BONE as BONE_NAME
from imaging.volume import resample
from planning.access.march import AVOID, BODY_BIT, BONE, EXEMPT, INSIDE, LESION, gather
from planning.access.request import NEAR_LESION_MM, AccessRequest
from planning.access.ribs import BUNDLE, with_rib_bundles
from planning.access.skin import Skin, find_skin

VOXEL_MM = 2.0
FAR_MM = 60.0  # distances beyond this matter no more
BONE_HU = 170


@dataclass(frozen=True, eq=False)
class Scene:
    """Fields of the search.

    Parameters
    ----------
    grid : Grid
        Cubic voxels of 2 mm along the patient's axes.
    labels : numpy.ndarray
        Shape ``grid.size_kji``, uint16: of the structures below.
    tissue : numpy.ndarray
        Same shape, uint8: bits of :mod:`planning.access.march`.
    slack_mm : numpy.ndarray
        Distance to the nearest forbidden structure less its margin, float32.
    culprit : numpy.ndarray
        Index into ``forbidden`` of the structure that sets the slack, int16.
    structures : Structures
        Those of the request, with what is assumed beside them.
    forbidden : tuple of str
        Names of the forbidden structures.
    skin : Skin
        Its points and outward normals, whatever the position.
    gantry_lps_mm : tuple of float or None
        Axis of the gantry (x, y); None where the places in the CT do not tell it.
    """

    grid: Grid
    labels: NDArray[np.uint16]
    tissue: NDArray[np.uint8]
    slack_mm: NDArray[np.float32]
    culprit: NDArray[np.int16]
    structures: Structures
    forbidden: tuple[str, ...]
    skin: Skin
    gantry_lps_mm: tuple[float, float] | None

    @property
    def assumed(self) -> tuple[str, ...]:
        """Names of what no CT shows and is kept clear by assumption."""
        return tuple(name for name in self.structures.names() if name.startswith(BUNDLE))


def build_scene(request: AccessRequest) -> Scene:
    """Prepare the fields of a search.

    Parameters
    ----------
    request : AccessRequest
        The case and its limits.

    Returns
    -------
    Scene
        Around the lesion as far as the needle reaches.

    Raises
    ------
    PlanningError
        When no skin lies within the needle's reach.
    """
    source = request.volume.grid
    structures = with_rib_bundles(with_bone(request), request.canal_lps_mm, request.settings)
    grid = _work_grid(request)
    labels = gathered(structures.labels, source, grid)
    body = _body(request, labels, grid)
    bones = [row.label for row in structures.table if is_bone(row.name)]
    tissue = np.zeros(labels.shape, dtype=np.uint8)
    tissue[body] = BODY_BIT
    slack, culprit, inside = slack_of(request, structures, labels)
    uncleared = _lookup(labels, _labels_of(structures, PassageClass.AVOID))
    for bit, held in ((BONE, _lookup(labels, bones)), (AVOID, uncleared), (INSIDE, inside)):
        tissue |= np.where(held, bit, 0).astype(np.uint8)[labels]
    if not structures.named(BODY):
        tissue[_uncleared(tissue, labels, request, grid)] |= AVOID
    _mark_lesion(tissue, gathered(request.lesion.view(np.uint8), source, grid) > 0)
    skin = find_skin(request, body, grid)
    return Scene(
        grid=grid,
        labels=labels,
        tissue=tissue,
        slack_mm=slack,
        culprit=culprit,
        structures=structures,
        forbidden=forbidden_names(structures),
        skin=skin,
        gantry_lps_mm=_gantry(skin, request.settings.bore_mm),
    )


def with_bone(request: AccessRequest) -> Structures:
    """Return the structures with bone told by its density, where they hold no bone.

    Parameters
    ----------
    request : AccessRequest
        The case.

    Returns
    -------
    Structures
        On the CT's grid.
    """
    structures = request.structures
    if any(is_bone(name) for name in structures.names()):
        return structures
    free = _lookup(structures.labels, [0, *_labels_of(structures, PassageClass.PASSABLE)])
    free[0] = True
    dense = np.greater(request.volume.hu, BONE_HU) & free[structures.labels]
    label = structures.free_label()
    row = Structure(
        name=BONE_NAME,
        label=label,
        volume_ml=float(dense.sum()) * structures.grid.voxel_ml,
        class_=PassageClass.PASSABLE,
        found_by=f"above {BONE_HU} HU",
    )
    labels = np.where(dense, np.uint16(label), structures.labels)
    return replace(structures, labels=labels, table=(*structures.table, row))


def gathered(
    labels: NDArray[np.uint16] | NDArray[np.uint8], source: Grid, target: Grid
) -> NDArray[np.uint16]:
    """Return the label of the nearest voxel on another grid; 0 outside.

    Parameters
    ----------
    labels : numpy.ndarray
        Shape ``source.size_kji``, uint16 or uint8.
    source, target : Grid
        Where it lies; where it is wanted.

    Returns
    -------
    numpy.ndarray
        Shape ``target.size_kji``, uint16.
    """
    to_source = np.linalg.inv(source.affine_kji_to_lps) @ target.affine_kji_to_lps
    out = np.zeros(target.size_kji, dtype=np.uint16)
    gather(labels, np.ascontiguousarray(to_source[:3]), out)
    return out


def forbidden_names(structures: Structures) -> tuple[str, ...]:
    """Return the forbidden structures, in the order of their indices in the fields.

    Parameters
    ----------
    structures : Structures
        Of a scene.

    Returns
    -------
    tuple of str
        Names.
    """
    return tuple(row.name for row in structures.table if row.class_ == PassageClass.FORBIDDEN)


def margin_of(request: AccessRequest, name: str) -> float:
    """Return the margin of a structure of the scene; what is assumed has none.

    Parameters
    ----------
    request : AccessRequest
        The case and its limits.
    name : str
        Structure.

    Returns
    -------
    float
        Millimetres from the needle's surface.
    """
    return 0.0 if name.startswith(BUNDLE) else request.margin_mm(name)


def slack_of(
    request: AccessRequest, structures: Structures, labels: NDArray[np.uint16]
) -> tuple[NDArray[np.float32], NDArray[np.int16], BoolArray]:
    """Return slack and culprit of every voxel, and which labels are forbidden.

    Structures of one margin share a distance map.

    Parameters
    ----------
    request : AccessRequest
        Its margins.
    structures : Structures
        Table of the labels.
    labels : numpy.ndarray
        Shape of the fields, uint16.

    Returns
    -------
    slack_mm : numpy.ndarray
        Same shape, float32.
    culprit : numpy.ndarray
        Same shape, int16.
    inside : numpy.ndarray
        By label, bool.
    """
    rows = [row for row in structures.table if row.class_ == PassageClass.FORBIDDEN]
    slack = np.full(labels.shape, FAR_MM, dtype=np.float32)
    culprit = np.full(labels.shape, -1, dtype=np.int16)
    size = int(labels.max(initial=0)) + 1
    margins = sorted({margin_of(request, row.name) for row in rows})
    for margin in margins:
        index_of = np.full(size, -1, dtype=np.int16)
        for index, row in enumerate(rows):
            if margin_of(request, row.name) == margin and row.label < size:
                index_of[row.label] = index
        if (index_of < 0).all():
            continue
        far, nearest = nearest_label(index_of[labels])
        far *= np.float32(VOXEL_MM)
        far -= np.float32(VOXEL_MM / 2 + margin)  # to the voxel's face, on the average
        if len(margins) == 1:
            np.minimum(far, slack, out=slack)
            culprit = nearest
            continue
        closer = far < slack
        slack[closer] = far[closer]
        culprit[closer] = nearest[closer]
    return slack, culprit, _lookup(labels, [row.label for row in rows])


def _lookup(labels: NDArray[np.uint16], wanted: list[int]) -> BoolArray:
    table = np.zeros(int(labels.max(initial=0)) + 1, dtype=bool)
    table[[label for label in wanted if label < len(table)]] = True
    return table


def _labels_of(structures: Structures, wanted: PassageClass) -> list[int]:
    return [row.label for row in structures.table if row.class_ == wanted]


def _work_grid(request: AccessRequest) -> Grid:
    grid = request.volume.grid
    lesion = request.lesion_lps_mm
    corners = grid.corners_lps_mm()
    reach = request.needle.length_mm + 10.0
    low = np.maximum(lesion.min(axis=0) - reach, corners.min(axis=0)) + VOXEL_MM / 2
    high = np.minimum(lesion.max(axis=0) + reach, corners.max(axis=0))
    count = np.maximum(((high - low) // VOXEL_MM).astype(int) + 1, 1)
    return Grid.aligned((int(count[2]), int(count[1]), int(count[0])), VOXEL_MM, low)


def _body(request: AccessRequest, labels: NDArray[np.uint16], grid: Grid) -> BoolArray:
    """Return the body: from the structures where they hold it, else by its density."""
    if request.structures.named(BODY):
        found: BoolArray = labels > 0
        return found
    from imaging.structures.body import find_body

    hu = resample(request.volume.hu, request.volume.grid, grid, order=1, outside=-1024)
    return find_body(np.rint(hu).astype(np.int16), (VOXEL_MM,) * 3)


def _uncleared(
    tissue: NDArray[np.uint8], labels: NDArray[np.uint16], request: AccessRequest, grid: Grid
) -> BoolArray:
    """Return soft tissue of the trunk that an imported label map leaves unnamed."""
    body = (tissue & BODY_BIT) > 0
    spacing = grid.spacing_mm_kji
    if not is_trunk(body, spacing):
        return np.zeros(body.shape, dtype=bool)
    canal = grid.to_kji(request.canal_lps_mm)
    heights, index = np.unique(np.round(canal[:, 0]), return_inverse=True)
    count = np.bincount(index)
    middles = [np.bincount(index, canal[:, axis]) / count for axis in (1, 2)] if len(canal) else []
    axis = np.stack([heights, *middles], axis=1) if len(canal) else behind_all(body)
    found: BoolArray = find_cavity((tissue & BONE) > 0, body, axis, spacing) & (labels == 0)
    return found


def _gantry(skin: Skin, bore_mm: float) -> tuple[float, float] | None:
    """Return the axis of the gantry: x = y = 0, where scanners count from, if the skin fits in."""
    places = skin.points_lps_mm[:, :2]
    fits = np.hypot(places[:, 0], places[:, 1]).max() <= bore_mm / 2
    return (0.0, 0.0) if fits else None


def _mark_lesion(tissue: NDArray[np.uint8], lesion: BoolArray) -> None:
    """Mark the lesion, neither bone nor obstacle, and where margins do not apply."""
    reach = int(np.ceil(NEAR_LESION_MM / VOXEL_MM)) + 1
    box = filled_block(lesion)
    if box is None:
        return
    part = tuple(slice(max(axis.start - reach, 0), axis.stop + reach) for axis in box)
    far, _ = nearest_label(np.where(lesion[part], 0, -1).astype(np.int16))
    tissue[part][far * VOXEL_MM <= NEAR_LESION_MM] |= EXEMPT
    tissue[lesion] &= np.uint8(255 - BONE - AVOID - INSIDE)
    tissue[lesion] |= LESION

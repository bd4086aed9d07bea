"""Finding all structures: time, memory and Dice, beside generic methods on the same case.

The generic methods find one structure each, and where they need a seed they are given one from the
labels; ours is given nothing and finds all, so a ratio below one is no loss.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.bench.timing import Timed, measure
from imaging.errors import ImagingError
from imaging.files import is_image_file, read_volume, to_itk, write_array
from imaging.geometry import BoolArray
from imaging.structures.find import find_structures
from imaging.structures.labels import names_beside, read_structures, structures_from
from imaging.structures.model import Structures, is_bone
from imaging.volume import Volume

LARGE_VOXELS = 20_000_000  # above this one repeat is enough
BONE_HU = 200.0  # the usual threshold of a generic segmentation
CROP_MM = 25.0  # around the aorta, for the random walker, whose time grows with the image
WALKER_STRENGTH = 90.0
_PEAK = """
import sys
from pathlib import Path
import imaging.structures.find as find
from imaging.files import read_volume
told = lambda word: 1024 * int(
    Path("/proc/self/status").read_text().split(word + ":")[1].split()[0]
)
before = told("VmRSS")
find.find_structures(read_volume(Path(sys.argv[1])))
print(told("VmHWM") - before)
"""


def bench_structures(path: Path | None) -> list[dict[str, Any]]:
    """Measure finding the structures of a case.

    Parameters
    ----------
    path : Path or None
        An image; a label map with a file of names in its folder gives Dice. A generated case when
        absent.

    Returns
    -------
    list of dict
        One row, with ``dice`` by name, ``peak_memory_ratio``, and Dice of each peer.
    """
    if path is None:
        return [_generated()]
    source, given_file = _image_and_labels(path)
    volume = read_volume(source)
    given = read_structures(given_file, None, volume.grid) if given_file else None
    return [_row(volume, given, source)]


def _generated() -> dict[str, Any]:
    from imaging.phantom.cases import generate

    case = generate("vertebra", spacing_mm=(2.0, 1.6, 1.6))
    given = structures_from(case.labels, case.volume.grid, case.names, "generated")
    with tempfile.TemporaryDirectory(prefix="osteoplan-bench-") as folder:
        source = Path(folder) / "ct.nii.gz"
        write_array(case.volume.hu, case.volume.grid, source)
        return _row(case.volume, given, source)


def _image_and_labels(path: Path) -> tuple[Path, Path | None]:
    """Return the image, and the label map with names that lies beside it, if there is one."""
    folder = path if path.is_dir() else path.parent
    files = [file for file in sorted(folder.iterdir()) if is_image_file(file)]
    maps = [file for file in files if file != path and _is_label_map(file)]
    images = [file for file in files if file not in maps]
    if path.is_dir() and len(images) == 1:
        return images[0], maps[0] if maps else None
    return path, maps[0] if maps else None


def _is_label_map(file: Path) -> bool:
    """Tell a label map: it has names beside it, and no value below zero."""
    if names_beside(file) is None:
        return False
    try:
        return int(read_volume(file).hu.min()) >= 0
    except ImagingError:
        return False


def _row(volume: Volume, given: Structures | None, source: Path) -> dict[str, Any]:
    peers, truth = _peers(volume, given)
    works: dict[str, Callable[[], object]] = dict(peers)
    timed = Timed(
        "structures_all",
        lambda: find_structures(volume),
        float(volume.hu.size),
        "voxels/s",
        works,
    )
    row = measure(timed, 1 if volume.hu.size > LARGE_VOXELS else 3)
    found = find_structures(volume)
    row["found"] = len(found.table)
    if given is not None:
        shared = [name for name in found.names() if given.named(name) and name != "body"]
        row["dice"] = {name: _dice(found.mask(name), given.mask(name)) for name in shared}
        row["dice"]["bone_together"] = _dice(found.bone_mask(), given.bone_mask())
        for peer in row["peers"]:
            own = peers[peer["name"]]()
            peer["dice"] = _dice(own, truth[peer["name"]])
    peak = _peak_bytes(source)
    if peak is not None:
        row["peak_memory_ratio"] = peak / volume.hu.nbytes
        row["peak_memory_mb"] = peak / 1e6
    return row


def _peers(
    volume: Volume, given: Structures | None
) -> tuple[dict[str, Callable[[], BoolArray]], dict[str, BoolArray]]:
    """Return generic methods, and what each should find."""
    if given is None:
        return {"bone: SimpleITK threshold, largest component": lambda: _largest_bright(volume)}, {}
    bone = np.zeros(volume.hu.shape, dtype=bool)
    for name in given.names():
        if is_bone(name):
            bone |= given.mask(name)
    name = "bone: SimpleITK threshold, largest component"
    peers: dict[str, Callable[[], BoolArray]] = {name: lambda: _largest_bright(volume)}
    truth = {name: bone}
    aorta = given.mask("aorta")
    if aorta.any():
        grown = "aorta: SimpleITK confidence connected, seeded from the labels"
        walked = "aorta: scikit-image random walker, seeded from the labels"
        peers[grown] = lambda: _confidence_connected(volume, aorta)
        peers[walked] = lambda: _random_walker(volume, aorta)
        truth |= {grown: aorta, walked: aorta}
    return peers, truth


def _largest_bright(volume: Volume) -> BoolArray:
    import SimpleITK as sitk

    bright = to_itk(volume.hu, volume.grid) > BONE_HU
    pieces = sitk.RelabelComponent(sitk.ConnectedComponent(bright), sortByObjectSize=True)
    result: BoolArray = sitk.GetArrayFromImage(pieces) == 1
    return result


def _seed(mask: BoolArray) -> list[int]:
    """Return the voxel of a mask nearest to its middle (k, j, i)."""
    index = np.argwhere(mask)
    return [int(n) for n in index[np.linalg.norm(index - index.mean(axis=0), axis=1).argmin()]]


def _confidence_connected(volume: Volume, aorta: BoolArray) -> BoolArray:
    import SimpleITK as sitk

    image = sitk.Cast(to_itk(volume.hu, volume.grid), sitk.sitkFloat32)
    found = sitk.ConfidenceConnected(image, [_seed(aorta)[::-1]], 2, 2.5, 1, 1)
    result: BoolArray = sitk.GetArrayFromImage(found) > 0
    return result


def _random_walker(volume: Volume, aorta: BoolArray) -> BoolArray:
    """Walk from the middle of the aorta in each slice, and from the edge of a box around it."""
    from scipy import ndimage
    from skimage.segmentation import random_walker

    spacing = volume.grid.spacing_mm_kji
    box = tuple(
        slice(max(0, s.start - int(CROP_MM / mm)), s.stop + int(CROP_MM / mm))
        for s, mm in zip(ndimage.find_objects(aorta.astype(np.uint8))[0], spacing, strict=True)
    )
    values: NDArray[np.float64] = np.clip(volume.hu[box].astype(float), -200.0, 500.0)
    marks = np.full(values.shape, 2, dtype=np.int32)
    marks[1:-1, 1:-1, 1:-1] = 0
    inner = ndimage.distance_transform_edt(aorta[box], sampling=spacing)
    marks[inner > 0.6 * inner.max()] = 1
    walked = random_walker(values, marks, beta=WALKER_STRENGTH, mode="cg_j", spacing=spacing)
    out = np.zeros(aorta.shape, dtype=bool)
    out[box] = walked == 1
    return out


def _dice(one: BoolArray, other: BoolArray) -> float:
    return float(2 * (one & other).sum() / max(int(one.sum() + other.sum()), 1))


def _peak_bytes(source: Path) -> int | None:
    """Return the memory that reading and finding add to a program; None where not told."""
    if not Path("/proc/self/status").exists():
        return None
    ran = subprocess.run(  # noqa: S603 - our own interpreter, on a path that was just read
        [sys.executable, "-c", _PEAK, str(source.resolve())],
        capture_output=True,
        text=True,
        check=False,
    )
    return int(ran.stdout) if ran.returncode == 0 else None

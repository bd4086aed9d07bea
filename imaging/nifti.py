"""What a NIfTI header says beyond what ITK takes from it: two places, and the names of labels.

Layout of the header: NIfTI-1 (https://nifti.nimh.nih.gov/nifti-1), 348 bytes.
"""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from imaging.geometry import FloatArray

HEADER_BYTES = 348
MAX_EXTENSION_BYTES = 1 << 20
ENDINGS = (".nii", ".nii.gz")


def is_nifti(path: Path) -> bool:
    """Tell whether a path names a NIfTI file.

    Parameters
    ----------
    path : Path
        Any path.

    Returns
    -------
    bool
        By its ending.
    """
    return path.name.lower().endswith(ENDINGS)


def places_apart_mm(path: Path) -> float | None:
    """Measure how far the two places a header gives (qform, sform) lie apart.

    Parameters
    ----------
    path : Path
        A NIfTI file.

    Returns
    -------
    float or None
        Millimetres at the corner where they differ most, 0 where only one is given; None where the
        header gives none, or cannot be read.
    """
    head = _start(path, HEADER_BYTES)
    if head is None or len(head) < HEADER_BYTES:
        return None
    order = "<" if struct.unpack_from("<i", head)[0] == HEADER_BYTES else ">"
    by_quaternion, by_rows = struct.unpack_from(f"{order}hh", head, 252)
    if by_quaternion <= 0 or by_rows <= 0:
        return 0.0 if by_quaternion > 0 or by_rows > 0 else None
    size = np.array(struct.unpack_from(f"{order}3h", head, 42), dtype=float)
    corners = np.array([[i, j, k, 1.0] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    corners[:, :3] *= size - 1
    rows = np.array(struct.unpack_from(f"{order}12f", head, 280)).reshape(3, 4)
    apart = corners @ (rows - _from_quaternion(head, order)).T
    worst = float(np.linalg.norm(apart, axis=1).max())
    return worst if np.isfinite(worst) else float("inf")


def _from_quaternion(head: bytes, order: str) -> FloatArray:
    """Return the rows of the affine that quaternion, spacings and offsets stand for."""
    handed, *spacing = struct.unpack_from(f"{order}4f", head, 76)
    b, c, d, *offset = struct.unpack_from(f"{order}6f", head, 256)
    a = float(np.sqrt(max(0.0, 1.0 - b * b - c * c - d * d)))
    turn = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    turn[:, 2] *= -1.0 if handed < 0 else 1.0
    return np.column_stack([turn * np.array(spacing), offset])


def label_names(path: Path) -> dict[int, str]:
    """Read the names that TotalSegmentator and nnU-Net tools write into the header's extension.

    Parameters
    ----------
    path : Path
        Any file.

    Returns
    -------
    dict
        Label to name; empty where there are none.
    """
    head = _start(path, HEADER_BYTES + 12) if is_nifti(path) else None
    if head is None or head[HEADER_BYTES : HEADER_BYTES + 1] != b"\x01":
        return {}
    order = "<" if struct.unpack_from("<i", head)[0] == HEADER_BYTES else ">"
    size, _ = struct.unpack_from(f"{order}ii", head, HEADER_BYTES + 4)
    if not 8 < size <= MAX_EXTENSION_BYTES:
        return {}
    whole = _start(path, HEADER_BYTES + 4 + size) or b""
    return _names_of_xml(whole[HEADER_BYTES + 12 :].rstrip(b"\0"))


def _start(path: Path, count: int) -> bytes | None:
    """Return the first bytes of a file, unpacked; None when it cannot be read."""
    try:
        with gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb") as stream:
            data = stream.read(count)
    except (OSError, EOFError):
        return None
    return data if len(data) >= HEADER_BYTES else None


def _names_of_xml(text: bytes) -> dict[int, str]:
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        return {}  # entities may expand without end
    try:
        rows = ElementTree.fromstring(text).iter("Label")  # noqa: S314 - without entities
        return {int(row.attrib["Key"]): (row.text or "").strip() for row in rows}
    except (ElementTree.ParseError, KeyError, ValueError):
        return {}

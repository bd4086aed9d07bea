"""Structures taken from a label map, and the class of each by its name."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imaging.errors import ImagingError, Problem, refuse_image
from imaging.geometry import Grid
from imaging.label_files import read_label_file
from imaging.structures.model import BODY, PassageClass, Structure, Structures
from imaging.tables import load_table

MAX_NAMES_BYTES = 1 << 20


def passage_class(name: str) -> PassageClass:
    """Return whether a needle may pass a structure, by the table ``structures``.

    Parameters
    ----------
    name : str
        Structure's name.

    Returns
    -------
    PassageClass
        ``avoid`` for a name that no row fits.
    """
    for row in load_table("structures"):
        if any(fnmatchcase(name.lower(), pattern) for pattern in row["names"]):
            return PassageClass(row["class"])
    return PassageClass.AVOID


def structures_from(
    labels: NDArray[np.uint16], grid: Grid, names: dict[int, str], found_by: str
) -> Structures:
    """Return structures with a row for each label that occurs.

    Parameters
    ----------
    labels : numpy.ndarray
        Shape ``grid.size_kji``, uint16.
    grid : Grid
        Where they lie.
    names : dict
        Label to name; a label without one is called ``label_N``.
    found_by : str
        Method or file, in words.

    Returns
    -------
    Structures
        ``body`` counts all labelled voxels.
    """
    counts = np.bincount(labels.ravel())
    everything = int(counts[1:].sum())
    rows = []
    for label in np.flatnonzero(counts):
        if label == 0:
            continue
        name = names.get(int(label), f"label_{label}")
        voxels = everything if name == BODY else int(counts[label])
        rows.append(
            Structure(
                name=name,
                label=int(label),
                volume_ml=voxels * grid.voxel_ml,
                class_=passage_class(name),
                found_by=found_by,
            )
        )
    return Structures(labels, grid, tuple(rows))


def read_names(path: Path) -> dict[int, str]:
    """Read the names of labels.

    Parameters
    ----------
    path : Path
        JSON object from label to name, or from name to label.

    Returns
    -------
    dict
        Label to name.

    Raises
    ------
    ImagingError
        When it is not such a file; all bad entries are listed.
    """
    try:
        if path.stat().st_size > MAX_NAMES_BYTES:
            raise refuse_image("names_refused", "the file of names is larger than 1 MB", path)
        entries = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError:
        raise refuse_image("not_found", "the file of names cannot be read", path) from None
    except (ValueError, RecursionError):
        message = 'the file of names is not JSON such as {"1": "spleen", "2": "kidney_right"}'
        raise refuse_image("names_refused", message, path) from None
    if not isinstance(entries, dict) or not entries:
        message = 'names are a JSON object such as {"1": "spleen", "2": "kidney_right"}'
        raise refuse_image("names_refused", message, path)
    names: dict[int, str] = {}
    problems = []
    for key, value in entries.items():
        pair = (key, value) if isinstance(value, str) else (value, key)
        try:
            names[int(pair[0])] = str(pair[1])
        except (TypeError, ValueError):
            message = "neither side is a whole number: write label and name"
            problems.append(Problem(code="names_refused", message=message, where=str(key)))
    if problems:
        raise ImagingError(problems)
    return names


def names_beside(path: Path) -> Path | None:
    """Return the file of names that lies beside a label map, if there is one.

    Parameters
    ----------
    path : Path
        The label map ``X.nii.gz``.

    Returns
    -------
    Path or None
        ``X.json``, or ``names.json`` in the same folder.
    """
    stem = path.name.split(".")[0]
    for name in (f"{stem}.json", "names.json"):
        if (path.parent / name).is_file():
            return path.parent / name
    return None


def read_structures(path: Path, names_path: Path | None, grid: Grid) -> Structures:
    """Read structures from a label map and its names.

    Parameters
    ----------
    path : Path
        NIfTI, NRRD, MetaImage, DICOM SEG or RTSTRUCT, or a folder with one mask a structure.
    names_path : Path or None
        JSON of names; None takes the file's own, else looks beside the label map.
    grid : Grid
        Grid of the CT, which the labels are brought onto.

    Returns
    -------
    Structures
        A row for each label that occurs.

    Raises
    ------
    ImagingError
        When a file cannot be read, has no names, or holds nothing on this grid.
    """
    found = read_label_file(path, grid)
    if not found.labels.any():
        message = "no label lies inside the image; the label map belongs to another series"
        raise refuse_image("labels_elsewhere", message, path)
    found_by = f"label map {path.name}"
    names_file = names_path or names_beside(path)
    if names_path is None and found.names:
        return structures_from(found.labels, grid, found.names, found_by)
    if names_file is None:
        message = "the label map has no names; give them with --names FILE (JSON, label to name)"
        raise refuse_image("names_missing", message, path)
    return structures_from(found.labels, grid, read_names(names_file), found_by)

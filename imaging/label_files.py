"""Reads masks and label maps onto the grid of a CT, whatever made them."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imaging.dicom.dataset import read_dataset
from imaging.dicom.rtstruct import contours_on_grid, read_contours
from imaging.dicom.segmentation import read_segmentation
from imaging.errors import refuse_image
from imaging.files import IMAGE_ENDINGS, is_image_file, read_array
from imaging.geometry import BoolArray, Grid
from imaging.label_names import structure_name
from imaging.nifti import label_names
from imaging.overlap import LabelPainter
from imaging.volume import mask_on_grid, resample

log = logging.getLogger(__name__)

LESION_NAMES = re.compile(r"lesion|l[eé]sion|tumou?r|metasta|gtv|neoplasm|mass\b", re.IGNORECASE)
CHOICE_MARK = "#"  # FILE#NAME chooses one structure of a file
SEGMENT_KEY = re.compile(r"Segment(\d+)_(Name|LabelValue|Layer)")  # of 3D Slicer's .seg.nrrd
MAX_LABEL = int(np.iinfo(np.uint16).max)


@dataclass(frozen=True, eq=False)
class LabelFile:
    """Labels on the grid of a CT.

    Parameters
    ----------
    labels : numpy.ndarray
        Shape of the grid, uint16; 0 is background.
    names : dict
        Label to name, as the file has them; empty when it has none.
    """

    labels: NDArray[np.uint16]
    names: dict[int, str]


def read_label_file(path: Path, grid: Grid) -> LabelFile:
    """Read a label map.

    Parameters
    ----------
    path : Path
        NIfTI (names as TotalSegmentator writes them into it are read), NRRD (3D Slicer's names
        too), MetaImage, DICOM SEG or RTSTRUCT; or a folder with one mask a structure, named after
        it.
    grid : Grid
        Where the labels are wanted; another grid is resampled by the nearest voxel.

    Returns
    -------
    LabelFile
        Labels and names.

    Raises
    ------
    ImagingError
        When it cannot be read or does not hold labels.
    """
    if path.is_dir():
        return _read_folder(path, grid)
    if is_image_file(path):
        return _read_image(path, grid)
    if not path.is_file():
        raise refuse_image("not_found", "there is no such file; check the path", path)
    return _read_dicom(path, grid)


def read_mask(path: Path, grid: Grid) -> BoolArray:
    """Read a mask of a lesion.

    Parameters
    ----------
    path : Path
        As for :func:`read_label_file`. Every value above zero belongs to the mask; of several named
        structures the one named as a lesion is taken, or the one chosen by ``FILE#NAME``.
    grid : Grid
        Where the mask is wanted; another grid is resampled by the nearest voxel.

    Returns
    -------
    numpy.ndarray
        Shape ``grid.size_kji``, bool, at least one voxel.

    Raises
    ------
    ImagingError
        When it cannot be read, is empty, lies wholly outside the grid, or does not say which of
        several structures is the lesion.
    """
    file, wanted = _chosen_part(path)
    if is_image_file(file):
        labels, own, names = _read_own_grid(file)
        if not labels.any():
            raise refuse_image("empty_mask", "the mask is empty; outline the lesion first", file)
        mask = mask_on_grid(_lesion_of(labels, names, wanted, file), own, grid)
    else:
        found = read_label_file(file, grid)
        mask = _lesion_of(found.labels, found.names, wanted, file)
    if not mask.any():
        message = (
            "the mask is empty here, or lies outside the image: it belongs to another patient or "
            "series"
        )
        raise refuse_image("mask_elsewhere", message, file)
    return mask


def _chosen_part(path: Path) -> tuple[Path, str]:
    name, mark, wanted = path.name.rpartition(CHOICE_MARK)
    if mark and name and not path.exists():
        return path.with_name(name), structure_name(wanted)
    return path, ""


def _lesion_of(
    labels: NDArray[np.uint16], names: dict[int, str], wanted: str, path: Path
) -> BoolArray:
    """Return the mask of the lesion among the structures of a file."""
    present = [label for label in names if (labels == label).any()] if len(names) > 1 else []
    if wanted:
        chosen = [label for label, name in names.items() if structure_name(name) == wanted]
    elif len(present) > 1:
        chosen = [label for label in present if LESION_NAMES.search(names[label])]
    else:
        everything: BoolArray = labels > 0
        return everything
    if not chosen:
        told = ", ".join(list(names.values())[:12]) + (", …" if len(names) > 12 else "")
        message = (
            f"the file holds several structures ({told}) and none is named as a lesion; choose one "
            f"with {path.name}{CHOICE_MARK}NAME"
        )
        raise refuse_image("several_structures", message, path)
    mask: BoolArray = np.isin(labels, chosen)
    return mask


def _read_image(path: Path, grid: Grid) -> LabelFile:
    labels, own, names = _read_own_grid(path)
    return LabelFile(_moved(labels, own, grid), names)


def _moved(labels: NDArray[np.uint16], own: Grid, grid: Grid) -> NDArray[np.uint16]:
    if own.same_as(grid):
        return labels
    moved: NDArray[np.uint16] = np.rint(resample(labels, own, grid, order=0, outside=0)).astype(
        np.uint16
    )
    return moved


def _read_own_grid(path: Path) -> tuple[NDArray[np.uint16], Grid, dict[int, str]]:
    values, grid, texts = read_array(path, several_layers=True)
    whole = np.rint(values) if values.dtype.kind == "f" else values
    if values.dtype.kind == "f" and not np.allclose(whole, values, atol=1e-3):
        raise refuse_image("not_labels", "the file holds values, not labels or a mask", path)
    if whole.min() < 0 or whole.max() > MAX_LABEL:
        raise refuse_image("not_labels", f"labels must lie between 0 and {MAX_LABEL}", path)
    segments = _slicer_segments(texts)
    if whole.ndim == len(grid.size_kji):
        names = {label: name for _, label, name in segments} or label_names(path)
        return whole.astype(np.uint16), grid, names
    return *_merged_layers(whole, grid, segments, path), {
        number: name for number, (_, _, name) in enumerate(segments, start=1)
    }


def _merged_layers(
    layers: NDArray[np.generic], grid: Grid, segments: list[tuple[int, int, str]], path: Path
) -> tuple[NDArray[np.uint16], Grid]:
    """Bring the layers of overlapping segments into one; segments are numbered from 1."""
    if not segments:
        message = f"the image has {layers.shape[-1]} values a voxel; one label is needed"
        raise refuse_image("not_labels", message, path)
    painter = LabelPainter(grid.size_kji)
    for number, (layer, label, _) in enumerate(segments, start=1):
        if layer < layers.shape[-1]:
            painter.add(number, layers[..., layer] == label)
    return painter.painted(path.name), grid


def _slicer_segments(texts: dict[str, str]) -> list[tuple[int, int, str]]:
    """Return layer, label and name of the segments that 3D Slicer wrote into an NRRD."""
    rows: dict[int, dict[str, str]] = {}
    for key, value in texts.items():
        found = SEGMENT_KEY.fullmatch(key)
        if found:
            rows.setdefault(int(found[1]), {})[found[2]] = value
    segments = []
    for _, row in sorted(rows.items()):
        try:
            label, layer = int(row["LabelValue"]), int(row.get("Layer", "0"))
        except (KeyError, ValueError):
            continue
        segments.append((layer, label, structure_name(row.get("Name", ""))))
    return segments


def _read_folder(folder: Path, grid: Grid) -> LabelFile:
    """Read one mask a structure, as TotalSegmentator writes them."""
    files = sorted(file for file in folder.iterdir() if is_image_file(file))
    if not files:
        message = "the folder holds no masks (.nii.gz, .nrrd, .mha), one a structure"
        raise refuse_image("empty", message, folder)
    painter = LabelPainter(grid.size_kji)
    names = {}
    for label, file in enumerate(files, start=1):
        labels, own, _ = _read_own_grid(file)
        painter.add(label, mask_on_grid(labels > 0, own, grid))
        ending = next(end for end in IMAGE_ENDINGS if file.name.lower().endswith(end))
        names[label] = file.name[: -len(ending)]
    return LabelFile(painter.painted(folder.name), names)


def _read_dicom(path: Path, grid: Grid) -> LabelFile:
    try:
        modality = str(read_dataset(path, with_pixels=False).get("Modality", ""))
    except Exception:  # whatever is no DICOM fails in its own way
        message = "neither a mask (NIfTI, NRRD, MetaImage) nor DICOM SEG or RTSTRUCT"
        raise refuse_image("unknown_format", message, path) from None
    if modality == "RTSTRUCT":
        labels, names = contours_on_grid(read_contours(path), grid, path.name)
        return LabelFile(labels, names)
    if modality != "SEG":
        message = f"the DICOM object is {modality or 'unnamed'}, neither SEG nor RTSTRUCT"
        raise refuse_image("not_labels", message, path)
    labels, own, names = read_segmentation(path)
    return LabelFile(_moved(labels, own, grid), names)

"""Reads DICOM segmentation objects."""

from __future__ import annotations

import logging
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
from numpy.typing import NDArray

from imaging.errors import refuse_image
from imaging.geometry import Grid

log = logging.getLogger(__name__)


def read_segmentation(path: Path) -> tuple[NDArray[np.uint16], Grid]:
    """Read a DICOM SEG as a label map.

    Parameters
    ----------
    path : Path
        A segmentation object.

    Returns
    -------
    tuple
        Segment numbers of shape (k, j, i), uint16 (the last segment wins where several overlap),
        and the grid they lie on.

    Raises
    ------
    ImagingError
        When it is not a segmentation, or its frames do not form a regular volume.
    """
    try:
        segmentation = hd.seg.segread(path)
        volume = segmentation.get_volume(combine_segments=False)
    except Exception as error:  # a damaged object fails in any way its parser can
        message = f"the DICOM segmentation cannot be read ({type(error).__name__})"
        raise refuse_image("damaged", message, path) from None
    stacked: NDArray[np.generic] = np.asarray(volume.array)
    numbers = np.asarray(segmentation.segment_numbers, dtype=np.uint16)
    size = int(stacked.shape[0]), int(stacked.shape[1]), int(stacked.shape[2])
    labels = np.zeros(size, dtype=np.uint16)
    overlapping = 0
    for index, number in enumerate(numbers):
        segment = stacked[..., index].astype(bool)
        overlapping += int((labels[segment] > 0).sum())
        labels[segment] = number
    if overlapping:
        log.warning("%d voxels belong to several segments; the last one counts", overlapping)
    return labels, Grid(size, np.asarray(volume.affine, dtype=float))


def is_segmentation(path: Path) -> bool:
    """Tell whether a file of masks or labels is taken for a DICOM SEG, by its name.

    Parameters
    ----------
    path : Path
        File.

    Returns
    -------
    bool
        True for ``.dcm``.
    """
    return path.suffix.lower() == ".dcm"


def segment_names(path: Path) -> dict[int, str]:
    """Read what a DICOM SEG calls its segments.

    Parameters
    ----------
    path : Path
        A segmentation object.

    Returns
    -------
    dict
        Segment number to its label, in lower case with underscores, as structures are named.

    Raises
    ------
    ImagingError
        When it is not a segmentation.
    """
    try:
        rows = pydicom.dcmread(path, stop_before_pixels=True).SegmentSequence
        return {
            int(row.SegmentNumber): "_".join(str(row.SegmentLabel).lower().split()) for row in rows
        }
    except Exception as error:  # a damaged object fails in any way its parser can
        message = f"the DICOM segmentation cannot be read ({type(error).__name__})"
        raise refuse_image("damaged", message, path) from None

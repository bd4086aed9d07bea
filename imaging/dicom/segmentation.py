"""Reads DICOM segmentation objects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imaging.errors import ImagingError, refuse_image
from imaging.geometry import Grid
from imaging.label_names import structure_name
from imaging.overlap import LabelPainter

BACKGROUND = 0  # a label map lists it among its segments
HALF = 0.5  # of a voxel that a fractional segmentation fills
MAX_SEGMENT_VOXELS = 1 << 31  # of the object's own grid


def read_segmentation(path: Path) -> tuple[NDArray[np.uint16], Grid, dict[int, str]]:
    """Read a DICOM SEG as a label map.

    Parameters
    ----------
    path : Path
        A segmentation object.

    Returns
    -------
    tuple
        Segment numbers of shape (k, j, i), uint16 (the smaller segment wins where several
        overlap), the grid they lie on, and number to name in lower case with underscores.

    Raises
    ------
    ImagingError
        When it is not a segmentation, or its frames do not form a regular volume.
    """
    import highdicom as hd

    try:
        segmentation = hd.seg.segread(path)
        geometry = segmentation.get_volume_geometry()
        if geometry is None:
            message = "the frames of the DICOM segmentation form no regular volume"
            raise refuse_image("not_a_volume", message, path)
        size = tuple(int(n) for n in geometry.spatial_shape)
        if np.prod([float(n) for n in size]) > MAX_SEGMENT_VOXELS:
            message = f"the DICOM segmentation claims {size} voxels; no CT is so large"
            raise refuse_image("too_large", message, path)
        painter = LabelPainter((size[0], size[1], size[2]))
        for number in sorted(set(segmentation.segment_numbers) - {BACKGROUND}):
            volume = segmentation.get_volume(segment_numbers=[number], combine_segments=False)
            painter.add(int(number), np.asarray(volume.array)[..., 0] >= HALF)
        names = {
            int(row.SegmentNumber): structure_name(str(row.SegmentLabel))
            for row in segmentation.SegmentSequence
            if int(row.SegmentNumber) != BACKGROUND
        }
    except ImagingError:
        raise
    except Exception as error:  # a damaged object fails in any way its parser can
        message = f"the DICOM segmentation cannot be read ({type(error).__name__})"
        raise refuse_image("damaged", message, path) from None
    grid = Grid(painter.labels.shape, np.asarray(geometry.affine, dtype=float))
    return painter.painted(path.name), grid, names

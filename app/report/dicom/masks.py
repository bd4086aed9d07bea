"""Single masks and label maps as DICOM segmentation files, for the command line."""

from __future__ import annotations

import warnings
from pathlib import Path

from app.errors import AppError
from app.report.dicom.segmentation import lesion_object, structures_object
from app.report.dicom.source import CtSource, file_bytes, read_source
from imaging.errors import Problem
from imaging.geometry import BoolArray
from imaging.structures.model import Structures
from imaging.volume import Volume
from planning.plan import SeriesReference


def lesion_file(lesion: BoolArray, volume: Volume, out: Path) -> bytes:
    """Return a mask outlined from clicks as a DICOM SEG file in the study of its CT.

    Parameters
    ----------
    lesion : numpy.ndarray
        Mask of the shape of the volume.
    volume : Volume
        The CT.
    out : Path
        Where it is to be written, for the refusal.

    Returns
    -------
    bytes
        The file.

    Raises
    ------
    AppError
        When the CT was not read from DICOM.
    """
    source = _source_of(volume, out)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the libraries' warnings repeat the patient's name
        return file_bytes(lesion_object(lesion, volume.grid, source, clicked=True), source)


def structures_file(structures: Structures, volume: Volume, out: Path) -> bytes:
    """Return structures as a DICOM SEG file in the study of their CT.

    Parameters
    ----------
    structures : Structures
        On the grid of the volume.
    volume : Volume
        The CT.
    out : Path
        Where it is to be written, for the refusal.

    Returns
    -------
    bytes
        The file.

    Raises
    ------
    AppError
        When the CT was not read from DICOM, or nothing was found.
    """
    source = _source_of(volume, out)
    if not structures.table:
        message = "no structure was found, so there is nothing to write"
        raise AppError(Problem(code="no_structures", message=message, where=str(out)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return file_bytes(structures_object(structures, source), source)


def _source_of(volume: Volume, out: Path) -> CtSource:
    source = read_source(SeriesReference.of(volume))
    if source is None:
        message = "a DICOM SEG needs a CT read from DICOM; write .nii.gz instead"
        raise AppError(Problem(code="no_dicom_source", message=message, where=str(out)))
    return source

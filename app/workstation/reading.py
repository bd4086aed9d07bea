"""Reading a CT in the worker process; apart from the other jobs, so that it is ready first."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imaging.dicom.discover import discover, opened
from imaging.dicom.read import choose, load_preview, load_series
from imaging.dicom.thumbnail import thumbnail
from imaging.errors import Refusal
from imaging.files import is_image_file, read_volume
from imaging.progress import Progress
from imaging.volume import Volume


@dataclass(frozen=True)
class SeriesChoice:
    """A series that may be opened.

    Parameters
    ----------
    uid : str
        Series Instance UID.
    description : str
        As the scanner named it.
    slices : int
        Their number.
    thumbnail : numpy.ndarray or None
        Shape (rows, columns), uint8; None where the middle slice cannot be read.
    """

    uid: str
    description: str
    slices: int
    thumbnail: NDArray[np.uint8] | None = None


def read_or_list(
    path: Path, series_uid: str | None, progress: Progress
) -> Volume | tuple[SeriesChoice, ...]:
    """Read the CT under a path, or list its series where there are several to choose from.

    Parameters
    ----------
    path : Path
        As the user gave it.
    series_uid : str or None
        Series wanted.
    progress : Progress
        Told while reading.

    Returns
    -------
    Volume or tuple of SeriesChoice
        Most slices first.
    """
    if is_image_file(path):
        return _with_checksum(read_volume(path, series_uid, progress))
    with opened(path, progress.part(0.0, 0.2)) as files:
        found = discover(files, path, progress.part(0.2, 0.4))
        if len(found.series) > 1 and series_uid is None:
            return tuple(
                SeriesChoice(one.uid, one.first.description, len(one.slices), thumbnail(one, path))
                for one in found.series
            )
        series, _ = choose(found, series_uid, path)
        with contextlib.suppress(Refusal):  # the whole series is refused with all reasons
            progress.show(load_preview(series, path))
        return _with_checksum(load_series(series, path, progress.part(0.4, 1.0)))


def _with_checksum(volume: Volume) -> Volume:
    """Compute the checksum here, so that the window need not."""
    _ = volume.checksum
    return volume

"""Opens and writes images, whatever their format."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imaging.dicom.discover import discover, opened
from imaging.dicom.read import choose, load_series
from imaging.errors import refuse_image
from imaging.geometry import Grid
from imaging.nifti import is_nifti, places_apart_mm
from imaging.progress import SILENT, Progress
from imaging.volume import SeriesInfo, Volume

if TYPE_CHECKING:
    import SimpleITK as sitk

log = logging.getLogger(__name__)

PLACES_WITHIN_MM = 0.5  # rounding of the quaternion at the corner of a large image
IMAGE_ENDINGS = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")


def is_image_file(path: Path) -> bool:
    """Tell whether a path names a NIfTI, NRRD or MetaImage file.

    Parameters
    ----------
    path : Path
        Any path.

    Returns
    -------
    bool
        By its ending.
    """
    return path.name.lower().endswith(IMAGE_ENDINGS)


def read_volume(path: Path, series_uid: str | None = None, progress: Progress = SILENT) -> Volume:
    """Read a CT.

    Parameters
    ----------
    path : Path
        Folder, file, zip or DICOMDIR of DICOM; or NIfTI, NRRD, MetaImage in HU.
    series_uid : str or None
        DICOM series wanted; None takes the one with most slices and warns where there are more.
    progress : Progress
        Told while reading.

    Returns
    -------
    Volume
        In Hounsfield units.

    Raises
    ------
    ImagingError
        When there is nothing to read, or it cannot be a CT.
    """
    if is_image_file(path):
        return _read_image_file(path)
    with opened(path, progress.part(0.0, 0.2)) as files:
        discovery = discover(files, path, progress.part(0.2, 0.3))
        series, others = choose(discovery, series_uid, path)
        if others:
            log.warning(
                "%d CT series found; the one with most slices is taken (--series chooses another)",
                len(discovery.series),
            )
        return load_series(series, path, progress.part(0.3, 1.0))


def _read_image_file(path: Path) -> Volume:
    values, grid, _ = read_array(path)
    if values.ndim != 3:
        raise refuse_image("not_a_volume", "the image is not three-dimensional", path)
    if not np.isfinite(values).all():
        message = "the image holds values that are not numbers; export it again"
        raise refuse_image("not_hounsfield", message, path)
    lowest, highest = float(values.min()), float(values.max())
    if lowest < -32768 or highest > 32767 or (lowest >= 0 and highest <= 1):
        message = f"values from {lowest:g} to {highest:g} cannot be Hounsfield units; give the CT"
        raise refuse_image("not_hounsfield", message, path)
    hu = np.ascontiguousarray(np.rint(values) if values.dtype.kind == "f" else values, np.int16)
    checksum = hashlib.sha256(hu.data).hexdigest()
    info = SeriesInfo(uid=f"file-{checksum[:24]}", path=str(path), description=path.name)
    return Volume(hu, grid, info)


def read_array(
    path: Path, *, several_layers: bool = False
) -> tuple[NDArray[Any], Grid, dict[str, str]]:
    """Read a NIfTI, NRRD or MetaImage file as it is.

    Parameters
    ----------
    path : Path
        The file.
    several_layers : bool
        Whether several values a voxel are allowed.

    Returns
    -------
    tuple
        Values of shape (k, j, i) or (k, j, i, layers), their grid, and the texts of the header.

    Raises
    ------
    ImagingError
        When it is absent, damaged, or not one volume.
    """
    import SimpleITK as sitk

    if not path.is_file():
        raise refuse_image("not_found", "there is no such file; check the path", path)
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError:
        message = "the file is damaged, or not what its name says; export it again"
        raise refuse_image("damaged", message, path) from None
    layers = image.GetNumberOfComponentsPerPixel()
    if image.GetDimension() != 3 or (layers != 1 and not several_layers):
        message = (
            f"the image has {image.GetDimension()} dimensions and {layers} values a voxel; one "
            "volume is needed"
        )
        raise refuse_image("not_a_volume", message, path)
    _check_place(path)
    texts = {key: image.GetMetaData(key) for key in image.GetMetaDataKeys()}
    return sitk.GetArrayFromImage(image), _grid_of(image), texts


def _check_place(path: Path) -> None:
    """Refuse a NIfTI file that gives two places, and say where it gives none."""
    if not is_nifti(path):
        return
    apart_mm = places_apart_mm(path)
    if apart_mm is None:
        log.warning("%s does not say where its voxels lie; they are counted from 0", path.name)
    elif apart_mm > PLACES_WITHIN_MM:
        message = (
            f"the header gives two places {apart_mm:.1f} mm apart (qform and sform); export the "
            "image again"
        )
        raise refuse_image("two_places", message, path)


def _grid_of(image: sitk.Image) -> Grid:
    """Return the grid of a SimpleITK image, whose world is LPS and whose indices run i, j, k."""
    direction = np.array(image.GetDirection()).reshape(3, 3)
    affine = np.eye(4)
    affine[:3, :3] = np.fliplr(direction * np.array(image.GetSpacing()))
    affine[:3, 3] = image.GetOrigin()
    size = image.GetSize()
    return Grid((size[2], size[1], size[0]), affine)


def to_itk(array: NDArray[Any], grid: Grid) -> sitk.Image:
    """Return an array as a SimpleITK image.

    Parameters
    ----------
    array : numpy.ndarray
        Shape ``grid.size_kji``; bool becomes uint8.
    grid : Grid
        Where it lies.

    Returns
    -------
    SimpleITK.Image
        Same voxels in the same places.
    """
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(array.astype(np.uint8) if array.dtype == bool else array)
    spacing = np.array(grid.spacing_mm_kji)[::-1]
    image.SetSpacing([float(n) for n in spacing])
    direction = np.fliplr(grid.affine_kji_to_lps[:3, :3]) / spacing
    image.SetDirection([float(n) for n in direction.ravel()])
    image.SetOrigin([float(n) for n in grid.affine_kji_to_lps[:3, 3]])
    return image


def write_array(array: NDArray[Any], grid: Grid, path: Path) -> None:
    """Write an array as NIfTI, NRRD or MetaImage, by the ending of the name.

    Parameters
    ----------
    array : numpy.ndarray
        Shape ``grid.size_kji``; a mask (bool), labels or values.
    grid : Grid
        Where it lies.
    path : Path
        Written beside and renamed, so that no half file is left.

    Raises
    ------
    ImagingError
        When the ending is unknown or the place cannot be written.
    """
    import SimpleITK as sitk

    ending = next((end for end in IMAGE_ENDINGS if path.name.lower().endswith(end)), None)
    if ending is None:
        message = f"unknown ending; use one of {', '.join(IMAGE_ENDINGS)}"
        raise refuse_image("unknown_format", message, path)
    if not path.parent.is_dir():
        raise refuse_image("cannot_write", "the folder does not exist; make it first", path.parent)
    draft = path.with_name(f".{path.name.removesuffix(ending)}-unfinished{ending}")
    image = to_itk(array, grid)
    try:
        sitk.WriteImage(image, str(draft), useCompression=True)
        written = sitk.ReadImage(str(draft))  # a full disk is not always told
        if not np.array_equal(
            sitk.GetArrayViewFromImage(written), sitk.GetArrayViewFromImage(image)
        ):
            raise OSError
        draft.replace(path)
    except (RuntimeError, OSError):
        draft.unlink(missing_ok=True)
        message = "the file cannot be written; check the folder's rights and the space on the disk"
        raise refuse_image("cannot_write", message, path) from None

"""Opens and writes images, masks and label maps, whatever their format."""

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
from imaging.geometry import BoolArray, Grid
from imaging.progress import SILENT, Progress
from imaging.volume import SeriesInfo, Volume, mask_on_grid, resample

if TYPE_CHECKING:
    import SimpleITK as sitk

log = logging.getLogger(__name__)

IMAGE_ENDINGS = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
MASK_ENDINGS = (*IMAGE_ENDINGS, ".dcm")


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
    with opened(path) as files:
        discovery = discover(files, path, progress.part(0.0, 0.3))
        series, others = choose(discovery, series_uid, path)
        if others:
            log.warning(
                "%d CT series found; the one with most slices is taken (--series chooses another)",
                len(discovery.series),
            )
        return load_series(series, path, progress.part(0.3, 1.0))


def _read_image_file(path: Path) -> Volume:
    values, grid = _read_array(path)
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


def _read_array(path: Path) -> tuple[NDArray[Any], Grid]:
    import SimpleITK as sitk

    if not path.is_file():
        raise refuse_image("not_found", "there is no such file; check the path", path)
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError:
        message = "the file is damaged, or not what its name says; export it again"
        raise refuse_image("damaged", message, path) from None
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        message = f"the image has {image.GetDimension()} dimensions; one volume is needed"
        raise refuse_image("not_a_volume", message, path)
    return sitk.GetArrayFromImage(image), _grid_of(image)


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


def read_labels(path: Path, grid: Grid) -> NDArray[np.uint16]:
    """Read a label map onto a grid.

    Parameters
    ----------
    path : Path
        NIfTI, NRRD, MetaImage or DICOM SEG.
    grid : Grid
        Where the labels are wanted; another grid is resampled by the nearest voxel.

    Returns
    -------
    numpy.ndarray
        Shape ``grid.size_kji``, uint16.

    Raises
    ------
    ImagingError
        When it cannot be read or does not hold labels.
    """
    labels, own = _read_labels_on_own_grid(path)
    if own.same_as(grid):
        return labels
    moved: NDArray[np.uint16] = np.rint(resample(labels, own, grid, order=0, outside=0)).astype(
        np.uint16
    )
    return moved


def read_mask(path: Path, grid: Grid) -> BoolArray:
    """Read a mask onto a grid.

    Parameters
    ----------
    path : Path
        NIfTI, NRRD, MetaImage or DICOM SEG; every value above zero belongs to the mask.
    grid : Grid
        Where the mask is wanted; another grid is resampled by the nearest voxel.

    Returns
    -------
    numpy.ndarray
        Shape ``grid.size_kji``, bool, at least one voxel.

    Raises
    ------
    ImagingError
        When it cannot be read, is empty, or lies wholly outside the grid.
    """
    labels, own = _read_labels_on_own_grid(path)
    if not labels.any():
        raise refuse_image("empty_mask", "the mask is empty; outline the lesion first", path)
    mask = mask_on_grid(labels > 0, own, grid)
    if not mask.any():
        message = "the mask lies outside the image; it belongs to another patient or series"
        raise refuse_image("mask_elsewhere", message, path)
    return mask


def _read_labels_on_own_grid(path: Path) -> tuple[NDArray[np.uint16], Grid]:
    if path.suffix.lower() == ".dcm":
        from imaging.dicom.segmentation import read_segmentation

        return read_segmentation(path)
    values, grid = _read_array(path)
    whole = np.rint(values) if values.dtype.kind == "f" else values
    if values.dtype.kind == "f" and not np.allclose(whole, values, atol=1e-3):
        raise refuse_image("not_labels", "the file holds values, not labels or a mask", path)
    if whole.min() < 0 or whole.max() > np.iinfo(np.uint16).max:
        raise refuse_image("not_labels", "labels must lie between 0 and 65535", path)
    return whole.astype(np.uint16), grid

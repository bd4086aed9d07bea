"""SimpleITK's registration, set up for bone: coarse over the whole body, fine on the bone.

Every step takes and gives a motion from the moving series to the planning CT.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import scipy

from imaging.files import to_itk
from imaging.geometry import FloatArray, Grid
from imaging.progress import Cancelled, Progress
from imaging.registration.model import inverse
from imaging.volume import resample

if TYPE_CHECKING:
    import SimpleITK as sitk

SEED = 20260101
WORK_UNITS = 2  # fixed, so that sums are made in one order on every machine
BINS = 40
Metric = Literal["mutual_information", "correlation", "mean_squares"]


@dataclass(frozen=True, eq=False)
class Picture:
    """An image as the optimiser sees it.

    Parameters
    ----------
    values : numpy.ndarray
        Shape ``grid.size_kji``, float32.
    grid : Grid
        Where it lies.
    """

    values: Any
    grid: Grid

    def itk(self) -> sitk.Image:
        """Return it for SimpleITK."""
        return to_itk(self.values, self.grid)


def picture(
    values: Any,  # noqa: ANN401 - an array of any type
    grid: Grid,
    spacing_mm: float,
    window: tuple[float, float],
) -> Picture:
    """Return an image on a coarser grid along its own axes, smoothed for it and clipped.

    Parameters
    ----------
    values : numpy.ndarray
        Shape ``grid.size_kji``.
    grid : Grid
        Where it lies.
    spacing_mm : float
        Wanted; finer axes stay as coarse as they are.
    window : tuple of float
        Values beyond it are clipped.

    Returns
    -------
    Picture
        float32.
    """
    step = np.maximum(spacing_mm / np.array(grid.spacing_mm_kji), 1.0)
    whole = np.floor(step).astype(int)  # cheap thinning first, of what is far too fine
    thin = np.maximum(whole // 2, 1)
    few = values[:: thin[0], :: thin[1], :: thin[2]]
    affine = grid.affine_kji_to_lps.copy()
    affine[:3, :3] = affine[:3, :3] * thin
    source = Grid(few.shape, affine)
    clipped = np.clip(few, *window).astype(np.float32)
    rest = step / thin
    smooth = scipy.ndimage.gaussian_filter(clipped, 0.4 * rest * (rest > 1.01))
    size = np.maximum(np.floor((np.array(few.shape) - 1) / rest) + 1, 1).astype(int)
    target_affine = affine.copy()
    target_affine[:3, :3] = affine[:3, :3] * rest
    target = Grid((int(size[0]), int(size[1]), int(size[2])), target_affine)
    return Picture(resample(smooth, source, target, order=1, outside=window[0]), target)


def optimise(
    fixed: Picture,
    moving: Picture,
    start: FloatArray,
    centre_lps_mm: FloatArray,
    metric: Metric,
    *,
    mask: Picture | None = None,
    shrink: Sequence[int] = (1,),
    step_mm: float = 4.0,
    iterations: int = 80,
    share: float = 0.5,
    progress: Progress | None = None,
) -> tuple[FloatArray, float] | None:
    """Find the rigid motion that fits best near a start.

    Parameters
    ----------
    fixed, moving : Picture
        The CT and the other series.
    start : numpy.ndarray
        Shape (4, 4), moving to fixed.
    centre_lps_mm : numpy.ndarray
        Of rotation, in the frame of the CT.
    metric : str
        What is optimised.
    mask : Picture, optional
        Where the CT counts.
    shrink : sequence of int
        Levels, the coarsest first.
    step_mm : float
        First step at the voxels that move most.
    iterations : int
        At most, for each level.
    share : float
        Of the voxels that are looked at.
    progress : Progress, optional
        Asked after each iteration whether the result is still wanted.

    Returns
    -------
    tuple or None
        Motion and value of the metric (lower is better); None where the images do not meet.
    """
    import SimpleITK as sitk

    method = _method(metric)
    method.SetMetricSamplingStrategy(method.REGULAR if share < 1 else method.NONE)
    method.SetMetricSamplingPercentage(share, SEED)
    if mask is not None:
        method.SetMetricFixedMask(mask.itk())
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=step_mm,
        minStep=0.02,
        numberOfIterations=iterations,
        relaxationFactor=0.6,
        gradientMagnitudeTolerance=1e-6,
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel(list(shrink))
    method.SetSmoothingSigmasPerLevel([0.5 * (n - 1) for n in shrink])
    transform = _euler(inverse(start), centre_lps_mm)
    method.SetInitialTransform(transform, inPlace=True)
    stopped = []

    def watch() -> None:
        try:
            if progress is not None:
                progress.update(0.0, "registering")
        except Cancelled:
            stopped.append(True)
            method.StopRegistration()

    method.AddCommand(sitk.sitkIterationEvent, watch)
    try:
        method.Execute(fixed.itk(), moving.itk())
    except RuntimeError:  # too few samples inside the moving image
        return None
    if stopped:
        raise Cancelled
    return inverse(_matrix(transform)), float(method.GetMetricValue())


def evaluate(
    fixed: Picture, moving: Picture, start: FloatArray, centre_lps_mm: FloatArray, metric: Metric
) -> float | None:
    """Return the metric of a motion, or None where the images do not meet.

    Parameters
    ----------
    fixed, moving : Picture
        The CT and the other series.
    start : numpy.ndarray
        Shape (4, 4), moving to fixed.
    centre_lps_mm : numpy.ndarray
        Of rotation.
    metric : str
        What is measured.

    Returns
    -------
    float or None
        Lower is better.
    """
    import SimpleITK as sitk

    method = _method(metric)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetInitialTransform(_euler(inverse(start), centre_lps_mm), inPlace=True)
    try:
        return float(method.MetricEvaluate(fixed.itk(), moving.itk()))
    except RuntimeError:
        return None


def _method(metric: Metric) -> sitk.ImageRegistrationMethod:
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalWarningDisplay(False)  # what does not meet is told by us
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfWorkUnits(WORK_UNITS)
    if metric == "mutual_information":
        method.SetMetricAsMattesMutualInformation(BINS)
    elif metric == "correlation":
        method.SetMetricAsCorrelation()
    else:
        method.SetMetricAsMeanSquares()
    return method


def _euler(matrix: FloatArray, centre_lps_mm: FloatArray) -> sitk.Euler3DTransform:
    """Return a motion as SimpleITK writes it; it leads from the CT to the moving series."""
    import SimpleITK as sitk

    transform = sitk.Euler3DTransform()
    transform.SetCenter([float(n) for n in centre_lps_mm])
    u, _, vt = np.linalg.svd(matrix[:3, :3])  # rounding may have left it a little off a rotation
    rotation = u @ vt
    transform.SetMatrix([float(n) for n in rotation.ravel()], 1e-6)
    shift = matrix[:3, 3] - centre_lps_mm + rotation @ centre_lps_mm
    transform.SetTranslation([float(n) for n in shift])
    return transform


def _matrix(transform: sitk.Euler3DTransform) -> FloatArray:
    rotation = np.array(transform.GetMatrix()).reshape(3, 3)
    centre = np.array(transform.GetCenter())
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = np.array(transform.GetTranslation()) + centre - rotation @ centre
    return matrix

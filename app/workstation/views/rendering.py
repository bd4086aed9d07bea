"""The CT in space by its values themselves: bone, skin, vessels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
import vtkmodules.vtkRenderingVolumeOpenGL2  # noqa: F401 - registers the drawing classes
from numpy.typing import NDArray
from vtkmodules.util.numpy_support import numpy_to_vtk
from vtkmodules.vtkCommonDataModel import vtkImageData, vtkPiecewiseFunction
from vtkmodules.vtkCommonMath import vtkMatrix4x4
from vtkmodules.vtkRenderingCore import (
    vtkColorTransferFunction,
    vtkRenderer,
    vtkVolume,
    vtkVolumeProperty,
)
from vtkmodules.vtkRenderingVolume import (
    vtkFixedPointVolumeRayCastMapper,
    vtkGPUVolumeRayCastMapper,
)

from app.workstation.viewpoint import Rendering
from app.workstation.views.surfaces import coarsened
from imaging.geometry import FloatArray, Grid
from imaging.volume import Volume

SOFTWARE = ("llvmpipe", "softpipe", "swrast", "software")  # names of drawing without a GPU
ZERO_HU = 1024  # of the values kept, which are above zero
MOST_VOXELS = {True: 60_000_000, False: 3_000_000}  # with a GPU; without
SMOOTH_VOXELS = 0.8  # without which the light shows every voxel of a smooth surface as a stair
TURNING, STILL = (2.5, 4.0), (0.5, 1.0)  # voxels between samples, pixels between rays


@dataclass(frozen=True)
class Preset:
    """How values are seen.

    Parameters
    ----------
    opacity : tuple
        HU and opacity for a millimetre.
    colours : tuple
        HU, red, green, blue.
    """

    opacity: tuple[tuple[float, float], ...]
    colours: tuple[tuple[float, float, float, float], ...]


# Values of CT: fat from −120 HU, contrast-filled vessels 150 to 400, trabecular bone above 150,
# cortex above 600.
PRESETS: dict[Rendering, Preset] = {
    Rendering.BONE: Preset(
        ((150, 0.0), (300, 0.12), (700, 0.6), (1500, 0.9)),
        ((150, 0.8, 0.62, 0.5), (350, 0.93, 0.84, 0.7), (900, 1.0, 0.98, 0.93)),
    ),
    Rendering.SKIN: Preset(
        ((-600, 0.0), (-350, 0.25), (-100, 0.8), (3000, 0.9)),
        ((-600, 0.75, 0.55, 0.45), (-100, 0.9, 0.72, 0.6), (300, 0.95, 0.85, 0.75)),
    ),
    Rendering.VESSELS: Preset(
        ((130, 0.0), (180, 0.15), (300, 0.5), (500, 0.25), (1500, 0.5)),
        ((130, 0.6, 0.1, 0.08), (300, 0.9, 0.25, 0.18), (600, 0.92, 0.88, 0.8)),
    ),
}


class VolumeRendering:
    """The CT drawn by its values; prepared when it is first looked at.

    Parameters
    ----------
    renderer : vtkRenderer
        Where it is drawn.
    """

    def __init__(self, renderer: vtkRenderer) -> None:
        self._renderer = renderer
        self._volume: Volume | None = None
        self._prop: vtkVolume | None = None
        self._mapper: Any = None
        self._edge_mm = 1.0

    def use_volume(self, volume: Volume | None) -> None:
        """Show another CT.

        Parameters
        ----------
        volume : Volume or None
            None shows nothing.
        """
        self.clear()
        self._volume = volume

    def clear(self) -> None:
        """Show nothing."""
        if self._prop is not None:
            self._renderer.RemoveVolume(self._prop)
        self._prop, self._mapper = None, None

    def show(self, rendering: Rendering) -> None:
        """Show the CT in another way.

        Parameters
        ----------
        rendering : Rendering
            Surfaces show nothing of this.
        """
        if rendering is Rendering.SURFACES or self._volume is None:
            if self._prop is not None:
                self._prop.SetVisibility(False)
            return
        if self._prop is None:
            self._prepare(self._volume)
        if self._prop is not None:
            self._prop.SetProperty(_property(PRESETS[rendering]))
            self._prop.SetVisibility(True)

    def set_turning(self, is_turning: bool) -> None:
        """Draw coarsely while the hand turns it, finely when it is still.

        Parameters
        ----------
        is_turning : bool
            Whether it is turned.
        """
        if self._mapper is not None:
            samples, rays = TURNING if is_turning else STILL
            self._mapper.SetSampleDistance(samples * self._edge_mm)
            self._mapper.SetImageSampleDistance(rays)

    def _prepare(self, volume: Volume) -> None:
        has_gpu = draws_on_gpu(self._renderer)
        share = volume.hu.size / MOST_VOXELS[has_gpu]
        finest = float(np.prod(volume.grid.spacing_mm_kji)) ** (1 / 3)
        edge_mm = finest * max(share, 1.0) ** (1 / 3)
        values, grid = coarsened(volume.hu, volume.grid, edge_mm)
        values = scipy.ndimage.gaussian_filter(values, SMOOTH_VOXELS)
        kept = np.clip(np.rint(values) + ZERO_HU, 0, 65535).astype(np.uint16)
        image, place = _image(kept, grid)
        self._mapper = (
            vtkGPUVolumeRayCastMapper() if has_gpu else vtkFixedPointVolumeRayCastMapper()
        )
        self._mapper.SetInputData(image)
        self._mapper.SetAutoAdjustSampleDistances(0)
        if has_gpu:
            self._mapper.SetUseJittering(1)
        self._edge_mm = float(min(grid.spacing_mm_kji))
        self._prop = vtkVolume()
        self._prop.SetMapper(self._mapper)
        self._prop.SetUserMatrix(place)
        self._prop.PickableOff()
        self.set_turning(False)
        self._renderer.AddVolume(self._prop)


def draws_on_gpu(renderer: vtkRenderer) -> bool:
    """Tell whether a GPU draws, or the processor in its place.

    Parameters
    ----------
    renderer : vtkRenderer
        In a window that can be drawn in.

    Returns
    -------
    bool
        False also where nothing is known.
    """
    window = renderer.GetRenderWindow()
    told = "" if window is None else str(window.ReportCapabilities()).lower()
    return "renderer string" in told and not any(name in told for name in SOFTWARE)


def _image(kept: NDArray[np.uint16], grid: Grid) -> tuple[vtkImageData, vtkMatrix4x4]:
    """Return the values, and how they lie in the patient; both frames are right-handed."""
    affine: FloatArray = grid.affine_kji_to_lps
    if np.linalg.det(affine[:3, :3][:, ::-1]) < 0:
        kept = kept[::-1]
        affine = affine.copy()
        affine[:3, 3] = grid.to_lps((grid.size_kji[0] - 1, 0, 0))
        affine[:3, 0] = -affine[:3, 0]
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    image = vtkImageData()
    k, j, i = kept.shape
    image.SetDimensions(i, j, k)
    image.SetSpacing(*(float(n) for n in spacing[::-1]))
    flat = np.ascontiguousarray(kept).ravel()
    image.GetPointData().SetScalars(numpy_to_vtk(flat, deep=True))
    place = np.eye(4)
    place[:3, :3] = (affine[:3, :3] / spacing)[:, ::-1]
    place[:3, 3] = affine[:3, 3]
    matrix = vtkMatrix4x4()
    matrix.DeepCopy(place.ravel().tolist())
    return image, matrix


def _property(preset: Preset) -> vtkVolumeProperty:
    opacity, colours = vtkPiecewiseFunction(), vtkColorTransferFunction()
    for hu, share in preset.opacity:
        opacity.AddPoint(hu + ZERO_HU, share)
    for hu, red, green, blue in preset.colours:
        colours.AddRGBPoint(hu + ZERO_HU, red, green, blue)
    made = vtkVolumeProperty()
    made.SetScalarOpacity(opacity)
    made.SetColor(colours)
    made.SetInterpolationTypeToLinear()
    made.ShadeOn()
    made.SetAmbient(0.3)
    made.SetDiffuse(0.9)
    made.SetSpecular(0.1)
    return made

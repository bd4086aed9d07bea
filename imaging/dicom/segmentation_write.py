"""Writes masks and label maps as DICOM segmentation objects, on the grid they lie on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, TypeAlias

import highdicom as hd
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import generate_uid
from skimage.color import rgb2lab

from imaging.geometry import FloatArray, Grid

MAKER = "Osteoplan"
OWN_SLICES_WITHIN_MM = 0.1  # slices nearer than this to the grid's are the grid's own
LABEL_LONGEST = 64  # characters of Segment Label, value representation LO (PS3.5, 6.2)

Labels: TypeAlias = NDArray[Any]  # bool, uint8 or uint16


@dataclass(frozen=True)
class Segment:
    """What one label stands for.

    Parameters
    ----------
    name : str
        Segment Label.
    category, kind : Code
        Segmented Property Category and Type.
    algorithm : str
        How it was found, in words.
    colour : str
        Recommended for display, ``#RRGGBB``.
    automatic : bool
        False where a person clicked or drew.
    side : Code or None
        Laterality.
    """

    name: str
    category: Code
    kind: Code
    algorithm: str
    colour: str
    automatic: bool = True
    side: Code | None = None


def ascii_text(text: str, longest: int) -> str:
    """Return text that every DICOM character set holds, cut to the length of its attribute.

    Parameters
    ----------
    text : str
        Any text.
    longest : int
        Characters allowed.

    Returns
    -------
    str
        ASCII; other characters become ``?``, and the backslash, which parts values, ``/``.
    """
    plain = text.encode("ascii", "replace").decode("ascii").replace("\\", "/")
    return " ".join(plain.split())[:longest].strip()


def cielab(colour: str) -> hd.color.CIELabColor:
    """Return a colour as DICOM recommends it for display.

    Parameters
    ----------
    colour : str
        ``#RRGGBB``.

    Returns
    -------
    highdicom.color.CIELabColor
        CIE L*a*b*, D65.
    """
    rgb = [int(colour[n : n + 2], 16) / 255.0 for n in (1, 3, 5)]
    lab = rgb2lab(np.array([[rgb]]))[0, 0]
    return hd.color.CIELabColor(*(float(n) for n in np.clip(lab, (0, -128, -128), (100, 127, 127))))


def own_slices(grid: Grid, sources: Sequence[Dataset]) -> bool:
    """Tell whether the slices of a grid are the CT's own images, one by one.

    Parameters
    ----------
    grid : Grid
        Of the volume.
    sources : sequence of pydicom.Dataset
        The CT's images, in the order of the slices.

    Returns
    -------
    bool
        False for a straightened, interpolated or multi-frame CT.
    """
    if len(sources) != grid.size_kji[0]:
        return False
    for k, image in enumerate(sources):
        if (image.get("Rows"), image.get("Columns")) != grid.size_kji[1:]:
            return False
        corners = _corners_lps_mm(image)
        j, i = grid.size_kji[1] - 1, grid.size_kji[2] - 1
        wanted = grid.to_lps([(k, 0, 0), (k, j, 0), (k, 0, i)])
        if corners is None or np.abs(corners - wanted).max() > OWN_SLICES_WITHIN_MM:
            return False
    return True


def _corners_lps_mm(image: Dataset) -> FloatArray | None:
    """Return the places of an image's first pixel, of the one below and of the one beside it."""
    try:
        first = np.array([float(n) for n in image.ImagePositionPatient])
        cosines = np.array([float(n) for n in image.ImageOrientationPatient])
        down_mm, right_mm = (float(n) for n in image.PixelSpacing)
    except (AttributeError, TypeError, ValueError):
        return None
    below = first + cosines[3:] * down_mm * (int(image.Rows) - 1)
    beside = first + cosines[:3] * right_mm * (int(image.Columns) - 1)
    return np.array([first, below, beside])


def segmentation_object(
    labels: Labels,
    grid: Grid,
    segments: Sequence[Segment],
    sources: Sequence[Dataset],
    *,
    series_number: int,
    series_description: str,
) -> Dataset:
    """Return a DICOM SEG in the study and frame of reference of its CT.

    The object lies on the grid of the labels. Where that grid is the CT's own slices, every frame
    names the image it was drawn on; elsewhere (straightened, interpolated, multi-frame CT) the
    frames carry places of their own and the CT is named as a whole.

    Parameters
    ----------
    labels : numpy.ndarray
        Shape ``grid.size_kji``; label n is ``segments[n - 1]``, 0 is none.
    grid : Grid
        Where they lie.
    segments : sequence of Segment
        At least one.
    sources : sequence of pydicom.Dataset
        The CT's images with the attributes of patient, study and geometry, in the order of the
        slices; at least one.
    series_number : int
        Of the new series.
    series_description : str
        What is in it.

    Returns
    -------
    pydicom.Dataset
        Binary, one frame for each slice of a segment that is not empty.
    """
    own = own_slices(grid, sources)
    plain = np.ascontiguousarray(labels, dtype=np.uint8 if len(segments) < 256 else np.uint16)
    pixels: NDArray[Any] | hd.Volume = plain
    if not own:
        pixels = hd.Volume(
            plain,
            affine=np.asarray(grid.affine_kji_to_lps, dtype=float),
            coordinate_system="PATIENT",
            frame_of_reference_uid=sources[0].FrameOfReferenceUID,
        )
    segmentation: Dataset = hd.seg.Segmentation(
        source_images=list(sources),
        pixel_array=pixels,
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[_description(n, one) for n, one in enumerate(segments, start=1)],
        series_instance_uid=generate_uid(),
        series_number=series_number,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer=MAKER,
        manufacturer_model_name=MAKER,
        software_versions=version("osteoplan"),
        device_serial_number="1",
        content_label="OSTEOPLAN",
        series_description=ascii_text(series_description, LABEL_LONGEST),
        specific_character_set=None,
    )
    return segmentation


def _description(number: int, segment: Segment) -> hd.seg.SegmentDescription:
    described = hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=ascii_text(segment.name, LABEL_LONGEST),
        segmented_property_category=segment.category,
        segmented_property_type=segment.kind,
        algorithm_type=(
            hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC
            if segment.automatic
            else hd.seg.SegmentAlgorithmTypeValues.SEMIAUTOMATIC
        ),
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name=ascii_text(segment.algorithm, LABEL_LONGEST),
            version=version("osteoplan"),
            family=codes.DCM.MorphologicalOperations,
        ),
        tracking_uid=generate_uid(),
        tracking_id=ascii_text(segment.name, LABEL_LONGEST),
        display_color=cielab(segment.colour),
    )
    if segment.side is not None:
        modifier = hd.sr.CodedConcept.from_code(segment.side)
        described.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = [
            modifier
        ]
    return described

"""Enhanced multi-frame CT made for tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import EnhancedCTImageStorage

from tests.imaging.dicom.making import ct_slice, slice_hu


def _item(**values: object) -> list[Dataset]:
    one = Dataset()
    for name, value in values.items():
        setattr(one, name, value)
    return [one]


def enhanced_ct(
    positions: Sequence[Sequence[float]], times: Sequence[int], size_ji: tuple[int, int] = (12, 14)
) -> Dataset:
    """Return an Enhanced CT of the linear field, one frame a position; ``times`` are indices."""
    frames = [slice_hu(p, (1, 0, 0), (0, 1, 0), size_ji, (1.0, 1.0)) for p in positions]
    one = ct_slice(frames[0], positions[0])
    one.SOPClassUID = EnhancedCTImageStorage
    for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
        delattr(one, name)
    del one.RescaleIntercept, one.RescaleSlope
    one.NumberOfFrames = len(frames)
    shared = Dataset()
    shared.PixelMeasuresSequence = _item(PixelSpacing=[1, 1], SliceThickness=2)
    shared.PlaneOrientationSequence = _item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
    shared.PixelValueTransformationSequence = _item(
        RescaleSlope=1, RescaleIntercept=-1024, RescaleType="HU"
    )
    one.SharedFunctionalGroupsSequence = [shared]
    groups = []
    for position, time in zip(positions, times, strict=True):
        group = Dataset()
        group.PlanePositionSequence = _item(ImagePositionPatient=list(position))
        group.FrameContentSequence = _item(TemporalPositionIndex=time, StackID="1")
        groups.append(group)
    one.PerFrameFunctionalGroupsSequence = groups
    stored = np.stack(frames).astype(np.int32) + 1024
    one.PixelData = stored.astype("<u2").tobytes()
    return one

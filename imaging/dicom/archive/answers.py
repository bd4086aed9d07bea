"""What an archive answers to a search, as texts."""

from __future__ import annotations

from typing import Literal

from pydicom.dataset import Dataset

Level = Literal["study", "series", "image"]


def told(row: Dataset) -> dict[str, str]:
    """Return what an answer holds as texts.

    Parameters
    ----------
    row : pydicom.dataset.Dataset
        One answer.

    Returns
    -------
    dict
        Values by DICOM keyword, several joined by a backslash as DICOM writes them.
    """
    return {
        element.keyword: "\\".join(map(str, element.value))
        if element.VM > 1
        else str(element.value if element.value is not None else "")
        for element in row
        if element.keyword and element.VR != "SQ"
    }

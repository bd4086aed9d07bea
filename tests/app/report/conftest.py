"""A plan on every kind of CT, made once."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset

from app.report.dicom.objects import dicom_objects
from app.report.dicom.source import CtSource, read_source
from imaging.volume import Volume
from planning.plan import Case
from planning.store import Picture
from tests.app.report.sources import case_of

PDF = b"%PDF-1.4\n% odd"


@dataclass(frozen=True, eq=False)
class GivenBack:
    """A plan, and what its report gives back to the archive."""

    volume: Volume
    case: Case
    source: CtSource
    files: dict[str, bytes]

    def dataset(self, name: str) -> Dataset:
        return pydicom.dcmread(io.BytesIO(self.files[name]))


def small_pictures() -> list[Picture]:
    pictures = []
    for name in ("axial.png", "coronal.png", "needle.png", "three_d.png"):
        buffer = io.BytesIO()
        Image.new("RGB", (160, 120), "#204060").save(buffer, "png")
        pictures.append(Picture(name, buffer.getvalue()))
    return pictures


def give_back(volume: Volume, case: Case) -> GivenBack:
    source = read_source(case.plan.series)
    assert source is not None
    files = dicom_objects(case, small_pictures(), PDF, source, "fr")
    return GivenBack(volume, case, source, files)


@pytest.fixture(scope="session")
def given_back(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], GivenBack]:
    """Plan and objects on a kind of CT."""
    root: Path = tmp_path_factory.mktemp("kinds")

    @cache
    def make(kind: str) -> GivenBack:
        return give_back(*case_of(kind, root))

    return make

"""Other programs for every test of this folder, on a network without any other machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.imaging.dicom.archive.peers import Orthanc, network_of_our_own, running_orthanc


@pytest.fixture(scope="module", autouse=True)
def own_network() -> Iterator[None]:
    with network_of_our_own():
        yield


@pytest.fixture(scope="module")
def orthanc(own_network: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    with running_orthanc(tmp_path_factory.mktemp("orthanc")) as running:
        yield running

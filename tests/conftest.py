"""What all tests share: real CT where it is there, and one small generated case."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import LoadScopeScheduling

    from imaging.phantom.cases import GeneratedCase
    from imaging.structures.model import Structures

ON_SCREEN = "tests/app/workstation/"  # they share one screen
SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer | None) -> LoadScopeScheduling:
    """Keep each file in one process, and all that draw on the screen."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return ON_SCREEN if file.startswith(ON_SCREEN) else file

    return ByFile(config, log)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real CT; tests that need it skip where it is absent."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip("the folder of real CT beside the project is absent")
    return folder


@pytest.fixture(scope="session")
def vertebra() -> GeneratedCase:
    """A lytic L3, on coarse voxels so that tests are quick."""
    from imaging.phantom.cases import generate

    return generate("vertebra", spacing_mm=(2.5, 1.6, 1.6))


@pytest.fixture(scope="session")
def vertebra_structures(vertebra: GeneratedCase) -> Structures:
    """What the program finds on it."""
    from imaging.structures.find import find_structures

    return find_structures(vertebra.volume)


@pytest.fixture(scope="session")
def vertebra_nifti(vertebra: GeneratedCase, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the case as ``ct.nii.gz``, ``lesion.nii.gz``, ``labels.nii.gz`` and names."""
    from imaging.files import write_array

    folder = tmp_path_factory.mktemp("vertebra")
    grid = vertebra.volume.grid
    write_array(vertebra.volume.hu, grid, folder / "ct.nii.gz")
    write_array(vertebra.lesion, grid, folder / "lesion.nii.gz")
    write_array(vertebra.labels, grid, folder / "labels.nii.gz")
    names = {str(label): name for label, name in vertebra.names.items()}
    (folder / "labels.json").write_text(json.dumps(names), encoding="utf-8")
    return folder


Run = Callable[..., tuple[int, Any, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command as a user would; gives status, JSON or text, and the error stream."""
    from app.cli.main import run as run_program

    def call(*arguments: object) -> tuple[int, Any, str]:
        capsys.readouterr()
        status = run_program([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return status, json.loads(out) if "--json" in arguments else out, err

    return call

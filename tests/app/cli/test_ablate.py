"""``osteoplan ablate`` on the made block: a plan, or status 4 with what gives first."""

from __future__ import annotations

import json

import pytest

from app.cli.main import run
from imaging.files import write_array
from tests.planning.ablation.test_treatment import LABELS, request


@pytest.fixture(scope="module")
def block(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """CT, lesion and structures as files, and how the command names them."""
    folder = tmp_path_factory.mktemp("block")
    made = request()
    grid = made.volume.grid
    ct, lesion, labels = (folder / f"{name}.nii.gz" for name in ("ct", "lesion", "labels"))
    names = folder / "names.json"
    write_array(made.volume.hu, grid, ct)
    write_array(made.lesion, grid, lesion)
    write_array(made.structures.labels, grid, labels)
    names.write_text(json.dumps({str(n): name for name, n in LABELS.items()}), encoding="utf-8")
    return [
        str(ct), "--lesion", str(lesion), "--structures", str(labels), "--names", str(names),
        "--search-spacing", "3.5", "--json",
    ]  # fmt: skip


def test_a_feasible_treatment_is_told_with_probes_and_protocol(
    block: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["ablate", *block, "--technique", "cryoablation", "--margin", "1", "--spacing", "2.5"]
    assert run(asked) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["search"]["feasible"]
    assert answer["search"]["probes"]
    assert {phase["mode"] for phase in answer["search"]["protocol"]} >= {"freeze"}
    (row,) = answer["simulation"]
    assert row["is_planned"]
    assert not any(near["passed"] for near in row["neighbours"])


def test_what_is_not_feasible_ends_with_4_and_the_reasons(
    block: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["ablate", *block, "--technique", "microwave", "--margin", "12", "--spacing", "2.5"]
    assert run([*asked, "--probes", "1"]) == 4
    told = capsys.readouterr()
    answer = json.loads(told.out)
    assert answer["error"]["code"] == "nothing_feasible"
    (attempt,) = answer["search"]["attempts"]
    assert attempt["ending"] == "limit"
    assert attempt["gives_first"]["structure"]
    assert attempt["gives_first"]["at_s"] > 0.0
    assert "gives first" in told.err
    assert "Traceback" not in told.err


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (["--device", "spoon"], "unknown_device"),
        (["--device", "icerod_17g", "--technique", "microwave"], "other_technique"),
    ],
)
def test_wrong_devices_are_refused(
    block: list[str], more: list[str], code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["ablate", *block, *more]) == 3
    error = json.loads(capsys.readouterr().out)["error"]
    assert code in {one["code"] for one in error["problems"]}

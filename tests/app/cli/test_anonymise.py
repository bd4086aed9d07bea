"""The command that gives images away."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.imaging.dicom.anonymise.planting import image, traces, write


@pytest.fixture
def study(tmp_path: Path) -> Path:
    for number in range(2):
        one = image(number)
        one.PatientName, one.PatientID = "Quandt^Xaver", "448812"
        one.StudyDescription = "CT abdomen for Quandt"
        write(one, tmp_path / "Quandt", f"Xaver{number}.dcm")
    (tmp_path / "Quandt" / "letter of Quandt.txt").write_text("Xaver Quandt")
    return tmp_path / "Quandt"


def test_the_command_copies_and_says_what_it_removed(run: Run, study: Path, tmp_path: Path) -> None:
    status, document, errors = run("anonymise", study, tmp_path / "out", "--json")
    assert status == 0
    assert len(document["files"]) == 2
    assert document["report"]["options"]["dates"] == "shift"
    assert document["report"] == json.loads((tmp_path / "out" / "report.json").read_text())
    assert document["skipped"] == [{"path": "file 3", "reason": "not a DICOM file"}]
    assert "Quandt" not in errors
    assert traces(tmp_path / "out", {"name": "Quandt", "given": "Xaver", "id": "448812"}) == set()


def test_names_of_files_set_aside_are_shown_only_when_asked_for(
    run: Run, study: Path, tmp_path: Path
) -> None:
    _, document, errors = run("anonymise", study, tmp_path / "out", "--show-names", "--json")
    assert document["skipped"][0]["path"] == "letter of Quandt.txt"
    assert "letter of Quandt.txt" in errors
    assert "Quandt" not in (tmp_path / "out" / "report.json").read_text()


def test_people_read_a_summary_without_names(run: Run, study: Path, tmp_path: Path) -> None:
    status, text, _ = run("anonymise", study, tmp_path / "out")
    assert status == 0
    assert "2 files copied, 1 set aside" in text
    assert "none found" in text
    assert "Quandt" not in text


def test_a_key_gives_the_same_patient_the_same_pseudonym_again(
    run: Run, study: Path, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    key.write_text("0123456789abcdef0123456789abcdef\n")
    for name in ("a", "b"):
        assert run("anonymise", study, tmp_path / name, "--key", key)[0] == 0
    first, second = (sorted((tmp_path / name).rglob("*.dcm")) for name in ("a", "b"))
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--key", "{folder}/absent"), "no_key"),
        (("--key", "{folder}/empty"), "weak_key"),
        (("--key", "{folder}/short"), "weak_key"),
        (("--name", "Quandt"), "identifier_left"),
        (("--id", "a\\b"), "bad_pseudonym"),
        (("--name", "x" * 65), "bad_pseudonym"),
    ],
)
def test_what_cannot_be_done_is_refused_and_leaves_nothing(
    run: Run, study: Path, tmp_path: Path, options: tuple[str, str], code: str
) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "short").write_text("secret")
    told = options[1].format(folder=tmp_path)
    status, document, errors = run("anonymise", study, tmp_path / "out", options[0], told, "--json")
    assert status == 3
    assert document["error"]["code"] == code
    assert "Quandt" not in json.dumps(document) + errors
    assert not (tmp_path / "out").exists()


def test_a_folder_without_images_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.txt").write_text("nothing")
    status, document, _ = run("anonymise", tmp_path / "in", tmp_path / "out", "--json")
    assert (status, document["error"]["code"]) == (3, "nothing_copied")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_an_unknown_way_with_dates_is_wrong_usage(run: Run, study: Path, tmp_path: Path) -> None:
    assert run("anonymise", study, tmp_path / "out", "--dates", "keep")[0] == 2

"""Exercises on the command line: listed, opened, handed in, marked, fed back, exported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from planning.store import PlanFile
from planning.teaching.shipped import shipped_exercises
from tests.conftest import Run
from tests.planning.teaching.samples import ball, file_in, outlined


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSTEOPLAN_TEACHING", str(tmp_path / "teaching"))


def test_the_shipped_exercises_are_listed_and_shown_without_their_references(run: Run) -> None:
    status, listed, _ = run("exercise", "list", "--json")
    assert status == 0
    assert len(listed["exercises"]) == len(shipped_exercises()) >= 12
    status, shown, _ = run("exercise", "show", listed["exercises"][0]["id"], "--lang", "fr")
    assert status == 0
    assert listed["exercises"][0]["texts"]["fr"]["title"] in shown
    assert "reference" not in json.dumps(listed)


def test_an_exercise_is_opened_answered_marked_and_fed_back(run: Run, tmp_path: Path) -> None:
    file = file_in(tmp_path)
    status, begun, _ = run(
        "exercise", "open", file.path, tmp_path / "work", "--resident", "Zoé", "--json"
    )
    assert status == 0
    with PlanFile.open(Path(begun["plan"])) as kept:
        case = kept.load()
        assert case.lesion is None
        drawn = outlined(ball(11.0)).case
        kept.save(drawn.with_plan(series=case.plan.series), "outline")
    statement = tmp_path / "statement.json"
    statement.write_text(json.dumps({"length_mm": 23.0, "width_mm": 22.0}), encoding="utf-8")
    answered = ("--exercise", file.path, "--resident", "Zoé", "--statement", statement)
    status, marked, _ = run(
        "exercise", "hand-in", begun["plan"], *answered, "--elapsed", "120", "--json"
    )
    assert status == 0
    assert marked["handed_in"]["attempt"]["id"] == begun["attempt"]
    assert 50 < marked["mark"]["percent"] <= 100
    page = ("exercise", "feedback", begun["attempt"], "--exercise", file.path)
    status, written, _ = run(*page, "--out", tmp_path / "page", "--lang", "fr", "--json")
    assert status == 0
    names = {Path(one).name for one in written["files"]}
    assert {"feedback.pdf", "feedback-axial.png"} <= names
    assert Path(written["files"][-1]).read_bytes().startswith(b"%PDF")
    _, progress, _ = run("exercise", "progress", "Zoé", "--json")
    assert [row["percent"] for row in progress["attempts"]] == [marked["mark"]["percent"]]
    status, table, _ = run("exercise", "class", "--out", tmp_path / "class.csv", "--json")
    assert status == 0
    text = (tmp_path / "class.csv").read_text(encoding="utf-8")
    assert "R01,a-ball" in text
    assert "Zoé" not in text + json.dumps(table)


def test_an_examination_is_marked_when_the_teacher_gives_the_passphrase(
    run: Run, tmp_path: Path
) -> None:
    file = file_in(tmp_path, passphrase="sesame and lilies")
    plan = tmp_path / "a.osteoplan"
    PlanFile.create(plan, outlined(ball(12.0)).case).close()
    hand_in = ("exercise", "hand-in", plan, "--exercise", file.path, "--resident", "A")
    status, kept, _ = run(*hand_in, "--json")
    assert (status, kept["mark"]) == (0, None)
    status, refused, _ = run("exercise", "mark", "--exercise", file.path, "--json")
    assert (status, refused["error"]["code"]) == (3, "passphrase_needed")
    secret = tmp_path / "secret.txt"
    secret.write_text("sesame and lilies\n", encoding="utf-8")
    status, marks, _ = run(
        "exercise", "mark", "--exercise", file.path, "--passphrase-file", secret, "--json"
    )
    assert status == 0
    assert marks["marks"][0]["mark"]["percent"] > 80


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("show", "no-such-one"), "unknown_exercise"),
        (("feedback", "7", "--out", "x"), "no_such_attempt"),
        (("make", "absent.yaml", "x.osteoexercise"), "not_readable"),
        (("list", "--folder", "."), None),
        (("list", "--folder", "absent"), "not_found"),
        (("show", "x" * 5000), "unknown_exercise"),
        (("progress", "\udcff"), "attempts_not_read"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_reason(
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    code: str | None,
) -> None:
    monkeypatch.chdir(tmp_path)
    status, told, err = run("exercise", *arguments, "--json")
    assert status == (0 if code is None else 3)
    assert told.get("error", {}).get("code") == code
    assert "Traceback" not in err


def test_every_problem_of_a_recipe_is_told(run: Run, tmp_path: Path) -> None:
    recipe = tmp_path / "bad.yaml"
    recipe.write_text(
        yaml.safe_dump({"id": "x", "reference": {"rank": 0, "beauty": 1}}), encoding="utf-8"
    )
    status, told, _ = run("exercise", "make", recipe, tmp_path / "x.osteoexercise", "--json")
    assert status == 3
    assert len(told["error"]["problems"]) == 2
    assert not (tmp_path / "x.osteoexercise").exists()


@pytest.mark.parametrize("time_s", ["nan", "inf", "-1"])
def test_a_time_that_is_none_is_refused_before_anything_is_kept(
    run: Run, tmp_path: Path, time_s: str
) -> None:
    file = file_in(tmp_path)
    plan = tmp_path / "a.osteoplan"
    PlanFile.create(plan, outlined(ball(12.0)).case).close()
    hand_in = ("exercise", "hand-in", plan, "--exercise", file.path, "--resident", "A")
    assert run(*hand_in, "--elapsed", time_s)[0] == 2
    _, told, _ = run("exercise", "mark", "--json")
    assert told["marks"] == []


def test_a_device_that_no_table_has_is_refused_before_anything_is_kept(
    run: Run, tmp_path: Path
) -> None:
    file = file_in(tmp_path)
    plan, statement = tmp_path / "a.osteoplan", tmp_path / "s.json"
    PlanFile.create(plan, outlined(ball(12.0)).case).close()
    statement.write_text(json.dumps({"device": "icerod_17G"}), encoding="utf-8")
    hand_in = ("exercise", "hand-in", plan, "--exercise", file.path, "--resident", "A")
    status, told, _ = run(*hand_in, "--statement", statement, "--json")
    assert (status, told["error"]["code"]) == (3, "bad_value")
    _, told, _ = run("exercise", "mark", "--json")
    assert told["marks"] == []

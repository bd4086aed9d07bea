"""A killed program is opened again where it was; one that runs, or ended well, is left alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.workstation.recovery import ENDING, Place, Recovery, left_behind, marks_folder


@pytest.fixture(autouse=True)
def data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def place(tmp_path: Path) -> Place:
    plan = tmp_path / "case.osteoplan"
    plan.write_bytes(b"a plan")
    return Place(str(plan), "access", (1.0, -2.5, 3.0))


def dead_process() -> int:
    """Return the number of a program that has ended."""
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def as_if_left_by(number: int) -> Path:
    own = marks_folder() / f"{os.getpid()}{ENDING}"
    left = marks_folder() / f"{number}{ENDING}"
    own.rename(left)
    return left


def test_a_program_that_was_killed_is_found_once(place: Place) -> None:
    Recovery().keep(place)
    mark = as_if_left_by(dead_process())
    assert left_behind() == place
    assert not mark.exists()
    assert left_behind() is None


def test_a_program_that_ended_well_leaves_nothing(place: Place) -> None:
    mark = Recovery()
    mark.keep(place)
    mark.end()
    assert left_behind() is None
    assert not list(marks_folder().glob("*"))


def test_a_program_that_still_runs_is_left_alone(place: Place) -> None:
    Recovery().keep(place)
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        mark = as_if_left_by(other.pid)
        os.utime(mark)  # written after it began
        assert left_behind() is None
        assert mark.exists()
    finally:
        other.communicate(b"\n")


def test_the_number_of_a_dead_program_given_to_another_is_no_running_one(place: Place) -> None:
    Recovery().keep(place)
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        mark = as_if_left_by(other.pid)
        os.utime(mark, (1.0, 1.0))  # long before it began
        assert left_behind() == place
    finally:
        other.communicate(b"\n")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"plan": 1}', '{"plan": "x", "step": "y"}'])
def test_a_damaged_mark_is_passed_over(content: str) -> None:
    marks_folder().mkdir(parents=True)
    (marks_folder() / f"{dead_process()}{ENDING}").write_text(content, encoding="utf-8")
    assert left_behind() is None


def test_a_plan_that_is_gone_is_not_asked_for(place: Place) -> None:
    Recovery().keep(place)
    as_if_left_by(dead_process())
    Path(place.plan).unlink()
    assert left_behind() is None


def test_the_mark_follows_and_names_no_patient(place: Place) -> None:
    mark = Recovery()
    mark.keep(place)
    mark.keep(Place(place.plan, "report", (0.0, 0.0, 0.0)))
    (written,) = marks_folder().glob(f"*{ENDING}")
    assert json.loads(written.read_text(encoding="utf-8"))["step"] == "report"
    assert set(json.loads(written.read_text(encoding="utf-8"))) == {
        "plan", "step", "crosshair_lps_mm",
    }  # fmt: skip

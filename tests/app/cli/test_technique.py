"""``osteoplan recommend`` and ``osteoplan rules`` as a script sees them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.cli.main import run
from tests.planning.technique.cases import BASE, CASES, SPINE


def called(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    status = run(arguments)
    caught = capsys.readouterr()
    return status, caught.out, caught.err


def written(folder: Path, answers: Any) -> str:
    path = folder / "answers.json"
    path.write_text(json.dumps(answers), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("case", [*CASES.values(), {}], ids=[*CASES, "nothing known"])
def test_every_verdict_exits_0_with_one_document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], case: dict[str, Any]
) -> None:
    status, out, _ = called(["recommend", written(tmp_path, case), "--json"], capsys)
    found = json.loads(out)
    assert status == 0
    assert found["verdict"] in ("go", "stop", "insufficient")
    assert len(found["techniques"]) == 11
    assert "for" in found["techniques"][0]
    score = found["scores"]["sins"] or found["scores"]["mirels"]
    assert score is None or set(score) == {"total", "class", "items"}


def test_numbers_are_not_rounded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = called(["recommend", written(tmp_path, CASES["4"]), "--json"], capsys)
    done = json.loads(out)["infiltration"]
    assert done["fraction_of_maximum"] == 125 / 120 + 56.25 / 120
    assert done["anaesthetic_ml"] is None


def test_refusals_exit_3_with_every_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = {"bone": "ilium", "level": "C6", "vas": 12, "shoe_size": 43}
    status, out, err = called(["recommend", written(tmp_path, wrong), "--json"], capsys)
    found = json.loads(out)["error"]
    assert status == 3
    assert set(found) == {"code", "message", "problems"}
    assert len(found["problems"]) == 3
    assert "shoe_size" in err
    assert "Traceback" not in err


def test_half_a_character_in_the_answers_is_refused_in_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, {"bone": "\ud800", "long_bone_site": "upper_limb"})
    status, out, _ = called(["recommend", path, "--json"], capsys)
    assert status == 3
    assert json.loads(out)["error"]["problems"]
    out.encode("utf-8")


def test_an_absent_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = called(["recommend", str(tmp_path / "none.json"), "--json"], capsys)
    assert status == 3
    assert json.loads(out)["error"]["code"] == "unreadable_file"


def test_the_text_names_verdict_and_reasons(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = called(["recommend", written(tmp_path, CASES["4"])], capsys)
    assert status == 0
    assert "1.51 of the maximum" in out
    assert "not answered" not in out
    _, out, _ = called(["recommend", written(tmp_path, BASE | {"inr": None})], capsys)
    assert "not answered: inr" in out


def test_a_changed_answer_is_told_with_the_rules_that_turned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, SPINE)
    status, out, _ = called(["recommend", path, "--if", "escc=3"], capsys)
    assert status == 0
    assert "if escc were 3 (not 0)" in out
    assert "now: B11: ESCC 2-3: the cord is compressed" in out
    _, out, _ = called(["recommend", path, "--if", "escc=null"], capsys)
    assert "waits: B11: ESCC 2-3: the cord is compressed" in out
    _, out, _ = called(["recommend", written(tmp_path, CASES["8"]), "--if", "escc=0"], capsys)
    assert "no longer: B11: ESCC 2-3: the cord is compressed" in out


def test_the_share_of_each_needle_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = called(["recommend", written(tmp_path, BASE | {"needle_count": 3})], capsys)
    assert "3 needles: 0.50 mL each" in out
    assert "2 needles" not in out


def test_rules_show_the_tables_with_their_sources(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = called(["rules", "--json"], capsys)
    found = json.loads(out)
    assert status == 0
    assert len(found["rules"]) == 83
    assert all(row["source"] and row["place"] and row["text"] for row in found["rules"])
    assert all(row["source"] for row in found["limits"])
    assert found["doses"]["bands"][0]["anaesthetic_ml"] == 1.5
    _, english, _ = called(["rules"], capsys)
    _, french, _ = called(["rules", "--lang", "fr"], capsys)
    assert "Below 15 min" in english
    assert "Durée inférieure" in french
    for text in (english, french):
        assert "apixaban" in text
        assert "near_spine_mm" in text

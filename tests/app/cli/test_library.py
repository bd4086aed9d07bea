"""``osteoplan library``: every command, its JSON and its refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.planning.library.making import FAMILY, hospital_series, plan_on, treatments

if TYPE_CHECKING:
    from tests.conftest import Run


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OSTEOPLAN_LIBRARY", str(tmp_path / "library"))
    return tmp_path


def added(run: Run, place: Path, *options: object) -> dict[str, Any]:
    series = hospital_series(place / FAMILY)
    plan = plan_on(series, place / "p.osteoplan", treatments=treatments())
    status, row, _ = run("library", "add", series, "--plan", plan, "--json", *options)
    assert status == 0
    assert isinstance(row, dict)
    return row


def test_a_case_is_added_found_changed_shown_and_removed(run: Run, place: Path) -> None:
    row = added(run, place, "--title", "Côte", "--tag", "Difficile", "--site", "rib")
    assert FAMILY not in json.dumps(row["fields"])
    assert Path(row["series_folder"]).is_dir()
    assert Path(row["plan_paths"][0]).is_file()
    for options in (["list"], ["search", "cote", "DIFFICILE"], ["list", "--tag", "difficile"]):
        status, document, _ = run("library", *options, "--json")
        assert status == 0
        assert [one["id"] for one in document["cases"]] == [row["id"]]
        assert document["tags"] == ["Difficile"]
    assert run("library", "search", "femur", "--json")[1]["cases"] == []
    status, changed, _ = run("library", "change", row["id"], "--no-tags", "--level", "T9", "--json")
    assert status == 0
    assert changed["fields"] == {**row["fields"], "tags": [], "level": "T9"}
    assert "Côte" in run("library", "show", row["id"])[1]
    status, picture, _ = run("library", "thumbnail", row["id"], place / "t.png", "--json")
    assert (status, Path(picture["file"]).stat().st_size) == (0, picture["bytes"])
    status, refused, err = run("library", "remove", row["id"], "--json")
    assert (status, refused["error"]["code"]) == (3, "case_has_plans")
    assert "--with-plans" in err
    assert run("library", "remove", row["id"], "--with-plans")[0] == 0
    assert run("library", "list")[1] == "no case\n"


def test_a_library_is_checked_backed_up_restored_and_recovered(run: Run, place: Path) -> None:
    row = added(run, place)
    assert run("library", "check", "--thorough", "--json")[1]["problems"] == []
    status, made, _ = run("library", "backup", place / "b", "--json")
    assert status == 0
    status, restored, _ = run("library", "restore", made["file"], place / "new", "--json")
    assert (status, restored["cases"]) == (0, 1)
    assert run("library", "export", row["id"], place / "case")[0] == 0
    (place / "library" / "library.sqlite").write_bytes(b"nothing")
    status, refused, _ = run("library", "list", "--json")
    assert (status, refused["error"]["code"]) == (3, "library_damaged")
    status, found, _ = run("library", "recover", "--json")
    assert (status, found["kept"], found["lost"]) == (0, [row["id"]], [])
    series = Path(row["series_folder"])
    series.rename(place / "moved")
    status, found, _ = run("library", "check", "--json")
    assert (status, found["problems"][0]["code"]) == (3, "series_missing")
    assert run("library", "relink", row["id"], place / "moved")[0] == 0
    assert run("library", "check")[:2] == (0, "1 cases, all is well\n")
    other = ("--library", place / "third")
    assert run("library", "import", place / "case.osteocase", *other)[0] == 0
    assert run("library", "add-plan", row["id"], row["plan_paths"][0])[0] == 0


def test_wrong_use_is_refused_without_a_traceback(run: Run, place: Path) -> None:
    row = added(run, place)
    (place / "phrase.txt").write_text("")
    for arguments, status, code in (
        (["show", "0123456789ab"], 3, "no_such_case"),
        (["show", "../../etc"], 3, "no_such_case"),
        (["change", "0123456789ab"], 2, "usage"),
        (["change", "0123456789ab", "--title", "t" * 300], 3, "no_such_case"),
        (["add", place / "nothing"], 3, "not_found"),
        (["add", place, "--level", "X9"], 3, "bad_value"),
        (["import", place / "nothing.osteocase"], 3, "not_found"),
        (["import", place / "phrase.txt"], 3, "damaged"),
        (["restore", place / "phrase.txt", place / "new"], 3, "damaged"),
        (["recover", place / "nothing"], 3, "not_a_library"),
        (["export", "0123456789ab", place / "c", "--passphrase-file", place / "phrase.txt"],
         3, "no_passphrase"),
        (["export", "0123456789ab", place / "c", "--passphrase"], 3, "no_passphrase"),
        (["export", row["id"], "."], 3, "not_a_file"),
        (["backup", "/"], 3, "not_a_file"),
    ):  # fmt: skip
        found, document, _ = run("library", *arguments, "--json")
        assert (found, document["error"]["code"]) == (status, code), arguments
    for arguments in (["search", "\udcff"], ["list", "--tag", "\udcff"]):  # bytes that are no UTF-8
        found, document, _ = run("library", *arguments, "--json")
        assert (found, document["cases"]) == (0, [])

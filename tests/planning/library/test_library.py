"""Cases come in without identifiers, are found, changed, removed; no plan loses its series."""

from __future__ import annotations

import errno
import os
import signal
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imaging.dicom.anonymise.descriptors import folded
from imaging.errors import Refusal
from imaging.files import read_volume
from imaging.progress import Cancelled, Progress
from planning.errors import PlanningError
from planning.library.backup import back_up
from planning.library.exchange import export_case
from planning.library.folders import CARD, Folders
from planning.library.index import Index
from planning.library.library import Library
from planning.library.model import CaseFields, Wanted
from planning.library.refusals import cannot_write
from planning.store import PlanFile
from tests.planning.library.making import (
    DOCTOR,
    FAMILY,
    NAMES,
    NUMBER,
    STUDY_DAY,
    bytes_below,
    hospital_series,
    plan_on,
    treatments,
)
from tests.planning.library.test_index import card_of

KILLED = """
import os, signal, sys
from pathlib import Path
from planning.library.index import Index
from planning.library.library import Library
kind, root, argument = sys.argv[1:]
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
with Library.open(Path(root)) as library:
    if kind == "index":
        Index.put = die
        library.add(Path(argument))
    elif kind == "rename":
        import planning.library.library as module
        module.write_picture = die
        library.add(Path(argument))
    elif kind == "remove":
        Index.delete = die
        library.remove(argument)
    elif kind == "card":
        from planning.library.folders import CaseFolder
        from planning.library.model import CaseFields
        CaseFolder.write_card = die
        library.change(argument, CaseFields(title="renamed"))
"""


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "library") as opened:
        yield opened


@pytest.fixture
def series(tmp_path: Path) -> Path:
    return hospital_series(tmp_path / FAMILY)


def killed(kind: str, root: Path, argument: object) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, kind, str(root), str(argument)],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_nothing_of_the_patient_is_in_the_library(
    library: Library, series: Path, tmp_path: Path
) -> None:
    plan = plan_on(series, tmp_path / f"{FAMILY}.osteoplan", treatments=treatments())
    row = library.add(series, plan, CaseFields(title="Une côte", tags=("Référence",)))
    with PlanFile.open(library.plan_path(row.id, row.plans[0])) as kept:
        case = kept.load()
        assert [one.name for one in kept.pictures()] == ["a.png"]
    for name, data in bytes_below(library.root).items():
        low = data.lower()
        for word in NAMES:
            assert word.lower() not in name.lower()
            assert word.lower().encode() not in low, (name, word)
    assert case.plan.series.uid == row.series_uid
    assert read_volume(Path(case.plan.series.path)).checksum == case.plan.series.checksum
    assert row.has_follow_up
    assert row.fields.techniques == ("cryoablation",)


def test_dates_of_the_follow_up_move_as_those_of_the_images(
    library: Library, series: Path, tmp_path: Path
) -> None:
    plan = plan_on(series, tmp_path / "p.osteoplan", treatments=treatments())
    row = library.add(series, plan)
    with PlanFile.open(library.plan_path(row.id, row.plans[0])) as kept:
        (moved,) = kept.load().plan.treatments
    image = pydicom.dcmread(next(library.series_folder(row.id).iterdir()))
    (original,) = treatments()
    assert moved.date.strftime("%Y%m%d") != original.date.strftime("%Y%m%d")
    studied = moved.date - (original.date - STUDY_DAY)
    assert image.StudyDate == studied.strftime("%Y%m%d")
    assert moved.visits[0].date is not None
    assert (moved.visits[0].date - moved.date).days == 30
    assert (moved.events[0].date - moved.date).days == 200
    assert moved.age_years == 90


@pytest.mark.parametrize("text", [f"M. {FAMILY}", NUMBER, f"adressé par {DOCTOR}", "le 12/03/2024"])
def test_a_text_that_names_the_patient_is_refused_without_repeating_it(
    library: Library, series: Path, tmp_path: Path, text: str
) -> None:
    plan = plan_on(series, tmp_path / "p.osteoplan", name=text)
    for arguments in ((series, plan, None), (series, None, CaseFields(notes=text))):
        with pytest.raises(PlanningError) as refused:
            library.add(*arguments)
        assert refused.value.code in {"identifier_in_plan", "identifier_in_text"}
        assert text not in str(refused.value)
        assert refused.value.problems[0].where in {"lesion 1: name", "notes"}
    assert library.search() == ()
    assert list(library.folders.cases.iterdir()) == list(library.folders.staging.iterdir()) == []


def test_a_series_with_a_name_in_its_pixels_is_refused(library: Library, tmp_path: Path) -> None:
    burned = hospital_series(tmp_path / "burned", BurnedInAnnotation="YES")
    with pytest.raises(Refusal) as refused:
        library.add(burned)
    assert "burned" in str(refused.value) or refused.value.code == "nothing_copied"
    assert FAMILY not in str(refused.value)
    assert list(library.folders.cases.iterdir()) == list(library.folders.staging.iterdir()) == []


def test_a_series_comes_in_once_and_a_copy_of_ours_as_it_is(
    library: Library, series: Path, tmp_path: Path
) -> None:
    row = library.add(series)
    with pytest.raises(PlanningError) as refused:
        library.add(series)
    assert (refused.value.code, refused.value.problems[0].where) == ("case_is_there", row.id)
    with Library.open(tmp_path / "other") as other:
        again = other.add(library.series_folder(row.id))
    assert again.series_uid == row.series_uid


def test_a_plan_of_another_series_is_refused(
    library: Library, series: Path, tmp_path: Path
) -> None:
    plan = plan_on(hospital_series(tmp_path / "other", seed=2), tmp_path / "p.osteoplan")
    with pytest.raises(Refusal) as refused:
        library.add(series, plan)
    assert refused.value.code in {"no_such_series", "other_series"}
    assert library.search() == ()


def test_plans_join_a_case_from_the_copy_and_from_the_original(
    library: Library, series: Path, tmp_path: Path
) -> None:
    row = library.add(series)
    on_copy = plan_on(library.series_folder(row.id), tmp_path / "a.osteoplan")
    assert library.add_plan(row.id, on_copy).plans == ("plan-1.osteoplan",)
    original = plan_on(series, tmp_path / "b.osteoplan", name=f"{FAMILY} L3")
    with pytest.raises(PlanningError, match="identifier"):
        library.add_plan(row.id, original)
    plain = plan_on(series, tmp_path / "c.osteoplan", name="L3", treatments=treatments())
    joined = library.add_plan(row.id, plain)
    assert joined.plans == ("plan-1.osteoplan", "plan-2.osteoplan")
    assert joined.has_follow_up
    assert library.check(thorough=True) == ()


def test_a_plan_that_is_changed_in_its_place_is_read_again(
    library: Library, series: Path, tmp_path: Path
) -> None:
    row = library.add(series, plan_on(series, tmp_path / "p.osteoplan"))
    assert not row.has_follow_up
    with PlanFile.open(library.plan_path(row.id, row.plans[0])) as kept:
        kept.save(kept.load().with_plan(treatments=treatments()), "follow-up")
    assert library.case(row.id).has_follow_up
    assert library.search()[0].has_follow_up


def test_a_case_with_plans_is_removed_only_when_asked_for(
    library: Library, series: Path, tmp_path: Path
) -> None:
    row = library.add(series, plan_on(series, tmp_path / "p.osteoplan"))
    with pytest.raises(PlanningError) as refused:
        library.remove(row.id)
    assert refused.value.code == "case_has_plans"
    assert library.case(row.id).plans == row.plans
    library.remove(row.id, with_plans=True)
    assert library.search() == ()
    assert list(library.folders.cases.iterdir()) == list(library.folders.staging.iterdir()) == []
    with pytest.raises(PlanningError, match="no such case"):
        library.case(row.id)


def test_a_lost_series_is_told_and_linked_again(
    library: Library, series: Path, tmp_path: Path
) -> None:
    row = library.add(series, plan_on(series, tmp_path / "p.osteoplan"))
    elsewhere = tmp_path / "elsewhere"
    library.series_folder(row.id).rename(elsewhere)
    (problem,) = library.check()
    assert problem.code == "series_missing"
    assert "1 plan" in problem.message
    with pytest.raises(PlanningError) as refused:
        library.relink(row.id, hospital_series(tmp_path / "other", seed=2))
    assert refused.value.code == "other_series"
    assert library.relink(row.id, elsewhere).series_uid == row.series_uid
    assert library.check(thorough=True) == ()
    anew = library.relink(row.id, series)  # its original gets new UIDs; the plan follows
    assert anew.series_uid != row.series_uid
    assert library.check(thorough=True) == ()


def test_check_finds_what_was_changed(library: Library, series: Path, tmp_path: Path) -> None:
    row = library.add(series, plan_on(series, tmp_path / "p.osteoplan"))
    file = sorted(library.series_folder(row.id).iterdir())[2]
    stat, data = file.stat(), bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    assert [one.code for one in library.check()] == ["series_changed"]
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert library.check() == ()  # nothing tells it from the outside
    assert [one.code for one in library.check(thorough=True)] == ["series_changed"]
    library.plan_path(row.id, row.plans[0]).unlink()
    (library.root / "cases" / ("0" * 12)).mkdir()
    codes = [one.code for one in library.check(thorough=True)]
    assert codes == ["series_changed", "plan_missing", "folder_without_card"]
    (library.root / "cases" / row.id).rename(tmp_path / "gone")
    assert library.check()[0].code == "row_without_folder"


@pytest.mark.parametrize(
    ("kind", "cases"), [pytest.param("rename", 0, marks=pytest.mark.long), ("index", 1)]
)
def test_a_kill_while_adding_leaves_a_whole_case_or_none(
    library: Library, series: Path, kind: str, cases: int
) -> None:
    killed(kind, library.root, series)
    assert library.search() == ()
    with Library.open(library.root) as again:
        assert len(again.search()) == cases
        assert again.check(thorough=True) == ()
        assert list(again.folders.staging.iterdir()) == []


def test_a_kill_while_changing_is_made_good(library: Library, series: Path) -> None:
    row = library.add(series)
    killed("card", library.root, row.id)
    assert "renamed" not in (library.root / "cases" / row.id / CARD).read_text()
    with Library.open(library.root) as again:
        assert again.case(row.id).fields.title == "renamed"
        assert "renamed" in (library.root / "cases" / row.id / CARD).read_text()


@pytest.mark.long
def test_a_kill_while_removing_is_made_good(library: Library, series: Path) -> None:
    row = library.add(series)
    killed("remove", library.root, row.id)
    with Library.open(library.root) as again:
        assert (again.search(), again.check()) == ((), ())
        assert list(again.folders.staging.iterdir()) == []


def test_a_cancelled_addition_leaves_nothing(library: Library, series: Path) -> None:
    seen: list[float] = []
    progress = Progress(
        report=lambda fraction, _: seen.append(fraction),
        is_cancelled=lambda: bool(seen) and seen[-1] > 0.5,
    )
    with pytest.raises(Cancelled):
        library.add(series, progress=progress)
    assert list(library.folders.cases.iterdir()) == list(library.folders.staging.iterdir()) == []


def test_a_piece_that_another_program_is_making_is_left_alone(library: Library) -> None:
    with library.folders.piece() as piece:
        Library.open(library.root).close()
        assert piece.is_dir()
    assert not piece.exists()


def test_two_programs_change_one_library(library: Library, series: Path) -> None:
    row = library.add(series)
    with Library.open(library.root) as other:
        other.change(row.id, CaseFields(title="by the other"))
        assert library.case(row.id).fields.title == "by the other"
        library.remove(row.id)
        with pytest.raises(PlanningError, match="no such case"):
            other.change(row.id, CaseFields())


def test_other_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("x")
    with pytest.raises(PlanningError) as refused:
        Library.open(tmp_path)
    assert refused.value.code == "not_a_library"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["letter.txt"]


WORDS = st.text("aAéÉçz 1", min_size=1, max_size=6)


@settings(max_examples=12, deadline=None)
@given(
    rows=st.lists(
        st.tuples(WORDS, st.sampled_from([None, "rib", "femur"]), st.sets(WORDS, max_size=2)),
        max_size=6,
    ),
    text=WORDS,
    site=st.sampled_from([None, "rib"]),
)
def test_search_finds_what_a_plain_look_at_all_cases_finds(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str | None, set[str]]],
    text: str,
    site: str | None,
) -> None:
    index = Index.create(tmp_path_factory.mktemp("index") / "library.sqlite")
    with index.writing():
        for number, (title, bone, tags) in enumerate(rows):
            fields = CaseFields(title=title, site=bone, tags=tuple(tags))
            index.put(card_of(number, fields), None)
    found = {one.id for one in index.search(Wanted(text=text, site=site))}
    expected = set()
    for number, (title, bone, tags) in enumerate(rows):
        told = [title, *(" ".join(tag.split()) for tag in tags), bone or ""]
        all_text = folded("\n".join(told))
        if site in (None, bone) and all(word in all_text for word in folded(text).split()):
            expected.add(card_of(number, CaseFields()).row.id)
    index.close()
    assert found == expected


def test_thumbnails_are_small_pictures(library: Library, series: Path, tmp_path: Path) -> None:
    row = library.add(series, plan_on(series, tmp_path / "p.osteoplan"))
    png = library.thumbnail(row.id)
    assert png is not None
    assert png.startswith(b"\x89PNG")
    assert len(png) <= 20_000
    assert zlib.crc32(png[12:29]) == int.from_bytes(png[29:33], "big")


def test_plans_that_join_a_case_know_nothing_of_this_disk(
    library: Library, series: Path, tmp_path: Path
) -> None:
    row = library.add(series)
    library.add_plan(row.id, plan_on(library.series_folder(row.id), tmp_path / "a.osteoplan"))
    library.relink(row.id, series)
    content = library.plan_path(row.id, "plan-1.osteoplan").read_bytes()
    assert str(tmp_path).encode() not in content
    assert library.check() == ()


def test_a_library_that_can_only_be_read_is_read_and_given_away(
    library: Library, series: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = library.add(series, plan_on(series, tmp_path / "p.osteoplan"))
    before = bytes_below(library.root)
    monkeypatch.setattr(Folders, "are_read_only", property(lambda _: True))
    for name in ("locked", "piece"):
        monkeypatch.setattr(Folders, name, _not_writable)
    with Library.open(library.root) as reader:
        assert reader.search() == (row,)
        os.utime(reader.plan_path(row.id, row.plans[0]), (0, 0))  # as copied to the medium
        assert reader.case(row.id).plans == row.plans
        assert reader.check() == ()
        for phrase in (None, "a horse of battery"):
            assert export_case(reader, row.id, tmp_path / "c", phrase).is_file()
        assert back_up(reader, tmp_path / "b").is_file()
        with pytest.raises(PlanningError) as refused:
            reader.change(row.id, CaseFields(title="x"))
    assert refused.value.code == "cannot_write"
    assert bytes_below(library.root) == before


def _not_writable(folders: Folders) -> NoReturn:
    raise cannot_write(OSError(errno.EROFS, os.strerror(errno.EROFS)), folders.root)


@pytest.mark.parametrize("reason", ["disk I/O", "locked"])
def test_a_removal_that_the_index_does_not_take_is_done_or_undone(
    library: Library, series: Path, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    row = library.add(series)
    delete, failures = Index.delete, [sqlite3.OperationalError(reason)]

    def failing(index: Index, case_id: str) -> None:
        if failures:
            raise failures.pop()
        delete(index, case_id)

    monkeypatch.setattr(Index, "delete", failing)
    if reason == "locked":
        with pytest.raises(PlanningError):
            library.remove(row.id)
        assert library.search() == (row,)
    else:  # a full disk: the folder makes the room that the journal needs
        library.remove(row.id)
        assert library.search() == ()
    assert library.check() == ()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_library_in_a_folder_that_is_no_utf8_takes_a_plan(tmp_path: Path, series: Path) -> None:
    with Library.open(tmp_path / "\udcff") as odd:
        row = odd.add(series, plan_on(series, tmp_path / "p.osteoplan"))
        assert row.plans == ("plan-1.osteoplan",)
        assert odd.check() == ()

"""What is handed in is kept before the reference is opened, and survives a killed process."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from imaging.progress import Cancelled, Progress
from planning.errors import PlanningError
from planning.teaching.answer import Answer
from planning.teaching.attempts import Attempts
from planning.teaching.class_csv import BYTE_ORDER_MARK, table_csv
from planning.teaching.exercise import Statement
from planning.teaching.files import read_exercise
from tests.planning.teaching.samples import ball, empty, exercise, file_in, outlined, reference

ROOT = Path(__file__).resolve().parents[3]
KILLED = """
import os, signal, sys
from pathlib import Path
from planning.teaching import attempts as module
from planning.teaching.attempts import Attempts
from planning.teaching.files import read_exercise
from tests.planning.teaching.samples import ball, outlined

def die(*_arguments, **_more):
    os.kill(os.getpid(), signal.SIGKILL)

def hand_in(folder, at):
    file = read_exercise(folder / "a-ball.osteoexercise")
    store = Attempts.open(folder)
    attempt = store.begin("Dr Who", file.exercise)
    if at == "packing":
        module.pack = die
    kept = store.hand_in(attempt, outlined(ball(11.0)))
    if at == "opening":
        type(file).open_reference = die
    if at == "marking":
        module.marked = die
    store.mark(kept, file)
    die()

for at in sys.argv[2:]:
    child = os.fork()
    if child == 0:
        hand_in(Path(sys.argv[1]) / at, at)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
"""
# Where the process is killed: what waits to be marked then, and what is marked already.
KILLS = {"packing": (0, 0), "opening": (1, 0), "marking": (1, 0), "end": (0, 1)}


@pytest.fixture
def store(tmp_path: Path) -> Attempts:
    return Attempts.open(tmp_path)


@pytest.mark.long
@pytest.mark.skipif(os.name == "nt", reason="kills by a signal")
def test_a_kill_during_the_hand_in_loses_nothing_that_was_handed_in(tmp_path: Path) -> None:
    files = {at: file_in(tmp_path / at) for at in KILLS}
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    script = [sys.executable, "-c", KILLED, str(tmp_path), *KILLS]
    subprocess.run(script, env=environment, cwd=ROOT, check=True)
    for at, (waiting, marked) in KILLS.items():
        with Attempts.open(tmp_path / at) as store:
            (one,) = store.of("Dr Who")
            assert len(store.unfinished()) == waiting, at
            assert (one.mark is not None) == bool(marked), at
            for kept in store.unfinished():
                assert store.mark(kept, files[at]).percent > 0
            assert store.unfinished() == ()


def test_the_answer_is_kept_before_the_seal_is_opened(
    store: Attempts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = file_in(tmp_path)
    seen: list[int] = []

    def opened(*_: object, **__: object) -> None:
        with sqlite3.connect(store.path) as other:
            seen.append(other.execute("SELECT count(*) FROM handed_in").fetchone()[0])
        raise KeyboardInterrupt

    monkeypatch.setattr(type(file), "open_reference", opened)
    kept = store.hand_in(store.begin("A", file.exercise), empty())
    with pytest.raises(KeyboardInterrupt):
        store.mark(kept, file)
    assert seen == [1]


def test_a_cancelled_marking_is_resumed(store: Attempts, tmp_path: Path) -> None:
    file = file_in(tmp_path)
    kept = store.hand_in(store.begin("A", file.exercise), reference())
    with pytest.raises(Cancelled):
        store.mark(kept, file, Progress(is_cancelled=lambda: True))
    assert store.unfinished() == (kept,)
    assert store.mark(kept, file).percent == 100.0


def test_the_same_answer_has_the_same_mark(store: Attempts, tmp_path: Path) -> None:
    file = file_in(tmp_path)
    marks = []
    for name in ("A", "B"):
        kept = store.hand_in(store.begin(name, file.exercise), outlined(ball(10.0)))
        marks.append(store.mark(kept, file).model_dump_json())
    assert marks[0] == marks[1]
    assert 0 < store.progress("A")[0].percent < 100


def test_a_second_hand_in_is_a_second_attempt_and_says_that_the_reference_was_seen(
    store: Attempts, tmp_path: Path
) -> None:
    file = file_in(tmp_path)
    attempt = store.begin("A", file.exercise)
    first = store.hand_in(attempt, empty())
    store.mark(first, file)
    second = store.hand_in(attempt, reference())
    store.mark(second, file)
    assert not first.seen_reference
    assert second.seen_reference
    assert [(row.number, row.percent) for row in store.progress("A")] == [(1, 0.0), (2, 100.0)]
    other = store.hand_in(store.begin("B", file.exercise), empty())
    assert not other.seen_reference


def test_an_examination_waits_for_the_passphrase(store: Attempts, tmp_path: Path) -> None:
    file = file_in(tmp_path, passphrase="sesame and lilies")
    kept = store.hand_in(store.begin("A", file.exercise), reference())
    for wrong, code in ((None, "passphrase_needed"), ("open it now", "wrong_passphrase")):
        with pytest.raises(PlanningError) as refused:
            store.mark(kept, file, passphrase=wrong)
        assert refused.value.code == code
    assert not store.hand_in(store.begin("A", file.exercise), empty()).seen_reference
    assert store.mark(kept, file, passphrase="sesame and lilies").passed


def test_the_record_is_only_added_to(store: Attempts, tmp_path: Path) -> None:
    file = file_in(tmp_path)
    store.hand_in(store.begin("A", file.exercise), empty())
    with sqlite3.connect(store.path) as other:
        for statement in ("DELETE FROM handed_in", "UPDATE attempt SET exercise = 'x'"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                other.execute(statement)


def test_another_exercise_or_another_ct_is_refused(store: Attempts, tmp_path: Path) -> None:
    file = file_in(tmp_path)
    kept = store.hand_in(store.begin("A", file.exercise), empty())
    changed = file_in(tmp_path / "other", exercise(time_s=301))
    with pytest.raises(PlanningError) as refused:
        store.mark(kept, changed)
    assert refused.value.code == "other_exercise"
    foreign = empty()
    series = foreign.case.plan.series.model_copy(update={"checksum": "0"})
    answer = Answer(foreign.case.with_plan(series=series), Statement(), 1.0)
    with pytest.raises(PlanningError) as refused:
        store.mark(store.hand_in(store.begin("A", file.exercise), answer), file)
    assert refused.value.code == "other_ct"


def test_names_leave_the_machine_only_when_the_teacher_asks(
    store: Attempts, tmp_path: Path
) -> None:
    file = file_in(tmp_path)
    for name in ("=HYPERLINK(1)", "Zoé"):
        store.mark(store.hand_in(store.begin(name, file.exercise), empty()), file)
    hidden = table_csv(store.class_table())
    assert "HYPERLINK" not in hidden
    assert "Zoé" not in hidden
    assert hidden.startswith(BYTE_ORDER_MARK)
    assert [line.split(",")[0] for line in hidden.splitlines()[1:]] == ["R01", "R02"]
    shown = table_csv(store.class_table(names=True))
    assert "'=HYPERLINK(1)" in shown
    assert "Zoé" in shown


@pytest.mark.parametrize("name", ["", "   ", "x" * 81, "a\x00b"])
def test_a_name_that_is_none_is_refused(store: Attempts, name: str) -> None:
    with pytest.raises(PlanningError) as refused:
        store.begin(name, exercise())
    assert refused.value.code == "bad_name"


def test_a_file_of_another_kind_is_refused_untouched(tmp_path: Path) -> None:
    other = tmp_path / "attempts.sqlite"
    with sqlite3.connect(other) as made:
        made.execute("CREATE TABLE something (id INTEGER)")
    before = other.read_bytes()
    with pytest.raises(PlanningError) as refused:
        Attempts.open(tmp_path)
    assert refused.value.code == "not_attempts"
    other_bytes = other.read_bytes()
    assert other_bytes == before
    other.write_bytes(b"this is no database, but it is long enough to look like one" * 20)
    with pytest.raises(PlanningError) as refused:
        Attempts.open(tmp_path)
    assert refused.value.code == "attempts_not_opened"


def test_a_file_is_read_without_opening_its_seal(tmp_path: Path) -> None:
    file = file_in(tmp_path)
    again = read_exercise(file.path)
    assert again.exercise == file.exercise
    assert not again.is_examination


def test_one_person_is_one_however_the_name_is_typed(store: Attempts, tmp_path: Path) -> None:
    file = file_in(tmp_path)
    store.hand_in(store.begin("Zoé  Martin", file.exercise), empty())
    composed = unicodedata.normalize("NFD", " Zoé Martin\t")
    store.begin(composed, file.exercise)
    assert store.residents() == ("Zoé Martin",)
    for name in ("Zoé  Martin", composed):
        assert len(store.of(name)) == 2


def test_a_record_that_cannot_be_read_is_told(store: Attempts, tmp_path: Path) -> None:
    file = file_in(tmp_path)
    kept = store.hand_in(store.begin("A", file.exercise), empty())
    store.mark(kept, file)
    with sqlite3.connect(store.path) as other:
        other.execute("DROP TRIGGER mark_no_UPDATE")
        other.execute("UPDATE mark SET document = json_set(document, '$.colour', 'red')")
    with pytest.raises(PlanningError) as refused:
        store.class_table()
    assert refused.value.code == "attempts_too_new"
    data = bytearray(store.path.read_bytes())
    data[4096:] = bytes(len(data) - 4096)
    store.path.write_bytes(data)
    with Attempts.open(tmp_path) as again, pytest.raises(PlanningError) as refused:
        again.class_table()
    assert refused.value.code == "attempts_not_read"


def test_a_mark_that_cannot_be_kept_does_not_ask_for_another_hand_in(
    store: Attempts, tmp_path: Path
) -> None:
    file = file_in(tmp_path)
    kept = store.hand_in(store.begin("A", file.exercise), empty())
    with sqlite3.connect(store.path) as other:
        other.execute(
            "CREATE TRIGGER full BEFORE INSERT ON opened BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
    with pytest.raises(PlanningError, match=r"the answer is; .*mark it again"):
        store.mark(kept, file)
    assert store.unfinished() == (kept,)

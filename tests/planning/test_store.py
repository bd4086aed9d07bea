"""The plan file survives a kill, refuses what it cannot read, and lets one program write."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
import zlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from imaging.geometry import Grid
from imaging.volume import SeriesInfo, Volume
from planning.errors import PlanningError
from planning.plan import Case, ThermalField
from planning.procedure import with_lesion, with_structures
from planning.store import PlanFile

if TYPE_CHECKING:
    from imaging.phantom.cases import GeneratedCase
    from imaging.structures.model import Structures

KILLED = """
import sys
from pathlib import Path
from planning.store import PlanFile
with PlanFile.open(Path(sys.argv[1])) as kept:
    case = kept.load()
    print("ready", flush=True)
    number = 0
    while True:
        number += 1
        kept.save(case.with_plan(created_utc=f"change {number}"), f"change {number}")
"""


@pytest.fixture
def case(vertebra: GeneratedCase, vertebra_structures: Structures) -> Case:
    begun = with_structures(Case.begin(vertebra.volume), vertebra_structures, vertebra.volume)
    return with_lesion(begun, vertebra.volume, vertebra.lesion)


def test_what_is_saved_is_read_back(case: Case, tmp_path: Path) -> None:
    field = ThermalField(
        Grid.aligned((4, 5, 6), 1.0, (1, 2, 3)),
        np.linspace(-120, 100, 120, dtype=np.float32).reshape(4, 5, 6),
        np.arange(120).reshape(4, 5, 6) % 3 == 0,
    )
    with PlanFile.create(tmp_path / "a.osteoplan", replace(case, fields=(field,))):
        pass
    with PlanFile.open(tmp_path / "a.osteoplan") as kept:
        back = kept.load()
        assert [change for _, change in kept.history()] == ["created"]
    assert back.plan == case.plan
    assert back.lesion is not None
    assert back.structures is not None
    assert case.lesion is not None
    assert case.structures is not None
    np.testing.assert_array_equal(back.lesion, case.lesion)
    np.testing.assert_array_equal(back.structures.labels, case.structures.labels)
    np.testing.assert_allclose(back.fields[0].temperature_c, field.temperature_c, atol=0.026)
    np.testing.assert_array_equal(back.fields[0].zone, field.zone)
    assert back.fields[0].grid.same_as(field.grid)


def test_a_killed_program_leaves_a_plan_that_opens(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "a.osteoplan"
    PlanFile.create(path, case).close()
    for pause_s in (0.05, 0.2, 0.33):
        writer = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        assert writer.stdout.readline().strip() == "ready"
        time.sleep(pause_s)
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        with PlanFile.open(path) as kept:
            assert not kept.read_only
            last = kept.history()[-1][1]
            assert kept.load().plan.created_utc in {last, case.plan.created_utc}


def test_second_program_reads_only(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "a.osteoplan"
    code = (
        "import sys; from pathlib import Path; from planning.store import PlanFile\n"
        "kept = PlanFile.open(Path(sys.argv[1])); print(kept.read_only, kept.load().plan.version)"
    )
    with PlanFile.create(path, case):
        done = subprocess.run(
            [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
        )
    assert done.stdout.split() == ["True", "1"]


def test_newer_plan_is_refused_untouched(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "a.osteoplan"
    PlanFile.create(path, case).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(PlanningError) as refusal:
        PlanFile.open(path)
    assert refusal.value.code == "plan_too_new"
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "content", [b"", b"not a database at all", b"SQLite format 3\0" + b"x" * 500]
)
def test_what_is_no_plan_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.osteoplan"
    path.write_bytes(content)
    with pytest.raises(PlanningError) as refusal:
        PlanFile.open(path)
    assert refusal.value.code in {"not_a_plan", "plan_damaged"}


def test_history_cannot_be_changed(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "a.osteoplan"
    PlanFile.create(path, case).close()
    connection = sqlite3.connect(path)
    with pytest.raises(sqlite3.Error):
        connection.execute("DELETE FROM history")
    connection.close()


def test_plan_holds_no_pixels_of_the_ct(
    case: Case, vertebra: GeneratedCase, tmp_path: Path
) -> None:
    path = tmp_path / "a.osteoplan"
    PlanFile.create(path, case).close()
    assert path.stat().st_size < 0.1 * vertebra.volume.hu.nbytes
    assert vertebra.volume.hu[40, 60, :40].tobytes() not in path.read_bytes()


def test_a_folder_that_is_not_there_is_refused(case: Case, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PlanningError) as refusal:
        PlanFile.create(tmp_path / "file" / "a.osteoplan", case)
    assert refusal.value.code == "cannot_write"


def test_a_mask_that_has_not_changed_is_not_packed_again_and_one_that_has_is_kept(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed: list[int] = []
    compress = zlib.compress

    def counted(data: bytes, level: int) -> bytes:
        packed.append(len(data))
        return compress(data, level)

    monkeypatch.setattr(zlib, "compress", counted)
    assert case.lesion is not None
    other = case.lesion.copy()
    other[0, 0, 0] = True
    with PlanFile.create(tmp_path / "a.osteoplan", case) as kept:
        packed.clear()
        kept.save(case, "nothing")
        first = len(packed)  # those that the file object has not written itself
        kept.save(case, "nothing")
        assert len(packed) == first
        kept.save(replace(case, lesion=other), "brush")
        assert len(packed) == first + 1
        kept.save(replace(case, structures=None), "no structures")
        kept.save(case, "structures again")
        back = kept.load()
    assert back.structures is not None
    assert case.structures is not None
    np.testing.assert_array_equal(back.lesion, case.lesion)
    np.testing.assert_array_equal(back.structures.labels, case.structures.labels)


def test_after_a_failed_save_everything_is_written_again(case: Case, tmp_path: Path) -> None:
    assert case.lesion is not None
    other = replace(case, lesion=~case.lesion)
    with PlanFile.create(tmp_path / "a.osteoplan", case) as kept:
        kept._connection.execute(
            "CREATE TRIGGER no BEFORE INSERT ON history BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
        with pytest.raises(PlanningError):
            kept.save(other, "fails")
        kept._connection.execute("DROP TRIGGER no")
        kept.save(other, "works")
        np.testing.assert_array_equal(kept.load().lesion, other.lesion)


def test_a_series_in_a_folder_that_no_plan_can_write_down_is_refused(tmp_path: Path) -> None:
    volume = Volume(np.zeros((2, 3, 3), np.int16), Grid.aligned((2, 3, 3), 1.0, (0.0, 0.0, 0.0)),
                    SeriesInfo(uid="1.2.3", path=f"{tmp_path}/\udcff"))  # fmt: skip
    with pytest.raises(PlanningError) as refused:
        PlanFile.create(tmp_path / "a.osteoplan", Case.begin(volume))
    assert refused.value.code == "path_not_utf8"
    assert not (tmp_path / "a.osteoplan").exists()

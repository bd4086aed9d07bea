"""A case travels as one file, locked where asked for; hostile and damaged files are refused."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from imaging.errors import Refusal
from imaging.files import read_volume
from planning.errors import PlanningError
from planning.library import plans
from planning.library.archive import MANIFEST
from planning.library.backup import back_up, restore
from planning.library.exchange import export_case, import_case, is_sealed
from planning.library.library import Library
from planning.library.model import CaseFields, CaseRow
from planning.store import Picture, PlanFile
from tests.planning.library.making import FAMILY, bytes_below, hospital_series, plan_on, treatments

PHRASE = "a horse of battery"
Files = dict[str, bytes]


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Library, CaseRow]]:
    """A library with one case that has a plan; only read."""
    folder = tmp_path_factory.mktemp("given")
    series = hospital_series(folder / FAMILY)
    plan = plan_on(series, folder / "p.osteoplan", treatments=treatments())
    with Library.open(folder / "library") as library:
        yield library, library.add(series, plan, CaseFields(title="Côte", tags=("x",)))


@pytest.fixture(scope="module")
def plain(given: tuple[Library, CaseRow], tmp_path_factory: pytest.TempPathFactory) -> Path:
    library, row = given
    return export_case(library, row.id, tmp_path_factory.mktemp("plain") / "case")


@pytest.fixture(scope="module")
def locked(given: tuple[Library, CaseRow], tmp_path_factory: pytest.TempPathFactory) -> Path:
    library, row = given
    return export_case(library, row.id, tmp_path_factory.mktemp("locked") / "case", PHRASE)


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "other") as library:
        yield library


def refused(library: Library, path: Path, phrase: str | None = None) -> str:
    """Return why a file is refused, having seen that nothing of it is kept."""
    with pytest.raises(Refusal) as error:
        import_case(library, path, phrase)
    assert list(library.folders.cases.iterdir()) == list(library.folders.staging.iterdir()) == []
    assert library.search() == ()
    return error.value.code


@pytest.mark.parametrize("phrase", [None, PHRASE])
def test_a_case_arrives_whole_in_another_library(
    given: tuple[Library, CaseRow],
    plain: Path,
    locked: Path,
    other: Library,
    phrase: str | None,
) -> None:
    path = plain if phrase is None else locked
    assert is_sealed(path) == (phrase is not None)
    row = import_case(other, path, phrase)
    _, sent = given
    assert row.id != sent.id
    assert row.fields == sent.fields
    assert (row.series_uid, row.plans, row.has_follow_up) == (sent.series_uid, sent.plans, True)
    with PlanFile.open(other.plan_path(row.id, row.plans[0])) as kept:
        series = kept.load().plan.series
    assert Path(series.path) == other.series_folder(row.id)
    assert read_volume(Path(series.path), series.uid).checksum == series.checksum
    assert other.check(thorough=True) == ()
    with pytest.raises(PlanningError) as again:
        import_case(other, plain)
    assert (again.value.code, again.value.problems[0].where) == ("case_is_there", row.id)


def test_a_locked_file_needs_its_passphrase(locked: Path, other: Library) -> None:
    assert refused(other, locked) == "passphrase_needed"
    assert refused(other, locked, "another horse") == "wrong_passphrase"
    with zipfile.ZipFile(locked) as archive:
        assert archive.read("case.age").startswith(b"age-encryption.org/v1")


@pytest.mark.long
def test_a_damaged_locked_file_is_told_from_a_wrong_passphrase(
    locked: Path, other: Library, tmp_path: Path
) -> None:
    with zipfile.ZipFile(locked) as archive:
        place = archive.getinfo("case.age").header_offset + 3000
        content = {name: archive.read(name) for name in archive.namelist()}
    data = bytearray(locked.read_bytes())
    data[place] ^= 1
    (tmp_path / "flipped.osteocase").write_bytes(data)
    assert refused(other, tmp_path / "flipped.osteocase", PHRASE) == "damaged"
    sealed = bytearray(content["case.age"])
    sealed[2000] ^= 1  # under a checksum of the zip that is right again
    with zipfile.ZipFile(tmp_path / "forged.osteocase", "w") as forged:
        forged.writestr("case.age", bytes(sealed))
        forged.writestr("key.age", content["key.age"])
    assert refused(other, tmp_path / "forged.osteocase", PHRASE) == "damaged"


def test_a_passphrase_that_can_be_guessed_is_refused(
    given: tuple[Library, CaseRow], tmp_path: Path
) -> None:
    library, row = given
    with pytest.raises(PlanningError) as error:
        export_case(library, row.id, tmp_path / "case", "short")
    assert error.value.code == "weak_passphrase"
    assert list(tmp_path.iterdir()) == []


def changed(source: Path, target: Path, change: Callable[[Files], None]) -> Path:
    """Write an archive anew with other files and a manifest that fits them."""
    with zipfile.ZipFile(source) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(files.pop(MANIFEST))
    change(files)
    head = files.pop("head", None)
    manifest["files"] = [
        {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in files.items()
    ]
    manifest |= json.loads(head) if head is not None else {}
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        archive.writestr(MANIFEST, json.dumps(manifest))
    return target


def _escaping(files: Files) -> None:
    files["series/../../../evil.dcm"] = b"x"


def _stranger(files: Files) -> None:
    files["run.exe"] = b"x"


def _newer(files: Files) -> None:
    files["head"] = b'{"version": 2, "files": [], "colour": "red"}'


def _lying(files: Files) -> None:
    files["head"] = json.dumps(
        {"files": [{"name": n, "size": len(d), "sha256": "0" * 64} for n, d in files.items()]}
    ).encode()


def _silent(files: Files) -> None:
    files["head"] = b'{"files": []}'


def _bomb(files: Files) -> None:
    rows = [{"name": n, "size": 1 << 44, "sha256": "0" * 64} for n in files]
    files["head"] = json.dumps({"files": rows}).encode()


def _named(files: Files) -> None:
    name = next(name for name in files if name.startswith("series/"))
    at = files[name].index(b"ANON-")
    files[name] = files[name][:at] + b"DURA^" + files[name][at + 5 :]


def _other_plan(files: Files) -> None:
    files["plans/plan-1.osteoplan"] = b"SQLite format 3\0" + bytes(200)


def _no_card(files: Files) -> None:
    del files["case.json"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_escaping, "unsafe_file"),
        (_stranger, "unsafe_file"),
        (_newer, "too_new"),
        (_lying, "damaged"),
        (_silent, "unsafe_file"),
        (_bomb, "unsafe_file"),
        (_named, "not_anonymous"),
        (_other_plan, "not_a_plan"),
        (_no_card, "unsafe_file"),
    ],
)
def test_a_hostile_file_is_refused(
    plain: Path, other: Library, tmp_path: Path, change: Callable[[Files], None], code: str
) -> None:
    path = changed(plain, tmp_path / "hostile.osteocase", change)
    assert refused(other, path) == code
    assert {one.name for one in tmp_path.iterdir()} == {"hostile.osteocase", "other"}


@pytest.mark.parametrize("length", [0, 100, 5000])
def test_a_file_that_was_cut_off_is_refused(
    plain: Path, other: Library, tmp_path: Path, length: int
) -> None:
    path = tmp_path / "cut.osteocase"
    path.write_bytes(plain.read_bytes()[:length])
    assert refused(other, path) == "damaged"


def test_a_backup_is_restored_to_the_byte(given: tuple[Library, CaseRow], tmp_path: Path) -> None:
    library, row = given
    path = back_up(library, tmp_path / "b")
    assert path.name == "b.osteolibrary"
    with restore(path, tmp_path / "restored") as restored:
        assert restored.search() == library.search()
        assert restored.thumbnail(row.id) == library.thumbnail(row.id)
        assert restored.check(thorough=True) == ()
        first, second = bytes_below(library.folders.cases), bytes_below(restored.folders.cases)
    series = {name for name in first if "/series/" in name}
    assert {name: first[name] for name in series} == {name: second[name] for name in series}
    assert set(first) - {n for n in first if ".lock" in n} == set(second)
    with pytest.raises(PlanningError) as error:
        restore(path, tmp_path / "restored")
    assert error.value.code == "folder_used"


def test_a_damaged_backup_leaves_nothing(given: tuple[Library, CaseRow], tmp_path: Path) -> None:
    library, _ = given
    path = back_up(library, tmp_path / "b.osteolibrary")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(PlanningError) as error:
        restore(path, tmp_path / "new" / "restored")
    assert error.value.code == "damaged"
    shutil.rmtree(tmp_path / "new")
    assert [one.name for one in tmp_path.iterdir()] == ["b.osteolibrary"]


def test_a_backup_is_made_of_a_library_in_which_a_file_is_gone(tmp_path: Path) -> None:
    with Library.open(tmp_path / "l") as library:
        row = library.add(hospital_series(tmp_path / "s"))
        next(library.series_folder(row.id).iterdir()).unlink()
        path = back_up(library, tmp_path / "b")
    with restore(path, tmp_path / "r") as restored:
        assert [one.code for one in restored.check()] == ["series_missing"]


def test_plans_with_names_that_no_archive_has_are_packed_and_come_back(tmp_path: Path) -> None:
    series = hospital_series(tmp_path / "s")
    with Library.open(tmp_path / "l") as library:
        row = library.add(series, plan_on(series, tmp_path / "p.osteoplan"))
        plans = library.folders.case(row.id).plans
        for name in ("métastase (2).osteoplan", "PLAN-1.osteoplan", "a..b.osteoplan"):
            shutil.copy(plans / "plan-1.osteoplan", plans / name)
        backup = back_up(library, tmp_path / "b")
        file = export_case(library, row.id, tmp_path / "c")
    with restore(backup, tmp_path / "r") as restored:
        assert len(restored.case(row.id).plans) == 4
        assert restored.check() == ()
    with Library.open(tmp_path / "o") as other, zipfile.ZipFile(file) as archive:
        names = {name for name in archive.namelist() if name.startswith("plans/")}
        assert names == {f"plans/plan-{n}.osteoplan" for n in (1, 2, 3, 4)}
        assert len(import_case(other, file).plans) == 4


def test_what_was_written_into_a_plan_of_the_library_since_is_looked_at_before_it_leaves(
    tmp_path: Path,
) -> None:
    series = hospital_series(tmp_path / "s")
    with Library.open(tmp_path / "l") as library:
        row = library.add(series, plan_on(series, tmp_path / "p.osteoplan"))
        with PlanFile.open(library.plan_path(row.id, row.plans[0])) as kept:
            kept.save(kept.load().with_plan(name="seen 12/03/2024"), "name")
        with pytest.raises(PlanningError) as error:
            export_case(library, row.id, tmp_path / "c")
        assert error.value.code == "identifier_in_plan"
        with PlanFile.open(library.plan_path(row.id, row.plans[0])) as kept:
            kept.save(kept.load().with_plan(name="L3", treatments=treatments()), "follow-up")
            kept.save_picture(Picture("n.png", b"NAMED", carries_identifiers=True))
        with zipfile.ZipFile(export_case(library, row.id, tmp_path / "c")) as archive:
            plan = archive.read("plans/plan-1.osteoplan")
    assert b"L3" in plan
    assert b"NAMED" not in plan
    assert treatments()[0].date.isoformat().encode() not in plan


def test_an_archive_that_is_packed_or_named_as_none_of_ours_is_refused(
    plain: Path, other: Library, tmp_path: Path
) -> None:
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(tmp_path / "a", "w") as target:
        for name in source.namelist():
            target.writestr(name, source.read(name), zipfile.ZIP_LZMA)
    assert refused(other, tmp_path / "a") == "unsafe_file"
    odd = bytearray(plain.read_bytes())
    for at in (one.start() for one in re.finditer(b"PK\x01\x02", bytes(odd))):
        odd[at + 9] |= 0x08  # names are UTF-8
    (tmp_path / "b").write_bytes(bytes(odd).replace(b"thumbnail.png", b"thumbn\xff\xfel.png"))
    assert refused(other, tmp_path / "b") == "damaged"


def test_a_plan_in_a_file_brings_nothing_but_the_plan(
    plain: Path, other: Library, tmp_path: Path
) -> None:
    def with_name(text: str) -> Callable[[Files], None]:
        def change(files: Files) -> None:
            path = tmp_path / "p.osteoplan"
            path.write_bytes(files.pop("plans/plan-1.osteoplan"))
            with PlanFile.open(path) as kept:
                kept.save(kept.load().with_plan(name=text), "name")
                kept.save_picture(Picture("n.png", b"NAMED", carries_identifiers=True))
            with contextlib.closing(sqlite3.connect(path)) as connection:
                connection.execute("CREATE TABLE more AS SELECT 'STOWAWAY' AS a")
                connection.commit()
            files["plans/Vandermeersch.osteoplan"] = path.read_bytes()
            path.unlink()

        return change

    dated = changed(plain, tmp_path / "dated.osteocase", with_name("12/03/2024"))
    assert refused(other, dated) == "identifier_in_plan"
    row = import_case(other, changed(plain, tmp_path / "c.osteocase", with_name("L3")))
    assert row.plans == ("plan-1.osteoplan",)
    content = other.plan_path(row.id, "plan-1.osteoplan").read_bytes()
    assert b"L3" in content
    assert not any(word in content for word in (b"NAMED", b"STOWAWAY", str(tmp_path).encode()))
    assert other.check(thorough=True) == ()


def test_a_plan_that_is_being_written_is_not_backed_up_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plans, "PATIENCE_S", 0.01)
    series = hospital_series(tmp_path / "s")
    with Library.open(tmp_path / "l") as library:
        row = library.add(series, plan_on(series, tmp_path / "p.osteoplan"))
        path = library.plan_path(row.id, row.plans[0])
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as writer:
            writer.execute("BEGIN EXCLUSIVE")
            with pytest.raises(PlanningError) as error:
                back_up(library, tmp_path / "b")
        assert error.value.code == "library_busy"
        assert back_up(library, tmp_path / "b").is_file()

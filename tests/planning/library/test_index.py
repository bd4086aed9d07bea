"""The index is migrated from version 1, refuses a newer one untouched, and is quick."""

from __future__ import annotations

import sqlite3
import time
import zlib
from pathlib import Path

import pytest

from planning.errors import PlanningError
from planning.library.index import APPLICATION_ID, SCHEMA_VERSION, Index
from planning.library.library import Library
from planning.library.model import Card, CaseFields, CaseRow, StoredFile, Wanted

# As version 1 wrote it: never to be changed.
VERSION_1 = """
CREATE TABLE entry (
    id TEXT PRIMARY KEY, added_utc TEXT NOT NULL, document TEXT NOT NULL, title TEXT NOT NULL,
    site TEXT, kind TEXT, series_uid TEXT NOT NULL, values_sha256 TEXT NOT NULL, files BLOB NOT NULL
);
CREATE INDEX entry_by_time ON entry (added_utc DESC, id);
CREATE INDEX entry_by_series ON entry (series_uid);
CREATE TABLE tag (
    id TEXT NOT NULL, folded TEXT NOT NULL, tag TEXT NOT NULL, PRIMARY KEY (folded, id)
) WITHOUT ROWID;
CREATE TABLE technique (
    id TEXT NOT NULL, technique TEXT NOT NULL, PRIMARY KEY (technique, id)
) WITHOUT ROWID;
CREATE TABLE thumbnail (id TEXT PRIMARY KEY, png BLOB NOT NULL);
"""
DOCUMENT_1 = (
    '{"id":"0123456789ab","fields":{"title":"Côte","site":"rib","level":null,"side":"right",'
    '"kind":"lytic","techniques":["cryoablation"],"tags":["Difficile"],"notes":"près du poumon"},'
    '"added_utc":"2026-01-02T03:04:05.000+00:00","series_uid":"2.25.1","modality":"CT","slices":99,'
    '"size_mb":52.1,"plans":["plan-1.osteoplan"],"has_follow_up":false,"problems":[]}'
)
FILES_1 = '[{"name":"image_00001.dcm","size":3,"sha256":"' + "0" * 64 + '","changed_ns":7}]'


def card_of(number: int, fields: CaseFields) -> Card:
    row = CaseRow(
        id=f"{number:012x}",
        fields=fields,
        added_utc=f"2026-01-01T00:00:{number % 60:02d}.000+00:00",
        series_uid=f"2.25.{number + 10}",
        modality="CT",
        slices=300,
        size_mb=150.0,
        plans=("plan-1.osteoplan",),
        has_follow_up=number % 2 == 0,
    )
    files = tuple(
        StoredFile(name=f"image_{n:05d}.dcm", size=527_000, sha256=f"{n:064x}") for n in range(3)
    )
    return Card(row=row, values_sha256=f"{number:064x}", files=files)


def version_1(path: Path) -> Path:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(VERSION_1)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute("PRAGMA user_version = 1")
    values = ("0123456789ab", "2026-01-02T03:04:05.000+00:00", DOCUMENT_1, "cote", "rib", "lytic",
              "2.25.1", "a" * 64, zlib.compress(FILES_1.encode()))  # fmt: skip
    connection.execute("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
    connection.execute("INSERT INTO tag VALUES ('0123456789ab', 'difficile', 'Difficile')")
    connection.execute("INSERT INTO technique VALUES ('0123456789ab', 'cryoablation')")
    connection.execute("INSERT INTO thumbnail VALUES ('0123456789ab', X'89504E47')")
    connection.close()
    return path


def test_a_library_of_version_1_is_migrated(tmp_path: Path) -> None:
    (tmp_path / "cases" / "0123456789ab" / "series").mkdir(parents=True)
    version_1(tmp_path / "library.sqlite")
    with Library.open(tmp_path) as library:
        (row,) = library.search(Wanted(text="POUMON difficile", technique="cryoablation"))
        assert row.model_dump_json() == DOCUMENT_1
        assert library.thumbnail(row.id) == b"\x89PNG"
        card, _ = library.index.card(row.id)
        assert [one.changed_ns for one in card.files] == [7]
        assert library.index.faults() == ""
    new = Index.create(tmp_path / "new.sqlite")
    new.close()
    assert schema(tmp_path / "library.sqlite") == schema(tmp_path / "new.sqlite")


def schema(path: Path) -> list[tuple[str, str]]:
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL")
    found = sorted((str(name), " ".join(str(sql).split())) for name, sql in rows)
    connection.close()
    return found


def test_a_newer_library_is_refused_untouched(tmp_path: Path) -> None:
    Library.open(tmp_path / "l").close()
    path = tmp_path / "l" / "library.sqlite"
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(PlanningError) as refused:
        Library.open(tmp_path / "l")
    assert refused.value.code == "library_too_new"
    assert path.read_bytes() == before


def test_another_database_is_refused(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "library.sqlite").execute("CREATE TABLE t (a)").connection.close()
    with pytest.raises(PlanningError) as refused:
        Library.open(tmp_path)
    assert refused.value.code == "not_a_library"


def test_a_thousand_cases_are_listed_and_searched_in_a_tenth_of_a_second(tmp_path: Path) -> None:
    index = Index.create(tmp_path / "library.sqlite")
    with index.writing():
        for n in range(1000):
            fields = CaseFields(
                title=f"Métastase {n}", site=("rib", "femur")[n % 2], tags=(f"t{n % 7}",)
            )
            index.put(card_of(n, fields), b"png" * 5000)
    for wanted, count in (
        (Wanted(), 1000),
        (Wanted(text="metastase", site="rib"), 500),
        (Wanted(tag="T3"), 143),
    ):
        times = []
        for _ in range(3):
            begun_s = time.perf_counter()
            found = index.search(wanted)
            times.append(time.perf_counter() - begun_s)
        assert len(found) == count
        assert min(times) < 0.1
    index.close()

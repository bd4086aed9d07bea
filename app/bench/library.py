"""Measures of the case library; the peer is a plain table of SQLite with the same texts."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from app.bench.timing import Timed, measure

REPEATS = 15
COUNTS = (1_000, 10_000)
TARGET_S = 0.1  # for a thousand cases
SITES = ("vertebra", "rib", "ilium", "femur", "sacrum")
KINDS = ("lytic", "mixed", "blastic")
TECHNIQUES = ("cryoablation", "cementoplasty", "radiofrequency", "infiltration")
PICTURE_BYTES = 15_000
COLUMNS = "id, title, site, kind, technique, tags, notes, added"


def bench_library(counts: tuple[int, ...] = COUNTS, repeats: int = REPEATS) -> list[dict[str, Any]]:
    """Measure listing all cases and searching them by word, bone and tag.

    Ours gives validated documents, the peer the bare rows of ``SELECT`` with ``LIKE``, as a program
    that does without a library of its own would write it.
    """
    rows = []
    with tempfile.TemporaryDirectory(prefix="osteoplan-bench-") as folder:
        for count in counts:
            rows += _of_size(count, Path(folder), repeats)
    return rows


def _of_size(count: int, folder: Path, repeats: int) -> list[dict[str, Any]]:
    from planning.library.index import Index
    from planning.library.model import Wanted

    index = Index.create(folder / f"library-{count}.sqlite")
    plain = sqlite3.connect(folder / f"plain-{count}.sqlite")
    _fill(index, plain, count)
    wanted = Wanted(text="metastase difficile", site="rib", tag="t3")
    query = (
        f"SELECT {COLUMNS} FROM cases WHERE (title LIKE '%metastase%' OR notes LIKE '%metastase%') "  # noqa: S608
        "AND (title LIKE '%difficile%' OR notes LIKE '%difficile%') AND site = 'rib' "
        "AND tags LIKE '%t3%' ORDER BY added DESC"
    )
    everything = f"SELECT {COLUMNS} FROM cases ORDER BY added DESC"  # noqa: S608
    with closing(index), closing(plain):
        runs = (
            Timed(f"library_list_{count}", lambda: index.search(Wanted()), float(count), "cases/s",
                  {"sqlite3 table": lambda: plain.execute(everything).fetchall()}),
            Timed(f"library_search_{count}", lambda: index.search(wanted), float(count), "cases/s",
                  {"sqlite3 table, LIKE": lambda: plain.execute(query).fetchall()}),
        )  # fmt: skip
        same = {row.id for row in index.search(wanted)} == {row[0] for row in plain.execute(query)}
        if not same:
            message = "the library and the plain table find different cases"
            raise RuntimeError(message)
        rows = [measure(one, repeats) for one in runs]
    return [{**row, "target_s": TARGET_S} if count <= COUNTS[0] else row for row in rows]


def _fill(index: Any, plain: sqlite3.Connection, count: int) -> None:  # noqa: ANN401 - loaded late
    """Write the same cases into both."""
    from planning.library.model import Card, CaseFields, CaseRow, StoredFile

    plain.execute(f"CREATE TABLE cases ({COLUMNS})")
    picture = bytes(range(250)) * (PICTURE_BYTES // 250)
    files = (StoredFile(name="image_00001.dcm", size=527_000, sha256="0" * 64),)
    with index.writing(), plain:
        for n in range(count):
            fields = CaseFields(
                title=f"Metastase {n}",
                site=SITES[n % 5],
                kind=KINDS[n % 3],
                techniques=(TECHNIQUES[n % 4],),
                tags=(f"t{n % 7}",),
                notes="difficile, pres du poumon" if n % 2 else "simple",
            )
            row = CaseRow(
                id=f"{n:012x}",
                fields=fields,
                added_utc=f"2026-01-01T{n // 3600:02d}:{n // 60 % 60:02d}:{n % 60:02d}.000+00:00",
                series_uid=f"2.25.{n + 1}",
                modality="CT",
                slices=300,
                size_mb=158.0,
                plans=("plan-1.osteoplan",),
                has_follow_up=n % 2 == 0,
            )
            index.put(Card(row=row, values_sha256=f"{n:064x}", files=files), picture)
            plain.execute(
                "INSERT INTO cases VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (row.id, fields.title, fields.site, fields.kind, fields.techniques[0],
                 fields.tags[0], fields.notes, row.added_utc),
            )  # fmt: skip

"""The bench measures every correction, on an outline that each of them really changes."""

from __future__ import annotations

import pytest

from app.bench import corrections


def test_every_correction_has_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corrections, "SIZE_KJI", (60, 80, 120))
    rows = corrections.bench_corrections()
    names = ("brush", "eraser", "fill", "smooth", "split", "keep")
    assert [row["name"] for row in rows] == [f"correct_{name}_300" for name in names]
    assert all(row["median_s"] > 0 for row in rows)

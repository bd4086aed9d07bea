"""The bench of the library: listing and searching, with a peer that finds the same cases."""

from __future__ import annotations

from app.bench.library import bench_library


def test_every_row_is_measured_beside_its_peer() -> None:
    rows = bench_library((70,), repeats=1)
    assert [row["name"] for row in rows] == ["library_list_70", "library_search_70"]
    for row in rows:
        assert row["median_s"] > 0
        assert row["target_s"] == 0.1
        assert all(peer["ratio"] > 0 for peer in row["peers"])

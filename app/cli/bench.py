"""The command that measures this machine, each time against a peer in the same run."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from app.bench import measures
from app.bench.ablation import bench_ablation
from app.bench.archive import bench_archive
from app.bench.corrections import bench_corrections
from app.bench.lesion import bench_lesion
from app.bench.library import bench_library
from app.bench.load import bench_load
from app.bench.structures import bench_structures
from app.bench.technique import bench_technique
from app.bench.views import bench_screen
from app.cli.output import emit, json_option

LEAST_SECONDS = 0.1  # below, milliseconds are told
NAMES = (
    "load",
    "archive",
    "views",
    "lesion",
    "structures",
    "access",
    "ablation",
    "technique",
    "library",
)


@click.command("bench")
@click.argument("name", type=click.Choice(NAMES), required=False)
@click.argument("path", type=click.Path(path_type=Path), required=False)
@json_option
def bench_command(name: str | None, path: Path | None, as_json: bool) -> None:
    """Measure this machine: all of it, or NAME.

    `bench load PATH` reads that series, `bench structures PATH` finds its structures.
    """
    runs: dict[str, Callable[[], list[dict[str, Any]]]] = {
        "load": lambda: bench_load(path),
        "archive": bench_archive,
        "views": lambda: measures.bench_views() + bench_screen(),
        "lesion": lambda: bench_lesion(path) + bench_corrections(),
        "structures": lambda: bench_structures(path),
        "access": measures.bench_access,
        "ablation": bench_ablation,
        "technique": bench_technique,
        "library": bench_library,
    }
    rows = [row for key in ([name] if name else NAMES) for row in runs[key]()]
    machine = {
        "system": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }
    emit({"machine": machine, "results": rows}, as_json, _as_text(rows))


def _as_text(rows: list[dict[str, Any]]) -> str:
    lines = []
    for row in rows:
        if "skipped" in row:
            lines.append(f"{row['name']}: {row['skipped']}")
            continue
        told = f"{row['name']}: median {_time(row['median_s'])}, {row['rate']:.3g} {row['unit']}"
        for peer in row["peers"]:
            told += f"; {peer['name']} {_time(peer['median_s'])}, ratio {peer['ratio']:.1f}"
        if "p95_s" in row:
            told += f"; 95th percentile {_time(row['p95_s'])}"
        if "target_s" in row:
            told += f", wanted {_time(row['target_s'])}"
        if "peak_memory_ratio" in row:
            told += f"; peak memory {row['peak_memory_ratio']:.2f} times the volume"
        lines.append(told)
    return "\n".join(lines)


def _time(seconds: float) -> str:
    return f"{1000 * seconds:.2f} ms" if seconds < LEAST_SECONDS else f"{seconds:.3f} s"

"""`osteoplan phantom`: generated CT with known truth, and lesions put into real series."""

from __future__ import annotations

from pathlib import Path

import click

from app.cli import output
from imaging.phantom.truth import Truth
from imaging.progress import Progress


@click.command("phantom")
@click.argument("out", required=False, type=click.Path(path_type=Path))
@click.option("--case", "case_name", help="Which generated case; the first of --list by default.")
@click.option("--list", "list_cases", is_flag=True, help="List the cases.")
@click.option(
    "--into", type=click.Path(path_type=Path), help="Series the lesion is put into, instead."
)
@click.option("--series", "series_uid", help="Series UID, when --into holds several.")
@click.option("--at", "at_lps_mm", type=output.POINT, help="Centre of the lesion, LPS mm.")
@click.option("--diameter", "diameter_mm", type=float, help="Its diameter in mm.")
@click.option("--breach", is_flag=True, help="Let it break through the nearest cortex.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Of its border and the noise.")
@output.json_option
def phantom_command(
    out: Path | None,
    case_name: str | None,
    list_cases: bool,
    into: Path | None,
    series_uid: str | None,
    at_lps_mm: tuple[float, float, float] | None,
    diameter_mm: float | None,
    breach: bool,
    seed: int | None,
    as_json: bool,
) -> None:
    """Write a teaching CT with a known lesion into the folder OUT."""
    if list_cases:
        _list(as_json)
        return
    if out is None:
        message = "name the folder to write into, or ask for --list"
        raise click.UsageError(message)
    with output.progress_bar() as progress:
        if into is None:
            _no_insertion_options(at_lps_mm, diameter_mm, breach, series_uid)
            truth, files = _generate(out, case_name, seed, progress)
        else:
            if case_name is not None:
                message = "--case makes a generated CT; it cannot be combined with --into"
                raise click.UsageError(message)
            if at_lps_mm is None or diameter_mm is None:
                message = "--into needs --at X,Y,Z and --diameter MM"
                raise click.UsageError(message)
            request = (at_lps_mm, diameter_mm, breach, 1 if seed is None else seed)
            truth, files = _insert(out, into, series_uid, request, progress)
    answer = {**truth.model_dump(mode="json"), "files": [str(file) for file in files]}
    size = truth.lesion
    text = (
        f"{truth.title_en}: {size.length_mm:.1f} × {size.width_mm:.1f} mm, "
        f"{size.volume_ml:.1f} mL, seed {','.join(f'{n:.1f}' for n in size.seed_lps_mm)}\n"
        + "\n".join(str(file) for file in files)
    )
    output.emit(answer, as_json, text)


def _list(as_json: bool) -> None:
    from imaging.phantom.cases import cases

    rows = list(cases().values())
    text = "\n".join(f"{row.name:16} {row.title_en} · {row.title_fr}" for row in rows)
    output.emit({"cases": [row.model_dump(mode="json") for row in rows]}, as_json, text)


def _no_insertion_options(
    at_lps_mm: tuple[float, float, float] | None,
    diameter_mm: float | None,
    breach: bool,
    series_uid: str | None,
) -> None:
    if at_lps_mm is not None or diameter_mm is not None or breach or series_uid is not None:
        message = "--at, --diameter, --breach and --series belong to --into PATH"
        raise click.UsageError(message)


def _generate(
    out: Path, case_name: str | None, seed: int | None, progress: Progress
) -> tuple[Truth, tuple[Path, ...]]:
    from imaging.phantom.cases import cases, generate
    from imaging.phantom.save import refuse_used_folder, save_case

    refuse_used_folder(out)
    name = case_name or next(iter(cases()))
    case = generate(name, seed=seed, progress=progress.part(0.0, 0.85))
    files = save_case(
        out,
        case.volume,
        case.lesion,
        case.truth,
        labels=case.labels,
        names=case.names,
        progress=progress.part(0.85, 1.0),
    )
    return case.truth, files


def _insert(
    out: Path,
    into: Path,
    series_uid: str | None,
    request: tuple[tuple[float, float, float], float, bool, int],
    progress: Progress,
) -> tuple[Truth, tuple[Path, ...]]:
    from imaging.files import read_volume
    from imaging.phantom.insert import insert_lesion
    from imaging.phantom.save import refuse_used_folder, save_case

    refuse_used_folder(out)
    volume = read_volume(into, series_uid, progress.part(0.0, 0.5))
    inserted = insert_lesion(volume, *request)
    progress.update(0.7, "writing")
    files = save_case(
        out,
        inserted.volume,
        inserted.lesion,
        inserted.truth,
        progress=progress.part(0.7, 1.0),
    )
    return inserted.truth, files

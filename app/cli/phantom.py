"""`osteoplan phantom`: generated CT with known truth, and lesions put into real series."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli import output
from imaging.phantom.truth import Kind, Truth
from imaging.progress import Progress

if TYPE_CHECKING:
    from imaging.phantom.insert import Request


class DiametersType(click.ParamType[tuple[float, float, float]]):
    """Three diameters as ``A,B,C``, in millimetres."""

    name = "A,B,C"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float, float]:
        """Return the three, or fail with how to write them."""
        if isinstance(value, tuple):
            return value
        try:
            a, b, c = (float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"'{value}' are not three diameters; write A,B,C in millimetres", param, ctx)
        return a, b, c


DIAMETERS = DiametersType()


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
@click.option(
    "--diameters",
    "diameters_mm",
    type=DIAMETERS,
    help="Or those of an ellipsoid along x (left), y (back) and z (head), in mm.",
)
@click.option(
    "--kind",
    type=click.Choice(["lytic", "mixed", "blastic"]),
    help="What it is made of; lytic by default. A mixed one has sclerotic islands.",
)
@click.option(
    "--hu",
    type=float,
    help="Mean of its tissue: lytic -100 to 150 (45 by default), mixed 100 to 500 (250), "
    "blastic 300 to 2000 (700).",
)
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
    diameters_mm: tuple[float, float, float] | None,
    kind: Kind | None,
    hu: float | None,
    breach: bool,
    seed: int | None,
    as_json: bool,
) -> None:
    """Write a teaching CT with a known lesion into the folder OUT.

    The CT is generated (--case), or is a real series (--into PATH) that gets a lesion: --at its
    centre, of one --diameter or of three --diameters.
    """
    if list_cases:
        _list(as_json)
        return
    if out is None:
        message = "name the folder to write into, or ask for --list"
        raise click.UsageError(message)
    with output.progress_bar() as progress:
        if into is None:
            _no_insertion_options(
                (at_lps_mm, diameter_mm, diameters_mm, kind, hu, series_uid), breach
            )
            truth, files = _generate(out, case_name, seed, progress)
        else:
            if case_name is not None:
                message = "--case makes a generated CT; it cannot be combined with --into"
                raise click.UsageError(message)
            if at_lps_mm is None or (diameter_mm is None) == (diameters_mm is None):
                message = "--into needs --at X,Y,Z and either --diameter MM or --diameters A,B,C"
                raise click.UsageError(message)
            from imaging.phantom.insert import Request

            request = Request(
                at_lps_mm=at_lps_mm,
                diameter_mm=diameter_mm,
                breach=breach,
                seed=1 if seed is None else seed,
                kind=kind or "lytic",
                hu=hu,
                diameters_mm=diameters_mm,
            )
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


def _no_insertion_options(options: tuple[object, ...], breach: bool) -> None:
    if breach or any(option is not None for option in options):
        message = (
            "--at, --diameter, --diameters, --kind, --hu, --breach and --series belong to "
            "--into PATH"
        )
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
    request: Request,
    progress: Progress,
) -> tuple[Truth, tuple[Path, ...]]:
    from imaging.files import read_volume
    from imaging.phantom.insert import insert
    from imaging.phantom.save import refuse_used_folder, save_case

    refuse_used_folder(out)
    volume = read_volume(into, series_uid, progress.part(0.0, 0.5))
    inserted = insert(volume, request)
    progress.update(0.7, "writing")
    files = save_case(
        out,
        inserted.volume,
        inserted.lesion,
        inserted.truth,
        progress=progress.part(0.7, 1.0),
    )
    return inserted.truth, files

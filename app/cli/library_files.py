"""``osteoplan library``: cases as files, backups, and a library that is damaged."""

from __future__ import annotations

from pathlib import Path

import click

from app.cli.library_options import PATH, of_case, of_library, of_passphrase, opened, passphrase
from app.cli.output import EXIT_REFUSED, emit, json_option, progress_bar, warn
from imaging.errors import Problem
from planning.library.backup import back_up, restore
from planning.library.exchange import export_case, import_case, is_sealed
from planning.library.place import library_folder
from planning.library.recovery import recover


@click.command("export", short_help="Writes a case into one file.")
@of_case
@click.argument("out", metavar="FILE", type=PATH)
@of_passphrase
def export_command(
    case_id: str,
    out: Path,
    library: Path | None,
    as_json: bool,
    asked: bool,
    passphrase_file: Path | None,
) -> None:
    """Write the case ID into FILE.osteocase; with a passphrase it is locked in the age format."""
    secret = passphrase(asked, passphrase_file, is_new=True)
    with opened(library) as kept, progress_bar() as progress:
        path = export_case(kept, case_id, out, secret, progress)
    size = path.stat().st_size
    document = {"file": path, "bytes": size, "locked": secret is not None}
    emit(document, as_json, f"{path} ({size / 1e6:.1f} MB)")


@click.command("import", short_help="Takes a case from a file.")
@click.argument("file", type=PATH)
@of_library
@of_passphrase
def import_command(
    file: Path, library: Path | None, as_json: bool, asked: bool, passphrase_file: Path | None
) -> None:
    """Take the case in FILE into the library; for a locked one the passphrase is asked for."""
    secret = passphrase(asked or is_sealed(file), passphrase_file, is_new=False)
    with opened(library) as kept, progress_bar() as progress:
        row = import_case(kept, file, secret, progress)
    emit(row, as_json, f"{row.id}  {row.fields.title}")


@click.command("check", short_help="Looks for what is missing or changed.")
@of_library
@click.option("--thorough", is_flag=True, help="Compare every byte of every series.")
def check_command(library: Path | None, as_json: bool, thorough: bool) -> int:
    """Look for files that are missing or changed and for what belongs to nothing.

    Nothing is changed. The exit status is 3 when something is found.
    """
    with opened(library) as kept, progress_bar() as progress:
        found = kept.check(thorough=thorough, progress=progress)
        count = len(kept.index.ids())
    document = {"cases": count, "thorough": thorough, "problems": found}
    emit(document, as_json, "\n".join(map(_line, found)) or f"{count} cases, all is well")
    return EXIT_REFUSED if found else 0


@click.command("backup", short_help="Writes the whole library into one file.")
@click.argument("file", type=PATH)
@of_library
def backup_command(file: Path, library: Path | None, as_json: bool) -> None:
    """Write the library into FILE.osteolibrary, also while other programs use it."""
    with opened(library) as kept, progress_bar() as progress:
        path = back_up(kept, file, progress)
    size = path.stat().st_size
    emit({"file": path, "bytes": size}, as_json, f"{path} ({size / 1e6:.1f} MB)")


@click.command("restore", short_help="Makes a library from a backup.")
@click.argument("file", type=PATH)
@click.argument("folder", metavar="DIR", type=PATH)
@json_option
def restore_command(file: Path, folder: Path, as_json: bool) -> None:
    """Make the library DIR, new or empty, from the backup FILE; every byte is compared first."""
    with progress_bar() as progress, restore(file, folder, progress) as kept:
        count = len(kept.search())
        emit({"library": kept.root, "cases": count}, as_json, f"{kept.root}: {count} cases")


@click.command("recover", short_help="Makes a damaged index anew from the folders.")
@click.argument("folder", metavar="[DIR]", type=PATH, required=False)
@json_option
def recover_command(folder: Path | None, as_json: bool) -> int:
    """Make the index of the library DIR anew; the damaged one is moved aside, nothing is deleted.

    Close the library in other programs first. The exit status is 3 when a case could not be read.
    """
    with progress_bar() as progress:
        found = recover(folder or library_folder(), progress)
    lines = [f"{len(found.kept)} cases are there, {len(found.lost)} could not be read"]
    lines += [f"the old index is now {name}" for name in found.moved_aside]
    emit(found, as_json, "\n".join([*lines, *map(_line, found.problems)]))
    if found.lost:
        warn("the folders that could not be read stay where they are; look at them by hand")
    return EXIT_REFUSED if found.lost else 0


def _line(problem: Problem) -> str:
    return f"{problem.where}: {problem.message}" if problem.where else problem.message

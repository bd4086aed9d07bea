"""Commands that give images away or fetch them: anonymised copies, and the archive."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.output import emit, json_option, progress_bar, warn
from imaging.dicom.anonymise import anonymise
from imaging.dicom.discover import opened

if TYPE_CHECKING:
    from imaging.dicom.network import Peer

PATH = click.Path(path_type=Path)


@click.command("anonymise")
@click.argument("source", metavar="IN", type=PATH)
@click.argument("out", type=PATH)
@json_option
def anonymise_command(source: Path, out: Path, as_json: bool) -> None:
    """Copy the study IN without identifiers into the new folder OUT."""
    with progress_bar() as progress:
        done = anonymise(source, out, progress)
    for one in done.skipped:
        warn(f"{one.path}: {one.reason}")
    document = {"files": [str(file) for file in done.files], "skipped": done.skipped}
    emit(document, as_json, f"{len(done.files)} images copied without identifiers to {out}")


@click.group("pacs")
@click.option("--host", default="127.0.0.1", help="Address of the archive.")
@click.option("--port", type=click.IntRange(1, 65535), default=4242, help="Its port.")
@click.option("--called", default="ORTHANC", help="Its AE title.")
@click.option("--calling", default="OSTEOPLAN", help="Our AE title.")
@click.option("--remote", is_flag=True, help="Allow an archive on another machine.")
@click.pass_context
def pacs_command(
    context: click.Context, host: str, port: int, called: str, calling: str, remote: bool
) -> None:
    """Talk to an archive."""
    from imaging.dicom.network import Peer

    context.obj = Peer(host, port, called, calling, remote)


@pacs_command.command("echo")
@json_option
@click.pass_obj
def _echo(peer: object, as_json: bool) -> None:
    """Ask for a sign of life."""
    from imaging.dicom import network

    seconds = network.echo(_peer(peer))
    emit({"answered_s": seconds}, as_json, f"answered after {seconds * 1000:.0f} ms")


@pacs_command.command("find")
@click.option("--patient", default="", help="Patient ID.")
@click.option("--study", default="", metavar="UID", help="List the series of this study.")
@json_option
@click.pass_obj
def _find(peer: object, patient: str, study: str, as_json: bool) -> None:
    """List studies, or the series of a study."""
    from imaging.dicom import network

    rows = network.find(_peer(peer), patient, study)
    text = "\n".join("  ".join(f"{key}={value}" for key, value in row.items()) for row in rows)
    emit({"found": rows}, as_json, text or "nothing found")


@pacs_command.command("fetch")
@click.argument("folder", type=PATH)
@click.option("--study", required=True, metavar="UID", help="Study to fetch.")
@click.option("--series", default="", metavar="UID", help="One of its series.")
@json_option
@click.pass_obj
def _fetch(peer: object, folder: Path, study: str, series: str, as_json: bool) -> None:
    """Fetch a study or series into FOLDER."""
    from imaging.dicom import network

    files = network.fetch(_peer(peer), study, series, folder)
    emit({"files": [str(f) for f in files]}, as_json, f"{len(files)} images fetched to {folder}")


@pacs_command.command("send")
@click.argument("path", type=PATH)
@json_option
@click.pass_obj
def _send(peer: object, path: Path, as_json: bool) -> None:
    """Send the DICOM files under PATH."""
    from imaging.dicom import network

    with opened(path) as files, progress_bar() as progress:
        stored = network.send(_peer(peer), files, progress)
    emit({"stored": stored}, as_json, f"{stored} files stored")


@pacs_command.command("receive")
@click.argument("folder", type=PATH)
@click.option("--listen", type=click.IntRange(1024, 65535), default=11112, help="Our port.")
@click.option("--seconds", type=click.FloatRange(0.1, 86400), default=600.0, help="How long.")
@json_option
@click.pass_obj
def _receive(peer: object, folder: Path, listen: int, seconds: float, as_json: bool) -> None:
    """Receive what is pushed to this machine into FOLDER."""
    from imaging.dicom import network

    with progress_bar() as progress:
        files = network.receive(folder, listen, _peer(peer).calling, seconds, progress)
    emit({"files": [str(f) for f in files]}, as_json, f"{len(files)} images received in {folder}")


def _peer(value: object) -> Peer:
    from imaging.dicom import network

    if not isinstance(value, network.Peer):
        message = "the group gives its peer to every command"
        raise TypeError(message)
    return value

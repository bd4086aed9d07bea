"""Commands that talk to an archive, over DIMSE or DICOMweb."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from app.cli.output import emit, json_option, progress_bar, warn
from imaging.dicom.archive.peer import TIMEOUT_S, Peer, Tls

if TYPE_CHECKING:
    from imaging.dicom.archive.inbox import ArrivedSeries
    from imaging.dicom.archive.receive import Listening

PATH = click.Path(path_type=Path)
GIB = 1 << 30
PORT = click.IntRange(1024, 65535)


@click.group("pacs")
@click.option("--host", default="127.0.0.1", help="Address of the archive.")
@click.option("--port", type=click.IntRange(1, 65535), default=4242, help="Its port.")
@click.option("--called", default="ORTHANC", help="Its AE title.")
@click.option("--calling", default="OSTEOPLAN", help="Our AE title.")
@click.option("--remote", is_flag=True, help="Allow another machine than this one.")
@click.option("--web", default="", metavar="URL", help="Its DICOMweb address; used when given.")
@click.option("--tls", is_flag=True, help="Encrypt (TLS 1.2 or later).")
@click.option("--ca", type=PATH, help="PEM certificate of the authority that is trusted.")
@click.option("--cert", type=PATH, help="Our PEM certificate.")
@click.option("--key", type=PATH, help="Its key.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0.1, 3600),
    default=TIMEOUT_S,
    metavar="SECONDS",
    help="Silence after which the other side is given up.",
)
@click.pass_context
def pacs_command(
    context: click.Context,
    host: str,
    port: int,
    called: str,
    calling: str,
    remote: bool,
    web: str,
    tls: bool,
    ca: Path | None,
    cert: Path | None,
    key: Path | None,
    timeout_s: float,
) -> None:
    """Talk to an archive. Other machines only with --remote."""
    encrypted = Tls(ca, cert, key) if tls or ca or cert or key else None
    context.obj = Peer(host, port, called, calling, remote, encrypted, web, timeout_s)


@pacs_command.command("echo")
@json_option
@click.pass_obj
def _echo(peer: Peer, as_json: bool) -> None:
    """Ask for a sign of life."""
    from imaging.dicom.archive.query import echo

    seconds = echo(peer)
    emit({"answered_s": seconds}, as_json, f"answered after {seconds * 1000:.0f} ms")


@pacs_command.command("find")
@click.option("--patient", default="", help="Patient ID; * and ? stand for any text.")
@click.option("--name", default="", help="Patient's name; * and ? stand for any text.")
@click.option("--date", default="", help="Study date YYYYMMDD, or YYYYMMDD-YYYYMMDD.")
@click.option("--accession", default="", help="Accession number.")
@click.option("--modality", default="", help="Such as CT.")
@click.option("--study", default="", metavar="UID", help="List the series of this study.")
@click.option("--series", default="", metavar="UID", help="List the images of this series.")
@click.option(
    "--level",
    type=click.Choice(["study", "series", "image"]),
    help="What is listed; derived from --study and --series when absent.",
)
@json_option
@click.pass_obj
def _find(
    peer: Peer,
    patient: str,
    name: str,
    date: str,
    accession: str,
    modality: str,
    study: str,
    series: str,
    level: Literal["study", "series", "image"] | None,
    as_json: bool,
) -> None:
    """List studies, the series of a study, or the images of a series."""
    from imaging.dicom.archive.query import Query, find

    chosen = level or ("image" if study and series else "series" if study else "study")
    query = Query(chosen, patient, name, date, accession, modality, study, series)
    with progress_bar() as progress:
        rows = find(peer, query, progress)
    text = "\n".join("  ".join(f"{key}={value}" for key, value in row.items()) for row in rows)
    emit({"found": rows}, as_json, text or "nothing found")


_quota = click.option(
    "--quota-gib",
    type=click.FloatRange(0, 1 << 20),
    default=50.0,
    help="What FOLDER may hold; 1 GiB is left free on the disk in any case.",
)
_listen = click.option("--listen", type=PORT, default=11112, help="Our port.")
_address = click.option(
    "--address", default="127.0.0.1", help="Our address; another than this one needs --remote."
)
_callers = click.option(
    "--from",
    "callers",
    multiple=True,
    metavar="AET",
    help="AE title that may push to us; repeatable. The archive's (--called) when absent.",
)


@pacs_command.command("fetch")
@click.argument("folder", type=PATH)
@click.option("--study", required=True, metavar="UID", help="Study to fetch.")
@click.option("--series", default="", metavar="UID", help="One of its series.")
@click.option(
    "--by",
    type=click.Choice(["get", "move", "web"]),
    help="C-GET, C-MOVE or WADO-RS; C-GET, or WADO-RS with --web, when absent.",
)
@_listen
@_address
@_callers
@_quota
@json_option
@click.pass_obj
def _fetch(
    peer: Peer,
    folder: Path,
    study: str,
    series: str,
    by: Literal["get", "move", "web"] | None,
    listen: int,
    address: str,
    callers: tuple[str, ...],
    quota_gib: float,
    as_json: bool,
) -> None:
    """Fetch a study or series into FOLDER, one folder a series."""
    from imaging.dicom.archive.fetch import Wanted, fetch

    with progress_bar() as progress:
        done = fetch(
            peer,
            Wanted(study, series),
            folder,
            by=by or ("web" if peer.web else "get"),
            listening=_listening(peer, callers, listen, address),
            quota_bytes=round(quota_gib * GIB),
            progress=progress,
        )
    document = {"files": done.files, "complete": _told(done.series), "partial": []}
    emit(document, as_json, f"{len(done.files)} images fetched to {folder}")


@pacs_command.command("send")
@click.argument("path", type=PATH)
@click.option(
    "--by",
    type=click.Choice(["store", "web"]),
    help="C-STORE or STOW-RS; C-STORE, or STOW-RS with --web, when absent.",
)
@json_option
@click.pass_obj
def _send(peer: Peer, path: Path, by: Literal["store", "web"] | None, as_json: bool) -> None:
    """Send the DICOM files under PATH, each as it is encoded."""
    from dataclasses import replace

    from imaging.dicom.archive.send import refuse_failed, send
    from imaging.dicom.discover import opened
    from imaging.errors import refuse_image

    if by == "web" and not peer.web:
        message = "name the archive's DICOMweb address with --web URL"
        raise refuse_image("no_web_address", message, "--web")
    chosen = replace(peer, web="") if by == "store" else peer
    with opened(path) as files, progress_bar() as progress:
        sent = send(chosen, files, progress)
        skipped = [str(file) for file in sent.skipped]
    for file in skipped:
        warn(f"{file}: not a DICOM object, not sent")
    refuse_failed(sent)
    document = {"stored": sent.stored, "skipped": skipped}
    emit(document, as_json, f"{sent.stored} files stored")


@pacs_command.command("receive")
@click.argument("folder", type=PATH)
@_listen
@click.option("--seconds", type=click.FloatRange(0.1, 86400), default=600.0, help="How long.")
@_address
@_callers
@_quota
@json_option
@click.pass_obj
def _receive(
    peer: Peer,
    folder: Path,
    listen: int,
    seconds: float,
    address: str,
    callers: tuple[str, ...],
    quota_gib: float,
    as_json: bool,
) -> None:
    """Receive what named peers push to this machine into FOLDER, one folder a series."""
    from imaging.dicom.archive.receive import receive

    with progress_bar() as progress:
        got = receive(
            folder,
            _listening(peer, callers, listen, address),
            seconds,
            quota_bytes=round(quota_gib * GIB),
            progress=progress,
        )
    for one in got.partial:
        warn(f"{one.folder}: the delivery was cut or something of it was refused")
    for problem in got.refused:
        warn(problem.message)
    document = {
        "files": got.files,
        "complete": _told(got.complete),
        "partial": _told(got.partial),
        "refused": got.refused,
        "rejected_associations": got.rejected,
    }
    emit(document, as_json, f"{len(got.files)} images received in {folder}")


def _listening(peer: Peer, callers: tuple[str, ...], listen: int, address: str) -> Listening:
    from imaging.dicom.archive.receive import Listening

    return Listening(
        title=peer.calling,
        callers=callers or (peer.called,),
        port=listen,
        address=address,
        remote=peer.remote,
        tls=peer.tls,
        timeout_s=peer.timeout_s,
    )


def _told(series: tuple[ArrivedSeries, ...]) -> list[dict[str, object]]:
    return [{"uid": one.uid, "folder": one.folder, "images": one.images} for one in series]

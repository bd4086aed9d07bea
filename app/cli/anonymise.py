"""The command that gives images away: copies without identifiers."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from app.cli.output import emit, json_option, progress_bar, warn
from imaging.dicom.anonymise import AnonymisedStudy, Options, anonymise
from imaging.errors import refuse_image

PATH = click.Path(path_type=Path)
MOST_KEY_BYTES = 1 << 20


@click.command("anonymise")
@click.argument("source", metavar="IN", type=PATH)
@click.argument("out", type=PATH)
@click.option(
    "--dates",
    type=click.Choice(["shift", "remove"]),
    default="shift",
    show_default=True,
    help="Move all dates of a patient by one number of days, or take them out.",
)
@click.option(
    "--descriptors",
    type=click.Choice(["clean", "remove"]),
    default="clean",
    show_default=True,
    help="Keep the words of the table in descriptions and structure names, or none.",
)
@click.option("--name", default="", help="Name in the copies; derived when left out.")
@click.option("--id", "patient_id", default="", help="Patient ID in the copies; likewise.")
@click.option(
    "--key",
    type=PATH,
    help="File with a secret: the same one gives a patient the same pseudonym and shift again.",
)
@click.option(
    "--show-names", is_flag=True, help="Name the files set aside; a path may name the patient."
)
@json_option
def anonymise_command(
    source: Path,
    out: Path,
    dates: Literal["shift", "remove"],
    descriptors: Literal["clean", "remove"],
    name: str,
    patient_id: str,
    key: Path | None,
    show_names: bool,
    as_json: bool,
) -> None:
    """Copy the study IN without identifiers into the new folder OUT, and check the copies.

    OUT/report.json says what was removed. Files whose pixels or text may name somebody are not
    copied. The patient's face in a CT of the head is not removed.
    """
    options = Options(dates, descriptors, name, patient_id, _secret(key))
    with progress_bar() as progress:
        done = anonymise(source, out, progress, options, show_names=show_names)
    for one in done.skipped:
        warn(f"{one.path}: {one.reason}")
    for line in done.report.warnings:
        warn(f"{len(line.files)} files: {line.reason}")
    document = {"files": done.files, "skipped": done.skipped, "report": done.report}
    emit(document, as_json, _summary(done))


def _secret(key: Path | None) -> bytes:
    if key is None:
        return b""
    try:
        with key.open("rb") as stream:
            secret = stream.read(MOST_KEY_BYTES).strip()
    except OSError as error:
        message = f"the key cannot be read ({error.strerror}); choose a file with a secret"
        raise refuse_image("no_key", message, "--key") from None
    if not secret:
        message = "the key is empty; fill it, for instance with `openssl rand -hex 32`"
        raise refuse_image("weak_key", message, "--key")
    return secret


def _summary(done: AnonymisedStudy) -> str:
    report = done.report
    actions: dict[str, int] = {}
    for line in report.attributes:
        actions[line.action] = actions.get(line.action, 0) + line.count
    counts = ", ".join(f"{count} {action}" for action, count in sorted(actions.items()))
    return "\n".join(
        [
            f"{report.files_copied} files copied, {report.files_set_aside} set aside",
            f"elements: {counts}",
            f"private elements removed: {report.private_elements_removed}; "
            f"overlays and unknown: {report.overlays_and_unknown_removed}; "
            f"words dropped from descriptions: {report.descriptor_words_dropped}",
            f"read again: {report.check.files_read} files, "
            f"{report.check.identifiers_searched} identifiers searched, none found",
        ]
    )

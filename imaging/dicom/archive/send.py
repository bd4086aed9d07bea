"""Sends files to an archive, each as it is encoded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom.uid import UID
from pynetdicom.association import Association

from imaging.dicom.archive.association import associated
from imaging.dicom.archive.outgoing import Outgoing, outgoing
from imaging.dicom.archive.peer import Peer
from imaging.dicom.archive.sop_classes import MAX_CONTEXTS
from imaging.errors import ImagingError, Problem, refuse_image
from imaging.progress import SILENT, Progress

WARNINGS = (0xB000, 0xB006, 0xB007)  # stored, with a remark (PS3.4, B.2.3)


@dataclass(frozen=True)
class Sent:
    """What the archive stored.

    Parameters
    ----------
    stored : int
        Files it stored.
    failed : tuple of Problem
        One for each file it did not store.
    skipped : tuple of Path
        Files that are not DICOM objects.
    """

    stored: int
    failed: tuple[Problem, ...] = ()
    skipped: tuple[Path, ...] = ()


def send(peer: Peer, files: Sequence[Path], progress: Progress = SILENT) -> Sent:
    """Send files, over DICOMweb when the peer has such an address, else by C-STORE.

    Parameters
    ----------
    peer : Peer
        The archive.
    files : sequence of Path
        Files; those that are not DICOM objects are left out.
    progress : Progress
        Told after each file; cancels between two.

    Returns
    -------
    Sent
        What was stored and what was not; a file that fails does not stop the others.

    Raises
    ------
    ImagingError
        When there is nothing to send, or the archive does not answer or refuses.
    Cancelled
        When it is no longer wanted; what was sent until then stays in the archive.
    """
    objects, others = outgoing(files)
    if not objects:
        message = "there is no DICOM object to send; check the path"
        raise refuse_image("nothing_to_send", message)
    if peer.web:
        from imaging.dicom.archive.web import stow

        failed = stow(peer, objects, progress)
    else:
        failed = _by_store(peer, objects, progress)
    return Sent(len(objects) - len(failed), tuple(failed), tuple(others))


def _by_store(peer: Peer, objects: list[Outgoing], progress: Progress) -> list[Problem]:
    failed: list[Problem] = []
    done = 0
    for contexts, group in _groups(objects):
        with associated(peer, [(sop_class, [syntax]) for sop_class, syntax in contexts]) as link:
            accepted = {(one.abstract_syntax, one.transfer_syntax[0])
                        for one in link.accepted_contexts}  # fmt: skip
            lost = False
            for number, one in enumerate(group):
                if lost:
                    failed += [_lost(late) for late in group[number:]]
                    break
                progress.update((done + number) / len(objects), "sending")
                if (one.sop_class, one.syntax) not in accepted:
                    failed.append(_not_taken(one))
                elif (problem := _stored(link, one)) is not None:
                    failed.append(problem)
                    lost = problem.code == "connection_lost"
        done += len(group)
    return failed


def _groups(
    objects: list[Outgoing],
) -> Iterator[tuple[list[tuple[UID, UID]], list[Outgoing]]]:
    """Part the files so that no association needs more contexts than it can have."""
    kinds = list(dict.fromkeys((one.sop_class, one.syntax) for one in objects))
    for first in range(0, len(kinds), MAX_CONTEXTS):
        some = kinds[first : first + MAX_CONTEXTS]
        yield some, [one for one in objects if (one.sop_class, one.syntax) in set(some)]


def _stored(link: Association, one: Outgoing) -> Problem | None:
    try:
        answer = link.send_c_store(one.path)
    except (OSError, ValueError, AttributeError, RuntimeError) as error:
        message = f"not sent: the file cannot be read ({type(error).__name__})"
        return Problem(code="not_sent", message=message, where=one.path.name)
    if not answer or "Status" not in answer:
        return _lost(one)
    status = int(answer.Status)
    if status == 0 or status in WARNINGS:
        return None
    reason = "it is full" if status & 0xFF00 == 0xA700 else f"status {status:04X}"
    message = f"the archive did not store the file ({reason}); look at its log"
    return Problem(code="not_stored", message=message, where=one.path.name)


def _lost(one: Outgoing) -> Problem:
    message = "not sent: the connection was lost. Send again"
    return Problem(code="connection_lost", message=message, where=one.path.name)


def _not_taken(one: Outgoing) -> Problem:
    message = f"the archive does not take {one.sop_class.name} encoded as {one.syntax.name}"
    return Problem(code="not_accepted", message=message, where=one.path.name)


def refuse_failed(sent: Sent) -> None:
    """Refuse to call a sending done of which something failed.

    Parameters
    ----------
    sent : Sent
        As :func:`send` gives it.

    Raises
    ------
    ImagingError
        When a file was not stored: first how many, then each.
    """
    if sent.failed:
        total = sent.stored + len(sent.failed)
        message = f"{sent.stored} of {total} files were stored; send the others again"
        whole = Problem(code="partial_transfer", message=message)
        raise ImagingError([whole, *sent.failed])

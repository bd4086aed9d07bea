"""Fetches a study or a series: all of it, or visibly a part."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.association import Association

from imaging.dicom.archive.association import SUCCESS, associated
from imaging.dicom.archive.inbox import (
    KEEP_FREE_BYTES,
    PARTIAL,
    QUOTA_BYTES,
    ArrivedSeries,
    Delivery,
    Inbox,
    ObjectHeader,
    Receipt,
)
from imaging.dicom.archive.peer import Peer, check_uids
from imaging.dicom.archive.query import promised_images
from imaging.dicom.archive.receive import DOES_NOT_MATCH, Listening, serving, store_object
from imaging.dicom.archive.sop_classes import (
    PLAIN,
    STORED,
    STUDY_ROOT_GET,
    STUDY_ROOT_MOVE,
    contexts_to_get,
)
from imaging.errors import ImagingError, Problem, refuse_image
from imaging.progress import SILENT, Progress

By = Literal["get", "move", "web"]
POLL_S = 0.05
MESSAGE_ID = 1
CANCEL_GRACE_S = 2.0  # for the archive to stop after C-CANCEL; then the association is aborted


@dataclass(frozen=True)
class Wanted:
    """What is fetched.

    Parameters
    ----------
    study_uid : str
        The study.
    series_uid : str
        One of its series; empty for all.
    """

    study_uid: str
    series_uid: str = ""

    def holds(self, header: ObjectHeader) -> bool:
        """Tell whether an object was asked for.

        Parameters
        ----------
        header : ObjectHeader
            Of what arrived.

        Returns
        -------
        bool
            True when study and series are those.
        """
        return header.study_uid == self.study_uid and self.series_uid in {"", header.series_uid}


@dataclass(frozen=True)
class Fetched:
    """What was fetched, whole.

    Parameters
    ----------
    files : tuple of Path
        Every image.
    series : tuple of ArrivedSeries
        Its series.
    """

    files: tuple[Path, ...]
    series: tuple[ArrivedSeries, ...]


def fetch(
    peer: Peer,
    wanted: Wanted,
    folder: Path,
    *,
    by: By = "get",
    listening: Listening | None = None,
    quota_bytes: int = QUOTA_BYTES,
    keep_free_bytes: int = KEEP_FREE_BYTES,
    progress: Progress = SILENT,
) -> Fetched:
    """Fetch a study or a series into one folder a series.

    Parameters
    ----------
    peer : Peer
        The archive.
    wanted : Wanted
        What to fetch.
    folder : Path
        Gets one folder a series, named by its UID.
    by : str
        ``get`` (C-GET), ``move`` (C-MOVE to a server of our own for the duration) or ``web``
        (WADO-RS).
    listening : Listening, optional
        Where that server listens; needed for ``move`` only.
    quota_bytes, keep_free_bytes : int
        What the folder may hold, and what is left free on the disk.
    progress : Progress
        Told as images arrive; cancels.

    Returns
    -------
    Fetched
        When everything the archive promised arrived.

    Raises
    ------
    ImagingError
        ``partial_transfer`` when not everything arrived: what did lies in ``UID.partial``.
    Cancelled
        When it is no longer wanted; nothing is left of it.
    """
    check_uids(study=wanted.study_uid, series=wanted.series_uid)
    if by == "web" and not peer.web:
        message = "name the archive's DICOMweb address with --web URL"
        raise refuse_image("no_web_address", message, "--web")
    if not wanted.study_uid:
        raise refuse_image("bad_uid", "name the study to fetch", "study")
    promised = promised_images(peer, wanted.study_uid, wanted.series_uid, progress.part(0.0, 0.02))
    inbox = Inbox(folder, quota_bytes, keep_free_bytes)
    transfer = _Transfer(peer, wanted, promised, progress.part(0.02, 1.0))
    delivery = Delivery(inbox, wanted.holds)
    try:
        problem = transfer.run(delivery, by, listening)
    except ImagingError:
        if delivery.arrived:
            delivery.finish(whole=False)
        delivery.discard()
        raise
    except BaseException:
        delivery.discard()
        raise
    whole = problem is None and delivery.arrived == promised
    arrived = delivery.arrived
    receipt = delivery.finish(whole)
    if not whole or not all(one.complete for one in receipt.series):
        raise _partial(receipt, arrived, promised, problem)
    return Fetched(receipt.files, receipt.series)


def _partial(
    receipt: Receipt, arrived: int, promised: int, problem: Problem | None
) -> ImagingError:
    where = ", ".join(str(one.folder) for one in receipt.series if not one.complete)
    kept = f"; they are kept in folders named {PARTIAL}" if where else ""
    message = f"{arrived} of {promised} images arrived{kept}. Fetch again"
    whole = Problem(code="partial_transfer", message=message, where=where)
    return ImagingError([whole, *([problem] if problem else []), *receipt.refused])


@dataclass(frozen=True)
class _Transfer:
    """One fetch on its way."""

    peer: Peer
    wanted: Wanted
    promised: int
    progress: Progress

    def run(self, delivery: Delivery, by: By, listening: Listening | None) -> Problem | None:
        """Bring everything into the delivery; gives what the archive says went wrong."""
        if by == "web":
            from imaging.dicom.archive.web import wado

            return wado(
                self.peer, self.wanted.study_uid, self.wanted.series_uid, delivery, self._tell
            )
        if by == "move":
            return self._by_move(delivery, listening)
        return self._by_get(delivery)

    def _tell(self, arrived: int) -> None:
        self.progress.update(arrived / self.promised, f"{arrived} of {self.promised} images")

    def _identifier(self) -> Dataset:
        identifier = Dataset()
        identifier.QueryRetrieveLevel = "SERIES" if self.wanted.series_uid else "STUDY"
        identifier.StudyInstanceUID = self.wanted.study_uid
        if self.wanted.series_uid:
            identifier.SeriesInstanceUID = self.wanted.series_uid
        return identifier

    def _by_get(self, delivery: Delivery) -> Problem | None:
        def store(event: Any) -> int:  # noqa: ANN401 - pynetdicom's event
            return store_object(delivery, event)

        contexts = [(STUDY_ROOT_GET, PLAIN), *contexts_to_get()]
        with associated(self.peer, contexts, STORED, [(evt.EVT_C_STORE, store)]) as link:
            answers = link.send_c_get(self._identifier(), STUDY_ROOT_GET, MESSAGE_ID)
            return self._follow(link, STUDY_ROOT_GET, answers, delivery)

    def _by_move(self, delivery: Delivery, listening: Listening | None) -> Problem | None:
        here = listening or Listening(self.peer.calling, (self.peer.called,))

        def store(event: Any) -> int:  # noqa: ANN401 - pynetdicom's event
            origin = event.request.MoveOriginatorMessageID
            if origin not in {None, MESSAGE_ID}:
                return DOES_NOT_MATCH  # belongs to another move
            return store_object(delivery, event)

        with (
            serving(here, store),
            associated(self.peer, [(STUDY_ROOT_MOVE, PLAIN)]) as link,
        ):
            # An archive need not answer before the end: silence is judged by what arrives.
            link.dimse_timeout = None
            answers = link.send_c_move(self._identifier(), here.title, STUDY_ROOT_MOVE, MESSAGE_ID)
            return self._follow(link, STUDY_ROOT_MOVE, answers, delivery)

    def _follow(
        self,
        link: Association,
        model: str,
        answers: Iterator[tuple[Dataset, Dataset | None]],
        delivery: Delivery,
    ) -> Problem | None:
        """Watch a retrieval: tell the progress, cancel, and end it when nothing moves any more."""
        last: list[Dataset] = []
        worker = threading.Thread(target=_drain, args=(answers, last), daemon=True)
        worker.start()
        seen, seen_s = (0, 0), time.monotonic()
        try:
            while worker.is_alive():
                worker.join(POLL_S)
                self._tell(delivery.arrived)
                now = (delivery.arrived, len(last))
                if now != seen:
                    seen, seen_s = now, time.monotonic()
                elif time.monotonic() - seen_s > self.peer.timeout_s:
                    link.abort()
                    break
        except BaseException:
            _cancel(link, model, worker)
            raise
        worker.join(CANCEL_GRACE_S)
        return _judged(last[-1] if last else None)


def _drain(answers: Iterator[tuple[Dataset, Dataset | None]], last: list[Dataset]) -> None:
    try:
        for answer, _ in answers:
            last.append(answer)
    except RuntimeError:  # the association ended under the library's hands
        last.append(Dataset())


def _cancel(link: Association, model: str, worker: threading.Thread) -> None:
    if link.is_established:
        link.send_c_cancel(MESSAGE_ID, query_model=model)
        worker.join(CANCEL_GRACE_S)
    link.abort()
    worker.join(CANCEL_GRACE_S)


def _judged(answer: Dataset | None) -> Problem | None:
    """Return what the archive's last word was, None for complete success."""
    if not answer or "Status" not in answer:
        message = "the connection was lost or silent"
        return Problem(code="connection_lost", message=message)
    status = int(answer.Status)
    not_sent = int(answer.get("NumberOfFailedSuboperations") or 0)
    if status == SUCCESS and not not_sent:
        return None
    if status == 0xA801:  # PS3.4, C.4.2.1.5
        message = "the archive does not know our AE title; enter it there with address and port"
        return Problem(code="unknown_destination", message=message)
    message = f"the archive ended with status {status:04X}, {not_sent} images not sent"
    return Problem(code="archive_failed", message=message)

"""Talks to an archive: verification, search, fetch, send and receive over DIMSE."""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    CTImageStorage,
    EncapsulatedPDFStorage,
    EnhancedCTImageStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)
from pynetdicom import AE, build_role, evt

from imaging.errors import ImagingError, refuse_image
from imaging.progress import SILENT, Progress

# SOP classes of the services (DICOM PS3.4).
VERIFICATION = "1.2.840.10008.1.1"
STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
STUDY_ROOT_GET = "1.2.840.10008.5.1.4.1.2.2.3"
STORED = (
    CTImageStorage,
    EnhancedCTImageStorage,
    SegmentationStorage,
    SecondaryCaptureImageStorage,
    EncapsulatedPDFStorage,
)
TIMEOUT_S = 20.0
SUCCESS = 0x0000
PENDING = (0xFF00, 0xFF01)


@dataclass(frozen=True)
class Peer:
    """An archive.

    Parameters
    ----------
    host : str
        Name or address; another machine needs ``remote``.
    port : int
        TCP port.
    called : str
        Its AE title.
    calling : str
        Our AE title.
    remote : bool
        Whether another machine than this one is allowed.
    """

    host: str
    port: int
    called: str
    calling: str = "OSTEOPLAN"
    remote: bool = False


def _check(peer: Peer) -> None:
    if peer.remote:
        return
    try:
        addresses = {info[4][0] for info in socket.getaddrinfo(peer.host, peer.port)}
        local = all(ipaddress.ip_address(address).is_loopback for address in addresses)
    except (OSError, ValueError):
        local = False
    if not local:
        message = "the archive is on another machine; allow that with --remote"
        raise refuse_image("remote_refused", message, peer.host)


@contextmanager
def _associated(peer: Peer, contexts: list[str], roles: bool = False) -> Iterator[Any]:
    _check(peer)
    entity = AE(ae_title=peer.calling)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = TIMEOUT_S
    for uid in contexts:
        entity.add_requested_context(uid)
    kwargs: dict[str, Any] = {"ae_title": peer.called}
    if roles:
        kwargs["ext_neg"] = [build_role(uid, scp_role=True) for uid in STORED]
    link = entity.associate(peer.host, peer.port, **kwargs)
    if not link.is_established:
        message = "the archive does not answer or refuses; check address, port and AE titles"
        raise refuse_image("no_association", message, f"{peer.host}:{peer.port}")
    try:
        yield link
    finally:
        if link.is_established:
            link.release()


def _failed(what: str, peer: Peer) -> ImagingError:
    message = f"the archive did not {what}; look at its log"
    return refuse_image("archive_failed", message, f"{peer.host}:{peer.port}")


def echo(peer: Peer) -> float:
    """Ask the archive for a sign of life.

    Parameters
    ----------
    peer : Peer
        The archive.

    Returns
    -------
    float
        Seconds until it answered.

    Raises
    ------
    ImagingError
        When it does not answer.
    """
    begun_s = time.perf_counter()
    with _associated(peer, [VERIFICATION]) as link:
        status = link.send_c_echo()
    if not status or status.Status != SUCCESS:
        raise _failed("confirm", peer)
    return time.perf_counter() - begun_s


def find(peer: Peer, patient_id: str = "", study_uid: str = "") -> list[dict[str, str]]:
    """List studies, or the series of one study.

    Parameters
    ----------
    peer : Peer
        The archive.
    patient_id : str
        Wanted patient; empty for all.
    study_uid : str
        When given, its series are listed.

    Returns
    -------
    list of dict
        UID, date, description and modality of each.

    Raises
    ------
    ImagingError
        When the archive refuses.
    """
    query = Dataset()
    query.QueryRetrieveLevel = "SERIES" if study_uid else "STUDY"
    query.StudyInstanceUID = study_uid
    query.StudyDate = query.StudyDescription = ""
    if study_uid:
        query.SeriesInstanceUID = query.Modality = query.SeriesDescription = ""
    else:
        query.PatientID = patient_id
        query.ModalitiesInStudy = ""
    found = []
    model = UID(STUDY_ROOT_FIND)
    with _associated(peer, [model]) as link:
        for status, answer in link.send_c_find(query, model):
            if not status:
                raise _failed("answer", peer)
            if status.Status in PENDING and answer is not None:
                found.append({e.keyword: str(e.value) for e in answer if e.keyword})
    return found


def _store_into(folder: Path, kept: list[Path]) -> Any:  # noqa: ANN401 - a pynetdicom handler
    def handle(event: Any) -> int:  # noqa: ANN401 - pynetdicom's event
        dataset = event.dataset
        dataset.file_meta = event.file_meta
        path = folder / f"{dataset.SOPInstanceUID}.dcm"
        draft = path.with_suffix(".unfinished")
        try:
            dataset.save_as(draft, enforce_file_format=True)
            draft.replace(path)
        except OSError:
            draft.unlink(missing_ok=True)
            return 0xA700  # out of resources
        kept.append(path)
        return SUCCESS

    return handle


def fetch(peer: Peer, study_uid: str, series_uid: str, folder: Path) -> list[Path]:
    """Fetch a study or a series by C-GET.

    Parameters
    ----------
    peer : Peer
        The archive.
    study_uid : str
        The study.
    series_uid : str
        One of its series; empty for all.
    folder : Path
        Where the images go.

    Returns
    -------
    list of Path
        Images that arrived, each whole.

    Raises
    ------
    ImagingError
        When the transfer was cut or images are lacking; what arrived is kept and said.
    """
    query = Dataset()
    query.QueryRetrieveLevel = "SERIES" if series_uid else "STUDY"
    query.StudyInstanceUID = study_uid
    if series_uid:
        query.SeriesInstanceUID = series_uid
    folder.mkdir(parents=True, exist_ok=True)
    kept: list[Path] = []
    model = UID(STUDY_ROOT_GET)
    last: Dataset | None = None
    with _associated(peer, [model, *STORED], roles=True) as link:
        link.bind(evt.EVT_C_STORE, _store_into(folder, kept))
        for status, _ in link.send_c_get(query, model):
            last = status
    if not last or last.Status != SUCCESS:
        message = f"the transfer was not completed; {len(kept)} images arrived. Fetch again"
        raise refuse_image("partial_transfer", message, study_uid)
    return kept


def send(peer: Peer, files: list[Path], progress: Progress = SILENT) -> int:
    """Send files by C-STORE.

    Parameters
    ----------
    peer : Peer
        The archive.
    files : list of Path
        DICOM files.
    progress : Progress
        Told after each file.

    Returns
    -------
    int
        Files that were stored.

    Raises
    ------
    ImagingError
        When a file was not stored; how many were is said.
    """
    stored = 0
    with _associated(peer, list(STORED)) as link:
        for number, file in enumerate(files):
            progress.update(number / len(files), "sending")
            try:
                status = link.send_c_store(pydicom.dcmread(file))
            except Exception as error:  # unreadable files and refused contexts fail differently
                message = f"not sent ({type(error).__name__}); {stored} were stored before it"
                raise refuse_image("not_sent", message, file.name) from None
            if not status or status.Status != SUCCESS:
                message = f"the archive did not store the file; {stored} were stored before it"
                raise refuse_image("not_sent", message, file.name)
            stored += 1
    return stored


def receive(
    folder: Path, port: int, calling: str, seconds: float, progress: Progress = SILENT
) -> list[Path]:
    """Receive what is pushed to this machine for some time, on the loopback address.

    Parameters
    ----------
    folder : Path
        Where the images go.
    port : int
        TCP port to listen on.
    calling : str
        Our AE title.
    seconds : float
        How long to listen.
    progress : Progress
        Told every tenth of a second; cancels.

    Returns
    -------
    list of Path
        Images that arrived, each whole.

    Raises
    ------
    ImagingError
        When the port is taken.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kept: list[Path] = []
    entity = AE(ae_title=calling)
    entity.network_timeout = TIMEOUT_S
    for uid in STORED:
        entity.add_supported_context(uid)
    entity.add_supported_context(VERIFICATION)
    handlers: list[Any] = [(evt.EVT_C_STORE, _store_into(folder, kept))]
    try:
        server = entity.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers)
    except OSError as error:
        message = f"the port cannot be opened ({error.strerror}); choose another"
        raise refuse_image("port_taken", message, port) from None
    try:
        begun_s = time.monotonic()
        while (past := time.monotonic() - begun_s) < seconds:
            progress.update(past / seconds, f"{len(kept)} images received")
            time.sleep(0.1)
    finally:
        if server is not None:
            server.shutdown()
    return kept

"""The storage server: takes what named peers push, and nothing from anybody else."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

from pydicom.filebase import DicomIO
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import UID, ExplicitVRBigEndian
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.dsutils import create_file_meta
from pynetdicom.pdu_primitives import A_RELEASE
from pynetdicom.transport import RequestHandler, ThreadedAssociationServer

from imaging.dicom.archive.association import LOOP_DELAY_S, SUCCESS, GuardedSocket, make_entity
from imaging.dicom.archive.inbox import (
    KEEP_FREE_BYTES,
    QUOTA_BYTES,
    ArrivedSeries,
    Delivery,
    Inbox,
    Receipt,
    Verdict,
)
from imaging.dicom.archive.peer import (
    TIMEOUT_S,
    Tls,
    check_titles,
    is_loopback,
    server_context,
)
from imaging.dicom.archive.sop_classes import PLAIN, STORED, VERIFICATION, syntaxes_of
from imaging.errors import Problem, refuse_image
from imaging.progress import SILENT, Progress

OUT_OF_RESOURCES = 0xA700
DOES_NOT_MATCH = 0xA900
CANNOT_UNDERSTAND = 0xC000
STATUS = {
    Verdict.KEPT: SUCCESS,
    Verdict.IDENTICAL: SUCCESS,
    Verdict.FULL: OUT_OF_RESOURCES,
    Verdict.DIFFERENT: CANNOT_UNDERSTAND,
    Verdict.UNREADABLE: CANNOT_UNDERSTAND,
    Verdict.FOREIGN: DOES_NOT_MATCH,
}  # PS3.4, B.2.3
MAX_ASSOCIATIONS = 8
MAX_CONNECTIONS = 32  # with those that have not asked for an association yet
POLL_S = 0.05
ENDING_S = 1.0  # for aborts to be sent


@dataclass(frozen=True)
class Listening:
    """Where and to whom the server listens.

    Parameters
    ----------
    title : str
        Our AE title, which callers must name.
    callers : tuple of str
        AE titles that may call; all others are rejected.
    port : int
        TCP port; 0 for a free one.
    address : str
        Numeric address to listen on; another than this machine's own needs ``remote``.
    remote : bool
        Whether other machines may call.
    tls : Tls, optional
        Encrypts; callers must then show a certificate of the authority.
    timeout_s : float
        Silence after which a caller is dropped.
    max_associations : int
        Callers served at the same time.
    """

    title: str
    callers: tuple[str, ...]
    port: int = 11112
    address: str = "127.0.0.1"
    remote: bool = False
    tls: Tls | None = None
    timeout_s: float = TIMEOUT_S
    max_associations: int = MAX_ASSOCIATIONS


@dataclass(frozen=True)
class Received:
    """What was pushed to us.

    Parameters
    ----------
    files : tuple of Path
        Objects that arrived, each whole.
    complete, partial : tuple of ArrivedSeries
        Series whose delivery ended well, and those whose delivery was cut.
    refused : tuple of Problem
        What was not kept, and why.
    rejected : int
        Associations that were rejected.
    """

    files: tuple[Path, ...] = ()
    complete: tuple[ArrivedSeries, ...] = ()
    partial: tuple[ArrivedSeries, ...] = ()
    refused: tuple[Problem, ...] = ()
    rejected: int = 0


class _Handler(RequestHandler):
    """Puts a guarded connection under each association."""

    def _create_association(self) -> Association:
        link = super()._create_association()
        link.dul.event_queue.get_nowait()  # "connected", which the new connection says again
        link.dul.socket = GuardedSocket(link, client_socket=self.request)
        link.dul._run_loop_delay = LOOP_DELAY_S
        return link


class _Server(ThreadedAssociationServer):
    """Encrypts in the caller's own thread, so that a silent caller holds up nobody."""

    daemon_threads = True
    patience_s = TIMEOUT_S

    def get_request(self) -> tuple[socket.socket, Any]:
        caller, address = cast(socket.socket, self.socket).accept()
        caller.settimeout(self.patience_s)
        caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return caller, address

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ANN401 - socketserver
        return len(self.active_associations) < MAX_CONNECTIONS

    def finish_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - socketserver
        if self.ssl_context is not None:
            request = self.ssl_context.wrap_socket(request, server_side=True)
        super().finish_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - socketserver
        """Say nothing: a caller that fails to connect is no failure of ours."""


def store_object(delivery: Delivery, event: Any) -> int:  # noqa: ANN401 - pynetdicom's event
    """Take the object of a C-STORE request as it was encoded.

    Parameters
    ----------
    delivery : Delivery
        Where it goes.
    event : pynetdicom.evt.Event
        The request.

    Returns
    -------
    int
        Status for the answer.
    """
    request = event.request
    payload = request.DataSet.getbuffer()
    sop_uid = str(request.AffectedSOPInstanceUID)
    meta = create_file_meta(
        sop_class_uid=request.AffectedSOPClassUID,
        sop_instance_uid=request.AffectedSOPInstanceUID,
        transfer_syntax=UID(event.context.transfer_syntax),
    )

    def write(stream: BinaryIO) -> None:
        stream.write(b"\0" * 128 + b"DICM")
        write_file_meta_info(cast(DicomIO, stream), meta)
        stream.write(payload)

    try:
        return STATUS[delivery.keep(len(payload), write, sop_uid)]
    finally:
        payload.release()


@contextmanager
def serving(
    listening: Listening,
    store: Callable[[Any], int],
    handlers: Sequence[tuple[Any, Any]] = (),
) -> Iterator[ThreadedAssociationServer]:
    """Listen for as long as the context lasts; whoever still talks then is dropped.

    Parameters
    ----------
    listening : Listening
        Where and to whom.
    store : callable
        Takes a C-STORE event, gives the status.
    handlers : sequence of tuple
        More pynetdicom events and what handles them.

    Yields
    ------
    pynetdicom.transport.ThreadedAssociationServer
        Its ``server_address`` holds the port.

    Raises
    ------
    ImagingError
        When the address is not allowed or taken, or titles or certificates are wrong.
    """
    _check(listening)
    entity = make_entity(listening.title, listening.timeout_s)
    entity.require_called_aet = True
    entity.require_calling_aet = list(listening.callers)
    entity.maximum_associations = listening.max_associations
    for sop_class in STORED:
        entity.add_supported_context(sop_class, [*syntaxes_of(sop_class), ExplicitVRBigEndian])
    entity.add_supported_context(VERIFICATION, list(PLAIN))
    try:
        server = entity.make_server(
            (listening.address, listening.port),
            ssl_context=server_context(listening.tls) if listening.tls else None,
            evt_handlers=[(evt.EVT_C_STORE, store), *handlers],
            server_class=_Server,
            request_handler=_Handler,
        )
    except OSError as error:
        message = f"the port cannot be opened ({error.strerror}); choose another with --listen"
        where = f"{listening.address}:{listening.port}"
        raise refuse_image("port_taken", message, where) from None
    cast(_Server, server).patience_s = listening.timeout_s
    entity._servers.append(server)
    thread = threading.Thread(target=server.serve_forever, args=(POLL_S,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        _drop(server)
        thread.join()


def _drop(server: ThreadedAssociationServer) -> None:
    """End all callers: an abort to those that talk, a closed connection to those that do not."""
    for link in server.active_associations:
        link.abort(block=False)
    until_s = time.monotonic() + ENDING_S
    while any(link.is_established for link in server.active_associations):
        if time.monotonic() > until_s:
            break
        time.sleep(POLL_S / 10)
    for link in server.active_associations:
        link.dul.kill_dul()  # else its thread, and so the program, lasts until its timeout
        if link.dul.socket is not None:
            link.dul.socket.close()


def _check(listening: Listening) -> None:
    check_titles(listening.title, *listening.callers)
    if not listening.callers:
        message = "nobody may call; name the AE titles that may with --from"
        raise refuse_image("no_callers", message, "--from")
    if not listening.remote and not is_loopback(listening.address):
        message = "other machines could call at this address; allow that with --remote"
        raise refuse_image("remote_refused", message, listening.address)


@dataclass
class _Callers:
    """The deliveries of the callers, each ended with its association."""

    inbox: Inbox
    open: dict[Association, Delivery] = field(default_factory=dict)
    receipts: list[Receipt] = field(default_factory=list)
    arrived: int = 0
    rejected: int = 0

    def store(self, event: Any) -> int:  # noqa: ANN401 - pynetdicom's event
        with self.inbox.lock:
            delivery = self.open.get(event.assoc)
            if delivery is None:
                delivery = self.open[event.assoc] = Delivery(self.inbox)
        status = store_object(delivery, event)
        self.arrived += status == SUCCESS
        return status

    def hear(self, event: Any) -> None:  # noqa: ANN401 - pynetdicom's event
        if isinstance(event.primitive, A_RELEASE):
            self.end(event.assoc, whole=True)

    def lose(self, event: Any) -> None:  # noqa: ANN401 - pynetdicom's event
        self.end(event.assoc, whole=False)

    def reject(self, _event: object) -> None:
        self.rejected += 1

    def end(self, link: Association, whole: bool) -> None:
        with self.inbox.lock:
            delivery = self.open.pop(link, None)
            if delivery is not None:
                self.receipts.append(delivery.finish(whole))

    def sweep(self) -> None:
        """End the deliveries of callers that are gone without a word."""
        for link in list(self.open):
            if not link.is_alive():
                self.end(link, whole=False)

    def received(self) -> Received:
        """Sum up; of a series that came more than once the last state counts."""
        series = {one.uid: one for receipt in self.receipts for one in receipt.series}
        names = {file.stem for receipt in self.receipts for file in receipt.files}
        return Received(
            files=tuple(sorted(self.inbox.places[name] for name in names)),
            complete=tuple(one for one in series.values() if one.complete),
            partial=tuple(one for one in series.values() if not one.complete),
            refused=tuple(problem for receipt in self.receipts for problem in receipt.refused),
            rejected=self.rejected,
        )


def receive(
    folder: Path,
    listening: Listening,
    seconds: float,
    *,
    quota_bytes: int = QUOTA_BYTES,
    keep_free_bytes: int = KEEP_FREE_BYTES,
    stop: Callable[[], bool] = lambda: False,
    progress: Progress = SILENT,
) -> Received:
    """Receive what named peers push to this machine for some time.

    Parameters
    ----------
    folder : Path
        Gets one folder a series, ``UID``, or ``UID.partial`` when its delivery was cut.
    listening : Listening
        Where and to whom.
    seconds : float
        How long to listen.
    quota_bytes : int
        What the folder may hold; beyond it pushed objects are answered "out of resources".
    keep_free_bytes : int
        What is left free on the disk in any case.
    stop : callable
        Returns True once enough was received; callers that still talk then are cut.
    progress : Progress
        Told every twentieth of a second.

    Returns
    -------
    Received
        What arrived.

    Raises
    ------
    ImagingError
        When the folder, the address, titles or certificates cannot be used.
    Cancelled
        When it is no longer wanted; what was acknowledged to a caller stays, a series whose
        delivery was not over as partial.
    """
    callers = _Callers(Inbox(folder, quota_bytes, keep_free_bytes))
    handlers = (
        (evt.EVT_ACSE_RECV, callers.hear),
        (evt.EVT_ABORTED, callers.lose),
        (evt.EVT_REJECTED, callers.reject),
    )
    try:
        with serving(listening, callers.store, handlers):
            begun_s = time.monotonic()
            while (past_s := time.monotonic() - begun_s) < seconds and not stop():
                progress.update(past_s / seconds, f"{callers.arrived} images received")
                callers.sweep()
                time.sleep(POLL_S)
    finally:
        for link in list(callers.open):
            callers.end(link, whole=False)
    return callers.received()

"""Associations that cannot hang: bounded in time, in the size of a PDU and of an object."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from pydicom.uid import UID
from pynetdicom import AE, _config, build_role
from pynetdicom.association import Association
from pynetdicom.fsm import InvalidEventError
from pynetdicom.transport import AddressInformation, AssociationSocket

from imaging.dicom.archive.peer import TIMEOUT_S, Peer, check_titles, client_context, resolved
from imaging.errors import ImagingError, refuse_image

# Its log holds what was asked and answered, and tracebacks; refusals say what matters.
logging.getLogger("pynetdicom").setLevel(logging.CRITICAL + 1)
_config.LOG_HANDLER_LEVEL = "none"
# Files are sent as they are, never decoded.
_config.STORE_SEND_CHUNKED_DATASET = True

log = logging.getLogger(__name__)

SUCCESS = 0x0000
PDU_BYTES = 1 << 17  # what we ask peers to keep to: dcmtk and Orthanc take at most 128 KiB
PDU_LIMIT_BYTES = 1 << 20  # an association request with 128 contexts is far below that
OBJECT_LIMIT_BYTES = 2 << 30  # an enhanced CT of 4000 slices of 512 × 512
READ_BYTES = 1 << 16
# Peers write a message in several small pieces and wait for each to be acknowledged, which systems
# put off by 40 ms; asked to acknowledge at once (Linux) 500 images take a second instead of twenty.
QUICK_ACK = getattr(socket, "TCP_QUICKACK", None)
LOOP_DELAY_S = 0.0002  # pynetdicom looks for work that often; its own 1 ms is felt 2000 times

Contexts = Sequence[tuple[UID, Sequence[UID]]]


def _log_reactor(before: Callable[[threading.ExceptHookArgs], object]) -> None:
    """Keep the library's reactor from printing: an aborted association may still get a message."""

    def hook(failed: threading.ExceptHookArgs) -> None:
        if failed.exc_type is InvalidEventError:
            log.debug("a message came after the association had ended")
        else:
            before(failed)

    threading.excepthook = hook


_log_reactor(threading.excepthook)


class GuardedSocket(AssociationSocket):
    """A connection on which no peer can hold us: a PDU must be whole within the network timeout."""

    def connect(self, primitive: Any) -> None:  # noqa: ANN401 - pynetdicom's primitive
        """Connect, and keep a timeout afterwards, which the library takes off."""
        super().connect(primitive)
        if self.socket is not None:
            self.socket.settimeout(self.assoc.network_timeout)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def recv(self, nr_bytes: int) -> bytearray:
        """Read that many bytes, or fewer when the peer closed; refuse too many and too slow."""
        link = self.socket
        if link is None:
            message = "closed"
            raise OSError(message)
        try:
            if nr_bytes > PDU_LIMIT_BYTES or self._object_bytes() > OBJECT_LIMIT_BYTES:
                message = "more than any object or PDU holds"
                raise OSError(message)
            return self._read(link, nr_bytes)
        except OSError:
            # The library takes the connection for closed now; the peer must see it so too.
            with suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
            raise

    def _read(self, link: socket.socket, nr_bytes: int) -> bytearray:
        buffer = bytearray(nr_bytes)
        view, read = memoryview(buffer), 0
        allowed_s = self.assoc.network_timeout or TIMEOUT_S
        until_s = time.monotonic() + allowed_s
        try:
            while read < nr_bytes:
                count = link.recv_into(view[read:], min(nr_bytes - read, READ_BYTES))
                if not count:
                    break
                read += count
                if QUICK_ACK is not None:  # the system takes it back by itself
                    link.setsockopt(socket.IPPROTO_TCP, QUICK_ACK, 1)
                if read < nr_bytes:
                    link.settimeout(max(until_s - time.monotonic(), 1e-3))
        finally:
            view.release()
        link.settimeout(allowed_s)
        del buffer[read:]
        return buffer

    def _object_bytes(self) -> int:
        message = self.assoc.dimse.message
        return 0 if message is None or message.data_set is None else message.data_set.tell()


class Entity(AE):
    """An application entity whose connections are guarded."""

    def _create_socket(
        self,
        assoc: Association,
        address: AddressInformation,
        tls_args: tuple[ssl.SSLContext, str] | None,
    ) -> AssociationSocket:
        guarded = GuardedSocket(assoc, address=address)
        guarded.tls_args = tls_args
        return guarded


def make_entity(title: str, timeout_s: float) -> Entity:
    """Return our side of associations, with every timeout set.

    Parameters
    ----------
    title : str
        Our AE title.
    timeout_s : float
        Silence after which a peer is dropped.

    Returns
    -------
    Entity
        Without contexts.
    """
    entity = Entity(ae_title=title)
    entity.connection_timeout = entity.acse_timeout = timeout_s
    entity.dimse_timeout = entity.network_timeout = timeout_s
    entity.maximum_pdu_size = PDU_BYTES
    return entity


@contextmanager
def associated(
    peer: Peer,
    contexts: Contexts,
    roles: Sequence[UID] = (),
    handlers: Sequence[tuple[Any, Any]] = (),
) -> Iterator[Association]:
    """Open an association; released when all went well, aborted when not.

    Parameters
    ----------
    peer : Peer
        The archive.
    contexts : sequence of tuple
        SOP class and transfer syntaxes of each presentation context.
    roles : sequence of UID
        Storage classes that the archive sends to us (C-GET).
    handlers : sequence of tuple
        pynetdicom events and what handles them.

    Yields
    ------
    Association
        Established.

    Raises
    ------
    ImagingError
        When the peer may not be talked to, does not answer or refuses, with which of these.
    """
    check_titles(peer.calling, peer.called)
    address = resolved(peer.host, peer.port, peer.remote)
    entity = make_entity(peer.calling, peer.timeout_s)
    for sop_class, syntaxes in contexts:
        entity.add_requested_context(sop_class, list(syntaxes))
    link = entity.associate(
        address,
        peer.port,
        ae_title=peer.called,
        max_pdu=PDU_BYTES,
        ext_neg=[build_role(uid, scp_role=True) for uid in roles],
        tls_args=(client_context(peer.tls), peer.host) if peer.tls else None,
        evt_handlers=list(handlers),
    )
    if not link.is_established:
        raise _why_not(peer, address, link)
    link.dul._run_loop_delay = LOOP_DELAY_S
    hold = _Hold()
    link._reactor_checkpoint = hold
    hold.reached.wait(peer.timeout_s)
    try:
        yield link
        if link.is_established and not link.acse.is_aborted():
            link.release()
    except BaseException:
        link.abort()
        raise
    finally:
        hold.let_go()


class _Hold(threading.Event):
    """Keeps the library's own loop of an association from taking answers that we wait for.

    The library pauses that loop for each request, but looks at a flag that may be stale: with many
    quick requests the loop sometimes runs and swallows an answer. Here it stays paused throughout.
    """

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self._held = True

    def set(self) -> None:
        if not self._held:
            super().set()

    def wait(self, timeout: float | None = None) -> bool:
        self.reached.set()
        return super().wait(timeout)

    def let_go(self) -> None:
        self._held = False
        self.set()


def _why_not(peer: Peer, address: str, link: Association) -> ImagingError:
    """Find out why no association came about."""
    if link.is_rejected:
        answer = link.acceptor.primitive
        reason = str(getattr(answer, "reason_str", "")).lower() or "no reason given"
        message = f"the archive refuses the association ({reason}); check the AE titles"
        return refuse_image("association_rejected", message, peer.where)
    if link.is_aborted and not peer.tls and link.acceptor.primitive is not None:
        message = "the archive accepts nothing of what was proposed; look at its log"
        return refuse_image("no_association", message, peer.where)
    return _try_connecting(peer, address)


def _try_connecting(peer: Peer, address: str) -> ImagingError:
    """Connect once more, only to learn what fails."""
    try:
        with socket.create_connection((address, peer.port), peer.timeout_s) as plain:
            if peer.tls:
                client_context(peer.tls).wrap_socket(plain, server_hostname=peer.host).close()
    except ssl.SSLCertVerificationError as error:
        message = (
            f"the archive's certificate is not trusted ({error.verify_message}); give the "
            "certificate of its authority with --ca, and --host as the certificate names it"
        )
        return refuse_image("tls_failed", message, peer.where)
    except TimeoutError:
        message = "the archive does not answer; check address and port"
        return refuse_image("no_association", message, peer.where)
    except (ssl.SSLError, ConnectionResetError) as error:
        reason = getattr(error, "reason", None) or "connection closed"
        message = f"no encrypted connection came about ({reason}); check --tls, --ca, --cert"
        return refuse_image("tls_failed", message, peer.where)
    except OSError as error:
        message = f"the archive cannot be reached ({error.strerror}); check address and port"
        return refuse_image("unreachable", message, peer.where)
    message = (
        "the archive answers the connection but not the association within "
        f"{peer.timeout_s:g} s; check the port, AE titles, --tls and --cert"
    )
    return refuse_image("no_association", message, peer.where)


def failed(what: str, peer: Peer, status: int | None) -> ImagingError:
    """Return the refusal for a service that did not end well.

    Parameters
    ----------
    what : str
        What the archive did not do.
    peer : Peer
        The archive.
    status : int, optional
        What it answered; None for nothing.

    Returns
    -------
    ImagingError
        To be raised by the caller.
    """
    if status is None:
        message = f"the archive did not {what}: the connection was lost or silent. Try again"
        return refuse_image("connection_lost", message, peer.where)
    message = f"the archive did not {what} (status {status:04X}); look at its log"
    return refuse_image("archive_failed", message, peer.where)

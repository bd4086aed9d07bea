"""Who is talked to, and how it is made sure that nobody else is."""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from imaging.errors import ImagingError, Problem, refuse_image

TIMEOUT_S = 30.0  # a peer that is silent for longer is dropped
AE_TITLE = re.compile(r"[\x21-\x5b\x5d-\x7e](?:[\x20-\x5b\x5d-\x7e]{0,14}[\x21-\x5b\x5d-\x7e])?")
UID_TEXT = re.compile(r"[0-9]+(?:\.[0-9]+)+")
UID_LIMIT = 64  # characters (PS3.5, 9.1)


@dataclass(frozen=True)
class Tls:
    """Files for encrypted connections, PEM.

    Parameters
    ----------
    ca : Path, optional
        Certificates that the other side's must lead to; the system's when absent.
    cert, key : Path, optional
        Our own certificate and its key; a server needs them, a client where it is asked for them.
    """

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None


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
    tls : Tls, optional
        Encrypts the connection.
    web : str
        Address of its DICOMweb service, such as ``http://127.0.0.1:8042/dicom-web``.
    timeout_s : float
        Silence after which it is given up.
    """

    host: str = "127.0.0.1"
    port: int = 4242
    called: str = "ORTHANC"
    calling: str = "OSTEOPLAN"
    remote: bool = False
    tls: Tls | None = None
    web: str = ""
    timeout_s: float = TIMEOUT_S

    @property
    def where(self) -> str:
        """Its address, for messages."""
        return f"{self.host}:{self.port}"


def check_titles(*titles: str) -> None:
    """Refuse AE titles that the standard does not allow.

    Parameters
    ----------
    *titles : str
        AE titles: 1 to 16 printable ASCII characters without backslash (PS3.5, 6.2).

    Raises
    ------
    ImagingError
        With every title that is wrong.
    """
    message = "not an AE title; use 1 to 16 printable ASCII characters without backslash"
    wrong = [
        Problem(code="bad_ae_title", message=message, where=repr(title))
        for title in titles
        if not AE_TITLE.fullmatch(title)
    ]
    if wrong:
        raise ImagingError(wrong)


def is_uid(text: str) -> bool:
    """Tell whether a text is a UID, and so also a safe file name.

    Parameters
    ----------
    text : str
        As it came from the network or the user.

    Returns
    -------
    bool
        True for digits and single dots, 64 characters at most.
    """
    return len(text) <= UID_LIMIT and UID_TEXT.fullmatch(text) is not None


def check_uids(**uids: str) -> None:
    """Refuse texts that are no UIDs; empty ones pass.

    Parameters
    ----------
    **uids : str
        What each is called in the message, and the text.

    Raises
    ------
    ImagingError
        With every text that is wrong.
    """
    message = "not a UID; use digits and dots, 64 characters at most"
    wrong = [
        Problem(code="bad_uid", message=message, where=name)
        for name, uid in uids.items()
        if uid and not is_uid(uid)
    ]
    if wrong:
        raise ImagingError(wrong)


def resolved(host: str, port: int, remote: bool) -> str:
    """Return the numeric address of a host that may be talked to.

    Parameters
    ----------
    host : str
        Name or address.
    port : int
        TCP port.
    remote : bool
        Whether another machine is allowed.

    Returns
    -------
    str
        The address that was checked; connecting to it cannot lead elsewhere.

    Raises
    ------
    ImagingError
        When the name is unknown, or the machine is another one and that was not allowed.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        message = "the name of the archive's machine is not known; check --host"
        raise refuse_image("unknown_host", message, host) from None
    addresses = [str(info[4][0]) for info in found]
    if not remote and not all(is_loopback(address) for address in addresses):
        message = "the archive is on another machine; allow that with --remote"
        raise refuse_image("remote_refused", message, host)
    return next((one for one in addresses if "." in one), addresses[0])


def is_loopback(address: str) -> bool:
    """Tell whether a numeric address is this machine.

    Parameters
    ----------
    address : str
        IPv4 or IPv6.

    Returns
    -------
    bool
        False also for anything that is no address.
    """
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False


def check_web(peer: Peer) -> None:
    """Refuse a DICOMweb address that is none, or that leads to another machine unasked.

    Parameters
    ----------
    peer : Peer
        With its ``web`` address.

    Raises
    ------
    ImagingError
        With what to do.
    """
    try:
        parts = urlsplit(peer.web)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
        host = parts.hostname or ""
        plain = not (parts.username or parts.password or parts.query or parts.fragment)
    except (ValueError, KeyError):
        host, port, plain = "", 0, False
    if not host or not plain:
        message = "not a DICOMweb address; write it as http://HOST:PORT/PATH or https://…"
        raise refuse_image("bad_address", message, "--web")
    if peer.tls and not peer.web.startswith("https:"):
        message = "--tls was asked for, but the address begins with http:; write https:"
        raise refuse_image("not_encrypted", message, "--web")
    resolved(host, port, peer.remote)


def client_context(tls: Tls) -> ssl.SSLContext:
    """Return the encryption of a connection that we open: TLS 1.2 or later, host name checked.

    Parameters
    ----------
    tls : Tls
        Files.

    Returns
    -------
    ssl.SSLContext
        For a client.

    Raises
    ------
    ImagingError
        When a file lacks or does not fit.
    """
    check_tls_files(tls)
    try:
        context = ssl.create_default_context(cafile=tls.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if tls.cert:
            context.load_cert_chain(tls.cert, tls.key, password=_no_password)
    except (OSError, ValueError) as error:
        raise _bad_tls_file(error) from None
    return context


def server_context(tls: Tls) -> ssl.SSLContext:
    """Return the encryption of connections that we accept; callers must show a certificate.

    Parameters
    ----------
    tls : Tls
        All three files.

    Returns
    -------
    ssl.SSLContext
        For a server.

    Raises
    ------
    ImagingError
        When a file lacks or does not fit.
    """
    check_tls_files(tls, server=True)
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(tls.ca)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(str(tls.cert), tls.key, password=_no_password)
    except (OSError, ValueError) as error:
        raise _bad_tls_file(error) from None
    return context


def _no_password() -> str:
    """Answer OpenSSL, which would otherwise ask at the terminal and hang."""
    return ""


def check_tls_files(tls: Tls, server: bool = False) -> None:
    """Refuse files that are missing, and a certificate without its key.

    Parameters
    ----------
    tls : Tls
        Files.
    server : bool
        Whether all three are needed.

    Raises
    ------
    ImagingError
        With every file that lacks.
    """
    named = {"--ca": tls.ca, "--cert": tls.cert, "--key": tls.key}
    wrong = [
        Problem(code="no_tls_file", message="there is no such file", where=f"{option} {file}")
        for option, file in named.items()
        if file is not None and not file.is_file()
    ]
    needed = set(named) if server else {"--cert", "--key"} if tls.cert or tls.key else set()
    wrong += [
        Problem(code="no_tls_file", message=f"encryption needs {option} FILE too", where=option)
        for option, file in named.items()
        if option in needed and file is None
    ]
    if wrong:
        raise ImagingError(wrong)


def _bad_tls_file(error: Exception) -> ImagingError:
    reason = error.reason if isinstance(error, ssl.SSLError) else type(error).__name__
    message = (
        f"the certificates cannot be used ({reason}); --ca and --cert are PEM certificates, --key "
        "the PEM key of --cert without a password"
    )
    return refuse_image("bad_tls_file", message, "--ca, --cert, --key")

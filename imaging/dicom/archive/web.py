"""The same services over DICOMweb: QIDO-RS, WADO-RS and STOW-RS (PS3.18).

Searches go through dicomweb-client. Objects do not: that library decodes each and encodes it again,
and holds all of a request in memory; here they pass as they are, one at a time.
"""

from __future__ import annotations

import json
import logging
import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from dicomweb_client.api import DICOMwebClient
from pydicom.dataset import Dataset

from imaging.dicom.archive.answers import Level, told
from imaging.dicom.archive.association import OBJECT_LIMIT_BYTES
from imaging.dicom.archive.inbox import Delivery, Verdict
from imaging.dicom.archive.outgoing import Outgoing
from imaging.dicom.archive.peer import Peer, check_tls_files, check_web
from imaging.errors import ImagingError, Problem, refuse_image
from imaging.progress import Progress

# Their logs hold addresses with what was searched; refusals say what matters.
for _name in ("dicomweb_client", "urllib3"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)

ANSWER_LIMIT_BYTES = 256 << 20  # a search's answer; 100 000 images take some 100 MB
READ_BYTES = 1 << 16  # what is read of a broken answer's last piece is lost
BATCH_BYTES = 8 << 20  # of one STOW request: few round trips, and cancelled soon
DICOM_PART = "application/dicom"
TLS_REASON = re.compile(r"\[SSL[^'()]*")
REFERENCED_UID = "00081155"
STORED_SEQUENCE = "00081199"


class _Session(requests.Session):
    """HTTP that stays with one host, with bounded answers, heeding no proxy settings."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False  # no proxy or password file of the environment
        self.headers["Accept-Encoding"] = "identity"

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        target = super().get_redirect_target(resp)
        if target is not None:
            old, new = urlsplit(resp.url), urlsplit(urljoin(resp.url, target))
            if (old.scheme, old.hostname, old.port) != (new.scheme, new.hostname, new.port):
                message = "the archive sends us on to another address; name that with --web"
                raise refuse_image("redirect_refused", message, f"{old.hostname}:{old.port}")
        return target

    def send(
        self,
        request: requests.PreparedRequest,
        **kwargs: Any,  # noqa: ANN401 - requests' own
    ) -> requests.Response:
        """Send, and read the answer only as far as an answer may be long."""
        address, mark, query = (request.url or "").partition("?")
        # Servers (Orthanc) compare the query without decoding it; both marks may stand as they are.
        request.url = address + mark + query.replace("%2A", "*").replace("%3F", "?")
        streamed = bool(kwargs.get("stream"))
        response = super().send(request, **{**kwargs, "stream": True})
        if streamed:
            return response
        content = bytearray()
        for chunk in response.iter_content(READ_BYTES):
            content += chunk
            if len(content) > ANSWER_LIMIT_BYTES:
                response.close()
                message = "the archive's answer is too long; narrow the search"
                raise refuse_image("too_many", message, urlsplit(response.url).hostname)
        response._content = bytes(content)
        return response


def _session(peer: Peer) -> _Session:
    check_web(peer)
    session = _Session()
    if peer.tls:
        check_tls_files(peer.tls)
        session.verify = str(peer.tls.ca) if peer.tls.ca else True
        if peer.tls.cert and peer.tls.key:
            session.cert = (str(peer.tls.cert), str(peer.tls.key))
    return session


@contextmanager
def _plainly(peer: Peer) -> Iterator[None]:
    """Turn what fails on the way into refusals that say what to do."""
    where = urlsplit(peer.web).netloc
    try:
        yield
    except requests.exceptions.SSLError as error:
        # Its text also holds the address that was asked for, with what was searched.
        found = TLS_REASON.search(str(error))
        reason = found.group(0) if found else type(error).__name__
        message = (
            f"no trusted encrypted connection came about ({reason}); check --ca, --cert, --key"
        )
        raise refuse_image("tls_failed", message, where) from None
    except requests.exceptions.HTTPError as error:
        code = 0 if error.response is None else error.response.status_code
        advice = {401: "it wants a login", 403: "it forbids it", 404: "check the path of --web"}
        message = f"the archive answers {code}: {advice.get(code, 'look at its log')}"
        raise refuse_image("archive_failed", message, where) from None
    except (requests.exceptions.Timeout, TimeoutError):
        message = f"the archive did not answer within {peer.timeout_s:g} s"
        raise refuse_image("no_association", message, where) from None
    except (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError):
        message = "the archive cannot be reached, or the connection broke; check --web"
        raise refuse_image("unreachable", message, where) from None
    except (requests.exceptions.RequestException, ValueError, KeyError, TypeError) as error:
        message = f"what answers is no DICOMweb service ({type(error).__name__}); check --web"
        raise refuse_image("not_dicomweb", message, where) from None
    except OSError as error:  # requests cannot load certificates
        message = f"the certificates cannot be used ({type(error).__name__}); they must be PEM"
        raise refuse_image("bad_tls_file", message, "--ca, --cert, --key") from None


def _client(peer: Peer, session: requests.Session) -> DICOMwebClient:
    client = DICOMwebClient(peer.web.rstrip("/"), session=session, timeout=peer.timeout_s)
    client.set_http_retry_params(retry=False)
    return client


def web_echo(peer: Peer) -> None:
    """Ask for one study, whichever.

    Parameters
    ----------
    peer : Peer
        The archive.

    Raises
    ------
    ImagingError
        When no DICOMweb service answers.
    """
    with _session(peer) as session, _plainly(peer):
        _client(peer, session).search_for_studies(limit=1)


def qido(
    peer: Peer, level: Level, wanted: dict[str, str], fields: Sequence[str]
) -> list[dict[str, str]]:
    """Search by QIDO-RS.

    Parameters
    ----------
    peer : Peer
        The archive.
    level : str
        ``study``, ``series`` or ``image``.
    wanted : dict
        What is matched, by DICOM keyword.
    fields : sequence of str
        What is to be told besides.

    Returns
    -------
    list of dict
        Answers, by DICOM keyword.

    Raises
    ------
    ImagingError
        When the archive does not answer or refuses.
    """
    filters: dict[str, Any] = dict(wanted)
    if "PatientName" in filters:  # "^" must be encoded, and then Orthanc does not find the name
        filters["PatientName"] = filters["PatientName"].replace("^", "?")
    with _session(peer) as session, _plainly(peer):
        client = _client(peer, session)
        if level == "study":
            rows = client.search_for_studies(fields=fields, search_filters=filters)
        elif level == "series":
            study = filters.pop("StudyInstanceUID")
            rows = client.search_for_series(study, fields=fields, search_filters=filters)
        else:
            study, series = filters.pop("StudyInstanceUID"), filters.pop("SeriesInstanceUID")
            rows = client.search_for_instances(study, series, fields=fields, search_filters=filters)
        answers = [told(Dataset.from_json(row)) for row in rows]
    known = {**dict.fromkeys(fields, ""), **wanted}
    return [{key: row.get(key, "") for key in known} for row in answers]


def wado(
    peer: Peer, study_uid: str, series_uid: str, delivery: Delivery, tell: Callable[[int], None]
) -> Problem | None:
    """Retrieve a study or series by WADO-RS, in the encoding the archive holds it.

    Parameters
    ----------
    peer : Peer
        The archive.
    study_uid, series_uid : str
        What is fetched; without series all of the study.
    delivery : Delivery
        Where it goes.
    tell : callable
        Told how many arrived; may raise to cancel.

    Returns
    -------
    Problem or None
        What went wrong once images were on their way.

    Raises
    ------
    ImagingError
        When the archive does not answer or refuses.
    """
    url = f"{peer.web.rstrip('/')}/studies/{study_uid}"
    if series_uid:
        url += f"/series/{series_uid}"
    accept = f'multipart/related; type="{DICOM_PART}"; transfer-syntax=*'
    with _session(peer) as session, _plainly(peer):
        answer = session.get(url, headers={"Accept": accept}, stream=True, timeout=peer.timeout_s)
        with answer:
            answer.raise_for_status()
            boundary = _boundary(answer.headers.get("Content-Type", ""))
            try:
                for part in _parts(answer.iter_content(READ_BYTES), boundary):
                    verdict = _keep(delivery, part)
                    if verdict is Verdict.FULL:
                        return None  # the receipt says so
                    tell(delivery.arrived)
            except requests.exceptions.RequestException:
                message = "the connection was lost or silent"
                return Problem(code="connection_lost", message=message)
            except _CutShort:
                message = "the archive's answer ends in the middle"
                return Problem(code="connection_lost", message=message)
    return None


def _keep(delivery: Delivery, part: bytearray) -> Verdict:
    return delivery.keep(len(part), lambda stream: stream.write(part))


class _CutShort(Exception):
    """A multipart answer without its end."""


def _boundary(content_type: str) -> bytes:
    kind, *parameters = (part.strip() for part in content_type.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if kind.lower() == "multipart/related" and name.lower() == "boundary":
            return value.strip('"').encode("ascii")
    message = "not a multipart answer"
    raise ValueError(message)


def _parts(chunks: Iterator[bytes], boundary: bytes) -> Iterator[bytearray]:
    """Give the parts of a multipart answer (RFC 2046), one at a time."""
    delimiter = b"\r\n--" + boundary
    buffer = bytearray(b"\r\n")  # the first boundary may stand without a line before it
    searched, inside = 0, False
    while True:
        end = buffer.find(delimiter, searched)
        if end < 0:
            searched = max(0, len(buffer) - len(delimiter))
            if len(buffer) > OBJECT_LIMIT_BYTES:
                message = "a part is larger than any object"
                raise ValueError(message)
            chunk = next(chunks, None)
            if chunk is None:
                raise _CutShort
            buffer += chunk
            continue
        if inside:
            _, _, body = buffer[:end].partition(b"\r\n\r\n")
            yield body
        del buffer[: end + len(delimiter)]
        searched, inside = 0, True
        while len(buffer) < 2:
            chunk = next(chunks, None)
            if chunk is None:
                raise _CutShort
            buffer += chunk
        if buffer[:2] == b"--":
            return


class _Batch:
    """The body of a STOW request: its length is known, its files are read as they are sent."""

    def __init__(self, objects: Sequence[Outgoing], boundary: str) -> None:
        # Orthanc refuses parts that name their transfer syntax; each file does so itself.
        head = f"--{boundary}\r\nContent-Type: {DICOM_PART}\r\n\r\n".encode("ascii")
        self._pieces = [(head, one.path) for one in objects]
        self._end = f"--{boundary}--\r\n".encode("ascii")
        self._sizes = [path.stat().st_size for _, path in self._pieces]

    def __len__(self) -> int:
        heads = sum(len(head) + 2 for head, _ in self._pieces)
        return heads + sum(self._sizes) + len(self._end)

    def __iter__(self) -> Iterator[bytes]:
        for head, path in self._pieces:
            yield head
            with path.open("rb") as stream:
                while chunk := stream.read(READ_BYTES):
                    yield chunk
            yield b"\r\n"
        yield self._end


def stow(peer: Peer, objects: Sequence[Outgoing], progress: Progress) -> list[Problem]:
    """Store objects by STOW-RS, as they are encoded.

    Parameters
    ----------
    peer : Peer
        The archive.
    objects : sequence of Outgoing
        What to store.
    progress : Progress
        Told after each request of some megabytes; cancels.

    Returns
    -------
    list of Problem
        One for each file the archive did not store.

    Raises
    ------
    ImagingError
        When the archive does not answer the first request.
    """
    failed: list[Problem] = []
    done = 0
    with _session(peer) as session:
        for batch in _batches(objects):
            progress.update(done / len(objects), "sending")
            try:
                with _plainly(peer):
                    stored = _stow(peer, session, batch)
            except ImagingError as refusal:
                if not done:
                    raise
                reason = Problem(code=refusal.code, message=f"not sent: {refusal}", where="")
                return failed + [
                    reason.model_copy(update={"where": one.path.name}) for one in objects[done:]
                ]
            message = "the archive did not store the file; look at its log"
            failed += [
                Problem(code="not_stored", message=message, where=one.path.name)
                for one in batch
                if one.sop_uid not in stored
            ]
            done += len(batch)
    return failed


def _batches(objects: Sequence[Outgoing]) -> Iterator[list[Outgoing]]:
    batch: list[Outgoing] = []
    size_bytes = 0
    for one in objects:
        batch.append(one)
        size_bytes += one.path.stat().st_size
        if size_bytes >= BATCH_BYTES:
            yield batch
            batch, size_bytes = [], 0
    if batch:
        yield batch


def _stow(peer: Peer, session: requests.Session, batch: Sequence[Outgoing]) -> set[str]:
    """Send one request; gives the UIDs the archive says it stored."""
    boundary = uuid.uuid4().hex
    answer = session.post(
        f"{peer.web.rstrip('/')}/studies",
        data=_Batch(batch, boundary),
        headers={
            "Content-Type": f'multipart/related; type="{DICOM_PART}"; boundary={boundary}',
            "Accept": "application/dicom+json",
        },
        timeout=peer.timeout_s,
        allow_redirects=False,
    )
    if answer.is_redirect:
        message = "the archive sends us on to another address; name that with --web"
        raise refuse_image("redirect_refused", message, urlsplit(peer.web).netloc)
    if answer.status_code not in {200, 202, 409}:
        answer.raise_for_status()
    document = json.loads(answer.content)
    items = document.get(STORED_SEQUENCE, {}).get("Value", [])
    return {str(item[REFERENCED_UID]["Value"][0]) for item in items}

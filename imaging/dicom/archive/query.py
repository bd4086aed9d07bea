"""What an archive holds: verification and search."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from pydicom.dataset import Dataset

from imaging.dicom.archive.answers import Level, told
from imaging.dicom.archive.association import SUCCESS, associated, failed
from imaging.dicom.archive.peer import Peer, check_uids
from imaging.dicom.archive.sop_classes import PLAIN, STUDY_ROOT_FIND, VERIFICATION
from imaging.errors import ImagingError, Problem
from imaging.progress import SILENT, Progress

PENDING = (0xFF00, 0xFF01)
MAX_ANSWERS = 100_000
TEXT_LIMIT = 64  # characters of a DICOM LO (PS3.5, 6.2)
DATE = re.compile(r"\d{8}|\d{8}-\d{8}|\d{8}-|-\d{8}")

# What is asked to be told, besides what is matched.
TOLD: dict[Level, tuple[str, ...]] = {
    "study": (
        "StudyInstanceUID", "StudyDate", "StudyTime", "StudyDescription", "AccessionNumber",
        "PatientID", "PatientName", "ModalitiesInStudy", "NumberOfStudyRelatedSeries",
        "NumberOfStudyRelatedInstances",
    ),
    "series": (
        "StudyInstanceUID", "SeriesInstanceUID", "Modality", "SeriesNumber", "SeriesDescription",
        "SeriesDate", "NumberOfSeriesRelatedInstances",
    ),
    "image": (
        "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "InstanceNumber",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Query:
    """What is searched for; what is empty matches everything.

    Parameters
    ----------
    level : str
        ``study``, ``series`` (of one study) or ``image`` (of one series).
    patient_id, patient_name, accession, modality : str
        Wanted values; ``*`` and ``?`` stand for any text and any character.
    date : str
        Study date, ``YYYYMMDD`` or a range ``YYYYMMDD-YYYYMMDD`` open at one end or none.
    study_uid, series_uid : str
        Where to search.
    """

    level: Level = "study"
    patient_id: str = ""
    patient_name: str = ""
    date: str = ""
    accession: str = ""
    modality: str = ""
    study_uid: str = ""
    series_uid: str = ""

    def matched(self) -> dict[str, str]:
        """Return what the archive is to match, by DICOM keyword.

        Returns
        -------
        dict
            Without what is empty.

        Raises
        ------
        ImagingError
            With everything that cannot be asked.
        """
        check_uids(study=self.study_uid, series=self.series_uid)
        modality = "Modality" if self.level == "series" else "ModalitiesInStudy"
        wanted = {
            "StudyInstanceUID": self.study_uid,
            "SeriesInstanceUID": self.series_uid,
            "PatientID": self.patient_id,
            "PatientName": self.patient_name,
            "StudyDate": self.date,
            "AccessionNumber": self.accession,
            modality: self.modality,
        }
        problems = [
            Problem(code="bad_query", message="too long, or not plain text", where=keyword)
            for keyword, text in wanted.items()
            if len(text) > TEXT_LIMIT or "\\" in text or not (text.isprintable())
        ]
        problems += self._misplaced()
        if problems:
            raise ImagingError(problems)
        return {keyword: text for keyword, text in wanted.items() if text}

    def _misplaced(self) -> list[Problem]:
        of_study = (self.patient_id, self.patient_name, self.date, self.accession)
        rules = {
            "a date is written YYYYMMDD or YYYYMMDD-YYYYMMDD": bool(self.date)
            and not DATE.fullmatch(self.date),
            "series and images are listed within one study; name it with --study": self.level
            != "study"
            and not self.study_uid,
            "images are listed within one series; name it with --series": self.level == "image"
            and not self.series_uid,
            "patient, date and accession are searched at the level of studies": self.level
            != "study"
            and any(of_study),
            "images are not searched by modality": self.level == "image" and bool(self.modality),
        }
        return [
            Problem(code="bad_query", message=rule, where="find")
            for rule, broken in rules.items()
            if broken
        ]


def echo(peer: Peer) -> float:
    """Ask the archive for a sign of life.

    Parameters
    ----------
    peer : Peer
        The archive; over DICOMweb when it has such an address.

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
    if peer.web:
        from imaging.dicom.archive.web import web_echo

        web_echo(peer)
        return time.perf_counter() - begun_s
    with associated(peer, [(VERIFICATION, PLAIN)]) as link:
        status = _status(link.send_c_echo())
        if status != SUCCESS:
            raise failed("confirm", peer, status)
    return time.perf_counter() - begun_s


def find(peer: Peer, query: Query, progress: Progress = SILENT) -> list[dict[str, str]]:
    """List the studies, series or images that match.

    Parameters
    ----------
    peer : Peer
        The archive; over DICOMweb when it has such an address.
    query : Query
        What is searched for.
    progress : Progress
        Told with every answer; cancels.

    Returns
    -------
    list of dict
        What the archive tells of each, by DICOM keyword.

    Raises
    ------
    ImagingError
        When the query cannot be asked or the archive refuses.
    Cancelled
        When it is no longer wanted.
    """
    wanted = query.matched()
    if peer.web:
        from imaging.dicom.archive.web import qido

        return qido(peer, query.level, wanted, TOLD[query.level])
    identifier = Dataset()
    identifier.SpecificCharacterSet = "ISO_IR 192"
    identifier.QueryRetrieveLevel = query.level.upper()
    for keyword in (*TOLD[query.level], *wanted):
        setattr(identifier, keyword, wanted.get(keyword, ""))
    found: list[dict[str, str]] = []
    with associated(peer, [(STUDY_ROOT_FIND, PLAIN)]) as link:
        for answer, row in link.send_c_find(identifier, STUDY_ROOT_FIND):
            status = _status(answer)
            if status in PENDING and row is not None:
                found.append(told(row))
                progress.update(0.0, f"{len(found)} found")
                if len(found) > MAX_ANSWERS:
                    message = f"more than {MAX_ANSWERS} answers; narrow the search"
                    raise ImagingError(Problem(code="too_many", message=message))
            elif status != SUCCESS:
                raise failed("answer", peer, status)
    return found


def _status(answer: Dataset | None) -> int | None:
    return int(answer.Status) if answer and "Status" in answer else None


def promised_images(peer: Peer, study_uid: str, series_uid: str, progress: Progress) -> int:
    """Ask how many images a fetch is to bring.

    Parameters
    ----------
    peer : Peer
        The archive.
    study_uid : str
        The study.
    series_uid : str
        One of its series; empty for all.
    progress : Progress
        Cancels.

    Returns
    -------
    int
        Their number, counted one by one where the archive does not tell it.

    Raises
    ------
    ImagingError
        When the archive holds nothing of it, or refuses.
    """
    query = Query("series", study_uid=study_uid, series_uid=series_uid)
    rows = find(peer, query, progress)
    count = 0
    for row in rows:
        told_count = row.get("NumberOfSeriesRelatedInstances", "")
        if told_count.isdigit():
            count += int(told_count)
        else:
            uid = row.get("SeriesInstanceUID", "")
            images = Query("image", study_uid=study_uid, series_uid=uid)
            count += len(find(peer, images, progress))
    if not count:
        message = "the archive holds no images of this study or series; look with find"
        raise ImagingError(Problem(code="not_found", message=message))
    return count

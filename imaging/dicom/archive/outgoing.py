"""Tells what among files can be sent, and how it is encoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom.filereader import read_file_meta_info
from pydicom.uid import UID

from imaging.dicom.archive.inbox import read_object_header

MEDIA_DIRECTORY = "1.2.840.10008.1.3.10"


@dataclass(frozen=True)
class Outgoing:
    """A file to be sent.

    Parameters
    ----------
    path : Path
        The file.
    sop_class, syntax : UID
        What it is and how it is encoded.
    sop_uid : str
        SOP Instance UID.
    """

    path: Path
    sop_class: UID
    syntax: UID
    sop_uid: str


def outgoing(files: Sequence[Path]) -> tuple[list[Outgoing], list[Path]]:
    """Tell the objects among files from everything else.

    Parameters
    ----------
    files : sequence of Path
        Files.

    Returns
    -------
    list of Outgoing
        DICOM objects.
    list of Path
        The others.
    """
    objects: list[Outgoing] = []
    others: list[Path] = []
    for path in files:
        header = read_object_header(path)
        syntax = _syntax(path) if header else ""
        if header is None or not syntax or header.sop_class == MEDIA_DIRECTORY:
            others.append(path)
        else:
            objects.append(Outgoing(path, UID(header.sop_class), UID(syntax), header.sop_uid))
    return objects, others


def _syntax(path: Path) -> str:
    try:
        meta = read_file_meta_info(path)
    except Exception:  # a damaged header fails in any way the parser can
        return ""
    named = "MediaStorageSOPClassUID" in meta and "MediaStorageSOPInstanceUID" in meta
    return str(meta.get("TransferSyntaxUID", "")) if named else ""

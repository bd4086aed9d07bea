"""How a case is described: from its series, its plans and what the user wrote."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from imaging.dicom.anonymise import Beside
from imaging.errors import Problem
from imaging.geometry import BoolArray
from planning.errors import PlanningError
from planning.library.folders import CaseFolder
from planning.library.intake import TakenSeries
from planning.library.model import Card, CaseFields, CaseRow
from planning.library.picture import thumbnail_png
from planning.library.plans import summary_of_file
from planning.library.refusals import refuse, told
from planning.plan import Case, SeriesReference
from planning.store import ENDING

WITHOUT_UID = ("file-", "no-uid-")  # before the UIDs of series that have none


def refuse_texts(fields: CaseFields | None, beside: Beside) -> None:
    """Refuse what the user wrote about a case when it names the patient or a day.

    Parameters
    ----------
    fields : CaseFields or None
        As the user set them.
    beside : Beside
        Knows the identifiers, where anybody does.

    Raises
    ------
    PlanningError
        With every field, never with the identifier.
    """
    problems = []
    for name, text in () if fields is None else fields.texts:
        kind = beside.found_in_note(text)
        if kind:
            message = f"{name}: the text holds an identifier ({kind}); write it without"
            problems.append(Problem(code="identifier_in_text", message=message, where=name))
    if problems:
        raise PlanningError(problems)


def refuse_other_series(series: SeriesReference, values_sha256: str, where: str) -> None:
    """Refuse a plan that belongs to another series.

    Parameters
    ----------
    series : SeriesReference
        Of the plan.
    values_sha256 : str
        Of the values of the series at hand.
    where : str
        For the message.

    Raises
    ------
    PlanningError
        When the values differ.
    """
    if series.checksum != values_sha256:
        message = "the plan was made on another series; choose the one that it was made on"
        raise refuse("other_series", message, where)


def uid_on_disk(case: Case) -> str | None:
    """Return the UID by which the files of a plan's series are found.

    Parameters
    ----------
    case : Case
        Of the plan.

    Returns
    -------
    str or None
        None where the UID was derived.
    """
    uid = case.plan.series.uid
    return None if uid.startswith(WITHOUT_UID) else uid


def free_plan_name(case: CaseFolder) -> str:
    """Return a name that no plan of the case has; the name of the user's file may name the patient.

    Parameters
    ----------
    case : CaseFolder
        Of the case.

    Returns
    -------
    str
        ``plan-1.osteoplan`` and so on.
    """
    used = set(case.plan_names())
    number = 1
    while f"plan-{number}{ENDING}" in used:
        number += 1
    return f"plan-{number}{ENDING}"


def size_mb(taken: TakenSeries) -> float:
    """Return the size of a series on the disk.

    Parameters
    ----------
    taken : TakenSeries
        As it lies there.

    Returns
    -------
    float
        Millions of bytes.
    """
    return sum(one.size for one in taken.files) / 1e6


def new_card(
    case_id: str, taken: TakenSeries, fields: CaseFields, problems: tuple[Problem, ...]
) -> Card:
    """Return the card of a case that has no plan yet.

    Parameters
    ----------
    case_id : str
        Of the case.
    taken : TakenSeries
        Its series.
    fields : CaseFields
        What it is found by.
    problems : tuple of Problem
        What to mind.

    Returns
    -------
    Card
        Added now.
    """
    volume = taken.volume
    row = CaseRow(
        id=case_id,
        fields=fields,
        added_utc=datetime.now(UTC).isoformat(timespec="milliseconds"),
        series_uid=volume.series.uid,
        modality=volume.series.modality,
        slices=volume.grid.size_kji[0],
        size_mb=size_mb(taken),
        plans=(),
        has_follow_up=False,
        problems=tuple(dict.fromkeys(problems)),
    )
    return Card(row=row, values_sha256=volume.checksum, files=taken.files)


def with_plans(card: Card, folder: CaseFolder, *, joined: bool = False) -> Card:
    """Return a card with what the plans of its case say now.

    Parameters
    ----------
    card : Card
        As it was.
    folder : CaseFolder
        Of the case.
    joined : bool
        Whether the techniques of the plans join those of the case; else they only fill an open
        field, so that what the user took away does not come back.

    Returns
    -------
    Card
        Names of the plans, follow-up, and fields that were open.
    """
    names = folder.plan_names()
    found = [summary_of_file(folder.plans / name) for name in names]
    known = [one for one in found if one is not None]
    fields = card.row.fields
    for one in known:
        fields = fields.filled(one.fields)
        if joined:
            together = tuple(dict.fromkeys((*fields.techniques, *one.fields.techniques)))
            fields = fields.model_copy(update={"techniques": together})
    has_follow_up = any(one.has_follow_up for one in known)
    update = {"plans": names, "has_follow_up": has_follow_up, "fields": fields}
    return card.model_copy(update={"row": card.row.model_copy(update=update)})


def write_picture(folder: CaseFolder, taken: TakenSeries, lesion: BoolArray | None) -> None:
    """Draw the small picture of a case into its folder.

    Parameters
    ----------
    folder : CaseFolder
        Being made.
    taken : TakenSeries
        Its series.
    lesion : numpy.ndarray or None
        Shape of the volume, bool.
    """
    with told(folder.thumbnail):
        folder.thumbnail.write_bytes(thumbnail_png(taken.volume, lesion))


def at(series: SeriesReference, place: Path) -> SeriesReference:
    """Return a reference to a series at another place.

    Parameters
    ----------
    series : SeriesReference
        Of a volume.
    place : Path
        Where its files will be.

    Returns
    -------
    SeriesReference
        All else is the same.
    """
    return series.model_copy(update={"path": str(place)})

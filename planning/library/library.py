"""The library of cases: what is in it, and every change of it.

A case comes in under a temporary name and takes its own when it is whole; then one transaction
tells the index. A program killed in between leaves a whole folder, which the next one takes up, or
a piece, which the next one clears away.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from types import TracebackType

from imaging.dicom.anonymise import Beside
from imaging.errors import Problem
from imaging.progress import SILENT, Progress
from planning.beside import PLANS
from planning.errors import PlanningError
from planning.library.checking import check_library
from planning.library.entries import (
    at,
    free_plan_name,
    new_card,
    refuse_other_series,
    refuse_texts,
    size_mb,
    uid_on_disk,
    with_plans,
    write_picture,
)
from planning.library.folders import REMOVED, CaseFolder, Folders
from planning.library.index import Index
from planning.library.intake import TakenSeries, take_series
from planning.library.model import Card, CaseFields, CaseRow, Wanted
from planning.library.plans import read_plan, without_identifiers, write_plan
from planning.library.refusals import refuse, told
from planning.plan import Case, SeriesReference
from planning.store import ENDING

EVERYTHING = Wanted()


class Library:
    """An open library; one object serves one thread.

    Parameters
    ----------
    folders : Folders
        Of the library.
    index : Index
        Open.

    Notes
    -----
    Made by :meth:`open`; use it as a context manager, or close it. Several programs may have one
    library open.
    """

    def __init__(self, folders: Folders, index: Index) -> None:
        self.folders = folders
        self.index = index

    @property
    def root(self) -> Path:
        """The library's folder."""
        return self.folders.root

    @classmethod
    def open(cls, folder: Path) -> Library:
        """Open a library; make a new one where there is none.

        One on a medium that can only be read, or without the right to write, can be read all the
        same; what would change it is refused.

        Parameters
        ----------
        folder : Path
            Of the library; a new one has to be empty or absent.

        Returns
        -------
        Library
            What a killed program left is cleared away or taken up.

        Raises
        ------
        PlanningError
            When the folder is no library, its index is damaged or from a newer version, or the
            place cannot be written.
        """
        folders = Folders(folder.expanduser().absolute())
        if folders.are_read_only:
            return cls(folders, Index.open(folders.index, is_read_only=True))
        if not folders.index.is_file():
            folders.refuse_others()
            folders.make()
        with folders.locked():
            is_new = not folders.index.is_file()
            index = Index.create(folders.index) if is_new else Index.open(folders.index)
            library = cls(folders, index)
            try:
                folders.make()
                library._tidy()
            except BaseException:
                library.close()
                raise
        return library

    def close(self) -> None:
        """Close the library."""
        self.index.close()

    def __enter__(self) -> Library:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def search(self, wanted: Wanted = EVERYTHING) -> tuple[CaseRow, ...]:
        """Return the cases that are looked for.

        Parameters
        ----------
        wanted : Wanted
            What they have; all cases by default.

        Returns
        -------
        tuple of CaseRow
            The one that was added last comes first.
        """
        return self.index.search(wanted)

    def tags(self) -> tuple[str, ...]:
        """Return every tag in use, once, in order."""
        return self.index.tags()

    def case(self, case_id: str) -> CaseRow:
        """Return one case; what was changed in its plans since is read first.

        Parameters
        ----------
        case_id : str
            Of the case.

        Returns
        -------
        CaseRow
            As it is now.

        Raises
        ------
        PlanningError
            When there is no such case.
        """
        card, seen = self.index.card(case_id)
        folder = self.folders.case(case_id)
        if not folder.path.is_dir() or folder.seen() == seen:
            return card.row
        if self.index.is_read_only:
            return with_plans(card, folder).row
        with self.folders.locked():
            return self._write(with_plans(self.index.card(case_id)[0], folder), folder).row

    def thumbnail(self, case_id: str) -> bytes | None:
        """Return the small picture of a case.

        Parameters
        ----------
        case_id : str
            Of the case.

        Returns
        -------
        bytes or None
            PNG, at most 20 kB.
        """
        return self.index.thumbnail(case_id)

    def add(
        self,
        series: Path,
        plan: Path | None = None,
        fields: CaseFields | None = None,
        progress: Progress = SILENT,
        *,
        series_uid: str | None = None,
    ) -> CaseRow:
        """Take a series in, as a copy without identifiers, with the plan that was made on it.

        Parameters
        ----------
        series : Path
            Folder, file, zip or DICOMDIR; or NIfTI, NRRD, MetaImage in HU.
        plan : Path or None
            Made on that series; stays where it is, a copy without identifiers is taken.
        fields : CaseFields or None
            What the case is found by; what is left open is filled from the plan.
        progress : Progress
            Told while files are copied and read.
        series_uid : str or None
            Series wanted, of several; that of the plan by default.

        Returns
        -------
        CaseRow
            The new case.

        Raises
        ------
        Refusal
            When the series or a text may name the patient, the plan belongs to another series, or
            the series is in the library already; then nothing is kept.
        Cancelled
            When the result is no longer wanted; nothing is kept.
        """
        content = None if plan is None else read_plan(plan)
        uid = series_uid or (None if content is None else uid_on_disk(content[0]))
        with self.folders.piece() as draft:
            case = CaseFolder(draft)
            taken = take_series(series, uid, case, progress.part(0, 0.95))
            self._refuse_double(taken.volume.series.uid, taken.volume.checksum)
            refuse_texts(fields, taken.beside)
            problems, lesion = taken.problems, None
            if content is not None:
                cleaned, left_out = _on_copy(content[0], taken)
                write_plan(case.plans / free_plan_name(case), cleaned, content[1])
                problems, lesion = (*problems, *left_out), cleaned.lesion
            progress.update(0.98, "adding the case")
            write_picture(case, taken, lesion)
            card = new_card(self.folders.new_id(), taken, fields or CaseFields(), problems)
            return self.adopt(case, with_plans(card, case))

    def series_folder(self, case_id: str) -> Path:
        """Return the folder of the anonymised series.

        Parameters
        ----------
        case_id : str
            Of the case.

        Returns
        -------
        Path
            To be read only.

        Raises
        ------
        PlanningError
            When the case or its series is not there.
        """
        self.index.card(case_id)
        folder = self.folders.case(case_id).series
        if not folder.is_dir():
            message = (
                "the series of this case is gone; `osteoplan library relink` takes it in again "
                "from where it is"
            )
            raise refuse("series_missing", message, folder)
        return folder

    def plan_path(self, case_id: str, name: str) -> Path:
        """Return a plan of a case, which may be opened and changed.

        Parameters
        ----------
        case_id : str
            Of the case.
        name : str
            Of the plan file.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        PlanningError
            When there is no such plan.
        """
        self.index.card(case_id)
        folder = self.folders.case(case_id)
        if name not in folder.plan_names():
            names = ", ".join(folder.plan_names()) or "none"
            message = f"the case has no such plan; it has {names}"
            raise refuse("no_such_plan", message, f"{case_id}: {name}")
        return folder.plans / name

    def change(self, case_id: str, fields: CaseFields) -> CaseRow:
        """Set what a case is found by.

        Parameters
        ----------
        case_id : str
            Of the case.
        fields : CaseFields
            All of them.

        Returns
        -------
        CaseRow
            Changed.

        Raises
        ------
        PlanningError
            When there is no such case, or a text holds a date of the calendar.
        """
        refuse_texts(fields, Beside.unknown())
        with self.folders.locked():
            card, _ = self.index.card(case_id)
            row = card.row.model_copy(update={"fields": fields})
            changed = card.model_copy(update={"row": row})
            return self._write(changed, self.folders.case(case_id)).row

    def add_plan(self, case_id: str, plan: Path, *, series: Path | None = None) -> CaseRow:
        """Take another plan of a case in.

        Parameters
        ----------
        case_id : str
            Of the case.
        plan : Path
            Made on the series of the case, or on its original.
        series : Path or None
            The original, whose identifiers the texts of the plan are searched for; needed for a
            plan that was made on it.

        Returns
        -------
        CaseRow
            With the plan.

        Raises
        ------
        Refusal
            When the plan belongs to another series or a text of it may name the patient.
        """
        card, _ = self.index.card(case_id)
        content, pictures = read_plan(plan)
        refuse_other_series(content.plan.series, card.values_sha256, "plan")
        folder = self.folders.case(case_id)
        with self.folders.piece() as draft:
            beside = Beside.unknown()
            if content.plan.series.uid != card.row.series_uid:
                beside = _beside_original(content, series, draft)
            reference = _reference(content, card, CaseFolder(draft))  # beside the plan, both move
            cleaned, left_out = without_identifiers(content, reference, beside)
            made = draft / PLANS / f"new{ENDING}"
            write_plan(made, cleaned, pictures)
            with self.folders.locked():
                card, _ = self.index.card(case_id)
                with told(folder.plans):
                    folder.plans.mkdir(exist_ok=True)
                    made.replace(folder.plans / free_plan_name(folder))
                problems = tuple(dict.fromkeys((*card.row.problems, *left_out)))
                row = card.row.model_copy(update={"problems": problems})
                changed = with_plans(card.model_copy(update={"row": row}), folder, joined=True)
                return self._write(changed, folder).row

    def remove(self, case_id: str, *, with_plans: bool = False) -> None:
        """Take a case out of the library for good.

        Parameters
        ----------
        case_id : str
            Of the case.
        with_plans : bool
            Whether its plans go too; without it, a case with plans stays.

        Raises
        ------
        PlanningError
            When there is no such case, or it has plans.
        """
        folder = self.folders.case(case_id)
        with self.folders.locked():
            self.index.card(case_id)
            names = folder.plan_names()
            if names and not with_plans:
                message = (
                    f"the case has {len(names)} plan(s), which would lose their series: "
                    f"{', '.join(names)}. Export the case first, or remove it --with-plans"
                )
                raise refuse("case_has_plans", message, case_id)
            with self.folders.piece(f"{REMOVED}{case_id}") as piece:
                if folder.path.is_dir():
                    with told(folder.path):
                        folder.path.replace(piece / "case")
                self._forget(case_id, piece / "case", folder.path)

    def relink(self, case_id: str, series: Path, progress: Progress = SILENT) -> CaseRow:
        """Take the series of a case in again, from where it was moved to or from its original.

        Parameters
        ----------
        case_id : str
            Of the case.
        series : Path
            Where it is.
        progress : Progress
            Told while files are copied and read.

        Returns
        -------
        CaseRow
            With its series; the plans point at it.

        Raises
        ------
        Refusal
            When it holds other values than the series of the case.
        """
        card, _ = self.index.card(case_id)
        folder = self.folders.case(case_id)
        with self.folders.piece() as draft:
            piece = CaseFolder(draft)
            taken = take_series(series, None, piece, progress.part(0, 0.95))
            if taken.volume.checksum != card.values_sha256:
                message = "this series holds other values than that of the case; choose the same CT"
                raise refuse("other_series", message, series.name)
            progress.update(0.97, "linking the plans")
            with self.folders.locked():
                return self._with_series(folder, piece, taken)

    def check(self, *, thorough: bool = False, progress: Progress = SILENT) -> tuple[Problem, ...]:
        """Look for what is missing, changed, or belongs to nothing.

        Parameters
        ----------
        thorough : bool
            Whether all bytes are compared; else sizes, and the bytes of files with another time.
        progress : Progress
            Told after each case.

        Returns
        -------
        tuple of Problem
            Each with its case and what to do; empty when all is well.
        """
        return check_library(self.folders, self.index, thorough=thorough, progress=progress)

    def adopt(self, folder: CaseFolder, card: Card) -> CaseRow:
        """Take up a whole folder of a case that was made in a piece.

        Parameters
        ----------
        folder : CaseFolder
            With series, plans and picture.
        card : Card
            Of the case; its folder takes the name of its id.

        Returns
        -------
        CaseRow
            The case.

        Raises
        ------
        PlanningError
            When its series is in the library already.
        """
        folder.write_card(card)
        with self.folders.locked():
            self._refuse_double(card.row.series_uid, card.values_sha256)
            target = self.folders.case(card.row.id)
            with told(target.path):
                folder.path.replace(target.path)
            with self.index.writing():
                self.index.put(card, target.picture(), seen=target.seen())
        return card.row

    def _write(self, card: Card, folder: CaseFolder) -> Card:
        """Change a case in the index, then in its folder; a kill in between is made good later."""
        there = folder.path.is_dir()
        with self.index.writing():
            self.index.put(card, None, seen=folder.seen() if there else "", behind=there)
        if there:
            folder.write_card(card)
            self.index.mark_card(card.row.id)
        return card

    def _forget(self, case_id: str, taken: Path, place: Path) -> None:
        """Take a case out of the index whose folder was taken away.

        On a full disk the folder goes first: nothing else makes room for the index's journal. When
        it is anything else that keeps the index from being changed, the folder comes back.
        """
        try:
            with self.index.writing():
                self.index.delete(case_id)
        except PlanningError as refusal:
            if refusal.code != "cannot_write":
                if taken.is_dir():
                    taken.replace(place)
                raise
            shutil.rmtree(taken, ignore_errors=True)
            with self.index.writing():
                self.index.delete(case_id)

    def _with_series(self, folder: CaseFolder, piece: CaseFolder, taken: TakenSeries) -> CaseRow:
        """Put a series in the place of the old one and point the plans at it."""
        card, _ = self.index.card(folder.path.name)
        with told(folder.path):
            folder.path.mkdir(exist_ok=True)
            if folder.series.exists():
                folder.series.replace(piece.path / "before")
            piece.series.replace(folder.series)
        reference = at(SeriesReference.of(taken.volume), piece.series)  # beside the plan
        for name in folder.plan_names():
            path = folder.plans / name
            content, pictures = read_plan(path)
            if content.plan.series.uid != reference.uid:
                as_is = Beside(Beside.unknown().finder, 0)  # it was cleaned when it came in
                cleaned, _ = without_identifiers(content, reference, as_is)
                write_plan(piece.plans / name, cleaned, pictures, "linked to its series again")
                with told(path):
                    (piece.plans / name).replace(path)
        volume = taken.volume
        row = card.row.model_copy(
            update={
                "series_uid": volume.series.uid,
                "slices": volume.grid.size_kji[0],
                "size_mb": size_mb(taken),
            }
        )
        changed = Card(row=row, values_sha256=volume.checksum, files=taken.files)
        return self._write(with_plans(changed, folder), folder).row

    def _refuse_double(self, uid: str, values_sha256: str) -> None:
        found = self.index.with_series(uid, values_sha256)
        if found is not None:
            message = (
                "this series is in the library already; add its plan to that case, or remove the "
                "case first"
            )
            raise refuse("case_is_there", message, found)

    def _tidy(self) -> None:
        """Clear away and take up what killed programs left."""
        for piece in self.folders.abandoned():
            case_id = piece.name.removeprefix(REMOVED)
            if case_id != piece.name and not self.folders.case(case_id).path.exists():
                with self.index.writing():
                    self.index.delete(case_id)
        for case_id in self.folders.case_ids() - self.index.ids():
            self._take_up(self.folders.case(case_id))
        for case_id in self.index.ids(behind=True):
            card, _ = self.index.card(case_id)
            if self.folders.case(case_id).path.is_dir():
                self.folders.case(case_id).write_card(card)
            self.index.mark_card(case_id)

    def _take_up(self, folder: CaseFolder) -> None:
        """Tell the index of a whole folder that it does not know; others are left to the check."""
        try:
            card = folder.read_card()
        except PlanningError:
            return
        if card.row.id != folder.path.name or self.index.with_series(
            card.row.series_uid, card.values_sha256
        ):
            return
        with self.index.writing():
            self.index.put(card, folder.picture(), seen=folder.seen())


def _on_copy(content: Case, taken: TakenSeries) -> tuple[Case, tuple[Problem, ...]]:
    """Return the plan on the copy of its series."""
    refuse_other_series(content.plan.series, taken.volume.checksum, "plan")
    return without_identifiers(content, SeriesReference.of(taken.volume), taken.beside)


def _beside_original(content: Case, series: Path | None, piece: Path) -> Beside:
    """Return what finds the identifiers of the original that a plan was made on."""
    place = series or Path(content.plan.series.path)
    if series is None and not (content.plan.series.path and place.exists()):
        message = (
            "the plan was made on the original series, whose identifiers its texts have to be "
            "searched for; name the original too (--series)"
        )
        raise refuse("original_needed", message)
    with tempfile.TemporaryDirectory(dir=piece) as folder:
        taken = take_series(place, uid_on_disk(content), CaseFolder(Path(folder)))
        refuse_other_series(content.plan.series, taken.volume.checksum, "plan")
        return taken.beside


def _reference(content: Case, card: Card, folder: CaseFolder) -> SeriesReference:
    """Return how a plan of the case points at the series, whose values and geometry it knows."""
    update = {
        "uid": card.row.series_uid,
        "path": str(folder.series),
        "description": "",
        "problems": (),
    }
    return content.plan.series.model_copy(update=update)

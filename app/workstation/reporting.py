"""The report of the open case: captured pictures, arrangement, preview, export, archive."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import AppError
from app.report.texts import Language
from app.workstation import report_tasks
from app.workstation.stages import Topic
from imaging.dicom.archive.peer import Peer
from planning.store import Picture

if TYPE_CHECKING:
    from app.workstation.session import Session


class Reporting:
    """Commands of the step of the report.

    Parameters
    ----------
    session : Session
        With the open case.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.pictures: tuple[Picture, ...] = ()

    def load(self) -> None:
        """Take the pictures of the plan file that was opened."""
        self.pictures = self._session.keeper.pictures()

    def forget(self) -> None:
        """Forget the pictures of the case that was open."""
        self.pictures = ()

    def keep_picture(self, picture: Picture) -> None:
        """Keep a captured picture in the plan, and put it last into the report.

        Parameters
        ----------
        picture : Picture
            PNG without anything that names the patient.
        """
        case = self._session.case
        if case is None:
            return
        others = tuple(one for one in self.pictures if one.name != picture.name)
        self.pictures = (*others, picture)
        names = (*(n for n in case.plan.report.pictures if n != picture.name), picture.name)
        self._arrange(pictures=names)
        self._session.keeper.keep_picture(picture)

    def arrange_pictures(self, names: tuple[str, ...]) -> None:
        """Set which captured pictures the report holds, and their order.

        Parameters
        ----------
        names : tuple of str
            Of pictures that were captured.
        """
        self._arrange(pictures=names)

    def leave_out(self, sections: tuple[str, ...]) -> None:
        """Set which sections the report leaves out.

        Parameters
        ----------
        sections : tuple of str
            Keys; some may never be left out.
        """
        self._arrange(left_out=sections)

    def _arrange(self, **changes: object) -> None:
        case = self._session.case
        if case is None:
            return
        choice = case.plan.report.model_copy(update=changes)
        if choice != case.plan.report:
            self._session.apply("report_choice", case.with_plan(report=choice))

    def export(self, folder: Path, language: Language) -> None:
        """Write the report to a folder, in the background.

        Parameters
        ----------
        folder : Path
            Made when it does not exist.
        language : str
            ``fr`` or ``en``.
        """
        session = self._session
        if session.case is None or session.volume is None:
            return
        problems = session.consulting.not_to_be_exported()
        if problems:
            session.tell(Topic.REFUSED, AppError(problems))
            return
        asked = session.case

        def apply(files: tuple[Path, ...]) -> None:
            # an edit meanwhile makes it the report of an older state
            session.was_exported(files if session.case is asked else (), files)

        request = (session.case, session.volume, folder, language, self.pictures)
        session.start("report", apply, session.case, report_tasks.report, *request)

    def preview(self, language: Language, show: Callable[[tuple[bytes, ...]], None]) -> None:
        """Draw the pages of the report, in the background.

        Parameters
        ----------
        language : str
            ``fr`` or ``en``.
        show : callable
            Takes the pages as PNG.
        """
        session = self._session
        if session.case is None or session.volume is None:
            return
        session.cancel_named("preview_report")
        request = (session.case, session.volume, language, self.pictures)
        session.start("preview_report", show, session.case, report_tasks.report_preview, *request)

    def send(self, peer: Peer, done: Callable[[int], None]) -> None:
        """Send the DICOM objects of the report that was exported, in the background.

        Parameters
        ----------
        peer : Peer
            The archive.
        done : callable
            Takes how many it stored.
        """
        files = self._session.exported
        if files:
            self._session.start("send_report", done, None, report_tasks.send_report, files, peer)

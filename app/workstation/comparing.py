"""The series beside the planning CT: read, registered, moved by hand, kept in the plan by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from app.errors import AppError
from app.workstation import compare_tasks
from app.workstation.compare_tasks import Compared, Wanted
from app.workstation.stages import Topic
from imaging.document import Vector
from imaging.errors import Problem
from imaging.geometry import FloatArray
from imaging.registration.model import FoundBy, Registration, rigid
from imaging.registration.rigid import same_frame
from imaging.registration.series import SecondSeries, SeriesRow
from imaging.volume import Volume
from planning.comparison import Comparison
from planning.dependence import for_all
from planning.lesions import middle_lps_mm

if TYPE_CHECKING:
    from app.workstation.session import Session

JOBS = ("compare_read", "compare_again")
OTHER_VOXELS = Problem(
    code="other_voxels_compared",
    message="the series has other voxels than when it was compared; compare it anew",
)


class Comparing:
    """Commands of the comparison.

    Parameters
    ----------
    session : Session
        With the open case.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.series: SecondSeries | None = None
        self.pivot_lps_mm: Vector = (0.0, 0.0, 0.0)  # where the user looks
        self._read_for: str = ""  # UID of the CT it was read for
        self._asked: Wanted | None = None
        session.subscribe(Topic.VOLUME, self._volume_changed)

    @property
    def comparison(self) -> Comparison | None:
        """What the plan says of it."""
        return None if self._session.case is None else self._session.case.plan.comparison

    @property
    def matrix(self) -> FloatArray | None:
        """What lays the series on the CT; None while nothing does, or it is not read."""
        known = self.comparison
        if self.series is None or known is None or known.uid != self.series.volume.series.uid:
            return None
        return known.matrix

    @property
    def can_be_read_again(self) -> bool:
        """Whether the plan names a series that is not read and whose files are still there."""
        known = self.comparison
        return self.series is None and known is not None and Path(known.path).exists()

    def value_at(self, point_lps_mm: FloatArray) -> float | None:
        """Return the value of the series at a place of the CT.

        Parameters
        ----------
        point_lps_mm : numpy.ndarray
            Shape (3,).

        Returns
        -------
        float or None
            In its own unit; None outside.
        """
        matrix = self.matrix
        if self.series is None or matrix is None:
            return None
        place = np.linalg.inv(matrix) @ np.append(point_lps_mm, 1.0)
        return self.series.value_at(place[:3])

    def open(
        self, path: Path, series_uid: str | None = None, *, is_anonymised: bool = False
    ) -> None:
        """Read a series and register it, in the background.

        Parameters
        ----------
        path : Path
            Folder or file.
        series_uid : str or None
            None asks where there are several.
        is_anonymised : bool
            Whether the user says that identifiers mean nothing.
        """
        session = self._session
        if session.volume is None or session.case is None:
            return
        wanted = Wanted(path, series_uid, is_anonymised, self._at())
        self._asked = wanted
        uid = session.volume.series.uid

        def apply(found: Compared | tuple[SeriesRow, ...]) -> None:
            if not self._is_still(uid):
                return
            if isinstance(found, Compared):
                self._use(found, is_anonymised=is_anonymised)
            else:
                session.tell(Topic.COMPARISON_ASKED, (wanted, found))

        session.cancel_named(*JOBS)
        session.start(
            "compare_read", apply, None, compare_tasks.read_and_register, session.volume, wanted
        )

    def say_anonymised(self) -> None:
        """Open the series that was refused for its identifiers: the user says they mean nothing."""
        if self._asked is not None:
            self.open(self._asked.path, self._asked.series_uid, is_anonymised=True)

    def read_again(self) -> None:
        """Read the series that the plan names, as it was laid."""
        session, known = self._session, self.comparison
        if session.volume is None or known is None:
            return
        uid_on_disk = None if known.uid.startswith(("file-", "no-uid-")) else known.uid
        wanted = Wanted(Path(known.path), uid_on_disk, known.is_anonymised, self._at())
        uid = session.volume.series.uid

        def apply(series: SecondSeries) -> None:
            if not self._is_still(uid) or self.comparison is None:
                return
            if series.volume.checksum != self.comparison.checksum:
                session.tell(Topic.REFUSED, AppError(OTHER_VOXELS))
                return
            self.series, self._read_for = series, uid
            session.tell(Topic.COMPARISON)

        session.cancel_named(*JOBS)
        session.start("compare_read", apply, None, compare_tasks.read_again, session.volume, wanted)

    def register_again(self) -> None:
        """Register once more, near where the series lies and where the user looks."""
        session, series = self._session, self.series
        if session.volume is None or series is None:
            return

        def apply(found: Registration) -> None:
            if self.series is series:
                self._lay(found, "compare_register")

        request = (session.volume, series, self.matrix, self._at())
        session.cancel_named(*JOBS)
        session.start("compare_again", apply, None, compare_tasks.register_again, *request)

    def use_frame_of_reference(self) -> None:
        """Take the places as the headers have them."""
        self._set(np.eye(4), "frame_of_reference", "compare_frame")

    def nudge(self, shift_mm: Vector = (0.0, 0.0, 0.0), turn_deg: Vector = (0.0, 0.0, 0.0)) -> None:
        """Move the series by hand; a step that can be undone.

        Parameters
        ----------
        shift_mm : Vector
            Along x, y, z.
        turn_deg : Vector
            About x, y, z through the place where the user looks.
        """
        matrix = self.matrix
        before = np.eye(4) if matrix is None else matrix
        self._set(rigid(turn_deg, shift_mm, self.pivot_lps_mm) @ before, "by_hand", "compare_nudge")

    def close(self) -> None:
        """Take the series away from the views and from the plan."""
        self._session.cancel_named(*JOBS, "compare_judge")
        self.series = None
        case = self._session.case
        if case is not None and case.plan.comparison is not None:
            self._session.apply("compare_close", for_all(case, comparison=None))
        self._session.tell(Topic.COMPARISON)

    def _use(self, found: Compared, *, is_anonymised: bool) -> None:
        session = self._session
        if session.volume is None:
            return
        self.series, self._read_for = found.series, session.volume.series.uid
        known = Comparison.of(found.series, is_anonymised=is_anonymised)
        if found.registration is not None:
            known = known.laid(found.registration)
        else:
            known = known.without_fit(found.problems, found.same_frame)
        self._keep(known, "compare_begin")

    def _set(self, matrix: FloatArray, found_by: FoundBy, command: str) -> None:
        """Lay the series by hand at once, and measure the fit in the background."""
        session, series = self._session, self.series
        if session.volume is None or series is None:
            return
        same = same_frame(session.volume, series)
        laid = Registration(matrix, found_by, None, same, f"CT-{series.modality}")
        self._lay(laid, command)

        def apply(found: Registration) -> None:
            now, case = self.comparison, session.case
            if self.series is not series or now is None or now.matrix is None or case is None:
                return
            if np.array_equal(now.matrix, found.moving_to_fixed_lps):
                session.complete(for_all(case, comparison=now.laid(found)))
                session.tell(Topic.COMPARISON)

        request = (session.volume, series, matrix, found_by, self._at())
        session.cancel_named("compare_judge")
        session.start("compare_judge", apply, None, compare_tasks.judge_again, *request)

    def _lay(self, found: Registration, command: str) -> None:
        known = self.comparison
        if known is None and self.series is not None:
            known = Comparison.of(self.series)
        if known is not None:
            self._keep(known.laid(found), command)

    def _keep(self, known: Comparison, command: str) -> None:
        case = self._session.case
        if case is not None:
            self._session.apply(command, for_all(case, comparison=known), merges=False)
            self._session.tell(Topic.COMPARISON)

    def _at(self) -> Vector:
        """Return the place near which the fit counts: the lesion, else where the user looks."""
        case = self._session.case
        middle = None if case is None else middle_lps_mm(case)
        return self.pivot_lps_mm if middle is None else middle

    def _is_still(self, uid: str) -> bool:
        volume = self._session.volume
        return volume is not None and volume.series.uid == uid

    def _volume_changed(self, volume: Volume | None) -> None:
        if volume is None or volume.series.uid != self._read_for:
            self.series = None
        self._session.tell(Topic.COMPARISON)

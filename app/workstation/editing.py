"""What the radiologist does to lesions, structures and measures, as commands of the session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from app.workstation import tasks
from app.workstation.arrays import same_memory
from app.workstation.stages import Topic
from imaging.document import Vector
from imaging.errors import Refusal
from imaging.geometry import BoolArray, FloatArray
from imaging.lesion import correction
from imaging.lesion.segment import LesionOutline, regenerated
from imaging.measurement.involvement import Involvement
from imaging.measurement.lesion import LesionMeasurement
from imaging.strokes import Stroke, met
from imaging.structures.model import PassageClass, Structures
from imaging.volume import Volume
from planning import corrections, lesions
from planning.ablation.limits import LimitChange
from planning.edits import Value
from planning.plan import Case
from planning.procedure import with_proposal

if TYPE_CHECKING:
    from app.workstation.session import Session

SEED_FAR_MM = 200.0  # a click farther away than this from the others begins another lesion


@dataclass(frozen=True)
class _Clicks:
    """Places in the lesion, and places that are not lesion."""

    inside: tuple[Vector, ...]
    outside: tuple[Vector, ...]

    @classmethod
    def of(cls, case: Case) -> _Clicks:
        return cls(case.plan.seeds_lps_mm, case.plan.outside_lps_mm)

    def arrays(self) -> tuple[FloatArray, FloatArray]:
        return (
            np.array(self.inside, dtype=float),
            np.array(self.outside, dtype=float).reshape(-1, 3),
        )


@dataclass(frozen=True, eq=False)
class _Proposal:
    """The outline proposed last, of which tighter and more generous ones are had at once."""

    outline: LesionOutline
    clicks: _Clicks
    volume: Volume
    structures: Structures | None

    def is_of(self, clicks: _Clicks, case: Case, volume: Volume) -> bool:
        """Tell whether the same clicks would be outlined in the same way again."""
        same_inputs = self.volume is volume and self.structures is case.structures
        return same_inputs and self.clicks == clicks


class Editing:
    """Commands on the open case; each can be undone.

    Parameters
    ----------
    session : Session
        Whose case is changed.

    Notes
    -----
    Corrections of an outline are done at once, on the block around it, and so is a tighter or
    more generous outline at the same clicks; what is measured of it follows from the worker.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._proposal: _Proposal | None = None

    # The outline

    def outline(self, point_lps_mm: Vector, *, is_inside: bool = True) -> None:
        """Outline the lesion at a click; further clicks correct it.

        Parameters
        ----------
        point_lps_mm : Vector
            Where was clicked.
        is_inside : bool
            False marks a place that is not lesion.
        """
        case = self._session.case
        if case is None or (not is_inside and not case.plan.seeds_lps_mm):
            return
        inside = [p for p in case.plan.seeds_lps_mm if _far_mm(p, point_lps_mm) < SEED_FAR_MM]
        outside = list(case.plan.outside_lps_mm) if inside else []
        (inside if is_inside else outside).append(point_lps_mm)
        self._outline("outline", inside, outside, case.plan.generosity if len(inside) > 1 else 0.0)

    def regrow(self, generosity: float) -> None:
        """Outline the lesion at the same clicks, tighter or more generous.

        Parameters
        ----------
        generosity : float
            −1 to 1.
        """
        case, volume = self._session.case, self._session.volume
        if case is None or volume is None or not case.plan.seeds_lps_mm:
            return
        clicks = _Clicks.of(case)
        if self._proposal is not None and self._proposal.is_of(clicks, case, volume):
            self._session.cancel_named("outline", "regrow")
            found = regenerated(self._proposal.outline, volume, generosity)
            self._use(found, clicks, generosity, "regrow")
        else:
            self._outline("regrow", list(clicks.inside), list(clicks.outside), generosity)

    def _outline(
        self, name: str, inside: list[Vector], outside: list[Vector], generosity: float
    ) -> None:
        session = self._session
        session.cancel_named("outline", "regrow", "measure", "prepare")
        case, volume = session.case, session.volume
        if case is None or volume is None:
            return
        clicks = _Clicks(tuple(inside), tuple(outside))

        def apply(found: tasks.Proposed) -> None:
            self._proposal = _Proposal(found.proposal, clicks, volume, case.structures)
            mask = found.lesion.whole(volume.grid.size_kji)
            self._use(replace(found.proposal, mask=mask), clicks, generosity, name)

        request = (case.structures, volume, *clicks.arrays(), generosity)
        session.start(name, apply, case, tasks.outline, *request)

    def _use(self, outline: LesionOutline, clicks: _Clicks, generosity: float, name: str) -> None:
        """Show an outline at once and have it measured."""
        case = self._session.case
        if case is not None:
            changed = with_proposal(case, outline, *clicks.arrays(), generosity)
            self._session.apply(name, changed)
            self.measure()

    def forget_lesion(self) -> None:
        """Take the outline away, with all that depends on it."""
        case = self._session.case
        if case is not None and case.lesion is not None:
            self._session.apply("forget_lesion", corrections.forget_lesion(case))

    def paint(self, stroke: Stroke) -> None:
        """Add or remove a brush stroke.

        Parameters
        ----------
        stroke : Stroke
            One drag.
        """
        volume = self._session.volume
        if volume is not None:
            self._correct("brush", lambda mask: correction.painted(mask, volume, stroke))

    def fill_between(self, normal_lps: Vector) -> None:
        """Fill the slices between outlined ones.

        Parameters
        ----------
        normal_lps : Vector
            Across the slices that were painted.
        """
        self._correct_outline(
            "fill_between",
            lambda mask, case: correction.filled_between(
                mask, case.plan.series.grid, np.array(normal_lps)
            ),
        )

    def smooth(self) -> None:
        """Smooth the outline."""
        self._correct_outline(
            "smooth", lambda mask, case: correction.smoothed(mask, case.plan.series.grid)
        )

    def keep_part(self, point_lps_mm: Vector) -> None:
        """Keep only the piece that was clicked.

        Parameters
        ----------
        point_lps_mm : Vector
            In that piece.
        """
        self._correct_outline(
            "keep_part",
            lambda mask, case: correction.kept_part(
                mask, case.plan.series.grid, np.array(point_lps_mm)
            ),
        )

    def remove_part(self, point_lps_mm: Vector) -> None:
        """Split the outline at its neck and take the part away that was clicked.

        Parameters
        ----------
        point_lps_mm : Vector
            In the part to be taken away.
        """
        self._correct_outline(
            "remove_part",
            lambda mask, case: correction.without_part(
                mask, case.plan.series.grid, np.array(point_lps_mm)
            ),
        )

    def import_lesion(self, path: object) -> None:
        """Take the outline from a mask.

        Parameters
        ----------
        path : Path
            NIfTI, NRRD, MetaImage or DICOM SEG.
        """
        self._session.change("import_lesion", tasks.import_lesion, path)

    def _correct_outline(self, name: str, change: Callable[[BoolArray, Case], BoolArray]) -> None:
        case = self._session.case
        if case is not None and case.lesion is not None:
            self._correct(name, lambda mask: mask if mask is None else change(mask, case))

    def _correct(self, name: str, change: Callable[[BoolArray | None], BoolArray | None]) -> None:
        """Change the outline at once and have it measured."""
        case = self._session.case
        if case is None:
            return
        try:
            mask = change(case.lesion)
        except Refusal as refusal:
            self._session.tell(Topic.REFUSED, refusal)
            return
        if mask is not None and not _same_outline(case.lesion, mask):
            self._session.apply(name, corrections.with_outline(case, mask))
            self.measure()

    # Measures

    def measure(self) -> None:
        """Have measured in the background what is not measured yet."""
        session = self._session
        session.cancel_named("measure")
        case, volume = session.case, session.volume
        if case is None or volume is None or case.lesion is None:
            return
        if case.plan.lesion is not None and (
            case.structures is None or case.plan.involvement is not None
        ):
            return
        crop = tasks.cut_out(case.lesion)
        session.start(
            "measure", self._measured(case), None, tasks.measured, crop, volume, case.structures
        )

    def _measured(
        self, asked: Case
    ) -> Callable[[tuple[LesionMeasurement, Involvement | None]], None]:
        def apply(found: tuple[LesionMeasurement, Involvement | None]) -> None:
            now = self._session.case
            if (
                now is not None
                and same_memory(now.lesion, asked.lesion)
                and now.structures is asked.structures
            ):
                self._session.complete(now.with_plan(lesion=found[0], involvement=found[1]))

        return apply

    def edit_measure(
        self, key: str, value: Value, ends_lps_mm: tuple[Vector, Vector] | None = None
    ) -> None:
        """Set a measure by hand.

        Parameters
        ----------
        key : str
            Of the measure.
        value : bool, float or str
            What it is to be.
        ends_lps_mm : tuple of Vector or None
            Of the callipers it was read from.
        """
        self._apply(
            "edit_measure",
            lambda case: corrections.edit_measure(case, key, value, ends_lps_mm),
        )

    def take_back_edit(self, key: str) -> None:
        """Return to what was measured.

        Parameters
        ----------
        key : str
            Of the measure.
        """
        self._apply("take_back_edit", lambda case: corrections.take_back_edit(case, key))

    # Structures

    def find_structures(self) -> None:
        """Find the structures in the background."""
        self._session.change("structures", tasks.structures)

    def import_structures(self, path: object, names: object = None) -> None:
        """Take the structures from a label map.

        Parameters
        ----------
        path : Path
            Label map.
        names : Path or None
            JSON of names; None looks beside the label map.
        """
        self._session.change("import_structures", tasks.import_structures, path, names)

    def paint_structure(self, name: str, stroke: Stroke) -> None:
        """Add a brush stroke to a structure, or remove it.

        Parameters
        ----------
        name : str
            Of the structure.
        stroke : Stroke
            One drag.
        """
        volume = self._session.volume
        if volume is None:
            return
        block, inside = met(volume, stroke)
        self._apply(
            "paint_structure",
            lambda case: corrections.paint_structure(case, name, block, inside, adds=stroke.adds),
        )
        self.measure()

    def set_class(self, name: str, class_: PassageClass) -> None:
        """Set whether a needle may pass a structure.

        Parameters
        ----------
        name : str
            Of the structure.
        class_ : PassageClass
            Wanted.
        """
        self._apply("set_class", lambda case: corrections.set_class(case, name, class_))

    def set_limit(self, change: LimitChange) -> None:
        """Set what a structure stands.

        Parameters
        ----------
        change : LimitChange
            For one structure.
        """
        self._apply("set_limit", lambda case: corrections.set_limit(case, change))

    def set_level(self, level: str, point_lps_mm: Vector) -> None:
        """Say which level the vertebra at a place is.

        Parameters
        ----------
        level : str
            Such as ``L3``.
        point_lps_mm : Vector
            In that vertebra.
        """
        self._session.change("set_level", tasks.set_level, level, np.array(point_lps_mm))

    # Lesions

    def add_lesion(self) -> None:
        """Begin the plan of another lesion."""
        self._apply("add_lesion", lesions.add_lesion)

    def look_at_lesion(self, number: int) -> None:
        """Look at another lesion of the case.

        Parameters
        ----------
        number : int
            Of the lesion.
        """
        case = self._session.case
        if case is not None and case.plan.number != number:
            self._apply("switch_lesion", lambda now: lesions.look_at(now, number))
            self.measure()

    def remove_lesion(self) -> None:
        """Take the present lesion out of the case."""
        self._apply("remove_lesion", lesions.remove_lesion)

    def rename_lesion(self, name: str) -> None:
        """Give the present lesion a name.

        Parameters
        ----------
        name : str
            For people.
        """
        self._apply("rename_lesion", lambda case: lesions.rename(case, name), merges=True)

    def _apply(self, name: str, change: Callable[[Case], Case], *, merges: bool = False) -> None:
        case = self._session.case
        if case is None:
            return
        try:
            changed = change(case)
        except Refusal as refusal:
            self._session.tell(Topic.REFUSED, refusal)
            return
        if changed is not case:
            self._session.apply(name, changed, merges=merges)


def _same_outline(before: BoolArray | None, after: BoolArray) -> bool:
    """Tell whether a correction met nothing, so that nothing that hangs on the outline is lost.

    Slice by slice, which needs no memory as large as the CT and ends at the first difference.
    """
    if before is None:
        return not after.any()
    return all(np.array_equal(one, other) for one, other in zip(before, after, strict=True))


def _far_mm(one: Vector, other: Vector) -> float:
    return float(np.linalg.norm(np.subtract(one, other)))

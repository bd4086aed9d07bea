"""The plan of one lesion: a frozen aggregate of all that was found, chosen and computed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from imaging.document import Document, Vector
from imaging.errors import Problem
from imaging.geometry import BoolArray, Grid, read_only
from imaging.lesion.certainty import Certainty, certainty
from imaging.measurement.involvement import Involvement
from imaging.measurement.lesion import LesionMeasurement
from imaging.structures.levels import Levels
from imaging.structures.model import BONE, Structure, Structures, is_bone
from imaging.structures.not_visible import NotVisible, not_visible
from imaging.volume import Volume
from planning.ablation.dissection import Dissection
from planning.ablation.limits import LimitChange
from planning.ablation.planner.result import AblationSearch
from planning.ablation.request import Thermocouple
from planning.ablation.results import TreatmentSummary
from planning.ablation.uncertainty.result import UncertaintyResult
from planning.access.needles import needle_named
from planning.access.posture import Position
from planning.access.request import AccessResult, Proposal
from planning.access.sets import NeedleSet
from planning.annotations import Annotation
from planning.comparison import Comparison
from planning.edits import ClassChange, MeasureEdit, involvement_as_edited, lesion_as_edited
from planning.follow_up.records import Treatment
from planning.report_choice import ReportChoice
from planning.side_check import SideCheck
from planning.technique.answers import Answers
from planning.technique.engine import Recommendation

PLAN_VERSION = 1


class SeriesReference(Document):
    """Which CT a plan belongs to; holds none of its pixels and nothing that names the patient.

    Attributes
    ----------
    uid, path, checksum, description : str
        Series Instance UID; where it was; SHA-256 of its values in HU; its own description.
    size_kji : tuple of int
        Size of the volume.
    affine_kji_to_lps : tuple
        Four rows of four numbers.
    max_position_error_mm : float
        As measured when it was read.
    problems : tuple of Problem
        What was found when it was read.
    patient_position : str
        DICOM Patient Position; empty when unknown.
    """

    uid: str
    path: str
    checksum: str
    description: str
    size_kji: tuple[int, int, int]
    affine_kji_to_lps: tuple[tuple[float, float, float, float], ...]
    max_position_error_mm: float
    problems: tuple[Problem, ...] = ()
    patient_position: str = ""

    @classmethod
    def of(cls, volume: Volume) -> SeriesReference:
        """Return the reference to a volume.

        Parameters
        ----------
        volume : Volume
            As read.

        Returns
        -------
        SeriesReference
            Its place and geometry.
        """
        rows = [[float(n) for n in row] for row in volume.grid.affine_kji_to_lps]
        return cls(
            uid=volume.series.uid,
            path=volume.series.path,
            checksum=volume.checksum,
            description=volume.series.description,
            size_kji=volume.grid.size_kji,
            affine_kji_to_lps=tuple((r[0], r[1], r[2], r[3]) for r in rows),
            max_position_error_mm=volume.series.max_position_error_mm,
            problems=volume.series.problems,
            patient_position=volume.series.patient_position,
        )

    @property
    def grid(self) -> Grid:
        """Grid of the volume."""
        return Grid(self.size_kji, np.array(self.affine_kji_to_lps))


class Plan(Document):
    """Everything of a plan that is not an array.

    Attributes
    ----------
    version : int
        Of this document's shape.
    number : int
        Of the lesion among those of the case, from 1.
    name : str
        What the radiologist calls the lesion; may be empty.
    created_utc : str
        ISO 8601.
    series : SeriesReference
        The CT.
    seeds_lps_mm, outside_lps_mm : tuple of Vector
        Clicks in the lesion, and clicks that are not lesion.
    generosity : float
        Of the outline around the clicks: −1 tight, 1 generous.
    lesion : LesionMeasurement or None
        Measures of the outline.
    involvement : Involvement or None
        What the lesion does to its bone; None until outline and structures are there.
    edits : tuple of MeasureEdit
        Measures that the radiologist has changed.
    doubts : tuple of Problem
        What makes the outline unsure.
    structures : tuple of Structure
        What was found around it; the same for all lesions of a case.
    levels : Levels or None
        How the levels of the vertebrae were counted.
    classes : tuple of ClassChange
        Classes of structures that the radiologist has changed.
    limits : tuple of LimitChange
        Thermal limits that the radiologist has changed for this case.
    position : Position
        How the patient will lie.
    access : AccessResult or None
        Proposals.
    no_access : tuple of Problem
        Why there is none, when the search found nothing.
    needle_id : str or None
        Needle of the search; None is the first trocar of the table.
    own_way : Proposal or None
        The way drawn by hand, with rank 0 and all that speaks against it.
    margins_mm : dict
        Margins that the radiologist has set, by structure; others have the default.
    access_settings : dict
        Settings of the search that the radiologist has changed, by id.
    chosen_rank : int or None
        Rank of the way that is planned; 0 is the one drawn by hand.
    needle_set : NeedleSet or None
        Several needles that ablation uses in the place of the chosen way; None is that way alone.
    depth_shifts_mm : tuple of float
        How much deeper than the middle of the lesion each probe goes; missing ones are 0.
    thermocouples : tuple of Thermocouple
        Places whose temperature is followed.
    dissections : tuple of Dissection
        Fluid or gas that shall lie between the lesion and its neighbours.
    simulation : tuple of TreatmentSummary
        One for each device tried.
    ablation_search : AblationSearch or None
        What was found when a treatment was planned by the program.
    uncertainty : tuple of UncertaintyResult
        What the samples of treatments say, without the samples.
    side_check : SideCheck or None
        That side and level were stated and agreed with the image.
    answers : Answers
        What the physician answered; the CT fills in what is left open.
    report : ReportChoice
        How the report is arranged.
    judged : Answers or None
        What the rules saw: those answers with what the CT filled in.
    recommendation : Recommendation or None
        What the rules make of it.
    treatments : tuple of Treatment
        What was done to the lesion and what became of it, by date.
    comparison : Comparison or None
        The series beside the CT; the same for all lesions of a case.
    annotations : tuple of Annotation
        Lengths, angles and regions that were measured in the views.
    """

    version: int = PLAN_VERSION
    number: int = 1
    name: str = ""
    created_utc: str
    series: SeriesReference
    seeds_lps_mm: tuple[Vector, ...] = ()
    outside_lps_mm: tuple[Vector, ...] = ()
    generosity: float = 0.0
    lesion: LesionMeasurement | None = None
    involvement: Involvement | None = None
    edits: tuple[MeasureEdit, ...] = ()
    doubts: tuple[Problem, ...] = ()
    structures: tuple[Structure, ...] = ()
    levels: Levels | None = None
    classes: tuple[ClassChange, ...] = ()
    limits: tuple[LimitChange, ...] = ()
    position: Position = Position.AUTO
    access: AccessResult | None = None
    no_access: tuple[Problem, ...] = ()
    needle_id: str | None = None
    own_way: Proposal | None = None
    margins_mm: dict[str, float] = Field(default_factory=dict)
    access_settings: dict[str, float] = Field(default_factory=dict)
    chosen_rank: int | None = None
    needle_set: NeedleSet | None = None
    depth_shifts_mm: tuple[float, ...] = ()
    thermocouples: tuple[Thermocouple, ...] = ()
    dissections: tuple[Dissection, ...] = ()
    simulation: tuple[TreatmentSummary, ...] = ()
    ablation_search: AblationSearch | None = None
    uncertainty: tuple[UncertaintyResult, ...] = ()
    side_check: SideCheck | None = None
    answers: Answers = Answers()
    judged: Answers | None = None
    report: ReportChoice = ReportChoice()
    recommendation: Recommendation | None = None
    treatments: tuple[Treatment, ...] = ()
    comparison: Comparison | None = None
    annotations: tuple[Annotation, ...] = ()

    @property
    def measures(self) -> LesionMeasurement | None:
        """Measures of the outline as they count: what the radiologist set goes before."""
        return None if self.lesion is None else lesion_as_edited(self.lesion, self.edits)

    @property
    def effects(self) -> Involvement | None:
        """What the lesion does to its bone, as it counts: what the radiologist set goes before."""
        if self.involvement is None:
            return None
        return involvement_as_edited(self.involvement, self.edits)

    @property
    def certainty(self) -> Certainty | None:
        """How sure the outline was that the clicks proposed; None for one from elsewhere."""
        return certainty(self.doubts) if self.seeds_lps_mm and self.lesion is not None else None

    @property
    def unpainted(self) -> tuple[NotVisible, ...]:
        """Nerves and vessels beside the bones of the image that no CT shows and nobody painted.

        Where no bone is known, as in a label map of organs alone, nerves are near all the same.
        """
        names = tuple(row.name for row in self.structures)
        return not_visible(names if any(map(is_bone, names)) else (*names, BONE))

    @property
    def chosen(self) -> Proposal | None:
        """The way in that is planned."""
        if self.own_way is not None and self.chosen_rank == self.own_way.rank:
            return self.own_way
        return None if self.access is None else self.access.ranked(self.chosen_rank)

    @property
    def ways(self) -> tuple[Proposal, ...]:
        """The way drawn by hand, where there is one, the proposals, and the chosen one."""
        own = () if self.own_way is None else (self.own_way,)
        known = (*own, *(self.access.proposals if self.access else ()))
        chosen = self.chosen
        return known if chosen is None or chosen in known else (*known, chosen)

    @property
    def needle_used(self) -> str:
        """Id of the needle that the ways in are for."""
        if self.access is not None:
            return self.access.needle
        return needle_named(self.needle_id).id

    def as_contract(self, files: list[str]) -> dict[str, Any]:
        """Return the JSON of ``osteoplan plan``.

        Parameters
        ----------
        files : list of str
            Files that were written.

        Returns
        -------
        dict
            Plain values.
        """
        whole = self.model_dump(mode="json", by_alias=True)
        access = whole["access"] or {"proposals": []}
        measures, effects = self.measures, self.effects
        return {
            "series_uid": self.series.uid,
            "lesion": None if measures is None else measures.model_dump(mode="json", by_alias=True),
            "involvement": None if effects is None else effects.model_dump(mode="json"),
            "edits": whole["edits"],
            "structures": whole["structures"],
            "access": {**access, "reasons": whole["no_access"]},
            "simulation": whole["simulation"],
            "needle_set": whole["needle_set"],
            "dissections": whole["dissections"],
            "thermocouples": whole["thermocouples"],
            "ablation_search": whole["ablation_search"],
            "uncertainty": whole["uncertainty"],
            "recommendation": whole["recommendation"],
            "annotations": [one.as_told() for one in self.annotations],
            "not_visible": [one.model_dump(mode="json") for one in self.unpainted],
            "files": files,
        }


@dataclass(frozen=True, eq=False)
class ThermalField:
    """What a simulated treatment leaves for pictures.

    Parameters
    ----------
    grid : Grid
        Along the patient's axes.
    temperature_c : numpy.ndarray
        Shape ``grid.size_kji``, float32, at the end of the last heating or freezing phase.
    zone : numpy.ndarray
        Same shape, bool: lethal by the technique's criterion.
    margin_mm : numpy.ndarray or None
        Same shape, float32: signed distance to the zone's surface, above zero inside; NaN away from
        the lesion's surface. None in plans from before it was kept.
    """

    grid: Grid
    temperature_c: NDArray[np.float32]
    zone: BoolArray
    margin_mm: NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class LesionPlan:
    """The plan of a lesion that is not looked at now.

    Parameters
    ----------
    plan : Plan
        The documents.
    lesion : numpy.ndarray or None
        Shape of the series, bool.
    fields : tuple of ThermalField
        In the order of ``plan.simulation``.
    """

    plan: Plan
    lesion: BoolArray | None = None
    fields: tuple[ThermalField, ...] = ()

    def __post_init__(self) -> None:
        if self.lesion is not None:
            object.__setattr__(self, "lesion", read_only(self.lesion))


@dataclass(frozen=True, eq=False)
class Case:
    """The plan of the lesion that is looked at, with its arrays, and those of the others.

    Parameters
    ----------
    plan : Plan
        The documents.
    lesion : numpy.ndarray or None
        Shape of the series, bool.
    structures : Structures or None
        On the grid of the series.
    fields : tuple of ThermalField
        In the order of ``plan.simulation``.
    others : tuple of LesionPlan
        The other lesions of the case, on the same CT and structures.
    """

    plan: Plan
    lesion: BoolArray | None = None
    structures: Structures | None = None
    fields: tuple[ThermalField, ...] = ()
    others: tuple[LesionPlan, ...] = ()

    def __post_init__(self) -> None:
        if self.lesion is not None:
            object.__setattr__(self, "lesion", read_only(self.lesion))

    @classmethod
    def begin(cls, volume: Volume) -> Case:
        """Return an empty case of a CT.

        Parameters
        ----------
        volume : Volume
            As read.

        Returns
        -------
        Case
            Nothing planned yet.
        """
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(Plan(created_utc=now, series=SeriesReference.of(volume)))

    def with_plan(self, **changes: object) -> Case:
        """Return the case with fields of its plan changed.

        Parameters
        ----------
        **changes : object
            Fields of :class:`Plan`.

        Returns
        -------
        Case
            The arrays stay.
        """
        return replace(self, plan=self.plan.model_copy(update=changes))

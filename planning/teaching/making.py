"""Makes exercises: from a recipe that a teacher writes, with a reference the engine builds.

The reference is built on what is true of the case (outline and structures of a generated CT, the
lesion that was put into a real one), or it is a real plan. It is refused where it would fail
itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field
from pydicom.uid import generate_uid

from imaging.dicom.anonymise import Beside
from imaging.document import Document, Vector
from imaging.errors import Problem
from imaging.phantom.insert import Request as Insertion
from imaging.phantom.insert import insert
from imaging.progress import SILENT, Progress
from imaging.volume import SeriesInfo, Volume
from planning.ablation.dissection import Dissection
from planning.ablations import plan_for_me, use_needle_set
from planning.access.posture import Position
from planning.access.sets import Purpose, search_set
from planning.errors import PlanningError
from planning.library.archive import file_named
from planning.library.plans import without_identifiers
from planning.plan import Case, SeriesReference
from planning.procedure import find_surroundings, with_lesion, with_structures
from planning.report_choice import ReportChoice
from planning.teaching.answer import Answer
from planning.teaching.exercise import Exercise, Kept, Statement, Task, exercise_from
from planning.teaching.files import ENDING, ExerciseFile, Material, material_of, write_exercise
from planning.teaching.marking.choosing import judged_by_rules, most_anaesthetic_ml, technique_of
from planning.teaching.marking.mark import WITH_WAY, mark
from planning.teaching.marking.treating import simulate
from planning.teaching.marking.ways import Ground
from planning.technique.answers import Answers
from planning.technique.doses import formula_volume_ml
from planning.ways_in import (
    access_request,
    choose_access,
    find_access,
    with_access_limits,
)

MOST_BYTES = 1_000_000  # of a recipe
MOST_VALUES = 100_000
SEARCHED = 12  # ways of which a corridor is chosen
STANDS_BY = ("recommended", "possible")


class ReferenceChoice(Document):
    """How the reference is chosen among what the engine finds.

    Attributes
    ----------
    needle_id : str or None
        None takes the first trocar for which there is a way.
    position : Position
        How the patient lies.
    margins_mm : dict
        By structure.
    corridor : str or None
        The best way through it is taken.
    rank : int
        Of the way, where no corridor is named.
    targets_lps_mm : tuple of Vector
        Places to aim at; empty lets the search choose them.
    device : str or None
        That ablates.
    needles : int
        Of a set of parallel cryoprobes; 1 takes the chosen way alone.
    is_planned : bool
        Whether the program finds number, place and durations of the probes.
    most_probes : int
        Tried at most.
    depth_shifts_mm : tuple of float
        Deeper than the middle of the lesion, where it is not planned by the program.
    dissections : tuple of Dissection
        Fluid or gas beside the lesion.
    statement : Statement
        What it states; diameters, volume and device that are left out are filled in.
    """

    needle_id: str | None = None
    position: Position = Position.AUTO
    margins_mm: dict[str, float] = Field(default_factory=dict)
    corridor: str | None = None
    rank: int = Field(default=1, ge=1)
    targets_lps_mm: tuple[Vector, ...] = ()
    device: str | None = None
    needles: int = Field(default=1, ge=1, le=4)
    is_planned: bool = False
    most_probes: int = Field(default=3, ge=1, le=4)
    depth_shifts_mm: tuple[float, ...] = ()
    dissections: tuple[Dissection, ...] = ()
    statement: Statement = Statement()


@dataclass(frozen=True)
class Recipe:
    """What a teacher writes.

    Parameters
    ----------
    data : dict
        Of the exercise; its source may be left out for a CT that is given.
    choice : ReferenceChoice
        Of the reference.
    insertion : Insertion or None
        Lesion to be put into a given CT.
    where : str
        File, for messages.
    """

    data: dict[str, Any]
    choice: ReferenceChoice
    insertion: Insertion | None
    where: str

    def exercise(self, volume: Volume | None = None) -> Exercise:
        """Return the exercise.

        Parameters
        ----------
        volume : Volume or None
            CT that is kept in the file; None for a generated one.

        Returns
        -------
        Exercise
            Checked.

        Raises
        ------
        PlanningError
            With every problem.
        """
        data = dict(self.data)
        if volume is not None:
            kept = Kept(uid=volume.series.uid, checksum=volume.checksum)
            data["source"] = kept.model_dump()
        return exercise_from(data, self.where)


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Parameters
    ----------
    path : Path
        A YAML or JSON file: the fields of an exercise, with ``reference`` and perhaps ``insert``.

    Returns
    -------
    Recipe
        Its reference checked; the exercise is checked when its CT is known.

    Raises
    ------
    PlanningError
        When it cannot be read, or with every problem of its reference.
    """
    from pydantic import TypeAdapter, ValidationError

    data = _loaded(path)
    chosen, inserted = data.pop("reference", {}), data.pop("insert", None)
    problems: list[Problem] = []
    choice, insertion = ReferenceChoice(), None
    try:
        choice = ReferenceChoice.model_validate_json(json.dumps(chosen, default=str))
    except ValidationError as error:
        problems += [_problem(row, f"{path.name}: reference") for row in error.errors()]
    try:
        if inserted is not None:
            insertion = TypeAdapter(Insertion).validate_python(inserted)
    except ValidationError as error:
        problems += [_problem(row, f"{path.name}: insert") for row in error.errors()]
    if problems:
        raise PlanningError(problems)
    return Recipe(data, choice, insertion, path.name)


def _loaded(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MOST_BYTES:
            message = f"a recipe has less than {MOST_BYTES} bytes; choose another file"
            raise PlanningError(Problem(code="too_large", message=message, where=str(path)))
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        message = f"the recipe cannot be read ({error.strerror}); check the path and its rights"
        raise PlanningError(
            Problem(code="not_readable", message=message, where=str(path))
        ) from None
    except (yaml.YAMLError, ValueError, RecursionError):
        message = "the recipe is no plain YAML; write it as the user guide shows"
        raise PlanningError(Problem(code="not_yaml", message=message, where=str(path))) from None
    if not isinstance(data, dict) or not _is_small(data):
        message = "a recipe holds the fields of an exercise; see the user guide"
        raise PlanningError(Problem(code="bad_value", message=message, where=str(path)))
    return data


def _is_small(data: object) -> bool:
    """Tell whether a recipe has as many values as people write; aliases of aliases have more."""
    waiting, count = [data], 0
    while waiting and count <= MOST_VALUES:
        one, count = waiting.pop(), count + 1
        if isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return count <= MOST_VALUES


def _problem(row: Any, where: str) -> Problem:  # noqa: ANN401 - of pydantic
    place = ".".join(str(part) for part in row["loc"])
    return Problem(code="bad_value", message=f"{place}: {row['msg']}; correct it", where=where)


def make_exercise(
    recipe: Recipe,
    out: Path,
    volume: Volume | None = None,
    plan: Answer | None = None,
    passphrase: str | None = None,
    progress: Progress = SILENT,
) -> ExerciseFile:
    """Make an exercise file.

    Parameters
    ----------
    recipe : Recipe
        What a teacher wrote.
    out : Path
        File to be written.
    volume : Volume or None
        A real CT that is kept in the file without its headers; None for a generated case.
    plan : Answer or None
        A real plan on that CT, which is the reference; None lets the engine build one.
    passphrase : str or None
        Of the teacher, for an examination.
    progress : Progress
        Told all along.

    Returns
    -------
    ExerciseFile
        As written.

    Raises
    ------
    Refusal
        When the recipe is refused, nothing feasible is found, or the reference would fail itself.
    """
    out = file_named(out, ENDING)
    if volume is None:
        exercise = recipe.exercise()
        made = material_of(exercise, progress.part(0.0, 0.3))
    else:
        if plan is not None:
            volume, plan = _without_patient(recipe, volume, plan)
        made = _given(volume, recipe, plan, progress.part(0.0, 0.3))
        exercise = recipe.exercise(made.volume)
    part = progress.part(0.3, 0.8)
    reference = plan or build_reference(exercise, recipe.choice, made, part)
    if plan is not None:
        known = {"answers": exercise.given.answers}
        reference = replace(reference, case=reference.case.with_plan(**known))
    reference = _complete(exercise, recipe.choice, reference)
    problems = problems_of_reference(exercise, reference, made.volume, progress.part(0.8, 1.0))
    if problems:
        raise PlanningError(problems)
    return write_exercise(out, exercise, None if volume is None else made, reference, passphrase)


def _without_patient(recipe: Recipe, volume: Volume, plan: Answer) -> tuple[Volume, Answer]:
    """Return a real CT and the plan on it without what leads to the patient.

    The CT gets a UID of its own; of the plan stays what is marked, cleaned as the library does.
    """
    if plan.case.plan.series.checksum != volume.checksum:
        message = "the plan belongs to another CT; give the CT that it was made on"
        raise PlanningError(Problem(code="other_ct", message=message, where=recipe.where))
    info = SeriesInfo(
        uid=str(generate_uid(entropy_srcs=["osteoplan", "exercise", volume.checksum])),
        path="",
        patient_position=volume.series.patient_position,
        max_position_error_mm=volume.series.max_position_error_mm,
    )
    bare = Volume(volume.hu, volume.grid, info)
    own = plan.case.plan.own_way
    looked_at = replace(plan.case, others=()).with_plan(
        name="",
        created_utc="",
        own_way=None if own is None else own.model_copy(update={"overruled": ""}),
        thermocouples=(),
        side_check=None,
        answers=Answers(),
        judged=None,
        report=ReportChoice(),
        treatments=(),
        annotations=(),
    )
    cleaned, _ = without_identifiers(looked_at, SeriesReference.of(bare), Beside.unknown())
    found = cleaned.structures
    if found is not None:
        found = replace(found, table=cleaned.plan.structures)
    return bare, replace(plan, case=replace(cleaned, structures=found))


def _given(volume: Volume, recipe: Recipe, plan: Answer | None, progress: Progress) -> Material:
    """Return a real CT with what is true of it: a plan's outline, or that of a lesion put in."""
    if plan is not None:
        return Material(volume, plan.case.lesion, plan.case.structures)
    if recipe.insertion is None:
        message = "say what is true of this CT: give a plan, or a lesion to be put in (`insert`)"
        raise PlanningError(Problem(code="no_truth", message=message, where=recipe.where))
    inserted = insert(volume, recipe.insertion)
    found = find_surroundings(Case.begin(inserted.volume), inserted.volume, progress)
    return Material(inserted.volume, inserted.lesion, found.structures)


def build_reference(
    exercise: Exercise, choice: ReferenceChoice, made: Material, progress: Progress = SILENT
) -> Answer:
    """Let the engine build a reference on what is true of a case.

    Parameters
    ----------
    exercise : Exercise
        With what is known of the patient.
    choice : ReferenceChoice
        Among what the engine finds.
    made : Material
        With outline and structures.
    progress : Progress
        Told all along.

    Returns
    -------
    Answer
        Way and treatment where the task asks for them.

    Raises
    ------
    Refusal
        When nothing feasible is found.
    """
    if made.lesion is None or made.structures is None:
        message = "the case has no outline or no structures to build a reference on"
        raise PlanningError(Problem(code="no_truth", message=message, where=exercise.id))
    begun = Case.begin(made.volume).with_plan(created_utc="", name=exercise.id)
    case = with_structures(begun, made.structures, made.volume)
    case = with_lesion(case, made.volume, made.lesion).with_plan(answers=exercise.given.answers)
    if exercise.task in WITH_WAY:
        case = _with_way(case, choice, made.volume, progress.part(0.0, 0.4))
    if exercise.task == Task.ABLATION:
        if choice.needles > 1:
            request = access_request(case, made.volume)
            part = progress.part(0.4, 0.6)
            needles = search_set(request, Purpose.CRYOABLATION, choice.needles, part)
            case = use_needle_set(case, needles)
        case = case.with_plan(
            dissections=choice.dissections, depth_shifts_mm=choice.depth_shifts_mm
        )
        if choice.is_planned and choice.device is not None:
            case = _planned(case, choice, choice.device, made.volume, progress.part(0.4, 1.0))
    return Answer(case, choice.statement, exercise.time_s)


def _with_way(case: Case, choice: ReferenceChoice, volume: Volume, progress: Progress) -> Case:
    limited = with_access_limits(case, choice.margins_mm, {})
    found = find_access(
        limited,
        volume,
        choice.needle_id,
        choice.position,
        progress,
        top=SEARCHED,
        targets_lps_mm=choice.targets_lps_mm,
    )
    if found.plan.access is None:
        raise PlanningError(found.plan.no_access)
    if choice.corridor is None:
        ranks = [one.rank for one in found.plan.access.proposals]
        if choice.rank not in ranks:
            message = f"the search found {len(ranks)} ways; choose another rank"
            raise PlanningError(Problem(code="no_such_way", message=message, where="reference"))
        return choose_access(found, choice.rank)
    ways = (*found.plan.access.proposals, *found.plan.access.front)
    best = next((one for one in ways if one.corridor == choice.corridor), None)
    if best is None:
        known = ", ".join(sorted({one.corridor for one in ways if one.corridor})) or "none"
        message = f"no way takes this corridor; the search found {known}"
        raise PlanningError(Problem(code="no_such_way", message=message, where=choice.corridor))
    return choose_access(found, best.rank)


def _planned(
    case: Case, choice: ReferenceChoice, device: str, volume: Volume, progress: Progress
) -> Case:
    planned = plan_for_me(case, volume, device, progress=progress, most_probes=choice.most_probes)
    if not planned.plan.simulation:
        message = "the program found no treatment with this device; choose another, or more probes"
        raise PlanningError(Problem(code="no_treatment", message=message, where=device))
    return planned


def _complete(exercise: Exercise, choice: ReferenceChoice, reference: Answer) -> Answer:
    """Fill in what follows from the reference's own outline and device."""
    stated = choice.statement if choice.statement != Statement() else reference.statement
    measures = reference.case.plan.measures
    filled: dict[str, object] = {}
    if measures is not None:
        length_mm, width_mm = measures.length_mm, measures.width_mm
        if exercise.task == Task.MEASURE:
            filled |= {"length_mm": length_mm, "width_mm": width_mm}
        if stated.anaesthetic_ml is not None:
            filled["volume_ml"] = formula_volume_ml(length_mm, width_mm)
    if exercise.task == Task.ABLATION and choice.device is not None:
        filled["device"] = choice.device
    lacking = {key: value for key, value in filled.items() if getattr(stated, key) is None}
    statement = Statement.model_validate({**stated.model_dump(), **lacking})
    return replace(reference, statement=statement, elapsed_s=exercise.time_s)


def problems_of_reference(
    exercise: Exercise, reference: Answer, volume: Volume, progress: Progress = SILENT
) -> list[Problem]:
    """Return why a reference cannot be one.

    Parameters
    ----------
    exercise : Exercise
        Of it.
    reference : Answer
        To be looked at as critically as any answer.
    volume : Volume
        The CT.
    progress : Progress
        Told all along.

    Returns
    -------
    list of Problem
        Limits that its way breaks, limits of heat and cold that it passes, a technique or a dose
        that the rules refuse, points that it lacks against itself.
    """
    told: list[tuple[str, str, str]] = []
    if exercise.task in WITH_WAY:
        figures = Ground(reference, volume).figures(reference)
        if figures is None:
            told.append(("no_way", "the reference has no way in; choose one", ""))
        else:
            told += [("limit_broken", "its way breaks a limit", one) for one in figures.against]
    if exercise.task == Task.ABLATION:
        treatment = simulate(reference, reference, volume, progress)
        if treatment is None:
            told.append(("no_treatment", "its treatment cannot be simulated", ""))
        else:
            told += [
                ("limit_passed", "its treatment passes a thermal limit", row.name)
                for row in treatment.summary.passed
            ]
    told += _refused_by_rules(exercise, reference)
    problems = [
        Problem(code=code, message=f"{message}; change the reference", where=where or exercise.id)
        for code, message, where in told
    ]
    if not problems:
        found = mark(exercise, reference, reference, volume, progress)
        if found.percent != 100.0 or not found.passed:
            message = f"the reference has {found.percent:g} % against itself; complete it"
            problems.append(Problem(code="not_complete", message=message, where=exercise.id))
    return problems


def _refused_by_rules(exercise: Exercise, reference: Answer) -> list[tuple[str, str, str]]:
    if exercise.task == Task.MEASURE:
        return []
    advised = judged_by_rules(exercise, reference)
    told: list[tuple[str, str, str]] = []
    technique, stated = technique_of(reference), reference.statement
    if technique is None:
        told.append(("no_technique", "the reference states no technique", ""))
    elif advised.advice(technique).status not in STANDS_BY:
        status = advised.advice(technique).status
        told.append(("technique_refused", f"the rules call its technique {status}", technique))
    most_ml = most_anaesthetic_ml(advised.infiltration)
    if stated.anaesthetic_ml is not None and stated.anaesthetic_ml > most_ml:
        told.append(("dose_above_maximum", f"its dose is above {most_ml:g} mL", "anaesthetic_ml"))
    allowed = {advised.infiltration.corticosteroid, "none", None}
    if stated.corticosteroid not in allowed and advised.infiltration.corticosteroid is not None:
        told.append(("corticosteroid_refused", "the rules name another", "corticosteroid"))
    return told

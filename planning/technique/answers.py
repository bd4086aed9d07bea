"""What was measured and asked: a flat document in which a key left out is unknown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import ConfigDict, Field, ValidationError

from imaging.document import Document
from imaging.errors import Problem
from imaging.tables import load_table
from planning.errors import PlanningError
from planning.technique.consistency import contradictions

MOST_BYTES = 1_000_000  # of a file of answers; a full one has about 3 kB
MOST_SHOWN = 60  # characters of an unknown key that a message repeats

Length = Annotated[float, Field(ge=1, le=300, allow_inf_nan=False)]
Distance = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]
Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]

LEVEL = r"^(C[1-7]|T[1-9]|T1[0-2]|L[1-5]|S[1-5])$"
Bone = Literal[
    "vertebra",
    "sacrum",
    "rib",
    "sternum",
    "clavicle",
    "scapula",
    "ilium",
    "acetabulum",
    "pubis",
    "ischium",
    "humerus",
    "femur",
    "tibia",
    "skull",
    "other",
]
Region = Literal["spine", "near_spine", "peripheral"]
Technique = Literal[
    "infiltration",
    "cementoplasty",
    "cemented_screws",
    "radiofrequency",
    "microwave",
    "cryoablation",
    "alcohol",
    "embolisation",
    "electrochemotherapy",
    "radiotherapy",
    "surgery",
]
Primary = Literal[
    "lung",
    "breast",
    "prostate",
    "kidney",
    "thyroid",
    "myeloma",
    "melanoma",
    "neuroendocrine",
    "hepatocellular",
    "colorectal",
    "pancreas",
    "gastric",
    "cholangiocarcinoma",
    "urothelial",
    "sarcoma",
    "other",
]
Drug = Literal[
    "apixaban",
    "rivaroxaban",
    "edoxaban",
    "dabigatran",
    "warfarin",
    "lmwh_prophylactic",
    "lmwh_therapeutic",
    "ufh",
    "fondaparinux",
    "aspirin",
    "clopidogrel",
    "ticagrelor",
    "prasugrel",
    "other",
]


class Strict(Document):
    """A part of the answers: no text for numbers, no 0 and 1 for no and yes, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Distances(Strict):
    """Shortest distances from the lesion, mm.

    Attributes
    ----------
    spinal_cord, nerve_root, skin, bowel, vessel, joint : float or None
        Zero where they touch.
    """

    spinal_cord: Distance | None = None
    nerve_root: Distance | None = None
    skin: Distance | None = None
    bowel: Distance | None = None
    vessel: Distance | None = None
    joint: Distance | None = None


class LimitPassed(Strict):
    """A limit that the simulation went beyond.

    Attributes
    ----------
    structure : str
        What suffers.
    value, limit : float or None
        Reached and allowed, in the unit of the limit (°C, minutes at 43 °C, or mm to ice or heat).
    measure : str or None
        What the limit is about; None where it was not said.
    """

    structure: str = Field(min_length=1, max_length=100)
    value: float | None = Field(default=None, allow_inf_nan=False)
    limit: float | None = Field(default=None, allow_inf_nan=False)
    measure: Literal["max_c", "min_c", "cem43", "clear_mm"] | None = None


class SimulationResult(Strict):
    """What a simulation said of one technique.

    Attributes
    ----------
    technique : str
        Simulated.
    coverage_percent : float or None
        Share of the lesion inside the lethal isotherm.
    min_margin_mm : float or None
        Smallest distance from the lesion's border to that isotherm, negative where it falls short.
    limits_passed : tuple of LimitPassed or None
        Empty when every neighbour was spared.
    verified_device : bool or None
        False when nobody looked up the device's zone.
    """

    technique: Technique
    coverage_percent: Percent | None = None
    min_margin_mm: float | None = Field(default=None, ge=-300, le=300, allow_inf_nan=False)
    limits_passed: tuple[LimitPassed, ...] | None = None
    verified_device: bool | None = None


class AnaestheticMixture(Strict):
    """The mixture of local anaesthetics.

    Attributes
    ----------
    lidocaine_percent : float or None
        Of the lidocaine that goes into the mixture; 1 % is 10 mg/mL.
    ropivacaine_mg_ml : float or None
        Of the ropivacaine that goes into the mixture.
    lidocaine_fraction : float or None
        Share of the lidocaine solution in the volume, 0 to 1.
    """

    lidocaine_percent: float | None = Field(default=None, gt=0, le=5, allow_inf_nan=False)
    ropivacaine_mg_ml: float | None = Field(default=None, gt=0, le=10, allow_inf_nan=False)
    lidocaine_fraction: Share | None = None


class Antithrombotic(Strict):
    """A drug that hinders clotting.

    Attributes
    ----------
    drug : str
        Of the table, or ``other``.
    hours_since : float or None
        Since the last dose.
    """

    drug: Drug
    hours_since: float | None = Field(default=None, ge=0, le=100_000, allow_inf_nan=False)


class Answers(Strict):
    """Everything the rules ask for; None is unknown, never normal.

    Attributes are the keys of the contract, with their units in the names.
    """

    lesion_length_mm: Length | None = None
    lesion_width_mm: Length | None = None
    lesion_volume_ml: float | None = Field(default=None, gt=0, le=15_000, allow_inf_nan=False)
    lesion_kind: Literal["lytic", "mixed", "blastic"] | None = None
    bone: Bone | None = None
    level: str | None = Field(default=None, pattern=LEVEL, max_length=3)
    region: Region | None = None
    cortical_breach: bool | None = None
    fracture: bool | None = None
    impending_fracture: bool | None = None
    weight_bearing: bool | None = None
    posterior_wall_breach: bool | None = None
    collapse_percent: Percent | None = None
    body_involved_percent: Percent | None = None
    alignment: Literal["normal", "deformity", "subluxation"] | None = None
    posterolateral: Literal["none", "unilateral", "bilateral"] | None = None
    long_bone_site: Literal["upper_limb", "lower_limb", "peritrochanteric"] | None = None
    long_bone_fraction: Share | None = None
    foraminal: bool | None = None
    distance_mm: Distances | None = None
    simulation: tuple[SimulationResult, ...] | None = None
    side_confirmed: bool | None = None
    escc: Literal["0", "1a", "1b", "1c", "2", "3"] | None = None
    neurological_deficit: bool | None = None
    vas: float | None = Field(default=None, ge=0, le=10, allow_inf_nan=False)
    pain: Literal["mechanical", "non_mechanical", "functional", "mixed", "none"] | None = None
    pain_severity: Literal["mild", "moderate", "functional"] | None = None
    opioid_failure: bool | None = None
    prior_radiotherapy: bool | None = None
    radiotherapy_possible: bool | None = None
    life_expectancy_months: float | None = Field(default=None, ge=0, le=600, allow_inf_nan=False)
    who_status: int | None = Field(default=None, ge=0, le=4)
    primary: Primary | None = None
    lesion_count: int | None = Field(default=None, ge=1, le=1000)
    goal: Literal["palliative", "curative"] | None = None
    test_block: Literal["positive", "negative", "not_done"] | None = None
    operable: bool | None = None
    hypervascular: bool | None = None
    weight_kg: float | None = Field(default=None, ge=10, le=400, allow_inf_nan=False)
    frail: bool | None = None
    anaesthetic_mixture: AnaestheticMixture | None = None
    skin_lidocaine_ml: float | None = Field(default=None, ge=0, le=100, allow_inf_nan=False)
    chosen_anaesthetic_ml: float | None = Field(default=None, gt=0, le=15, allow_inf_nan=False)
    needle_count: int | None = Field(default=None, ge=1, le=10)
    inr: float | None = Field(default=None, ge=0.5, le=20, allow_inf_nan=False)
    platelets_g_l: float | None = Field(default=None, ge=0, le=3000, allow_inf_nan=False)
    creatinine_clearance_ml_min: float | None = Field(
        default=None, ge=0, le=400, allow_inf_nan=False
    )
    antithrombotics: tuple[Antithrombotic, ...] | None = None
    infection: bool | None = None
    pregnancy: bool | None = None
    contrast_reaction: bool | None = None
    anaesthetic_allergy: bool | None = None
    implanted_cardiac_device: bool | None = None
    spine_surgery: bool | None = None
    lung_fibrosis: bool | None = None
    diabetes: bool | None = None
    general_anaesthesia_possible: bool | None = None
    prone_possible: bool | None = None
    mdt_date: date | None = None


def in_order(keys: Iterable[str]) -> tuple[str, ...]:
    """Return keys in the order of the answers, nested ones behind their document.

    Parameters
    ----------
    keys : iterable of str
        Dotted for nested keys.

    Returns
    -------
    tuple of str
        Each once.
    """
    places = {key: place for place, key in enumerate(Answers.model_fields)}
    return tuple(sorted(set(keys), key=lambda key: (places[key.partition(".")[0]], key)))


def read_answers(path: Path) -> Answers:
    """Read and check answers.

    Parameters
    ----------
    path : pathlib.Path
        A JSON file.

    Returns
    -------
    Answers
        Without a problem.

    Raises
    ------
    PlanningError
        With every problem found.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except (OSError, ValueError):
        message = "the answers cannot be read; check the path and its permissions"
        raise _refused("unreadable_file", message, str(path)) from None
    if len(content) > MOST_BYTES:
        message = f"the file has more than {MOST_BYTES} bytes; answers need a few thousand"
        raise _refused("too_large", message, path.name)
    problems: list[Problem] = []
    try:
        data = _load(content.decode("utf-8-sig"), problems, path.name)
    except (ValueError, RecursionError):
        message = "the answers are not a JSON document; write them as the manual shows"
        raise _refused("not_json", message, path.name) from None
    return answers_from(data, path.name, tuple(problems))


def _refused(code: str, message: str, where: str) -> PlanningError:
    return PlanningError(Problem(code=code, message=message, where=where))


def _load(text: str, problems: list[Problem], where: str) -> Any:  # noqa: ANN401 - JSON
    """Parse JSON, noting keys given twice and numbers that JSON does not have."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        seen: dict[str, Any] = {}
        for key, value in items:
            if key in seen:
                name = _shown(key)
                message = f"{name}: this key is given twice; keep one of them"
                problems.append(
                    Problem(code="duplicate_key", message=message, where=_place(where, name))
                )
            seen[key] = value
        return seen

    def constant(name: str) -> None:
        message = f"{name} is not a number; leave an unknown value out"
        problems.append(Problem(code="not_a_number", message=message, where=where))

    return json.loads(text, object_pairs_hook=pairs, parse_constant=constant)


def _shown(key: str) -> str:
    """Return a key as a message can print it."""
    printable = key.encode("ascii", "backslashreplace").decode("ascii")
    return printable if len(printable) <= MOST_SHOWN else f"{printable[:MOST_SHOWN]}…"


def _place(where: str, key: str) -> str:
    return f"{where}: {key}" if where and key else where or key


def answers_from(
    data: Any,  # noqa: ANN401 - JSON
    where: str = "",
    found: tuple[Problem, ...] = (),
) -> Answers:
    """Check answers that JSON or a form holds.

    Parameters
    ----------
    data : object
        As JSON holds it: an object of the contract's keys.
    where : str
        Its file, for messages.
    found : tuple of Problem
        Problems met before, told with the others.

    Returns
    -------
    Answers
        Without a problem.

    Raises
    ------
    PlanningError
        With every problem found: unknown keys, wrong types, bounds, contradictions.
    """
    problems = list(found)
    if not isinstance(data, Mapping):
        message = "answers are one JSON object; see the manual for its keys"
        problems.append(Problem(code="bad_value", message=message, where=where))
        raise PlanningError(problems)
    answers: Answers | None = None
    try:
        answers = Answers.model_validate_json(json.dumps(dict(data), default=str))
    except ValidationError as error:
        problems += [_problem(dict(row), where) for row in error.errors(include_url=False)]
    except (ValueError, RecursionError):
        message = "the answers hold what JSON cannot; write them as the manual shows"
        problems.append(Problem(code="not_json", message=message, where=where))
    found_together = contradictions(data, get_args(Bone))
    problems += [
        row.model_copy(update={"where": _place(where, row.where)}) for row in found_together
    ]
    if problems or answers is None:
        raise PlanningError(problems)
    return answers


def _problem(row: Mapping[str, Any], where: str) -> Problem:
    kind = str(row["type"])
    place = ".".join(_shown(str(part)) for part in row["loc"])
    if kind == "extra_forbidden":
        code, told = "unknown_key", "this key is not known; remove it or correct its spelling"
    elif kind == "missing":
        code, told = "missing_key", "this key is needed; add it"
    elif kind.startswith(("greater", "less", "finite", "too_", "string_too")):
        hint = load_table("translations/en")["unit_hints"].get(place, "correct the value")
        code, told = "out_of_bounds", f"{_lower(row['msg'])}; {hint}"
    else:
        code, told = "bad_value", f"{_lower(row['msg'])}; correct the value"
    message = f"{place}: {told}" if place else told
    return Problem(code=code, message=message, where=_place(where, place))


def _lower(message: object) -> str:
    text = str(message)
    return f"{text[:1].lower()}{text[1:]}"

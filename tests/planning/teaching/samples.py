"""A small exercise on an invented CT: a soft ball in a block of bone."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from imaging.geometry import BoolArray, Grid
from imaging.structures.model import PassageClass, Structure, Structures
from imaging.volume import SeriesInfo, Volume
from planning.plan import Case
from planning.procedure import with_lesion
from planning.teaching.answer import Answer
from planning.teaching.exercise import Exercise, Kept, Statement, exercise_from
from planning.teaching.files import ExerciseFile, Material, write_exercise

SIZE = (36, 40, 40)
GRID = Grid.aligned(SIZE, 1.5, (-30.0, -30.0, -27.0))
GIVEN = {
    "bone": "rib",
    "region": "peripheral",
    "lesion_kind": "lytic",
    "cortical_breach": True,
    "distance_mm": {"spinal_cord": 70.0, "nerve_root": 52.0, "skin": 21.0},
    "life_expectancy_months": 2,
    "vas": 8,
    "pain": "non_mechanical",
    "goal": "palliative",
    "primary": "lung",
    "lesion_count": 6,
    "fracture": False,
    "impending_fracture": False,
    "weight_bearing": False,
    "foraminal": False,
    "neurological_deficit": False,
    "operable": False,
    "prior_radiotherapy": False,
    "radiotherapy_possible": True,
    "weight_kg": 70,
    "anaesthetic_mixture": {
        "lidocaine_percent": 1.0,
        "ropivacaine_mg_ml": 2.0,
        "lidocaine_fraction": 0.5,
    },
    "skin_lidocaine_ml": 5.0,
    "inr": 1.0,
    "platelets_g_l": 220,
    "antithrombotics": [],
    "infection": False,
    "pregnancy": False,
    "contrast_reaction": False,
    "anaesthetic_allergy": False,
    "implanted_cardiac_device": True,
    "general_anaesthesia_possible": True,
    "diabetes": False,
    "lung_fibrosis": False,
    "side_confirmed": True,
}


def ball(radius_mm: float, centre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> BoolArray:
    places = GRID.to_lps(np.argwhere(np.ones(SIZE, dtype=bool))).reshape(*SIZE, 3)
    inside: BoolArray = np.linalg.norm(places - np.array(centre_mm), axis=-1) < radius_mm
    return inside


def volume() -> Volume:
    rng = np.random.default_rng(7)
    hu = np.full(SIZE, 350, dtype=np.int16)
    hu[ball(12.0)] = 40
    hu += rng.integers(-15, 16, SIZE).astype(np.int16)
    return Volume(hu, GRID, SeriesInfo(uid="1.2.3.4", path="", patient_position="HFS"))


def structures() -> Structures:
    labels = np.ones(SIZE, dtype=np.uint16)
    row = Structure(
        name="rib_right_11",
        label=1,
        volume_ml=labels.size * GRID.voxel_ml,
        class_=PassageClass.PASSABLE,
        found_by="test",
    )
    return Structures(labels, GRID, (row,))


def exercise(task: str = "measure", **changes: object) -> Exercise:
    texts = {"title": "A ball", "situation": "An invented patient.", "asked": "Measure it."}
    kept = Kept(uid="1.2.3.4", checksum=volume().checksum)
    return exercise_from(
        {
            "id": "a-ball",
            "task": task,
            "difficulty": 1,
            "texts": {"en": texts, "fr": texts},
            "time_s": 300,
            "source": kept.model_dump(),
            "given": {"answers": GIVEN},
            **changes,
        }
    )


def outlined(mask: BoolArray, statement: Statement | None = None, elapsed_s: float = 200) -> Answer:
    ct = volume()
    case = with_lesion(Case.begin(ct), ct, mask)
    return Answer(case, statement or Statement(), elapsed_s)


def empty(elapsed_s: float = 3.0) -> Answer:
    return Answer(Case.begin(volume()), Statement(), elapsed_s)


def reference(statement: Statement | None = None) -> Answer:
    return outlined(ball(12.0), statement)


def file_in(
    folder: Path,
    made: Exercise | None = None,
    answer: Answer | None = None,
    passphrase: str | None = None,
) -> ExerciseFile:
    made = made or exercise()
    path = folder / f"{made.id}.osteoexercise"
    material = Material(volume(), ball(12.0), structures())
    return write_exercise(path, made, material, answer or reference(), passphrase)

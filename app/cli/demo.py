"""The command that shows the whole procedure on a generated case."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from app.cli.output import emit, json_option, progress_bar
from app.cli.plan import LANGUAGE, PATH, PLAN_NAME, make_folder, make_plan, plan_text
from app.report.export import write_report
from app.report.texts import Language
from imaging.files import read_volume
from planning import ablations
from planning.technique.answers import Answers, answers_from


@click.command("demo")
@click.option("--out", type=PATH, default=Path("osteoplan-demo"), help="Folder to write to.")
@click.option("--case", "case_name", default="vertebra", help="Generated case.")
@click.option("--lang", type=LANGUAGE, default="en", help="Language of the report.")
@json_option
def demo_command(out: Path, case_name: str, lang: Language, as_json: bool) -> None:
    """Run the whole procedure on a generated case: DICOM series, plan, pictures, PDF."""
    import shutil

    from imaging.phantom.cases import generate
    from imaging.phantom.save import save_case

    make_folder(out)
    folder = out / "ct"
    if folder.exists() and (folder / "truth.json").is_file():
        shutil.rmtree(folder)
    with progress_bar() as progress:
        made = generate(case_name, progress=progress.part(0.0, 0.15))
        save_case(
            folder,
            made.volume,
            made.lesion,
            made.truth,
            labels=made.labels,
            names=made.names,
            progress=progress.part(0.15, 0.2),
        )
        volume = read_volume(folder / "dicom", progress=progress.part(0.2, 0.25))
        truth = made.truth.lesion
        answers = _demo_answers(truth.bone, truth.level)
        case = make_plan(
            volume,
            [truth.seed_lps_mm],
            answers,
            ablations.default_devices(),
            out,
            progress.part(0.25, 0.95),
        )
        files = write_report(case, volume, out, lang, progress.part(0.95, 1.0))
    names = [str(folder), str(out / PLAN_NAME), *(str(file) for file in files)]
    emit(case.plan.as_contract(names), as_json, plan_text(case, names))


def _demo_answers(bone: str | None, level: str | None) -> Answers:
    """Return the answers of the invented patient of the demonstration."""
    said: dict[str, Any] = {
        "bone": bone,
        "level": level,
        "vas": 7,
        "pain": "non_mechanical",
        "life_expectancy_months": 14,
        "primary": "breast",
        "goal": "palliative",
        "weight_kg": 68,
        "inr": 1.0,
        "platelets_g_l": 220,
        "antithrombotics": [],
        "infection": False,
        "pregnancy": False,
        "contrast_reaction": False,
        "anaesthetic_allergy": False,
        "implanted_cardiac_device": False,
        "general_anaesthesia_possible": True,
        "prone_possible": True,
        "fracture": False,
        "impending_fracture": False,
        "neurological_deficit": False,
        "operable": True,
        "opioid_failure": True,
        "prior_radiotherapy": True,
        "radiotherapy_possible": False,
        "lesion_count": 2,
        "test_block": "positive",
        "hypervascular": False,
        "frail": False,
        "anaesthetic_mixture": {
            "lidocaine_percent": 1.0,
            "ropivacaine_mg_ml": 2.0,
            "lidocaine_fraction": 0.5,
        },
        "skin_lidocaine_ml": 5.0,
        "creatinine_clearance_ml_min": 80,
        "diabetes": False,
        "lung_fibrosis": False,
        "spine_surgery": False,
        "foraminal": False,
        "weight_bearing": bone not in {"rib", "sternum", "clavicle", "scapula"},
        "distance_mm": {"nerve_root": 14.0},
        "side_confirmed": True,
    }
    if bone in {"vertebra", "sacrum"}:
        said |= {
            "posterior_wall_breach": False,
            "collapse_percent": 0.0,
            "body_involved_percent": 30.0,
            "alignment": "normal",
            "posterolateral": "none",
            "escc": "0",
        }
    known = {key: value for key, value in said.items() if value is not None}
    return answers_from(known)

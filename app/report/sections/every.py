"""Every section in its order, and those that only name what the plan holds."""

from __future__ import annotations

from app.names import (
    level_doubt_said,
    problem_said,
)
from app.report.sections.follow_up import follow_up_section
from app.report.sections.measured import measured_rows
from app.report.sections.path import path_section
from app.report.sections.risk import risk_section
from app.report.sections.technique import (
    adjuncts_section,
    aftercare_section,
    complications_section,
    consent_section,
    contraindications_section,
    course_section,
    disagreements_section,
    drugs_section,
    outcome_section,
    sources_section,
    technique_section,
)
from app.report.sections.writer import UNKNOWN, Row, Section, Writer
from app.report.sections.zone import zone_section
from app.report.texts import Language, texts
from imaging.measurement.lesion import LesionMeasurement
from imaging.structures.model import is_bone
from imaging.volume import Volume
from planning.edits import MeasureEdit, Value
from planning.plan import Case
from planning.side import side_by_image, side_holds, side_said
from planning.words import option_name

NEAREST = 6


def sections(
    case: Case, language: Language, patient: str | None = None, volume: Volume | None = None
) -> list[Section]:
    """Return the report's sections in their order.

    Parameters
    ----------
    case : Case
        Any state; what is lacking is said to be lacking.
    language : str
        ``fr`` or ``en``.
    patient : str, optional
        Who the patient is; left to be filled in by default.
    volume : Volume, optional
        The CT, which tells the values of regions.

    Returns
    -------
    list of Section
        Titles of clinical rules, part E.
    """
    w = Writer(case, language, patient, volume)
    makers = (
        _identity,
        _indication,
        _mdt,
        _lesion,
        _pain,
        risk_section,
        technique_section,
        contraindications_section,
        path_section,
        drugs_section,
        zone_section,
        adjuncts_section,
        outcome_section,
        complications_section,
        course_section,
        consent_section,
        aftercare_section,
        follow_up_section,
        _signoff,
        disagreements_section,
        sources_section,
    )
    return [make(w) for make in makers]


def lacking(case: Case, language: Language) -> list[str]:
    """Return what the plan lacks, in words.

    Parameters
    ----------
    case : Case
        Any state.
    language : str
        ``fr`` or ``en``.

    Returns
    -------
    list of str
        Empty for a whole plan.
    """
    words = texts(language)["lacking"]
    plan = case.plan
    checks = {
        "lesion": plan.lesion is None,
        "structures": not plan.structures,
        "access": plan.chosen is None,
        "simulation": not plan.simulation,
        "recommendation": plan.recommendation is None,
        "side": side_holds(case) is not True,
    }
    return [str(words[key]) for key, missing in checks.items() if missing]


def _identity(w: Writer) -> Section:
    series = w.plan.series
    seen = side_by_image(w.case)
    k, j, i = series.grid.spacing_mm_kji
    rows = [
        (w.label("series"), series.uid),
        (w.label("description"), series.description or "–"),
        (
            w.label("geometry"),
            f"{series.size_kji[0]} × {series.size_kji[1]} × {series.size_kji[2]}; "
            f"{w.number(k, 2)} × {w.number(j, 2)} × {w.number(i, 2)} mm",
        ),
        (w.label("position_error"), f"{w.number(series.max_position_error_mm, 3)} mm"),
        (w.label("patient"), w.patient or w.label("to_fill")),
        (
            w.label("side_by_image"),
            UNKNOWN[w.language] if seen is None else side_said(seen, w.language),
        ),
        (w.label("side_checked"), _side_checked(w)),
        *_compared(w),
    ]
    return Section(
        "identity", tuple(rows), tuple(problem_said(one, w.language) for one in series.problems)
    )


def _compared(w: Writer) -> list[Row]:
    """Return which series was compared, how long apart, and how well it was registered."""
    known = w.plan.comparison
    if known is None or known.matrix is None:
        return []
    words = w.words["compared"]
    days = known.days_apart
    when = "unknown" if days is None else "same" if days == 0 else "after" if days > 0 else "before"
    told = [known.modality, str(words[when]).format(days=abs(days or 0))]
    told.append(str(words[known.found_by]))
    fit = str(words[known.quality])
    if known.residual_mm is not None:
        fit += f" ({w.number(known.residual_mm)} mm)"
    return [(w.label("compared"), ", ".join([*told, fit]))]


def _side_checked(w: Writer) -> str:
    told = w.yes_no(side_holds(w.case))
    check = w.plan.side_check
    if check is None:
        return told
    stated = option_name(check.stated, w.language)
    level = f", {check.stated_level}" if check.stated_level else ""
    return f"{told} ({w.label('stated')}: {stated}{level}; {check.at_utc})"


def _indication(w: Writer) -> Section:
    rows = (
        (w.label("primary"), w.said("primary")),
        (w.label("goal"), w.said("goal")),
        (w.label("prior_rt"), w.said("prior_radiotherapy")),
        (w.label("opioid_failure"), w.said("opioid_failure")),
        (w.label("life_expectancy"), w.said("life_expectancy_months", w.label("months"))),
        (w.label("test_block"), w.said("test_block")),
    )
    return Section("indication", rows)


def _mdt(w: Writer) -> Section:
    return Section("mdt", ((w.label("date"), w.said("mdt_date")), (w.label("opinion"), "")))


def _lesion(w: Writer) -> Section:
    lesion = w.plan.measures
    if lesion is None:
        return Section("lesion", tuple(measured_rows(w)), (w.words["lacking"]["lesion"],))
    rows = [
        (w.label("number"), f"{w.plan.number} {w.plan.name}".strip()),
        (w.label("bone"), f"{w.said('bone')} {w.said('level') if w.answers.get('level') else ''}"),
        (w.label("length"), f"{w.number(lesion.length_mm)} mm"),
        (w.label("width"), f"{w.number(lesion.width_mm)} mm"),
        (
            w.label("axial"),
            f"{w.number(lesion.axial.length_mm)} × {w.number(lesion.axial.width_mm)} mm "
            f"(k = {lesion.axial.slice_k})",
        ),
        (w.label("volume_formula"), f"{w.number(lesion.volume_formula_ml, 2)} mL"),
        (w.label("volume"), f"{w.number(lesion.volume_ml, 2)} mL"),
        (w.label("kind"), str(w.words["kinds"][lesion.kind])),
        (w.label("density"), f"{w.number(lesion.mean_hu, 0)} HU"),
        (w.label("surface"), f"{w.number(lesion.surface_mm2, 0)} mm²"),
        (w.label("breach"), _breach(w, lesion)),
    ]
    if w.plan.certainty is not None:
        rows.append((w.label("certainty"), str(w.words["certainties"][w.plan.certainty])))
    rows += _involvement(w)
    rows += measured_rows(w)
    notes = [problem_said(one, w.language) for one in w.plan.doubts]
    notes += [_edited(w, one) for one in w.plan.edits]
    return Section("lesion", tuple(rows), tuple(notes))


def _breach(w: Writer, lesion: LesionMeasurement) -> str:
    told = w.yes_no(lesion.cortical_breach)
    if lesion.cortical_breach and lesion.breach_area_mm2 is not None:
        told += f", {w.number(lesion.breach_area_mm2, 0)} mm²"
    elif not lesion.cortical_breach and lesion.thin_cortex_mm2 is not None:
        told += f"; {w.label('thin_cortex')}: {w.number(lesion.thin_cortex_mm2, 0)} mm²"
    return told


def _involvement(w: Writer) -> list[Row]:
    """Return what the lesion does to its bone, and its nearest neighbours."""
    found = w.plan.effects
    if found is None:
        return []
    percent = {
        "of_section": found.section_percent,
        "of_body": found.body_percent,
        "collapse": found.collapse_percent,
    }
    in_vertebra = (found.bone or "").startswith("vertebra")
    rows = [
        (w.label("lies_in"), UNKNOWN[w.language] if found.bone is None else w.place(found.bone))
    ]
    for key, value in percent.items():
        if in_vertebra or key == "of_section":
            rows.append((w.label(key), f"{w.number(value, 0)} %"))
    if in_vertebra or found.bone == "sacrum":
        rows.append((w.label("posterior_wall"), w.yes_no(found.posterior_wall_breach)))
    near = [
        f"{w.place(one.name)} {w.number(one.distance_mm)} mm"
        for one in found.distances
        if not is_bone(one.name)
    ]
    rows.append((w.label("neighbours"), "; ".join(near[:NEAREST]) or UNKNOWN[w.language]))
    if in_vertebra and w.plan.levels is not None and w.plan.levels.doubt:
        doubt = level_doubt_said(w.plan.levels.doubt, w.language)
        rows.append((w.label("level_doubt"), doubt))
    return rows


def _edited(w: Writer, edit: MeasureEdit) -> str:
    """Say that a measure was set by hand, and what had been measured."""

    def said(value: Value | None) -> str:
        if value is None or isinstance(value, bool):
            return w.yes_no(value)
        return w.number(value, 2) if isinstance(value, float) else value

    return (
        f"{w.label('set_by_hand')}: {edit.key} = {said(edit.value)} "
        f"({w.label('measured')}: {said(edit.measured)}; {edit.at_utc})"
    )


def _pain(w: Writer) -> Section:
    return Section(
        "pain", ((w.label("vas"), w.said("vas")), (w.label("pain_kind"), w.said("pain")))
    )


def _signoff(w: Writer) -> Section:
    blank = "……………………………………"
    return Section("signoff", ((w.label("name"), blank), (w.label("date"), blank)))

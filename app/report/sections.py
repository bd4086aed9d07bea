"""What the report says, section by section, as plain rows; the PDF only sets it."""

from __future__ import annotations

from app.names import (
    level_doubt_said,
    problem_said,
)
from app.report.follow_up_section import follow_up_section
from app.report.path_section import path_section
from app.report.texts import Language, texts
from app.report.writer import UNKNOWN, Row, Section, Writer
from app.report.zone_section import protection_rows, zone_section
from imaging.measurement.lesion import LesionMeasurement
from imaging.structures.model import is_bone
from planning.edits import MeasureEdit, Value
from planning.plan import Case
from planning.technique.question import answer_name
from planning.technique.rules import rule

SHOWN_TECHNIQUES = 11
NEAREST = 6


def sections(case: Case, language: Language, patient: str | None = None) -> list[Section]:
    """Return the report's sections in their order.

    Parameters
    ----------
    case : Case
        Any state; what is lacking is said to be lacking.
    language : str
        ``fr`` or ``en``.
    patient : str, optional
        Who the patient is; left to be filled in by default.

    Returns
    -------
    list of Section
        Titles of clinical rules, part E.
    """
    w = Writer(case, language, patient)
    makers = (
        _identity,
        _indication,
        _mdt,
        _lesion,
        _pain,
        _risk,
        _technique,
        _contraindications,
        path_section,
        _drugs,
        zone_section,
        _adjuncts,
        _outcome,
        _complications,
        _consent,
        _aftercare,
        follow_up_section,
        _signoff,
        _sources,
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
        "side": plan.answers.side_confirmed is not True,
    }
    return [str(words[key]) for key, missing in checks.items() if missing]


def _identity(w: Writer) -> Section:
    series = w.plan.series
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
        (w.label("side_checked"), w.yes_no(w.plan.answers.side_confirmed)),
    ]
    return Section(
        "identity", tuple(rows), tuple(problem_said(one, w.language) for one in series.problems)
    )


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
        return Section("lesion", (), (w.words["lacking"]["lesion"],))
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


def _risk(w: Writer) -> Section:
    scores = w.advice.get("scores") or {}
    rows = [
        (name, UNKNOWN[w.language] if not score else f"{score['total']} – {score['class']}")
        for name, score in (("SINS", scores.get("sins")), ("Mirels", scores.get("mirels")))
    ]
    rows += [
        ("ESCC", w.said("escc")),
        ("INR", w.said("inr")),
        (w.label("platelets"), w.said("platelets_g_l", "G/L")),
        (w.label("antithrombotics"), _antithrombotics(w)),
        (w.label("allergies"), _allergies(w)),
    ]
    return Section("risk", tuple(rows))


def _antithrombotics(w: Writer) -> str:
    drugs = w.answers.get("antithrombotics")
    if drugs is None:
        return UNKNOWN[w.language]
    told = [f"{one['drug']} ({w.number(one.get('hours_since'), 0)} h)" for one in drugs]
    return ", ".join(told) or w.label("none")


def _allergies(w: Writer) -> str:
    known = (("contrast_reaction", "contrast"), ("anaesthetic_allergy", "anaesthetic"))
    return "; ".join(f"{w.label(label)}: {w.said(key)}" for key, label in known)


def _technique(w: Writer) -> Section:
    if not w.advice:
        return Section("technique", (), (w.words["lacking"]["recommendation"],))
    rows = [(w.label("verdict"), str(w.words["verdicts"][w.advice["verdict"]]))]
    for one in w.advice["techniques"][:SHOWN_TECHNIQUES]:
        name = str(w.words["techniques"][one["technique"]])
        status = str(w.words["statuses"][one["status"]])
        told = [f"{status}; {w.label('for')}: {w.cite(one['for'])}"]
        told.append(f"{w.label('against')}: {w.cite(one['against'])}")
        if one["notes"]:
            told.append("; ".join(str(note) for note in one["notes"]))
        rows.append((f"{one['rank']}. {name}" if one["rank"] else name, ". ".join(told)))
    return Section("technique", tuple(rows))


def _contraindications(w: Writer) -> Section:
    if not w.advice:
        return Section("contraindications", (), (w.words["lacking"]["recommendation"],))
    asked = [answer_name(key, w.language) for key in w.advice["missing"]]
    missing = " · ".join(asked) or w.label("none")
    warnings = tuple(
        f"{one['message']} [{', '.join(one['rules'])}]" for one in w.advice["warnings"]
    )
    return Section("contraindications", ((w.label("missing"), missing),), warnings)


def _drugs(w: Writer) -> Section:
    dose = w.advice.get("infiltration")
    if not dose:
        return Section("drugs", (), (w.words["lacking"]["recommendation"],))
    share = dose["fraction_of_maximum"]
    ceiling = dose["corticosteroid_max"]
    choices = ", ".join(w.number(n) for n in dose["anaesthetic_choices_ml"])
    rows = [
        (w.label("verdict"), str(w.words["verdicts"].get(dose["verdict"], dose["verdict"]))),
        (w.label("band"), f"{w.number(dose['band_ml'])} mL {f'({choices})' if choices else ''}"),
        (w.label("anaesthetic_dose"), f"{w.number(dose['anaesthetic_ml'])} mL"),
        ("Lidocaïne" if w.language == "fr" else "Lidocaine", _mg(w, dose["lidocaine_mg"])),
        ("Ropivacaïne" if w.language == "fr" else "Ropivacaine", _mg(w, dose["ropivacaine_mg"])),
        (w.label("share"), UNKNOWN[w.language] if share is None else f"{100 * share:.0f} %"),
        (w.label("steroid"), str(dose["corticosteroid"] or UNKNOWN[w.language])),
    ]
    if ceiling and ceiling["value"] is not None:
        told = f"{ceiling['value']} {ceiling['unit']} ({ceiling['basis']})"
        rows.append((w.label("steroid_max"), told))
    rows.append((w.label("lot"), w.label("to_fill")))
    return Section("drugs", tuple(rows), (f"[{', '.join(dose['rules'])}]",))


def _mg(w: Writer, value: float | None) -> str:
    return UNKNOWN[w.language] if value is None else f"{w.number(value)} mg"


def _adjuncts(w: Writer) -> Section:
    rows = [
        (
            str(w.words["techniques"][one["technique"]]),
            "; ".join(_adjunct(item) for item in one["adjuncts"]),
        )
        for one in w.advice.get("techniques", [])
        if one["adjuncts"] and one["status"] in {"recommended", "possible"}
    ]
    rows += protection_rows(w)
    return Section("adjuncts", tuple(rows), () if rows else (w.label("none"),))


def _adjunct(item: object) -> str:
    if isinstance(item, dict):
        return " ".join(str(value) for value in item.values() if isinstance(value, str))
    return str(item)


def _said_by_rules(w: Writer, key: str, ids: tuple[str, ...]) -> Section:
    return Section(key, (), tuple(_rule_text(w, one) for one in ids))


def _rule_text(w: Writer, rule_id: str) -> str:
    row = rule(rule_id)
    text = row.text_fr if w.language == "fr" else row.text_en
    return f"{text} [{rule_id}]"


def _outcome(w: Writer) -> Section:
    return _said_by_rules(w, "outcome", ("A27", "A50", "B20"))


def _complications(w: Writer) -> Section:
    return _said_by_rules(w, "complications", ("A21", "A49", "B15"))


def _consent(w: Writer) -> Section:
    rows = (
        (w.label("consent"), w.label("to_fill")),
        (w.label("general_anaesthesia"), w.said("general_anaesthesia_possible")),
        (w.label("prone"), w.said("prone_possible")),
    )
    return Section("consent", rows)


def _aftercare(w: Writer) -> Section:
    return _said_by_rules(w, "aftercare", ("A22", "A23", "A53"))


def _signoff(w: Writer) -> Section:
    blank = "……………………………………"
    return Section("signoff", ((w.label("name"), blank), (w.label("date"), blank)))


def _sources(w: Writer) -> Section:
    """Return every rule that the report cites, with its source."""
    ids = dict.fromkeys([*w.advice.get("rules", []), "A21", "A22", "A23", "A27", "A49", "A50"])
    rows = []
    for one in ids:
        row = rule(one)
        text = row.text_fr if w.language == "fr" else row.text_en
        rows.append((one, f"{text} ({row.source}{f', {row.place}' if row.place else ''})"))
    return Section("sources", tuple(rows))

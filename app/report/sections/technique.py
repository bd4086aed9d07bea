"""The report's sections that the rules write: technique, doses, outcome, course, sources."""

from __future__ import annotations

from typing import Any

from app.report.sections.writer import UNKNOWN, Heading, Row, Section, Writer
from app.report.sections.zone import protection_rows
from planning.technique.explanation import dose_steps
from planning.technique.rules import rule
from planning.words import answer_name

MOST_SHOWN = 3  # techniques whose outcome, complications and course are told
ALWAYS_CITED = ("A22", "A23")


def technique_section(w: Writer) -> Section:
    """Return the verdict and every technique with its reasons.

    Parameters
    ----------
    w : Writer
        Of the case.

    Returns
    -------
    Section
        Ranked.
    """
    if not w.advice:
        return _nothing(w, "technique")
    rows: list[Row] = [(w.label("verdict"), str(w.words["verdicts"][w.advice["verdict"]]))]
    for one in w.advice["techniques"]:
        told = [
            str(w.words["statuses"][one["status"]]),
            w.told(w.label("for"), w.cite(one["for"])),
            w.told(w.label("against"), w.cite(one["against"])),
        ]
        text = "; ".join(told)
        if one["notes"]:
            text += ". " + "; ".join(str(note) for note in one["notes"])
        rows.append((f"{one['rank']}. {_name(w, one)}", text))
    return Section("technique", tuple(rows))


def contraindications_section(w: Writer) -> Section:
    """Return what is closed to whom, the warnings, and what is missing, the most telling first.

    Parameters
    ----------
    w : Writer
        Of the case.

    Returns
    -------
    Section
        Rows by technique, warnings below.
    """
    if not w.advice:
        return _nothing(w, "contraindications")
    rows: list[Row] = [
        (_name(w, one), "; ".join(one["contraindications"]))
        for one in w.advice["techniques"]
        if one["contraindications"]
    ]
    asked = [answer_name(key, w.language) for key in w.advice["missing"]]
    rows.append((w.label("missing"), " · ".join(asked) or w.label("none")))
    warnings = tuple(
        f"{one['message']} [{', '.join(one['rules'])}]" for one in w.advice["warnings"]
    )
    return Section("contraindications", tuple(rows), warnings)


def drugs_section(w: Writer) -> Section:
    """Return millilitres, milligrams, share of the maximum, split and ampoules.

    Parameters
    ----------
    w : Writer
        Of the case.

    Returns
    -------
    Section
        With how the dose was worked out.
    """
    dose = w.advice.get("infiltration")
    if not dose:
        return _nothing(w, "drugs")
    share = dose["fraction_of_maximum"]
    ceiling = dose["corticosteroid_max"]
    choices = ", ".join(w.number(n) for n in dose["anaesthetic_choices_ml"])
    names = w.words["products"]
    rows: list[Row] = [
        (w.label("verdict"), str(w.words["verdicts"].get(dose["verdict"], dose["verdict"]))),
        (w.label("band"), f"{w.number(dose['band_ml'])} mL {f'({choices})' if choices else ''}"),
        (w.label("anaesthetic_dose"), f"{w.number(dose['anaesthetic_ml'])} mL"),
        (str(names["lidocaine"]), _mg(w, dose["lidocaine_mg"])),
        (str(names["ropivacaine"]), _mg(w, dose["ropivacaine_mg"])),
        (w.label("share"), UNKNOWN[w.language] if share is None else f"{100 * share:.0f} %"),
        (w.label("steroid"), str(names.get(dose["corticosteroid"], UNKNOWN[w.language]))),
    ]
    if ceiling and ceiling["value"] is not None:
        told = f"{w.number(ceiling['value'])} {ceiling['unit']} ({ceiling['basis']})"
        rows.append((w.label("steroid_max"), told))
    if dose["split"]:
        parts = [
            f"{one['needles']} × {w.number(one['anaesthetic_ml'], 2)} mL" for one in dose["split"]
        ]
        rows.append((w.label("split"), "; ".join(parts)))
    if dose["supplies"]:
        rows.append((w.label("supplies"), "; ".join(_supply(w, one) for one in dose["supplies"])))
    rows.append((w.label("lot"), w.label("to_fill")))
    return Section("drugs", tuple(rows), (*_steps(w), f"[{', '.join(dose['rules'])}]"))


def _steps(w: Writer) -> list[str]:
    return [] if w.judged is None else dose_steps(w.judged, w.language)


def _supply(w: Writer, one: dict[str, Any]) -> str:
    name = str(w.words["products"][one["product"]])
    if one["strength"]:
        name += f" {w.number(one['strength'])} {one['unit']}"
    opened = " + ".join(
        f"{part['count']} × {w.number(part['size_ml'])} mL" for part in one["opened"]
    )
    most = f"{w.label('at_most')} " if one["is_ceiling"] else ""
    need = f"{most}{w.number(one['needed_ml'], 2)} mL"
    return f"{name}, {need}: {opened or w.label('not_in_table')}"


def _mg(w: Writer, value: float | None) -> str:
    return UNKNOWN[w.language] if value is None else f"{w.number(value)} mg"


def adjuncts_section(w: Writer) -> Section:
    """Return what goes with the techniques that are open, and how neighbours are protected.

    Parameters
    ----------
    w : Writer
        Of the case.

    Returns
    -------
    Section
        Rows by technique.
    """
    rows = [
        (_name(w, one), "; ".join(one["adjuncts"]))
        for one in w.advice.get("techniques", [])
        if one["adjuncts"] and one["status"] in {"recommended", "possible"}
    ]
    rows += protection_rows(w)
    return Section("adjuncts", tuple(rows), () if rows else (w.label("none"),))


def outcome_section(w: Writer) -> Section:
    """Return what the sources report of the techniques that are proposed.

    Parameters
    ----------
    w : Writer
        Of the case.

    Returns
    -------
    Section
        With exact intervals where the sources print counts.
    """
    return _reported(w, "outcome", "outcome")


def complications_section(w: Writer) -> Section:
    """Return the complications of the techniques that are proposed, as the sources word them.

    Parameters
    ----------
    w : Writer
        Of the case.

    Returns
    -------
    Section
        With exact intervals where the sources print counts.
    """
    return _reported(w, "complications", "complications")


def _reported(w: Writer, key: str, field: str) -> Section:
    rows = [
        (_name(w, one), "; ".join(reported_said(w, row) for row in one[field]))
        for one in proposed(w)
    ]
    return Section(key, tuple(rows)) if rows else _nothing(w, key)


def reported_said(w: Writer, one: dict[str, Any]) -> str:
    """Return what the sources report, with counts and interval where they print counts.

    Parameters
    ----------
    w : Writer
        Of the case.
    one : dict
        As the recommendation holds it.

    Returns
    -------
    str
        One sentence.
    """
    text = str(one["text"])
    if one["interval_percent"] is not None:
        low, high = (w.number(n) for n in one["interval_percent"])
        text += (
            f": {one['count']}/{one['of']} = {w.number(one['percent'])} % "
            f"({w.label('interval')} {low}–{high})"
        )
    return text if one["rule"] is None else f"{text} [{one['rule']}]"


def course_section(w: Writer) -> Section:
    """Return preparation and order of the procedure for the techniques that are proposed.

    Parameters
    ----------
    w : Writer
        Of the case.

    Returns
    -------
    Section
        Rows below a heading for each technique.
    """
    rows: list[Row] = []
    for one in proposed(w):
        steps = [f"{n}. {text}" for n, text in enumerate(one["procedure"], start=1)]
        rows.append((Heading(_name(w, one)), ""))
        rows.append((f" {w.label('preparation')}", "; ".join(one["preparation"]) or "–"))
        rows.append((f" {w.label('procedure')}", " ".join(steps) or "–"))
    return Section("course", tuple(rows)) if rows else _nothing(w, "course")


def consent_section(w: Writer) -> Section:
    """Return consent and anaesthesia.

    Parameters
    ----------
    w : Writer
        Of the case.

    Returns
    -------
    Section
        To be filled in.
    """
    rows = (
        (w.label("consent"), w.label("to_fill")),
        (w.label("general_anaesthesia"), w.said("general_anaesthesia_possible")),
        (w.label("prone"), w.said("prone_possible")),
    )
    return Section("consent", rows)


def aftercare_section(w: Writer) -> Section:
    """Return what comes after the techniques that are proposed.

    Parameters
    ----------
    w : Writer
        Of the case.

    Returns
    -------
    Section
        Rows by technique, and when success is judged.
    """
    rows = tuple(
        (_name(w, one), "; ".join(one["aftercare"])) for one in proposed(w) if one["aftercare"]
    )
    return Section("aftercare", rows, tuple(_rule_text(w, one) for one in ALWAYS_CITED))


def disagreements_section(w: Writer) -> Section:
    """Return where the documents contradict each other or themselves, as far as it matters here.

    Parameters
    ----------
    w : Writer
        Of the case.

    Returns
    -------
    Section
        Sentences with their rules.
    """
    told = [*w.advice.get("disagreements", [])]
    told += [text for one in proposed(w) for text in one["disagreements"]]
    return Section("disagreements", (), tuple(dict.fromkeys(told)) or (w.label("none"),))


def sources_section(w: Writer) -> Section:
    """Return every rule that the report cites, with its source, and the edition of the tables.

    Parameters
    ----------
    w : Writer
        Of the case.

    Returns
    -------
    Section
        In the order of the rules.
    """
    ids = dict.fromkeys([*w.advice.get("rules", []), *ALWAYS_CITED])
    rows = []
    for one in ids:
        row = rule(one)
        place = f", {row.place}" if row.place else ""
        strength = w.words["strengths"][row.strength]
        rows.append((one, f"{row.text(w.language)} ({row.source}{place}; {strength})"))
    version = w.advice.get("tables_version")
    return Section("sources", tuple(rows), (w.told(w.label("tables"), version),) if version else ())


def proposed(w: Writer) -> list[dict[str, Any]]:
    """Return the techniques whose course is told: recommended ones, else the first open ones.

    Parameters
    ----------
    w : Writer
        Of the case.

    Returns
    -------
    list of dict
        As the recommendation holds them.
    """
    ranked = w.advice.get("techniques", [])
    first = [one for one in ranked if one["status"] == "recommended"]
    open_ones = [one for one in ranked if one["status"] in {"possible", "insufficient"}]
    return (first or open_ones)[:MOST_SHOWN]


def _name(w: Writer, one: dict[str, Any]) -> str:
    return str(w.words["techniques"][one["technique"]])


def _nothing(w: Writer, key: str) -> Section:
    return Section(key, (), (w.words["lacking"]["recommendation"],))


def _rule_text(w: Writer, rule_id: str) -> str:
    return f"{rule(rule_id).text(w.language)} [{rule_id}]"

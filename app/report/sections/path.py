"""The section on positioning and path: what is read out at the table, what speaks against it."""

from __future__ import annotations

from app.names import class_name, needle_name, problem_said
from app.report.sections.writer import Row, Section, Writer, unseen
from imaging.errors import Problem
from planning.access.request import Proposal

NEAREST = 6


def path_section(w: Writer) -> Section:
    """Write the section.

    Parameters
    ----------
    w : Writer
        Of the case.

    Returns
    -------
    Section
        Of the chosen way in; without one, why there is none.
    """
    chosen = w.plan.chosen
    if chosen is None:
        reasons = tuple(_why_none(w, one) for one in w.plan.no_access[:8])
        return Section("path", (), (w.words["lacking"]["access"], *reasons))
    access = w.plan.access
    rows: list[Row] = [
        (w.label("position"), str(w.words["positions"][w.plan.position])),
        (w.label("needle"), needle_name(w.plan.needle_used, w.language)),
        (w.label("entry"), _place(w, chosen.entry_lps_mm)),
        (w.label("target"), _place(w, chosen.target_lps_mm)),
        (w.label("depth"), f"{w.number(chosen.length_mm / 10)} cm"),
        (w.label("angle"), f"{w.number(chosen.angle_to_axial_deg, 0)}°"),
        *_at_table(w, chosen),
        (w.label("crossed"), _crossed(w, chosen)),
        (w.label("bone_passed"), f"{w.number(chosen.bone_mm, 0)} mm"),
        (w.label("clearance"), _clearances(w, chosen)),
        *_hand(w, chosen),
        (w.label("not_checked"), ", ".join(map(w.place, access.not_checked)) if access else ""),
    ]
    if access and access.assumed:
        rows.append((w.label("assumed"), ", ".join(map(w.place, access.assumed))))
    if w.plan.margins_mm:
        rows.append((w.label("margins"), _margins(w)))
    return Section("path", tuple(rows), (*_warnings(w, chosen), *unseen(w), *_classes_set(w)))


def _why_none(w: Writer, problem: Problem) -> str:
    """Return why the search found nothing: a count of ways by reason, or a sentence."""
    count, _, _ = problem.message.partition(" ")
    if count.isdigit() and problem.where:
        return str(w.words["ways_rejected"]).format(count=count, why=reason_said(w, problem.where))
    return problem_said(problem, w.language)


def reason_said(w: Writer, reason: str) -> str:
    """Return a limit that is broken, for people.

    Parameters
    ----------
    w : Writer
        Language.
    reason : str
        Such as ``too_near:aorta``.

    Returns
    -------
    str
        With the structure's name.
    """
    kind, _, structure = reason.partition(":")
    said = str(w.words["way_reasons"].get(kind, kind.replace("_", " ")))
    return f"{said} {w.place(structure)}" if structure else said


def _place(w: Writer, place: tuple[float, float, float]) -> str:
    return f"({', '.join(w.number(n) for n in place)}) mm LPS"


def _clearances(w: Writer, chosen: Proposal) -> str:
    near = sorted(chosen.clearance_mm.items(), key=lambda item: item[1])
    said = (f"{w.place(name)} {w.number(mm)} mm" for name, mm in near[:NEAREST])
    return "; ".join(said) or "–"


def _at_table(w: Writer, chosen: Proposal) -> list[Row]:
    """Return the figures that are read out at the table."""
    table = chosen.table
    if table is None:
        return []
    left, right = w.label("to_the_left"), w.label("to_the_right")
    rows = [(w.label("slice"), f"{w.number(table.slice_z_mm)} mm")]
    if table.from_midline_mm is not None:
        side = left if table.from_midline_mm >= 0 else right
        rows.append((w.label("from_midline"), f"{w.number(abs(table.from_midline_mm))} mm {side}"))
    if table.from_reference_mm is not None:
        across, up = table.from_reference_mm
        rows.append(
            (
                w.label("from_landmark"),
                f"{_landmark(w, table.reference)}: {w.number(abs(across))} mm "
                f"{left if across >= 0 else right}, {w.number(abs(up))} mm "
                f"{w.label('cranial' if up >= 0 else 'caudal')}",
            )
        )
    towards = str(w.words["towards"][table.axial_towards])
    rows.append(
        (w.label("axial_angle"), f"{w.number(table.axial_angle_deg, 0)}° {towards}".strip())
    )
    return rows


def _landmark(w: Writer, name: str) -> str:
    """Return a landmark for people: the last part of its name is a side or a level."""
    kind, _, which = name.rpartition("_")
    said = str(w.words["landmarks"][kind])
    return f"{said} {w.words['sides'].get(which, which)}"


def _crossed(w: Writer, chosen: Proposal) -> str:
    said = [f"{w.place(one.name)} {w.number(one.length_mm, 0)}" for one in chosen.crossed]
    return f"{', '.join(said)} mm" if said else "–"


def _hand(w: Writer, chosen: Proposal) -> list[Row]:
    hand = chosen.hand
    if hand is None:
        return []
    said = str(w.words["hand_said"]).format(
        angle=_short(w, hand.angle_deg),
        offset=_short(w, hand.offset_mm),
        safe=w.number(100 * hand.safe_fraction, 0),
        hit=w.number(100 * hand.hit_fraction, 0),
    )
    return [(w.label("hand"), said)]


def _short(w: Writer, value: float) -> str:
    """Return a number with its decimals only where it has any."""
    return w.number(value, 0 if value == round(value) else 1)


def _margins(w: Writer) -> str:
    return "; ".join(f"{w.place(name)} {w.number(mm)} mm" for name, mm in w.plan.margins_mm.items())


def _warnings(w: Writer, chosen: Proposal) -> tuple[str, ...]:
    """Say what speaks against the way, and why it is taken all the same."""
    said = [str(w.words["provisional"][one]) for one in chosen.provisional]
    if chosen.against:
        limits = "; ".join(reason_said(w, one) for one in chosen.against)
        said.append(f"{w.label('breaks_limits')}: {limits}")
        why = chosen.overruled or w.label("not_overruled")
        said.append(f"{w.label('overruled')}: {why}")
    return tuple(said)


def _classes_set(w: Writer) -> tuple[str, ...]:
    """Say which structures the radiologist lets the needle pass, or not."""
    return tuple(
        f"{w.label('set_by_hand')}: {w.place(change.name)}: "
        f"{class_name(change.value, w.language)} "
        f"({class_name(change.was, w.language)}; {change.at_utc})"
        for change in w.plan.classes
    )

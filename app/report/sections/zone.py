"""The report's section on ablation: what was simulated, compared, planned, and when to stop."""

from __future__ import annotations

from app.amounts import clock, dose, is_reached, never_rounded_up
from app.report.sections.uncertainty import uncertainty_text
from app.report.sections.writer import Heading, Row, Section, Writer, unseen
from planning.ablation.devices import devices
from planning.ablation.dissection import Dissection
from planning.ablation.limits import zone_criterion
from planning.ablation.planner.result import AblationSearch, Attempt
from planning.ablation.results import TreatmentSummary
from planning.ablation.solver.protocol import Phase
from planning.uncertain_plan import uncertainty_of

UNITS = {"max_c": "°C", "min_c": "°C", "cem43": "CEM43 min", "clear_mm": "mm"}  # of a limit
SIGNS = {"max_c": "≤", "min_c": "≥", "cem43": "≤", "clear_mm": "≥"}


def zone_section(w: Writer) -> Section:
    """Return the section on the zones.

    Parameters
    ----------
    w : Writer
        Of the case.

    Returns
    -------
    Section
        Devices side by side, then each with all that is known of it, then what the program planned.
    """
    plan = w.plan
    search = [] if plan.ablation_search is None else _search_rows(w, plan.ablation_search)
    if not plan.simulation:
        return Section("zone", tuple(search), (w.words["lacking"]["simulation"],))
    rows: list[Row] = []
    table = (_headings(w), *(_side_by_side(w, one) for one in plan.simulation))
    for one in plan.simulation:
        rows += _zone_rows(w, one)
        rows += _dissection_rows(w, one, plan.simulation)
        sampled = uncertainty_of(w.case, one)
        if sampled is not None:
            rows.append((f"   {w.label('uncertainty')}", uncertainty_text(sampled, w.language)))
    notes = (str(w.words["simulation_note"]), *unseen(w), *_limits_set(w))
    return Section("zone", tuple(rows + search), notes, table if len(table) > 2 else ())


def _name(w: Writer, one: TreatmentSummary) -> str:
    technique = str(w.words["techniques"].get(one.technique, one.technique))
    device = devices().get(one.device)
    tags = [f"× {len(one.probes)}"] if len(one.probes) > 1 else []
    tags += [w.label("planned")] if one.is_planned else []
    tags += [w.label("dissection")] if one.dissections else []
    tail = f" ({', '.join(tags)})" if tags else ""
    return f"{technique} – {device.name if device else one.device}{tail}"


def _headings(w: Writer) -> tuple[str, ...]:
    keys = ("side_by_side", "coverage", "coverage_margin", "least_margin", "limits_passed")
    return tuple(w.label(key)[:1].upper() + w.label(key)[1:] for key in keys)


def _side_by_side(w: Writer, one: TreatmentSummary) -> tuple[str, ...]:
    none = "none_of_checked" if w.plan.unpainted else "none_passed"
    sure = "" if one.verified_device else f". {w.label('not_verified')}"
    return (
        f"{_name(w, one)}{sure}",
        _share(w, one.coverage_percent),
        f"{_share(w, one.coverage_with_margin_percent)} ({w.number(one.margin_mm, 0)} mm)",
        "–" if one.min_margin_mm is None else f"{w.number(one.min_margin_mm)} mm",
        ", ".join(w.place(near.name) for near in one.passed) or w.label(none),
    )


def _share(w: Writer, percent: float) -> str:
    """Return a share, never rounded up to the whole."""
    return f"{w.number(never_rounded_up(percent))} %"


def _zone_rows(w: Writer, one: TreatmentSummary) -> list[Row]:
    place = ""
    if one.min_margin_lps_mm is not None:
        place = f" (LPS {', '.join(w.number(n, 0) for n in one.min_margin_lps_mm)})"
    head = (
        f"{w.label('of_lesion')} {_share(w, one.coverage_percent)}; "
        f"{w.label('coverage_margin')} ({w.number(one.margin_mm, 0)} mm) "
        f"{_share(w, one.coverage_with_margin_percent)}; "
        f"{w.label('least_margin')} {w.number(one.min_margin_mm)} mm{place}; "
        f"{w.label('zone_volume')} {w.number(one.zone_ml)} mL"
    )
    if not one.verified_device:
        head += f". {w.label('not_verified')}"
    rows: list[Row] = [(Heading(_name(w, one)), ""), (f"   {w.label('covered')}", head)]
    if one.protocol:
        rows.append((f"   {w.label('protocol')}", _protocol(w, one.protocol)))
    if one.near:
        told = "; ".join(
            f"{w.label('probe')} {near.probe}, {w.place(near.structure)} "
            f"{w.label('touched') if near.distance_mm <= 0 else f'{w.number(near.distance_mm)} mm'}"
            for near in one.near
        )
        rows.append((f"   {w.label('near')}", told))
    rows += _criteria_rows(w, one)
    stop = one.stop
    if stop is not None:
        told = w.label("stop_never")
        if stop.structure is not None:
            told = (
                f"{clock(stop.seconds)} – {w.place(stop.structure)} {w.label('is_next')}; "
                f"{w.label('coverage')} {_share(w, stop.coverage_percent)}, "
                f"{w.label('coverage_margin')} {_share(w, stop.coverage_with_margin_percent)}"
            )
        rows.append((f"   {w.label('stop')}", told))
    rows += _neighbour_rows(w, one)
    for curve in one.curves:
        if curve.kind == "thermocouple":
            low, high = min(curve.temperature_c), max(curve.temperature_c)
            told = f"{w.number(low)} … {w.number(high)} °C"
            if curve.passed_s is not None:
                told += f" – {w.label('limit_passed')} {w.label('after')} {clock(curve.passed_s)}"
            rows.append((f"   {w.label('thermocouple')}, {w.place(curve.name)}", told))
    return rows


def _neighbour_rows(w: Writer, one: TreatmentSummary) -> list[Row]:
    """Return what each neighbour sees, worst first; those that nothing reaches on one line."""
    reached = [near for near in one.neighbours if near.passed or is_reached(near)]
    rows = []
    for near in sorted(reached, key=lambda near: not near.passed):
        told = f"{w.number(near.min_c)} … {w.number(near.max_c)} °C"
        if one.technique != "cryoablation":
            told += f", CEM43 {dose(near.cem43)} min"
        if near.passed:
            limit = f"{SIGNS[near.measure]} {w.number(near.limit)} {UNITS[near.measure]}"
            told += f" – {w.told(w.label('limit_passed'), limit)}"
            if near.first_passed_s is not None:
                told += f", {w.label('after')} {clock(near.first_passed_s)}"
        rows.append((f"   {w.place(near.name)}", told))
    others = ", ".join(w.place(near.name) for near in one.neighbours if near not in reached)
    return [*rows, (f"   {w.label('untouched')}", others)] if others else rows


def _criteria_rows(w: Writer, one: TreatmentSummary) -> list[Row]:
    """Return criteria of death, freezes and isotherms beside each other."""
    zone = zone_criterion(one.technique)
    told = [
        f"{w.words['criteria'][row.criterion]}"
        f"{w.label('is_zone') if row.criterion == zone else ''} {w.number(row.volume_ml)} mL "
        f"({_share(w, row.coverage_percent)}, {_share(w, row.coverage_with_margin_percent)})"
        for row in one.criteria
    ]
    told += [
        f"{_frozen(w, row.freezes)} {w.number(row.volume_ml)} mL "
        f"({_share(w, row.coverage_percent)}, {_share(w, row.coverage_with_margin_percent)})"
        for row in one.freezes
    ]
    rows = [(f"   {w.label('criteria')}", "; ".join(told))] if told else []
    levels = [
        f"{w.number(level.temperature_c, 0)} °C {w.number(level.volume_ml)} mL, "
        f"{w.number(level.length_mm, 0)} × {w.number(level.width_mm, 0)} mm"
        for level in one.isotherms
        if level.length_mm is not None and level.width_mm is not None
    ]
    return [*rows, (f"   {w.label('isotherms')}", "; ".join(levels))] if levels else rows


def _frozen(w: Writer, freezes: int) -> str:
    return w.label("frozen_once") if freezes == 1 else w.label("frozen").format(count=freezes)


def _dissection_rows(
    w: Writer, one: TreatmentSummary, rows: tuple[TreatmentSummary, ...]
) -> list[Row]:
    """Say what fluid or gas was there, and what it changed against the same device without it."""
    if not one.dissections:
        return []
    told = _layers(w, one.dissections)
    before = next((row for row in rows if row.device == one.device and not row.dissections), None)
    if before is not None:
        known = {near.name: near for near in before.neighbours}
        cold = one.technique == "cryoablation"
        for near in one.neighbours:
            other = known.get(near.name)
            if other is not None:
                pair = (other.min_c, near.min_c) if cold else (other.max_c, near.max_c)
                told += f"; {w.place(near.name)} {w.number(pair[0])} → {w.number(pair[1])} °C"
    return [(f"   {w.label('dissection')}", told)]


def _layers(w: Writer, dissections: tuple[Dissection, ...]) -> str:
    """Return what lies before which structure."""
    return "; ".join(
        w.told(fluid, w.place(layer.structure)) if layer.structure else fluid
        for layer in dissections
        for fluid in (str(w.words["fluids"][layer.fluid]),)
    )


def protection_rows(w: Writer) -> list[Row]:
    """Return the thermocouples and dissections that are planned.

    Parameters
    ----------
    w : Writer
        Of the case.

    Returns
    -------
    list of tuple
        Where each lies.
    """
    rows = [
        (
            f"{w.label('thermocouple')}, {w.place(one.name)}",
            f"({', '.join(w.number(n) for n in one.lps_mm)}) mm LPS",
        )
        for one in w.plan.thermocouples
    ]
    layers = w.plan.dissections
    return [*rows, (w.label("dissection"), _layers(w, layers))] if layers else rows


def _search_rows(w: Writer, search: AblationSearch) -> list[Row]:
    technique = str(w.words["techniques"].get(search.technique, search.technique))
    told = w.label("search_found" if search.feasible else "search_nothing").format(
        share=_share(w, search.covered_percent), mm=w.number(search.margin_mm)
    )
    if search.feasible:
        told = w.told(
            told, f"{len(search.probes)} × {search.device}; {_protocol(w, search.protocol)}"
        )
    if not search.verified_device:
        told += f". {w.label('not_verified')}"
    rows: list[Row] = [
        (Heading(f"{w.label('search')} – {technique}"), ""),
        (f"   {w.label('search_result')}", told),
    ]
    rows += [
        (f"   {one.probes} {w.label('probe' if one.probes == 1 else 'probes')}", _attempt(w, one))
        for one in search.attempts
        if one.ending != "done"
    ]
    return rows


def _attempt(w: Writer, one: Attempt) -> str:
    if one.ending == "no_way":
        return w.label("search_no_way")
    head = w.told(w.label("search_refuted"), "") if one.ending == "refuted" else ""
    covered = (
        f"{w.label('coverage')} {_share(w, one.coverage_percent)}, "
        f"{w.label('coverage_margin')} {_share(w, one.coverage_with_margin_percent)}"
    )
    first = one.gives_first
    if first is None:
        return f"{head or w.label('search_time') + '; '}{covered}"
    told = (
        f"{head}{w.place(first.structure)} {w.label('gives_first')} {clock(first.at_s)} "
        f"({w.label('limit_word')} {SIGNS[first.measure]} {w.number(first.limit)} "
        f"{UNITS[first.measure]}); {covered}"
    )
    if one.dissection is not None:
        fluid = w.words["fluids"][one.dissection.dissection.fluid]
        helps = w.label("would_do" if one.dissection.helps else "would_not_do")
        told += f"; {w.label('dissection')} ({fluid}) {helps}"
    return told


def _protocol(w: Writer, protocol: tuple[Phase, ...]) -> str:
    told = []
    for phase in protocol:
        power = "" if phase.power_w is None else f" {w.number(phase.power_w, 0)} W"
        told.append(f"{w.words['modes'][phase.mode.value]}{power} {clock(phase.seconds)}")
    return " – ".join(told)


def _limits_set(w: Writer) -> tuple[str, ...]:
    """Say which limits the radiologist has set for this case."""
    told = []
    for change in w.plan.limits:
        bounds = [
            (sign, value, unit)
            for sign, value, unit in (
                ("≥", change.lowest_c, "°C"),
                ("≤", change.highest_c, "°C"),
                ("CEM43 ≤", change.cem43_min, "min"),
                ("≥", change.clear_mm, "mm"),
            )
            if value is not None
        ]
        said = ", ".join(f"{sign} {w.number(value)} {unit}" for sign, value, unit in bounds)
        told.append(
            w.told(
                f"{w.label('set_by_hand')}, {w.label('limit_word')}, {w.place(change.name)}",
                said or w.label("none"),
            )
        )
    return tuple(told)

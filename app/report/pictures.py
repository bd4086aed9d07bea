"""The pictures of a plan: slices through the lesion, in line with the needle, and curves."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import AbstractPathEffect, withStroke

from app.amounts import is_curve_of_note
from app.report.colours import FORBIDDEN, LESION, NEEDLE, OTHER_NEEDLE, isotherm_colours
from app.report.figures import png_of
from app.report.texts import Language, texts
from app.report.views import Cut, Plane, cut, needle_plane, standard_plane
from imaging.geometry import FloatArray
from imaging.progress import SILENT, Progress
from imaging.volume import Volume
from planning.ablation.devices import devices
from planning.ablation.reach import active_ends
from planning.ablation.results import Curve, TreatmentSummary
from planning.plan import Case
from planning.store import Picture
from planning.words import structure_name

DOTS_PER_INCH = 130
WINDOW_HU = (-160.0, 440.0)  # soft tissue and bone in one picture
SLAB_MM = 4.0  # a needle nearer to the plane than this is drawn whole
HALF_MM = 75.0
COLON: dict[Language, str] = {"fr": " : ", "en": ": "}
INK = "#E8EDF2"
PAPER = "#0E1419"
SIDE_LETTERS = {0: ("R", "L"), 1: ("A", "P"), 2: ("I", "S")}  # towards −, + of x, y, z in LPS


def render_slices(
    case: Case, volume: Volume, language: Language, progress: Progress = SILENT
) -> list[Picture]:
    """Draw axial, coronal and sagittal slices through the lesion, and the needle's plane.

    Parameters
    ----------
    case : Case
        With a lesion; path and isotherms are drawn where they exist.
    volume : Volume
        The CT.
    language : str
        ``fr`` or ``en``.
    progress : Progress
        Told after each picture.

    Returns
    -------
    list of Picture
        PNG files; they carry no identifiers.
    """
    centre = _centre(case, volume)
    best = best_simulation(case)
    planes = [standard_plane(name, centre, HALF_MM) for name in ("axial", "coronal", "sagittal")]
    chosen = case.plan.chosen
    if chosen is not None:
        planes.append(needle_plane(np.array(chosen.entry_lps_mm), np.array(chosen.target_lps_mm)))
    pictures = []
    for number, plane in enumerate(planes):
        progress.update(number / len(planes), plane.name)
        pictures.append(render_plane(case, volume, plane, best, language))
    return pictures


def render_plane(
    case: Case, volume: Volume, plane: Plane, simulation: int | None, language: Language
) -> Picture:
    """Draw one plane of a case.

    Parameters
    ----------
    case : Case
        What it holds is drawn.
    volume : Volume
        The CT.
    plane : Plane
        Where.
    simulation : int or None
        Index of the one whose isotherms are drawn.
    language : str
        ``fr`` or ``en``.

    Returns
    -------
    Picture
        A PNG file named after the plane.
    """
    shown = cut(case, volume, plane, simulation)
    return Picture(f"{plane.name}.png", png_of(_slice_figure(shown, case, simulation, language)))


def best_simulation(case: Case) -> int | None:
    """Return the index of the simulation that covers the lesion best without passing a limit.

    Parameters
    ----------
    case : Case
        Any state.

    Returns
    -------
    int or None
        None without simulations; where every one passes a limit, the best covering of them.
    """
    rows = case.plan.simulation
    if not rows:
        return None

    def worth(row: TreatmentSummary) -> tuple[bool, float]:
        return not any(near.passed for near in row.neighbours), row.coverage_percent

    return max(range(len(rows)), key=lambda index: worth(rows[index]))


def render_curves(summary: TreatmentSummary, language: Language) -> Picture:
    """Draw temperature over time of tissue and neighbours.

    Parameters
    ----------
    summary : TreatmentSummary
        With curves.
    language : str
        ``fr`` or ``en``.

    Returns
    -------
    Picture
        PNG.
    """
    words = texts(language)
    covers = summary.coverage is not None
    figure = Figure(figsize=(7.2, 5.0 if covers else 3.4), dpi=DOTS_PER_INCH, facecolor="white")
    axes = figure.add_subplot(2, 1, 1) if covers else figure.add_subplot()
    palette = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000")
    styles = ("-", "--", ":")
    for number, curve in enumerate(filter(is_curve_of_note, summary.curves)):
        minutes = np.array(curve.time_s) / 60.0
        axes.plot(
            minutes,
            curve.temperature_c,
            color=palette[number % len(palette)],
            linestyle=styles[number // len(palette) % len(styles)],
            label=_curve_name(curve, language),
            linewidth=2.2 if curve.kind == "thermocouple" else 1.2,
        )
    if not covers:
        axes.set_xlabel(words["time_min"])
    axes.set_ylabel("°C")
    title = titled(summary, language)
    if not summary.verified_device:
        title += f" ({words['labels']['not_verified']})"
    axes.set_title(title, loc="left", fontsize=9)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    if summary.coverage is not None:
        _draw_coverage(figure.add_subplot(2, 1, 2, sharex=axes), summary, language)
    return Picture(f"curves-{summary.device}.png", png_of(figure))


def titled(summary: TreatmentSummary, language: Language) -> str:
    """Return what stands above a figure of a simulation.

    Parameters
    ----------
    summary : TreatmentSummary
        Of the simulation.
    language : str
        ``fr`` or ``en``.

    Returns
    -------
    str
        Technique, device, and what is special.
    """
    words = texts(language)
    device = devices().get(summary.device)
    technique = words["techniques"].get(summary.technique, summary.technique)
    title = f"{technique} – {device.name if device else summary.device}"
    if len(summary.probes) > 1:
        title += f" × {len(summary.probes)}"
    if summary.dissections:
        title += f", {words['labels']['dissection'].lower()}"
    return title


def _draw_coverage(axes: Axes, summary: TreatmentSummary, language: Language) -> None:
    """Draw what is covered over time, and the moment to stop."""
    words, found = texts(language), summary.coverage
    if found is None:
        return
    minutes = np.array(found.time_s) / 60.0
    labels = words["labels"]
    axes.plot(minutes, found.coverage_percent, color="#0072B2", label=labels["coverage"])
    axes.plot(
        minutes,
        found.coverage_with_margin_percent,
        color="#E69F00",
        label=f"{labels['coverage_margin']} ({summary.margin_mm:.0f} mm)",
    )
    stop = summary.stop
    if stop is not None and stop.structure is not None:
        name = _place_name(stop.structure, language)
        axes.axvline(stop.seconds / 60.0, color="#D55E00", linewidth=1.6)
        told = f"{labels['stop']}{COLON[language]}{name} {labels['is_next']}"
        axes.plot([], [], color="#D55E00", label=told)
    axes.set_ylim(0, 104)
    axes.set_xlabel(words["time_min"])
    axes.set_ylabel("%")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)


def _curve_name(curve: Curve, language: Language) -> str:
    name = _place_name(curve.name, language)
    if curve.kind == "thermocouple":
        return f"{texts(language)['labels']['thermocouple']}{COLON[language]}{name}"
    return name


def _place_name(name: str, language: Language) -> str:
    key = name.replace(" ", "_")
    found = str(texts(language)["places"].get(key) or structure_name(key, language))
    return found[:1].upper() + found[1:]


def _centre(case: Case, volume: Volume) -> FloatArray:
    if case.plan.lesion is not None:
        return np.array(case.plan.lesion.centroid_lps_mm)
    middle: FloatArray = volume.grid.corners_lps_mm().mean(axis=0)
    return middle


def _slice_figure(shown: Cut, case: Case, simulation: int | None, language: Language) -> Figure:
    words = texts(language)
    plane = shown.plane
    figure = Figure(figsize=(6.4, 6.9), dpi=DOTS_PER_INCH, facecolor=PAPER)
    axes = figure.add_axes((0.02, 0.10, 0.96, 0.84))
    extent = (
        -plane.half_width_mm,
        plane.half_width_mm,
        plane.half_height_mm,
        -plane.half_height_mm,
    )
    axes.imshow(
        shown.hu,
        cmap="gray",
        vmin=WINDOW_HU[0],
        vmax=WINDOW_HU[1],
        extent=extent,
        interpolation="bilinear",
    )
    axes.set_axis_off()
    handles = _draw_planned(axes, shown, case, simulation, words)
    _draw_marks(axes, plane)
    figure.text(0.03, 0.972, words["views"][plane.name], color=INK, fontsize=11, weight="bold")
    if simulation is not None:
        zone = titled(case.plan.simulation[simulation], language)
        figure.text(0.03, 0.949, zone, color=INK, fontsize=7.5)
    if handles:
        figure.legend(
            handles=handles,
            loc="lower center",
            ncols=4,
            fontsize=7.5,
            frameon=False,
            labelcolor=INK,
            bbox_to_anchor=(0.5, 0.045),
        )
    figure.text(0.5, 0.018, words["disclaimer"], color="#F0E442", fontsize=7, ha="center")
    return figure


def _draw_planned(
    axes: Axes, shown: Cut, case: Case, simulation: int | None, words: dict[str, Any]
) -> list[Line2D]:
    plane = shown.plane
    x = np.linspace(-plane.half_width_mm, plane.half_width_mm, shown.hu.shape[1])
    y = np.linspace(-plane.half_height_mm, plane.half_height_mm, shown.hu.shape[0])
    handles = []

    def outline(values: FloatArray, level: float, colour: str, label: str, width: float) -> None:
        if np.nanmin(values) < level < np.nanmax(values):
            axes.contour(
                x, y, values, levels=[level], colors=[colour], linewidths=[width], linestyles="-"
            )
            handles.append(Line2D([], [], color=colour, linewidth=width, label=label))

    if shown.structures:
        together = np.any(list(shown.structures.values()), axis=0).astype(float)
        outline(together, 0.5, FORBIDDEN, words["forbidden"], 0.9)
    outline(shown.lesion, 0.5, LESION, words["lesion"], 1.6)
    if shown.temperature_c is not None and simulation is not None:
        technique = case.plan.simulation[simulation].technique
        for level, colour in isotherm_colours(technique).items():
            outline(shown.temperature_c, level, colour, f"{level:.0f} °C", 1.2)
    handles += _draw_needles(axes, plane, case, words)
    if simulation is not None:
        handles += _draw_probes(axes, plane, case.plan.simulation[simulation], words)
    return handles


def _draw_probes(
    axes: Axes, plane: Plane, summary: TreatmentSummary, words: dict[str, Any]
) -> list[Line2D]:
    """Draw the active parts of the probes that lie near the plane."""
    found = False
    for probe in summary.probes:
        device = devices().get(probe.device)
        if device is None:
            continue
        ends = active_ends(device, probe.tip_lps_mm, probe.axis_lps)
        first, last = (plane.project(np.array(end)) for end in ends)
        if min(abs(first[2]), abs(last[2])) <= SLAB_MM or first[2] * last[2] < 0:
            axes.plot([first[0], last[0]], [first[1], last[1]], color=NEEDLE, linewidth=3.5)
            found = True
    label = words["active_part"]
    return [Line2D([], [], color=NEEDLE, linewidth=3.5, label=label)] if found else []


def _draw_needles(axes: Axes, plane: Plane, case: Case, words: dict[str, Any]) -> list[Line2D]:
    """Draw the chosen way in; solid where it lies near the plane, dashed where it is projected."""
    chosen = case.plan.chosen
    if chosen is None:
        return []
    entry = plane.project(np.array(chosen.entry_lps_mm))
    target = plane.project(np.array(chosen.target_lps_mm))
    near = max(abs(entry[2]), abs(target[2])) <= SLAB_MM
    axes.plot(
        [entry[0], target[0]],
        [entry[1], target[1]],
        color=NEEDLE if near else OTHER_NEEDLE,
        linewidth=2.0 if near else 1.2,
        linestyle="-" if near else (0, (4, 3)),
        marker="o",
        markersize=3.5,
        clip_on=True,
    )
    return [
        Line2D(
            [],
            [],
            color=NEEDLE if near else OTHER_NEEDLE,
            linestyle="-" if near else "--",
            label=words["path"] if near else words["path_projected"],
        )
    ]


def _letter(direction: FloatArray) -> str:
    axis = int(np.argmax(np.abs(direction)))
    return SIDE_LETTERS[axis][int(direction[axis] > 0)]


def _draw_marks(axes: Axes, plane: Plane) -> None:
    """Draw the letters of the sides and a scale bar of 2 cm."""
    w, h = plane.half_width_mm, plane.half_height_mm
    axes.set_xlim(-w, w)
    axes.set_ylim(h, -h)
    places = (
        (-0.96 * w, 0.0, _letter(-plane.right)),
        (0.96 * w, 0.0, _letter(plane.right)),
        (0.0, -0.95 * h, _letter(-plane.down)),
        (0.0, 0.95 * h, _letter(plane.down)),
    )
    edge: list[AbstractPathEffect] = [
        withStroke(linewidth=2.5, foreground=PAPER)
    ]  # readable on bone too
    for x, y, letter in places:
        text = axes.text(
            x, y, letter, color=INK, fontsize=12, weight="bold", ha="center", va="center"
        )
        text.set_path_effects(edge)
    bar_mm, end_mm = 20.0, 0.92 * w
    (bar,) = axes.plot([end_mm - bar_mm, end_mm], [0.9 * h, 0.9 * h], color=INK, linewidth=2.5)
    bar.set_path_effects([withStroke(linewidth=4.5, foreground=PAPER)])
    label = axes.text(
        end_mm - bar_mm / 2, 0.87 * h, "2 cm", color=INK, fontsize=8, ha="center", va="bottom"
    )
    label.set_path_effects(edge)

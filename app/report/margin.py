"""The picture of the lesion's surface, coloured by how far the lethal zone reaches beyond it."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from mpl_toolkits.mplot3d import Axes3D
from mpl_toolkits.mplot3d.art3d import Poly3DCollection
from numpy.typing import NDArray
from skimage.measure import marching_cubes

from app.margins import MarginClass, class_numbers, margin_classes, margins_at
from app.report.figures import png_of
from app.report.pictures import titled
from app.report.texts import Language, texts
from imaging.geometry import BoolArray, FloatArray, Grid, filled_block
from imaging.volume import mask_on_grid
from planning.ablation.results import TreatmentSummary
from planning.plan import Case, ThermalField
from planning.store import Picture

MOST_TRIANGLES = 12_000
SIDES = ((-60.0, 25.0), (120.0, 25.0))  # azimuth and elevation of the two views, degrees
LIGHT = np.array([0.3, -0.6, 0.75])
SHADE = 0.72  # darkest of a class's colour; below it orange and yellow are taken for each other
DOTS_PER_INCH = 130


def render_margin(
    case: Case, field: ThermalField, summary: TreatmentSummary, language: Language
) -> Picture | None:
    """Draw the lesion from two sides in the colours of its margin.

    Parameters
    ----------
    case : Case
        With a lesion.
    field : ThermalField
        Of the simulation.
    summary : TreatmentSummary
        Of the same simulation.
    language : str
        ``fr`` or ``en``.

    Returns
    -------
    Picture or None
        PNG without identifiers; None where the margin was not kept.
    """
    if case.lesion is None:
        return None
    lesion = mask_on_grid(case.lesion, case.plan.series.grid, field.grid)  # as it was simulated
    surface = _surface(lesion, field.grid)
    if surface is None:
        return None
    points, triangles = surface
    corners = points[triangles]
    margins = margins_at(field, corners.mean(axis=1))
    if margins is None:
        return None
    words = texts(language)
    classes = margin_classes(summary.margin_mm)
    figure = Figure(figsize=(7.2, 3.6), dpi=DOTS_PER_INCH, facecolor="white")
    shades = _shaded(corners, class_numbers(margins, summary.margin_mm), classes)
    for number, (azimuth, elevation) in enumerate(SIDES):
        axes = figure.add_subplot(1, 2, number + 1, projection="3d")
        if isinstance(axes, Axes3D):
            axes.add_collection3d(Poly3DCollection(corners, facecolors=shades, edgecolors="none"))
            _frame(axes, points, azimuth, elevation)
            _mark_least(axes, summary, points, number)
    title = f"{words['margin_title']}\n{titled(summary, language)}"
    if not summary.verified_device:
        title += f" ({words['labels']['not_verified']})"
    figure.suptitle(title, fontsize=9, x=0.02, ha="left")
    handles: list[Artist] = [
        Patch(color=one.colour, label=_class_said(one, words, language)) for one in classes
    ]
    if summary.min_margin_mm is not None and summary.min_margin_lps_mm is not None:
        least = f"{words['labels']['least_margin']} {_number(summary.min_margin_mm, language)} mm"
        handles.append(Line2D([], [], color="black", marker="x", linestyle="", label=least))
    figure.legend(handles=handles, loc="lower center", ncols=5, fontsize=7.5, frameon=False)
    return Picture(f"curves-margin-{summary.device}.png", png_of(figure))


def _surface(lesion: BoolArray, grid: Grid) -> tuple[FloatArray, Any] | None:
    """Return points (LPS millimetres) and triangles of a lesion's surface."""
    block = filled_block(lesion)
    if block is None:
        return None
    part = np.pad(lesion[block].astype(np.float32), 1)
    step = 1
    points, triangles, _, _ = marching_cubes(part, 0.5, step_size=step)
    while len(triangles) > MOST_TRIANGLES and step < 4:
        step += 1
        points, triangles, _, _ = marching_cubes(part, 0.5, step_size=step)
    first = np.array([one.start for one in block]) - 1
    return grid.to_lps(points + first), triangles


def _shaded(
    corners: FloatArray, numbers: NDArray[np.uint8], classes: tuple[MarginClass, ...]
) -> FloatArray:
    """Return the colour of each triangle, lit from above."""
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    lit = np.abs((normal / length) @ (LIGHT / np.linalg.norm(LIGHT)))
    table = np.array(
        [[int(one.colour[n : n + 2], 16) / 255.0 for n in (1, 3, 5)] for one in classes]
    )
    shade: FloatArray = table[numbers] * (SHADE + (1.0 - SHADE) * lit)[:, None]
    return shade


def _frame(axes: Axes3D, points: FloatArray, azimuth: float, elevation: float) -> None:
    low, high = points.min(axis=0), points.max(axis=0)
    middle, half = (low + high) / 2.0, float((high - low).max()) / 2.0
    axes.set_xlim(middle[0] - half, middle[0] + half)
    axes.set_ylim(middle[1] - half, middle[1] + half)
    axes.set_zlim(middle[2] - half, middle[2] + half)
    axes.set_box_aspect((1, 1, 1), zoom=1.15)
    axes.view_init(elev=elevation, azim=azimuth)
    axes.tick_params(labelsize=5.5, pad=-3)
    axes.set_xlabel("L mm", fontsize=6, labelpad=-7)
    axes.set_ylabel("P mm", fontsize=6, labelpad=-7)
    axes.set_zlabel("S mm", fontsize=6, labelpad=-7)


def _mark_least(axes: Axes3D, summary: TreatmentSummary, points: FloatArray, side: int) -> None:
    """Mark where the margin is smallest, on the side that faces it most."""
    place = summary.min_margin_lps_mm
    if place is None:
        return
    x, y, z = points[int(scipy.spatial.cKDTree(points).query(place)[1])]
    azimuth, elevation = np.deg2rad(SIDES).T
    towards = np.stack([np.cos(azimuth), np.sin(azimuth), np.tan(elevation)], axis=1)
    if int((towards @ (np.array([x, y, z]) - points.mean(axis=0))).argmax()) == side:
        axes.plot([x], [y], [z], marker="x", color="black", markersize=8, mew=2, zorder=10)


def _class_said(one: MarginClass, words: dict[str, Any], language: Language) -> str:
    if one.key == "left_out":
        return str(words["left_out"])
    low = _number(one.from_mm, language)
    if not np.isfinite(one.to_mm):
        return f"≥ {low} mm"
    return f"{low} – {_number(one.to_mm, language)} mm"


def _number(value: float, language: Language) -> str:
    text = f"{value:.1f}".replace("-", "\N{MINUS SIGN}")
    return text.replace(".", ",") if language == "fr" else text

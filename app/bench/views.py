"""What the hand feels in the views: scrolling, dragging, turning, starting, opening."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from app.workstation.session import Session
    from app.workstation.window import Window
    from imaging.geometry import FloatArray, Grid
    from imaging.structures.model import Structures
    from imaging.volume import Volume
    from planning.ablation.results import TreatmentSummary
    from planning.plan import Case, ThermalField

SIZE_KJI = (300, 512, 512)
SPACING_MM_KJI = (1.0, 0.8, 0.8)
STRUCTURES = 10
NEEDLES, MANY_NEEDLES = 6, 40
STEPS = 60
TURNS = 20
STEP_DEG = 4.0
NO_DISPLAY = "no display: the views were not measured; run it under xvfb-run"
# At the 95th percentile: 30 slices a second follow the hand, 10 pictures a second let a body be
# turned, and a second is what a reader waits for without looking away.
TARGETS_S = {
    "views_scroll": 0.033,
    "views_slab_scroll": 0.033,
    "views_crosshair_drag": 0.033,
    "views_oblique_drag": 0.033,
    "views_turn_3d": 0.1,
    "views_turn_volume": 0.1,
    "views_start": 3.0,
    "views_first_slice": 1.0,
}
START = """
import time
from app.cli.workstation import load_workstation
make_application = load_workstation().make_application
from app.workstation.session import Session
from app.workstation.window import Window
from app.workstation.words import Words
application = make_application()
session = Session()
window = Window(session, Words("en"))
window.show()
application.processEvents()
print("shown", time.time(), flush=True)
window.close()
session.close()
"""


def bench_screen() -> list[dict[str, Any]]:
    """Measure the views on a case of 512 × 512 × 300 with everything drawn.

    Returns
    -------
    list of dict
        A row for each measure, with the 95th percentile; one row that says why, without a display.
    """
    if not os.environ.get("DISPLAY"):
        return [{"name": "views", "skipped": NO_DISPLAY}]
    from app.workstation.application import make_application

    application = make_application()
    rows = [_started()]
    volume, case = large_case()
    with tempfile.TemporaryDirectory(prefix="osteoplan-bench-") as folder:
        os.environ["XDG_DATA_HOME"] = folder  # autosaved plans stay out of the user's folder
        rows.append(_first_slice(application, volume, Path(folder) / "ct"))
        rows += _felt(application, volume, case)
    return rows


def large_case() -> tuple[Volume, Case]:
    """Return a generated trunk with a lesion, ten structures and isotherms.

    Returns
    -------
    tuple
        The CT of 512 × 512 × 300, and its case.
    """
    from imaging.geometry import Grid
    from imaging.phantom.cases import generate
    from imaging.volume import SeriesInfo, Volume, resample
    from planning.plan import Case

    coarse = generate("vertebra", spacing_mm=2.5)
    lesion = coarse.volume.grid.to_lps(np.argwhere(coarse.lesion).mean(axis=0))
    affine = np.eye(4)
    affine[:3, :3] = np.fliplr(np.eye(3)) * np.array(SPACING_MM_KJI)
    half = affine[:3, :3] @ ((np.array(SIZE_KJI) - 1) / 2)
    middle = np.array([*coarse.volume.grid.corners_lps_mm().mean(axis=0)[:2], lesion[2]])
    affine[:3, 3] = middle - half
    grid = Grid(SIZE_KJI, affine)
    fine = coarse.volume.on_grid(grid)
    noise = np.random.default_rng(1).normal(0, 12, (1, *SIZE_KJI[1:])).astype(np.int16)
    volume = Volume(fine.hu + noise, grid, SeriesInfo(uid="1.2.3", path="", description="bench"))

    def labelled(mask: NDArray[Any]) -> NDArray[Any]:
        return resample(mask, coarse.volume.grid, grid, order=0, outside=0)

    mask = labelled(coarse.lesion.astype(np.uint8)) > 0.5
    found = _structures(labelled(coarse.labels).astype(np.uint16), coarse.names, grid)
    field = _field(lesion)
    case = replace(Case.begin(volume), lesion=mask, structures=found, fields=(field,))
    return volume, case.with_plan(structures=found.table, simulation=(_summary(),))


def _structures(labels: NDArray[np.uint16], names: dict[int, str], grid: Grid) -> Structures:
    """Return the largest ten structures; the others are left out."""
    from imaging.structures.labels import structures_from

    counts = np.bincount(labels.ravel(), minlength=max(names) + 1)
    kept = sorted((label for label in names if counts[label]), key=lambda n: -counts[n])
    kept = kept[:STRUCTURES]
    table = np.zeros(len(counts), dtype=np.uint16)
    table[kept] = kept
    return structures_from(table[labels], grid, {n: names[n] for n in kept}, "generated")


def _field(middle_lps_mm: FloatArray) -> ThermalField:
    """Return a ball of ice around a place."""
    from imaging.geometry import Grid
    from planning.plan import ThermalField

    grid = Grid.aligned((70, 70, 70), 1.0, middle_lps_mm - 34.5)
    k, j, i = np.ogrid[:70, :70, :70]
    far = np.sqrt((k - 34.5) ** 2 + (j - 34.5) ** 2 + (i - 34.5) ** 2)
    temperature = np.minimum(37.0, -120.0 + 6.0 * far).astype(np.float32)
    return ThermalField(grid, temperature, temperature < -20)


def _summary() -> TreatmentSummary:
    """Return what stands beside the isotherms; none of its figures is drawn."""
    from planning.ablation.devices import devices
    from planning.ablation.results import TreatmentSummary

    device = next(one for one in devices().values() if one.technique == "cryoablation")
    return TreatmentSummary(
        device=device.id,
        technique="cryoablation",
        coverage_percent=100.0,
        coverage_with_margin_percent=100.0,
        min_margin_mm=5.0,
        neighbours=(),
        margin_mm=5.0,
        spacing_mm=1.0,
        zone_ml=1.0,
        verified_device=True,
        isotherms=(),
        curves=(),
    )


def _needles(case: Case, count: int) -> tuple[Any, ...]:
    """Return needles from all around to places about the lesion."""
    grid = case.plan.series.grid
    if case.lesion is None:
        return ()
    middle = grid.to_lps(np.argwhere(case.lesion).mean(axis=0))
    found = []
    for number in range(count):
        turn = 2 * np.pi * number / count
        way = np.array([np.cos(turn), np.sin(turn), 0.25 * np.sin(3 * turn)])
        tip = middle + 3.0 * way
        found.append((tuple((tip + 110 * way).tolist()), tuple(tip.tolist())))
    return tuple(found)


def _row(name: str, times_s: list[float]) -> dict[str, Any]:
    median = float(np.median(times_s))
    row = {
        "name": name,
        "median_s": median,
        "min_s": min(times_s),
        "max_s": max(times_s),
        "p95_s": float(np.percentile(times_s, 95)),
        "rate": 1 / median,
        "unit": "a second",
        "peers": [],
    }
    base = name.removesuffix(f"_{MANY_NEEDLES}_needles")
    if base in TARGETS_S:
        row["target_s"] = TARGETS_S[base]
    return row


def _started() -> dict[str, Any]:
    times = []
    for _ in range(3):
        begun_s = time.time()
        made = subprocess.run(  # noqa: S603 - this interpreter, on words of this file
            [sys.executable, "-c", START], capture_output=True, text=True, check=True
        )
        shown = next(line for line in made.stdout.splitlines() if line.startswith("shown"))
        times.append(float(shown.split()[1]) - begun_s)
    return _row("views_start", times)


def _first_slice(application: Any, volume: Volume, folder: Path) -> dict[str, Any]:  # noqa: ANN401
    """Measure from a chosen folder to the first slice that is drawn."""
    from imaging.dicom.write import write_ct_series

    write_ct_series(volume, folder, description="bench", patient_name="Bench^Views")
    times = []
    for _ in range(3):
        session, window = _window(application)
        _wait(application, 2.5)  # as long as a folder is chosen; the worker starts meanwhile
        begun_s = time.perf_counter()
        window.open_path(folder)
        while window.board.layers.volume is None:
            application.processEvents()
            time.sleep(0.001)
        window.board.axial.repaint()
        times.append(time.perf_counter() - begun_s)
        _close(application, session, window)
    return _row("views_first_slice", times)


def _window(application: Any) -> tuple[Session, Window]:  # noqa: ANN401 - QApplication
    from app.workstation.application import get_ready
    from app.workstation.session import Session
    from app.workstation.window import Window
    from app.workstation.words import Words

    session = Session()
    window = Window(session, Words("en"))
    window.show()
    application.processEvents()
    get_ready(session)
    return session, window


def _close(application: Any, session: Session, window: Window) -> None:  # noqa: ANN401
    from PySide6.QtCore import QCoreApplication, QEvent

    window.close()
    session.close()
    window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    application.processEvents()


def _wait(application: Any, seconds: float) -> None:  # noqa: ANN401
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        application.processEvents()
        time.sleep(0.005)


def _felt(application: Any, volume: Volume, case: Case) -> list[dict[str, Any]]:  # noqa: ANN401
    """Measure one window with the whole case, with few needles and with many."""
    from app.workstation.stages import Topic
    from app.workstation.views.surfaces import bone_mesh

    session, window = _window(application)
    session.volume = volume
    session.tell(Topic.VOLUME, volume)
    session.case = case
    session.tell(Topic.CASE, case)
    session.tell(Topic.SURFACE, bone_mesh(volume))
    rows = []
    for count in (NEEDLES, MANY_NEEDLES):
        ways = _needles(case, count)
        window.board.layers.extra_ways = ways
        window.board.three_d.show_extras(ways)
        _wait(application, 0.5)
        ending = "" if count == NEEDLES else f"_{count}_needles"
        for name, work in _measures(window, case).items():
            rows.append(_row(name + ending, work()))
    _close(application, session, window)
    return rows


def _measures(window: Window, case: Case) -> dict[str, Callable[[], list[float]]]:
    from app.workstation.viewpoint import Rendering
    from imaging.slabs import Projection, Slab

    viewpoint = window.viewpoint
    middle = np.array(case.plan.series.grid.corners_lps_mm().mean(axis=0))

    def scrolled() -> list[float]:
        return _timed(lambda n: _painted(window, lambda: _scroll(window, n)), STEPS)

    def thick() -> list[float]:
        viewpoint.change(slab=Slab(10.0, Projection.MAXIMUM))
        times = scrolled()
        viewpoint.change(slab=Slab())
        return times

    def dragged() -> list[float]:
        return _timed(lambda n: _painted(window, lambda: _drag(window, middle, n)), STEPS)

    def oblique() -> list[float]:
        viewpoint.change(planes=viewpoint.look.planes.turned("axial", 20.0))
        times = dragged()
        viewpoint.straighten()
        return times

    def rendered() -> list[float]:
        viewpoint.change(rendering=Rendering.BONE)
        times = _turned(window)
        viewpoint.change(rendering=Rendering.SURFACES)
        return times

    return {
        "views_scroll": scrolled,
        "views_slab_scroll": thick,
        "views_crosshair_drag": dragged,
        "views_oblique_drag": oblique,
        "views_turn_3d": lambda: _turned(window),
        "views_turn_volume": rendered,
    }


def _timed(work: Callable[[int], None], count: int) -> list[float]:
    """Return the time of each step; the first two prepare what is kept."""
    times = []
    for n in range(count + 2):
        begun_s = time.perf_counter()
        work(n)
        times.append(time.perf_counter() - begun_s)
    return times[2:]


def _painted(window: Window, change: Callable[[], None]) -> None:
    """Do a step and draw at once what it leaves to be drawn, each view once, as Qt would."""
    from PySide6.QtCore import QCoreApplication, QEvent

    change()
    QCoreApplication.sendPostedEvents(window, QEvent.Type.UpdateRequest)


def _scroll(window: Window, n: int) -> None:
    window.board.axial.scroll_slices(1.0 if (n // 20) % 2 == 0 else -1.0)


def _drag(window: Window, middle: FloatArray, n: int) -> None:
    x, y, z = (middle + np.array([0.9 * n - 20, 15 - 0.7 * n, 0.0])).tolist()
    window.viewpoint.move_crosshair((x, y, z))


def _turned(window: Window) -> list[float]:
    """Turn the camera as the trackball does."""
    return _timed(lambda _n: window.board.three_d.turn(STEP_DEG), TURNS)

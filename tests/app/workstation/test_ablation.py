"""The step of ablation: a moved probe is followed, techniques compared, treatments planned."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from app.margins import class_numbers, margin_classes, margins_at
from app.workstation import ablation_tasks
from app.workstation.ablation_tasks import Shown
from app.workstation.session import Session
from app.workstation.stages import Topic
from app.workstation.words import LANGUAGES, Words
from imaging.errors import Refusal
from imaging.files import write_array
from imaging.progress import SILENT
from imaging.volume import Volume
from planning import ways_in
from planning.ablation.ground import ground_of
from planning.plan import Case, ThermalField
from planning.procedure import with_lesion, with_structures
from tests.planning.ablation.test_treatment import request
from tests.planning.test_ablations import pair, way


def planned(volume: Volume) -> Case:
    made = request()
    case = with_structures(Case.begin(volume), made.structures, volume)
    case = with_lesion(case, volume, made.lesion)
    return ways_in.with_own_way(case, way(0, 0.0))


@pytest.fixture(scope="module")
def ct(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = request()
    path = tmp_path_factory.mktemp("block") / "ct.nii.gz"
    write_array(made.volume.hu, made.volume.grid, path)
    return path


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ct: Path) -> Iterator[Session]:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(ablation_tasks, "PREVIEW_MM", 4.0)
    made = Session()
    made.open_path(ct)
    until(made, lambda: made.volume is not None and not made.is_busy)
    assert made.volume is not None
    made.apply("own_way", planned(made.volume))
    until(made, lambda: not made.is_busy)
    yield made
    made.close()


def until(session: Session, so: Callable[[], bool]) -> None:
    end = time.monotonic() + 100
    while not so():
        assert time.monotonic() < end, "waited in vain"
        session.poll()
        time.sleep(0.01)


@pytest.mark.long
def test_a_moved_probe_is_followed_and_refined_when_it_is_let_go(session: Session) -> None:
    shown: list[Shown | None] = []
    session.subscribe(Topic.ABLATION, shown.append)
    session.ablating.choose("microwave_14g5_2450", 3.0)
    session.ablating.look(True)
    for x_mm in (1.0, 2.0, 3.0):
        session.ablating.move((x_mm, -38.0, 0.0), (x_mm, 0.0, 0.0))
    until(session, lambda: len(shown) == 2)  # the first, and the newest: the second was dropped
    last = shown[-1]
    assert last is not None
    assert last.summary.probes[0].tip_lps_mm[0] == pytest.approx(3.0)
    assert last.field.margin_mm is not None
    session.ablating.let_go()
    session.reaching.keep((3.0, -38.0, 0.0), (3.0, 0.0, 0.0))
    asked: list[tuple[object, ...]] = []
    session.simulate = lambda *request: asked.append(request)  # type: ignore[method-assign]
    until(session, lambda: bool(asked))
    assert asked == [("microwave_14g5_2450", 3.0, 1.0)]


def test_nothing_is_followed_while_another_step_is_shown(session: Session) -> None:
    session.ablating.choose("microwave_14g5_2450", 3.0)
    session.ablating.look(False)
    session.ablating.move((1.0, -38.0, 0.0), (1.0, 0.0, 0.0))
    assert not session.runs("ablation_preview")


def test_what_does_not_depend_on_the_probe_is_prepared_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = request()
    case = planned(made.volume)
    prepared: list[object] = []

    def counted(*arguments: object) -> object:
        prepared.append(arguments)
        return ground_of(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(ablation_tasks, "PREVIEW_MM", 4.0)
    monkeypatch.setattr(ablation_tasks, "KEPT", ablation_tasks.Kept())
    monkeypatch.setattr(ablation_tasks, "ground_of", counted)
    for x_mm in (0.0, 1.0, 2.0):
        ends = (x_mm, -38.0, 0.0), (x_mm, 0.0, 0.0)
        ablation_tasks.preview(case, made.volume, "microwave_14g5_2450", 3.0, *ends, SILENT)
    assert len(prepared) == 1


def test_a_probe_outside_the_body_is_refused_with_the_reason(session: Session) -> None:
    refused: list[Refusal] = []
    session.subscribe(Topic.REFUSED, refused.append)
    session.ablating.set_depth(0, -50.0)  # the tip, 5 mm beyond the middle, comes out of the skin
    session.simulate("rf_monopolar_17g_10", 5.0, 3.0)
    until(session, lambda: bool(refused))
    assert refused[0].problems[0].code == "outside_body"


def test_a_set_depths_thermocouples_and_dissection_are_steps_back(session: Session) -> None:
    ablating = session.ablating
    ablating.use_set(pair())
    ablating.set_depth(1, 4.0)
    ablating.measure_at("", (0.0, 24.0, 0.0))
    ablating.dissect_at((30.0, 0.0, 0.0), "dextrose_5", 8.0)
    assert session.case is not None
    plan = session.case.plan
    assert plan.needle_set == pair()
    assert plan.depth_shifts_mm == (0.0, 4.0)
    assert [one.name for one in plan.thermocouples] == ["spinal_canal"]
    assert [one.fluid for one in plan.dissections] == ["dextrose_5"]
    for _ in range(4):
        session.undo()
    assert session.case.plan.needle_set is None
    assert session.case.plan.dissections == ()


def test_margins_have_a_colour_for_what_is_left_out_and_what_suffices() -> None:
    made = request()
    margin = np.full(made.volume.grid.size_kji, np.nan, dtype=np.float32)
    margin[25, 25, 20], margin[25, 25, 30] = -2.0, 6.0
    field = ThermalField(made.volume.grid, margin, np.zeros(margin.shape, dtype=bool), margin)
    places = made.volume.grid.to_lps([[25, 25, 21], [25, 25, 31]])
    found = margins_at(field, places)
    assert found is not None
    numbers = class_numbers(found, 5.0)
    keys = [margin_classes(5.0)[n].key for n in numbers]
    assert keys == ["left_out", "enough"]
    assert [one.key for one in margin_classes(0.0)] == ["left_out", "enough"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_said_about_a_search_has_words(language: str) -> None:
    from app.workstation.steps.ablation_words import search_said
    from planning.ablation.planner.result import AblationSearch, Attempt, GivesFirst

    first = GivesFirst(
        structure="spinal_canal", measure="min_c", limit=10.0, value=8.0, at_s=95.0, source="made"
    )
    attempts = (
        Attempt(probes=1, ending="limit", trials=3, gives_first=first, stop_s=90.0),
        Attempt(probes=2, ending="time", trials=3, stop_s=900.0),
        Attempt(probes=3, ending="refuted", trials=3),
        Attempt(probes=4, ending="no_way", trials=0),
    )
    search = AblationSearch(
        technique="cryoablation", device="icerod_17g", margin_mm=5.0, feasible=False, probes=(),
        protocol=(), attempts=attempts, search_spacing_mm=2.0, spacing_mm=1.0,
        verified_device=False,
    )  # fmt: skip
    notes = search_said(Words(language), search)  # type: ignore[arg-type]
    assert [kind for kind, _ in notes] == ["bad", "hint", "hint", "hint", "hint", "warning"]
    assert "1 min 35" in notes[1][1]

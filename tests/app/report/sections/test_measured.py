"""What was measured in the views stands in the report and in the plan's JSON."""

from __future__ import annotations

import numpy as np
import pytest

from app.report.sections.every import sections
from app.report.sections.measured import measured_rows
from app.report.sections.writer import Writer
from imaging.geometry import Grid
from imaging.volume import SeriesInfo, Volume
from planning.annotations import angle, circle, length
from planning.plan import Case

UP = (0.0, 0.0, 1.0)


def _measured() -> tuple[Volume, Case]:
    hu = np.full((6, 30, 30), 40, dtype=np.int16)
    hu[:, :, 15:] = 60
    grid = Grid.aligned((6, 30, 30), 1.0, (0.0, 0.0, 0.0))
    volume = Volume(hu, grid, SeriesInfo(uid="1.2.3", path="", description=""))
    drawn = (
        length(1, ((0.0, 0.0, 5.0), (3.0, 4.0, 5.0)), UP),
        angle(2, ((9.0, 0.0, 0.0), (0.0, 0.0, 0.0), (0.0, 2.0, 0.0)), UP),
        circle(3, (14.5, 15.0, 2.0), (20.5, 15.0, 2.0), UP),
    )
    return volume, Case.begin(volume).with_plan(annotations=drawn)


def test_lengths_angles_and_the_values_of_a_region_are_told() -> None:
    volume, case = _measured()
    rows = dict(measured_rows(Writer(case, "en", volume=volume)))
    assert rows["   1 Length"] == "5.0 mm (LPS 0.0; 0.0; 5.0 mm)"
    assert rows["   2 Angle"] == "90.0° (LPS 0.0; 0.0; 0.0 mm)"
    assert rows["   3 Region"].startswith("113 mm², 50.0 ± 10.0 HU (40 … 60)")
    french = dict(measured_rows(Writer(case, "fr")))
    assert french["   3 Région"] == "113 mm² (LPS 14,5; 15,0; 2,0 mm)"


def test_they_stand_below_the_lesion_also_where_none_is_outlined() -> None:
    volume, case = _measured()
    lesion = next(one for one in sections(case, "en", None, volume) if one.key == "lesion")
    assert ("Measured in the views", "") in lesion.rows
    empty = next(one for one in sections(Case.begin(volume), "en") if one.key == "lesion")
    assert empty.rows == ()


def test_the_json_of_a_plan_holds_them_unrounded() -> None:
    told = _measured()[1].plan.as_contract([])["annotations"]
    assert [one["kind"] for one in told] == ["length", "angle", "region"]
    assert told[0]["length_mm"] == 5.0
    assert told[1]["angle_deg"] == pytest.approx(90.0)
    assert told[2]["area_mm2"] == pytest.approx(np.pi * 36)

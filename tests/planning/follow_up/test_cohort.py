"""The tables of the thesis come out of its counts; what lacks is left out and said."""

from __future__ import annotations

import csv
import io
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from planning.errors import PlanningError
from planning.follow_up.cohort import Cohort, cohort
from planning.follow_up.exchange import DERIVED, as_csv, read_csv
from planning.follow_up.folder import Procedure, with_dates_between
from planning.follow_up.records import MOST_WORDS
from planning.follow_up.statistics import fisher, mann_whitney, median_lasting, proportion
from tests.planning.follow_up.samples import TODAY, table_4, treatment, visit


def one(case: str = "a", before: float | None = 8.0, after: float | None = 2.0) -> Procedure:
    return Procedure(case=case, treatment=treatment(visit("day0", before), visit("week1", after)))


def test_table_4_of_the_thesis_gives_the_p_that_is_printed() -> None:
    found = cohort(table_4())
    radiotherapy, site = found.factors
    assert radiotherapy.test.p == pytest.approx(0.4619, abs=5e-5)
    assert site.test.p == pytest.approx(0.0652, abs=5e-5)
    assert f"{radiotherapy.test.p:.2f} {site.test.p:.2f}" == "0.46 0.07"
    assert [(row.failure, row.success) for row in radiotherapy.levels] == [(5, 17), (5, 9)]
    assert [(row.level, row.failure, row.success) for row in site.levels] == [
        ("rib", 8, 11),
        ("other", 2, 15),
    ]


def test_the_uncorrected_test_of_the_ribs_would_say_otherwise() -> None:
    """A31: 'no link' is fragile; the program prints Fisher's and never this one."""
    p = stats.chi2_contingency([[8, 11], [2, 15]], correction=False).pvalue
    assert p == pytest.approx(0.0425, abs=5e-5)


def test_efficacy_of_the_thesis_has_its_exact_interval() -> None:
    found = cohort(table_4()).week1.success
    assert (found.count, found.of) == (26, 36)
    assert found.percent == pytest.approx(72.2, abs=0.05)
    assert found.low_percent == pytest.approx(54.8, abs=0.05)
    assert found.high_percent == pytest.approx(85.8, abs=0.05)


def test_ribs_succeed_in_11_of_19() -> None:
    found = {row.site: row for row in cohort(table_4()).sites}
    assert (found["rib"].success.count, found["rib"].success.of) == (11, 19)
    assert found["rib"].procedures == 19


def test_missing_and_not_evaluable_are_no_failures() -> None:
    rows = [one(), one(after=6.0), one(after=None), one(before=None), one(before=0.0)]
    found = cohort(rows).week1
    assert (found.success.count, found.success.of) == (1, 2)
    assert (found.missing, found.not_evaluable) == (2, 1)


@given(st.integers(0, 30))
def test_those_who_were_not_seen_change_no_share(absent: int) -> None:
    rows = [*table_4(), *(one(after=None) for _ in range(absent))]
    found = cohort(rows)
    assert found.week1.success == proportion(26, 36)
    assert found.week1.missing == absent
    assert found.procedures == 36 + absent


def test_procedures_and_cases_are_two_denominators() -> None:
    found = cohort([one("a"), one("a"), one("b")])
    assert (found.procedures, found.cases) == (3, 2)
    assert cohort([one("a"), one("")]).cases is None


def test_p_is_absent_with_the_reason_where_a_group_is_empty() -> None:
    found = cohort([one(), one()])
    tests = [*(row.test for row in found.quantities), *(row.test for row in found.factors)]
    reasons = [one.reason for one in tests]
    assert reasons == ["nobody", "nobody", "no_failures", "nobody", "nobody"]
    assert all(one.p is None for one in tests)
    assert fisher([(1, 2), (0, 0)]).reason == "one_level"
    assert mann_whitney([5.0, 5.0], [5.0]).reason == "all_equal"
    assert mann_whitney([1.0], []).reason == "no_successes"
    assert mann_whitney([], []).reason == "nobody"


def test_quantities_are_compared_two_sided() -> None:
    found = mann_whitney([1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 7.0])
    assert found.p == pytest.approx(2 / 35)  # two of 35 arrangements are as extreme


def test_a_level_that_nobody_recorded_is_left_out_of_the_factor() -> None:
    found = cohort([*table_4(), one()])
    assert [row.unknown for row in found.factors] == [1, 1]
    assert found.factors[1].test.p == pytest.approx(0.0652, abs=5e-5)


def test_duration_counts_responders_and_says_who_was_not_followed() -> None:
    def lasting(day: str, vas: float) -> Procedure:
        rows = (visit("day0", 8.0), visit("week1", 2.0, date="2026-02-07"))
        return Procedure(treatment=treatment(*rows, visit("month2", vas, date=day)))

    found = cohort([lasting("2026-03-31", 2.0), lasting("2026-04-01", 7.0), one(after=7.0)]).lasting
    assert (found.responders, found.n, found.ended, found.censored) == (2, 2, 1, 1)
    assert found.mean_days == pytest.approx(59.5)
    assert found.mean_is_at_least
    assert found.median_days == 60


def test_the_median_waits_for_half_to_have_ended() -> None:
    assert median_lasting([10, 20, 30, 40], [False, True, True, True]) is None
    assert median_lasting([10, 20, 30, 40], [False, False, True, True]) == 20
    assert median_lasting([10, 20, 30], [True, True, True]) is None
    assert median_lasting([], []) is None


def test_only_the_technique_that_is_asked_for_is_counted() -> None:
    frozen = Procedure(
        case="c", treatment=treatment(visit("day0", 8.0), techniques=["cryoablation"])
    )
    both = Procedure(
        case="d", treatment=treatment(visit("day0", 8.0), techniques=["infiltration", "alcohol"])
    )
    rows = [one(), frozen, both]
    counts = [cohort(rows, name).procedures for name in ("infiltration", "cryoablation", "all")]
    assert counts == [2, 1, 3]
    assert cohort(rows).combined == 1
    with pytest.raises(PlanningError, match="alcohol, cryoablation, infiltration"):
        cohort(rows, "microwave")


def test_the_worst_complication_of_each_procedure_is_counted() -> None:
    rows = (visit("day0", 8.0), visit("week1", 2.0, complication_grade=1))
    hurt = Procedure(treatment=treatment(*rows, visit("month1", complication_grade=0)))
    found = cohort([hurt, one()]).complications
    assert [(row.grade, row.count) for row in found] == [(1, 1), (None, 1)]


def test_survival_is_never_compared() -> None:
    """A28: those who were ablated afterwards were chosen to live longer."""
    assert not any("surviv" in name or "death" in name for name in Cohort.model_fields)


def full() -> list[Procedure]:
    rows = [
        Procedure(
            case="=cmd|'/c calc'!A1",
            lesion=2,
            lesion_name="'quoted",
            treatment=treatment(
                visit("day0", 7.5, date="2026-01-31", opioid_mg_day=60.0),
                visit(
                    "week1",
                    3.5,
                    date="2026-02-07",
                    sri_percent=-20.0,
                    who_status=2,
                    complication_grade=1,
                    complication_words='-2 L, dyspnée; "résolue"',
                    still_effective=False,
                ),
                visit("month7"),
                techniques=["infiltration", "cementoplasty"],
                site="rib",
                age_years=66,
                prior_radiotherapy=True,
                events=[
                    {"kind": "radiotherapy", "date": "2026-03-01"},
                    {"kind": "radiotherapy", "date": "2026-04-01"},
                ],
            ),
        ),
        one("b"),
    ]
    return [row for group in rows for row in with_dates_between([group])]


def test_a_table_that_was_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(as_csv(full()), encoding="utf-8")
    back = read_csv(path, TODAY)
    kept = [row.treatment.model_copy(update={"visits": row.treatment.visits[:2]}) for row in full()]
    assert [row.treatment for row in back.procedures] == kept  # a visit without values is no line
    assert [row.case for row in back.procedures] == [row.case for row in full()]
    assert back.procedures[0].lesion_name == "'quoted"


@given(st.text(max_size=MOST_WORDS))
def test_free_text_never_acts_as_a_formula(text: str) -> None:
    row = Procedure(case=text, lesion_name=text, treatment=treatment(visit("day0", 8.0)))
    (line,) = csv.DictReader(io.StringIO(as_csv([row])))
    for key in ("case", "lesion_name"):
        assert not line[key].lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def test_what_follows_from_the_records_is_written_as_well() -> None:
    lines = list(csv.DictReader(io.StringIO(as_csv(full()))))
    assert set(DERIVED) < set(lines[0])
    assert lines[1]["week1_efficacy"] == "success"
    assert lines[1]["week1_fall_percent"] == "75.0"
    assert lines[1]["month1_efficacy"] == "missing"
    assert lines[0]["week1_sri_percent"] == "-20.0"


def test_a_table_of_a_french_spreadsheet_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    head = "\ufeffcase;date;techniques;day0_vas;week1_vas;prior_radiotherapy\n"
    text = f"{head}1;2026-01-31;infiltration;7,5;3,5;oui\n\n"
    path.write_text(text, encoding="utf-8")
    (row,) = read_csv(path, TODAY).procedures
    assert row.baseline_vas == 7.5
    assert row.treatment.prior_radiotherapy is True


def test_every_problem_of_every_line_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "date,techniques,day0_vas,age_years\n"
        "2026-01-31,infiltration,11,old\n"
        "31/01/2026,,8,\n"
        "2026-01-31,infiltration,8,60\n",
        encoding="utf-8",
    )
    with pytest.raises(PlanningError) as caught:
        read_csv(path, TODAY)
    assert [one.where for one in caught.value.problems] == [
        "a.csv, line 2: age_years",
        "a.csv, line 2: visits: day0: vas",
        "a.csv, line 3: date",
        "a.csv, line 3: techniques",
    ]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"date,techniques,colour\n2026-01-31,infiltration,red\n", "unknown_column"),
        (b"date\n2026-01-31\n", "missing_column"),
        (b"date,techniques,date\n2026-01-31,infiltration,x\n", "column_twice"),
        (b"date,techniques\n2026-01-31,infiltration,8\n", "too_many_cells"),
        (b"date,techniques\n", "no_treatments"),
        (b"case,date,techniques\n" + 2 * b"x,2026-01-31,infiltration\n", "line_twice"),
        (b"", "missing_column"),
        (b"date,techniques\n\xe9\n", "not_utf8"),
        (b"date,techniques,lesion\n2026-01-31,infiltration,x\n", "bad_value"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(PlanningError) as caught:
        read_csv(path, TODAY)
    assert code in [one.code for one in caught.value.problems]


def test_lines_of_one_case_know_of_each_other(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "case,date,techniques\nx,2026-03-01,infiltration\nx,2026-01-31,infiltration\n",
        encoding="utf-8",
    )
    first, second = read_csv(path, TODAY).procedures
    assert first.next_treatment == date(2026, 3, 1)
    assert second.number == 2

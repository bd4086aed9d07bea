"""The sentences of the feedback are there in both languages, with the same figures."""

from __future__ import annotations

import re

from imaging.tables import load_table
from planning.teaching.exercise import Adjunct, Task, Visible
from planning.teaching.marking.table import marking_table
from planning.teaching.words import figure_said, wording


def test_both_languages_fill_in_the_same_figures() -> None:
    for place in load_table("teaching_words").values():
        for row in place.values():
            assert set(row) == {"fr", "en"}
            assert all(text.strip() for text in row.values())
            found = [set(re.findall(r"{(\w+)}", text)) for text in row.values()]
            assert found[0] == found[1]


def test_everything_that_has_a_name_has_a_word() -> None:
    for row in marking_table().terms:
        assert wording("terms", row.id).en
    for task in Task:
        assert wording("tasks", task).fr
        assert wording("guide", task).fr
    for seen in Visible:
        assert wording("visible", seen).fr
    for adjunct in Adjunct:
        assert wording("adjuncts", adjunct).fr


def test_figures_told_as_words_have_the_decimal_sign_of_the_language() -> None:
    assert figure_said("1.5 / 3", "fr") == "1,5 / 3"
    assert figure_said("1.5 / 3", "en") == "1.5 / 3"
    assert figure_said("A.B", "fr") == "A.B"

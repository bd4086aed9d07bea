"""The exercise file: the CT whole, the reference unreadable, damage refused."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imaging.files import read_volume
from planning.errors import PlanningError
from planning.teaching.answer import pack, unpack
from planning.teaching.exercise import Adjunct, Exercise, Statement, statement_from
from planning.teaching.files import read_exercise
from planning.teaching.sealing import seal, unseal
from tests.planning.teaching.samples import ball, empty, exercise, file_in, reference, volume


def test_the_ct_comes_back_as_it_was_and_names_nobody(tmp_path: Path) -> None:
    file = file_in(tmp_path, exercise(given={"outline": True, "structures": True}))
    ct, case = file.series()
    assert ct.checksum == volume().checksum
    assert case.lesion is not None
    assert np.array_equal(case.lesion, ball(12.0))
    assert case.structures is not None
    assert case.structures.names() == ("rib_right_11",)
    folder = file.write_series(tmp_path / "ct")
    read = read_volume(folder)
    assert read.checksum == ct.checksum
    assert read.grid.same_as(ct.grid)


def test_nothing_is_given_that_the_exercise_does_not_give(tmp_path: Path) -> None:
    file = file_in(tmp_path)
    _, case = file.series()
    assert case.lesion is None
    assert case.structures is None
    assert case.plan.lesion is None
    assert {"outline.bits", "labels.u2"}.isdisjoint(zipfile.ZipFile(file.path).namelist())


def test_the_reference_cannot_be_read_in_the_file(tmp_path: Path) -> None:
    secret = "a reason that only the teacher knows"
    file = file_in(tmp_path, answer=reference(Statement(reasons=secret)))
    with zipfile.ZipFile(file.path) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    assert all(secret.encode() not in content for content in parts.values())
    opened = file.open_reference(file.material())
    assert opened.statement.reasons == secret


def test_a_changed_exercise_does_not_open_its_reference(tmp_path: Path) -> None:
    file = file_in(tmp_path)
    with zipfile.ZipFile(file.path) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    data = json.loads(parts["exercise.json"])
    parts["exercise.json"] = json.dumps({**data, "time_s": 9000}).encode()
    with zipfile.ZipFile(file.path, "w") as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    changed = read_exercise(file.path)
    with pytest.raises(PlanningError) as refused:
        changed.open_reference(changed.material())
    assert refused.value.code == "seal_broken"


def zip_of(text: bytes, name: str = "exercise.json", packing: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as packed:
        packed.writestr(name, text)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04",
        b"no zip at all",
        zip_of(b"[" * 100_000),
        zip_of(b"{}", packing=zipfile.ZIP_LZMA),
        zip_of(b"{}", "é.json").replace("é".encode(), b"\xff\xfe"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.osteoexercise"
    path.write_bytes(content)
    with pytest.raises(PlanningError) as refused:
        read_exercise(path)
    assert refused.value.code == "not_an_exercise"
    with pytest.raises(PlanningError) as refused:
        read_exercise(tmp_path / "absent.osteoexercise")
    assert refused.value.code == "not_found"


def test_a_newer_exercise_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.osteoexercise"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("exercise.json", json.dumps({"format": 99}))
        packed.writestr("seal.json", json.dumps({"kind": "program", "salt": "", "nonce": ""}))
    with pytest.raises(PlanningError) as refused:
        read_exercise(path)
    assert refused.value.code == "exercise_too_new"


def test_weights_of_unknown_terms_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanningError) as refused:
        file_in(tmp_path, exercise(weights={"beauty": 10.0, "coverage": 5.0}))
    assert [one.where for one in refused.value.problems] == ["weights.beauty", "weights.coverage"]


@settings(max_examples=25, deadline=None)
@given(content=st.binary(max_size=300), bound=st.text(max_size=20))
def test_a_seal_opens_to_what_was_sealed(content: bytes, bound: str) -> None:
    how, closed = seal(content, bound)
    assert unseal(how, closed, bound) == content
    with pytest.raises(PlanningError):
        unseal(how, closed, f"{bound}x")


def test_an_answer_comes_back_as_it_was_packed() -> None:
    stated = Statement(technique="infiltration", adjuncts=(Adjunct.TEST_BLOCK,), reasons="é")
    answer = reference(stated)
    again = unpack(pack(answer))
    assert again.statement == stated
    assert again.elapsed_s == answer.elapsed_s
    assert again.case.lesion is not None
    assert np.array_equal(again.case.lesion, ball(12.0))
    assert pack(again) == pack(answer)
    assert unpack(pack(empty())).case.lesion is None


def test_every_problem_of_a_statement_is_told() -> None:
    with pytest.raises(PlanningError) as refused:
        statement_from({"technique": "magic", "beauty": 1, "anaesthetic_ml": -1}, "s.json")
    assert {one.where for one in refused.value.problems} == {
        "s.json: technique",
        "s.json: beauty",
        "s.json: anaesthetic_ml",
    }
    with pytest.raises(PlanningError, match="greatest diameter"):
        statement_from({"length_mm": 20, "width_mm": 30})


def test_a_later_version_with_further_fields_still_opens_the_seal() -> None:
    class Later(Exercise):
        """With a field that today's files do not have."""

        further: int = 0

    now = exercise()
    later = Later.model_validate(now.model_dump(by_alias=True))
    assert later.digest == now.digest
    assert exercise(time_s=301).digest != now.digest

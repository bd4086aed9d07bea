"""What the worker does for exercises says why it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import AppError
from app.workstation.teaching.tasks import prepare
from imaging.progress import SILENT
from tests.planning.teaching.samples import file_in


def test_an_exercise_that_cannot_be_copied_is_refused_with_a_reason(tmp_path: Path) -> None:
    file = file_in(tmp_path)
    (tmp_path / "a-file").write_bytes(b"")
    for source, folder, code in (
        (file.path, tmp_path / "a-file" / "1", "cannot_write"),
        (tmp_path / "gone.osteoexercise", tmp_path / "1", "not_readable"),
    ):
        with pytest.raises(AppError) as refused:
            prepare(source, folder, SILENT)
        assert refused.value.code == code

"""The library in the window: a case is added, found, changed, given away and opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from imaging.phantom.cases import GeneratedCase
from planning.procedure import with_lesion
from tests.app.workstation.conftest import Driver

PASSPHRASE = "three words or more"


@pytest.mark.long
def test_a_case_is_added_found_changed_given_away_and_opened(
    driver: Driver,
    ct_folder: Path,
    generated: GeneratedCase,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from PySide6.QtWidgets import QMessageBox

    from app.workstation.library import tasks
    from app.workstation.library.passphrase import PassphraseDialog
    from app.workstation.session import Session
    from app.workstation.window import Window
    from app.workstation.words import Words

    monkeypatch.setenv("OSTEOPLAN_LIBRARY", str(tmp_path / "library"))
    session = Session()
    window = Window(session, Words("en"))
    window.show()
    window.open_path(ct_folder)
    driver.until(lambda: session.volume is not None and not session.is_busy)
    assert session.case is not None
    assert session.volume is not None
    session.apply("outline", with_lesion(session.case, session.volume, generated.lesion))
    driver.until(lambda: not session.is_busy)
    shown = window.show_library()
    assert shown is not None
    assert shown.list.count() == 0
    shown.add_open_case()
    driver.until(lambda: shown.list.count() == 1)
    assert shown.row is not None
    assert shown.row.plans == ("plan-1.osteoplan",)
    assert shown.row.fields.kind == "lytic"
    shown.form.title.setText("L3 of the Tuesday board")
    shown.form.tags.setText("teaching,  board ")
    shown.save_fields()
    shown.text.setText("tuesday")
    assert shown.list.count() == 1
    shown.text.setText("ilium")
    assert shown.list.count() == 0
    shown.text.clear()
    assert shown.filters["tag"].findData("board") > 0
    path = tmp_path / "given.osteocase"
    shown.export(shown.row.id, path, PASSPHRASE)
    driver.until(lambda: path.is_file() and not session.is_busy)
    assert b"Tuesday" not in path.read_bytes()
    box = shown.ask_remove()
    assert box is not None
    assert "plan-1.osteoplan" in box.informativeText()
    shown.remove(shown.row.id, with_plans=True)
    box.close()
    assert shown.list.count() == 0
    shown.import_file(path)
    asked = shown.findChild(PassphraseDialog)
    assert asked is not None
    asked.first.setText("something else")
    asked.accept()
    driver.until(lambda: not session.is_busy)
    told = [one.informativeText() for one in window.findChildren(QMessageBox)]
    assert any("passphrase" in one for one in told)
    for one in window.findChildren(QMessageBox):
        one.close()
    shown._start("library_import", shown._added, tasks.import_file, path, PASSPHRASE)
    driver.until(lambda: shown.list.count() == 1)
    assert shown.row is not None
    assert shown.row.fields.title == "L3 of the Tuesday board"
    shown.open_chosen()
    driver.until(lambda: session.volume is not None and not session.is_busy)
    assert session.keeper.path is not None
    assert session.keeper.path.is_relative_to(tmp_path / "library")
    window.close()
    window.deleteLater()
    driver.run()

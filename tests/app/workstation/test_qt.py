"""The bindings of Qt keep the books of Python's references."""

from __future__ import annotations

import sys

from PySide6.QtCore import QObject

CALLS = 2000


def test_a_call_that_returns_nothing_keeps_the_count_of_references_to_none() -> None:
    """Where every call loses one, the interpreter ends after some thousands of them."""
    if sys.version_info >= (3, 12):
        return  # None is immortal there
    watched = QObject()
    before = sys.getrefcount(None)
    for _ in range(CALLS):
        watched.blockSignals(False)
    assert sys.getrefcount(None) > before - CALLS // 2

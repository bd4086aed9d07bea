"""Prints the proposal on paper."""

from __future__ import annotations

from PySide6.QtGui import QTextDocument
from PySide6.QtPrintSupport import QPrintDialog, QPrinter
from PySide6.QtWidgets import QDialog, QWidget

from app.report.proposal import proposal_html
from app.report.texts import Language
from planning.plan import Case

PRINT_DPI = 300


def print_proposal(parent: QWidget, case: Case, language: Language) -> None:
    """Ask for a printer and print the proposal.

    Parameters
    ----------
    parent : QWidget
        The panel.
    case : Case
        With a recommendation.
    language : str
        ``fr`` or ``en``.
    """
    printer = QPrinter(QPrinter.PrinterMode.HighResolution)
    printer.setResolution(PRINT_DPI)
    if QPrintDialog(printer, parent).exec() == QDialog.DialogCode.Accepted:
        document_of(case, language).print_(printer)


def document_of(case: Case, language: Language) -> QTextDocument:
    """Return the proposal as what Qt prints.

    Parameters
    ----------
    case : Case
        With a recommendation.
    language : str
        ``fr`` or ``en``.

    Returns
    -------
    QTextDocument
        Titles, rows and sentences of the report's sections.
    """
    document = QTextDocument()
    document.setHtml(proposal_html(case, language))
    return document

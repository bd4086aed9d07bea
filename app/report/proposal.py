"""The proposal alone, technique and doses with their reasons: as PDF, and as text to be printed."""

from __future__ import annotations

from html import escape
from pathlib import Path

from app.files import write_file
from app.report.pdf import write_pdf
from app.report.sections.every import sections
from app.report.texts import Language, texts
from planning.plan import Case
from planning.side import side_holds

KEYS = (
    "identity",
    "indication",
    "mdt",
    "lesion",
    "pain",
    "risk",
    "technique",
    "contraindications",
    "drugs",
    "adjuncts",
    "outcome",
    "complications",
    "course",
    "consent",
    "aftercare",
    "signoff",
    "disagreements",
    "sources",
)


def write_proposal(case: Case, path: Path, language: Language) -> Path:
    """Write the proposal as PDF.

    Parameters
    ----------
    case : Case
        Any state; what is lacking is said.
    path : Path
        File; its folder is made when absent.
    language : str
        ``fr`` or ``en``.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    AppError
        When it cannot be written.
    """
    return write_file(path.parent, path.name, write_pdf(case, (), language, only=KEYS))


def proposal_html(case: Case, language: Language) -> str:
    """Return the proposal as HTML.

    Parameters
    ----------
    case : Case
        Any state.
    language : str
        ``fr`` or ``en``.

    Returns
    -------
    str
        Title, disclaimer, sections.
    """
    words = texts(language)
    parts = [f"<h2>{escape(words['title'])}</h2>", f"<p><b>{escape(words['disclaimer'])}</b></p>"]
    if side_holds(case) is not True:
        parts.append(f"<p><b>{escape(words['side_open'])}</b></p>")
    for section in sections(case, language):
        if section.key not in KEYS:
            continue
        parts.append(f"<h4>{escape(words['sections'][section.key])}</h4>")
        rows = "".join(
            f"<tr><td width='28%'>{escape(name)}</td><td>{escape(value)}</td></tr>"
            for name, value in section.rows
        )
        parts.append(f"<table width='100%' cellpadding='2'>{rows}</table>")
        parts += [f"<p>{escape(text)}</p>" for text in section.paragraphs]
    return "".join(parts)

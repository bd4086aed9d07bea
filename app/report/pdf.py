"""The report as PDF."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    Flowable,
    Image,
    KeepTogether,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
    TableStyle,
)

from app.report.sections.every import lacking, sections
from app.report.sections.writer import Heading, Section
from app.report.texts import Language, texts
from imaging.volume import Volume
from planning.plan import Case
from planning.side import side_holds
from planning.store import Picture

INK = colors.HexColor("#14202B")
ACCENT = colors.HexColor("#0072B2")
RULE = colors.HexColor("#C9D3DB")
WARNING = colors.HexColor("#B4440A")
LABEL_WIDTH_MM, VALUE_WIDTH_MM = 52.0, 122.0
PICTURE_WIDTH_MM = 57.0
PICTURES_IN_A_ROW = 3
KEPT_TOGETHER_ROWS = 9  # longer sections may break over pages
COMPARED_WIDTHS_MM = (54.0, 22.0, 26.0, 22.0, 50.0)
CAPTURE_WIDTH_MM = 86.0
CAPTURED = "capture-"  # begins the names of pictures that the radiologist took
APART = ("curves", CAPTURED)
CURVES_WIDTH_MM = 154.0  # three of them fill a page
UNIT = re.compile(r"(?<=\d) (?=(?:mm|mL|ml|cm|min|s|W|HU)\b|%|°C)|(?<=\d min) (?=\d\d\b)")
RULED: list[tuple[Any, ...]] = [
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("LINEBELOW", (0, 0), (-1, -1), 0.3, RULE),
    ("TOPPADDING", (0, 0), (-1, -1), 1.5),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 1.5),
    ("LEFTPADDING", (0, 0), (0, -1), 0),
]


def write_pdf(
    case: Case,
    pictures: Sequence[Picture],
    language: Language,
    patient: str | None = None,
    only: Sequence[str] | None = None,
    volume: Volume | None = None,
) -> bytes:
    """Set the report.

    Parameters
    ----------
    case : Case
        Any state; what is lacking is said on the first page.
    pictures : sequence of Picture
        Shown three in a row, curves over the whole width.
    language : str
        ``fr`` or ``en``.
    patient : str, optional
        Who the patient is, as the CT says; left to be filled in by default.
    only : sequence of str, optional
        Keys of the sections wanted; all by default.
    volume : Volume, optional
        The CT, which tells the values of regions that were measured in it.

    Returns
    -------
    bytes
        The PDF.
    """
    words = texts(language)
    font = register_fonts()
    styles = paragraph_styles(font)
    story: list[Flowable] = [Paragraph(escape(words["title"]), styles["title"])]
    story.append(Paragraph(escape(words["disclaimer"]), styles["disclaimer"]))
    absent = lacking(case, language)
    if absent:
        told = f"<b>{escape(words['unfinished'])}</b> – {escape(' '.join(absent))}"
        story.append(Paragraph(told, styles["warning"]))
    chosen = case.plan.report
    for section in sections(case, language, patient, volume):
        if (only is not None and section.key not in only) or not chosen.shows(section.key):
            continue
        if section.key == "signoff":
            story.extend(
                _captures([p for p in pictures if p.name.startswith(CAPTURED)], words, styles)
            )
        story.extend(_section(section, words, styles))
        if section.key == "lesion":
            story.extend(_pictures([p for p in pictures if not p.name.startswith(APART)]))
        if section.key == "zone":
            story.extend(_curves([p for p in pictures if p.name.startswith("curves")]))
    buffer = io.BytesIO()
    document = SimpleDocTemplate(
        buffer,
        pagesize=A4,
        leftMargin=18 * mm,
        rightMargin=18 * mm,
        topMargin=16 * mm,
        bottomMargin=18 * mm,
        title=words["title"],
        author="Osteoplan",
    )

    side_open = side_holds(case) is not True

    def footer(canvas: Canvas, _document: object) -> None:
        canvas.setFont(font, 7)
        if side_open:
            canvas.setFillColor(WARNING)
            canvas.drawRightString(A4[0] - 18 * mm, A4[1] - 10 * mm, words["side_open"])
        canvas.setFillColor(INK)
        canvas.drawString(18 * mm, 10 * mm, words["disclaimer"])
        page = f"{words['page']} {canvas.getPageNumber()}"
        canvas.drawRightString(A4[0] - 18 * mm, 10 * mm, page)

    document.build(story, onFirstPage=footer, onLaterPages=footer)
    return buffer.getvalue()


def register_fonts() -> str:
    """Register matplotlib's own DejaVu Sans, which has every letter and sign the report needs.

    Returns
    -------
    str
        Name of the font; its bold one ends in ``-Bold``.
    """
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    if "DejaVu" not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(TTFont("DejaVu", str(folder / "DejaVuSans.ttf")))
        pdfmetrics.registerFont(TTFont("DejaVu-Bold", str(folder / "DejaVuSans-Bold.ttf")))
        pdfmetrics.registerFontFamily("DejaVu", normal="DejaVu", bold="DejaVu-Bold")
    return "DejaVu"


def paragraph_styles(font: str) -> dict[str, ParagraphStyle]:
    """Return the styles of the report.

    Parameters
    ----------
    font : str
        As registered.

    Returns
    -------
    dict
        By what they are for.
    """
    base = ParagraphStyle("base", fontName=font, fontSize=8.3, leading=10.8, textColor=INK)
    return {
        "body": base,
        "label": ParagraphStyle("label", base, textColor=colors.HexColor("#4A5A68")),
        "inner": ParagraphStyle(
            "inner", base, textColor=colors.HexColor("#4A5A68"), leftIndent=3 * mm
        ),
        "heading": ParagraphStyle("heading", base, fontName=f"{font}-Bold"),
        "title": ParagraphStyle(
            "title", base, fontName=f"{font}-Bold", fontSize=16, leading=20, spaceAfter=2
        ),
        "head": ParagraphStyle(
            "head",
            base,
            fontName=f"{font}-Bold",
            fontSize=10.5,
            leading=13,
            textColor=ACCENT,
            spaceBefore=8,
            spaceAfter=2,
        ),
        "disclaimer": ParagraphStyle("disclaimer", base, textColor=WARNING, spaceAfter=4),
        "warning": ParagraphStyle(
            "warning",
            base,
            textColor=WARNING,
            borderColor=WARNING,
            borderWidth=0.8,
            borderPadding=4,
            spaceBefore=4,
            spaceAfter=6,
        ),
    }


def _section(
    section: Section, words: dict[str, Any], styles: dict[str, ParagraphStyle]
) -> list[Flowable]:
    head = Paragraph(escape(words["sections"][section.key]), styles["head"])
    parts: list[Flowable] = (
        _compared(section.table, styles, section.widths_mm) if section.table else []
    )
    if section.rows:
        cells = [
            [
                Paragraph(set_text(label), styles[_style_of(label)]),
                Paragraph(set_text(value), styles["body"]),
            ]
            for label, value in section.rows
        ]
        table = Table(cells, colWidths=[LABEL_WIDTH_MM * mm, VALUE_WIDTH_MM * mm])
        headings = [n for n, (label, _) in enumerate(section.rows) if isinstance(label, Heading)]
        table.setStyle(TableStyle([*RULED, *(command for n in headings for command in _above(n))]))
        parts.append(table)
    parts += [Paragraph(set_text(text), styles["body"]) for text in section.paragraphs]
    if not parts:
        return [head]
    if len(section.rows) <= KEPT_TOGETHER_ROWS:
        return [KeepTogether([head, *parts])]
    return [head, *parts]


def _compared(
    lines: Sequence[tuple[str, ...]],
    styles: dict[str, ParagraphStyle],
    widths_mm: tuple[float, ...] = (),
) -> list[Flowable]:
    """Return what is compared as a table under headings."""
    cells = [
        [Paragraph(set_text(text), styles["body" if n else "label"]) for text in line]
        for n, line in enumerate(lines)
    ]
    widths = widths_mm or COMPARED_WIDTHS_MM
    table = Table(cells, colWidths=[width * mm for width in widths], repeatRows=1)
    table.setStyle(TableStyle(RULED))
    return [table, Spacer(1, 3 * mm)]


def _style_of(label: str) -> str:
    if isinstance(label, Heading):
        return "heading"
    return "inner" if label.startswith(" ") else "label"


def _above(row: int) -> list[tuple[Any, ...]]:
    """Return how a heading is set: over both columns, never alone at the end of a page."""
    return [
        ("SPAN", (0, row), (-1, row)),
        ("TOPPADDING", (0, row), (-1, row), 6),
        ("NOSPLIT", (0, row), (-1, row + 1)),
    ]


def set_text(text: str) -> str:
    """Return text ready to be set: a number stays on the line of its unit.

    Parameters
    ----------
    text : str
        Any.

    Returns
    -------
    str
        Escaped.
    """
    return escape(UNIT.sub("\N{NO-BREAK SPACE}", text))


def _image(picture: Picture, width_mm: float) -> Image:
    width, height = ImageReader(io.BytesIO(picture.png)).getSize()
    return Image(
        io.BytesIO(picture.png), width=width_mm * mm, height=width_mm * mm * height / width
    )


def _pictures(pictures: Sequence[Picture]) -> list[Flowable]:
    if not pictures:
        return []
    images: list[Any] = [_image(picture, PICTURE_WIDTH_MM) for picture in pictures]
    images += [""] * (-len(images) % PICTURES_IN_A_ROW)
    starts = range(0, len(images), PICTURES_IN_A_ROW)
    rows = [images[n : n + PICTURES_IN_A_ROW] for n in starts]
    table = Table(rows, colWidths=[(PICTURE_WIDTH_MM + 1) * mm] * PICTURES_IN_A_ROW)
    table.setStyle(
        TableStyle([("LEFTPADDING", (0, 0), (-1, -1), 0), ("VALIGN", (0, 0), (-1, -1), "TOP")])
    )
    return [Spacer(1, 3 * mm), table]


def _captures(
    pictures: Sequence[Picture], words: dict[str, Any], styles: dict[str, ParagraphStyle]
) -> list[Flowable]:
    """Return the pictures that the radiologist took, two in a row."""
    if not pictures:
        return []
    images: list[Any] = [_image(picture, CAPTURE_WIDTH_MM) for picture in pictures]
    images += [""] * (len(images) % 2)
    rows = [images[n : n + 2] for n in range(0, len(images), 2)]
    table = Table(rows, colWidths=[(CAPTURE_WIDTH_MM + 1) * mm] * 2)
    table.setStyle(TableStyle([("LEFTPADDING", (0, 0), (-1, -1), 0)]))
    return [Paragraph(escape(words["sections"]["captures"]), styles["head"]), table]


def _curves(pictures: Sequence[Picture]) -> list[Flowable]:
    return [_image(picture, CURVES_WIDTH_MM) for picture in pictures]

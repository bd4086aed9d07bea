"""What was done to a study, without a word of what it said."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from pydicom.datadict import keyword_for_tag

from imaging.dicom.anonymise.beside import Beside
from imaging.dicom.anonymise.profile import Action
from imaging.dicom.discover import Skipped
from imaging.document import Document


class AttributeLine(Document):
    """What was done to one attribute in all files.

    Attributes
    ----------
    tag : str
        ``(gggg,eeee)``.
    keyword : str
        Of the attribute.
    action : str
        One of :class:`Action`.
    count : int
        Elements, at any depth.
    """

    tag: str
    keyword: str
    action: str
    count: int


class AsideLine(Document):
    """Files that were not copied for one reason.

    Attributes
    ----------
    reason : str
        Why.
    files : tuple of int
        Their numbers, from 1, among the files of the input sorted by path.
    """

    reason: str
    files: tuple[int, ...]


class Check(Document):
    """What was looked for in the copies.

    Attributes
    ----------
    files_read : int
        Copies that were read again.
    identifiers_searched : int
        Names, values, UIDs and dates of the originals.
    identifiers_found : int
        Always zero: one that is found leaves no copy.
    pixels_identical : bool
        Whether each copy's pixel bytes are those of its original.
    """

    files_read: int
    identifiers_searched: int
    identifiers_found: int
    pixels_identical: bool


class Report(Document):
    """What was done; lies beside the copies as ``report.json``.

    Attributes
    ----------
    profile, library, software : str
        Edition of the profile, where its table comes from, and what carried it out.
    options : dict of str to str
        As chosen.
    patients, studies, series, files_copied, files_set_aside : int
        Counts.
    set_aside : tuple of AsideLine
        Reasons.
    warnings : tuple of AsideLine
        What to mind in files that were copied.
    attributes : tuple of AttributeLine
        In the order of their tags.
    private_elements_removed, overlays_and_unknown_removed, descriptor_words_dropped : int
        Counts.
    check : Check
        The search.
    """

    profile: str
    library: str
    software: str
    options: dict[str, str]
    patients: int
    studies: int
    series: int
    files_copied: int
    files_set_aside: int
    set_aside: tuple[AsideLine, ...]
    warnings: tuple[AsideLine, ...]
    attributes: tuple[AttributeLine, ...]
    private_elements_removed: int
    overlays_and_unknown_removed: int
    descriptor_words_dropped: int
    check: Check


@dataclass(frozen=True)
class AnonymisedStudy:
    """What was written.

    Parameters
    ----------
    files : tuple of Path
        Copies without identifiers.
    skipped : tuple of Skipped
        Files set aside, and why; told by their number unless names were asked for.
    report : Report
        What was done.
    beside : Beside or None
        What treats texts and dates beside the study alike; None where there are several patients.
    """

    files: tuple[Path, ...]
    skipped: tuple[Skipped, ...]
    report: Report
    beside: Beside | None = None


@dataclass
class Tally:
    """Counts what is done while it is done.

    Parameters
    ----------
    actions : Counter
        By tag and action.
    private, foreign, words : int
        Private elements, overlays and unknown elements, and words of descriptors that were dropped.
    """

    actions: Counter[tuple[int, Action]] = field(default_factory=Counter)
    private: int = 0
    foreign: int = 0
    words: int = 0

    def note(self, tag: int, action: Action) -> None:
        """Count one element.

        Parameters
        ----------
        tag : int
            Of the element.
        action : Action
            What was done.
        """
        self.actions[int(tag), action] += 1

    def lines(self) -> tuple[AttributeLine, ...]:
        """Return the counts in the order of the tags.

        Returns
        -------
        tuple of AttributeLine
            One for each attribute and action.
        """
        rows = sorted(self.actions.items(), key=lambda row: (row[0][0], row[0][1].value))
        return tuple(
            AttributeLine(
                tag=f"({tag >> 16:04X},{tag & 0xFFFF:04X})",
                keyword=keyword_for_tag(tag),
                action=action.value,
                count=count,
            )
            for (tag, action), count in rows
        )


def asides(rows: list[tuple[int, str]]) -> tuple[AsideLine, ...]:
    """Return files by reason.

    Parameters
    ----------
    rows : list of tuple
        Number of the file, and why.

    Returns
    -------
    tuple of AsideLine
        In the order of the first file.
    """
    found: dict[str, list[int]] = {}
    for number, reason in rows:
        found.setdefault(reason, []).append(number)
    return tuple(AsideLine(reason=reason, files=tuple(files)) for reason, files in found.items())

"""What identifies somebody in a study: collected from all its files, then looked for in the copies.

Short values and everyday words occur anywhere by chance, so that they are looked for as whole words
of text elements only; all others in every byte outside the pixels, in each encoding of the study.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from pydicom.charset import python_encoding
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from imaging.dicom.anonymise.descriptors import (
    folded,
    is_code_term,
    is_descriptor,
    is_harmless,
    is_maker,
    words_of,
)
from imaging.dicom.anonymise.profile import DUMMIES, DUMMY_DATE, Action, listed
from imaging.dicom.anonymise.pseudonyms import is_public, plain_date

TEXT = frozenset({"AE", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
LEAST_LETTERS = 3  # of a part of a name: two letters are initials, or Modality
LEAST_IDEOGRAPHS = 2  # a character of these scripts is a syllable or a word
SURE_LETTERS = 6  # a name of this length is found inside longer words too
LEAST_NUMBER = 5  # characters of a number inside a longer value
SURE_PIXEL_BYTES = 8  # a shorter run occurs among compressed pixels by chance
SURE_DIGITS = 7  # fewer occur among times of day and measured values
MOST_DEPTH = 64  # of sequences in sequences; real objects have less than ten
LEAST_UID_CHARACTERS = 12  # shorter ones look like version numbers
NO_VALUES = frozenset(
    {
        *(
            *(str(one).lower() for one in DUMMIES.values()),
            "anon",
            "anonymized",
            "anonymous",
            "anonym",
            "unknown",
            "none",
            "null",
            "patient",
        ),
        *("removed", "deidentified", "de-identified", "not available", "name", "dicom", "study"),
    }
)
NO_DATES = frozenset({DUMMY_DATE, "00010101", "11111111", "19010101"})  # of other anonymisers
FILE_META_TITLES = frozenset(
    {
        "SourceApplicationEntityTitle",
        "SendingApplicationEntityTitle",
        "ReceivingApplicationEntityTitle",
    }
)
PROGRAMS = frozenset({"ImplementationClassUID", "TransferSyntaxUID"})  # name no patient
PUBLIC_SCHEMES = frozenset(
    {"SCT", "SRT", "SNM3", "99SDM", "DCM", "UCUM", "LN", "FMA", "RADLEX", "NEU", "UMLS", "ICD10"}
)
CODE = frozenset(
    {
        *("CodeValue", "LongCodeValue", "URNCodeValue", "CodeMeaning"),
        *("CodingSchemeDesignator", "CodingSchemeVersion"),
    }
)
ENCODINGS = ("utf-8", "latin-1", "utf-16-le")
_NUMBER = re.compile(rb"(?<![\d.])\d{4,}")
_UID = re.compile(rb"\d+(?:\.\d+){2,}")
_LIKE_UID = re.compile(r"[\d.]*")
_BETWEEN_NAMES = re.compile(r"[\^=\s,;.'’\-_/]+")


@dataclass
class Identifiers:
    """Identifiers of a study, as texts.

    Parameters
    ----------
    names : set of str
        Parts of the names of persons, in lower case, with accents and without.
    values : set of str
        Numbers, addresses, institutions, titles: whole values, likewise.
    uids, dates : set of str
        Of the originals; dates as YYYYMMDD.
    encodings : set of str
        Python's names of the character sets met.
    """

    names: set[str] = field(default_factory=set)
    values: set[str] = field(default_factory=set)
    uids: set[str] = field(default_factory=set)
    dates: set[str] = field(default_factory=set)
    encodings: set[str] = field(default_factory=set)

    @property
    def count(self) -> int:
        """How many there are."""
        texts = {folded(one) for one in self.names | self.values}
        return len(texts) + len(self.uids) + len(self.dates)

    def collect(self, dataset: Dataset, depth: int = 0) -> None:
        """Add what identifies somebody in a data set, at any depth.

        Parameters
        ----------
        dataset : Dataset
            An original, or its file meta information.
        depth : int
            Of nesting.

        Raises
        ------
        RecursionError
            When sequences lie deeper than any object nests them.
        """
        if depth > MOST_DEPTH:
            raise RecursionError
        for element in dataset:
            if isinstance(element.value, Sequence):
                for item in element.value:
                    self.collect(item, depth + 1)
            elif element.keyword == "SpecificCharacterSet":
                self.encodings.update(_python_encodings(element))
            else:
                self._add(element)

    def _add(self, element: DataElement) -> None:
        kind, texts = element.VR, list(_values(element))
        if kind == "PN":
            self.names.update(part for text in texts for part in name_parts(text))
        elif kind == "UI":
            if element.keyword in PROGRAMS:
                return
            self.uids.update(text for text in texts if not is_public(text))
            self.values.update(text.lower() for text in texts if not _LIKE_UID.fullmatch(text))
        elif kind in {"DA", "DT"}:
            found = filter(None, map(plain_date, texts))
            self.dates.update(date for date in found if date not in NO_DATES)
        elif kind in TEXT and _identifies(element):
            told = [text for text in map(_trimmed, texts) if _tells(text)]
            self.values.update(told, map(folded, told))
            for text in told:  # a number written with its kind, such as MRN-448812
                self.values.update(filter(_is_number, words_of(text)))


def _identifies(element: DataElement) -> bool:
    if element.tag.is_private or is_descriptor(element.keyword):
        return False
    return listed(int(element.tag)) not in {None, Action.KEPT} or (
        element.keyword in FILE_META_TITLES
    )


def _is_number(word: str) -> bool:
    return len(word) >= LEAST_NUMBER and any(one.isdigit() for one in word)


def _trimmed(text: str) -> str:
    return text.strip(" \0\r\n\t").lower()


def _tells(text: str) -> bool:
    letters = [one for one in text if one.isalnum()]
    if len(letters) < LEAST_LETTERS or text in NO_VALUES or len(set(letters)) == 1:
        return False
    return not all(
        is_harmless(word) or is_maker(word) or word in NO_VALUES for word in words_of(text)
    )


def _python_encodings(element: DataElement) -> Iterator[str]:
    for name in _values(element):
        found = python_encoding.get(name.strip())
        if found:
            yield found


def _values(element: DataElement) -> Iterator[str]:
    value = element.value
    if value is None or value == "":
        return
    parts = [value] if isinstance(value, str | bytes) or element.VM <= 1 else value
    for part in parts:
        text = str(part)
        if text:
            yield text


def name_parts(name: str) -> set[str]:
    """Return the parts of a person's name that are long enough to be told.

    Parameters
    ----------
    name : str
        As DICOM writes it, with ``^`` and ``=``.

    Returns
    -------
    set of str
        In lower case, with accents and without.
    """
    found = set()
    for part in _BETWEEN_NAMES.split(name):
        low = part.strip().lower()
        least = LEAST_LETTERS if low.isascii() else LEAST_IDEOGRAPHS
        if len(low) >= least and low not in NO_VALUES:
            found |= {low, folded(low)}
    return found


@dataclass(frozen=True, eq=False)
class Finder:
    """Looks for identifiers.

    Parameters
    ----------
    identifiers : Identifiers
        Of the whole study.
    allowed : frozenset of str
        What copies hold on purpose: the dates after shifting.
    """

    identifiers: Identifiers
    allowed: frozenset[str] = frozenset()

    @cached_property
    def words(self) -> frozenset[str]:
        """Words that are dropped from every descriptor, folded."""
        alone = {one for one in self.identifiers.values if len(words_of(one)) == 1}
        return frozenset(self.identifiers.names | alone)

    @cached_property
    def _texts(self) -> tuple[tuple[str, re.Pattern[str]], ...]:
        """Pairs of a folded identifier and what finds it in a text."""
        both = self.identifiers.names | self.identifiers.values
        return tuple((one, _pattern(one)) for one in sorted(both, key=len, reverse=True))

    @cached_property
    def _sure_texts(self) -> tuple[tuple[str, re.Pattern[str]], ...]:
        return tuple(row for row in self._texts if _is_sure(row[0]))

    @cached_property
    def _sure(self) -> tuple[tuple[bytes, re.Pattern[bytes] | None], ...]:
        """Pairs of encoded, lower-case bytes and what tells a chance hit from a true one."""
        needles: dict[bytes, re.Pattern[bytes] | None] = {}
        for one in self.identifiers.names | self.identifiers.values:
            if _is_sure(one):
                for needle in self._encoded(one):
                    needles[needle] = _bounded(needle, one)
        return tuple(needles.items())

    def _encoded(self, text: str) -> set[bytes]:
        found = set()
        for shape in (text, text.upper(), text.title()):
            for encoding in (*ENCODINGS, *self.identifiers.encodings):
                try:
                    code = shape.encode(encoding)
                except (UnicodeEncodeError, LookupError):
                    continue
                code = re.sub(rb"(\x1b[$()\-.*+]{1,2}[@-Z0-9]|\x0f)+$", b"", code)
                if len(code) > LEAST_LETTERS:
                    found.add(code.lower())
        return found

    @cached_property
    def _long_uids(self) -> frozenset[bytes]:
        long = (one for one in self.identifiers.uids if len(one) >= LEAST_UID_CHARACTERS)
        return frozenset(one.encode("latin-1", "replace") for one in long)

    @cached_property
    def _dates(self) -> frozenset[bytes]:
        return frozenset(one.encode() for one in self.identifiers.dates - self.allowed)

    def scrubbed(self, text: str, *, is_code: bool = False) -> str:
        """Return a text without the identifiers in it.

        Parameters
        ----------
        text : str
            About a machine or a code.
        is_code : bool
            Whether it is a code string, in which a short or everyday word is one of the standard.

        Returns
        -------
        str
            The text itself when there is none.
        """
        if not self._in_text(folded(text), is_code):
            return text
        words = re.split(r"\s+", text)
        left = " ".join(word for word in words if not self._in_text(folded(word), is_code))
        return "" if self._in_text(folded(left), is_code) else left

    def _in_text(self, plain: str, is_code: bool = False) -> bool:
        rules = self._sure_texts if is_code else self._texts
        found = any(one in plain and rule.search(plain) for one, rule in rules)
        return found or not self._long_uids.isdisjoint(
            _UID.findall(plain.encode("ascii", "replace"))
        )

    def in_values(self, texts: Iterable[str]) -> bool:
        """Return whether an identifier is a word of one of some texts.

        Parameters
        ----------
        texts : iterable of str
            Values of text elements of a copy.

        Returns
        -------
        bool
            True when one is left.
        """
        return any(self._in_text(folded(text)) for text in texts)

    def in_bytes(self, data: bytes) -> str:
        """Return what kind of identifier occurs in bytes.

        Parameters
        ----------
        data : bytes
            A copy without its pixels.

        Returns
        -------
        str
            ``name or value``, ``UID``, ``date``, or empty.
        """
        if not self._long_uids.isdisjoint(_UID.findall(data)):
            return "UID"
        if any(number[:8] in self._dates for number in _NUMBER.findall(data)):
            return "date"
        low = data.lower()
        for needle, rule in self._sure:
            if needle in low and (rule is None or rule.search(low)):
                return "name or value"
        return ""

    def in_pixels(self, data: bytes) -> bool:
        """Return whether compressed pixels hold an identifier, as their comments may.

        Parameters
        ----------
        data : bytes
            The value of encapsulated Pixel Data.

        Returns
        -------
        bool
            True when one is found.
        """
        low = data.lower()
        return any(len(one) >= SURE_PIXEL_BYTES and one in low for one, _ in self._sure)


def _is_sure(text: str) -> bool:
    if text.isdigit():
        return len(text) >= SURE_DIGITS
    if not text.isascii():
        return True
    known = words_of(text)
    if len(text) <= LEAST_LETTERS or all(map(is_harmless, known)):
        return False
    return not (len(known) == 1 and is_code_term(text))


def _pattern(text: str) -> re.Pattern[str]:
    if len(text) >= SURE_LETTERS and not text[0].isdigit() and not text[-1].isdigit():
        return re.compile(re.escape(text))
    return re.compile(rf"(?<![^\W_]){re.escape(text)}(?![^\W_])")


def _bounded(needle: bytes, text: str) -> re.Pattern[bytes] | None:
    if not text.isascii() or (len(text) >= SURE_LETTERS and not text.replace(".", "").isdigit()):
        return None
    return re.compile(rb"(?<![0-9a-z.])" + re.escape(needle) + rb"(?![0-9a-z])")


def is_standard_code(item: Dataset) -> bool:
    """Return whether an item is a code of a public coding scheme.

    Parameters
    ----------
    item : Dataset
        Of a sequence.

    Returns
    -------
    bool
        Its value and meaning then are the scheme's, not the user's.
    """
    return str(item.get("CodingSchemeDesignator", "") or "").strip() in PUBLIC_SCHEMES


def texts_of(dataset: Dataset) -> Iterator[str]:
    """Return the values of all text elements that the program did not write, at any depth.

    Parameters
    ----------
    dataset : Dataset
        A copy.

    Yields
    ------
    str
        One value.
    """
    is_code = is_standard_code(dataset)
    for element in dataset:
        if isinstance(element.value, Sequence):
            for item in element.value:
                yield from texts_of(item)
        elif element.VR not in TEXT or element.keyword == "DeidentificationMethod":
            continue
        elif not is_code or element.keyword not in CODE:
            yield from _values(element)

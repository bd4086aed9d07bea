"""Free text that says what was imaged, cut down to words that cannot be a name."""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache

from imaging.document import Document
from imaging.tables import load_table

_WORD = re.compile(r"[^\W_]+(?:\.\d+[^\W_]*)*")


class DescriptorWords(Document):
    """The table ``descriptor_words``.

    Attributes
    ----------
    words : dict of str to str or list of str
        Words that may stay, by what they are about.
    patterns : tuple of str
        Regular expressions of further words that may stay.
    attributes : tuple of str
        Keywords of the attributes that are cleaned.
    technical : tuple of str
        Keywords of text about a machine, or of codes.
    code_terms : str
        Words that the standard itself writes as code strings.
    makers : str
        Words of the names of makers of machines.
    """

    words: dict[str, str | tuple[str, ...]]
    patterns: tuple[str, ...]
    attributes: tuple[str, ...]
    technical: tuple[str, ...]
    code_terms: str
    makers: str


@cache
def table() -> DescriptorWords:
    """Return the table of words.

    Returns
    -------
    DescriptorWords
        Validated.
    """
    return DescriptorWords.model_validate(load_table("descriptor_words"))


@cache
def _descriptors() -> frozenset[str]:
    return frozenset(table().attributes)


@cache
def _technical() -> frozenset[str]:
    return frozenset(table().technical)


def is_descriptor(keyword: str) -> bool:
    """Return whether an attribute's text is cleaned.

    Parameters
    ----------
    keyword : str
        Of the attribute.

    Returns
    -------
    bool
        By the table.
    """
    return keyword in _descriptors()


def is_technical(keyword: str) -> bool:
    """Return whether an attribute's text is about a machine or a code.

    Parameters
    ----------
    keyword : str
        Of the attribute.

    Returns
    -------
    bool
        By the table.
    """
    return keyword in _technical()


@cache
def _code_terms() -> frozenset[str]:
    return frozenset(table().code_terms.split())


def is_code_term(word: str) -> bool:
    """Return whether a word is one that the standard writes as a code string.

    Parameters
    ----------
    word : str
        In lower case.

    Returns
    -------
    bool
        By the table.
    """
    return word in _code_terms()


@cache
def _makers() -> frozenset[str]:
    return frozenset(table().makers.split())


def is_maker(word: str) -> bool:
    """Return whether a word is part of the name of a maker of machines.

    Parameters
    ----------
    word : str
        In lower case.

    Returns
    -------
    bool
        By the table.
    """
    return word in _makers()


@cache
def _vocabulary() -> tuple[frozenset[str], re.Pattern[str]]:
    words: set[str] = set()
    for group in table().words.values():
        words.update(group.split() if isinstance(group, str) else group)
    return frozenset(words), re.compile("|".join(f"(?:{one})" for one in table().patterns))


def folded(text: str) -> str:
    """Return a text without case and accents.

    Parameters
    ----------
    text : str
        Any.

    Returns
    -------
    str
        For comparison.
    """
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(one for one in apart if not unicodedata.combining(one))


def words_of(text: str) -> list[str]:
    """Return the words of a text.

    Parameters
    ----------
    text : str
        Any.

    Returns
    -------
    list of str
        Runs of letters and digits; a decimal number is one.
    """
    return _WORD.findall(text)


@lru_cache(maxsize=4096)
def is_harmless(word: str) -> bool:
    """Return whether a word is of the table.

    Parameters
    ----------
    word : str
        One word.

    Returns
    -------
    bool
        True when it may stay.
    """
    words, patterns = _vocabulary()
    plain = folded(word)
    return plain in words or patterns.fullmatch(plain) is not None


def cleaned(text: str, unwanted: frozenset[str]) -> tuple[str, int]:
    """Return a text with only the words that may stay.

    Parameters
    ----------
    text : str
        A descriptor.
    unwanted : frozenset of str
        Words that identify somebody here, folded: they go even when the table has them.

    Returns
    -------
    tuple
        The text, as it was when all its words stay, and how many were dropped.
    """
    words = words_of(text)
    kept = [word for word in words if is_harmless(word) and folded(word) not in unwanted]
    if not any(one.isalpha() for word in kept for one in word):
        kept = []  # numbers alone say nothing of what was imaged
    dropped = len(words) - len(kept)
    if dropped == 0 and text.isascii() and text.isprintable():
        return text, 0
    return " ".join(kept), dropped

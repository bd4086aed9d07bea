"""The page of feedback, before it is drawn: verdict, faults, terms, and what to read."""

from __future__ import annotations

from imaging.document import Document
from planning.teaching.answer import Answer
from planning.teaching.exercise import Exercise, Texts
from planning.teaching.marking.terms import Fault, Mark, MissedRule, Term
from planning.teaching.words import fault_said, technique_name, term_said, wording
from planning.technique.rules import rule
from planning.technique.wording import Language, Wording


class TermTold(Document):
    """A term with its sentences.

    Attributes
    ----------
    term : Term
        Of the mark.
    name, told : Wording
        What it is called, what is said.
    """

    term: Term
    name: Wording
    told: Wording


class FaultTold(Document):
    """A fault with its sentence.

    Attributes
    ----------
    fault : Fault
        Of the mark.
    told : Wording
        What is said.
    """

    fault: Fault
    told: Wording


class Reading(Document):
    """A rule to be read.

    Attributes
    ----------
    rule : str
        Id.
    text : Wording
        What it says.
    source : str
        Source and place in it.
    missed : tuple of Wording
        What it speaks for or against, where the answer did not see it.
    """

    rule: str
    text: Wording
    source: str
    missed: tuple[Wording, ...] = ()


class Feedback(Document):
    """All that a page of feedback says.

    Attributes
    ----------
    exercise : Exercise
        That was answered.
    mark : Mark
        Of the answer.
    verdict : Wording
        In a word.
    faults : tuple of FaultTold
        That fail.
    terms : tuple of TermTold
        In the order of the table.
    reasons, reference_reasons : str
        As the resident and the teacher gave them.
    translated : dict
        The teacher's by language, where he gave them in several.
    reading : tuple of Reading
        Rules of the terms that lost points, those that were missed first.
    guide : Wording
        Place in the user guide.
    seen_reference : bool
        Whether the reference had been seen before.
    """

    exercise: Exercise
    mark: Mark
    verdict: Wording
    faults: tuple[FaultTold, ...]
    terms: tuple[TermTold, ...]
    reasons: str
    reference_reasons: str
    translated: dict[Language, str]
    reading: tuple[Reading, ...]
    guide: Wording
    seen_reference: bool = False

    def texts(self, language: Language) -> Texts:
        """Return the texts of the exercise.

        Parameters
        ----------
        language : str
            ``en`` or ``fr``.

        Returns
        -------
        Texts
            In that language.
        """
        return self.exercise.texts[language]

    def reasons_of_reference(self, language: Language) -> str:
        """Return the teacher's reasons.

        Parameters
        ----------
        language : str
            ``en`` or ``fr``.

        Returns
        -------
        str
            In that language where he gave them in it.
        """
        return self.translated.get(language, self.reference_reasons)


def feedback(
    exercise: Exercise,
    answer: Answer,
    reference: Answer,
    mark: Mark,
    *,
    seen_reference: bool = False,
) -> Feedback:
    """Return the page of feedback on an answer.

    Parameters
    ----------
    exercise : Exercise
        That was answered.
    answer, reference : Answer
        Side by side.
    mark : Mark
        Of the answer.
    seen_reference : bool
        Whether the reference had been seen before.

    Returns
    -------
    Feedback
        In both languages.
    """
    return Feedback(
        exercise=exercise,
        mark=mark,
        verdict=wording("verdicts", _verdict(mark)),
        faults=tuple(
            FaultTold(fault=one, told=Wording(fr=fault_said(one, "fr"), en=fault_said(one, "en")))
            for one in mark.faults
        ),
        terms=tuple(
            TermTold(
                term=one,
                name=wording("terms", one.id),
                told=Wording(fr=term_said(one, "fr"), en=term_said(one, "en")),
            )
            for one in mark.terms
        ),
        reasons=answer.statement.reasons,
        reference_reasons=reference.statement.reasons,
        translated=reference.statement.translated,
        reading=_reading(mark),
        guide=wording("guide", exercise.task),
        seen_reference=seen_reference,
    )


def _verdict(mark: Mark) -> str:
    if mark.is_empty:
        return "empty"
    if mark.faults:
        return "faulty"
    return "passed" if mark.passed else "failed"


def _reading(mark: Mark) -> tuple[Reading, ...]:
    """Return the rules to be read: those missed, of faults, and of terms that lost points."""
    ids = [one.rule for one in mark.missed]
    ids += [rule_id for fault in mark.faults for rule_id in fault.rules]
    ids += [rule_id for term in mark.terms if term.points < term.of for rule_id in term.rules]
    return tuple(_read(rule_id, mark.missed) for rule_id in dict.fromkeys(ids))


def _read(rule_id: str, missed: tuple[MissedRule, ...]) -> Reading:
    row = rule(rule_id)
    return Reading(
        rule=row.id,
        text=Wording(fr=row.fr, en=row.en),
        source=f"{row.source}, {row.place}",
        missed=tuple(_speaks(one) for one in missed if one.rule == rule_id),
    )


def _speaks(one: MissedRule) -> Wording:
    told = wording("labels", f"speaks_{one.speaks}")
    return Wording(
        fr=told.fr.format(technique=technique_name(one.technique, "fr")),
        en=told.en.format(technique=technique_name(one.technique, "en")),
    )

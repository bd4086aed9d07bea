"""What is said when input is refused: every problem at once, with its place and the way out."""

from __future__ import annotations

from collections.abc import Sequence

from imaging.document import Document


class Problem(Document):
    """One thing that is wrong.

    Attributes
    ----------
    code : str
        Stable word for programs, such as ``no_ct_series``.
    message : str
        What is wrong and what to do, for people; never holds a patient's identifiers.
    where : str
        File, key or place the problem was found in; empty when it concerns the whole.
    """

    code: str
    message: str
    where: str = ""


class Refusal(Exception):
    """Input that cannot be used.

    Attributes
    ----------
    problems : tuple of Problem
        All that was found wrong, at least one.
    """

    def __init__(self, problems: Problem | Sequence[Problem]) -> None:
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("; ".join(problem.message for problem in self.problems))

    @property
    def code(self) -> str:
        """Code of the first problem."""
        return self.problems[0].code

    def __reduce__(self) -> tuple[type[Refusal], tuple[tuple[Problem, ...]]]:
        """Travel whole between processes."""
        return type(self), (self.problems,)


class ImagingError(Refusal):
    """Images, masks or label maps that cannot be used."""


def refuse_image(code: str, message: str, where: object = "") -> ImagingError:
    """Return the error for one problem of an image.

    Parameters
    ----------
    code : str
        Stable word for programs.
    message : str
        What is wrong and what to do.
    where : object
        File or place, turned to text.

    Returns
    -------
    ImagingError
        To be raised by the caller.
    """
    return ImagingError(Problem(code=code, message=message, where=str(where)))

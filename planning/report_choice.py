"""How the report of a lesion is arranged: what is left out, which captured pictures it holds."""

from __future__ import annotations

from imaging.document import Document

ALWAYS_SHOWN = ("identity", "technique", "contraindications", "signoff", "sources")


class ReportChoice(Document):
    """What the radiologist chose for the report.

    Attributes
    ----------
    left_out : tuple of str
        Keys of sections; those of :data:`ALWAYS_SHOWN` are shown all the same.
    pictures : tuple of str
        Names of captured pictures, in their order.
    """

    left_out: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()

    def shows(self, section: str) -> bool:
        """Tell whether a section is in the report.

        Parameters
        ----------
        section : str
            Its key.

        Returns
        -------
        bool
            True for those that may never be left out.
        """
        return section in ALWAYS_SHOWN or section not in self.left_out

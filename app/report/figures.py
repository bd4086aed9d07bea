"""Figures as PNG, without a screen."""

from __future__ import annotations

import io

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def png_of(figure: Figure) -> bytes:
    """Return a figure as PNG, cut to what is drawn.

    Parameters
    ----------
    figure : Figure
        Of matplotlib.

    Returns
    -------
    bytes
        The picture.
    """
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight", facecolor=figure.get_facecolor())
    return buffer.getvalue()

"""Names of structures as the program spells them, whatever file they come from."""

from __future__ import annotations

import re

LEVEL = re.compile(r"(?<![a-z0-9])([ctls])(\d{1,2})(?![a-z0-9])")


def structure_name(text: str) -> str:
    """Return a name in lower case with underscores, vertebral levels in capitals.

    Parameters
    ----------
    text : str
        As a file has it, such as ``Spinal Canal`` or ``vertebrae_L3``.

    Returns
    -------
    str
        Such as ``spinal_canal``, ``vertebrae_L3``.
    """
    joined = "_".join(text.lower().split())
    return LEVEL.sub(lambda level: level[1].upper() + level[2], joined.replace("_", "\0")).replace(
        "\0", "_"
    )

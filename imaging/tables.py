"""The tables of `resources/`: reviewable data that the program reads."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml

try:
    from yaml import CSafeLoader as Loader  # ten times as fast
except ImportError:  # where PyYAML was built without its library
    from yaml import SafeLoader as Loader  # type: ignore[assignment]


@cache
def load_table(name: str) -> Any:  # noqa: ANN401 - YAML holds anything; its reader validates
    """Return a table as YAML holds it; the caller validates it with its own model.

    Parameters
    ----------
    name : str
        Path below ``resources/`` without ending, such as ``tissues``.

    Returns
    -------
    object
        Lists and dicts; shared between callers, not to be changed.
    """
    text = files("resources").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    return yaml.load(text, Loader=Loader)

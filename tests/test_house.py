"""The house rules that a machine can hold: format, lint, types, imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
MERGE = "tag:yaml.org,2002:merge"
BIN = Path(sys.executable).parent


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "format", "--check", "."],
        ["ruff", "check", "."],
        ["mypy"],
        ["lint-imports"],
    ],
    ids=" ".join,
)
def test_tool_finds_nothing(command: list[str]) -> None:
    done = subprocess.run(
        [str(BIN / command[0]), *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_key_of_a_table_is_given_twice() -> None:
    twice: list[str] = []

    class Strict(yaml.SafeLoader):
        """Notes keys that YAML would silently overwrite."""

    def mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[object, object]:
        keys = [loader.construct_object(key) for key, _ in node.value if key.tag != MERGE]
        twice.extend(f"{file.name}: {key}" for key in keys if keys.count(key) > 1)
        return yaml.SafeLoader.construct_mapping(loader, node)

    Strict.add_constructor("tag:yaml.org,2002:map", mapping)
    for file in (ROOT / "resources").rglob("*.yaml"):
        with file.open(encoding="utf-8") as text:
            yaml.load(text, Strict)
    assert twice == []

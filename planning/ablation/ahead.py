"""Compiles the simulator's loops ahead, so that nobody waits for a compiler: ``python -m``."""

from __future__ import annotations

from planning.ablation.devices import devices
from planning.ablation.scenario.answer import answer_scenario
from planning.ablation.scenario.reader import read_scenario


def compile_ahead() -> None:
    """Simulate a second with a device of each geometry; what is compiled is kept on the disk."""
    seen: set[str] = set()
    for device in devices().values():
        if device.geometry in seen:
            continue
        seen.add(device.geometry)
        tip_mm = 0.5 * device.insertion_mm
        mode = device.default_protocol[0].mode.value
        answer_scenario(
            read_scenario(
                {
                    "grid": {"spacing_mm": 4.0, "size_mm": [80, 80, 80]},
                    "medium": {"tissue": "muscle"},
                    "applicators": [{"device": device.id, "tip_lps_mm": [0, 0, -tip_mm]}],
                    "protocol": [{"mode": mode, "seconds": 1}],
                    "points_lps_mm": [[4, 0, 0]],
                    "isotherms_c": [30.0],
                }
            )
        )


if __name__ == "__main__":
    compile_ahead()

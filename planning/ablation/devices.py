"""Probes, electrodes and antennas: the rows of `resources/devices.yaml`, and the user's own."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any, Literal

import platformdirs
import yaml
from pydantic import Field, ValidationError, model_validator

from imaging.document import Document
from imaging.errors import Problem
from imaging.tables import load_table
from planning.ablation.solver.protocol import Mode, Phase

Technique = Literal["cryoablation", "radiofrequency", "microwave"]
Geometry = Literal["cryoprobe", "monopolar", "multi_tined", "bipolar", "antenna"]
USER_TABLE = "OSTEOPLAN_DEVICES"  # environment variable: the user's table is somewhere else


class Zone(Document):
    """A zone printed or measured for a device, to compare with.

    Attributes
    ----------
    condition : str
        Tissue, power, duration.
    length_mm, width_mm : float
        Along and across the device.
    source : str
        Where it is printed.
    """

    condition: str
    length_mm: float
    width_mm: float
    source: str


class Device(Document):
    """A row of the table.

    Attributes
    ----------
    id, name, maker : str
        Word for scenarios; public name of the type.
    technique : str
        ``cryoablation``, ``radiofrequency`` or ``microwave``.
    gauge : float
        Needle gauge as sold.
    diameter_mm, active_length_mm : float
        Of the shaft; of the part that freezes or heats, from the tip.
    inactive_tip_mm : float
        Length of the point that does nothing.
    geometry : str
        ``cryoprobe``, ``monopolar``, ``multi_tined``, ``bipolar`` or ``antenna``.
    tines : int
        Of a multi-tined electrode: wires that leave the end of its shaft and bend outward. The
        active part then runs from the farthest point of the wires along the shaft.
    tine_diameter_mm, array_diameter_mm, array_depth_mm, tine_sweep_deg : float or None
        Of one wire; of the circle its ends lie on; how far the wires reach ahead of the shaft; by
        how much they turn, 90 for ends that point straight out, more for ends that bend back.
    gap_mm : float
        Insulator between the two poles of a bipolar electrode.
    coldest_c, proximal_rise_k, coefficient_w_m2_k, cooling_power_w, thaw_c : float or None
        Cryoprobe: surface at the tip's middle without load, rise towards its hub end, surface
        coefficient, greatest cooling power, temperature of active thaw.
    most_power_w, most_current_a, most_voltage_v : float or None
        Limits of the generator.
    coolant_c, coolant_coefficient_w_m2_k : float or None
        Internally cooled electrodes and antennas.
    target_c : float or None
        Of temperature control.
    efficiency : float
        Power that leaves the antenna over power set.
    default_protocol : tuple of Phase
        What is done unless the user says otherwise.
    zones : tuple of Zone
        Published zones.
    source, note : str
        Where the figures come from.
    verified : bool
        False when nobody looked up its zone.
    """

    id: str = Field(pattern=r"^[a-z0-9_]+$", max_length=60)
    name: str
    maker: str
    technique: Technique
    gauge: float = Field(gt=0)
    diameter_mm: float = Field(gt=0, le=6)
    active_length_mm: float = Field(gt=0, le=100)
    inactive_tip_mm: float = Field(default=0.0, ge=0)
    geometry: Geometry
    tines: int = Field(default=0, ge=0, le=20)
    tine_diameter_mm: float | None = Field(default=None, gt=0, le=2)
    array_diameter_mm: float | None = Field(default=None, gt=0, le=80)
    array_depth_mm: float | None = Field(default=None, gt=0, le=60)
    tine_sweep_deg: float = Field(default=90.0, ge=30, le=170)
    gap_mm: float = Field(default=0.0, ge=0)
    coldest_c: float | None = Field(default=None, ge=-200, le=0)
    proximal_rise_k: float = Field(default=0.0, ge=0, le=200)
    coefficient_w_m2_k: float | None = Field(default=None, gt=0, le=1e6)
    cooling_power_w: float | None = Field(default=None, gt=0, le=1e4)
    thaw_c: float | None = Field(default=None, ge=0, le=100)
    most_power_w: float | None = Field(default=None, gt=0, le=1e4)
    most_current_a: float | None = Field(default=None, gt=0, le=100)
    most_voltage_v: float | None = Field(default=None, gt=0, le=1e4)
    coolant_c: float | None = Field(default=None, ge=-20, le=60)
    coolant_coefficient_w_m2_k: float | None = Field(default=None, gt=0, le=1e6)
    target_c: float | None = Field(default=None, ge=37, le=120)
    efficiency: float = Field(default=1.0, gt=0, le=1)
    default_protocol: tuple[Phase, ...]
    zones: tuple[Zone, ...] = ()
    source: str
    note: str
    verified: bool

    @model_validator(mode="after")
    def _complete(self) -> Device:
        """Refuse a row that lacks what its geometry needs."""
        lacking = [name for name in NEEDED[self.geometry] if not getattr(self, name)]
        if lacking:
            message = f"a {self.geometry} needs {', '.join(lacking)}"
            raise ValueError(message)
        if TECHNIQUE_OF[self.geometry] != self.technique:
            message = f"a {self.geometry} is for {TECHNIQUE_OF[self.geometry]}"
            raise ValueError(message)
        if self.geometry == "bipolar" and self.gap_mm >= self.active_length_mm:
            message = "gap_mm must be below active_length_mm"
            raise ValueError(message)
        if (self.array_depth_mm or 0.0) > self.active_length_mm:
            message = "array_depth_mm must not be above active_length_mm"
            raise ValueError(message)
        if not self.default_protocol:
            message = "default_protocol needs a phase"
            raise ValueError(message)
        strange = [
            phase.mode.value for phase in self.default_protocol if phase.mode not in self.modes
        ]
        if strange:
            message = f"default_protocol: {self.technique} has no {', '.join(strange)}"
            raise ValueError(message)
        if self.verified and not self.zones:
            message = "a verified row names the zone that was looked up, in zones"
            raise ValueError(message)
        return self

    @property
    def reach_mm(self) -> float:
        """Radius around the axis that its active part takes up."""
        return 0.5 * (self.array_diameter_mm or self.diameter_mm)

    @property
    def modes(self) -> frozenset[Mode]:
        """Modes its generator has."""
        return DEVICE_MODES[self.technique]

    @property
    def insertion_mm(self) -> float:
        """Length from the tip to the hub end of the active part."""
        return self.inactive_tip_mm + self.active_length_mm


DEVICE_MODES: dict[str, frozenset[Mode]] = {
    "cryoablation": frozenset({Mode.FREEZE, Mode.PASSIVE_THAW, Mode.ACTIVE_THAW, Mode.REST}),
    "radiofrequency": frozenset(
        {Mode.HEAT, Mode.POWER, Mode.VOLTAGE, Mode.CURRENT, Mode.IMPEDANCE, Mode.REST}
    ),
    "microwave": frozenset({Mode.POWER, Mode.REST}),
}


# What a row must give, and what it is for, by its geometry.
NEEDED: dict[str, tuple[str, ...]] = {
    "cryoprobe": ("coldest_c", "coefficient_w_m2_k", "cooling_power_w", "thaw_c"),
    "monopolar": (),
    "multi_tined": ("tines", "tine_diameter_mm", "array_diameter_mm", "array_depth_mm"),
    "bipolar": (),
    "antenna": ("most_power_w",),
}
TECHNIQUE_OF: dict[str, Technique] = {
    "cryoprobe": "cryoablation",
    "monopolar": "radiofrequency",
    "multi_tined": "radiofrequency",
    "bipolar": "radiofrequency",
    "antenna": "microwave",
}


@cache
def devices() -> dict[str, Device]:
    """Return the devices by their id: those of the program, then the user's own.

    Returns
    -------
    dict of str to Device
        In the order of the tables; rows of the user that cannot be used are left out, and
        :func:`user_device_problems` says why.
    """
    return {row.id: row for row in (*_shipped(), *_users()[0])}


def user_device_problems() -> tuple[Problem, ...]:
    """Return what is wrong with the user's table.

    Returns
    -------
    tuple of Problem
        Empty when all its rows are in use, or there is none.
    """
    return _users()[1]


def user_table_path() -> Path:
    """Return where the user's own devices are read from.

    Returns
    -------
    Path
        Of a file that need not exist.
    """
    named = os.environ.get(USER_TABLE)
    if named:
        return Path(named)
    return Path(platformdirs.user_config_dir("osteoplan", appauthor=False)) / "devices.yaml"


@cache
def _shipped() -> tuple[Device, ...]:
    return tuple(Device.model_validate(row) for row in load_table("devices")["devices"])


@cache
def _users() -> tuple[tuple[Device, ...], tuple[Problem, ...]]:
    """Return the user's rows that can be used, and what is wrong with the others."""
    path = user_table_path()
    if not path.exists():
        return (), ()
    try:
        table = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        told = f"the table of devices cannot be read ({' '.join(str(error).split())}); correct it"
        return (), (Problem(code="device_table", message=told, where=str(path)),)
    rows = table.get("devices") if isinstance(table, dict) else None
    if not isinstance(rows, list):
        told = "the table of devices needs a list under 'devices'; correct it"
        return (), (Problem(code="device_table", message=told, where=str(path)),)
    known = {row.id for row in _shipped()}
    good: list[Device] = []
    problems: list[Problem] = []
    for n, row in enumerate(rows):
        wrong = _wrong_with(row, known)
        if wrong:
            message = f"devices.{n}: {'; '.join(wrong)}; correct the row, it is not in use"
            problems.append(Problem(code="device_row", message=message, where=str(path)))
            continue
        good.append(Device.model_validate(row))
        known.add(good[-1].id)
    return tuple(good), tuple(problems)


def _wrong_with(row: Any, known: set[str]) -> list[str]:  # noqa: ANN401 - YAML holds anything
    try:
        device = Device.model_validate(row)
    except ValidationError as error:
        return [
            f"{'.'.join(str(part) for part in one['loc']) or 'row'}: {one['msg']}"
            for one in error.errors()
        ]
    if device.id in known:
        return [f"another row has the id '{device.id}'"]
    return []

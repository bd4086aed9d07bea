"""The devices of `resources/devices.yaml`: probes, electrodes and antennas."""

from __future__ import annotations

from functools import cache
from typing import Literal

from pydantic import Field

from imaging.document import Document
from imaging.tables import load_table
from planning.ablation.solver.protocol import Mode, Phase

Technique = Literal["cryoablation", "radiofrequency", "microwave"]
Geometry = Literal["cryoprobe", "monopolar", "bipolar", "antenna"]


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
        ``cryoprobe``, ``monopolar``, ``bipolar`` or ``antenna``.
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

    id: str
    name: str
    maker: str
    technique: Technique
    gauge: float = Field(gt=0)
    diameter_mm: float = Field(gt=0, le=6)
    active_length_mm: float = Field(gt=0, le=100)
    inactive_tip_mm: float = Field(default=0.0, ge=0)
    geometry: Geometry
    gap_mm: float = Field(default=0.0, ge=0)
    coldest_c: float | None = None
    proximal_rise_k: float = 0.0
    coefficient_w_m2_k: float | None = None
    cooling_power_w: float | None = None
    thaw_c: float | None = None
    most_power_w: float | None = None
    most_current_a: float | None = None
    most_voltage_v: float | None = None
    coolant_c: float | None = None
    coolant_coefficient_w_m2_k: float | None = None
    target_c: float | None = None
    efficiency: float = Field(default=1.0, gt=0, le=1)
    default_protocol: tuple[Phase, ...]
    zones: tuple[Zone, ...] = ()
    source: str
    note: str
    verified: bool

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


@cache
def devices() -> dict[str, Device]:
    """Return the devices of the table by their id.

    Returns
    -------
    dict of str to Device
        In the order of the table.
    """
    rows = [Device.model_validate(row) for row in load_table("devices")["devices"]]
    return {row.id: row for row in rows}

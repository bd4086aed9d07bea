"""What a PET's values mean: standardised uptake by body weight, where the header allows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pydicom.dataset import Dataset

PER_VOLUME = "Bq/mL"
SUV = "SUV"
UNIT_NAMES = {"BQML": PER_VOLUME, "GML": SUV, "CNTS": "counts", "PROPCNTS": "counts"}
LEAST_DOSE_BQ = 1e5  # a thousandth of what is injected; less was written in another unit
LONGEST_UPTAKE = timedelta(hours=24)
WEIGHT_KG = (2.0, 400.0)


@dataclass(frozen=True)
class PetScale:
    """How the values of a PET are to be read.

    Parameters
    ----------
    factor : float
        By which values as the header rescales them are multiplied.
    unit : str
        ``SUV``, ``Bq/mL``, ``counts`` or the header's own word.
    lacking : tuple of str
        What the header lacks for an SUV; empty where the values are one.
    """

    factor: float
    unit: str
    lacking: tuple[str, ...] = ()


def pet_scale(dataset: Dataset) -> PetScale:
    """Return what turns a PET into SUV by body weight.

    ``SUV = activity (Bq/mL) × weight (g) / dose (Bq) at the time the values are corrected to``

    Parameters
    ----------
    dataset : pydicom.Dataset
        Header of one slice.

    Returns
    -------
    PetScale
        With factor 1 and the header's own unit where something is lacking.

    Notes
    -----
    DICOM PS3.3 C.8.9.1 (Units, Decay Correction); the vendor-neutral computation of QIBA, for
    series that are corrected to their start or to the administration.
    """
    units = str(dataset.get("Units", "")).upper()
    name = UNIT_NAMES.get(units, units or "?")
    if units == "GML" and str(dataset.get("SUVType", "BW") or "BW").upper() == "BW":
        return PetScale(1.0, SUV)
    lacking = [] if units == "BQML" else ["Units"]
    decay = str(dataset.get("DecayCorrection", "")).upper()
    if decay not in {"START", "ADMIN"}:
        lacking.append("Decay Correction")
    weight_kg = _number(dataset.get("PatientWeight"))
    if not WEIGHT_KG[0] <= weight_kg <= WEIGHT_KG[1]:
        lacking.append("Patient Weight")
    injected = next(iter(dataset.get("RadiopharmaceuticalInformationSequence") or [Dataset()]))
    dose_bq = _number(injected.get("RadionuclideTotalDose"))
    if dose_bq < LEAST_DOSE_BQ:
        lacking.append("Radionuclide Total Dose")
    half_life_s = _number(injected.get("RadionuclideHalfLife"))
    uptake = timedelta(0) if decay == "ADMIN" else _uptake(dataset, injected)
    if decay != "ADMIN" and half_life_s <= 0:
        lacking.append("Radionuclide Half Life")
    if uptake is None:
        lacking.append("Radiopharmaceutical Start Time")
    if lacking or uptake is None:
        return PetScale(1.0, "g/mL" if name == SUV else name, tuple(lacking))
    left = 1.0 if decay == "ADMIN" else 0.5 ** (uptake.total_seconds() / half_life_s)
    return PetScale(weight_kg * 1000.0 / (dose_bq * left), SUV)


def _uptake(dataset: Dataset, injected: Dataset) -> timedelta | None:
    """Return the time from injection to what the values are corrected to, or None."""
    scan = _moment(dataset.get("SeriesDate"), dataset.get("SeriesTime"))
    taken = _moment(
        dataset.get("AcquisitionDate") or dataset.get("SeriesDate"), dataset.get("AcquisitionTime")
    )
    if scan is None or (taken is not None and scan > taken):
        scan = taken  # a series made again later carries the time it was made at
    if scan is None:
        return None
    given = _whole_moment(injected.get("RadiopharmaceuticalStartDateTime"))
    if given is None:
        given = _moment(scan.strftime("%Y%m%d"), injected.get("RadiopharmaceuticalStartTime"))
        if given is not None and given > scan:
            given -= timedelta(days=1)  # injected before midnight
    if given is None or not timedelta(0) <= scan - given <= LONGEST_UPTAKE:
        return None
    return scan - given


def _whole_moment(text: object) -> datetime | None:
    return _moment(str(text)[:8], str(text)[8:].split("+")[0].split("-")[0]) if text else None


def _moment(date: object, time: object) -> datetime | None:
    try:
        return datetime.strptime(f"{date}{str(time)[:6]}", "%Y%m%d%H%M%S")
    except ValueError:
        return None


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return 0.0

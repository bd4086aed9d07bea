"""Tissues of a sample: only those that the table names change, and by what it says."""

from __future__ import annotations

import numpy as np
import pytest

from planning.ablation.solver.materials import tissue_material, tissues
from planning.ablation.tissues import CLASSES, FLOWING, VALUE, patient_medium
from planning.ablation.uncertainty.variation import Variation, uncertainty_table


def test_every_row_of_the_table_is_a_field_of_known_tissues_with_a_source() -> None:
    rows = uncertainty_table().properties
    assert {row.id for row in rows} == set(Variation.model_fields)
    for row in rows:
        assert set(row.tissues) <= set(tissues()) & set(CLASSES)
        assert row.source
        assert row.low < row.high
    for place in uncertainty_table().placement:
        assert place.source
        assert 0 < place.standard_deviation < 10


def test_perfused_tissues_are_all_varied_except_vessels() -> None:
    varied = {
        t
        for row in uncertainty_table().properties
        if row.property == "perfusion"
        for t in row.tissues
    }
    tabled = set(CLASSES) & set(tissues())
    perfused = {name for name in tabled if tissue_material(name).perfusion_per_s > 0}
    assert perfused - varied == set(FLOWING)


def test_a_variation_changes_bone_lesion_and_the_others() -> None:
    classes = np.array(
        [[[VALUE[n] for n in ("cancellous_bone", "lytic_metastasis", "muscle", "vessel")]]],
        dtype=np.uint8,
    )
    plain = {m.name: m for m in patient_medium(classes).medium.materials}
    varied = Variation(
        bone_conductivity=1.5,
        lesion_perfusion_per_s=8e-3,
        other_perfusion=0.5,
        lesion_conductivity_s_m=0.2,
    )
    changed = {m.name: m for m in patient_medium(classes, varied).medium.materials}
    bone, was = changed["cancellous_bone"], plain["cancellous_bone"]
    assert bone.conductivity_w_m_k == pytest.approx(1.5 * was.conductivity_w_m_k)
    assert bone.frozen_conductivity_w_m_k == pytest.approx(1.5 * was.frozen_conductivity_w_m_k)
    assert bone.perfusion_per_s == pytest.approx(0.5 * was.perfusion_per_s)
    lesion = changed["lytic_metastasis"]
    assert lesion.perfusion_per_s == 8e-3
    assert lesion.electrical_conductivity_s_m == 0.2
    assert lesion.conductivity_w_m_k == plain["lytic_metastasis"].conductivity_w_m_k
    muscle = changed["muscle"]
    assert muscle.perfusion_per_s == pytest.approx(0.5 * plain["muscle"].perfusion_per_s)
    assert muscle.conductivity_w_m_k == plain["muscle"].conductivity_w_m_k
    assert changed["vessel"] == plain["vessel"]


def test_no_variation_is_the_table() -> None:
    classes = np.arange(len(CLASSES), dtype=np.uint8).reshape(1, 1, -1)
    assert patient_medium(classes, Variation()).medium.materials == (
        patient_medium(classes).medium.materials
    )

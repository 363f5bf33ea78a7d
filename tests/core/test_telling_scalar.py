"""The nuisance scalar that tells classes apart best: chosen by its AUC, shown as one dot for each spectrum."""

from __future__ import annotations

import numpy as np

from spectral_core.audit import audit_classifier
from spectral_core.controls.nuisance import Scalars, scalar_aucs, spoken, telling_scalar
from spectral_core.report.page import render_html
from spectral_core.simulate import BAND, BLANK, Recipe, simulate


def test_the_scalar_of_the_largest_auc_is_kept_class_by_class_and_in_order():
    rng = np.random.default_rng(4)
    codes = np.arange(40) % 2
    values = np.column_stack([rng.normal(size=40), rng.normal(size=40) + 3 * codes])
    scalars = Scalars(values, ("slope", "noise"))
    told = telling_scalar(scalars, scalar_aucs(scalars, codes, 2), codes, 2)
    assert told.name == "noise" and told.auc > 0.9
    for c in (0, 1):
        np.testing.assert_allclose(told.values[c], np.sort(values[codes == c, 1]), rtol=1e-3)


def test_of_a_large_class_spectra_from_the_lowest_to_the_highest_are_kept():
    values = np.random.default_rng(5).normal(size=(3000, 1))
    scalars, codes = Scalars(values, ("noise",)), np.arange(3000) % 2
    told = telling_scalar(scalars, scalar_aucs(scalars, codes, 2), codes, 2, most=50)
    of_first = np.sort(values[codes == 0, 0])
    assert len(told.values[0]) == 50
    np.testing.assert_allclose((told.values[0][0], told.values[0][-1]), of_first[[0, -1]], rtol=1e-3)
    assert all(np.isclose(of_first, v, rtol=1e-3).any() for v in told.values[0])


def test_without_a_scalar_that_varies_there_is_none():
    assert telling_scalar(Scalars(np.zeros((4, 0)), ()), {}, np.array([0, 1, 0, 1]), 2) is None


def test_the_report_draws_a_dot_for_each_spectrum_in_the_colour_of_its_class():
    data = simulate(Recipe(units=(12, 9), channels=60, noise_ratio=3.0), seed=1)
    report = audit_classifier(data.x, data.label, axis=data.axis, axis_unit="cm-1", bands={"peak": BAND},
                              blank={"silent": BLANK}, unit=data.unit, n_permutations=99, seed=1)  # fmt: skip
    told = report.to_dict()["variants"][0]["telling_scalar"]
    page = render_html(report.to_dict())
    table = page[page.index('class="scalar-dots"') :]
    table = table[: table.index("</table>")]
    assert [table.count(f'class="k{i}"') for i in (0, 1)] == [12, 9] == [len(v) for v in told["values"].values()]
    assert f"{spoken(told['name'])}: AUC {told['auc']:.2f}" in page

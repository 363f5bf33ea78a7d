"""The leverage of a training unit, without a refit, beside the hat matrix of the refit."""

from __future__ import annotations

import numpy as np
import pytest

from spectral_core.probe.fitting import dual_probe, primal_probe

FOLD = np.array([0, 5, 6, 11, 20, 21])
UNITS = {
    "each spectrum": np.arange(30),
    "three replicates": np.arange(30) // 3,  # the fold cuts through some of them
    "one, two or many replicates": np.minimum(np.arange(30) // 2, 4) + (np.arange(30) > 25),
    "replicates far apart": np.arange(30) % 7,
}


def refitted(x, penalty, unit):
    """Mean over training units u of 1ᵀH_uu1/|u|, H the hat matrix of ridge regression with an intercept."""
    train = np.setdiff1d(np.arange(len(x)), FOLD)
    scale = float(((x - x.mean(axis=0)) ** 2).sum()) / len(x)
    z = x[train] - x[train].mean(axis=0)
    hat = z @ np.linalg.solve(z.T @ z + penalty * scale * np.eye(x.shape[1]), z.T) + 1 / train.size
    members = [np.flatnonzero(unit[train] == u) for u in np.unique(unit[train])]
    return np.mean([hat[np.ix_(m, m)].sum() / m.size for m in members])


@pytest.mark.parametrize("form", [dual_probe, primal_probe])
@pytest.mark.parametrize("units", UNITS)
def test_the_leverage_of_training_units_is_that_of_the_refit_to_1e_9(form, units):
    x, unit = np.random.default_rng(3).normal(size=(30, 12)) + 4.0, UNITS[units]
    probe = form(x, unit=unit)
    (part,) = probe.form.held_out(np.arange(30)[:, None] % 2, [FOLD], 2)
    assert part.leverage == pytest.approx(refitted(x, probe.penalty, unit), rel=1e-9)

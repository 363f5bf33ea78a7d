"""A study's models on spectra that lie on disk: no more than blocks of rows are read, and the results are the same."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from spectral_core.preprocessing import parse_variant
from spectral_core.study import Study
from spectral_core.study_models import design_of, kept_predictions, loaded_if_small, train_models

D = 24


class Disk:
    """An array that notes how many rows are read together."""

    def __init__(self, x):
        self.x, self.shape, self.dtype, self.ndim, self.most = x, x.shape, x.dtype, 2, 0

    def __getitem__(self, key):
        found = self.x[key]
        self.most = max(self.most, len(found))
        return found


@pytest.fixture
def spectra():
    rng = np.random.default_rng(2)
    unit = np.repeat(np.arange(40), 2)
    x = (rng.normal(size=(80, D)) + 0.8 * (unit % 2)[:, None] * (np.arange(D) < 6) + 20).astype(np.float32)
    x[7] = x[72]  # a copy under two unit names, of two classes
    x[12] = x[60]  # and of one
    return x, unit


def study(tmp_path, **settings):
    return Study(
        name="tea", inbox=tmp_path / "inbox", archive=tmp_path / "archive", results=tmp_path / "results",
        samples={"label": "label", "unit": "unit"}, reading={"axis_unit": "nm"},
        audit={"seed": 5, "folds": 3, "model_permutations": 3}, variants=("snv",),
        models=("ridge", "k-nn", "lda(4)"), bands={"dye": {"interval": (0, 5), "assignment": "x"}}, **settings,
    )  # fmt: skip


def dataset(intensity, axis, unit):
    return xr.Dataset(
        {"intensity": (("sample", "channel"), intensity)},
        coords={"axis": ("channel", axis), "label": ("sample", np.where(unit % 2, "b", "a")),
                "unit": ("sample", unit.astype(str))},
    )  # fmt: skip


def lazy(x, disks):
    disks.append(Disk(x))
    return da.from_array(disks[-1], chunks=(8, -1), asarray=False, meta=np.empty((0, 0), dtype=x.dtype))


def test_a_study_on_spectra_larger_than_memory_gives_what_it_gives_in_memory(spectra, tmp_path):
    x, unit = spectra
    plan, chain, axis = study(tmp_path), parse_variant("snv"), np.arange(float(D))
    made = chain.apply(x, axis)[0]
    whole = [dataset(values, axis, unit) for values in (x, made)]
    held = list(train_models(plan, *whole, chain="snv", folder=tmp_path / "held"))

    disks: list[Disk] = []
    small = plan.compute.model_copy(update={"in_memory_mb": 8 * D * 79 / 2**20})
    large, plan = plan, plan.model_copy(update={"compute": small})
    measured, variant = (dataset(lazy(values, disks), axis, unit) for values in (x, made))
    design = design_of(plan, measured)
    assert (design.copies, design.n_units) == (design_of(large, whole[0]).copies, 39)
    assert loaded_if_small(plan, measured)["intensity"].chunks is not None
    found = list(train_models(plan, measured, variant, chain="snv", folder=tmp_path / "streamed", design=design))

    assert [trained.model.text for trained in found] == ["ridge", "k-nn", "lda(components=4)"]
    for one, other in zip(found, held, strict=True):
        assert one.to_metrics().keys() == other.to_metrics().keys()
        if one.model.name != "k-nn":  # of 80 spectra 40 a class are drawn: the copied ones among them, too
            for name in other.predictions:
                np.testing.assert_array_equal(one.predictions[name], other.predictions[name])
            assert one.p_association == other.p_association
    assert [trained.subsample is not None for trained in found] == [False, True, False]
    assert len(kept_predictions(tmp_path / "streamed", plan, design)) == 3
    again = list(train_models(plan, measured, variant, chain="snv", folder=tmp_path / "streamed", design=design))
    assert [one.to_metrics() for one in again] == [one.to_metrics() for one in found]
    assert all(disk.most <= 8 for disk in disks)
    # with more memory allowed, what learned from a subsample is trained anew, and only that
    fuller = list(train_models(large, *whole, chain="snv", folder=tmp_path / "streamed", design=design))
    assert [one.subsample for one in fuller] == [None, None, None]
    assert fuller[1].to_metrics().keys() == held[1].to_metrics().keys()
    np.testing.assert_array_equal(fuller[1].predictions["unit_folds"], held[1].predictions["unit_folds"])
    assert [one.fit_seconds for one in fuller[::2]] == [one.fit_seconds for one in found[::2]]


def test_spectra_that_fit_are_loaded(spectra, tmp_path):
    x, unit = spectra
    plan = study(tmp_path)
    measured = dataset(da.from_array(x, chunks=(8, -1)), np.arange(float(D)), unit)
    assert loaded_if_small(plan, measured)["intensity"].chunks is None

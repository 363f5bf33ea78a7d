"""Parts of the spectrum by adding Gram matrices equal the probe on cropped spectra."""

from __future__ import annotations

import numpy as np
import pytest

from spectral_core.errors import AuditError
from spectral_core.probe import ask_each, fit_probe, group_channels

D = 66
GROUPS = {f"band {i}": np.arange(6 * i, 6 * i + 6 - i % 2) for i in range(9)}  # unequal; 16 channels in no group
FOLDS = [np.arange(i, 40, 4) for i in range(4)]
CODES = np.random.default_rng(5).integers(0, 2, (40, 6))


def spectra(n=40, *, strong=1.0):
    x = np.random.default_rng(7).normal(size=(n, D)) + 3.0
    x[:, GROUPS["band 4"]] *= strong
    return x


def margins(probe):
    return probe.margins(CODES, FOLDS, 2)


# one band ten million times stronger: 14 of 16 digits of K − K_b would be lost
@pytest.mark.parametrize("strong", [1.0, 1e7])
def test_every_part_equals_cropped_spectra_to_1e_9(strong):
    x = spectra(strong=strong)
    groups = group_channels(x, GROUPS)
    alone, without = dict(groups.alone()), dict(groups.all_but_one())
    assert list(alone) == list(without) == list(GROUPS)
    for name, channels in GROUPS.items():
        np.testing.assert_allclose(margins(alone[name].fit()), margins(fit_probe(x[:, channels])), atol=1e-9)
        if strong == 1.0 or name == "band 4":
            cropped = np.delete(x, channels, axis=1)
            np.testing.assert_allclose(margins(without[name].fit()), margins(fit_probe(cropped)), atol=1e-9)


def test_windows_and_unions_equal_cropped_spectra_to_1e_9():
    x = spectra()
    groups = group_channels(x, GROUPS)
    names = list(GROUPS)
    found = dict(groups.windows([1, 3, 9]))
    assert list(found) == [(0, 1), (0, 3), (0, 9), *[w for i in range(1, 7) for w in ((i, i + 1), (i, i + 3))],
                           (7, 8), (8, 9)]  # fmt: skip
    for (first, last), part in found.items():
        cropped = x[:, np.concatenate([GROUPS[name] for name in names[first:last]])]
        np.testing.assert_allclose(margins(part.fit()), margins(fit_probe(cropped)), atol=1e-9)
    chosen = ["band 1", "band 5", "band 8", "band 2", "band 3"]
    cropped = x[:, np.concatenate([GROUPS[name] for name in chosen])]
    np.testing.assert_allclose(margins(groups.union(chosen).fit()), margins(fit_probe(cropped)), atol=1e-9)


def test_tall_spectra_never_make_a_gram_matrix():
    x = np.random.default_rng(0).normal(size=(400, D))
    for parts in (group_channels(x, GROUPS).alone(), group_channels(x, GROUPS).all_but_one()):
        assert all(part.matrix.shape[1] < D for _, part in parts)


def test_masks_and_indices_name_the_same_channels():
    masks = {name: np.isin(np.arange(D), channels) for name, channels in GROUPS.items()}
    by_mask, by_index = group_channels(spectra(), masks), group_channels(spectra(), GROUPS)
    np.testing.assert_array_equal(by_mask.z, by_index.z)


def test_the_number_of_workers_changes_neither_order_nor_numbers():
    groups = group_channels(spectra(), GROUPS)
    one = list(ask_each(groups.all_but_one(), margins))
    three = list(ask_each(groups.all_but_one(), margins, workers=3))
    assert [key for key, _ in one] == [key for key, _ in three] == list(GROUPS)
    for (_, a), (_, b) in zip(one, three, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-9)


def test_a_constant_band_knows_nothing_beside_bands_that_vary():
    x = spectra()
    x[:, GROUPS["band 0"]] = 0.1
    constant = dict(group_channels(x, GROUPS).alone())["band 0"].fit()
    assert constant.rank == 0
    assert (margins(constant) == 0.0).all()


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({}, "groups: expected at least one"),
        ({"a": np.array([], dtype=int)}, "groups: expected at least one, each with a channel, found 'a'"),
        ({"a": np.arange(3), "b": np.arange(2, 5)}, "groups: expected no channel in two groups, found channels 2"),
    ],
)
def test_groups_that_are_none_empty_or_shared_are_refused(groups, message):
    with pytest.raises(AuditError, match=message):
        group_channels(spectra(), groups)


def test_parts_that_hold_nothing_are_refused():
    whole = group_channels(spectra(), {"all": np.arange(D)})
    with pytest.raises(AuditError, match="the group holds every channel"):
        list(whole.all_but_one())
    with pytest.raises(AuditError, match="window lengths: expected 1 to 1 groups, found 2"):
        list(whole.windows([1, 2]))
    with pytest.raises(AuditError, match="groups: expected some of 'all', found 'x'"):
        whole.union(["x"])

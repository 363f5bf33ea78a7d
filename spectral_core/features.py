"""The same audit on features without an axis: pixels, excitation–emission pairs, anything with a name.

Bands and blanks are sets of feature names. No feature has a neighbour, so whatever needs one is left out: guards
beside bands, preprocessing along the axis, scalars of noise, slope, curvature and spikes, windows to occlude, bands
shifted along a map. A band is then a set of features said to separate the classes, off-band every feature of no
band, a blank a set said to know nothing of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spectral_core.audit import judge_blocks
from spectral_core.audit_input import contenders, design_of_rows, make_settings, real_matrix
from spectral_core.audit_report import AuditReport, Subject, describe_design, describe_spectra
from spectral_core.controls.blocks import Block, Blocks
from spectral_core.controls.nuisance import nuisance_scalars
from spectral_core.errors import AuditError, offenders
from spectral_core.places import listed
from spectral_core.probe import threads_for
from spectral_core.regions import Mask
from spectral_core.relevance import Region

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

Floats = npt.NDArray[np.float64]
Groups = Mapping[str, Collection[str]]


@dataclass(frozen=True)
class FeaturePlaces:
    """Bands and blanks as sets of features: masks over the d `features`, by name."""

    features: tuple[str, ...]
    bands: Mapping[str, Mask]
    blanks: Mapping[str, Mask]
    axis_unit = "feature"
    on_axis = False
    scalars = "level or norm"
    nothing = "nothing of the classes is there"

    @property
    def off_band(self) -> Mask:
        """Features of no band."""
        return ~_union(self.bands, len(self.features))

    def name(self, declared: Mapping[str, Mask]) -> str:
        """Write groups as `'centre' (36 features) and 'edge' (1 feature)`."""
        return listed([f"{name!r} ({_counted(int(mask.sum()))})" for name, mask in declared.items()])

    def position(self, at: float) -> str:
        """Write a feature by its name."""
        return repr(self.features[int(at)])

    def regions(self, axis: Floats) -> list[Region]:
        """Give bands, all of them together, off-band and blanks."""
        found = [Region(name, "band", mask) for name, mask in self.bands.items()]
        if len(self.bands) > 1:
            found.append(Region("all declared bands", "bands", ~self.off_band))
        if self.bands and self.off_band.any():
            found.append(Region("off-band", "off_band", self.off_band))
        return found + [Region(name, "blank", mask) for name, mask in self.blanks.items()]

    def to_dict(self) -> dict[str, Any]:
        """Give the groups as lists of names."""
        return {
            "axis_unit": self.axis_unit,
            "bands": {n: {"features": self._names(m), "assignment": ""} for n, m in self.bands.items()},
            "blanks": {n: {"features": self._names(m), "reason": ""} for n, m in self.blanks.items()},
            "off_band": [],
            "off_band_features": self._names(self.off_band) if self.bands else [],
        }

    def _names(self, mask: Mask) -> list[str]:
        return [self.features[i] for i in np.flatnonzero(mask)]


def audit_features(
    X: npt.ArrayLike,
    y: Sequence[object] | npt.NDArray[np.generic],
    *,
    features: Sequence[str],
    bands: Groups | None = None,
    blank: Groups | None = None,
    unit: Sequence[object] | npt.NDArray[np.generic] | None = None,
    batch: Sequence[object] | npt.NDArray[np.generic] | None = None,
    acquired_at: Sequence[object] | npt.NDArray[np.generic] | None = None,
    estimator: BaseEstimator | None = None,
    n_permutations: int = 1999,
    delta: float = 0.05,
    alpha: float = 0.05,
    n_folds: int = 5,
    seed: int,
) -> AuditReport:
    """Judge whether a classifier is accurate because of the declared features.

    The rules, tests and report are those of `audit_classifier`; the order of the features never matters to them.

    Args:
        X: n × d values: numpy array, xarray.DataArray or dask array.
        y: n class labels, two or more classes.
        features: d names, all different.
        bands: Name to the features that are said to separate the classes; a feature may be in several bands.
        blank: Name to the features that know nothing of the classes: background, edge, physically empty.
        unit: What is independent (specimen, patient, writer), one value a row.
        batch: Session, day, plate or instrument, one value a row.
        acquired_at: When each row was measured: times or running numbers, one value a row.
        estimator: Unfitted scikit-learn classifier or Pipeline, as in `audit_classifier`; the closed-form probe
            where there is none.
        n_permutations: Label permutations behind each p-value.
        delta: Smallest gain in balanced accuracy worth having.
        alpha: Error level.
        n_folds: Folds of the cross-validation, drawn blind to the labels.
        seed: Seed of folds and permutations; the same seed gives the same report.

    Raises:
        AuditError: Names that are unknown or repeated, an empty group, a feature in a band and in a blank, values
            that are missing or infinite, shapes that disagree, or one class.
    """
    settings = make_settings(n_permutations, delta, alpha, n_folds, seed)
    names = _feature_names(features)
    x = real_matrix(X, len(names), "features")
    _refuse_missing(x, names)
    design = design_of_rows(x.shape[0], y, unit=unit, batch=batch, acquired_at=acquired_at)
    places = locate_features(names, bands=bands or {}, blanks=blank or {})
    with threads_for(x.size):
        blocks = {"raw": _blocks(x, places)}
        axis = blocks["raw"].axis
        spectra = describe_spectra(x, axis, design, places) | {"features": list(names)}
        subject = Subject(describe_design(design, len(names)), places.to_dict(), spectra)
        return judge_blocks(blocks, subject, design, places, settings, models=contenders(estimator, settings))


def locate_features(features: tuple[str, ...], *, bands: Groups, blanks: Groups) -> FeaturePlaces:
    """Find the features of each declared group.

    Raises:
        AuditError: A name is unknown or repeated, a group is empty, or a feature is in a band and in a blank.

    Example:
        >>> found = locate_features(("a", "b", "c"), bands={"first": {"a"}}, blanks={})
        >>> found.name(found.bands), found.off_band.tolist()
        ("'first' (1 feature)", [False, True, True])
    """
    place = {name: i for i, name in enumerate(features)}
    masks = {
        kind: {name: _mask(f"{kind} {name!r}", group, place) for name, group in groups.items()}
        for kind, groups in (("band", bands), ("blank", blanks))
    }
    for blank, empty in masks["blank"].items():
        for band, mask in masks["band"].items():
            shared = [features[i] for i in np.flatnonzero(empty & mask)]
            if shared:
                found = f"{offenders(shared)} of band {band!r}"
                raise AuditError(f"blank {blank!r}", "no feature of a declared band", found, "Move them out of one.")
    return FeaturePlaces(features, masks["band"], masks["blank"])


def _mask(where: str, group: Collection[str], place: Mapping[str, int]) -> Mask:
    if isinstance(group, str):
        raise AuditError(where, "a collection of feature names", f"the text {group!r}", "Put the name in a list.")
    names = list(group)
    unknown = [name for name in names if name not in place]
    if unknown:
        raise AuditError(where, "names of features", f"{offenders(unknown)}", "Correct the names or add the features.")
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated or not names:
        found = f"{offenders(repeated)} repeated" if repeated else "no feature"
        raise AuditError(where, "each feature once, one at least", found, "Correct the group.")
    mask = np.zeros(len(place), dtype=np.bool_)
    mask[[place[name] for name in names]] = True
    return mask


def _feature_names(features: Sequence[str]) -> tuple[str, ...]:
    names = tuple(features)
    wrong = [name for name in names if not isinstance(name, str)]
    if wrong or isinstance(features, str):
        raise AuditError("features", "a list of texts", offenders(wrong) if wrong else f"the text {features!r}",
                         "Name every column of X by a text.")  # fmt: skip
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise AuditError("features", "names that are all different", f"{offenders(repeated)} repeated",
                         "Name every column of X by its own name.")  # fmt: skip
    return names


def _refuse_missing(x: npt.NDArray[np.floating], names: tuple[str, ...]) -> None:
    if not np.isfinite(x).all():
        row, column = np.argwhere(~np.isfinite(x))[0]
        raise AuditError(f"X, row {row + 1}, feature {names[column]!r}", "a finite number", f"{x[row, column]}",
                         "Fill in or leave out what was not measured.")  # fmt: skip


def _blocks(x: npt.NDArray[np.floating], places: FeaturePlaces) -> Blocks:
    """Cut the rows into what is asked; nothing lies between bands and off-band."""
    d = len(places.features)
    blank, off_band = _union(places.blanks, d), places.off_band
    asked = {"full": np.ones(d, dtype=np.bool_), "blank": blank}
    if places.bands:
        asked |= {"bands": ~off_band, "off_band": off_band}
    found = {name: Block(x[:, mask], int(mask.sum())) for name, mask in asked.items() if mask.any()}
    measured = places.blanks or ({"off-band": off_band} if places.bands and off_band.any() else {})
    axis = np.arange(d, dtype=np.float64)
    scalars = nuisance_scalars(x, axis, measured, on_axis=False)
    if scalars.names:
        found["nuisance"] = Block(scalars.values, sum(int(mask.sum()) for mask in measured.values()))
    return Blocks(found, axis, scalars, "the blanks" if places.blanks else "off-band")


def _union(masks: Mapping[str, Mask], d: int) -> Mask:
    return np.asarray(np.logical_or.reduce([np.zeros(d, dtype=np.bool_), *masks.values()]))


def _counted(n: int) -> str:
    return f"{n} feature{'s' * (n != 1)}"

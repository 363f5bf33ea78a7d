"""Preprocessing that learns from several spectra: scikit-learn transformers for a model's pipeline.

They are refitted in every fold and never materialised: that is the wall against leakage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    OneToOneFeatureMixin,
    TransformerMixin,
)
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted, validate_data

from spectral_core.preprocessing.arguments import whole_number
from spectral_core.preprocessing.per_spectrum import row_blocks
from spectral_core.preprocessing.row_scalars import row_products, short_buffers
from spectral_core.preprocessing.single_precision import scatter_corrected

Spectra = npt.NDArray[Any]
_PRECISIONS = (np.float64, np.float32)
# A slope this small against the spectrum is rounding; see the like threshold of SNV.
_UNRELATED = 1e-12


class MSC(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Multiplicative scatter correction against the mean of the training spectra.

    Each spectrum x is fitted as x ≈ a + b·reference by least squares and becomes (x − a)/b (Geladi,
    MacDougall & Martens, Appl. Spectrosc. 39:491, 1985). A spectrum without any slope on the reference (b
    = 0, as a constant one has) leaves nothing to correct and becomes the reference.

    Attributes:
        reference_: d intensities, the mean training spectrum.
    """

    def fit(self, X: npt.ArrayLike, y: object = None) -> Self:
        """Learn the reference from n × d spectra; `y` is not used."""
        spectra = validate_data(self, X, dtype=_PRECISIONS)
        self.reference_ = spectra.mean(axis=0, dtype=np.float64)
        return self

    def transform(self, X: npt.ArrayLike) -> Spectra:
        """Correct n × d spectra against the learned reference."""
        check_is_fitted(self)
        spectra = validate_data(self, X, dtype=_PRECISIONS, reset=False)
        return msc(spectra, self.reference_)

    def __sklearn_tags__(self) -> Any:
        return _with_float32(super().__sklearn_tags__())


class Pareto(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Centre each channel and divide it by the square root of its standard deviation; constant channels by 1.

    van den Berg et al., BMC Genomics 7:142 (2006).

    Attributes:
        mean_: d channel means of the training spectra.
        scale_: d divisors.
    """

    def fit(self, X: npt.ArrayLike, y: object = None) -> Self:
        """Learn mean and spread of each channel from n × d spectra; `y` is not used."""
        scaler = StandardScaler().fit(validate_data(self, X, dtype=_PRECISIONS))
        self.mean_, self.scale_ = scaler.mean_, np.sqrt(scaler.scale_)
        return self

    def transform(self, X: npt.ArrayLike) -> Spectra:
        """Centre and scale n × d spectra."""
        check_is_fitted(self)
        spectra = validate_data(self, X, dtype=_PRECISIONS, reset=False)
        scaled: Spectra = (spectra - self.mean_) / self.scale_
        return scaled.astype(spectra.dtype, copy=False)

    def __sklearn_tags__(self) -> Any:
        return _with_float32(super().__sklearn_tags__())


class PrincipalComponents(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Scores on the first principal components; fewer than asked where n or d is smaller.

    scikit-learn's PCA by exact decomposition. It refuses more components than channels, which would stop a
    pipeline as soon as the audit crops the spectra to a narrow blank.

    Args:
        components: Largest number of components.

    Attributes:
        pca_: The fitted PCA.
    """

    def __init__(self, components: int = 10) -> None:
        self.components = components

    def fit(self, X: npt.ArrayLike, y: object = None) -> Self:
        """Learn the components from n × d spectra; `y` is not used."""
        spectra = validate_data(self, X, dtype=_PRECISIONS, ensure_min_samples=2)
        self.pca_ = PCA(n_components=min(self.components, *spectra.shape), svd_solver="full").fit(spectra)
        self._n_features_out = self.pca_.n_components_
        return self

    def transform(self, X: npt.ArrayLike) -> Spectra:
        """Project n × d spectra onto the components."""
        check_is_fitted(self)
        scores: Spectra = self.pca_.transform(validate_data(self, X, dtype=_PRECISIONS, reset=False))
        return scores

    def __sklearn_tags__(self) -> Any:
        return _with_float32(super().__sklearn_tags__())


def msc(x: Spectra, reference: npt.NDArray[np.float64]) -> Spectra:
    """Remove from each spectrum its least-squares offset and slope on the reference.

    Args:
        x: n × d spectra.
        reference: d intensities.

    Example:
        >>> reference = np.array([0.0, 1.0, 4.0])
        >>> msc(np.array([3 + 2 * reference]), reference).round(6) + 0
        array([[0., 1., 4.]])
    """
    if x.dtype == np.float32:
        return scatter_corrected(x, reference, lambda rows: _msc(rows, reference))
    return _msc(x, reference)


def _msc(x: Spectra, reference: npt.NDArray[np.float64]) -> Spectra:
    mean, centred = reference.mean(), reference - reference.mean()
    length = float(centred @ centred)
    out = np.empty(x.shape, dtype=x.dtype)
    with short_buffers():
        for rows in row_blocks(x):
            block = x[rows].astype(np.float64)
            slope = row_products(block, centred) / (length or 1.0)
            unrelated = np.abs(slope) * np.sqrt(length) <= _UNRELATED * np.sqrt(row_products(block, block))
            slope[unrelated] = np.inf
            block -= block.mean(axis=1, keepdims=True)
            np.divide(block, slope[:, None], out=block)
            block += mean
            block[unrelated] += centred
            out[rows] = block
    return out


def _with_float32(tags: Any) -> Any:
    tags.transformer_tags.preserves_dtype = ["float64", "float32"]
    return tags


def _pca(components: int = 10) -> PrincipalComponents:
    return PrincipalComponents(whole_number(components, step="pca", name="components", least=1))


def _scale() -> StandardScaler:
    return StandardScaler()


def _mean_centre() -> StandardScaler:
    return StandardScaler(with_std=False)


FITTED: Mapping[str, Callable[..., TransformerMixin]] = {
    "msc": MSC, "mean_centre": _mean_centre, "scale": _scale, "pareto": Pareto, "pca": _pca,
}  # fmt: skip

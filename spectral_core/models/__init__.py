"""Models as texts: zero or more fitted steps, then one classifier.

| classifier | what it is |
|---|---|
| `ridge(penalty=1.0)` | ridge on centred class indicators; 1 leaves n/3 degrees of freedom where d >> n |
| `pls-da(components=10)` | partial least squares on class indicators, components capped at the rank |
| `lda(components=10)` | linear discriminants of the first principal components (PCA-LDA), equal priors |
| `svm-rbf(cost=10.0)` | support vectors on centred spectra, gamma 1 / total variance, balanced |
| `random-forest(trees=100)` | trees on the channels as they are, balanced |
| `k-nn(neighbours=5)` | votes of the nearest spectra, each weighed by one over the size of its class |

No classifier scales the channels by itself: on spectra that blows up the channels that hold only noise. Write
`scale | svm-rbf` to have it. All weigh classes, not spectra: a small class
counts as much as a large one.
"""

from spectral_core.models.chain import CLASSIFIERS, Model, parse_model

__all__ = ["CLASSIFIERS", "Model", "parse_model"]

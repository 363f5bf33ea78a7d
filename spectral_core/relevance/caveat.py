"""The caveat `relevance_off_band`: it stands beside a verdict and never decides it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spectral_core.relevance.examination import RelevanceReport

_MOSTLY = 0.5  # agreement from which the bands hold most of the pattern beyond their share of the channels


def relevance_is_off_band(report: RelevanceReport, *, above_chance: bool, alpha: float) -> bool:
    """Tell whether a model that classifies is not seen to look at the declared bands.

    True where the model is above chance, bands were declared, and the Haufe pattern lies no more inside them
    than patterns of shuffled labels do (p > alpha), nor most of it: where a declared band makes nearly all variance,
    shuffled labels lie in it as well, and p says nothing. The pattern alone is asked: weights may be large where
    nothing of the class is. Beside a model at chance there is no relevance to place.
    """
    found = report.agreement.get("pattern")
    return above_chance and found is not None and found.p_labels > alpha and found.agreement < _MOSTLY


def _position(at: float) -> str:
    return f"{at:,.6g}"


def explain_relevance_off_band(report: RelevanceReport, *, position: Callable[[float], str] = _position) -> str:
    """Write the caveat's sentences, with the numbers and the place outside the bands that stands out most.

    `position` writes a channel's place on the axis.
    """
    found, pattern = report.agreement["pattern"], report.maps["pattern"]
    inside = np.logical_or.reduce([row.region.channels for row in report.per_band if row.region.kind == "band"])
    excess = np.where(inside, -np.inf, np.abs(pattern.values) - pattern.simultaneous)
    place = position(float(report.axis[excess.argmax()]))
    standing_out = (
        f"Outside them it stands out most at {place}: look what lies there."
        if excess.max() > 0
        else "Nowhere outside them does it stand out of what shuffled labels give."
    )
    return (
        f"{found.share:.0%} of the classifier's pattern lies inside the declared bands, which hold "
        f"{found.expected:.0%} of the channels, no more than shuffled labels give (agreement {found.agreement:+.2f}; "
        f"shuffled labels reach {found.null_high:+.2f}, p = {found.p_labels:.2g}). {standing_out}"
    )

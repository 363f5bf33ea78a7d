"""The nuisance scalar that tells the classes apart best: what means hide, one dot for each spectrum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spectral_core.controls.nuisance import spoken
from spectral_core.report.markup import Markup, join, tag
from spectral_core.report.scale import Frame, ticks
from spectral_core.report.typography import is_number, prose, share

Part = Mapping[str, Any]
_LEVELS = 5  # dots are moved up and down by turns, so that neighbours do not hide one another


def scalar_dots_html(report: Part) -> Markup | None:
    """Draw the scalar of the first variant that has one; a row of dots for each class."""
    variants: Sequence[Part] = report.get("variants") or []
    shown = next((v for v in variants if _values(v.get("telling_scalar"))), None)
    if shown is None:
        return None
    scalar = shown["telling_scalar"]
    values = _values(scalar)
    every = [v for of_class in values.values() for v in of_class]
    margin = 0.03 * (max(every) - min(every)) or 1.0
    frame = Frame(min(every) - margin, max(every) + margin, 0.0, 1.0)
    labels = [*dict.fromkeys([*((report.get("spectra") or {}).get("mean") or {}), *values])]
    rows = [_row(label, labels.index(label), values[label], frame) for label in labels if label in values]
    foot = tag("tr", tag("td"), tag("td", _scale(frame), class_="plot"), aria_hidden="true")
    name = f"{spoken(str(scalar.get('name', '')))}: AUC {share(scalar.get('auc'))}"
    table = tag("table", tag("tbody", *rows), tag("tfoot", foot), class_="scalar-dots")
    return tag("figure", table, tag("figcaption", *_caption(name, str(shown.get("variant", "")))), class_="spectra")


def _values(scalar: Part | None) -> dict[str, list[float]]:
    given: Mapping[str, Any] = (scalar or {}).get("values") or {}
    kept = {str(label): [float(v) for v in of_class if is_number(v)] for label, of_class in given.items()}
    return {label: of_class for label, of_class in kept.items() if of_class}


def _row(label: str, number: int, values: Sequence[float], frame: Frame) -> Markup:
    dots = [
        tag("circle", cx=f"{frame.across(v):.2f}%", cy=f"{20 + 60 * (i % _LEVELS) / (_LEVELS - 1):.0f}%", r="3",
            class_=f"k{number % 8}")
        for i, v in enumerate(values)
    ]  # fmt: skip
    said = f"{label}: {min(values):.3g} to {max(values):.3g}"
    drawn = tag("svg", tag("title", said), *dots, class_="strip", role="img")
    return tag("tr", tag("th", prose(label), scope="row"), tag("td", drawn, class_="plot"))


def _scale(frame: Frame) -> Markup:
    labels = [tag("text", f"{t:g}".replace("-", "−"), x=f"{frame.across(t):.2f}%", y="14")
              for t in ticks(frame.left, frame.right, most=7)]  # fmt: skip
    return tag("svg", *labels, class_="strip")


def _caption(name: str, variant: str) -> list[Markup]:
    return [
        tag("strong", "What means hide. "),
        join(prose(name), ", the nuisance scalar that tells two of the classes apart best (", tag("code", variant),
             "). A dot is a spectrum; in standard deviations over all spectra, noise and norm as logarithms. "
             "AUC 0.5 is chance, 1 is perfect."),
    ]  # fmt: skip

"""Band relevance of one variant: a table per band, maps per channel with their nulls, agreement with the bands.

Maps support a verdict; they do not decide it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spectral_core.inference import Estimate
from spectral_core.probe.threads import threads_for
from spectral_core.regions import Intervals
from spectral_core.relevance.agreement import Agreement, measure_agreement
from spectral_core.relevance.band_table import BandRow, Judge, Region, judge_region, list_regions
from spectral_core.relevance.linear_model import fold_models, prepare_model
from spectral_core.relevance.maps import RelevanceMap, against_null, weight_and_pattern
from spectral_core.relevance.occlusion import cut_windows, occlude
from spectral_core.relevance.pls_maps import count_components, vip_and_selectivity
from spectral_core.splits import Codes, Design

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
MOST_LABELINGS = 199
_SIGNED = frozenset({"weights", "pattern"})


@dataclass(frozen=True)
class RelevanceReport:
    """What the classifier looks at.

    `per_band` one row a region; `maps` by name: `weights`, `pattern`, `vip`, `selectivity_ratio` on `axis`, and
    where channels have neighbours `occlusion_mean` and `occlusion_interpolated` on windows; `agreement` of the first
    four with the declared bands, by map, empty where bands hold no channel or every channel. Of two classes, weights
    and pattern keep their sign: positive speaks for `positive_class` ("" of several). `n_permutations` behind each
    null.
    """

    axis: Floats
    per_band: tuple[BandRow, ...]
    maps: Mapping[str, RelevanceMap]
    agreement: Mapping[str, Agreement]
    positive_class: str
    n_permutations: int
    pls_components: int
    alpha: float

    def __str__(self) -> str:
        found = self.agreement.get("pattern")
        if found is None:
            return f"relevance of {self.axis.size} channels, no bands to agree with"
        return (
            f"{found.share:.0%} of the pattern inside bands that hold {found.expected:.0%} of the channels, "
            f"p = {found.p_labels:.2g}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Give the report as plain values: maps with six digits, their nulls with four."""
        return {
            "axis": _rounded(self.axis, 8),
            "positive_class": self.positive_class,
            "n_permutations": self.n_permutations,
            "pls_components": self.pls_components,
            "alpha": self.alpha,
            "maps": {name: _map_to_dict(found, self.axis) for name, found in self.maps.items()},
            "agreement": {name: vars(found) | {} for name, found in self.agreement.items()},
            "per_band": [_row_to_dict(row) for row in self.per_band],
        }

    def to_frame(self) -> pd.DataFrame:
        """Tabulate the regions: one row each, an estimate and its interval in three columns."""
        import pandas as pd

        return pd.DataFrame([_flat(_row_to_dict(row)) for row in self.per_band])


def examine_relevance(
    matrix: npt.NDArray[np.floating],
    axis: Floats,
    design: Design,
    folds: Sequence[Codes],
    labelings: Codes,
    *,
    bands: Intervals,
    blanks: Intervals,
    alpha: float,
    most_labelings: int = MOST_LABELINGS,
) -> RelevanceReport:
    """Examine what the probe looks at in preprocessed spectra: `examine_regions` of intervals.

    Args:
        matrix: n × d spectra after the variant's chain.
        axis: d positions of their channels.
        design: Classes and units.
        folds: Spectra held out together, as everywhere in the audit.
        labelings: n × (1 + P) class codes, the observed ones first.
        bands: Name to (low, high) of each declared band; bands outside `axis` are left out.
        blanks: Name to (low, high) of each declared blank.
        alpha: Error level of intervals and null levels.
        most_labelings: Permutations used at most; a map's p-value needs no more.

    Returns:
        The table, the maps and the agreement.
    """
    regions = list_regions(axis, bands, blanks)
    return examine_regions(matrix, axis, design, folds, labelings, regions, alpha=alpha, most_labelings=most_labelings)


def examine_regions(
    matrix: npt.NDArray[np.floating],
    axis: Floats,
    design: Design,
    folds: Sequence[Codes],
    labelings: Codes,
    regions: Sequence[Region],
    *,
    alpha: float,
    on_axis: bool = True,
    most_labelings: int = MOST_LABELINGS,
) -> RelevanceReport:
    """Examine what the probe looks at, region by region and channel by channel.

    Args:
        matrix: n × d preprocessed spectra.
        axis: d positions of their channels, or their numbers.
        design: Classes and units.
        folds: Spectra held out together, as everywhere in the audit.
        labelings: n × (1 + P) class codes, the observed ones first.
        regions: Rows of the table; those of kind band are what maps are compared with.
        alpha: Error level of intervals and null levels.
        on_axis: Whether channels have neighbours; else there are no windows to occlude and no bands to shift.
        most_labelings: Permutations used at most; a map's p-value needs no more.
    """
    codes = np.asarray(labelings[:, : most_labelings + 1])
    n_classes = len(design.classes)
    with threads_for(matrix.size):
        model = prepare_model(matrix)
        components = count_components(*matrix.shape)
        drawn = weight_and_pattern(model, codes, n_classes)
        drawn |= vip_and_selectivity(model, codes, n_classes, components=components)
        fits = list(fold_models(model, codes, folds, n_classes, unit=design.unit))
        maps = {
            name: against_null(name, axis, values, signed=n_classes == 2 and name in _SIGNED, alpha=alpha)
            for name, values in drawn.items()
        }
        maps |= _occlusion_maps(Judge(model, fits, design, codes, alpha), axis) if on_axis else {}
        observed = {name: values[:, 0].copy() for name, values in drawn.items()}
        agreement = _agreements(drawn, regions, alpha=alpha, on_axis=on_axis)
        del drawn  # the rows need one labeling of maps and fits, and room for their own matrices
        judge = Judge(model, [fold.observed() for fold in fits], design, codes, alpha)
        del fits
        rows = tuple(judge_region(judge, region, observed) for region in regions)
    positive = design.classes[1] if n_classes == 2 else ""
    return RelevanceReport(axis, rows, maps, agreement, positive, codes.shape[1] - 1, components, alpha)


def _agreements(
    drawn: Mapping[str, Floats], regions: Sequence[Region], *, alpha: float, on_axis: bool
) -> dict[str, Agreement]:
    """Agreement of each map with the bands; none where bands hold no channel or every channel."""
    inside = np.zeros(len(next(iter(drawn.values()))), dtype=np.bool_)
    for region in regions:
        inside |= region.channels & (region.kind == "band")
    if not inside.any() or inside.all():
        return {}
    return {
        name: measure_agreement(name, values, inside, alpha=alpha, shifts=on_axis) for name, values in drawn.items()
    }  # fmt: skip


def _occlusion_maps(judge: Judge, axis: Floats) -> dict[str, RelevanceMap]:
    windows = cut_windows(axis.size)
    found = occlude(judge.model, judge.folds, axis, judge.design, judge.codes, windows)
    centres = np.array([axis[window].mean() for window in windows])
    return {
        name: against_null(name, centres, values, signed=False, alpha=judge.alpha)
        for name, values in (("occlusion_mean", found.mean_fill), ("occlusion_interpolated", found.interpolated))
    }


def _rounded(values: Floats, digits: int) -> list[float]:
    return [float(f"{v:.{digits}g}") for v in values]


def _map_to_dict(found: RelevanceMap, axis: Floats) -> dict[str, Any]:
    own = {} if found.position is axis else {"position": _rounded(found.position, 8)}
    return own | {
        "values": _rounded(found.values, 6),
        "pointwise": _rounded(found.pointwise, 4),
        "simultaneous": _rounded(found.simultaneous, 4),
        "p": found.p,
        "signed": found.signed,
    }


def _row_to_dict(row: BandRow) -> dict[str, Any]:
    estimates: dict[str, Estimate | None] = {
        "alone": row.alone, "sufficiency": row.sufficiency, "without": row.without, "necessity": row.necessity,
        "joint_loss": row.joint_loss, "conditional_loss": row.conditional_loss,
    }  # fmt: skip
    return {
        "name": row.region.name, "kind": row.region.kind, "n_channels": row.n_channels, "alone_p": row.alone_p,
        **{name: found.to_dict() if found else None for name, found in estimates.items()},
        "shares": dict(row.shares),
    }  # fmt: skip


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in row.items():
        if key == "shares":
            flat |= {f"{name}_share": share for name, share in value.items()}
        elif isinstance(value, dict):
            flat |= {key: value["estimate"], f"{key}_low": value["interval"][0], f"{key}_high": value["interval"][1]}
        else:
            flat[key] = value
    return flat

"""Features without an axis: what stands in the place of shaded intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spectral_core.report.markup import Markup, join, table, tag
from spectral_core.report.typography import ABSENT, number

Part = Mapping[str, Any]
_MOST = 24  # names shown of one group
_SAID = (
    "These are features without an axis. Read “channel” on this page as feature, “band” as a declared group of "
    "features, “off-band” as every feature of no group; there are no guards, and no check that needs neighbours was "
    "made. Figures show the features in the order in which they were given, which no number depends on."
)


def feature_groups_html(report: Part) -> Markup | None:
    """List bands, blanks and off-band by the names of their features; `None` where channels lie on an axis."""
    regions = report.get("regions") or {}
    if "off_band_features" not in regions:
        return None
    groups = [
        *[(name, "band", part.get("features") or []) for name, part in (regions.get("bands") or {}).items()],
        *[(name, "blank", part.get("features") or []) for name, part in (regions.get("blanks") or {}).items()],
        *([("off-band", "neither", regions["off_band_features"])] if regions["off_band_features"] else []),
    ]
    rows = [[str(name), kind, number(len(names)), _named(names)] for name, kind, names in groups]
    shown = table(["Group", "Kind", "Features", "Names"], rows, caption="Declared groups of features", numeric_from=9)
    return join(tag("p", _SAID), shown if rows else None)


def _named(names: list[str]) -> str:
    if not names:
        return ABSENT
    rest = len(names) - _MOST
    return " · ".join(map(str, names[:_MOST])) + (f" and {number(rest)} more" if rest > 0 else "")

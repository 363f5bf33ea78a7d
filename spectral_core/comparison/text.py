"""A comparison as plain lines of at most 79 characters, for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from spectral_core.comparison.comparison import Codes, Comparison
from spectral_core.comparison.figures import Figure
from spectral_core.comparison.noise import Contrast
from spectral_core.comparison.regions import RegionChange
from spectral_core.comparison.sentences import (
    change_text,
    data_lines,
    difference,
    finding,
    notes,
    region_finding,
    summary,
    verdict,
)
from spectral_core.comparison.side import Side
from spectral_core.report.typography import bounds, p_value, share

WIDTH = 79
_MOST_UNITS = 12
_MOST_CHANGES = 20
_NAME = 11
_SHORT = {"full": "full", "bands": "bands", "off_band": "off-band", "blank": "blanks", "nuisance": "nuisance"}


def comparison_lines(found: Comparison) -> list[str]:
    """Write a comparison: the answer first, then data, declarations, reasons, figures, relevance and what to know."""
    return [
        *wrapped(summary(found)), "", *_side("A", found.a), *_side("B", found.b),
        *_section("What changed in the data", _data(found)),
        *_section("What was declared differently", _declared(found)),
        *_section("Verdicts and reasons", _reasons(found)),
        *_section("More than noise", [finding(found, f) for f in found.moved]
                  + [region_finding(r) for r in found.moved_regions] or ["Nothing."]),
        *_section("Figures (* more than noise, see above)", [], _figures(found)),
        *_section("Relevance of the declared regions, each classified alone", [], _regions(found)),
        *_section("To be known", notes(found)),
    ]  # fmt: skip


def wrapped(text: str, *, indent: str = "", first: str | None = None) -> list[str]:
    """Break a sentence into lines of at most 79 characters; names are never broken."""
    return textwrap.wrap(text, WIDTH, initial_indent=indent if first is None else first, subsequent_indent=indent,
                         break_long_words=False, break_on_hyphens=False)  # fmt: skip


def _section(title: str, sentences: list[str], table: list[str] | None = None) -> Iterator[str]:
    if sentences or table:
        yield from ("", title)
        for sentence in sentences:
            yield from wrapped(sentence, indent="    ", first="  ")
        yield from table or []


def _side(name: str, side: Side) -> list[str]:
    told = [part for part in (side.study, side.snapshot and f"snapshot {side.snapshot}") if part]
    when = side.written_at.isoformat(" ", "minutes")[:16] if side.written_at else ""
    told += [f"of {when} UTC"] if when else []
    where = f"{', '.join(told)} ({side.name})" if told else side.name
    return wrapped(f"{where}: {verdict(str(side.report['verdict']))}", indent="   ", first=f"{name}  ")


def _data(found: Comparison) -> list[str]:
    lines = data_lines(found)
    for part in (found.data.added, found.data.removed):
        if part is not None and part.units:
            more = len(part.units) - _MOST_UNITS
            told = ", ".join(part.units[:_MOST_UNITS]) + (f" and {more} more (--json lists all)" if more > 0 else "")
            lines.append(f"{'New' if part is found.data.added else 'Gone'}: {told}.")
    return lines


def _declared(found: Comparison) -> list[str]:
    changes = [f"{c.key}: {change_text(c.a)} → {change_text(c.b)}" for c in [*found.settings, *found.versions]]
    more = len(changes) - _MOST_CHANGES
    seeds = {side.report["settings"].get("seed") for side in (found.a, found.b)}
    same = f"Nothing; the seed of both is {seeds.pop()}." if len(seeds) == 1 else "Nothing but the seed."
    return [*changes[:_MOST_CHANGES], *([f"and {more} more (--json lists all)"] if more > 0 else [])] or [same]


def _reasons(found: Comparison) -> list[str]:
    lines = [f"{name}: {verdict(a)} → {verdict(b)}" for name, (a, b) in found.verdicts.items() if a != b]
    lines += ["Every variant kept its verdict."] if not lines else []
    return [*lines, *_codes("Reason", found.reasons), *_codes("Caveat", found.caveats)]


def _codes(kind: str, codes: Codes) -> list[str]:
    lines = [f"{kind} came: {row['code']}. {row['message']}" for row in codes.came]
    lines += [f"{kind} went: {row['code']}. {row['message']}" for row in codes.went]
    stayed = ", ".join(row["code"] for row in codes.stayed)
    return [*lines, *([f"{kind}s that stayed: {stayed}."] if stayed else [])]


def _figures(found: Comparison) -> list[str]:
    lines: list[str] = []
    for variant in found.verdicts:
        rows = [figure for figure in found.figures if figure.variant == variant]
        lines += _table(variant, [_figure(found, figure) for figure in rows], first=not lines)
    return lines


def _regions(found: Comparison) -> list[str]:
    lines: list[str] = []
    for variant in dict.fromkeys(region.variant for region in found.regions):
        rows = [region for region in found.regions if region.variant == variant]
        lines += _table(variant, [_region(found, region) for region in rows], first=not lines)
    return lines


def _table(variant: str, rows: list[str], *, first: bool) -> list[str]:
    return [*([] if first else [""]), f"  {variant}", _row("", "A", "B", "B − A", "adj. p"), *rows] if rows else []


def _figure(found: Comparison, figure: Figure) -> str:
    apart = _difference(figure.contrasts.get("all"), absent="–")
    a, b = (None if side is None else side.ends for side in (figure.a, figure.b))
    return _row(_SHORT[figure.block], _accuracy(a), _accuracy(b), *apart, marked=figure in found.moved)


def _region(found: Comparison, region: RegionChange) -> str:
    apart = _difference(region.contrast, absent="moved" if region.moved else "–")
    a, b = (None if side is None else (side["alone"], *side["interval"]) for side in (region.a, region.b))
    return _row(region.region, _accuracy(a), _accuracy(b), *apart, marked=found.beyond(region.contrast))


def _difference(contrast: Contrast | None, *, absent: str) -> tuple[str, str]:
    return (absent, "–") if contrast is None else (difference(contrast), p_value(contrast.p_adjusted))


def _accuracy(ends: Sequence[float] | None) -> str:
    return "not asked" if ends is None else f"{share(ends[0])} {bounds([ends[1], ends[2]])}"


def _row(name: str, a: str, b: str, apart: str, p: str, *, marked: bool = False) -> str:
    name = name if len(name) <= _NAME else name[: _NAME - 1] + "…"
    return f"{'*' if marked else ' '} {name:{_NAME}} {a:>18} {b:>18} {apart:>20} {p:>6}"

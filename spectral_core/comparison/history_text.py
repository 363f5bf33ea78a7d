"""The audits of a study as plain lines of at most 79 characters."""

from __future__ import annotations

from spectral_core.comparison.history import KEY_FIGURES, History, Point, Turn
from spectral_core.comparison.sentences import change_text, listed, verdict
from spectral_core.comparison.text import wrapped
from spectral_core.report.typography import bounds, counted, share
from spectral_core.report.words import VERDICTS

_HEADS = {"full": "full", "off_band": "off-band", "blank": "blanks"}


def history_lines(found: History) -> list[str]:
    """Write verdicts and key figures, one line an audit, then where something turned."""
    lines = [*wrapped(history_summary(found)), ""]
    for place, variant in enumerate(found.variants):
        lines += ([""] if place else []) + [f"  {variant}"] + [_row("", "snap.", "", "", *_HEADS.values())]
        lines += [_line(number, point, variant) for number, point in enumerate(found.points, start=1)]
    told = [(number, point, turn_text(point.turn)) for number, point in enumerate(found.points, start=1)]
    if any(text for _, _, text in told):
        lines += ["", "What turned (* above)"]
        for number, point, text in told:
            if text:
                lines += wrapped(f"{number}  {when(point)}: {text}", indent="     ", first="  ")
    if found.passed_over:
        lines += ["", "Passed over"]
        lines += [line for text in found.passed_over for line in wrapped(text, indent="     ", first="  ")]
    return lines


def history_summary(found: History) -> str:
    """Say in two sentences how the verdict stands and when it last turned."""
    last, turned = found.points[-1], [(n, p) for n, p in found.turns if p.turn is not None and p.turn.verdict]
    snapshots = len({point.side.snapshot for point in found.points})
    told = f"{found.study}: {counted(len(found.points), 'audit')} of {counted(snapshots, 'snapshot')}; the last verdict"
    told = f"{told} is {verdict(last.verdict)}."
    if not turned:
        return f"{told} The verdict never changed."
    number, point = turned[-1]
    before, after = point.turn.verdict if point.turn and point.turn.verdict else ("", "")
    what = (
        f"It turned from {verdict(before)} to {verdict(after)} at snapshot {point.side.snapshot[:10]} (audit {number})"
    )
    times = "" if len(turned) == 1 else f", the last of {len(turned)} turns"
    return f"{told} {what}{times}."


def turn_text(turn: Turn | None) -> str:
    """Write what changed at an audit; "" where nothing did."""
    if turn is None:
        return ""
    told = [f"verdict {verdict(turn.verdict[0])} → {verdict(turn.verdict[1])}"] if turn.verdict else []
    told += [f"reasons came: {listed(turn.reasons_came)}"] if turn.reasons_came else []
    told += [f"reasons went: {listed(turn.reasons_went)}"] if turn.reasons_went else []
    changed = [f"{c.key} {change_text(c.a)} → {change_text(c.b)}" for c in turn.settings]
    if turn.study_changed:
        told.append("the study changed: " + (listed(changed) or "samples or quality"))
    told += [f"software changed: {listed(f'{c.key} {change_text(c.a)} → {change_text(c.b)}' for c in turn.versions)}"
             ] if turn.versions else []  # fmt: skip
    return "; ".join(told)


def when(point: Point) -> str:
    """Write when a snapshot was committed, or when its audit was made."""
    if point.when is not None:
        return point.when.isoformat(" ", "minutes")[:16]
    return str(point.side.report.get("created_at") or "unknown")[:16].replace("T", " ") + " (audited)"


def _line(number: int, point: Point, variant: str) -> str:
    found = point.side.variants().get(variant)
    cells = []
    for block in KEY_FIGURES:
        figure = point.figure(variant, block)
        cells.append("–" if figure is None else f"{share(figure.value)} {bounds([figure.low, figure.high])}")
    code = None if found is None else str(found["verdict"])
    shape = VERDICTS[code].shape if code in VERDICTS else " "
    turned = "*" if point.turn is not None and (point.turn.of_outcome or point.turn.study_changed) else ""
    return _row(f"{number}{turned}", point.side.snapshot[:5], shape, verdict(code), *cells)


def _row(number: str, snapshot: str, shape: str, told: str, *cells: str) -> str:
    return f" {number:>3} {snapshot:5} {shape:1} {told:12} {cells[0]:>17} {cells[1]:>17} {cells[2]:>17}".rstrip()

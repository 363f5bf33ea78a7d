"""What `offband compare` and `offband history` answer: plain lines, one document, and a page if asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from spectral_core.comparison import Comparison, compare_audits
from spectral_core.errors import OffbandError

if TYPE_CHECKING:
    from flows.terminal import Terminal
    from spectral_core.comparison import Side
    from spectral_core.comparison.history import History


def answer_comparison(terminal: Terminal, a: Side, b: Side, page: Path | None) -> Comparison:
    """Say what differs between two audits."""
    from spectral_core.comparison.page import save_comparison
    from spectral_core.comparison.text import comparison_lines

    found = compare_audits(a, b)
    written = None if page is None else _written(page, lambda: save_comparison(found, page))
    terminal.show("\n".join(comparison_lines(found)), *([f"\n{written}"] if written else []))
    terminal.answer(found.to_dict() | ({"html": str(written)} if written else {}))
    return found


def answer_history(terminal: Terminal, found: History, page: Path | None) -> None:
    """Say how verdict and key figures went."""
    from spectral_core.comparison.history_page import save_history
    from spectral_core.comparison.history_text import history_lines

    written = None if page is None else _written(page, lambda: save_history(found, page))
    terminal.show("\n".join(history_lines(found)), *([f"\n{written}"] if written else []))
    terminal.answer(found.to_dict() | ({"html": str(written)} if written else {}))


def _written(page: Path, save: Callable[[], Path]) -> Path:
    try:
        return save()
    except OSError as error:
        raise OffbandError(f"--html {page}", "a file that can be written", error.strerror or str(error),
                           "Name another place.") from None  # fmt: skip

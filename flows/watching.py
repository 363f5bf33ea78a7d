"""Watch an inbox, and trigger its ingestion when new files have become quiet.

`python -m flows.watching STUDY DEPLOYMENT` runs it alone, against the server of PREFECT_API_URL.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from watchfiles import Change, watch

from flows.triggering import Trigger
from spectral_core.archive import Stat
from spectral_core.archive.inbox import stat_of
from spectral_core.readers import named_as_source
from spectral_core.study import Study, load_study

SETTLE_S = 1.0
"""A file whose size and time of change stay the same this long is quiet."""

PATIENCE_S = 10.0
"""Quiet files wait at most this long for others that still change."""

TICK_MS = 250
LOOK_S = 1.0

Say = Callable[[str], None]


class Settling:
    """Files that have changed, until they are quiet.

    Args:
        settle_s: Seconds without a change after which a file is quiet.
        patience_s: Seconds that quiet files wait for those that are not.
    """

    def __init__(self, *, settle_s: float = SETTLE_S, patience_s: float = PATIENCE_S) -> None:
        self._settle_s, self._patience_s = settle_s, patience_s
        self._moving: dict[str, tuple[Stat | None, float]] = {}

    def changed(self, paths: Iterable[str], now: float) -> None:
        """Note that files have changed at a time in seconds."""
        for path in paths:
            self._moving[path] = (stat_of(Path(path)), now)

    def ready(self, now: float) -> int:
        """Give the number of files that are quiet and worth a run, and forget them; 0 while it pays to wait."""
        for path, (last, _) in list(self._moving.items()):
            stat = stat_of(Path(path))
            if stat is None:
                del self._moving[path]
            elif stat != last:
                self._moving[path] = (stat, now)
        quiet = {path: since for path, (_, since) in self._moving.items() if now - since >= self._settle_s}
        if not quiet:
            return 0
        if len(quiet) < len(self._moving) and now - min(quiet.values()) < self._settle_s + self._patience_s:
            return 0
        for path in quiet:
            del self._moving[path]
        return len(quiet)


def watch_inbox(study: Study, trigger: Trigger, say: Say) -> None:
    """Trigger a run at the start, whenever files have become quiet, and when an inbox that was away is back.

    Args:
        study: Says where the inbox is; what it has offband write, in `results` or moved, is not looked at.
        trigger: Starts runs, one at a time.
        say: Told what happens, a line each.
    """
    while True:
        identity = _wait_for(study.inbox, say)
        settling, due, looked = Settling(), True, -LOOK_S
        for paths in _changes(study, say):
            now = time.monotonic()
            settling.changed(paths, now)
            if files := settling.ready(now):
                due = True
                say(f"{files} new or changed files in {study.inbox}")
            if now - looked >= LOOK_S:
                looked = now
                if due:
                    due = not trigger.fire()
                else:
                    trigger.look()
            if _identity(study.inbox) != identity:
                break


def _changes(study: Study, say: Say) -> Iterator[list[str]]:
    """Give the paths that changed, several times a second, none at most times."""
    written = [study.results, *study.destinations().values()]
    folders = tuple(os.path.join(os.path.realpath(folder), "") for folder in written)  # noqa: PTH118

    def counts(change: Change, path: str) -> bool:
        ours = os.path.realpath(path).startswith(folders)
        return change is not Change.deleted and named_as_source(os.path.basename(path)) and not ours  # noqa: PTH119

    try:
        for changes in watch(
            study.inbox, watch_filter=counts, debounce=TICK_MS, step=50, rust_timeout=TICK_MS,
            yield_on_timeout=True, ignore_permission_denied=True,
        ):  # fmt: skip
            yield [path for _, path in changes]
    except OSError as error:
        say(f"{study.inbox} cannot be watched ({error}); the scheduled scan still sees it. Trying again.")
        time.sleep(5)


def _wait_for(inbox: Path, say: Say) -> tuple[int, int]:
    missing = False
    while (identity := _identity(inbox)) is None:
        if not missing:
            say(f"inbox {inbox}: expected a readable folder, found none. Mount it, or make it; serving goes on.")
        missing = True
        time.sleep(LOOK_S)
    if missing:
        say(f"inbox {inbox} is back")
    return identity


def _identity(folder: Path) -> tuple[int, int] | None:
    """Tell a folder from another that has taken its place: a mount that vanished, or came back."""
    try:
        stat = folder.stat()
    except OSError:
        return None
    return (stat.st_dev, stat.st_ino) if os.access(folder, os.R_OK | os.X_OK) else None


def main() -> None:
    """Watch until the process is ended."""
    if len(sys.argv) != 3:
        raise SystemExit("usage: python -m flows.watching STUDY DEPLOYMENT   (for example: study.toml ingest/watched)")
    study = load_study(Path(sys.argv[1]))

    def say(text: str) -> None:
        sys.stderr.write(f"offband: {text}\n")
        sys.stderr.flush()

    watch_inbox(study, Trigger(sys.argv[2], say), say)


if __name__ == "__main__":
    main()

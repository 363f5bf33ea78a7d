"""When files are quiet, and worth a run."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from flows.watching import Settling, _changes
from spectral_core.study import study_from


def test_a_file_that_grows_is_not_ready_until_it_has_been_quiet(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    settling = Settling(settle_s=1, patience_s=10)
    for second in range(5):
        with file.open("a") as out:
            out.write("400;1\n")
        settling.changed([str(file)], float(second))
        assert settling.ready(second + 0.9) == 0
    assert settling.ready(4.99) == 0
    assert settling.ready(5.0) == 1
    assert settling.ready(6.0) == 0, "a file is worth one run"


def test_growth_that_nobody_reported_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("400;1\n")
    settling = Settling(settle_s=1, patience_s=10)
    settling.changed([str(file)], 0.0)
    file.write_text("400;1\n410;1\n")
    assert settling.ready(1.0) == 0
    assert settling.ready(1.9) == 0
    assert settling.ready(2.0) == 1


def test_many_files_are_ready_together(tmp_path: Path) -> None:
    settling = Settling(settle_s=1, patience_s=10)
    for number in range(20):
        (tmp_path / f"{number}.txt").write_text("400;1\n")
        settling.changed([str(tmp_path / f"{number}.txt")], number * 0.5)
        assert settling.ready(number * 0.5) == 0, "half a second between two files: still arriving"
    assert settling.ready(10.5) == 20


def test_a_file_that_never_rests_does_not_hold_the_others_for_ever(tmp_path: Path) -> None:
    quiet, restless = tmp_path / "quiet.txt", tmp_path / "log.txt"
    quiet.write_text("400;1\n")
    settling = Settling(settle_s=1, patience_s=10)
    settling.changed([str(quiet)], 0.0)
    ready_at = []
    for tick in range(60):
        with restless.open("a") as out:
            out.write("x\n")
        settling.changed([str(restless)], tick / 4)
        ready_at += [tick / 4] * settling.ready(tick / 4)
    assert ready_at == [11.0], "patience of 10 s after it became quiet at 1 s"


def test_a_file_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "a.part.txt"
    file.write_text("400;1\n")
    settling = Settling(settle_s=1, patience_s=10)
    settling.changed([str(file)], 0.0)
    file.unlink()
    assert settling.ready(5.0) == 0


def test_what_ingestion_moves_inside_the_inbox_is_not_answered(tmp_path: Path) -> None:
    """inotify itself: of two new files, only the one that ingestion did not put there counts."""
    inbox = tmp_path / "inbox"
    (inbox / "done").mkdir(parents=True)
    content = {
        "name": "t", "inbox": "inbox", "archive": "archive", "results": "results", "inbox_after": "inbox/done",
        "samples": {"pattern": r"(?P<label>[ab])\.txt"}, "reading": {"axis_unit": "nm"}, "audit": {"seed": 1},
    }  # fmt: skip
    changes = _changes(study_from(content, where=tmp_path / "study.toml"), print)
    next(changes)  # the watch has begun
    (inbox / "done" / "a.txt").write_text("400;1\n")
    (inbox / "b.txt").write_text("400;1\n")
    seen: set[str] = set()
    for paths in islice(changes, 12):
        seen |= {Path(path).name for path in paths}
    changes.close()
    assert seen == {"b.txt"}

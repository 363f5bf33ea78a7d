"""The two files of an ENVI cube leave the inbox together, whatever happens; half of one waits, and then is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spectral_core.archive import Ledger, moving, open_archive, verify_archive
from spectral_core.archive.inbox import find_sources
from spectral_core.errors import ArchiveError
from spectral_core.ingest import ingest_inbox
from spectral_core.study import Study, study_from
from tests.core.written_files import envi_pair

AXIS = (450.5, 550.0, 650.25, 750.0)
Files = dict[str, bytes]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving, "QUIET_S", 0.0)


def study_in(folder: Path, **keys: object) -> Study:
    (folder / "inbox").mkdir(exist_ok=True)
    content = {
        "name": "t", "inbox": "inbox", "archive": "archive", "results": "results", "inbox_after": "done",
        "samples": {"pattern": r"(?P<label>[a-z]+)\d*\..*"}, "reading": {"axis_unit": "nm"}, "audit": {"seed": 1},
    }  # fmt: skip
    return study_from(content | keys, where=folder / "study.toml")


def pair(seed: int, header: str, numbers: str) -> Files:
    cube = np.random.default_rng(seed).uniform(0, 2, (1, 2, 4))
    return dict(zip((header, numbers), envi_pair(cube, AXIS), strict=True))


def put(folder: Path, files: Files) -> Files:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return files


def files_in(folder: Path) -> Files:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def states(study: Study) -> dict[str, str]:
    with Ledger(study.archive / "ledger.sqlite") as ledger:
        return {row.source: row.state for row in ledger.rows()}


@pytest.mark.parametrize("names", [("a1.hdr", "a1.img"), ("a1.dat.hdr", "a1.dat"), ("a1.hdr", "a1")])
def test_header_and_numbers_move_together(tmp_path: Path, names: tuple[str, str]) -> None:
    study = study_in(tmp_path, samples={"pattern": r"(?P<label>[a-z]+)\d*.*"})
    files = put(study.inbox / "day 1", pair(1, *names))
    assert str(ingest_inbox(study)) == "1 new, 0 already archived, 1 moved"
    assert files_in(tmp_path / "done" / "day 1") == files and not files_in(study.inbox)
    assert [f.name for f in find_sources(tmp_path / "done")[0]] == [f"day 1/{names[1]}"]
    assert verify_archive(study.archive).sound


def test_a_cube_whose_name_is_taken_keeps_it_in_a_folder_of_its_own(tmp_path: Path) -> None:
    study = study_in(tmp_path)
    old = put(tmp_path / "done", {"a1.hdr": b"another\n"})
    new = put(study.inbox, pair(1, "a1.hdr", "a1.img"))
    ingest_inbox(study)
    (sha,) = open_archive(study.archive).sources()
    assert files_in(tmp_path / "done") == {**old, **{f"a1.{sha[:12]}/{name}": new[name] for name in new}}
    put(study.inbox, new)
    ingest_inbox(study)
    assert {f"a1.{sha[:12]}.2/{name}" for name in new} < set(files_in(tmp_path / "done"))
    assert verify_archive(study.archive).sound


class Killed(BaseException):
    """What stands in for a process that ends here."""


def dies_before(number: int, monkeypatch: pytest.MonkeyPatch, fault: BaseException) -> None:
    """Let the rename of that number, from 0, of a file in the inbox raise, and those after it work again."""
    rename, seen = Path.rename, [0]

    def dying(self: Path, target: Path) -> Path:
        seen[0] += self.parent.name == "inbox"
        if seen[0] == number + 1 and self.parent.name == "inbox":
            raise fault
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", dying)


@pytest.mark.parametrize("number", [0, 1])
def test_a_run_killed_at_either_rename_is_completed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    study = study_in(tmp_path, inbox_after_refusal="refused")
    files = put(study.inbox, pair(1, "a1.hdr", "a1.img"))
    with monkeypatch.context() as dying, pytest.raises(Killed):
        dies_before(number, dying, Killed())
        ingest_inbox(study)
    assert set(files_in(study.inbox)) == ({"a1.hdr", "a1.img"}, {"a1.img"})[number]
    assert str(ingest_inbox(study)) == "0 new, 1 already archived, 1 moved"
    assert files_in(tmp_path / "done") == files and not files_in(study.inbox)
    assert states(study) == {"a1.img": "archived"} and verify_archive(study.archive).sound


def test_numbers_that_belong_to_no_header_that_was_moved_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of a cube that was moved comes again, without its header: it must not join the other's."""
    study = study_in(tmp_path)
    put(study.inbox, pair(1, "a1.hdr", "a1.img"))
    with monkeypatch.context() as dying, pytest.raises(Killed):
        dies_before(1, dying, Killed())
        ingest_inbox(study)
    other = put(study.inbox, {"a1.img": pair(2, "a1.hdr", "a1.img")["a1.img"]})
    report = ingest_inbox(study)
    assert report.moved == 0 and report.waiting == ("a1.img",) and files_in(study.inbox) == other


def test_a_refusal_at_the_second_rename_moves_the_header_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = study_in(tmp_path)
    files = put(study.inbox, pair(1, "a1.hdr", "a1.img"))
    with monkeypatch.context() as locked, pytest.raises(ArchiveError, match=r"a1\.img.*Permission denied.*next run"):
        dies_before(1, locked, PermissionError(13, "Permission denied"))
        ingest_inbox(study)
    assert files_in(study.inbox) == files and not files_in(tmp_path / "done")
    assert ingest_inbox(study).moved == 1


def halves(folder: Path) -> tuple[Files, Files]:
    """A header without numbers and numbers without a header, beside a whole cube; and what they are halves of."""
    put(folder, pair(2, "b1.hdr", "b1.img"))
    whole = pair(1, "a1.hdr", "a1.img") | pair(3, "c1.hdr", "c1.img")
    return put(folder, {name: whole[name] for name in ("a1.hdr", "c1.img")}), whole


def test_half_a_cube_waits_and_the_whole_is_archived(tmp_path: Path) -> None:
    study = study_in(tmp_path, inbox_after_refusal="refused")
    half, whole = halves(study.inbox)
    report = ingest_inbox(study)
    assert report.waiting == ("a1.hdr", "c1.img") and not report.quarantined and files_in(study.inbox) == half
    assert states(study) == {"b1.img": "archived", "a1.hdr": "waiting", "c1.img": "waiting"}
    put(study.inbox, whole)
    assert str(ingest_inbox(study)) == "2 new, 0 already archived, 2 moved"
    assert whole.items() < files_in(tmp_path / "done").items()
    assert states(study) == {"b1.img": "archived", "a1.img": "archived", "c1.img": "archived"}


def test_half_a_cube_that_stays_alone_is_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = study_in(tmp_path)
    _, whole = halves(study.inbox)
    monkeypatch.setattr(moving, "AWAITED_S", 0.0)
    reasons = dict(ingest_inbox(study).quarantined)
    assert "expected the numbers of an ENVI cube beside its header" in reasons.pop("a1.hdr")
    assert "numbers with an ENVI header beside them" in reasons.pop("c1.img") and not reasons
    put(study.inbox, whole)
    assert str(ingest_inbox(study)) == "2 new, 0 already archived, 2 moved"
    assert verify_archive(study.archive).sound
    with Ledger(study.archive / "ledger.sqlite") as ledger:
        assert {(row.source, row.state) for row in ledger.rows()} == {
            ("b1.img", "archived"), ("a1.img", "archived"), ("c1.img", "archived")
        }  # fmt: skip
    assert not files_in(study.archive / "quarantine")


def test_numbers_that_were_moved_when_refused_alone_stay_in_the_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = study_in(tmp_path, inbox_after="leave", inbox_after_refusal="refused")
    _, whole = halves(study.inbox)
    monkeypatch.setattr(moving, "AWAITED_S", 0.0)
    ingest_inbox(study)
    assert set(files_in(tmp_path / "refused")) == {"a1.hdr", "c1.img"}
    put(study.inbox, whole)
    ingest_inbox(study)
    with Ledger(study.archive / "ledger.sqlite") as ledger:
        assert [row.state for row in ledger.rows_of("c1.img")].count("quarantined") == 1
    assert verify_archive(study.archive).sound


def test_a_cube_that_is_still_growing_waits(tmp_path: Path) -> None:
    study = study_in(tmp_path, inbox_after_refusal="refused")
    put(study.inbox, pair(2, "b1.hdr", "b1.img"))
    files = pair(1, "a1.hdr", "a1.img")
    put(study.inbox, {"a1.hdr": files["a1.hdr"], "a1.img": files["a1.img"][:-4]})
    assert ingest_inbox(study).waiting == ("a1.img",)
    put(study.inbox, files)
    assert str(ingest_inbox(study)) == "1 new, 0 already archived, 1 moved"

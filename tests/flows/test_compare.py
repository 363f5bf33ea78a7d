"""`offband compare` and `offband history`, on an archive with two snapshots that were both audited."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spectral_core.archive import open_archive
from spectral_core.audit import audit_study
from spectral_core.ingest import ingest_inbox
from spectral_core.study import load_study
from tasks.auditing import results_folder

Offband = Callable[..., Any]
SETTINGS = ("permutations = 399", "permutations = 199")
REPLACED = [
    SETTINGS,
    ('variants = ["raw", "snv"]', 'variants = ["raw"]'),
    ('sheet = "samples.csv"', 'sheet = "samples.csv"\nallow_missing = true'),
]


def _audited(study_file: Path, snapshot: str) -> Path:
    study = load_study(study_file)
    report = audit_study(study, open_archive(study.archive).open(snapshot).load(), snapshot=snapshot)
    return report.save_json(results_folder(study, snapshot) / "report.json")


@pytest.fixture(scope="module")
def grown(
    tmp_path_factory: pytest.TempPathFactory, write_study: Callable[..., Path]
) -> tuple[Path, list[str], list[Path]]:
    """A study of 32 spectra, of which eight come later, from an instrument with an offset between the classes."""
    folder = tmp_path_factory.mktemp("grown")
    study_file = write_study(folder, spectra=32, replace=REPLACED)
    late = [folder / "inbox" / f"s{n:02d}.txt" for n in range(24, 32)]
    texts = [file.read_text() for file in late]
    for file in late:
        file.unlink()
    study = load_study(study_file)
    ingest_inbox(study)
    snapshots = [open_archive(study.archive).snapshot()]
    for number, (file, text) in enumerate(zip(late, texts, strict=True)):
        head, *rows = text.splitlines()
        shifted = [f"{x};{float(y) + (number % 2):.6f}" for x, y in (row.split(";") for row in rows)]
        file.write_text("\n".join([head, *shifted]) + "\n")
    ingest_inbox(study)
    snapshots.append(open_archive(study.archive).snapshot())
    return study_file, snapshots, [_audited(study_file, snapshot) for snapshot in snapshots]


def test_two_snapshots_name_the_added_samples_and_every_figure_with_its_intervals(
    offband: Offband, grown: tuple[Path, list[str], list[Path]], tmp_path: Path
) -> None:
    study, snapshots, _ = grown
    page = tmp_path / "deep" / "changes.html"
    found = offband("compare", f"{study}@{snapshots[0][:8]}", f"{study}@{snapshots[1]}", "--json", "--html", page)
    assert found.status == 0, found.err
    told = found.document
    assert told["data"]["known_by"] == "spectrum_id"
    added = told["data"]["added"]
    assert added["units"] == sorted(f"p{n}" for n in range(24, 32)) and added["by_class"] == {"north": 4, "south": 4}
    assert len(added["spectrum_ids"]) == 8
    for figure in told["figures"]:
        assert len(figure["a"]["interval"]) == len(figure["b"]["interval"]) == 2
        assert set(figure["differences"]) == {"all", "common", "added"}
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>") and told["html"] == str(page)


def test_people_read_it_in_80_columns(offband: Offband, grown: tuple[Path, list[str], list[Path]]) -> None:
    study, _, reports = grown
    found = offband("compare", reports[0], reports[1].parent, "--study", study)
    assert found.status == 0 and max(len(line) for line in found.out.splitlines() if "/" not in line) <= 80
    assert "Added: 8 spectra; 8 new units; by class: north 4, south 4." in found.out
    without = offband("compare", *reports)
    assert "spectrum ids were not looked up" in " ".join(without.out.split()) and without.status == 0


def test_a_snapshot_alone_means_one_of_the_study(offband: Offband, grown: tuple[Path, list[str], list[Path]]) -> None:
    study, snapshots, _ = grown
    told = offband("compare", *snapshots, "--study", study, "--json").document
    assert [told[side]["archive_snapshot"] for side in "ab"] == snapshots
    assert told["a"]["written_at"] <= told["b"]["written_at"]


def test_what_cannot_be_compared_gives_status_2_and_the_remedy(
    offband: Offband, grown: tuple[Path, list[str], list[Path]], tmp_path: Path
) -> None:
    study, snapshots, reports = grown
    newer = tmp_path / "newer.json"
    newer.write_text(json.dumps({**json.loads(reports[0].read_text()), "schema_version": 2}))
    results = reports[0].parent.parent
    for name, found, remedy in (
        ("nothing", "none of these", "--study"), (tmp_path, "none", "Name one of the folders"),
        (results, "folders below hold one", "Name one of the folders"),
        (study, "line 2", "Run the audit again"), (newer, "found 2, written by offband", "Update offband"),
        (f"{study}@ZZZZ", "'ZZZZ', which fits 0", "4 characters"),
        (f"runs:/{'0' * 32}", "neither --tracking", "--tracking"),
        (f"{tmp_path / 'no.toml'}@{snapshots[0]}", "no such file", "Check the path"),
    ):  # fmt: skip
        refused = offband("compare", reports[0], name)
        assert refused.status == 2 and found in refused.err and remedy in refused.err, refused.err
    absent = offband("compare", reports[0], "0" * 32, "--tracking", f"sqlite:///{tmp_path}/no.db")
    assert absent.status == 2 and "no such file" in absent.err and not (tmp_path / "no.db").exists()
    error = offband("compare", reports[0], "nothing", "--json").document["error"]
    assert set(error) == {"kind", "where", "expected", "found", "remedy"}


def test_a_snapshot_that_was_not_audited_names_the_command(
    offband: Offband, grown: tuple[Path, list[str], list[Path]], tmp_path: Path
) -> None:
    study, snapshots, reports = grown
    text = study.read_text().replace('results = "results"', f'results = "{tmp_path}"')
    elsewhere = study.with_name("elsewhere.toml")
    elsewhere.write_text(text)
    refused = offband("compare", reports[0], f"{elsewhere}@{snapshots[0]}")
    assert refused.status == 2 and f"offband audit STUDY --snapshot {snapshots[0]}" in refused.err


def test_the_history_shows_each_audit_and_where_the_study_changed(
    offband: Offband, grown: tuple[Path, list[str], list[Path]], tmp_path: Path
) -> None:
    study, snapshots, _ = grown
    changed = study.with_name("changed.toml")
    changed.write_text(study.read_text().replace("seed = 7", "seed = 8"))
    other = _audited(changed, snapshots[1])
    broken = other.parent.parent / "half" / "report.json"
    broken.parent.mkdir(exist_ok=True)
    broken.write_text("{")
    told = offband("history", study, "--json", "--html", tmp_path / "h.html").document
    assert [audit["archive_snapshot"] for audit in told["audits"]] == [snapshots[0], snapshots[1], snapshots[1]]
    assert [bool(audit["turn"] and audit["turn"]["study_changed"]) for audit in told["audits"]] == [False, False, True]
    assert len(told["passed_over"]) == 1 and "half" in told["passed_over"][0]
    assert "<title>" in (tmp_path / "h.html").read_text(encoding="utf-8")
    shown = offband("history", study)
    assert shown.status == 0 and "the study changed: audit.seed 7 → 8" in shown.out


def test_spectra_without_a_unit_go_by_their_ids(write_study: Callable[..., Path], tmp_path: Path) -> None:
    study_file = write_study(tmp_path, spectra=12, replace=[*REPLACED, ('unit = "specimen"\n', "")])
    study = load_study(study_file)
    ingest_inbox(study)
    archive = open_archive(study.archive)
    units = json.loads(_audited(study_file, archive.snapshot()).read_text())["units"]
    assert sorted(units["name"]) == sorted(archive.metadata()["spectrum_id"].values) and set(units["spectra"]) == {1}


def test_a_study_without_audits_gives_status_2(
    offband: Offband, write_study: Callable[..., Path], tmp_path: Path
) -> None:
    refused = offband("history", write_study(tmp_path, spectra=2))
    assert refused.status == 2 and "Run one: offband run" in refused.err


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:.*Any type hint is inferred:UserWarning")
def test_runs_of_mlflow_are_compared_as_their_reports(
    offband: Offband, grown: tuple[Path, list[str], list[Path]], tmp_path: Path
) -> None:
    from tasks.mlflow_store import connect, find_experiment, open_run

    study, _, reports = grown
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    runs = [
        open_run(uri, find_experiment(uri, "t"), name=report.parent.name, tags={}) for report in [*reports, reports[0]]
    ]
    for run, report in zip(runs, reports, strict=False):
        connect(uri).log_artifact(run.run_id, str(report))
    names = [f"runs:/{runs[0].run_id}", runs[1].run_id]
    told = offband("compare", *names, "--tracking", uri, "--study", study, "--json").document
    assert [told[side]["archive_snapshot"] for side in "ab"] == [
        json.loads(r.read_text())["archive_snapshot"] for r in reports
    ]
    assert told["data"]["known_by"] == "spectrum_id"
    refused = offband("compare", names[0], runs[2].run_id, "--tracking", uri)
    assert refused.status == 2 and "an artifact report.json, found no artifact" in refused.err

"""The pages of Prefect and MLflow as `offband serve` shows them; `make screenshots` keeps the pictures in docs/images.

OFFBAND_SCREENSHOTS names the folder for the pictures; without it they are taken and thrown away.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from PIL import Image

from tests.ui.staging import STUDY, Served, bring_the_rest, serving, write_first

pytestmark = [pytest.mark.ui, pytest.mark.timeout(1800)]

SEEN, SHOWN, MOST_BYTES = 1600, 1280, 200_000
"""Pixels of the browser's width and of a picture's: at 1,280 Prefect cuts the names of deployments short."""

CLOSED = """
localStorage.setItem("mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", "true");
localStorage.setItem("mlflow.assistant.panelOpen_v1", "false");
"""

LINKS = {"Report": "The claim judged", "MLflow run": "About this run"}
"""The links of a verdict, and words on the pages that they lead to."""

Look = Callable[..., Any]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Two pipeline runs behind one another: twelve specimens, then all of the demo but a file that was cut off."""
    # the path stands in a picture: none of pytest's, which names the user
    with TemporaryDirectory(prefix="offband-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with serving(write_first(folder), tmp_path_factory.mktemp("home")) as found:
            found.run_pipeline()
            bring_the_rest(folder)
            found.run_pipeline()
            yield found


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    kept = os.environ.get("OFFBAND_SCREENSHOTS")
    return Path(kept) if kept else tmp_path_factory.mktemp("pictures")


@pytest.fixture
def look(browser: Any, pictures: Path, served: Served) -> Iterator[Look]:
    """Open a page, wait for its words, and picture it; no page may ask anybody but the two servers."""
    strangers: list[str] = []

    def ask(request: Any) -> None:
        if not request.url.startswith((served.prefect, served.mlflow, "data:", "blob:")):
            strangers.append(request.url)

    def open_page(address: str, words: list[str], name: str, *, height: int = 1000, prepare: Any = None) -> Any:
        page = browser.new_page(viewport={"width": SEEN, "height": height})
        page.add_init_script(CLOSED)
        page.on("request", ask)
        page.goto(address)
        for each in words:
            page.get_by_text(each, exact=False).first.wait_for(state="visible", timeout=60_000)
        if prepare is not None:
            prepare(page)
        page.wait_for_timeout(1500)  # charts move into place
        file = pictures / f"{name}.png"
        page.screenshot(path=file)
        shrink(file)
        assert file.stat().st_size < MOST_BYTES
        return page

    yield open_page
    assert strangers == []


def shrink(file: Path) -> None:
    """Bring a picture to the documents' width, with a palette."""
    picture = Image.open(file).convert("RGB")
    scaled = picture.resize((SHOWN, picture.height * SHOWN // picture.width), Image.Resampling.LANCZOS)
    # the usual method greys what is small, such as a dot that says "ready"; without k-means large areas get a tint
    palette = scaled.quantize(256, method=Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)
    palette.save(file, optimize=True)


def parents(served: Served) -> list[dict[str, Any]]:
    """MLflow's runs of pipelines, the last first."""

    def ask(what: str, **body: Any) -> Any:
        address = f"{served.mlflow}/api/2.0/mlflow/{what}/search"
        return httpx.post(address, json=body, timeout=30, trust_env=False).json()[what]

    (experiment,) = [e for e in ask("experiments", max_results=10) if e["name"] == STUDY]
    runs = ask("runs", experiment_ids=[experiment["experiment_id"]])
    tags = [{tag["key"]: tag["value"] for tag in run["data"]["tags"]} for run in runs]
    return [
        {"run": run["info"]["run_id"], "experiment": experiment["experiment_id"], **found}
        for run, found in zip(runs, tags, strict=True)
        if "mlflow.parentRunId" not in found
    ]


def test_the_runs_say_study_and_snapshot(served: Served, look: Look) -> None:
    snapshot = parents(served)[0]["offband.archive_snapshot"][:10]
    words = [f"{flow} {STUDY} {snapshot}" for flow in ("pipeline", "ingest", "preprocess", "train", "audit")]
    look(f"{served.prefect}/runs", [*words, f"study:{STUDY}", f"snapshot:{snapshot}"], "prefect-runs", height=1280)


def test_the_verdict_leads_to_report_and_mlflow_run(served: Served, look: Look) -> None:
    last = parents(served)[0]
    artifacts = {each["key"]: each for each in served.ask("artifacts/latest/filter")}
    assert {f"{what}-{STUDY}" for what in ("ingested", "quarantined", "verdict")} <= set(artifacts)
    assert "coffee_60.txt" in artifacts[f"quarantined-{STUDY}"]["data"]

    address = f"{served.prefect}/artifacts/artifact/{artifacts[f'verdict-{STUDY}']['latest_id']}"
    page = look(address, ["Reasons", "Caveats", "blank_sufficient"], "prefect-artifacts", height=870)
    links = {name: page.get_by_role("link", name=name, exact=True).get_attribute("href") for name in LINKS}
    for name, words in LINKS.items():
        assert links[name].startswith(f"{served.mlflow}/#/experiments/{last['experiment']}/runs/{last['run']}")
        page.goto(links[name])
        wait_in_frames(page, words)


def test_the_report_as_the_readme_shows_it(served: Served, browser: Any, pictures: Path) -> None:
    newest = max(served.study.parent.glob("results/*/report.html"), key=lambda file: file.stat().st_mtime)
    page = browser.new_page(viewport={"width": SHOWN, "height": 1900})
    page.goto(newest.as_uri())
    assert page.locator("h1").inner_text().endswith("Artefact")
    page.screenshot(path=pictures / "report.png")
    shrink(pictures / "report.png")
    page.close()


def wait_in_frames(page: Any, words: str) -> None:
    """Wait for words on a page or in a document that it shows."""
    for _ in range(60):
        if any(frame.get_by_text(words).count() for frame in page.frames):
            return
        page.wait_for_timeout(500)
    raise AssertionError(f"{words!r} is not on {page.url}")


def test_the_deployments_have_their_schedules(served: Served, look: Look) -> None:
    names = [f"{STUDY}-{name}" for name in ("nightly", "scan", "watched")]
    look(f"{served.prefect}/deployments", [*names, "At 03:00 AM", "Every 5 minutes"], "prefect-deployments", height=560)


def test_the_verdict_changed_once_and_the_feed_says_so(served: Served, look: Look) -> None:
    after, before = parents(served)
    assert before["offband.verdict"] != after["offband.verdict"]
    wanted = {"event": {"name": ["offband.verdict.changed"]}}
    deadline = time.monotonic() + 30  # the server stores events in batches, some seconds after they came
    while not (found := served.ask("events/filter", filter=wanted)["events"]) and time.monotonic() < deadline:
        time.sleep(0.5)
    (event,) = found
    assert event["resource"]["prefect.resource.id"] == f"offband.study.{STUDY}"
    payload = event["payload"]
    assert (payload["from"], payload["to"]) == (before["offband.verdict"], after["offband.verdict"])
    assert (payload["snapshot"], payload["mlflow_run_id"]) == (after["offband.archive_snapshot"], after["run"])
    assert Path(payload["report"]).is_file()


def test_the_table_of_runs_begins_with_the_verdict(served: Served, look: Look) -> None:
    after, before = parents(served)
    words = [f"{run['offband.verdict']} · {STUDY}" for run in (after, before)]
    view = f"{served.mlflow}/#/experiments/{after['experiment']}/runs?viewStateShareKey=offband"
    look(f"{view}&workflowType=machine_learning", [*words, "offband.verdict"], "mlflow-runs", height=520,
         prepare=close_notice)  # fmt: skip


def close_notice(page: Any) -> None:
    """Close MLflow's notice that the view is a shared one."""
    page.get_by_role("button", name="Exit shared view").locator("xpath=following::button[1]").click()


def test_two_runs_are_compared(served: Served, look: Look) -> None:
    runs = parents(served)
    chosen = quote(json.dumps([run["run"] for run in runs]))
    address = f"{served.mlflow}/#/compare-runs?runs={chosen}&experiments=%5B%22{runs[0]['experiment']}%22%5D"
    words = ["Comparing 2 Runs", *(f"{run['offband.verdict']} · {STUDY}" for run in runs)]
    look(f"{address}&workflowType=machine_learning", words, "mlflow-compare", height=1240, prepare=only_differences)


def only_differences(page: Any) -> None:
    """Fold away what is the same or drawn, and show what differs."""
    for part in ("Metrics", "Tags"):
        page.get_by_role("switch", name=f"{part} - Show diff only").click()
    for part in ("Visualizations", "Parameters", "Artifacts"):
        page.get_by_role("button", name=part, exact=True).click()

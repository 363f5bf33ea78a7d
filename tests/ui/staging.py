"""The demo as a laboratory would have it: some spectra and a run, then the others and a second run, served."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from spectral_core.demo import write_demo
from tests.conftest import free_port

STUDY, FIRST = "brewed-coffee", 4
SHORTER = (
    ("permutations = 1999", "permutations = 399"),
    ("model_permutations = 19", "model_permutations = 9"),
    ('models = ["ridge", "pls-da", "lda", "svm-rbf", "random-forest(trees=30)", "k-nn"]',
     'models = ["ridge", "pls-da", "k-nn"]'),
    ('    "savgol(window=15, order=2, deriv=1) | snv",\n', ""),
    ("allow_missing = false", "allow_missing = true "),
)  # fmt: skip


@dataclass(frozen=True)
class Served:
    """Where `offband serve` answers, and the study that it serves."""

    prefect: str
    mlflow: str
    study: Path

    def ask(self, what: str, **body: Any) -> Any:
        # 503 with its database busy: Prefect's own client tries again as well
        answer = wait_for(lambda: self._answered(what, body), f"an answer to {what}", seconds=60)
        answer.raise_for_status()
        return answer.json()

    def _answered(self, what: str, body: dict[str, Any]) -> httpx.Response | None:
        answer = httpx.post(f"{self.prefect}/api/{what}", json=body, timeout=30, trust_env=False)
        return None if answer.status_code == 503 else answer

    def run_pipeline(self) -> None:
        """Ask for the nightly run at once, as its button does, and wait for its end."""
        deployment = wait_for(self._nightly, "the deployments", seconds=120)
        run = self.ask(f"deployments/{deployment['id']}/create_flow_run", tags=deployment["tags"])
        ended = wait_for(lambda: self._ended(run["id"]), "the pipeline to end", seconds=900)
        assert ended["state_type"] == "COMPLETED", ended["state"]

    def _nightly(self) -> Any:
        address = f"{self.prefect}/api/deployments/name/pipeline/{STUDY}-nightly"
        found = httpx.get(address, timeout=30, trust_env=False)
        return found.json() if found.status_code == 200 else None

    def _ended(self, run: str) -> Any:
        found = httpx.get(f"{self.prefect}/api/flow_runs/{run}", timeout=30, trust_env=False).json()
        return found if found["state_type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED") else None


def wait_for(look: Callable[[], Any], what: str, *, seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (found := look()) is not None:
            return found
        time.sleep(0.5)
    raise TimeoutError(f"waited {seconds:g} s for {what}")


def write_first(folder: Path) -> Path:
    """Write the demo with four specimens of a country in its inbox, one of them cut off; the others wait beside it."""
    study, later = write_demo(folder).study_file, folder / "later"
    text = study.read_text(encoding="utf-8")
    for old, new in SHORTER:
        assert old in text, old
        text = text.replace(old, new)
    study.write_text(text, encoding="utf-8")
    later.mkdir()
    for file in sorted((folder / "inbox").glob("*.txt")):
        if (int(file.stem[-2:]) - 1) % 20 >= FIRST:
            file.rename(later / file.name)
    last = later / "coffee_60.txt"
    last.write_bytes(last.read_bytes()[:2000])
    return study


def bring_the_rest(folder: Path) -> None:
    for file in sorted((folder / "later").iterdir()):
        file.rename(folder / "inbox" / file.name)


@contextmanager
def serving(study: Path, home: Path) -> Iterator[Served]:
    """Run `offband serve` on free ports, and end it whatever happens."""
    command = [
        str(Path(sys.executable).with_name("offband")), "serve", str(study), "--json",
        "--prefect-port", str(free_port()), "--mlflow-port", str(free_port()),
    ]  # fmt: skip
    environment = {**os.environ, "PREFECT_HOME": str(home)}
    serve = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert serve.stdout is not None
        told = json.loads(serve.stdout.readline())
        yield Served(told["prefect"], told["mlflow"], study)
    finally:
        serve.terminate()
        try:
            serve.wait(timeout=90)
        except subprocess.TimeoutExpired:
            os.killpg(serve.pid, signal.SIGKILL)
            serve.wait()
        if serve.stdout is not None:
            serve.stdout.close()

"""The deployments as an operator makes them from a clean clone: `deploy --all`, `automation ls`; no network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).parents[2]


def _git(*arguments: str) -> list[str]:
    command = ["git", "-c", "safe.directory=*", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        pytest.skip(f"no git clone to clone from: {done.stderr.strip()}")
    return [name for name in done.stdout.split("\0") if name]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clone the repository, with what the next commit would change: nothing that git ignores is there."""
    place = tmp_path_factory.mktemp("clean") / "offband"
    _git("clone", "--quiet", "--no-hardlinks", str(ROOT), str(place))
    for name in _git("ls-files", "-z", "--modified", "--others", "--exclude-standard"):
        (place / name).unlink(missing_ok=True)
        if (ROOT / name).exists():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name, follow_symlinks=False)
    return place


def _prefect(*arguments: str, api: str, clone: Path) -> str:
    command = [str(Path(sys.executable).with_name("prefect")), "--no-prompt", *arguments]
    # PWD: a shell would set it; PYTHONPATH: the environment belongs to another folder, where `make install` ran
    settings = {"PREFECT_API_URL": api, "PWD": str(clone), "PYTHONPATH": str(clone)}
    done = subprocess.run(
        command, cwd=clone, env={**os.environ, **settings}, capture_output=True, text=True, timeout=120
    )  # fmt: skip
    assert done.returncode == 0, f"{arguments}: {done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.slow
def test_deploy_all_and_automation_ls_work_from_a_clean_clone(prefect_api: str, clone: Path) -> None:
    """`prefect deploy --all` works from a clean clone."""
    _prefect("work-pool", "create", "offband", "--type", "process", api=prefect_api, clone=clone)
    _prefect("deploy", "--all", "--prefect-file", "deployments/prefect.yaml", api=prefect_api, clone=clone)
    _prefect("automation", "ls", api=prefect_api, clone=clone)

    found = httpx.post(f"{prefect_api}/deployments/filter", json={}, timeout=30).json()
    deployed = {deployment["name"]: deployment for deployment in found}
    for name in ("inbox", "watched", "nightly"):
        deployment, scheduled = deployed[name], name != "watched"
        # a scan that is dropped is made up for by the next; an event is not
        strategy = "CANCEL_NEW" if scheduled else "ENQUEUE"
        assert deployment["concurrency_options"]["collision_strategy"] == strategy
        assert deployment["global_concurrency_limit"]["limit"] == 1
        (pull,) = deployment["pull_steps"]
        assert pull["prefect.deployments.steps.set_working_directory"]["directory"] == str(clone)
        _has_typed_parameters(deployment)
    assert _schedule(deployed["inbox"])["interval"] == 300
    nightly = _schedule(deployed["nightly"])
    assert (nightly["cron"], nightly["timezone"]) == ("0 3 * * *", "UTC")
    assert deployed["watched"]["schedules"] == []


def _schedule(deployment: dict[str, Any]) -> dict[str, Any]:
    (schedule,) = deployment["schedules"]
    assert schedule["active"] is True
    return dict(schedule["schedule"])


def _has_typed_parameters(deployment: dict[str, Any]) -> None:
    """The study is asked for as a study or the path of its file; what is given is such a path."""
    schema = deployment["parameter_openapi_schema"]
    kinds = schema["properties"]["study"]["anyOf"]
    assert {"type": "string", "format": "path"} in kinds
    assert any(kind.get("$ref", "").endswith("/Study") for kind in kinds)
    assert {"name", "inbox", "archive", "samples"} <= set(schema["definitions"]["Study"]["properties"])
    assert schema["required"] == ["study"] and deployment["enforce_parameter_schema"]
    assert deployment["parameters"] == {"study": "demo/study.toml"}

"""The deployments as an operator makes them: a server, `deploy --all`, `automation ls`; all without network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import yaml

ROOT = Path(__file__).parents[2]


def _prefect(*arguments: str, api: str) -> str:
    command = [str(Path(sys.executable).with_name("prefect")), "--no-prompt", *arguments]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PREFECT_API_URL": api, "PWD": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, f"{arguments}: {done.stdout}\n{done.stderr}"
    return done.stdout


def test_deploy_all_and_automation_ls_work_against_a_running_server(prefect_api: str) -> None:
    _prefect("work-pool", "create", "offband", "--type", "process", api=prefect_api)
    _prefect("deploy", "--all", "--prefect-file", "deployments/prefect.yaml", api=prefect_api)
    _prefect("automation", "ls", api=prefect_api)

    deployed = _deployments(prefect_api)
    for name in ("inbox", "watched", "nightly"):
        deployment, scheduled = deployed[name], name != "watched"
        assert deployment["parameters"]["study"] == "demo/study.toml"
        # a scan that is dropped is made up for by the next; an event is not
        strategy = "CANCEL_NEW" if scheduled else "ENQUEUE"
        assert deployment["concurrency_options"]["collision_strategy"] == strategy
        assert deployment["global_concurrency_limit"]["limit"] == 1
        assert [schedule["active"] for schedule in deployment["schedules"]] == [True] * scheduled
        (pull,) = deployment["pull_steps"]
        assert pull["prefect.deployments.steps.set_working_directory"]["directory"] == str(ROOT)


def _deployments(api: str) -> dict[str, Any]:
    found = httpx.post(f"{api}/deployments/filter", json={}, timeout=30).json()
    return {deployment["name"]: deployment for deployment in found}


def test_the_deployments_name_flows_that_exist_and_parameters_that_they_take(prefect_api: str) -> None:
    from importlib import import_module

    declared = yaml.safe_load((ROOT / "deployments" / "prefect.yaml").read_text())["deployments"]
    for deployment in declared:
        path, _, name = deployment["entrypoint"].partition(":")
        flow = getattr(import_module(path.removesuffix(".py").replace("/", ".")), name)
        schema = json.loads(json.dumps(flow.parameters.model_dump()))
        assert set(deployment["parameters"]) <= set(schema["properties"])

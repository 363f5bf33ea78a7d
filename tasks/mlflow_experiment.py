"""What MLflow's pages show of an experiment as they open: what it is, and its runs with the verdict first.

The table of runs opens with source, models and data set, whatever the runs hold; which columns it shows, in which
order, is decided by a "view" of the experiment. A view is a tag that the pages themselves write (Views, Save view), so
one under a name of our own is there for everybody, and a link opens it. The pages of one run list its metrics in the
order in which they were logged.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.mlflow_store import connect

Pairs = Sequence[tuple[str, str]]
VIEW = "offband"
_VIEW_TAG = f"mlflow.sharedViewState.{VIEW}"
_VIEW_NAME = "offband: verdict first"
_MAIN_METRIC = "balanced_accuracy_unit_folds"
_COLUMNS = {
    "tags.`offband.verdict`": 120,
    "tags.`offband.reasons`": 230,
    f"metrics.`{_MAIN_METRIC}`": 215,
    "metrics.`balanced_accuracy_random_folds`": 240,
    "metrics.`balanced_accuracy_bands`": 190,
    "metrics.`balanced_accuracy_off_band`": 200,
    "metrics.`balanced_accuracy_blank`": 190,
    "metrics.`balanced_accuracy_nuisance`": 205,
    "metrics.`p_association`": 115,
    "attributes.`Models`": 180,
    "attributes.`Dataset`": 260,
}
"""What the view shows, from left to right, and how wide in pixels."""
_NAME_WIDTH = 300
_NOTE = """**{study}**: one row a pipeline run, its name begins with the verdict; the models it trained are below it.

Views, *{view}* shows verdict, reasons and the accuracies that the verdict compares. A run's page has the reasons in
words; its artifacts hold `report.html`.
"""


def describe_experiment(uri: str, experiment_id: str, *, study: str) -> None:
    """Say once what an experiment is, and keep its view up to date; what somebody else has written there stays.

    Args:
        uri: The tracking server or database.
        experiment_id: The experiment.
        study: Name of the study.
    """
    client = connect(uri)
    present: Mapping[str, str] = client.get_experiment(experiment_id).tags
    wanted = {
        "mlflow.experimentKind": "custom_model_development",
        "mlflow.experiment.primaryMetric.name": _MAIN_METRIC,
        "mlflow.note.content": _NOTE.format(study=study, view=_VIEW_NAME),
    }
    tags = {name: text for name, text in wanted.items() if name not in present}
    if _state_of(present.get(_VIEW_TAG)) != _view():
        now = int(time.time() * 1000)
        told = {"name": _VIEW_NAME, "createdAt": now, "updatedAt": now, "state": json.dumps(_view())}
        tags[_VIEW_TAG] = json.dumps(told)
    for name, text in tags.items():
        client.set_experiment_tag(experiment_id, name, text)


def verdict_note(verdict: str, summary: str, reasons: Pairs, caveats: Pairs) -> str:
    """Write what the page of a run or version says of its verdict, as Markdown.

    Args:
        verdict: One of the five verdicts.
        summary: It in a sentence.
        reasons: Codes and messages.
        caveats: Codes and messages.
    """
    lines = [f"**{verdict}** – {summary}"]
    for title, found in (("Reasons", reasons), ("Caveats", caveats)):
        if found:
            lines += [f"{title}:", "\n".join(f"- `{code}`: {message}" for code, message in found)]
    return "\n\n".join([*lines, "The whole report is the artifact `report.html`."])


def view_address(server: str, experiment_id: str) -> str:
    """Give the address at which a server shows an experiment's runs with the verdict first.

    Example:
        >>> view_address("http://127.0.0.1:5000", "1")
        'http://127.0.0.1:5000/#/experiments/1/runs?viewStateShareKey=offband&workflowType=machine_learning'
    """
    asked = f"viewStateShareKey={VIEW}&workflowType=machine_learning"
    return f"{server.rstrip('/')}/#/experiments/{experiment_id}/runs?{asked}"


def _view() -> dict[str, Any]:
    name = "attributes.`Run Name`"
    return {
        "searchFilter": "", "orderByKey": "attributes.start_time", "orderByAsc": False, "startTime": "ALL",
        "lifecycleFilter": "Active", "modelVersionFilter": "All Runs", "datasetsFilter": [],
        "selectedColumns": list(_COLUMNS), "columnOrder": [name, "runDateAndNestInfo", *_COLUMNS, "duration"],
        "columnWidths": {name: _NAME_WIDTH, **_COLUMNS}, "runsHiddenMode": "FIRST_10_RUNS", "viewMaximized": False,
        "runListHidden": False, "useGroupedValuesInCharts": True, "hideEmptyCharts": True, "groupBy": None,
        "groupsExpanded": {},
    }  # fmt: skip


def _state_of(tag: str | None) -> object:
    """Read the view out of its tag; None if somebody wrote something else there."""
    try:
        return json.loads(json.loads(tag or "{}")["state"])
    except (ValueError, KeyError, TypeError):
        return None

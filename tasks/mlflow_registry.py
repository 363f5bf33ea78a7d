"""Registered models: a version for what was trained, and the alias that it has while its verdict is `supported`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.mlflow_store import RunReference, connect, import_mlflow

ALIAS = "audited"
_TAKEN = "RESOURCE_ALREADY_EXISTS"


def register_version(model: RunReference, name: str, *, identity: Mapping[str, str]) -> str:
    """Give the version of a registered model that holds a trained model; make it if there is none.

    Args:
        model: The run of the trained model.
        name: Name of the registered model; it is made if it is not there.
        identity: Tags that two trained models share only if they are the same one; the same model trained again
            is the version that it was.
    """
    client = connect(model.tracking_uri)
    refusal = import_mlflow().exceptions.MlflowException
    try:
        client.create_registered_model(name)
    except refusal as error:
        if error.error_code != _TAKEN:
            raise
    for known in client.search_model_versions(f"name = '{name}'"):
        if identity.items() <= known.tags.items():
            return str(known.version)
    source = f"{client.get_run(model.run_id).info.artifact_uri}/model"
    made = client.create_model_version(name, source, run_id=model.run_id, tags=dict(identity))
    return str(made.version)


def settle_version(
    uri: str,
    name: str,
    version: str,
    *,
    verdict: str,
    reasons: Sequence[str],
    snapshot: str,
    description: str,
    speaks_for_all: bool,
) -> bool:
    """Write a verdict to a version and move the alias: to it if the verdict is `supported`, else away.

    Args:
        uri: The registry.
        name: The registered model.
        version: The version that was audited.
        verdict: One of the five verdicts.
        reasons: Codes of its reasons.
        snapshot: The archive's snapshot that it was audited on.
        description: The verdict in words.
        speaks_for_all: Whether the versions are one model, trained again as spectra came: then the newest version
            that was audited speaks for all of them, and an audit of an older one moves no alias. Else the verdict is
            about this version alone.

    Returns:
        Whether the version has the alias now.
    """
    client = connect(uri)
    tags = {"offband.verdict": verdict, "offband.reasons": ", ".join(reasons), "offband.archive_snapshot": snapshot}
    for tag, text in tags.items():
        client.set_model_version_tag(name, version, tag, text)
    client.update_model_version(name, version, description)
    held = client.get_registered_model(name).aliases.get(ALIAS)
    holder = 0 if held is None else int(held)
    if speaks_for_all and _newest_audited(client, name) > int(version):
        return holder == int(version)
    if verdict == "supported":
        if holder <= int(version):
            client.set_registered_model_alias(name, ALIAS, version)
        return holder <= int(version)
    if holder and (speaks_for_all or holder == int(version)):
        client.delete_registered_model_alias(name, ALIAS)
    return False


def _newest_audited(client: Any, name: str) -> int:
    audited = [v.version for v in client.search_model_versions(f"name = '{name}'") if "offband.verdict" in v.tags]
    return max(map(int, audited), default=0)

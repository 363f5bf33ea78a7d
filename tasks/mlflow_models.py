"""Somebody's model in MLflow, by its address: where its files lie, what is known of its training, and how it is loaded.

Loading a pickle runs what its author wrote, and MLflow's own loader takes the list of types that a skops file may
hold from beside that file. So neither is used unless the author is trusted: a skops file is read with offband's list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from spectral_core.errors import AuditError
from spectral_core.models.files import load_classifier
from tasks.mlflow_store import connect, import_mlflow, reaching

_ADDRESSES = "models:/NAME@ALIAS, models:/NAME/VERSION, models:/m-ID or runs:/ID/PATH"
_ABSENT = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND", "BAD_REQUEST"}
_BREAKS = (ArithmeticError, AttributeError, ImportError, LookupError, OSError, RuntimeError, TypeError, ValueError)


@dataclass(frozen=True)
class ModelAsked:
    """Somebody's model as the command line names it.

    Attributes:
        address: In MLflow, such as "models:/origin@champion".
        variant: Chain that its spectra went through; "" for what its tags say, else "raw".
        trust_pickle: Whether everybody who could write it is trusted to run code here.
    """

    address: str
    variant: str = ""
    trust_pickle: bool = False


@dataclass(frozen=True)
class ModelReference:
    """A model in MLflow: small enough to pass between tasks.

    Attributes:
        address: With the version that an alias stood for.
        tracking_uri: The server or database.
        source: Where its files lie.
        name: Of the registered model; "" where it is none.
        version: Of the registered model.
        variant: Chain that its spectra went through before training, as its tags say; "" where they do not.
        trained_snapshot: The archive's snapshot that it was trained on, as its tags say.
    """

    address: str
    tracking_uri: str
    source: str
    name: str = ""
    version: str = ""
    variant: str = ""
    trained_snapshot: str = ""


def locate_model(tracking_uri: str, address: str) -> ModelReference:
    """Find a model by its address, resolving aliases.

    Raises:
        AuditError: The address is none, or names what is not there.
        OffbandError: The tracking server or database does not answer.
    """
    registered = re.fullmatch(r"models:/([^/@:]+)(?:@([^/@:]+)|/(\d+))", address)
    logged = re.fullmatch(r"models:/(m-[0-9a-f]{32})", address)
    of_run = re.fullmatch(r"runs:/([^/]+)/(.+?)/?", address)
    if not (registered or logged or of_run):
        raise AuditError(f"model {address}", _ADDRESSES, "another address", "Correct the address.")
    with reaching(tracking_uri), _there(address):
        if registered:
            return _registered(tracking_uri, *registered.groups())
        if logged:
            return _logged(tracking_uri, address, logged[1])
        return _of_run(tracking_uri, address, *of_run.groups())  # type: ignore[union-attr]


def fetch_classifier(model: ModelReference, *, trust_pickle: bool) -> Any:
    """Download a model of MLflow's sklearn flavour and load it.

    Args:
        model: The model.
        trust_pickle: Whether everybody who could write the file is trusted to run code on this machine.

    Raises:
        AuditError: It is no scikit-learn model, or cannot be loaded without trust.
        ReadError: A skops file that holds types which are not known to be harmless.
        OffbandError: The tracking server or database does not answer.
    """
    with TemporaryDirectory(prefix="offband-model-") as folder:
        with reaching(model.tracking_uri), _there(model.address):
            place = Path(_files_at(model.tracking_uri, model.source).download_artifacts("", dst_path=folder))
        return _trusted(model.address, place) if trust_pickle else _checked(model.address, place)


def _registered(uri: str, name: str, alias: str | None, version: str | None) -> ModelReference:
    client = connect(uri)
    found = client.get_model_version_by_alias(name, alias) if alias else client.get_model_version(name, version)
    address = f"models:/{name}/{found.version}"
    source = client.get_model_version_download_uri(name, found.version)
    if source.startswith("models:/m-"):
        behind = _logged(uri, address, source.removeprefix("models:/"))
    elif source.startswith("runs:/"):
        behind = _of_run(uri, address, *source.removeprefix("runs:/").split("/", 1))
    else:
        behind = ModelReference(address, uri, source, **_told(uri, found.run_id))
    own = {"variant": found.tags.get("offband.variant"), "trained_snapshot": found.tags.get("offband.trained_snapshot")}
    told = {"variant": behind.variant, "trained_snapshot": behind.trained_snapshot}
    told |= {key: text for key, text in own.items() if text}
    return ModelReference(address, uri, behind.source, name, str(found.version), **told)


def _logged(uri: str, address: str, model_id: str) -> ModelReference:
    found = connect(uri).get_logged_model(model_id)
    return ModelReference(address, uri, found.artifact_location, **_told(uri, found.source_run_id))


def _of_run(uri: str, address: str, run_id: str, path: str) -> ModelReference:
    client = connect(uri)
    run = client.get_run(run_id)
    # a model that MLflow 3 has logged lies beside the run, under an id of its own; MLflow itself would look for it at
    # its global tracking URI
    for output in run.outputs.model_outputs if run.outputs else ():
        if client.get_logged_model(output.model_id).name == path:
            return _logged(uri, address, output.model_id)
    if not _files_at(uri, run.info.artifact_uri).list_artifacts(path):
        raise AuditError(f"model {address}", "a model that is there", f"no {path!r} in the run", "Correct the address.")
    return ModelReference(address, uri, f"{run.info.artifact_uri}/{path}", **_told(uri, run_id))


def _files_at(uri: str, source: str) -> Any:
    import_mlflow()
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    return get_artifact_repository(source, tracking_uri=uri)


def _told(uri: str, run_id: str | None) -> dict[str, str]:
    """What the run that trained a model says of it."""
    if not run_id:
        return {}
    tags = connect(uri).get_run(run_id).data.tags
    variant, snapshot = tags.get("offband.variant", ""), tags.get("offband.archive_snapshot", "")
    return {"variant": variant, "trained_snapshot": snapshot if variant else ""}


@contextmanager
def _there(address: str) -> Iterator[None]:
    try:
        yield
    except import_mlflow().exceptions.MlflowException as error:
        if error.error_code not in _ABSENT:
            raise
        raise AuditError(f"model {address}", "a model that is there", " ".join(str(error).split())[:200],
                         "Correct the address, or tracking.uri of the study.") from None  # fmt: skip


def _flavour(address: str, place: Path) -> tuple[str, Path]:
    """Format and file of the scikit-learn model in a folder of MLflow's."""
    if not (place / "MLmodel").is_file():
        raise AuditError(f"model {address}", "a folder with MLflow's file MLmodel", "none", "Correct the address.")
    flavours = import_mlflow().models.Model.load(str(place)).flavors
    if "sklearn" not in flavours:
        raise AuditError(f"model {address}", "a model of MLflow's sklearn flavour", ", ".join(sorted(flavours)),
                         "Log the scikit-learn pipeline itself.")  # fmt: skip
    file = (place / str(flavours["sklearn"].get("pickled_model", "model.pkl"))).resolve()
    if not file.is_relative_to(place.resolve()):
        raise AuditError(f"model {address}", "a model file inside its folder", str(file), "Do not use this model.")
    return str(flavours["sklearn"].get("serialization_format", "pickle")), file


def _checked(address: str, place: Path) -> Any:
    kind, file = _flavour(address, place)
    if kind == "skops":
        return load_classifier(file, where=f"model {address}")
    raise AuditError(
        f"model {address}", "a model file that can be read without running code from it (skops)", f"a {kind} file",
        "Loading it runs whatever its author put there: pass --trust-pickle only if you trust everybody who could "
        'write it. Better, have it saved again with serialization_format="skops".',
    )  # fmt: skip


def _trusted(address: str, place: Path) -> Any:
    _flavour(address, place)
    import mlflow.sklearn

    try:
        return mlflow.sklearn.load_model(str(place))
    except (*_BREAKS, import_mlflow().exceptions.MlflowException) as error:
        said = " ".join(str(error).split())[:300] or type(error).__name__
        raise AuditError(f"model {address}", "a model that loads with the packages installed here", said,
                         "Install what its requirements.txt names.") from error  # fmt: skip

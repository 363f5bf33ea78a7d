"""MLflow's evaluator `offband`: `mlflow.models.evaluate(model, data, …, evaluators="offband")` runs the audit.

MLflow imports this module as soon as its evaluation is imported, so nothing heavy is imported here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

from mlflow.models.evaluation.base import EvaluationResult, ModelEvaluator

from spectral_core.errors import AuditError

if TYPE_CHECKING:
    from spectral_core.audit_report import AuditReport

_NEEDED = ("axis_unit", "seed")
_FURTHER = ("axis", "bands", "blank", "unit", "batch", "acquired_at", "preprocess", "n_permutations", "delta",
            "alpha", "n_folds")  # fmt: skip
_PER_ROW = ("unit", "batch", "acquired_at")


class OffbandEvaluator(ModelEvaluator):
    """Audit a scikit-learn classifier on the data that `mlflow.models.evaluate` is given.

    `evaluator_config` takes the keywords of `audit_classifier`; `axis_unit` and `seed` are required, `axis` too unless
    the columns of the data are numbers. `unit`, `batch` and `acquired_at` are one value a row, or the name of a column
    of the data, which then is no channel. The model is refitted in every fold: its predictions on data that it may
    have been trained on are not asked for.
    """

    @classmethod
    def can_evaluate(cls, *, model_type: str, evaluator_config: Mapping[str, Any] | None, **kwargs: Any) -> bool:
        """Say whether a classifier is to be evaluated and anything of the configuration is meant for the audit.

        Without `evaluators=` MLflow asks every evaluator that is installed.
        """
        return model_type == "classifier" and bool({*_NEEDED, *_FURTHER}.intersection(evaluator_config or {}))

    def evaluate(
        self, *, model_type: str, dataset: Any, run_id: str, evaluator_config: Mapping[str, Any], model: Any = None,
        **kwargs: Any,
    ) -> EvaluationResult:  # fmt: skip
        """Run the audit; log its metrics, report.html, report.json and the verdict's tags to the run.

        Raises:
            OffbandError: A key is missing or unknown, the model is no scikit-learn classifier, or the data cannot be
                audited.
        """
        report = _audit(dataset, _checked(evaluator_config), _classifier(model))
        return _log(report, run_id)


def _checked(config: Mapping[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(config) - {*_NEEDED, *_FURTHER})
    if unknown:
        known = ", ".join((*_NEEDED, *_FURTHER))
        raise AuditError("evaluator_config", f"the keys {known}", f"{unknown[0]!r}", "Correct or remove it.")
    missing = [name for name in _NEEDED if name not in config]
    if missing:
        raise AuditError("evaluator_config", f"the key {missing[0]!r}", "none", "Add it; it has no default.")
    return dict(config)


def _classifier(model: Any) -> Any:
    raw = None
    if hasattr(model, "get_raw_model"):
        try:
            raw = model.get_raw_model()
        except NotImplementedError:
            raw = None
    if raw is None:
        raise AuditError("model", "a model of MLflow's sklearn flavour", "predictions or another kind of model",
                         "Pass the URI of a logged scikit-learn pipeline: it is refitted in every fold.")  # fmt: skip
    return raw


def _audit(dataset: Any, config: dict[str, Any], classifier: Any) -> AuditReport:
    from spectral_core import audit_classifier

    x = dataset.features_data
    for name in _PER_ROW:
        if isinstance(config.get(name), str):
            x, config[name] = _taken(x, config[name], name)
    if "axis" not in config:
        config["axis"] = _positions(x)
    return audit_classifier(x, dataset.labels_data, estimator=classifier, **config)


def _taken(x: Any, column: str, name: str) -> tuple[Any, Any]:
    """Take a column that is no channel out of the data."""
    if column not in getattr(x, "columns", ()):
        raise AuditError(f"evaluator_config, {name}", "one value a row, or the name of a column of the data",
                         f"{column!r}", "Correct the name.")  # fmt: skip
    return x.drop(columns=column), x[column].to_numpy()


def _positions(x: Any) -> list[float]:
    try:
        return [float(name) for name in x.columns]
    except (AttributeError, ValueError, TypeError):
        raise AuditError("evaluator_config", "the key 'axis', or columns named by their positions", "neither",
                         "Pass axis=[…], one position a channel.") from None  # fmt: skip


def _log(report: AuditReport, run_id: str) -> EvaluationResult:
    import mlflow
    from mlflow.models.evaluation import artifacts

    from tasks.mlflow_store import RunReference, allowed_names, log_batch

    client, kinds = mlflow.MlflowClient(), cast(Any, artifacts)
    metrics = allowed_names(report.content["models"][0]["metrics"])
    tags = {"offband.verdict": report.verdict, "offband.reasons": ", ".join(reason.code for reason in report.reasons)}
    log_batch(RunReference(mlflow.get_tracking_uri(), "", run_id), metrics=metrics, tags=tags)
    with TemporaryDirectory(prefix="offband-evaluation-") as folder:
        html, told = report.save_html(Path(folder) / "report.html"), report.save_json(Path(folder) / "report.json")
        page = html.read_text(encoding="utf-8")
        for file in (html, told):
            client.log_artifact(run_id, str(file))
    place = client.get_run(run_id).info.artifact_uri
    kept = {
        "report.html": kinds.TextEvaluationArtifact(f"{place}/report.html", page),
        "report.json": kinds.JsonEvaluationArtifact(f"{place}/report.json", report.to_dict()),
    }
    result: EvaluationResult = cast(Any, EvaluationResult)(metrics, kept, run_id)  # MLflow types no arguments
    return result

"""A whole run on object storage and a cluster: pipeline, MLflow, report; and no secret in anything that is left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.core.cluster import Cluster
from tests.core.object_service import BUCKET, ENVIRONMENT, SECRET, TOKEN, object_service, objects
from tests.flows.conftest import Answer, _write_study

pytestmark = [pytest.mark.calibration, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with object_service(tmp_path_factory.mktemp("moto")) as address:
        yield address


def test_a_run_on_a_bucket_and_a_cluster_leaves_no_secret(service: str, tmp_path: Path, prefect_server: str) -> None:
    from typer.testing import CliRunner

    from flows.command_line import app

    with Cluster(tmp_path, workers=2) as cluster:
        study = _write_study(tmp_path / "study", replace=[
            ('archive = "archive"', f'archive = "s3://{BUCKET}/run"'),
            ("[audit]", f'[compute]\nscheduler = "{cluster.address}"\n\n[audit]'),
        ])  # fmt: skip
        result = CliRunner().invoke(app, ["run", str(study), "--json", "--verbose"])
        answer = Answer(result.exit_code, result.stdout, result.stderr)
        assert answer.status == 0, answer.err
        verified = CliRunner().invoke(
            app, ["verify", f"s3://{BUCKET}/run", "--intake", str(study.parent / "results/intake")]
        )
        assert verified.exit_code == 0, verified.output
    assert "Dask dashboard: http://127.0.0.1:" in answer.err
    names = objects()
    assert "run/offband.json" in names and [name for name in names if name.endswith(".zarr")]
    written = {str(p): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} | names
    assert [name for name in written if name.endswith("report.json")] and [n for n in written if "mlflow.db" in n]
    for secret in (SECRET, TOKEN, ENVIRONMENT["AWS_ACCESS_KEY_ID"]):
        assert not [name for name, content in written.items() if secret.encode() in content]
        assert secret not in answer.out + answer.err

"""A registered model has the alias `audited` while its verdict is `supported`, on a real sqlite store."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from spectral_core.audit import audit_variants
from spectral_core.controls.blocks import make_blocks
from spectral_core.errors import AuditError, ReadError, StudyError
from spectral_core.estimators import OutOfFold, contenders_of
from spectral_core.estimators.report import verdict_on
from spectral_core.evidence import Settings
from spectral_core.models import parse_model
from spectral_core.places import AxisPlaces
from spectral_core.preprocessing import parse_variant
from spectral_core.regions import locate_regions
from spectral_core.simulate import BAND, BLANK, Recipe, simulate
from spectral_core.splits import make_design
from spectral_core.study import Study, study_from
from spectral_core.training import train
from tasks.mlflow_audit import register_audited, tag_models
from tasks.mlflow_models import fetch_classifier, locate_model
from tasks.mlflow_registry import ALIAS, register_version, settle_version
from tasks.mlflow_store import RunReference, connect, find_experiment
from tasks.tracking import log_model_run, start_pipeline_run

pytestmark = [
    # MLflow's own: its tables, its types, and its advice on pickles, which are what is tested here
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*type hint is inferred as AnyType:UserWarning"),
    pytest.mark.filterwarnings("ignore:Saving scikit-learn models in the pickle:UserWarning"),
]

NAME = "coffee origin"
BANDS, BLANKS = {"C=O": BAND}, {"silent": BLANK}
EFFECTS = {"supported": {"band_effect": 0.6}, "artefact": {"offset": 0.6}}


@cache
def audited(verdict: str):
    """Spectra, a trained ridge, and the report of an audit that comes to this verdict."""
    data = simulate(Recipe(units=(30, 30), channels=60, **EFFECTS[verdict]), seed=3)
    design, chain = make_design(data.label, unit=data.unit), parse_variant("raw")
    regions = locate_regions(data.axis, axis_unit="cm-1", bands=BANDS, blanks=BLANKS)
    blocks = make_blocks(data.x, regions, BANDS, chain).by_name
    parts = {name: blocks[name].matrix for name in ("bands", "off_band", "blank")}
    trained = train(data.x, design, model=parse_model("ridge"), variant="raw", regions=parts, folds=3,
                    permutations=19, seed=3)  # fmt: skip
    models = contenders_of([OutOfFold.of(trained)], budget=19, seed=3)
    settings = Settings(n_permutations=199, delta=0.05, alpha=0.05, n_folds=3, seed=3)
    report = audit_variants(data.x, data.axis, design, AxisPlaces("cm-1", BANDS, BLANKS), [chain], settings,
                            models=models)  # fmt: skip
    assert report.verdict == verdict
    return data, design, trained, report


@pytest.fixture(scope="module")
def study(tmp_path_factory, tracking_store) -> Study:
    folder = tmp_path_factory.mktemp("registry")
    return Study(
        name="coffee", inbox=folder / "inbox", archive=folder / "archive", results=folder / "results",
        samples={"label": "country"}, reading={"axis_unit": "cm-1"}, audit={"seed": 3, "folds": 3}, models=("ridge",),
        tracking={"registered_model": NAME, "uri": tracking_store},
    )  # fmt: skip


def run_once(study: Study, snapshot: str, verdict: str):
    """What a pipeline run does: log the model, audit it, register it; gives run, the report's content and version."""
    data, design, trained, report = audited(verdict)
    parent = start_pipeline_run(study, snapshot=snapshot, n_spectra=design.n, n_channels=data.axis.size)
    log_model_run(parent, trained, design=design, spectrum_ids=[f"s{i}" for i in range(design.n)], axis=data.axis,
                  axis_unit="cm-1", seed=3, snapshot=snapshot, example=data.x[:1])  # fmt: skip
    provenance = {**report.content["provenance"], "mlflow_run_id": parent.run_id}
    content = {**report.to_dict(), "provenance": provenance}
    return parent, content, register_audited(study, snapshot, content, "told")


def aliases_of(uri: str, name: str) -> dict[str, str]:
    """Alias to version, which a database gives as a number and a server as a text."""
    return {alias: str(version) for alias, version in connect(uri).get_registered_model(name).aliases.items()}


@pytest.fixture(scope="module")
def history(study):
    """A first run that is supported, run again; then the blank betrays the class; then it does not any more."""
    uri, seen = study.tracking_uri, []
    for snapshot, verdict in (("S1", "supported"), ("S1", "supported"), ("S2", "artefact"), ("S3", "supported")):
        parent, content, version = run_once(study, snapshot, verdict)
        seen.append((version, aliases_of(uri, NAME)))
    return seen, parent, content


def test_the_alias_comes_with_a_supported_verdict_goes_with_another_and_a_repeated_run_changes_nothing(history, study):
    assert history[0] == [("1", {ALIAS: "1"}), ("1", {ALIAS: "1"}), ("2", {}), ("3", {ALIAS: "3"})]
    versions = {str(v.version): v for v in connect(study.tracking_uri).search_model_versions(f"name = '{NAME}'")}
    told = [(v, versions[v].tags["offband.verdict"], versions[v].tags["offband.archive_snapshot"]) for v in "123"]
    assert told == [("1", "supported", "S1"), ("2", "artefact", "S2"), ("3", "supported", "S3")]
    assert "blank_sufficient" in versions["2"].tags["offband.reasons"] and versions["1"].description == "told"


def test_an_older_version_gets_tags_and_no_alias_and_a_verdict_about_one_version_speaks_for_that_one(history, study):
    _, parent, _ = history
    client, name = connect(study.tracking_uri), "three versions"
    (run,) = client.search_runs([parent.experiment_id], f"tags.`mlflow.parentRunId` = '{parent.run_id}'")
    child = RunReference(study.tracking_uri, parent.experiment_id, run.info.run_id)
    assert [register_version(child, name, identity={"trained": t}) for t in "abcb"] == ["1", "2", "3", "2"]

    def after(version: str, verdict: str, *, speaks_for_all: bool = False) -> dict[str, str]:
        has_it = settle_version(study.tracking_uri, name, version, verdict=verdict, reasons=["r"], snapshot="S",
                                description="", speaks_for_all=speaks_for_all)  # fmt: skip
        aliases = aliases_of(study.tracking_uri, name)
        assert client.get_model_version(name, version).tags["offband.verdict"] == verdict
        assert has_it == (aliases.get(ALIAS) == version)
        return aliases

    assert after("3", "supported", speaks_for_all=True) == {ALIAS: "3"}
    assert after("2", "artefact", speaks_for_all=True) == {ALIAS: "3"}
    assert after("1", "artefact") == {ALIAS: "3"} == after("1", "supported")
    assert after("3", "inconclusive") == {}
    assert after("2", "supported", speaks_for_all=True) == {}
    assert after("1", "supported") == {ALIAS: "1"}
    assert after("3", "no_signal", speaks_for_all=True) == {}


def test_every_models_run_shows_its_own_verdict(history, study):
    _, parent, content = history
    assert tag_models(parent, content) == 1
    client = connect(study.tracking_uri)
    (child,) = client.search_runs([parent.experiment_id], f"tags.`mlflow.parentRunId` = '{parent.run_id}'")
    assert child.data.tags["offband.verdict"] == "supported" and child.info.run_name == "ridge · raw"
    assert "sklearn" in child.data.tags["mlflow.log-model.history"]


def test_a_report_without_models_registers_nothing(study):
    content = {**audited("supported")[3].to_dict(), "models": []}
    assert register_audited(study, "S9", content, "") is None


@pytest.mark.parametrize("name", ["a/b", "a:b", "a@b", "a'b", ""])
def test_a_name_that_no_registry_takes_is_refused_by_its_key(name, study, tmp_path):
    content = study.model_dump(mode="json") | {"tracking": {"registered_model": name}}
    with pytest.raises(StudyError, match=r"key tracking\.registered_model"):
        study_from(content, where=tmp_path / "study.toml")


ROW = {"model": "ridge", "variant": "raw", "reasons": ["own"], "not_settled": {}}


@pytest.mark.parametrize(
    ("own", "probe", "decides", "settled", "spoken"),
    [
        ("artefact", "supported", True, True, "artefact"),
        ("supported", "artefact", True, True, "supported"),
        ("supported", "artefact", False, True, "artefact"),
        ("artefact", "supported", False, True, "artefact"),
        ("unexplained", "supported", False, True, "unexplained"),
        ("inconclusive", "supported", False, False, "supported"),
        ("inconclusive", "supported", False, True, "inconclusive"),
        ("no_signal", "supported", False, True, "no_signal"),
    ],
)
def test_a_model_that_the_probe_speaks_for_has_the_worse_verdict_of_the_two(own, probe, decides, settled, spoken):
    row = ROW | {"verdict": own, "decides": decides, "not_settled": {} if settled else {"full": {"anywhere": 19}}}
    content = {"models": [row], "probe": [{"variant": "raw", "verdict": probe, "reasons": [{"code": "probe's"}]}]}
    assert verdict_on(content, model="ridge", variant="raw")[0] == spoken
    with pytest.raises(KeyError, match="lda on raw"):
        verdict_on(content, model="lda", variant="raw")


@pytest.fixture(scope="module")
def foreign(history, study):
    """Models that somebody else logged: as MLflow does it, in every format."""
    import mlflow
    import mlflow.sklearn

    data = audited("supported")[0]
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(study.tracking_uri)
    mlflow.set_experiment(experiment_id=find_experiment(study.tracking_uri, "elsewhere"))
    places = {}
    models = {"cloudpickle": make_pipeline(StandardScaler(), NearestCentroid()), "skops": NearestCentroid(),
              "pickle": RandomForestClassifier(2, random_state=0)}  # fmt: skip
    for kind, model in models.items():
        with mlflow.start_run() as run:
            mlflow.sklearn.log_model(model.fit(data.x, data.label), name="model", serialization_format=kind,
                                     skops_trusted_types=[], pip_requirements=[])  # fmt: skip
        places[kind] = f"runs:/{run.info.run_id}/model"
    mlflow.set_tracking_uri(before)
    return places


def test_a_model_is_found_by_alias_version_and_run_and_predicts_as_it_did(foreign, study):
    data, _, trained, _ = audited("supported")
    by_alias = locate_model(study.tracking_uri, f"models:/{NAME}@{ALIAS}")
    assert (by_alias.address, by_alias.variant, by_alias.trained_snapshot) == (f"models:/{NAME}/3", "raw", "S3")
    assert by_alias == locate_model(study.tracking_uri, f"models:/{NAME}/3")
    loaded = fetch_classifier(by_alias, trust_pickle=False)
    np.testing.assert_array_equal(loaded.predict(data.x), trained.pipeline.predict(data.x))
    theirs = fetch_classifier(locate_model(study.tracking_uri, foreign["skops"]), trust_pickle=False)
    np.testing.assert_array_equal(theirs.predict(data.x), NearestCentroid().fit(data.x, data.label).predict(data.x))


@pytest.mark.parametrize("kind", ["cloudpickle", "pickle"])
def test_a_pickle_is_loaded_only_for_somebody_who_trusts_it_and_the_refusal_says_why(foreign, study, kind):
    found = locate_model(study.tracking_uri, foreign[kind])
    with pytest.raises(AuditError, match=rf"found a {kind} file\. Loading it runs whatever its author put there"):
        fetch_classifier(found, trust_pickle=False)
    assert hasattr(fetch_classifier(found, trust_pickle=True), "predict")


def test_mlflows_own_list_of_harmless_types_is_not_believed(foreign, study, tmp_path):
    """MLflow loads whatever types the file MLmodel beside a skops file allows."""
    import mlflow.sklearn

    from tests.tasks import strange_step

    allowed = ["tests.tasks.strange_step.Strange"]
    mlflow.sklearn.save_model(strange_step.Strange(), tmp_path / "model", serialization_format="skops",
                              skops_trusted_types=allowed, pip_requirements=[])  # fmt: skip
    found = locate_model(study.tracking_uri, foreign["skops"])
    place = type(found)(found.address, found.tracking_uri, (tmp_path / "model").as_uri())
    with pytest.raises(ReadError, match=r"known to be harmless, found .*Strange.*--trust-pickle"):
        fetch_classifier(place, trust_pickle=False)
    listing = tmp_path / "model" / "MLmodel"
    listing.write_text(listing.read_text().replace("pickled_model: model.skops", "pickled_model: ../../elsewhere"))
    with pytest.raises(AuditError, match="a model file inside its folder"):
        fetch_classifier(place, trust_pickle=False)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("origin", "expected models:/NAME@ALIAS"),
        ("models:/origin", "found another address"),
        ("models:/origin/Production", "found another address"),
        ("models:/nobody/1", "a model that is there, found .*nobody"),
        ("models:/coffee origin@champion", "a model that is there, found .*champion"),
        (f"models:/m-{'0' * 32}", "a model that is there"),
        (f"runs:/{'0' * 32}/model", "a model that is there"),
    ],
)
def test_an_address_that_leads_nowhere_is_told_as_such(history, study, address, says):
    with pytest.raises(AuditError, match=says):
        locate_model(study.tracking_uri, address)

"""Archive and variants at s3://: what a folder gives, a bucket gives too; and no secret is ever written down."""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from filelock import FileLock

from spectral_core import variant_store
from spectral_core.archive import Archive, create_archive, is_archive, open_archive, store, verify_archive
from spectral_core.archive.columns import append_rows
from spectral_core.errors import ArchiveError, StudyError
from spectral_core.ingest import ingest_inbox
from spectral_core.preprocessing import parse_variant
from spectral_core.storage import ObjectPlace
from spectral_core.study import Study
from spectral_core.variants import materialise, open_variant
from tests.core.faults import AXIS, check_snapshots, intensities, study_in, write_files
from tests.core.object_service import BUCKET, ENVIRONMENT, SECRET, TOKEN, object_service, objects, put
from tests.core.test_archive import spectra
from tests.core.test_variants import SNV

FILES = 24


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with object_service(tmp_path_factory.mktemp("moto")) as address:
        yield address


def a_study(folder: Path, prefix: str) -> Study:
    write_files(folder / "inbox", range(FILES))
    bands = {"all": {"interval": [400, 464], "assignment": "declared"}}
    return study_in(folder, archive=f"s3://{BUCKET}/{prefix}", bands=bands)


def test_a_bucket_gives_what_a_folder_gives_and_holds_no_secret(service: str, tmp_path: Path) -> None:
    study = a_study(tmp_path, "campaign/nir")
    (study.inbox / "A.txt").write_text("not a spectrum")
    report = ingest_inbox(study)
    assert (report.new, len(report.quarantined)) == (FILES, 1) and ingest_inbox(study).already_archived == FILES
    archive = open_archive(study.archive)
    lazy = archive.open()
    assert lazy["intensity"].data.npartitions == 1 and check_snapshots(study.archive) == FILES
    made = [
        materialise(lazy, parse_variant(text), directory=study.archive / "variants", snapshot=archive.snapshot(),
                    archive=study.archive)
        for text in ("snv", "raw")
    ]  # fmt: skip
    x = np.stack([intensities(int(name[1:-4])) for name in lazy["source"].values]).astype(np.float32)
    np.testing.assert_allclose(open_variant(made[0])["intensity"], SNV.apply(x, AXIS)[0], atol=1e-6)
    assert open_variant(made[1])["intensity"].values.tobytes() == x.tobytes()
    assert open_variant(made[0])["label"].values.tolist() == lazy["label"].values.tolist()
    found = verify_archive(study.archive, intake=study.intake_folder)
    assert found.sound and found.digests == FILES and found.files == {"archived": FILES, "quarantined": 1}
    alone = verify_archive(study.archive)  # by a machine that did not ingest
    assert alone.sound and (alone.digests, alone.files) == (FILES, {})
    assert sorted(p.name for p in study.intake_folder.iterdir()) == ["ledger.sqlite", "quarantine"]
    told = repr((study, made, archive.open(), found)) + study.model_dump_json()
    travelling = pickle.dumps((study, made, archive.open()))
    written = [*objects().values(), *(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())]
    for secret in (SECRET, TOKEN, ENVIRONMENT["AWS_ACCESS_KEY_ID"]):
        assert secret not in told
        assert not [content for content in [travelling, *written] if secret.encode() in content]
    assert Study.model_validate_json(study.model_dump_json()) == study and "://lab/campaign/nir" in told


@pytest.mark.slow
def test_a_variant_is_seen_once_it_is_whole_and_a_broken_run_is_taken_up(
    service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(variant_store, "BLOCK_BYTES", 4 * AXIS.size * 5)
    study = a_study(tmp_path, "restarted")
    ingest_inbox(study)
    archive = open_archive(study.archive)
    told: list[tuple[int, int]] = []

    def make(stop_at: int) -> object:
        def progress(done: int, total: int) -> None:
            told.append((done, total))
            if done == stop_at:
                raise RuntimeError

        return materialise(archive.open(), SNV, directory=study.archive / "variants", snapshot=archive.snapshot(),
                           archive=study.archive, workers=1, progress=progress)  # fmt: skip

    with pytest.raises(RuntimeError):
        make(3)
    left = {name: content for name, content in objects().items() if name.startswith("restarted/variants/")}
    chunks = [name for name in left if "/intensity/c/" in name]
    assert len(chunks) == 3 and not [name for name in left if name.endswith(".zarr")]
    put(chunks[1], left[chunks[1]][:-3])
    told.clear()
    variant = make(0)
    assert told == [(2, 5), (3, 5), (4, 5), (5, 5)] and str(variant.path) in str(variant)
    assert objects()[chunks[0]] == left[chunks[0]] and objects()[chunks[1]] == left[chunks[1]]
    x = np.stack([intensities(int(name[1:-4])) for name in archive.open()["source"].values])
    np.testing.assert_allclose(open_variant(variant)["intensity"], SNV.apply(x, AXIS)[0], atol=1e-6)
    assert make(0).reused


def test_of_two_machines_that_commit_at_once_the_second_begins_anew(
    service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = ObjectPlace(BUCKET, "shared")
    create_archive(place, intake=tmp_path).append(spectra("a", 2))
    machines = [open_archive(place), open_archive(place)]
    machines[1]._lock = FileLock(tmp_path / "lock of another machine")
    tries: list[int] = []

    def while_the_other_commits(*about: Any) -> None:
        append_rows(*about)
        tries.append(len(tries))
        if len(tries) == 1:
            machines[1].append(spectra("b", 3))
            machines[1].append(spectra("c", 1))

    monkeypatch.setattr(store, "append_rows", while_the_other_commits)
    machines[0].append(xr.concat([spectra("c", 1), spectra("d", 1)], dim="sample"))
    assert sorted(open_archive(place).open()["source"].values) == ["a", "a", "b", "b", "b", "c", "d"]
    assert len(tries) == 4  # its own, the other's two, and its own again, without what the other stored
    monkeypatch.setattr(store, "append_rows", lambda *about: (append_rows(*about), _commit_more(machines[1], tries)))
    with pytest.raises(ArchiveError, match=r"expected a snapshot that nobody else commits to.*nothing was lost"):
        machines[0].append(spectra("e", 1))


def _commit_more(machine: Archive, tries: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "append_rows", append_rows)
        tries.append(0)
        machine.append(spectra(f"more {len(tries)}", 1))


class _Refusing(BaseHTTPRequestHandler):
    """Answers as S3 does where a signature is wrong: with the request that it was to sign, headers included."""

    def _refuse(self) -> None:
        said = f"<Error><Code>SignatureDoesNotMatch</Code><CanonicalRequest>{self.headers}</CanonicalRequest></Error>"
        self.send_response(403)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said.encode())

    do_GET = do_PUT = do_HEAD = do_POST = _refuse

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_service_that_refuses_is_told_without_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with HTTPServer(("127.0.0.1", 0), _Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(
            ArchiveError, match=r"expected object storage that answers, found .*403.*Check AWS_"
        ) as told:
            is_archive(ObjectPlace(BUCKET, "x"))
        server.shutdown()
    assert not [secret for secret in (SECRET, TOKEN, ENVIRONMENT["AWS_ACCESS_KEY_ID"]) if secret in str(told.value)]


def test_what_is_no_archive_or_no_bucket_is_told(service: str, tmp_path: Path) -> None:
    put("foreign/notes.txt", b"x")
    with pytest.raises(ArchiveError, match=r"a prefix with 'notes.txt' and no offband.json"):
        create_archive(ObjectPlace(BUCKET, "foreign"), intake=tmp_path)
    with pytest.raises(ArchiveError, match=r"found nothing there. Ingest files first"):
        open_archive("s3://lab/nowhere")
    with pytest.raises(ArchiveError, match=r"expected object storage that answers, found .*NoSuchBucket"):
        open_archive("s3://no-such-bucket/archive")


@pytest.mark.parametrize(
    "text", ["s3://", "s3://lab", "s3://lab/", "s3:/lab/x", "s3://key:word@lab/x", "s3://lab/../x"]
)
def test_a_place_that_is_none_is_told_without_what_may_be_a_password(text: str, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="expected s3://bucket/prefix") as told:
        study_in(tmp_path, archive=text)
    assert "word" not in str(told.value)


def test_a_password_in_the_endpoint_is_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://me:hidden@127.0.0.1:1")
    with pytest.raises(ArchiveError, match="an address without user and password") as told:
        is_archive(ObjectPlace(BUCKET, "x"))
    assert "hidden" not in str(told.value)


def test_only_an_archive_on_object_storage_has_an_intake_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="intake only with an archive on object storage"):
        study_in(tmp_path, intake="intake")
    study = study_in(tmp_path, archive="s3://lab/x", intake="intake")
    assert study.intake_folder == tmp_path / "intake" and str(study.archive) == "s3://lab/x"
    assert study_in(tmp_path, archive="s3://lab/x").intake_folder == tmp_path / "results" / "intake"
    assert study_in(tmp_path).intake_folder == tmp_path / "archive"
    elsewhere = study_in(tmp_path / "other", archive="s3://lab/y")
    assert elsewhere.digest() == study.digest() and os.fspath(elsewhere.results)

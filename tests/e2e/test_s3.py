"""Whole jobs whose files are in S3: on a radosgw of the suite's own, over HTTP and HTTPS."""
import pathlib
import sys

import pytest
from harness import base, playlists
from harness.base import pb
from harness.programs import fingerprint, wait_until
from harness.s3 import Bucket, finish, submit

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import postgres  # noqa: E402

OPTIONS = ("--preset", 12, "--segment-seconds", 2)
TYPES = {".m3u8": "application/vnd.apple.mpegurl", ".mp4": "video/mp4", ".m4s": "video/iso.segment"}


@pytest.fixture(scope="module")
def film(clip):
    return clip("open-gop").path


@pytest.fixture(scope="module")
def wanted(presentation):
    return fingerprint(presentation("open-gop"))


@pytest.fixture
def bucket(s3):
    return Bucket(s3)


@pytest.fixture(scope="module")
def server():
    with postgres.Server() as started:
        yield started


@pytest.fixture(params=["sqlite", "postgres"])
def coordinator(request, farm):
    if request.param == "sqlite":
        return farm.coordinator()
    server = request.getfixturevalue("server")
    name = f"s3_{abs(hash(request.node.name))}"
    server.sql(f"CREATE DATABASE {name}")
    return farm.coordinator(db=server.url_of(name))


def test_from_s3_to_s3(farm, coordinator, s3, film, wanted, tmp_path):
    bucket = Bucket(s3, endpoint=s3.https)
    key = "films/a film+%é/in//put.mp4"
    bucket.put(key, film)
    farm.worker(coordinator.address, slots=2, env={"AWS_CA_BUNDLE": str(s3.ca)})
    job = submit(farm, coordinator.address, bucket.url(key), bucket.url("out"), *OPTIONS, "--work", bucket.url("work"),
                 env=bucket.env)
    status = finish(farm, coordinator.address, job)
    assert status["manifest"] == bucket.url("out/manifest.m3u8")
    assert bucket.fingerprint("out") == wanted
    # Nothing else is left, and what was there before is untouched.
    assert set(bucket.keys()) == {key, *(f"out/{name}" for name in wanted)}
    assert bucket.uploads() == []
    for name in wanted:
        head = bucket.head(f"out/{name}")
        assert head["content-type"] == TYPES[pathlib.Path(name).suffix], name
        assert head["cache-control"] == ("no-cache" if name == "manifest.m3u8" else "public, max-age=31536000, immutable")


def test_from_here_to_s3_and_back(farm, s3, bucket, film, wanted, tmp_path):
    coordinator = farm.coordinator()
    farm.worker(coordinator.address, slots=2)
    there = submit(farm, coordinator.address, film, bucket.url("out/"), *OPTIONS, "--cache-control", "max-age=60",
                   env=bucket.env)
    bucket.put("in.mp4", film)
    here = submit(farm, coordinator.address, bucket.url("in.mp4"), tmp_path / "out", *OPTIONS, env=bucket.env)
    finish(farm, coordinator.address, there)
    finish(farm, coordinator.address, here)
    assert bucket.fingerprint("out") == wanted
    assert fingerprint(tmp_path / "out") == wanted
    assert {bucket.head(f"out/{name}")["cache-control"] for name in wanted} == {"max-age=60", "no-cache"}
    assert set(bucket.keys()) == {"in.mp4", *(f"out/{name}" for name in wanted)}


def test_three_buckets_with_three_credentials_by_base_messages(farm, coordinator, s3, film, tmp_path):
    source, work, output = Bucket(s3, "source"), Bucket(s3, "work"), Bucket(s3, "output")
    source.put("in.mp4", film)

    def credentials(bucket):
        return pb.S3Credentials(access_key_id=bucket.client.key, secret_access_key=bucket.client.secret, endpoint=s3.http)

    def folder(bucket, path):
        return pb.Folder(s3folder=pb.S3Folder(bucket=bucket.name, path=path, credentials=credentials(bucket)))

    farm.worker(coordinator.address, slots=2)
    with base.Client(coordinator.address) as client:
        job = client.submit(pb.AV1EncodeJob(
            input_file=pb.File(s3file=pb.S3File(bucket=source.name, path="in.mp4", credentials=credentials(source))),
            working_directory=folder(work, "pieces"), output_directory=folder(output, "out"), seconds_per_segment=2))
        found = wait_until(lambda: (j := client.job(job)).finished and j or j.failed and j, "the end of the job", 240, every=0.2)
        assert found.finished and not found.failed
        assert found.generated_manifest.s3file.path == "out/manifest.m3u8"
        assert found.generated_manifest.s3file.credentials.secret_access_key == ""
    playlists.check(playlists.read(output.save("out", tmp_path / "out") / "manifest.m3u8"))
    assert source.keys() == ["in.mp4"]
    assert work.keys() == []
    secrets = [b.client.secret for b in (source, work, output)]
    logs = "".join(d.text() for d in farm.daemons)
    assert not [s for s in secrets if s in logs]

"""Whole jobs whose files are in S3: on a radosgw of the suite's own, over HTTP and HTTPS."""
import base64
import hashlib
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request

import pytest
from harness import base, browser, clips, media, playlists
from harness.base import pb
from harness.programs import fingerprint, wait_until
from harness.s3 import Bucket, finish, submit

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import faulty_s3  # noqa: E402
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
def coordinator(request, farm, tmp_path):
    if request.param == "sqlite":
        return farm.coordinator()
    keyring = tmp_path / "keyring"
    keyring.touch(0o600)
    keyring.write_text(f"test {base64.b64encode(os.urandom(32)).decode()}\n")
    server = request.getfixturevalue("server")
    name = f"s3_{abs(hash(request.node.name))}"
    server.sql(f"CREATE DATABASE {name}")
    return farm.coordinator("--keyring", keyring, db=server.url_of(name))


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
    manifest = output.save("out", tmp_path / "out") / "manifest.m3u8"
    playlists.check(playlists.read(manifest))
    assert media.warnings(manifest) == ""
    assert media.relative_times(manifest) == media.relative_times(film)
    assert source.keys() == ["in.mp4"]
    assert work.keys() == []
    secrets = [b.client.secret for b in (source, work, output)]
    logs = "".join(d.text() for d in farm.daemons)
    assert not [s for s in secrets if s in logs]


def test_the_files_of_a_base_split_are_measured_one_after_another(farm, coordinator, s3, film):
    """With a worker that has room for a copy of one at a time."""
    bucket = Bucket(s3)
    keys = pb.S3Credentials(access_key_id=bucket.client.key, secret_access_key=bucket.client.secret, endpoint=s3.http)
    bucket.put("in.mp4", film)
    with base.Client(coordinator.address) as client:
        job = client.submit(pb.AV1EncodeJob(
            input_file=pb.File(s3file=pb.S3File(bucket=bucket.name, path="in.mp4", credentials=keys)),
            output_directory=pb.Folder(s3folder=pb.S3Folder(bucket=bucket.name, path="out", credentials=keys)),
            seconds_per_segment=2, crf=60))
        task = client.task("base-1")
        again = pb.File(s3file=pb.S3File(bucket=bucket.name, path="in.mp4", credentials=keys))
        client.finish("base-1", task.id, split_video_finish_message=pb.SplitVideoFinishMessage(generated_files=[again, again]))
        farm.worker(coordinator.address, "--work-limit", "16M")
        found = wait_until(lambda: (j := client.job(job)).finished and j or j.failed and j, "the end of the job", 240, every=0.2)
        assert found.finished and not found.failed, farm.status(coordinator.address, job)


# What happens to the first request of each kind to each object.
BAD_DAY = {
    "get": ["cut-down", "503", "flip-down", "truncated", "reset", "500"],
    "put": ["flip-up", "lost", "cut-up", "503", "reset"],
    "head": ["503", "reset"],
    "delete": ["lost", "500"],
}


def bad_day(request, seen):
    seen[request.kind, request.target] += 1
    if seen[request.kind, request.target] > 1 or request.kind not in BAD_DAY:
        return None
    if request.path.count("/") == 1:  # a list: it has no sum that could show a flipped bit
        return "500"
    faults = BAD_DAY[request.kind]
    seen[request.kind] += 1
    return faults[seen[request.kind] % len(faults)]


def test_a_job_survives_a_bad_day_byte_for_byte(farm, s3, film, wanted):
    with faulty_s3.Proxy(s3.http_port, bad_day) as proxy:
        bucket = Bucket(s3, endpoint=proxy.url)
        bucket.put("in.mp4", film)
        coordinator = farm.coordinator()
        farm.worker(coordinator.address, slots=2)
        job = submit(farm, coordinator.address, bucket.url("in.mp4"), bucket.url("out"), *OPTIONS, env=bucket.env)
        finish(farm, coordinator.address, job)
        assert {f for faults in BAD_DAY.values() for f in faults} <= set(proxy.spoilt), proxy.spoilt
    assert bucket.fingerprint("out") == wanted
    assert set(bucket.keys()) == {"in.mp4", *(f"out/{name}" for name in wanted)}


@pytest.mark.parametrize("fault, words", [("expired", "ExpiredToken"), ("denied", "AccessDenied")])
def test_what_cannot_be_survived_fails_at_once_and_says_why(farm, s3, film, fault, words):
    with faulty_s3.Proxy(s3.http_port, lambda request, _: fault if request.path.endswith(".piece") else None) as proxy:
        bucket = Bucket(s3, endpoint=proxy.url)
        bucket.put("in.mp4", film)
        coordinator = farm.coordinator("--max-attempts", 4)
        farm.worker(coordinator.address)
        job = submit(farm, coordinator.address, bucket.url("in.mp4"), bucket.url("out"), *OPTIONS, env=bucket.env)
        status = farm.wait_over(coordinator.address, job)
        assert status["state"] == "failed"
        text = json.dumps(status)
        assert words in text and proxy.url in text and "TEST-ID" in text, text
        assert bucket.client.secret not in text + "".join(d.text() for d in farm.daemons)
        assert len(re.findall(r"event=task.claimed .*kind=split", farm.daemons[1].text())) == 1
        wait_until(lambda: bucket.keys() == ["in.mp4"], "what the job made is gone", 30, every=0.5)


def test_submit_says_what_is_wrong_before_it_submits(farm, s3, film, bucket):
    other = Bucket(s3, "other")
    bucket.put("in.mp4", film)
    bucket.client.put(bucket.name, "full/manifest.m3u8", b"#EXTM3U\n")

    def refused(source, output, *options, **env):
        done = farm.build.run("submit", source, output, "--coordinator", "127.0.0.1:1", *options, env={**bucket.env, **env})
        assert done.returncode in (1, 2), done
        return done.stderr

    assert "INPUT cannot be read" in (text := refused(bucket.url("none.mp4"), bucket.url("out"))) and "none.mp4" in text
    assert "INPUT cannot be read" in refused("s3://no-such-bucket/in.mp4", bucket.url("out"))
    assert "OUTPUT cannot be written" in (text := refused(bucket.url("in.mp4"), other.url("out"))) and "AccessDenied" in text
    assert "holds a presentation already" in refused(bucket.url("in.mp4"), bucket.url("full"))
    assert "is the secret key right?" in refused(bucket.url("in.mp4"), bucket.url("out"), AWS_SECRET_ACCESS_KEY="wrong")
    assert "no profile" in refused(bucket.url("in.mp4"), bucket.url("out"), AWS_PROFILE="nobody")
    assert "--s3-style" in refused(bucket.url("in.mp4"), bucket.url("out"), "--s3-style", "odd")
    assert bucket.keys() == ["full/manifest.m3u8", "in.mp4"]


class Instance(http.server.BaseHTTPRequestHandler):
    """What a machine in a cloud finds at its metadata address."""
    keys = None
    asked = []

    def do_PUT(self):
        self.answer("a-token" if self.headers["x-aws-ec2-metadata-token-ttl-seconds"] else "")

    def do_GET(self):
        self.asked.append(self.path)
        if self.headers["x-aws-ec2-metadata-token"] != "a-token" and self.headers["authorization"] != "let me":
            return self.send_error(401)
        if self.path.endswith("/security-credentials/"):
            return self.answer("a-role\n")
        key, secret = self.keys
        self.answer(json.dumps({"Code": "Success", "AccessKeyId": key, "SecretAccessKey": secret, "Token": "",
                                "Expiration": "2099-01-01T00:00:00Z"}))

    def answer(self, text):
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def instance(bucket):
    Instance.keys, Instance.asked = (bucket.client.key, bucket.client.secret), []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Instance) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("where", ["instance", "container", "profile"])
def test_secrets_need_not_travel(farm, s3, bucket, film, wanted, instance, tmp_path, where):
    """The worker opens the job's places with credentials of its own."""
    (tmp_path / "credentials").write_text(f"[films]\naws_access_key_id = {bucket.client.key}\n"
                                          f"aws_secret_access_key={bucket.client.secret}\n")
    env = {
        "instance": {"AWS_EC2_METADATA_SERVICE_ENDPOINT": instance},
        "container": {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{instance}/role", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "let me"},
        "profile": {"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"), "AWS_PROFILE": "films"},
    }[where]
    bucket.put("in.mp4", film)
    coordinator = farm.coordinator()
    farm.worker(coordinator.address, "--allow-s3", f"{s3.http}/{bucket.name}", slots=2, env=env)
    job = submit(farm, coordinator.address, bucket.url("in.mp4"), bucket.url("out"), *OPTIONS, "--no-credentials",
                 env=bucket.env | {"AWS_ENDPOINT_URL_S3": s3.http})
    finish(farm, coordinator.address, job)
    assert bucket.fingerprint("out") == wanted
    assert bucket.client.secret.encode() not in coordinator.db.read_bytes()
    assert bool(Instance.asked) == (where != "profile")
    # The same worker touches nothing else, with or without credentials.
    other = Bucket(s3, "other")
    for options in ((), ("--no-credentials",)):
        job = submit(farm, coordinator.address, other.url("in.mp4"), other.url("out"), *OPTIONS, *options, "--no-check",
                     env=other.env)
        status = farm.wait_over(coordinator.address, job)
        assert status["state"] == "failed" and "--allow-s3" in status["error"], status["error"]


def blocks_of_the_manual(kind):
    text = (pathlib.Path(__file__).parents[2] / "docs/STORAGE.md").read_text()
    return re.findall(rf"```{kind}\n(.*?)```", text, re.S)


def test_the_least_rights_of_the_manual_are_enough(farm, s3, film, wanted):
    """Of somebody who owns neither bucket, and may do there what the policy says and nothing else."""
    source, output = Bucket(s3, "source"), Bucket(s3, "output")
    source.put("in.mp4", film)
    guest = Bucket(s3, "guest")
    text = blocks_of_the_manual("json")[0].replace("IN/IN-KEY", f"{source.name}/in.mp4").replace("OUT", output.name).replace("FOLDER", "out")
    policy = json.loads(text)
    for bucket in (source, output):
        theirs = [dict(s, Principal={"AWS": [f"arn:aws:iam:::user/{guest.name}"]}) for s in policy["Statement"]
                  if any(bucket.name in resource for resource in s["Resource"])]
        body = json.dumps(dict(policy, Statement=theirs)).encode()
        bucket.client.request("PUT", f"/{bucket.name}", {"policy": ""}, body)
    coordinator = farm.coordinator()
    farm.worker(coordinator.address, slots=2)
    job = submit(farm, coordinator.address, source.url("in.mp4"), output.url("out"), *OPTIONS, env=guest.env)
    finish(farm, coordinator.address, job)
    output.client = guest.client  # whose the objects are
    assert output.fingerprint("out") == wanted
    assert set(output.keys()) == {f"out/{name}" for name in wanted}


def test_an_uploaded_film_is_encoded_and_plays_on_another_site(farm, s3, bucket, film, wanted, tmp_path):
    """The words of docs/STORAGE.md, as they stand there."""
    coordinator = farm.coordinator()
    farm.worker(coordinator.address, slots=2)
    odd = tmp_path / "a film + é%20日.mp4"
    shutil.copy(film, odd)
    upload = ("--upload", bucket.url("incoming"), *OPTIONS)
    done = farm.build.run("submit", odd, bucket.url("out"), "--coordinator", coordinator.address, *upload, env=bucket.env)
    assert done.returncode == 0 and "uploading: 100 %" in done.stderr, done.stderr
    assert bucket.client.get(bucket.name, f"incoming/{odd.name}") == film.read_bytes() and odd.exists()
    job = done.stdout.strip()
    status = finish(farm, coordinator.address, job)
    assert bucket.fingerprint("out") == wanted

    # A signed URL opens the manifest before anybody else may read it.
    signed = farm.build.run("status", job, "--sign", 60, "--coordinator", coordinator.address, env=bucket.env).stdout
    signed = re.search(r"^url +(\S+)$", signed, re.M)[1]
    assert urllib.request.urlopen(signed).read() == bucket.client.get(bucket.name, "out/manifest.m3u8")
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(status["url"])

    policy = blocks_of_the_manual("json")[1].replace("OUT/FOLDER", f"{bucket.name}/out").encode()
    cors = blocks_of_the_manual("xml")[0].encode()
    for name, body in (("policy", policy), ("cors", cors)):
        md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
        bucket.client.request("PUT", f"/{bucket.name}", {name: ""}, body, {"Content-MD5": md5})
    site = browser.Server(tmp_path)
    player = browser.Browser(tmp_path)
    try:
        player.open(f"{site.url}/.test/player.html")
        state = player.evaluate("await load(args[0]); return await bufferAll()", status["url"])
        assert len(state["ranges"]) == 1 and abs(state["ranges"][0][1] - state["duration"]) < 0.1, state
        assert player.evaluate("return errors") == []
    finally:
        player.close()
        site.close()


def test_an_upload_is_not_in_vain(farm, bucket, film, tmp_path):
    """Who would not take the job is asked before; what is there already is taken."""
    source = tmp_path / "in.mp4"
    shutil.copyfile(film, source)

    def submit_to(address, output="out"):
        return farm.build.run("submit", source, bucket.url(output), "--coordinator", address, "--upload", bucket.url("in"), env=bucket.env)

    away = submit_to(f"unix:{tmp_path}/nobody")
    assert away.returncode == 3 and "nobody" in away.stderr and bucket.keys() == [], away.stderr
    coordinator = farm.coordinator()
    first = submit_to(coordinator.address)
    assert first.returncode == 0 and "uploading: 100 %" in first.stderr, first.stderr
    refused = submit_to(coordinator.address)  # after the upload: another job has that output
    assert refused.returncode == 2 and "no copy" not in refused.stderr, refused.stderr
    again = submit_to(coordinator.address, "elsewhere")
    assert again.returncode == 0 and "in.mp4 is there already" in again.stderr and "uploading" not in again.stderr, again.stderr
    # Another film of that name replaces nothing.
    later = source.stat().st_mtime + 100
    os.utime(source, (later, later))
    changed = submit_to(coordinator.address, "third")
    source.write_bytes(film.read_bytes() + b"more")
    other = submit_to(coordinator.address, "third")
    for done in (changed, other):
        assert done.returncode == 2 and "is there already, and is no copy of" in done.stderr, done.stderr
    assert bucket.client.get(bucket.name, "in/in.mp4") == film.read_bytes()


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_upload_that_is_interrupted_leaves_nothing(farm, s3, tmp_path, sent):
    """No part that nobody sees, and that costs money: there is no job yet whose end would abort it."""
    source = tmp_path / "in.mp4"
    coordinator = farm.coordinator()
    with open(source, "wb") as f:
        f.truncate(48 << 20)
    with faulty_s3.Proxy(s3.http_port, lambda request, _: "silence" if request.kind == "part" else None) as proxy:
        bucket = Bucket(s3, endpoint=proxy.url)
        process = subprocess.Popen([str(a) for a in (farm.build.client, "submit", source, bucket.url("out"), "--no-check",
                                                     "--upload", bucket.url("in"), "--coordinator", coordinator.address)],
                                   env={**os.environ, **bucket.env}, stderr=subprocess.PIPE, text=True)
        wait_until(lambda: proxy.spoilt["silence"], "a part that hangs")
        assert len(bucket.uploads()) == 1
        process.send_signal(sent)
        said = process.communicate(timeout=60)[1]
        assert process.returncode == 1 and "--upload: interrupted: s3://" in said, said
        assert bucket.uploads() == [] and bucket.keys() == []


@pytest.fixture(scope="module")
def large(clip, tmp_path_factory):
    """More than is copied where that can be avoided; its index is at its end."""
    path = tmp_path_factory.mktemp("large") / "large.mov"
    clips.ffmpeg("-t", 4, "-i", clip("open-gop").path, "-f", "lavfi", "-i", "color=gray:size=640x360:rate=30:duration=4",
                 "-map", "0", "-map", "1", "-c", "copy", "-c:v:1", "rawvideo", "-pix_fmt:v:1", "yuv420p", "-disposition:v:1", "0",
                 path)
    assert path.stat().st_size > 36 << 20
    assert path.read_bytes().rindex(b"moov") > 36 << 20
    return path


def test_a_large_source_is_read_by_range_where_no_copy_finds_room(farm, s3, large, tmp_path):
    asked = []

    def note(request, _):
        if request.kind == "get" and request.path.endswith(".mov"):
            asked.append(request.header("range"))
        return "cut-down" if len(asked) == 3 else None

    with faulty_s3.Proxy(s3.http_port, note) as proxy:
        bucket = Bucket(s3, endpoint=proxy.url)
        bucket.put("in.mov", large)
        coordinator = farm.coordinator()
        farm.worker(coordinator.address, "--work-limit", "30M", slots=2)
        job = submit(farm, coordinator.address, bucket.url("in.mov"), bucket.url("out"), *OPTIONS, env=bucket.env)
        here = submit(farm, coordinator.address, large, tmp_path / "out", *OPTIONS, env=bucket.env)
        finish(farm, coordinator.address, job)
        finish(farm, coordinator.address, here)
        assert proxy.spoilt["cut-down"] == 1
    assert bucket.fingerprint("out") == fingerprint(tmp_path / "out")
    # Its index came before its middle.
    offsets = [int(re.match(r"bytes=(\d+)-", r)[1]) for r in asked]
    assert max(offsets) > 36 << 20 and offsets.index(max(offsets)) < len(offsets) - 1, offsets


def test_encode_probe_and_verify_take_s3_too(build, s3, bucket, film, wanted, tmp_path):
    bucket.put("in.mp4", film)
    env = bucket.env | {"XDG_STATE_HOME": str(tmp_path / "state")}
    probed = json.loads(build.run("probe", bucket.url("in.mp4"), "--json", env=env).stdout)
    here = json.loads(build.run("probe", film, "--json").stdout)
    assert {**probed, "input": ""} == {**here, "input": ""}
    # Both ends in the store, then one of them; what is kept meanwhile is gone afterwards.
    for source, output in ((bucket.url("in.mp4"), "out"), (film, "from-here")):
        done = build.encode(source, bucket.url(output), *OPTIONS, env=env)
        assert done.stdout.strip() == bucket.url(f"{output}/manifest.m3u8")
        assert bucket.fingerprint(output) == wanted
    # Credentials from a file, which is named from here; the worker runs elsewhere.
    (tmp_path / "keys").write_text("[default]\naws_access_key_id = {AWS_ACCESS_KEY_ID}\n"
                                   "aws_secret_access_key = {AWS_SECRET_ACCESS_KEY}\n".format(**env))
    named = env | {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SHARED_CREDENTIALS_FILE": "keys"}
    build.encode(bucket.url("in.mp4"), tmp_path / "out", *OPTIONS, env=named, cwd=tmp_path)
    assert fingerprint(tmp_path / "out") == wanted
    assert not [p for p in (tmp_path / "state").rglob("*") if p.name != "avspl1t"]
    for name in ("out", "out/manifest.m3u8"):
        done = build.run("verify", bucket.url(name), env=env)
        assert done.returncode == 0, done.stdout + done.stderr
    # A presentation in the way is refused before anything begins; what is damaged is found.
    done = build.run("encode", film, bucket.url("out"), *OPTIONS, env=env)
    assert done.returncode == 2 and "holds a presentation already" in done.stderr, done.stderr
    segment = next(k for k in bucket.keys("out/v0/") if k.endswith(".m4s"))
    bucket.client.put(bucket.name, segment, bucket.client.get(bucket.name, segment)[:-100])
    done = build.run("verify", bucket.url("out"), env=env)
    assert done.returncode == 1 and segment.removeprefix("out/") in done.stdout, done.stdout + done.stderr


def test_verify_reads_text_and_the_mpd_from_s3(build, bucket, clip, tmp_path):
    env = bucket.env | {"XDG_STATE_HOME": str(tmp_path / "state")}
    # A file of subtitles beside the source is there, too.
    words = tmp_path / "beside.srt"
    words.write_text(clips.srt([(1234, 2345, "beside")]))
    bucket.put("beside.srt", words)
    beside = ("--subtitle", bucket.url("beside.srt") + ":pt-BR:Legendas")
    (shown,) = json.loads(build.run("probe", "--json", clip("tracks").path, *beside, env=env).stdout)["subtitles"]
    assert (shown["file"], shown["language"], shown["plan"]) == (bucket.url("beside.srt"), "pt-BR", "→ WebVTT")
    build.encode(clip("tracks").path, bucket.url("out"), "--preset", 13, "--segment-seconds", 2, "--dash", *beside, env=env)
    done = build.run("verify", "--fast", "--json", bucket.url("out"), env=env)
    assert done.returncode == 0 and json.loads(done.stdout)["findings"] == [], done.stdout
    assert b'NAME="Legendas",LANGUAGE="pt-BR"' in bucket.client.get(bucket.name, "out/manifest.m3u8")
    (written,) = [k for k in bucket.keys("out/s2/") if k.endswith(".vtt")]
    assert b"00:00:01.234 --> 00:00:02.345\nbeside\n" in bucket.client.get(bucket.name, written)
    mpd = bucket.client.get(bucket.name, "out/manifest.mpd")
    bucket.client.put(bucket.name, "out/manifest.mpd", mpd.replace(b'lang="de"', b'lang="en"', 1))
    text = next(k for k in bucket.keys("out/s0/") if k.endswith(".vtt"))
    bucket.client.put(bucket.name, text, bucket.client.get(bucket.name, text).replace(b"00:00:01.234 -->", b"00:00:02.234 -->"))
    done = build.run("verify", "--fast", "--json", bucket.url("out"), env=env)
    assert {f["rule"] for f in json.loads(done.stdout)["findings"]} == {"dash.language", "text.cue"}, done.stdout


@pytest.mark.full
def test_what_a_cleanup_could_not_remove_is_removed_later_or_named(farm, s3, film):
    fault = None

    def rule(request, _):
        if request.kind == "put" and request.path.endswith("/manifest.m3u8"):
            return "503"  # no job ends before it is canceled
        return fault if request.kind == "delete" else None

    with faulty_s3.Proxy(s3.http_port, rule) as proxy:
        bucket = Bucket(s3, endpoint=proxy.url)
        coordinator = farm.coordinator()
        worker = farm.worker(coordinator.address, "--s3-timeout", 1)

        def cancel(output, meanwhile):
            nonlocal fault
            job = submit(farm, coordinator.address, film, bucket.url(output), *OPTIONS, env=bucket.env)
            wait_until(lambda: any(k.endswith(".m4s") for k in bucket.keys(output)), "a segment")
            fault = meanwhile
            farm.build.run("cancel", job, "--coordinator", coordinator.address)
            return job

        def attempts(job):
            told = farm.build.run("status", job, "--attempts", "--json", "--coordinator", coordinator.address).stdout
            return [(a["outcome"], a.get("error", "")) for a in json.loads(told)["attempts"] if a["kind"] == "cleanup"]

        job = cancel("later", "503")
        outcome, error = wait_until(lambda: attempts(job), "a cleanup that failed")[0]
        assert outcome == "failed" and "SlowDown" in error and f"s3://{bucket.name}/later/" in error, error
        fault = None
        worker.wait_for(f"task.done .*kind=cleanup job={job}")
        assert [outcome for outcome, _ in attempts(job)][-1] == "done" and bucket.keys("later") == []
        assert farm.status(coordinator.address, job)["warnings"] == []

        job = cancel("named", "denied")
        (warning,) = wait_until(lambda: farm.status(coordinator.address, job)["warnings"], "a warning")
        assert "could be removed" in warning and f"s3://{bucket.name}/named/" in warning and "AccessDenied" in warning, warning
        assert len(attempts(job)) == 1 and bucket.keys("named")


@pytest.mark.full
def test_an_encode_that_is_interrupted_in_an_upload_aborts_it(build, s3, tmp_path):
    """Of a segment that goes up in parts, while another one is done: the job is kept, the parts are not."""
    source = tmp_path / "noise.mkv"
    clips.ffmpeg("-f", "lavfi", "-i", "color=gray:size=64x64:rate=24:duration=1,scale=1920:1080", "-f", "lavfi", "-i",
                 "nullsrc=size=1920x1080:rate=24:duration=1,geq=random(1)*255:128:128", "-filter_complex",
                 "[0]setsar=1[a];[1]setsar=1[b];[a][b]concat", "-c:v", "ffv1", source)
    with faulty_s3.Proxy(s3.http_port, lambda request, _: "silence" if request.kind == "part" else None) as proxy:
        bucket = Bucket(s3, endpoint=proxy.url)
        env = {**os.environ, **bucket.env, "XDG_STATE_HOME": str(tmp_path / "state")}
        command = (build.client, "encode", source, bucket.url("out"), "--crf", 1, "--preset", 13, "--segment-seconds", 1)
        process = subprocess.Popen([str(a) for a in command], env=env, stderr=subprocess.PIPE, text=True)
        wait_until(lambda: proxy.spoilt["silence"], "a part that hangs", 240)
        assert len(bucket.uploads()) == 1
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[1]
        assert process.returncode == 1 and "the same command goes on" in said, said
        assert bucket.uploads() == []


def test_an_interrupt_does_not_wait_for_a_store_that_is_silent(build, s3, tmp_path):
    """Nothing is done, and what was made in the store should go: a second Ctrl-C leaves it there, and that is said."""
    worker = tmp_path / "avspl1t-worker"
    worker.write_text("#!/bin/sh\nexec sleep 600\n")
    worker.chmod(0o755)
    with faulty_s3.Proxy(s3.http_port, lambda request, _: "silence" if request.kind == "delete" and "/v0/" in request.path else None) as proxy:
        bucket = Bucket(s3, endpoint=proxy.url)
        segments = {f"out/v0/0000{i}-0123456789abcdef.m4s" for i in range(3)}
        for name in segments:
            bucket.client.put(bucket.name, name, b"half a job")
        env = {**os.environ, **bucket.env, "XDG_STATE_HOME": str(tmp_path / "state"), "AVSPL1T_LIBEXEC": str(tmp_path)}
        source = tmp_path / "in.mkv"
        clips.ffmpeg("-f", "lavfi", "-i", "color=gray:size=64x64:rate=24:duration=1", source)
        process = subprocess.Popen([str(build.client), "encode", str(source), bucket.url("out")], env=env, stderr=subprocess.PIPE, text=True)
        wait_until(lambda: list((tmp_path / "state").rglob("*.db")), "a database", 60)
        process.send_signal(signal.SIGINT)
        # Where all is slow, its own deadline comes first, to the same end.
        wait_until(lambda: proxy.spoilt["silence"] or process.poll() is not None, "a file that is being removed", 60)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=120)[1]
        assert process.returncode == 1 and "left behind: " in said and "interrupted: something was left in s3://" in said, said
        assert proxy.spoilt["silence"] <= 1
        assert {key for key in bucket.keys("out/") if "/v0/" in key} == segments


@pytest.mark.full
def test_an_encode_into_s3_that_was_interrupted_goes_on(build, s3, bucket, clip, presentation, tmp_path):
    env = bucket.env | {"XDG_STATE_HOME": str(tmp_path / "state")}
    args = ("encode", clip("film").path, bucket.url("out"), "--preset", 12, "--segment-seconds", 1)
    process = subprocess.Popen([str(a) for a in (build.client, *args)], env={**os.environ, **env}, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: len([k for k in bucket.keys("out/v0/") if k.endswith(".m4s")]) >= 2, "segments", 60)
    process.send_signal(signal.SIGINT)
    assert "the same command goes on" in process.communicate(timeout=60)[1]
    done = build.run(*args, env=env, timeout=240)
    assert done.returncode == 0 and "going on" in done.stderr, done.stderr
    assert bucket.fingerprint("out") == fingerprint(presentation("film"))
    # One that is not gone on with leaves nothing.
    process = subprocess.Popen([str(a) for a in (build.client, "encode", clip("film").path, bucket.url("other"), *OPTIONS)],
                               env={**os.environ, **env}, stderr=subprocess.PIPE)
    wait_until(lambda: list((tmp_path / "state").rglob("*.db")), "a database", 30)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert bucket.keys("other") == []

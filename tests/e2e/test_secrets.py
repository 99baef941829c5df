"""Secrets that stay secret: after all that may be done with them, they are looked for wherever they could be."""
import base64
import contextlib
import json
import os
import pathlib
import sys
import urllib.error
import urllib.request

import grpc
import pytest
from harness import access, base
from harness.access import shown
from harness.base import pb
from harness.programs import children, files_below, wait_until
from harness.s3 import Bucket

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import postgres  # noqa: E402

PUBLIC = "AKIA-PUBLIC-HALF"
SECRETS = [f"SECRET-OF-{part}-0123456789abcdef" for part in ("input", "work", "output")]
# The database's own log says all that it is asked.
LOGS_ALL = ("log_statement=all", "log_min_duration_statement=0", "log_min_messages=info", "log_parameter_max_length=-1")


def keys(*ids):
    return "".join(f"{i} {base64.b64encode(i.encode().ljust(32, b'k')).decode()}\n" for i in ids)


def credentials(i):
    return pb.S3Credentials(access_key_id=PUBLIC, secret_access_key=SECRETS[i], region="r", endpoint="http://127.0.0.1:1")


def s3_job(output="out"):
    return pb.JobDetails(av1_encode_job=pb.AV1EncodeJob(
        input_file=pb.File(s3file=pb.S3File(bucket="b", path="in.mp4", credentials=credentials(0))),
        working_directory=pb.Folder(s3folder=pb.S3Folder(bucket="b", path="work", credentials=credentials(1))),
        output_directory=pb.Folder(s3folder=pb.S3Folder(bucket="b", path=output, credentials=credentials(2)))))


class Caller:
    """Calls with a token, and all that was ever answered."""

    def __init__(self, channel, token):
        self.channel, self.token, self.answers = channel, token, []

    def __call__(self, method, message=b""):
        try:
            answer = self.channel.unary_unary(access.SERVICE + method)(message, metadata=shown(self.token), timeout=20)
        except grpc.RpcError as error:
            answer = f"{error.details()} {error.trailing_metadata()}".encode()
        self.answers.append(answer)
        return answer


def files_with(text, *folders):
    """Files that hold a text, as it is or as hex or base64 digits would show it."""
    forms = [text.encode(), text.encode().hex().encode(), base64.b64encode(text.encode())[:-4]]
    found = []
    for folder in folders:
        for path in files_below(folder):
            with contextlib.suppress(FileNotFoundError):  # another's, and gone
                if path.is_file() and not path.is_symlink() and any(form in path.read_bytes() for form in forms):
                    found.append(path)
    return found


def shows(pid, text):
    """What others are shown of a process: its command line and its environment."""
    return [name for name in ("cmdline", "environ") if text.encode() in pathlib.Path(f"/proc/{pid}/{name}").read_bytes()]


@pytest.fixture(scope="module")
def server():
    with postgres.Server(options=LOGS_ALL) as started:
        yield started


@pytest.fixture
def database(server, request):
    name = request.node.name
    server.sql(f'CREATE DATABASE "{name}"')
    return server.url_of(name)


@pytest.fixture(params=["sqlite", "postgres"])
def vault(request, farm, build, tmp_path, tmp_path_factory):
    """A coordinator with a keyring that asks who calls, and where its database lies."""
    keyring = tmp_path_factory.mktemp("own") / "keyring"  # the test's own copy of secrets
    keyring.write_text(keys("old"))
    keyring.chmod(0o600)
    url = request.getfixturevalue("database") if request.param == "postgres" else None
    started = farm.coordinator("--auth", "always", "--keyring", keyring, "--log-level", "debug", "--http", "127.0.0.1:0", db=url)
    started.places = [tmp_path] if url is None else [tmp_path, request.getfixturevalue("server").folder]
    started.url = url or f"sqlite://{started.db}"
    return started, keyring


def page(coordinator, path):
    found = coordinator.wait_for(r"event=coordinator\.http address=\"?([\w.:]+)")[1]
    try:
        with urllib.request.urlopen(f"http://{found}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_secrets_are_found_nowhere(vault, farm, build, clip, tmp_path):
    coordinator, keyring = vault
    tokens = access.Tokens(build, coordinator.url)
    ann, box, root = (tokens.add(*who) for who in (("ann", "client"), ("box", "worker"), ("root", "admin")))
    with grpc.insecure_channel(coordinator.address) as channel:
        client, worker, admin = Caller(channel, ann), Caller(channel, box), Caller(channel, root)
        job = pb.JobId.FromString(client("SubmitJob", s3_job().SerializeToString())).id
        about = pb.JobId(id=job).SerializeToString()
        # Whoever claims the task has them, which shows that they are there; nobody else.
        claim = channel.unary_unary(access.SERVICE + "GetTask")
        task = pb.Task.FromString(claim(pb.GetTaskMessage(worker_id="base-1").SerializeToString(), metadata=shown(box), timeout=10))
        assert task.split_video_task.input_file.s3file.credentials.secret_access_key == SECRETS[0]
        # The keys are exchanged meanwhile.
        keyring.write_text(keys("new", "old"))
        coordinator.wait_for("event=keyring.read")
        wait_until(lambda: page(coordinator, "/readyz")[0] == 200, "ready")
        for who in (client, worker, admin):
            for method in access.all_methods():
                if method not in ("WatchJobs", "GetTask", "WatchJob", "DeleteJob"):
                    who(method, about)
        admin("GetJob", about)
        # A real worker has its token in the environment; of two jobs one ends, the other one's store does not answer.
        machine = farm.worker(coordinator.address, "--log-level", "debug", env={"AVSPL1T_TOKEN": box})
        mine = {"AVSPL1T_TOKEN": ann, "AVSPL1T_COORDINATOR": coordinator.address}
        second = build.run("submit", clip("silent").path, tmp_path / "out", "--preset", "13", env=mine)
        assert second.returncode == 0, second.stderr
        watched = build.run("watch", second.stdout.strip(), env=mine)
        assert watched.returncode == 0, watched.stderr
        client("SubmitJob", s3_job("other").SerializeToString())
        wait_until(lambda: machine.text().count("kind=split") >= 4, "the worker tries")
        said = [build.run(*words, env=mine) for words in (["status", job, "--json", "--attempts"], ["list", "--json"], ["list"])]
        answers = client.answers + worker.answers + admin.answers + [(d.stdout + d.stderr).encode() for d in [*said, second, watched]]
        running = [coordinator.pid, machine.pid, *children(coordinator.pid), *children(machine.pid)]
        for secret in [*SECRETS, ann.split("_")[2], box.split("_")[2], root.split("_")[2], keys("old").split()[1]]:
            assert not files_with(secret, *coordinator.places), secret
            assert not [a for a in answers if secret.encode() in a], secret
            assert not [pid for pid in running if shows(pid, secret)], secret
        # The search finds what is there.
        assert files_with(PUBLIC, *coordinator.places) and files_with(ann.split("_")[1], *coordinator.places)
        for pid in (coordinator.pid, machine.pid):
            limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
            assert "Max core file size        0                    0" in limits
            # What may not be dumped belongs to root.
            assert os.stat(f"/proc/{pid}/mem").st_uid == 0


def shown_anywhere(daemons, secrets, seen):
    """Whether what others are shown of programs and of all that they started has a secret, at this moment. Notes whom it has seen."""
    for pid in [p for daemon in daemons for p in (daemon.pid, *children(daemon.pid))]:
        with contextlib.suppress(OSError):  # it has ended
            seen.add(pathlib.Path(f"/proc/{pid}/comm").read_text().strip())
            limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
            if "Max core file size        0 " not in limits or any(shows(pid, secret) for secret in secrets):
                return True
    return False


@pytest.mark.parametrize("vault", ["sqlite"], indirect=True)
def test_a_job_in_s3_shows_its_secrets_to_nobody_while_it_runs(vault, farm, build, clip, s3, tmp_path):
    coordinator, _ = vault
    tokens = access.Tokens(build, coordinator.url)
    ann, box = tokens.add("ann", "client"), tokens.add("box", "worker")
    source, output = Bucket(s3, "source"), Bucket(s3, "output")
    source.put("in.mp4", clip("silent").path)
    details = pb.JobDetails(av1_encode_job=pb.AV1EncodeJob(
        input_file=pb.File(s3file=pb.S3File(bucket=source.name, path="in.mp4", credentials=pb.S3Credentials(
            access_key_id=source.client.key, secret_access_key=source.client.secret, endpoint=s3.http))),
        working_directory=pb.Folder(s3folder=pb.S3Folder(bucket=output.name, path="work", credentials=pb.S3Credentials(
            access_key_id=output.client.key, secret_access_key=output.client.secret, endpoint=s3.http))),
        output_directory=pb.Folder(s3folder=pb.S3Folder(bucket=output.name, path="out", credentials=pb.S3Credentials(
            access_key_id=output.client.key, secret_access_key=output.client.secret, endpoint=s3.http)))))
    # Without what follows a '/': it may stand in a URL.
    secrets = [source.client.secret.split("/")[0], output.client.secret.split("/")[0], ann.split("_")[2], box.split("_")[2]]
    machine = farm.worker(coordinator.address, "--log-level", "debug", env={"AVSPL1T_TOKEN": box})
    machine.wait_for("event=worker.started")  # until then its environment has the token that it is given
    mine = {"AVSPL1T_TOKEN": ann, "AVSPL1T_COORDINATOR": coordinator.address}
    with grpc.insecure_channel(coordinator.address) as channel:
        job = pb.JobId.FromString(Caller(channel, ann)("SubmitJob", details.SerializeToString())).id
    seen, answers = set(), []

    def is_over():
        assert not shown_anywhere([coordinator, machine], secrets, seen)
        assert not [path for secret in secrets for path in files_with(secret, machine.work)]
        done = build.run("status", job, "--json", "--attempts", env=mine)
        answers.append(done.stdout + done.stderr)
        return json.loads(done.stdout)["state"] not in ("running", "queued")
    wait_until(is_over, "the end of the job", 240, every=0.05)
    answers += [d.stdout + d.stderr for d in (build.run(*words, env=mine) for words in (["watch", job], ["list", "--json"], ["status", job]))]
    assert "out/manifest.m3u8" in output.keys("out"), answers[-1]
    assert "avspl1t-media" in seen
    for secret in secrets:
        assert not files_with(secret, *coordinator.places), secret
        assert not [a for a in answers if secret in a], secret
    # The search finds what is there.
    assert files_with(source.client.key, *coordinator.places) and shown_anywhere([machine], ["avspl1t-worker"], seen)


def test_a_coordinator_without_a_key_that_it_needs_is_not_ready(vault, farm, build):
    coordinator, keyring = vault
    tokens = access.Tokens(build, coordinator.url)
    ann, box = tokens.add("ann", "client"), tokens.add("box", "worker")
    with grpc.insecure_channel(coordinator.address) as channel:
        Caller(channel, ann)("SubmitJob", s3_job().SerializeToString())
        health = channel.unary_unary("/grpc.health.v1.Health/Check")
        assert health(b"", timeout=10) == b"\x08\x01"
        keyring.write_text(keys("other"))
        wait_until(lambda: health(b"", timeout=10) == b"\x08\x02", "NOT_SERVING")
        status, words = page(coordinator, "/readyz")
        assert status == 503 and "the key old" in words
        claim = pb.GetTaskMessage(worker_id="base-1").SerializeToString()
        status, words = access.outcome(channel, "GetTask", claim, shown(box))
        assert status == grpc.StatusCode.UNAVAILABLE and "old" in words
        # A file that is no keyring changes nothing; the key comes back; the next start would know at once.
        keyring.write_text("nonsense\n")
        coordinator.wait_for("event=keyring.refused")
        keyring.write_text(keys("other", "old"))
        wait_until(lambda: health(b"", timeout=10) == b"\x08\x01", "SERVING")
        assert page(coordinator, "/readyz")[0] == 200
        keyring.write_text(keys("other"))
        coordinator.wait_for(r"event=keyring\.read(.|\n)*event=keyring\.read(.|\n)*event=keyring\.read")
        task = pb.Task.FromString(channel.unary_unary(access.SERVICE + "GetTask")(claim, metadata=shown(box), timeout=10))
        assert task.split_video_task.input_file.s3file.credentials.secret_access_key == SECRETS[0]


def test_without_a_keyring_postgresql_keeps_no_credentials(farm, server, database):
    coordinator = farm.coordinator(db=database)
    with grpc.insecure_channel(coordinator.address) as channel:
        status, words = access.outcome(channel, "SubmitJob", s3_job().SerializeToString())
        assert status == grpc.StatusCode.FAILED_PRECONDITION and "--keyring" in words
        assert not files_with(SECRETS[0], server.folder)
        plain = pb.JobDetails(av1_encode_job=pb.AV1EncodeJob(input_file=base.fs_file("/a.mkv"), output_directory=base.fs_folder("/a")))
        assert access.outcome(channel, "SubmitJob", plain.SerializeToString())[0] == grpc.StatusCode.OK


def test_a_database_in_a_file_has_a_keyring_beside_it(farm, tmp_path):
    coordinator = farm.coordinator()
    beside = pathlib.Path(f"{coordinator.db}.keyring")
    assert beside.stat().st_mode & 0o777 == 0o600
    with grpc.insecure_channel(coordinator.address) as channel:
        assert access.outcome(channel, "SubmitJob", s3_job().SerializeToString())[0] == grpc.StatusCode.OK
        assert not files_with(SECRETS[0], tmp_path)
    coordinator.kill()
    coordinator.restart()
    with base.Client(coordinator.address) as client:
        assert client.task("w").split_video_task.input_file.s3file.credentials.secret_access_key == SECRETS[0]

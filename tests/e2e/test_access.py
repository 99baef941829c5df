"""Who may ask for what: tokens and certificates with roles, and whose a job is."""
import base64

import grpc
import pytest
from harness import access, base, pki
from harness.access import outcome, shown
from harness.programs import wait_until

OK, DENIED = "let in", grpc.StatusCode.PERMISSION_DENIED
UNKNOWN = grpc.StatusCode.UNAUTHENTICATED

CLIENTS = {"SubmitJob", "GetJob", "ListJobs", "ListAttempts", "WatchJob", "WatchJobs", "CancelJob", "RetryJob", "PauseJob", "ResumeJob",
           "SetJobPriority", "DeleteJob"}
WORKERS = {"GetTask", "Heartbeat", "ReportOutputs", "FinishTask", "ReleaseTask", "ListOutputs"}
ADMINS = CLIENTS | {"ListWorkers", "DrainWorker"}
OPEN_TO = {"client": CLIENTS, "worker": WORKERS, "admin": ADMINS}


@pytest.fixture
def house(farm, build, tmp_path):
    """A coordinator that asks who calls, and tokens for it."""
    coordinator = farm.coordinator("--auth", "always")
    coordinator.tokens = access.Tokens(build, f"sqlite://{coordinator.db}")
    with grpc.insecure_channel(coordinator.address) as channel:
        coordinator.channel = channel
        yield coordinator


def call(house, method, token, message=b""):
    return outcome(house.channel, method, message, shown(token))


def test_each_call_is_open_to_its_roles_alone(house):
    tokens = {role: house.tokens.add(f"a-{role}", role) for role in OPEN_TO}
    assert CLIENTS | WORKERS | ADMINS == set(access.all_methods())
    for method in access.all_methods():
        assert call(house, method, None)[0] == UNKNOWN, method
        for role, methods in OPEN_TO.items():
            status, words = call(house, method, tokens[role], b"\x0a\x01x")
            if method in methods:
                assert status not in (UNKNOWN, DENIED), f"{method} by {role}: {words}"
            else:
                assert status == DENIED and role in words and f"a-{role}" in words, f"{method} by {role}: {status} {words}"


def test_what_is_no_token_lets_nobody_in(house):
    good = house.tokens.add("ann", "client")
    other = good[:-1] + ("0" if good[-1] != "0" else "1")
    expired = house.tokens.add("old", "client", "--days", "1")
    assert call(house, "ListJobs", good)[0] == grpc.StatusCode.OK
    for header in [f"Bearer {other}", f"Bearer {good}x", f"Bearer {good[:-1]}", "Bearer ", "Bearer", good, f"Basic {good}",
                   "Basic " + base64.b64encode(good.encode()).decode(), "", f"Bearer {good} {good}"]:
        status, words = outcome(house.channel, "ListJobs", metadata=(("authorization", header),))
        assert status == UNKNOWN and good[-20:] not in words, f"{header}: {status} {words}"
    # Two are none; the scheme's name has no case.
    assert outcome(house.channel, "ListJobs", metadata=shown(good) * 2)[0] == UNKNOWN
    assert outcome(house.channel, "ListJobs", metadata=(("authorization", f"bearer {good}"),))[0] == grpc.StatusCode.OK
    assert call(house, "ListJobs", expired)[0] == grpc.StatusCode.OK
    # Health and reflection are open: load balancers know no token.
    health = house.channel.unary_unary("/grpc.health.v1.Health/Check")
    assert health(b"", timeout=10) == b"\x08\x01"


def submit(house, token, source, output, key=""):
    job = base.pb.AV1EncodeJob(input_file=base.fs_file(source), output_directory=base.fs_folder(output))
    message = base.pb.JobDetails(av1_encode_job=job).SerializeToString()
    message += b"\x82\x01" + bytes([len(key)]) + key.encode() if key else b""
    answer = house.channel.unary_unary(access.SERVICE + "SubmitJob")(message, metadata=shown(token), timeout=10)
    return base.pb.JobId.FromString(answer).id


def test_a_client_sees_its_own_jobs_alone(house, build, tmp_path):
    ann, bob = house.tokens.add("ann", "client"), house.tokens.add("bob", "client")
    admin, second = house.tokens.add("root", "admin"), house.tokens.add("ann", "client")
    job = submit(house, ann, "/films/a.mkv", tmp_path / "a", "key")
    about = base.pb.JobId(id=job).SerializeToString()
    for method in sorted(CLIENTS - {"SubmitJob", "ListJobs", "WatchJobs"}):
        there, none = call(house, method, bob, about), call(house, method, bob, base.pb.JobId(id="x" * len(job)).SerializeToString())
        assert there[0] == grpc.StatusCode.NOT_FOUND, f"{method}: {there}"
        assert there[1].replace(job, "J") == none[1].replace("x" * len(job), "J"), "it is told from one that is not there"
    listed = house.channel.unary_unary(access.SERVICE + "ListJobs")
    assert job.encode() not in listed(b"\x10\x64", metadata=shown(bob), timeout=10)
    for who in (ann, second, admin):
        assert job.encode() in listed(b"\x10\x64", metadata=shown(who), timeout=10)
        assert call(house, "GetJob", who, about)[0] == grpc.StatusCode.OK
    # Neither a key nor an output folder tells of another's job.
    assert submit(house, bob, "/films/a.mkv", tmp_path / "b", "key") != job
    assert submit(house, second, "/films/a.mkv", tmp_path / "a", "key") == job
    with pytest.raises(grpc.RpcError) as error:
        submit(house, bob, "/films/a.mkv", tmp_path / "a")
    assert error.value.code() == grpc.StatusCode.ALREADY_EXISTS and job not in error.value.details()
    assert call(house, "CancelJob", ann, about)[0] == grpc.StatusCode.OK


def test_a_revoked_token_is_soon_worth_nothing(house, farm, build, tmp_path, clip):
    other = farm.coordinator("--auth", "always", name="other", db=house.tokens.db)
    files = {}
    for name, role in (("ann", "client"), ("box", "worker")):
        files[name] = tmp_path / f"{name}.token"
        files[name].write_text(house.tokens.add(name, role) + "\n")
    root = house.tokens.add("root", "admin")
    assert call(house, "ListJobs", root)[0] == grpc.StatusCode.OK
    worker = farm.worker(house.address, "--token-file", files["box"])
    ann = ["--coordinator", house.address, "--token-file", files["ann"]]
    with grpc.insecure_channel(other.address) as channel:
        assert outcome(channel, "ListJobs", metadata=shown(files["ann"].read_text().strip()))[0] == grpc.StatusCode.OK
        wait_until(lambda: b"worker" in house.channel.unary_unary(access.SERVICE + "ListWorkers")(b"\x08\x64", metadata=shown(root),
                                                                                                  timeout=10), "the worker waits")
        # A worker that waits for a task gets none, a stream ends, the other coordinator knows it too.
        house.tokens.revoke(files["box"].read_text().strip())
        wait_until(lambda: call(house, "GetTask", files["box"].read_text().strip())[0] == UNKNOWN, "the token to be known no more")
        job = build.run("submit", clip("silent").path, tmp_path / "out", "--preset", "13", *ann).stdout.strip()
        worker.wait_for("event=coordinator.refuses .*not known here")
        assert build.run("status", job, *ann, "--json").stdout.count('"worker"') == 0
        house.tokens.revoke(files["ann"].read_text().strip())
        watched = build.run("watch", job, *ann, timeout=30)
        assert watched.returncode == 2 and "not known here" in watched.stderr, watched.stderr
        wait_until(lambda: outcome(channel, "ListJobs", metadata=shown(files["ann"].read_text().strip()))[0] == UNKNOWN,
                   "the other coordinator to know it no more")
    # A new token in the file is taken up without a restart.
    files["box"].write_text(house.tokens.add("box", "worker") + "\n")
    assert call(house, "DrainWorker", root, b"\x0a\x06worker")[0] == grpc.StatusCode.OK
    assert worker.process.wait(60) == 0


def test_a_certificate_has_a_role_too(farm, build, tmp_path):
    ca = pki.Authority(tmp_path)
    coordinator = farm.coordinator(*ca.issue("server").server(), "--tls-client-ca", ca.cert)
    for name, san, method, status, words in [
        ("box", "URI:avspl1t:worker:rack7", "GetTask", grpc.StatusCode.OK, ""),
        ("box2", "URI:avspl1t:worker:rack7", "ListJobs", DENIED, "rack7"),
        ("ann", "DNS:ann.example,URI:https://ann.example,URI:avspl1t:client:ann", "ListJobs", grpc.StatusCode.OK, ""),
        ("plain", "DNS:plain.example", "ListJobs", UNKNOWN, "avspl1t:ROLE:NAME"),
        ("odd", "URI:avspl1t:king:ann", "ListJobs", UNKNOWN, "avspl1t:ROLE:NAME"),
    ]:
        who = ca.issue(name, san)
        creds = grpc.ssl_channel_credentials(ca.cert.read_bytes(), who.key.read_bytes(), who.cert.read_bytes())
        with grpc.secure_channel(coordinator.address, creds) as channel:
            found = outcome(channel, method)
            assert found[0] == status and words in found[1], f"{name}: {found}"
    with grpc.secure_channel(coordinator.address, grpc.ssl_channel_credentials(ca.cert.read_bytes())) as channel:
        assert outcome(channel, "ListJobs")[0] == UNKNOWN


def field(number, value):
    """One field of a message, as bytes: a text, a message or a number below 128."""
    tag = number << 3 | (0 if isinstance(value, int) else 2)
    head = bytes([tag]) if tag < 128 else bytes([tag & 127 | 128, tag >> 7])
    return head + (bytes([value]) if isinstance(value, int) else bytes([len(value)]) + value)


def test_a_task_is_its_holders_alone(farm, build, tmp_path):
    coordinator = farm.coordinator("--auth", "always", "--lease-seconds", "4")
    tokens = access.Tokens(build, f"sqlite://{coordinator.db}")
    ann, one, two = (tokens.add(*who) for who in (("ann", "client"), ("one", "worker"), ("two", "worker")))
    with grpc.insecure_channel(coordinator.address) as channel:
        coordinator.channel = channel
        submit(coordinator, ann, "/films/a.mkv", tmp_path / "a")
        claim = base.pb.GetTaskMessage(worker_id="w1").SerializeToString()
        first = base.pb.Task.FromString(channel.unary_unary(access.SERVICE + "GetTask")(claim, metadata=shown(one), timeout=10))
        # Nobody else gets it while it is held, whatever he says his name is; nor by a token that he makes up.
        for name in ("w1", "w2"):
            again = base.pb.GetTaskMessage(worker_id=name).SerializeToString()
            assert channel.unary_unary(access.SERVICE + "GetTask")(again, metadata=shown(two), timeout=10) == b"", name
        made_up = field(16, field(1, 1) + field(2, 7))
        stolen = base.pb.FinishTaskMessage(worker_id="w1", task_id=first.id, succeeded=False).SerializeToString() + made_up
        assert call(coordinator, "FinishTask", two, stolen)[0] == grpc.StatusCode.ABORTED
        # The lease runs out, another one has it: what the first says now changes nothing, however often.
        def taken():
            message = base.pb.GetTaskMessage(worker_id="w2").SerializeToString()
            return base.pb.Task.FromString(channel.unary_unary(access.SERVICE + "GetTask")(message, metadata=shown(two), timeout=10)).id
        assert wait_until(taken, "the lease runs out") == first.id
        late = base.pb.FinishTaskMessage(worker_id="w1", task_id=first.id, succeeded=False).SerializeToString()
        for message, status in ((late, grpc.StatusCode.OK), (late, grpc.StatusCode.OK), (stolen, grpc.StatusCode.ABORTED)):
            found = call(coordinator, "FinishTask", one, message)
            assert found[0] == status, found
        listed = channel.unary_unary(access.SERVICE + "ListJobs")(b"\x10\x64", metadata=shown(ann), timeout=10)
        assert first.id.encode() not in listed and b"/films/a.mkv" in listed


def test_a_token_does_not_travel_in_plain_text(build):
    token = {"AVSPL1T_TOKEN": f"avspl1t_{'0' * 16}_{'0' * 64}"}
    for target in ("192.0.2.1:50051", "dns:///coord.example:50051", "127.0.0.1:1,192.0.2.1:1"):
        done = build.run("list", "--coordinator", target, env=token)
        assert done.returncode == 2 and "in plain text" in done.stderr, done.stderr
    # Where nobody listens on this machine, it is tried.
    assert build.run("list", "--coordinator", "127.0.0.1:1", env=token).returncode == 3
    assert "no token" in build.run("list", env={"AVSPL1T_TOKEN": "two words"}).stderr

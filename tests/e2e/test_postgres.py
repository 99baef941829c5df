"""Coordinators that share one PostgreSQL database, also on bad days."""
import contextlib
import pathlib
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request

import grpc
import psycopg2
import pytest
from harness import programs
from harness.programs import fingerprint, wait_until

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import postgres  # noqa: E402

OPTIONS = ("--preset", 12, "--segment-seconds", 1)


@pytest.fixture(scope="module")
def server():
    with postgres.Server() as started:
        yield started


@pytest.fixture
def database(server, request):
    """A database of its own for each test."""
    name = request.node.name
    server.sql(f'CREATE DATABASE "{name}"')
    return server.url_of(name)


@pytest.fixture(scope="module")
def film(clip):
    return clip("film").path


@pytest.fixture(scope="module")
def wanted(presentation):
    return fingerprint(presentation("film"))


def wait_for_segments(output, n):
    wait_until(lambda: len(list(output.glob("v*/*.m4s"))) >= n, f"{n} segments in {output}", 60)


def test_two_coordinators_do_one_job(farm, database, film, wanted, tmp_path):
    one = farm.coordinator(name="c1", db=database)
    two = farm.coordinator(name="c2", db=database)
    # The workers wait already: the second coordinator's must hear of work that the first one was given.
    workers = [farm.worker(one.address, name="w1"), farm.worker(two.address, name="w2")]
    for worker in workers:
        worker.wait_for("event=worker.started")
    output = tmp_path / "out"
    job = farm.submit(one.address, film, output, *OPTIONS)
    watch = farm.build.run("watch", job, "--coordinator", two.address, timeout=240)
    assert watch.returncode == 0, watch.stderr
    assert fingerprint(output) == wanted
    for coordinator in (one, two):
        assert "event=task.claimed" in coordinator.text(), coordinator.name
        assert farm.status(coordinator.address, job)["state"] == "finished"
    for daemon in (*workers, one, two):
        assert daemon.stop() == 0


def test_dead_coordinator_and_restarted_database_change_no_byte(farm, server, database, film, wanted, tmp_path):
    one = farm.coordinator(name="c1", db=database)
    two = farm.coordinator(name="c2", db=database)
    workers = [farm.worker(one.address, name="w1"), farm.worker(two.address, name="w2")]
    output = tmp_path / "out"
    job = farm.submit(one.address, film, output, *OPTIONS)
    wait_for_segments(output, 2)
    one.kill()
    server.restart("immediate")
    wait_for_segments(output, 4)
    one.restart()
    server.restart("immediate")
    for coordinator in (two, one):
        wait_until(lambda c=coordinator: farm.build.run("status", job, "--coordinator", c.address).returncode == 0,
                   f"{coordinator.log} to be back", 30, every=0.2)
    assert farm.wait_over(two.address, job)["state"] == "finished", farm.logs()
    assert fingerprint(output) == wanted
    assert all(w.process.poll() is None for w in workers), "a worker gave up"


FULL = """CREATE FUNCTION is_full() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION USING ERRCODE = '53100', MESSAGE = 'could not extend file: No space left on device'; END $$;
CREATE TRIGGER is_full BEFORE INSERT OR UPDATE ON tasks EXECUTE FUNCTION is_full()"""
OURS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'avspl1t-coordinator' AND datname = '%s'"


@contextlib.contextmanager
def exhausted(server, name):
    """Others hold every connection that the server has."""
    with contextlib.ExitStack() as held:
        killer = held.enter_context(contextlib.closing(psycopg2.connect(server.url_of(name))))
        killer.autocommit = True
        for i in range(300):
            if i % 100 == 99:
                killer.cursor().execute(OURS % name)
            with contextlib.suppress(psycopg2.OperationalError):
                held.enter_context(contextlib.closing(psycopg2.connect(server.url)))
        yield


@contextlib.contextmanager
def full(server, name):
    server.sql(FULL, name)
    yield
    server.sql("DROP TRIGGER is_full ON tasks", name)


@contextlib.contextmanager
def read_only(server, name):
    server.sql(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    server.sql(OURS % name)
    yield
    server.sql(f'BEGIN READ WRITE; ALTER DATABASE "{name}" RESET default_transaction_read_only; COMMIT')


@pytest.mark.parametrize("trouble, word", [(exhausted, "max_connections"), (full, "make room"), (read_only, "takes writes")])
def test_a_database_in_trouble_is_waited_for(farm, server, database, film, wanted, request, tmp_path, trouble, word):
    """It says no in the middle of a job: a clear line, nothing is lost, and nothing done twice."""
    name = request.node.name
    coordinator = farm.coordinator(db=database)
    workers = [farm.worker(coordinator.address, name=f"w{i}") for i in range(2)]
    output = tmp_path / "out"
    job = farm.submit(coordinator.address, film, output, *OPTIONS)
    wait_for_segments(output, 3)
    with contextlib.ExitStack() as meanwhile:
        for worker in workers:  # so that the job is not over before the trouble is there
            meanwhile.enter_context(worker.stopped())
        with trouble(server, name):
            meanwhile.close()
            coordinator.wait_for(rf"level=warn .*{word}")
    assert farm.wait_over(coordinator.address, job)["state"] == "finished", farm.logs()
    assert fingerprint(output) == wanted
    assert server.sql("SELECT count(*) FROM attempts WHERE outcome <> 'done'", name).strip() == "0"
    assert all(w.process.poll() is None for w in workers), "a worker gave up"


def test_database_out_of_reach_at_the_start(build, database, server, tmp_path):
    """What waiting cannot help ends at once, in one line; what it can is waited for."""
    def start(url):
        return subprocess.run([build.coordinator, "--listen", "127.0.0.1:0", "--db", url], capture_output=True, text=True,
                              timeout=20)
    done = start(server.url_of("no-such-database"))
    assert done.returncode == 1
    assert "createdb" in done.stderr and done.stderr.count("\n") == 1, done.stderr
    server.stop("fast")
    try:
        late = programs.Coordinator(build, tmp_path, db=database, wait=False)
        late.wait_for(r"event=coordinator\.waiting .*does PostgreSQL run")
    finally:
        server.start()
    try:
        late.find_address()
        assert late.stop() == 0
    finally:
        if late.process.poll() is None:
            late.kill()


def test_whoever_follows_all_jobs_misses_no_end(farm, database, film, tmp_path):
    """Also not of jobs that end while the coordinator it heard them from is dead."""
    one = farm.coordinator(name="c1", db=database)
    two = farm.coordinator(name="c2", db=database)

    def submit(name, *labels):
        return farm.submit(two.address, film, tmp_path / name, *(f"--label={label}" for label in labels))

    def cancel(job):
        assert farm.build.run("cancel", job, "--coordinator", two.address).returncode == 0
    first = submit("first", "show=news")
    watcher = programs.Watcher(farm, [one.address, two.address], "--label", "show=news")
    watcher.wait_for(first, "running")
    submit("other")
    second = submit("second", "show=news")
    watcher.wait_for(second, "running")  # from another coordinator
    one.kill()
    cancel(first)
    third = submit("third", "show=news")
    cancel(third)
    for job in (first, third):
        watcher.wait_for(job, "canceled")
    watcher.stop()
    ends = [e["id"] for e in watcher.events() if e["state"] == "canceled"]
    assert sorted(ends) == sorted({first, third}), "told twice, or of another job"
    # Nobody follows for a while: the cursor knows.
    cancel(second)
    later = programs.Watcher(farm, [two.address], "--after", watcher.events()[-1]["cursor"], name="later")
    later.wait_for(second, "canceled")
    later.stop()
    assert first not in [e["id"] for e in later.events()]


SERVING, NOT_SERVING = b"\x08\x01", b"\x08\x02"  # field 1 of a HealthCheckResponse


def health(address):
    with grpc.insecure_channel(address) as channel:
        return channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=10)


def readiness(address):
    try:
        with urllib.request.urlopen(f"http://{address}/readyz", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_schema_that_becomes_too_new_takes_a_coordinator_out_of_service(farm, server, film, tmp_path, request, kind):
    coordinator = farm.coordinator("--http", "127.0.0.1:0", db=request.getfixturevalue("database") if kind == "postgres" else None)
    http = coordinator.wait_for(r"event=coordinator\.http address=\"?([\w.:\[\]]+)")[1]

    def upgrade(compatible):
        sql = f"UPDATE schema_version SET min_compatible = {compatible}"
        if kind == "postgres":
            server.sql(sql, database=request.node.name)
        else:
            with contextlib.closing(sqlite3.connect(coordinator.db, timeout=10)) as db:
                db.execute(sql)
                db.commit()
    job = farm.submit(coordinator.address, film, tmp_path / "out")
    assert (health(coordinator.address), readiness(http)) == (SERVING, (200, "ok\n"))
    upgrade(9000)
    wait_until(lambda: health(coordinator.address) == NOT_SERVING, "the coordinator to say that it does not serve", 30)
    status, why = readiness(http)
    assert status == 503
    assert "serves programs from number 9000 on" in why and "install a newer avspl1t" in why, why
    assert coordinator.text().count("event=coordinator.unfit") == 1
    with grpc.insecure_channel(coordinator.address) as channel, pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary("/com.avspl1t.CoordinatorService/GetTask")(b"\x0a\x01w", timeout=10)
    assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
    assert "too old for its database" in refused.value.details()
    farm.worker(coordinator.address)  # it gets nothing to do, and does not mind
    upgrade(1)
    wait_until(lambda: health(coordinator.address) == SERVING, "the coordinator to serve again", 30)
    assert readiness(http) == (200, "ok\n")
    assert farm.build.run("cancel", job, "--coordinator", coordinator.address).returncode == 0

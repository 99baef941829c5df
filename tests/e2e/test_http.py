"""The coordinator's side port: health for load balancers, metrics for Prometheus."""
import contextlib
import http.client
import json
import pathlib
import re
import signal
import subprocess

import pytest
from harness.programs import wait_until

SAMPLE = re.compile(r'([a-z_0-9]+)(\{[a-z_]+="[^"]*"(?:,[a-z_]+="[^"]*")*\})? (\d+(?:\.\d+)?)')
RULES = pathlib.Path(__file__).parents[2] / "deploy/prometheus/avspl1t.rules.yml"


def start(farm, *options):
    coordinator = farm.coordinator("--http", "127.0.0.1:0", *options)
    coordinator.http = coordinator.wait_for(r"event=coordinator\.http address=\"?([\w.:\[\]]+)")[1]
    return coordinator


def ask(address, path, method="GET"):
    connection = http.client.HTTPConnection(address, timeout=10)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        connection.close()


def metrics(address):
    """All samples, by name and labels. Every line must be one, or belong to the family that stands above it."""
    status, headers, text = ask(address, "/metrics")
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
    found, family = {}, None
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            family = line.split()[2]
            assert not any(name.startswith(family + " ") for name in found), f"{family} stands in two places"
        elif not line.startswith("# HELP "):
            match = SAMPLE.fullmatch(line)
            assert match, line
            assert match[1] in (family, family + "_bucket", family + "_sum", family + "_count"), line
            found[match[1] + (match[2] or "")] = float(match[3])
    return found


def test_a_job_is_counted(farm, clip, tmp_path):
    coordinator = start(farm)
    before = metrics(coordinator.http)
    assert before["avspl1t_database_up"] == 1
    assert before['avspl1t_jobs{state="running"}'] == 0
    job = farm.submit(coordinator.address, clip("rotated").path, tmp_path / "out", "--preset", 13)
    waiting = metrics(coordinator.http)
    assert waiting['avspl1t_jobs{state="running"}'] == 1
    assert waiting['avspl1t_tasks{kind="split",state="ready"}'] == 1
    assert waiting["avspl1t_queue_age_seconds"] > 0
    farm.worker(coordinator.address)
    assert farm.wait_over(coordinator.address, job)["state"] == "finished"

    def counted():  # which is after the commit that the client sees
        found = metrics(coordinator.http)
        done = found.get('avspl1t_attempts_total{outcome="done"}', 0)
        return found if found['avspl1t_jobs_ended_total{state="finished"}'] and found["avspl1t_claim_seconds_count"] == done else None
    after = wait_until(counted, "what has ended is counted")
    assert after["avspl1t_jobs_submitted_total"] == 1
    assert after['avspl1t_jobs_ended_total{state="finished"}'] == 1
    done = after['avspl1t_attempts_total{outcome="done"}']
    assert done >= 3
    assert after["avspl1t_claim_seconds_count"] == after['avspl1t_claim_seconds_bucket{le="+Inf"}'] == done
    assert after["avspl1t_commit_seconds_count"] > done
    assert after['avspl1t_jobs{state="running"}'] == 0
    assert after['avspl1t_workers{state="idle"}'] == 1
    assert after['avspl1t_workers{state="draining"}'] == 0
    assert after["avspl1t_queue_age_seconds"] == 0


def test_every_alert_asks_for_what_there_is(farm):
    known = {re.sub(r"\{.*", "", name) for name in metrics(start(farm).http)}
    asked = set(re.findall(r"avspl1t_[a-z_]+", " ".join(re.findall(r"expr: (.*)", RULES.read_text()))))
    assert asked
    assert asked <= known


def test_health_says_no_while_it_stops(farm):
    def seen():
        """Says how it answered once it was told to stop. It does so for a second, which a test that was kept waiting may miss."""
        coordinator = start(farm)
        assert ask(coordinator.http, "/healthz")[::2] == (200, "ok\n")
        assert ask(coordinator.http, "/readyz")[::2] == (200, "ok\n")
        coordinator.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(ConnectionError):
            wait_until(lambda: ask(coordinator.http, "/healthz")[0] == 503, "/healthz says 503")
            return ask(coordinator.http, "/readyz")[0]
        assert coordinator.process.wait(30) == 0
        return None
    assert next(filter(None, (seen() for _ in range(5)))) == 503


@pytest.mark.parametrize("method, path, status", [
    ("GET", "/", 404), ("GET", "/metrics/", 404), ("GET", "/../etc/passwd", 404), ("POST", "/metrics", 405),
    ("DELETE", "/healthz", 405)])
def test_nothing_else_is_there(farm, method, path, status):
    coordinator = start(farm)
    assert ask(coordinator.http, path, method)[0] == status
    answer = ask(coordinator.http, "/metrics", "HEAD")
    assert answer[0] == 200
    assert answer[2] == ""


def test_a_wrong_address_is_refused(farm, build, tmp_path):
    def refusal(*options):
        done = subprocess.run([build.coordinator, "--db", f"sqlite://{tmp_path}/x.db", "--listen", "127.0.0.1:0", *options],
                              capture_output=True, text=True, timeout=30)
        return done.returncode, done.stderr

    taken = start(farm).http
    code, text = refusal("--http", taken)
    assert code == 1
    assert f"--http: {taken} is in use by another program" in text
    code, text = refusal("--http", "nonsense")
    assert code == 1
    assert "--http" in text


def test_logs_are_objects_for_machines(farm):
    coordinator = farm.coordinator(wait=False)
    coordinator.wait_for("coordinator.listening")
    assert coordinator.stop() == 0
    assert coordinator.text().startswith("time=")  # as the suites ask for
    coordinator.env["AVSPL1T_LOG_FORMAT"] = "auto"
    coordinator.log.write_text("")
    coordinator.start()
    coordinator.wait_for("coordinator.listening")
    assert coordinator.stop() == 0
    events = [json.loads(line) for line in coordinator.text().splitlines()]
    assert [e["event"] for e in events] == ["coordinator.listening", "coordinator.stopping", "coordinator.stopped"]
    assert set(events[1]) == {"time", "level", "event", "signal"} and events[1]["signal"] == "TERM"

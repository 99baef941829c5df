"""Jobs of many pieces: nothing grows beyond its limits, and nothing is quadratic. Encodes are simulated, all else is real."""
import pathlib
import re
import sys
import time

import pytest
from harness import programs, simulated
from harness.programs import wait_until

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import postgres  # noqa: E402

FRAMES = 2  # of a piece
N_SIMULATED = 16
MIB = 1 << 20


@pytest.fixture(scope="module")
def template(build, tmp_path_factory):
    return simulated.Template(build, tmp_path_factory.mktemp("template"))


@pytest.fixture(scope="module")
def server():
    with postgres.Server() as started:
        yield started


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def peak_bytes(pid):
    return int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) * 1024


def check_log(daemon):
    """Whatever is said about a task names its job, itself and the attempt."""
    lines = re.findall(r"event=task\..*", daemon.text())
    assert lines
    wrong = [line for line in lines if not all(re.search(rf' {key}="?\w', line) for key in ("job", "task", "attempt"))]
    assert wrong == []


class Steps:
    """What each step took: wall seconds, and processor seconds of the coordinator (in the end also the worker's)."""

    def __init__(self, coordinator):
        self.coordinator = coordinator
        self.taken = {}
        self.mark()

    def mark(self):
        self.at = time.monotonic(), cpu_seconds(self.coordinator.pid)

    def done(self, name):
        wall, cpu = time.monotonic() - self.at[0], cpu_seconds(self.coordinator.pid) - self.at[1]
        self.taken[name] = wall, cpu
        print(f"{name:12} {wall:8.2f} s wall {cpu:8.2f} s processor of the coordinator")
        self.mark()


def ask(farm, coordinator, *args):
    done = farm.build.run(*args, "--coordinator", coordinator.address)
    assert done.returncode == 0, f"{args}: exit {done.returncode}\n{done.stderr}"
    return done.stdout


def run_job(farm, template, n, db, seconds):
    """A job of n pieces, from its submit until it is forgotten. What each step took."""
    coordinator = farm.coordinator(db=db)
    output = farm.folder / "out"
    simulation = simulated.Workers(farm.build, farm.folder, coordinator.address, "--pieces", n, workers=N_SIMULATED,
                                   template=template)
    farm.daemons.append(simulation)
    steps = Steps(coordinator)
    job = farm.submit(coordinator.address, template.source, output, "--segment-seconds", 1)

    def until(key, what):
        wait_until(lambda: farm.status(coordinator.address, job)[key] >= FRAMES * n, what, seconds, every=0.2)
    until("frames_total", "the split's end")
    steps.done("split")
    until("frames_done", "the last encode")
    steps.done("encodes")
    worker = farm.worker(coordinator.address)
    assert farm.wait_over(coordinator.address, job, seconds)["state"] == "finished", farm.logs()
    steps.done("manifest")
    playlist = next(output.glob("v0/*.m3u8")).read_text()
    assert playlist.count(".m4s\n") == n
    assert ask(farm, coordinator, "status", job, "--attempts").count(" done ") >= n
    steps.done("attempts")
    for command in (["status", job], ["list"], ["watch", job], ["delete", job]):
        ask(farm, coordinator, *command)
    steps.done("questions")
    for daemon in (coordinator, worker):
        check_log(daemon)
    totals = simulation.totals()
    assert (totals["encodes"], totals["errors"]) == (n, 0), totals
    steps.peaks = peak_bytes(coordinator.pid), peak_bytes(worker.pid)
    steps.taken["manifest"] = steps.taken["manifest"][0], steps.taken["manifest"][1] + cpu_seconds(worker.pid)
    print(f"{n} pieces, playlist of {len(playlist)} bytes, at most {steps.peaks[0] // MIB} MiB in the coordinator and "
          f"{steps.peaks[1] // MIB} in the worker\n")
    return steps


@pytest.fixture(params=["sqlite", "postgres"])
def databases(request):
    """A new database, as often as it is called."""
    made = []

    def get():
        made.append(f"size{len(made)}")
        if request.param == "sqlite":
            return None
        server = request.getfixturevalue("server")
        server.sql(f"DROP DATABASE IF EXISTS {made[-1]}")
        server.sql(f"CREATE DATABASE {made[-1]}")
        return server.url_of(made[-1])
    return get


def test_a_job_of_a_thousand_pieces(farm, template, databases):
    steps = run_job(farm, template, 1000, databases(), 60)
    assert max(steps.peaks) < 100 * MIB


@pytest.mark.full
def test_a_job_of_a_hundred_thousand_pieces(build, template, databases, tmp_path):
    """Ten times as many pieces take ten times as long, in each step."""
    taken = {}
    for n in (10_000, 100_000):
        folder = tmp_path / str(n)
        folder.mkdir()
        farm = programs.Farm(build, folder)
        try:
            taken[n] = run_job(farm, template, n, databases(), 1800)
        finally:
            farm.close()
    for step in ("split", "encodes", "manifest"):
        small, large = (taken[n].taken[step][1] for n in sorted(taken))
        assert large < 10 * small * 1.5 + 1, f"{step}: {small:.2f} s of processor at 10,000 pieces, {large:.2f} s at 100,000"
    coordinator, worker = taken[100_000].peaks
    assert coordinator < 300 * MIB, coordinator
    assert worker < 200 * MIB, worker

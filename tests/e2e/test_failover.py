"""Two coordinators on one database behind haproxy, as deploy/haproxy configures it: either may go at any time."""
import itertools
import pathlib
import re
import socket
import subprocess
import time

import pytest
from harness import playlists
from harness.programs import Daemon, fingerprint, wait_until

CONFIG = pathlib.Path(__file__).parents[2] / "deploy/haproxy/haproxy.cfg"
OPTIONS = ("--preset", 8, "--segment-seconds", 1)


def free_ports(n):
    """Ports that nobody has now."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


class Balanced:
    """haproxy in front of two coordinators."""

    def __init__(self, farm, folder):
        front, *ports = free_ports(5)
        self.address = f"127.0.0.1:{front}"
        self.coordinators = [
            farm.coordinator("--http", f"127.0.0.1:{http}", "--listen", f"127.0.0.1:{grpc}", name=f"coordinator-{grpc}")
            for grpc, http in zip(ports[::2], ports[1::2])]
        text = CONFIG.read_text()
        for old, new in zip(("50050", "50051", "9091", "50052", "9092"), (front, *ports)):
            text, n = re.subn(rf"\b{old}$|\b{old}\b(?= )", str(new), text, flags=re.M)
            assert n == 1, f"{old} stands {n} times in {CONFIG}"
        config = folder / "haproxy.cfg"
        config.write_text(text)
        checked = subprocess.run(["haproxy", "-c", "-f", config], capture_output=True, text=True, timeout=30)
        assert checked.returncode == 0, checked.stderr
        self.proxy = Daemon(["haproxy", "-f", config], folder / "haproxy.log")
        farm.daemons.append(self.proxy)
        wait_until(lambda: farm.build.run("list", "--coordinator", self.address).returncode == 0, "an answer through haproxy")


@pytest.fixture
def balanced(farm, tmp_path):
    return Balanced(farm, tmp_path)


def asked(farm, balanced, job):
    """One `status`: the job's state, or None where there was no answer."""
    done = farm.build.run("status", job, "--json", "--coordinator", balanced.address, timeout=30)
    return re.search(r'"state": *"(\w+)"', done.stdout)[1] if done.returncode in (0, 1) and done.stdout else None


def test_a_job_outlives_its_coordinators(farm, balanced, clip, build, tmp_path):
    film = clip("film").path
    alone = tmp_path / "alone"
    build.encode(film, alone, *OPTIONS)
    workers = [farm.worker(balanced.address, name=f"worker-{i}") for i in range(4)]
    output = tmp_path / "out"
    job = farm.submit(balanced.address, film, output, *OPTIONS)
    state, silent_since, longest = None, None, 0
    turns = itertools.cycle(balanced.coordinators)
    next_turn = time.monotonic() + 1
    n_turns = 0
    while state not in ("finished", "failed", "canceled"):
        state = asked(farm, balanced, job)
        now = time.monotonic()
        silent_since = None if state else silent_since or now
        longest = max(longest, now - silent_since if silent_since else 0)
        assert longest < 5, "nobody answers"
        if now > next_turn:
            # One is killed, the other asked to stop; in turn, and never both at once.
            victim = next(turns)
            if n_turns % 2 == 0:
                victim.kill()
            else:
                assert victim.stop() == 0
            victim.start()
            victim.find_address()
            n_turns += 1
            next_turn = time.monotonic() + 1.5
    assert state == "finished", farm.logs()
    assert n_turns >= 2, "the job was over before anything happened: the test shows nothing"
    assert fingerprint(output) == fingerprint(alone)
    assert playlists.all_files(output) == playlists.all_files(alone)
    assert all(w.process.poll() is None for w in workers), "a worker ended"
    print(f"{n_turns} coordinators went; the longest time without an answer was {longest:.2f} s")


def test_a_coordinator_that_stops_takes_no_call_with_it(farm, balanced, clip, tmp_path):
    job = farm.submit(balanced.address, clip("silent").path, tmp_path / "out")
    farm.build.run("cancel", job, "--coordinator", balanced.address)
    for name, victim in zip(("one", "two"), balanced.coordinators):
        victim.process.terminate()
        # Lame duck: it says so on its side port, serves on for a moment, and haproxy asks the other one.
        while victim.process.poll() is None:
            assert asked(farm, balanced, job) == "canceled"
        assert asked(farm, balanced, job) == "canceled"
        victim.start()
        balanced.proxy.wait_for(f"coordinators/{name} is UP")

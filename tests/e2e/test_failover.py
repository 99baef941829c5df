"""Two coordinators on one database behind haproxy, as deploy/haproxy configures it: either may go at any time."""
import itertools
import time

import pytest
from harness import playlists
from harness.balanced import Balanced
from harness.programs import fingerprint

OPTIONS = ("--preset", 8, "--segment-seconds", 1)
OVER = ("finished", "failed", "canceled")


@pytest.fixture
def balanced(farm):
    return Balanced(farm)


class Asker:
    """Asks for a job's state again and again; knows how often callers were refused, one after another."""

    def __init__(self, balanced, job):
        self.balanced = balanced
        self.job = job
        self.n_refused = 0
        self.most_refused = 0

    def ask(self):
        state = self.balanced.state(self.job)
        self.n_refused = self.n_refused + 1 if state is None else 0
        self.most_refused = max(self.most_refused, self.n_refused)
        return state


def test_a_job_outlives_its_coordinators(farm, balanced, clip, build, tmp_path):
    film = clip("film").path
    alone = tmp_path / "alone"
    build.encode(film, alone, *OPTIONS)
    workers = [farm.worker(balanced.address, name=f"worker-{i}") for i in range(4)]
    output = tmp_path / "out"
    asker = Asker(balanced, farm.submit(balanced.address, film, output, *OPTIONS))
    turns = itertools.cycle(balanced.coordinators)
    next_turn = time.monotonic() + 1
    n_turns = 0
    state = None
    while state not in OVER:
        state = asker.ask()
        if time.monotonic() > next_turn:
            # One is killed, the other asked to stop; in turn, and never both at once.
            victim = next(turns)
            if n_turns % 2 == 0:
                victim.kill()
            else:
                assert victim.stop() == 0
            victim.restart()
            n_turns += 1
            next_turn = time.monotonic() + 1.5
    assert state == "finished", farm.logs()
    assert n_turns >= 2, "the job was over before anything happened: the test shows nothing"
    # On a machine with nothing else to do each of them takes a few hundredths of a second.
    assert asker.most_refused <= 5, f"{asker.most_refused} calls of status failed one after another"
    assert fingerprint(output) == fingerprint(alone)
    assert playlists.all_files(output) == playlists.all_files(alone)
    assert all(w.process.poll() is None for w in workers), "a worker ended"
    print(f"{n_turns} coordinators went; at most {asker.most_refused} calls failed one after another")


def test_a_coordinator_that_stops_takes_no_call_with_it(farm, balanced, clip, tmp_path):
    job = farm.submit(balanced.address, clip("silent").path, tmp_path / "out")
    farm.build.run("cancel", job, "--coordinator", balanced.address)
    for name, victim in zip(("one", "two"), balanced.coordinators):
        victim.process.terminate()
        # Lame duck: it says so on its side port, serves on for a moment, and haproxy asks the other one.
        while victim.process.poll() is None:
            assert balanced.state(job) == "canceled"
        assert balanced.state(job) == "canceled"
        victim.start()
        balanced.proxy.wait_for(f"coordinators/{name} is UP")

"""A primary and its standby: the primary is killed in the middle of a job, the standby promoted."""
import pathlib
import re
import subprocess
import sys
import time

import pytest
from harness import playlists
from harness.programs import fingerprint, wait_until

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import postgres  # noqa: E402

OPTIONS = ("--preset", 12, "--segment-seconds", 1)
MISSING = "SELECT count(*) FROM (VALUES %s) AS told (id) WHERE id NOT IN (SELECT id FROM tasks WHERE state = 3)"


@pytest.fixture
def pair():
    with postgres.Server() as primary, postgres.Server(primary=primary) as standby:
        yield primary, standby


@pytest.fixture
def crew(farm, pair):
    """Two coordinators that know both servers, and two workers."""
    url = postgres.url_of(pair)
    coordinators = [farm.coordinator("--lease-seconds", 5, name=name, db=url) for name in ("c1", "c2")]
    workers = [farm.worker(c.address, name=f"w-{c.log.stem}") for c in coordinators]
    return coordinators, workers


def wait_for_segments(output, n):
    wait_until(lambda: len(list(output.glob("v*/*.m4s"))) >= n, f"{n} segments in {output}", 60)


def wait_finished(farm, address, job):
    """Also while nobody knows the database."""
    def look():
        done = farm.build.run("status", job, "--coordinator", address)
        assert done.returncode != 1, done.stdout
        return done.returncode == 0 and "finished" in done.stdout
    wait_until(look, f"the end of job {job}", 120, every=0.2)


def told_done(coordinators):
    """Tasks whose finish was acknowledged."""
    return {m[1] for c in coordinators for m in re.finditer(r'event=task\.finished .*?\btask="?(\w+)', c.text())}


def test_a_synchronous_standby_lacks_nothing(farm, pair, crew, clip, presentation, tmp_path):
    primary, standby = pair
    coordinators, workers = crew
    primary.wait_for(standby)
    film = clip("film").path
    output = tmp_path / "out"
    jobs = [farm.submit(coordinators[0].address, film, output, *OPTIONS)]
    wait_for_segments(output, 4)
    jobs.append(farm.submit(coordinators[1].address, film, tmp_path / "again", *OPTIONS))  # acknowledged at the last moment
    primary.kill()
    time.sleep(0.2)  # what was on its way to a log is there
    told = told_done(coordinators)
    standby.promote()
    assert told, "nothing was acknowledged: the test shows nothing"
    assert standby.sql(MISSING % ", ".join(f"('{task}')" for task in told)).strip() == "0"
    for job in jobs:
        wait_finished(farm, coordinators[0].address, job)
    assert standby.sql("SELECT max(n) FROM (SELECT count(*) AS n FROM attempts WHERE outcome = 'done' GROUP BY task_id) AS s"
                       ).strip() == "1"
    for folder in (output, tmp_path / "again"):
        assert fingerprint(folder) == fingerprint(presentation("film"))
    assert all(w.process.poll() is None for w in workers), "a worker gave up"


def test_nothing_is_acknowledged_that_one_server_alone_has(farm, pair, clip, tmp_path):
    """While the standby is away, commits wait."""
    primary, standby = pair
    coordinator = farm.coordinator(db=postgres.url_of(pair))
    primary.wait_for(standby)
    standby.stop()
    args = [farm.build.client, "submit", clip("silent").path, tmp_path / "out", "--coordinator", coordinator.address]
    submit = subprocess.Popen(list(map(str, args)), stdout=subprocess.DEVNULL)
    with pytest.raises(subprocess.TimeoutExpired):
        submit.wait(1.5)
    standby.start()
    assert submit.wait(60) == 0


@pytest.mark.full
def test_a_primary_that_hangs_is_given_up(farm, pair, crew, clip, presentation, tmp_path):
    """Its kernel keeps the connections alive: only that it does not answer shows it."""
    primary, standby = pair
    coordinators, workers = crew
    primary.wait_for(standby)
    output = tmp_path / "out"
    job = farm.submit(coordinators[0].address, clip("film").path, output, *OPTIONS)
    wait_for_segments(output, 4)
    primary.freeze()
    standby.promote()
    try:
        wait_finished(farm, coordinators[0].address, job)
    finally:
        primary.kill()
    assert fingerprint(output) == fingerprint(presentation("film"))
    assert all(w.process.poll() is None for w in workers), "a worker gave up"


@pytest.mark.parametrize("known, reached", [(2, 6), (2, 16)])
def test_what_an_asynchronous_standby_lacks_is_done_again(farm, pair, crew, clip, presentation, tmp_path, known, reached):
    """It knows how the job stood when so many segments were there; the job went on, to its middle or its end. Pieces were removed
    since then, and tokens are given a second time."""
    primary, standby = pair
    coordinators, workers = crew
    film = clip("film").path
    output = tmp_path / "out"
    job = farm.submit(coordinators[0].address, film, output, *OPTIONS)
    wait_for_segments(output, known)
    with workers[0].stopped(), workers[1].stopped():
        standby.fall_behind()
        there = len(list(output.glob("v*/*.m4s")))
    if reached == 16:
        wait_finished(farm, coordinators[1].address, job)
    else:
        wait_for_segments(output, min(max(reached, there + 4), 16))
    primary.kill()
    n_told = len(told_done(coordinators))
    standby.promote()
    n_known = int(standby.sql("SELECT count(*) FROM tasks WHERE state = 3"))
    assert n_known < n_told, "nothing was lost: the test shows nothing"
    wait_finished(farm, coordinators[0].address, job)
    assert fingerprint(output) == fingerprint(presentation("film"))
    assert playlists.all_files(output) == playlists.all_files(presentation("film"))
    assert all(w.process.poll() is None for w in workers), "a worker gave up"

"""Coordinator, workers and client started by hand do what `encode` does, also when they are killed in the middle."""
import os
import signal

import pytest
from harness import playlists, programs
from harness.programs import alive, children, fingerprint, started_by, wait_for_end_of, wait_until

OPTIONS = ("--preset", 12, "--segment-seconds", 1)


@pytest.fixture(scope="module")
def film(clip):
    return clip("film").path


@pytest.fixture(scope="module")
def wanted(presentation):
    """What `encode` alone makes of the film."""
    return fingerprint(presentation("film"))


def wait_for_segments(output, n):
    wait_until(lambda: len(list(output.glob("v*/*.m4s"))) >= n, f"{n} segments in {output}", 60)


def test_encode_leaves_a_whole_presentation(wanted, film, build, tmp_path):
    assert "manifest.m3u8" in wanted
    assert len([f for f in wanted if f.startswith("v0/") and f.endswith(".m4s")]) == 16


def test_by_hand_gives_the_same_bytes(farm, film, wanted, tmp_path):
    coordinator = farm.coordinator()
    for name in ("one", "two"):
        farm.worker(coordinator.address, name=name)
    output = tmp_path / "out"
    job = farm.submit(coordinator.address, film, output, *OPTIONS)
    watch = farm.build.run("watch", job, "--coordinator", coordinator.address, timeout=240)
    assert watch.returncode == 0, watch.stderr
    assert fingerprint(output) == wanted
    status = farm.status(coordinator.address, job)
    assert status["id"] == job
    assert status["state"] == "finished"
    assert status["percent_complete"] == 100
    assert status["manifest"] == str(output / "manifest.m3u8")
    assert not status["error"]
    assert status["warnings"] == []
    assert job in farm.build.run("list", "--coordinator", coordinator.address).stdout
    # Nothing stays behind in the workers' own folders either.
    for daemon in farm.daemons[1:]:
        assert daemon.stop() == 0
        assert playlists.all_files(daemon.work) <= {"lock"}
    assert coordinator.stop() == 0


def test_pieces_stay_where_they_are_asked_for(farm, clip, tmp_path):
    coordinator = farm.coordinator()
    farm.worker(coordinator.address)
    for keep in ((), ("--keep-work",)):
        work = tmp_path / f"work{len(keep)}"
        job = farm.submit(coordinator.address, clip("clicks").path, tmp_path / f"out{len(keep)}", "--preset", 13, "--work", work, *keep)
        assert farm.wait_over(coordinator.address, job, 120)["state"] == "finished"
        kept = [p for p in work.rglob("*") if p.is_file()]
        assert (len(kept) >= 2) == bool(keep), kept  # pictures and sound


def test_a_killed_worker_changes_no_byte(farm, film, wanted, tmp_path):
    coordinator = farm.coordinator("--lease-seconds", 3)
    victim = farm.worker(coordinator.address, name="victim", slots=2)
    output = tmp_path / "out"
    job = farm.submit(coordinator.address, film, output, *OPTIONS)
    wait_for_segments(output, 2)
    below = started_by(victim)
    victim.kill()
    wait_for_end_of(below)
    farm.worker(coordinator.address, name="heir", slots=2)
    assert farm.wait_over(coordinator.address, job)["state"] == "finished", farm.logs()
    assert fingerprint(output) == wanted


def test_a_killed_worker_cleans_up_at_its_next_start(farm, film, wanted, tmp_path):
    coordinator = farm.coordinator("--lease-seconds", 3)
    worker = farm.worker(coordinator.address, slots=2)
    output = tmp_path / "out"
    job = farm.submit(coordinator.address, film, output, *OPTIONS)
    wait_for_segments(output, 1)

    def killed_with_files():
        with worker.stopped():  # it removes nothing any more
            if found := playlists.all_files(worker.work) - {"lock"}:
                worker.process.kill()
        return found
    wait_until(killed_with_files, "files of a step that runs")
    worker.kill()
    worker.start()
    assert farm.wait_over(coordinator.address, job)["state"] == "finished", farm.logs()
    assert fingerprint(output) == wanted
    assert worker.stop() == 0
    assert playlists.all_files(worker.work) <= {"lock"}


def test_a_killed_coordinator_changes_no_byte(farm, film, wanted, tmp_path):
    coordinator = farm.coordinator()
    for name in ("one", "two"):
        farm.worker(coordinator.address, name=name)
    output = tmp_path / "out"
    job = farm.submit(coordinator.address, film, output, *OPTIONS)
    wait_for_segments(output, 2)
    coordinator.kill()
    coordinator.restart()
    assert farm.wait_over(coordinator.address, job)["state"] == "finished", farm.logs()
    assert fingerprint(output) == wanted


def test_a_worker_told_to_stop_hands_over(farm, film, wanted, tmp_path):
    coordinator = farm.coordinator("--lease-seconds", 600)  # what is not handed back would be missed
    first = farm.worker(coordinator.address, name="first", slots=2)
    output = tmp_path / "out"
    job = farm.submit(coordinator.address, film, output, *OPTIONS)
    wait_for_segments(output, 1)
    assert first.stop() == 0
    farm.worker(coordinator.address, name="second", slots=2)
    assert farm.wait_over(coordinator.address, job)["state"] == "finished", farm.logs()
    assert fingerprint(output) == wanted


def test_cancel_stops_the_work_and_leaves_nothing(farm, film, tmp_path):
    coordinator = farm.coordinator()
    worker = farm.worker(coordinator.address, slots=2)
    output = tmp_path / "out"
    job = farm.submit(coordinator.address, film, output, *OPTIONS)
    wait_for_segments(output, 1)
    assert farm.build.run("cancel", job, "--coordinator", coordinator.address).returncode == 0
    assert farm.status(coordinator.address, job)["state"] == "canceled"
    wait_until(lambda: not children(worker.pid), "the end of the worker's children")
    wait_until(lambda: playlists.all_files(output) == set(), "an empty output folder")
    assert farm.build.run("watch", job, "--coordinator", coordinator.address).returncode == 1
    # The worker lives on.
    again = farm.submit(coordinator.address, film, tmp_path / "again", "--preset", 12)
    assert farm.wait_over(coordinator.address, again)["state"] == "finished"


def test_two_jobs_never_share_an_output(farm, film, tmp_path):
    coordinator = farm.coordinator()
    output = tmp_path / "out"
    farm.submit(coordinator.address, film, output)
    second = farm.build.run("submit", film, output, "--coordinator", coordinator.address)
    assert second.returncode == 2, second.stderr
    assert str(output) in second.stderr


def test_a_batch_worker_ends_by_itself(farm, clip, tmp_path):
    coordinator = farm.coordinator()
    job = farm.submit(coordinator.address, clip("silent").path, tmp_path / "out", "--preset", 12)
    worker = farm.worker(coordinator.address, "--exit-when-idle", 4, slots=2)
    assert worker.process.wait(120) == 0, worker.text()
    assert farm.status(coordinator.address, job)["state"] == "finished"


@pytest.mark.full
def test_a_batch_worker_does_not_take_silence_for_idleness(farm, tmp_path):
    nobody = f"unix:{tmp_path}/nobody"
    workers = [farm.worker(nobody, "--exit-when-idle", seconds, name=f"idle-{seconds}") for seconds in (0, 1)]
    assert [worker.process.wait(120) for worker in workers] == [3, 3]


def test_what_they_were_started_to_ignore_ends_none_of_them(farm, clip, tmp_path):
    """A hang-up behind nohup, a terminal's Ctrl-C behind a script's "&"."""
    def start(name, *args):
        deaf = ("sh", "-c", "trap '' HUP INT; exec \"$@\"", "sh")
        farm.daemons.append(programs.Daemon([*deaf, *args], tmp_path / f"{name}.log"))
        return farm.daemons[-1]

    encode = start("encode", farm.build.client, "encode", clip("silent").path, tmp_path / "out", *OPTIONS)
    coordinator = start("coordinator", farm.build.coordinator, "--listen", f"unix:{tmp_path}/sock", "--db", f"sqlite://{tmp_path}/jobs.db")
    worker = start("worker", farm.build.worker, "--coordinator", f"unix:{tmp_path}/sock", "--work-dir", tmp_path)
    wait_until(lambda: (tmp_path / "out/.avspl1t").is_dir(), "the private folder", 30)
    coordinator.wait_for("event=coordinator.listening")
    worker.wait_for("event=worker.started")
    for daemon in (encode, coordinator, worker):
        daemon.process.send_signal(signal.SIGHUP)
        daemon.process.send_signal(signal.SIGINT)
    # Its end says by what; that of encode would leave nothing done.
    assert worker.stop() == 0 and "reason=SIGTERM" in worker.text() and "worker.stopping" not in worker.text(), worker.text()
    assert coordinator.stop() == 0 and "signal=TERM" in coordinator.text(), coordinator.text()
    assert encode.process.wait(240) == 0, encode.text()


@pytest.mark.parametrize("whole_group", [True, False])
def test_interrupt_ends_encode_at_once(build, film, tmp_path, whole_group):
    output, temporary = tmp_path / "out", tmp_path / "tmp"
    temporary.mkdir()
    encode = programs.Daemon([build.client, "encode", film, output, *OPTIONS], tmp_path / "encode.log",
                             env={"TMPDIR": str(temporary)})
    try:
        wait_for_segments(output, 1)
        below = started_by(encode, 3)  # a coordinator, a worker and a media step
        if whole_group:  # as a terminal does it
            os.killpg(encode.pid, signal.SIGINT)
        else:
            os.kill(encode.pid, signal.SIGINT)
        # In two seconds, says src/client/stack.c; that is for a machine with nothing else to do.
        assert encode.process.wait(30) in (1, 130), encode.text()
        wait_for_end_of(below)
        # What is done stays for the next run (test_resume.py), and is no presentation.
        assert not (output / "manifest.m3u8").exists()
        wait_until(lambda: playlists.all_files(temporary) == set(), "no temporary file")
    finally:
        for pid in [encode.pid, *children(encode.pid)]:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)


def test_killed_encode_leaves_no_process(build, film, tmp_path):
    output = tmp_path / "out"
    encode = programs.Daemon([build.client, "encode", film, output, *OPTIONS], tmp_path / "encode.log")
    wait_for_segments(output, 1)
    below = started_by(encode)
    encode.kill()
    wait_for_end_of(below)
    assert not (output / "manifest.m3u8").exists()

"""What people do to jobs: try again, pause, resume, delete."""
import json

import pytest
from harness.programs import children, files_below, fingerprint, wait_until


@pytest.fixture
def wanted(presentation):
    return fingerprint(presentation("film"))


def control(farm, address, *args, exit_code=0):
    done = farm.build.run(*args, "--coordinator", address)
    assert done.returncode == exit_code, f"{args}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def begin(farm, clip, output, n=2):
    """A coordinator, a worker with one slot, and a job that has made n segments."""
    coordinator = farm.coordinator()
    worker = farm.worker(coordinator.address)
    film = clip("film")
    job = farm.submit(coordinator.address, film.path, output, "--preset", 12, "--segment-seconds", film.segment_seconds)
    wait_until(lambda: len(list(output.glob("v0/*.m4s"))) >= n, f"{n} segments")
    return coordinator, worker, job


def test_a_paused_job_rests_and_goes_on(farm, clip, wanted, tmp_path):
    output = tmp_path / "out"
    coordinator, worker, job = begin(farm, clip, output)
    assert json.loads(control(farm, coordinator.address, "pause", job, "--json").stdout)["state"] == "paused"
    control(farm, coordinator.address, "pause", job)
    wait_until(lambda: "running" not in control(farm, coordinator.address, "status", job).stdout, "the end of what runs")
    assert "paused" in control(farm, coordinator.address, "status", job).stdout
    assert json.loads(control(farm, coordinator.address, "list", "--state", "paused", "--json").stdout)["jobs"][0]["id"] == job
    waited = control(farm, coordinator.address, "watch", job, "--timeout", "1", exit_code=4)
    assert "paused" in waited.stderr
    assert not children(worker.pid)
    assert not (output / "manifest.m3u8").exists()
    assert json.loads(control(farm, coordinator.address, "resume", job, "--json").stdout)["state"] == "running"
    assert farm.wait_over(coordinator.address, job)["state"] == "finished"
    assert fingerprint(output) == wanted
    refused = control(farm, coordinator.address, "pause", job, exit_code=2)
    assert f"job {job} is finished: it cannot be paused" in refused.stderr


def test_a_job_is_tried_again(farm, clip, wanted, tmp_path):
    output = tmp_path / "out"
    coordinator, worker, job = begin(farm, clip, output)
    # A segment that is seen is not yet one that is known: its task has to be done.
    worker.wait_for(f"task.done .*kind=encode job={job} idx=0 ")
    before = {f.name: f.stat().st_mtime_ns for f in output.glob("v0/00000-*.m4s")}
    assert before
    control(farm, coordinator.address, "cancel", job)
    assert json.loads(control(farm, coordinator.address, "retry", job, "--json").stdout)["state"] == "running"
    control(farm, coordinator.address, "retry", job)  # it runs: no change
    assert farm.wait_over(coordinator.address, job)["state"] == "finished"
    assert fingerprint(output) == wanted
    assert {n: (output / "v0" / n).stat().st_mtime_ns for n in before} == before, "what was done was done again"
    refused = control(farm, coordinator.address, "retry", job, exit_code=2)
    assert f"job {job} is finished: there is nothing to try again" in refused.stderr
    assert "knows no job" in control(farm, coordinator.address, "retry", "nope", exit_code=2).stderr


def test_a_job_is_tried_again_after_its_files_are_gone(farm, clip, wanted, tmp_path):
    output = tmp_path / "out"
    coordinator, worker, job = begin(farm, clip, output)
    control(farm, coordinator.address, "cancel", job)
    worker.wait_for(f"task.done .*kind=cleanup job={job}")  # until then the coordinator refuses
    assert not files_below(output)
    control(farm, coordinator.address, "retry", job)
    assert farm.wait_over(coordinator.address, job)["state"] == "finished", farm.logs()
    assert fingerprint(output) == wanted


def test_priority_labels_and_keys(farm, clip, tmp_path):
    coordinator = farm.coordinator()
    source = clip("silent").path
    first = farm.submit(coordinator.address, source, tmp_path / "a", "--label", "show=winter", "--label", "team=x=y")
    second = farm.submit(coordinator.address, source, tmp_path / "b", "--label", "show=winter", "--priority", 0,
                         "--idempotency-key", "b")
    assert second == farm.submit(coordinator.address, source, tmp_path / "b", "--idempotency-key", "b")
    status = farm.status(coordinator.address, first)
    assert (status["priority"], status["labels"]) == (5, {"show": "winter", "team": "x=y"})
    assert farm.status(coordinator.address, second)["priority"] == 0
    assert "team=x=y" in control(farm, coordinator.address, "status", first).stdout

    def listed(*options):
        found = json.loads(control(farm, coordinator.address, "list", "--json", *options).stdout)["jobs"]
        return [job["id"] for job in found]

    assert listed("--label", "show=winter") == [second, first]
    assert listed("--label", "show=winter", "--label", "team=x=y") == [first]
    assert listed("--label", "show=winter", "--limit", "1") == [second]
    assert listed("--label", "show=summer") == []
    assert json.loads(control(farm, coordinator.address, "priority", second, "9", "--json").stdout)["priority"] == 9
    for args, text in ((("priority", second, "10"), "0 to 9"), (("list", "--label", "x"), "not KEY=VALUE"),
                       (("submit", source, tmp_path / "c", "--label", "a b=c"), '"a b"'),
                       (("submit", source, tmp_path / "c", "--label", "a=b", "--label", "a=c"), "a is there twice"),
                       (("submit", source, tmp_path / "c", "--priority", "-1"), "0 to 9")):
        assert text in control(farm, coordinator.address, *args, exit_code=2).stderr
    worker = farm.worker(coordinator.address)
    worker.wait_for(f"task.claimed .*kind=split job={second}")


def test_attempts_are_history(farm, tmp_path):
    coordinator = farm.coordinator()
    worker = farm.worker(coordinator.address, name="w1")
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"\0" * 5000)
    job = farm.submit(coordinator.address, bad, tmp_path / "out")
    assert farm.wait_over(coordinator.address, job)["state"] == "failed"
    told = json.loads(control(farm, coordinator.address, "status", job, "--attempts", "--json", exit_code=1).stdout)
    assert told["state"] == "failed"
    (attempt,) = told["attempts"]
    assert (attempt["kind"], attempt["attempt"], attempt["worker"], attempt["outcome"]) == ("split", 1, "w1", "failed")
    assert attempt["error"] == told["error"]
    assert attempt["started_at"] < attempt["ended_at"]
    text = control(farm, coordinator.address, "status", job, "--attempts", exit_code=1).stdout
    assert "split, 1, on w1: failed after" in text
    worker.stop()


def test_a_deleted_job_is_forgotten(farm, clip, tmp_path):
    coordinator = farm.coordinator()
    job = farm.submit(coordinator.address, clip("silent").path, tmp_path / "out", "--preset", 13)
    refused = control(farm, coordinator.address, "delete", job, exit_code=2)
    assert f"job {job} is running: cancel it before it is deleted, or force it" in refused.stderr
    worker = farm.worker(coordinator.address)
    assert farm.wait_over(coordinator.address, job)["state"] == "finished"
    before = fingerprint(tmp_path / "out")
    assert json.loads(control(farm, coordinator.address, "delete", job, "--json").stdout) == {"id": job, "state": "deleted"}
    for command in ("status", "delete", "watch"):
        assert "knows no job" in control(farm, coordinator.address, command, job, exit_code=2).stderr
    assert fingerprint(tmp_path / "out") == before
    worker.stop()
    other = farm.submit(coordinator.address, clip("silent").path, tmp_path / "other")
    control(farm, coordinator.address, "delete", other, "--force")
    assert json.loads(control(farm, coordinator.address, "list", "--json").stdout)["jobs"] == []

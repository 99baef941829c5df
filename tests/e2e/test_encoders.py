"""One job, one set of encoders, over the wire: a worker of the harness that has other ones than ours."""
import subprocess

from harness import playlists, wire
from harness.programs import fingerprint

OLD = "SVT-AV1 v0.9.0"
TASK_KIND_ENCODE = 2


def claim_encode(call, name):
    worker = dict(host="old", version="0", slots=1, kinds=[TASK_KIND_ENCODE], encoders=OLD)
    return call("GetTask", worker_id=name, worker=worker, claim_id=name)


def test_a_job_waits_for_its_encoders_and_can_begin_anew(farm, clip, tmp_path):
    address = farm.coordinator().address
    source = clip("silent").path
    options = ("--preset", 13, "--segment-seconds", 2)
    job = farm.submit(address, source, tmp_path / "out", *options)
    splitter = farm.worker(address, "--once", name="splitter")
    assert splitter.process.wait(60) == 0, splitter.text()
    with wire.Caller(address) as call:
        task = claim_encode(call, "old")
        assert task.job_id == job
        farm.worker(address, name="new", slots=2)
        # The job is for others now: the worker does what else there is.
        other = farm.submit(address, source, tmp_path / "other", *options)
        assert farm.wait_over(address, other)["state"] == "finished", farm.logs()
        status = farm.status(address, job)
        assert (status["encoders"], status["waits_for_encoders"]) == (OLD, False)
        call("ReleaseTask", worker_id="old", task_id=task.id, token=task.token)
    assert farm.build.run("drain", "old", "--coordinator", address).returncode == 0
    status = farm.status(address, job)
    assert status["state"] == "running" and status["waits_for_encoders"]
    shown = farm.build.run("status", job, "--coordinator", address).stdout
    assert OLD in shown and "retry --repin" in shown
    # Without the option a job that runs is left alone.
    assert farm.build.run("retry", job, "--coordinator", address).returncode == 0
    assert farm.status(address, job)["encoders"] == OLD
    assert farm.build.run("retry", job, "--repin", "--coordinator", address).returncode == 0
    status = farm.wait_over(address, job)
    assert status["state"] == "finished", farm.logs()
    ours = subprocess.run([farm.build.media, "--encoders"], capture_output=True, text=True, check=True).stdout.strip()
    assert status["encoders"] == ours and "SVT-AV1" in ours
    playlists.check(playlists.read(tmp_path / "out/manifest.m3u8"))
    assert fingerprint(tmp_path / "out") == fingerprint(tmp_path / "other")

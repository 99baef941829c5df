"""Our client and worker against a coordinator that knows the frozen base alone: with less comfort, but they work."""
import json

import pytest
from harness import base_coordinator, media
from harness.programs import wait_until


@pytest.fixture
def coordinator():
    with base_coordinator.Coordinator() as started:
        yield started


def test_a_job_is_done(build, farm, coordinator, clip, tmp_path):
    output = tmp_path / "out"
    env = {"AVSPL1T_COORDINATOR": coordinator.address}
    job = build.run("submit", clip("silent").path, output, "--crf", 40, env=env)
    assert job.returncode == 0, job.stderr
    worker = farm.worker(coordinator.address, slots=2)

    def look():
        done = build.run("status", job.stdout.strip(), "--json", env=env)
        state = json.loads(done.stdout)
        return state if state["state"] != "running" else None
    state = wait_until(look, "the end of the job", 120, every=0.3)
    assert state["state"] == "finished", worker.text()
    manifest = output / "manifest.m3u8"
    assert state["manifest"] == str(manifest)
    assert len(media.times(manifest)) == len(media.times(clip("silent").path))
    claims = worker.text().count("event=task.claimed")
    assert claims == 3, worker.text()


def test_what_it_cannot_do_is_said_in_a_line(build, coordinator):
    done = build.run("list", env={"AVSPL1T_COORDINATOR": coordinator.address})
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and "does not know this call" in done.stderr, done.stderr

"""The workers that there are, and how one goes out of service."""
import json

from harness import wire
from harness.programs import wait_until


def workers(farm, address):
    done = farm.build.run("workers", "--json", "--coordinator", address)
    assert done.returncode == 0, done.stderr
    return {w["id"]: w for w in json.loads(done.stdout)["workers"]}


def drain(farm, address, *args):
    return farm.build.run("drain", *args, "--coordinator", address)


def test_a_drained_worker_finishes_and_ends(farm, clip, tmp_path):
    coordinator = farm.coordinator()
    address = coordinator.address
    busy = farm.worker(address, name="busy")
    film = clip("film")
    job = farm.submit(address, film.path, tmp_path / "out", "--preset", 10, "--segment-seconds", film.segment_seconds)

    def encoding():
        shown = workers(farm, address).get("busy")  # noted soon after its first question
        return shown if shown and any(task["kind"] == "encode" for task in shown["tasks"]) else None

    shown = wait_until(encoding, "an encode on busy")
    assert (shown["state"], shown["slots"]) == ("working", 1)
    assert shown["host"] and shown["version"]
    assert {task["job"] for task in shown["tasks"]} == {job}
    idle = farm.worker(address, name="idle", slots=3)
    wait_until(lambda: "idle" in workers(farm, address), "the second worker")
    table = farm.build.run("workers", "--coordinator", address).stdout
    assert "busy" in table and "WORKER" in table
    assert drain(farm, address, "busy").returncode == 0
    assert busy.process.wait(60) == 0, busy.text()
    assert "task.released" not in busy.text()
    assert workers(farm, address)["busy"]["state"] == "draining"
    assert farm.wait_over(address, job)["state"] == "finished", farm.logs()
    # One that only waits hears of it at once.
    assert workers(farm, address)["idle"]["state"] == "idle"
    assert drain(farm, address, "idle").returncode == 0
    assert idle.process.wait(60) == 0, idle.text()
    # It stays out of service until that is undone.
    idle.start()
    assert idle.process.wait(60) == 0, idle.text()
    assert drain(farm, address, "idle", "--undo").returncode == 0
    idle.start()
    again = farm.submit(address, clip("silent").path, tmp_path / "again", "--preset", 13)
    assert farm.wait_over(address, again)["state"] == "finished", farm.logs()


def test_an_unknown_worker_cannot_drain(farm):
    done = drain(farm, farm.coordinator().address, "nobody")
    assert done.returncode == 2
    assert 'there is no worker "nobody"' in done.stderr


def test_an_undone_drain_counts_at_once(farm, clip, tmp_path):
    """Also where another coordinator was told: it reads who is to drain once a second, and would end a worker that comes back."""
    told, asked = (farm.coordinator(name=name) for name in ("told", "asked"))
    worker = farm.worker(asked.address, name="w")
    wait_until(lambda: "w" in workers(farm, told.address), "the worker")
    assert drain(farm, told.address, "w").returncode == 0
    assert worker.process.wait(60) == 0, worker.text()
    assert drain(farm, told.address, "w", "--undo").returncode == 0
    worker.start()
    job = farm.submit(told.address, clip("silent").path, tmp_path / "out", "--preset", 13)
    assert farm.wait_over(told.address, job, seconds=60)["state"] == "finished", farm.logs()


def test_an_undone_drain_counts_at_the_next_heartbeat(farm, clip, tmp_path):
    """A worker that just came back and has a task is told no more that it is to end, whichever coordinator it asks."""
    told, asked = (farm.coordinator(name=name) for name in ("told", "asked"))
    farm.submit(told.address, clip("silent").path, tmp_path / "out")
    with wire.Caller(asked.address) as call:
        worker = {"host": "here", "version": "0", "slots": 1, "kinds": [1], "encoders": "none"}
        task = call("GetTask", worker_id="w", worker=worker, claim_id="c")

        def is_to_end():
            return call("Heartbeat", worker_id="w", task_id=task.id, token=task.token).status.drain

        assert task.id and not is_to_end()
        assert drain(farm, told.address, "w").returncode == 0
        wait_until(is_to_end, "the word that w is to end")
        assert drain(farm, told.address, "w", "--undo").returncode == 0
        assert not is_to_end()

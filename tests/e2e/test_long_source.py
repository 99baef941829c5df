"""A source of two hours: what holds while it is split, whatever its length."""
import contextlib
import os
import re

import pytest
from harness import clips
from harness.programs import children, wait_until

HOURS_2 = 7200


@pytest.fixture
def long_source(tmp_path):
    """Two hours by stream copy of half a minute, again and again."""
    seed, source = tmp_path / "seed.mp4", tmp_path / "source.mp4"
    clips.ffmpeg(*clips.picture("1280x720", 25, 30), *clips.sound(30), *clips.x264(*clips.fixed_gop(50), preset="ultrafast"),
                 "-b:v", "400k", *clips.AAC, seed)
    clips.ffmpeg("-stream_loop", HOURS_2 // 30 - 1, "-i", seed, "-c", "copy", source)
    return source


def split_of(worker):
    """The process of the split: the first that the worker starts."""
    for pid in children(worker.pid):
        with contextlib.suppress(OSError):
            if os.path.basename(os.readlink(f"/proc/{pid}/exe")) == "avspl1t-media":
                return pid
    return None


def peak_mib(pid, until):
    """The largest resident memory of a process, looked at until something has come true."""
    peak = 0

    def look():
        nonlocal peak
        with contextlib.suppress(OSError, TypeError):
            with open(f"/proc/{pid}/status", encoding="utf-8") as status:
                peak = max(peak, int(re.search(r"VmHWM:\s+(\d+)", status.read())[1]) >> 10)
        return until()
    wait_until(look, "the end of the split", 240)
    return peak


@pytest.mark.full
def test_two_hours(farm, long_source, tmp_path):
    coordinator = farm.coordinator()
    worker = farm.worker(coordinator.address, slots=1)
    job = farm.submit(coordinator.address, long_source, tmp_path / "out", "--preset", 12, "--segment-seconds", 2)
    pid = wait_until(lambda: split_of(worker), "the split's process", 20, every=0.005)
    peak = peak_mib(pid, lambda: "event=task.done" in worker.text() and re.search(r"task\.done .*kind=split", worker.text()))
    assert 0 < peak < 160, f"{peak} MiB"
    # Its first piece was being encoded while the rest was being read.
    log = worker.text()
    events = re.findall(r"time=\S+T(\d+):(\d+):([\d.]+)Z .*event=(task\.\w+) .*kind=(\w+)", log)
    when = {}
    for hour, minute, second, event, kind in events:
        when.setdefault((event, kind), int(hour) * 3600 + int(minute) * 60 + float(second))
    begun, first, done = (when[k] for k in (("task.claimed", "split"), ("task.claimed", "encode"), ("task.done", "split")))
    assert first - begun < (done - begun) / 2, when
    pieces = list((tmp_path / "out").rglob("v0-*.piece"))
    assert len(pieces) > 1000
    assert farm.status(coordinator.address, job)["frames_total"] == HOURS_2 * 25
    assert farm.build.run("cancel", job, "--coordinator", coordinator.address).returncode == 0
    farm.wait_over(coordinator.address, job)

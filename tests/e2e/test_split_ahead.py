"""A split waits for the encoders, so that the work folder stays small."""
import contextlib
import subprocess

import pytest
from harness.programs import files_below, fingerprint, wait_until

# Much to store, and little to encode.
SECONDS = 180
LIMIT = 1 << 20
# What a split makes before it first hears that it is ahead: one batch of pieces, and the piece that filled it.
FIRST = (32 << 20) + LIMIT


@pytest.fixture(scope="module")
def bulky(tmp_path_factory):
    path = tmp_path_factory.mktemp("bulky") / "bulky.nut"
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", f"testsrc2=size=96x64:rate=20:duration={SECONDS}",
                    "-c:v", "ffv1", "-g", "1", "-pix_fmt", "yuv444p16le", path], check=True, timeout=120)
    assert path.stat().st_size > FIRST + 8 * LIMIT
    return path


def waiting(output):
    """Bytes of pieces that lie in a job's work folder."""
    total = 0
    for file in files_below(output):
        with contextlib.suppress(FileNotFoundError):
            total += file.stat().st_size if file.suffix == ".piece" else 0
    return total


def test_the_work_folder_stays_small(farm, bulky, tmp_path):
    coordinator = farm.coordinator("--split-ahead", LIMIT)
    address = coordinator.address
    farm.worker(address, "--log-level", "debug", name="worker")
    output = tmp_path / "out"
    job = farm.submit(address, bulky, output, "--preset", 13, "--segment-seconds", 6)
    worker = farm.daemons[-1]
    worker.wait_for("event=task.held")
    assert waiting(output) < FIRST + 4 * LIMIT
    # A pause may last: the split is handed back, and another job's is not kept waiting for its turn.
    assert farm.build.run("pause", job, "--coordinator", address).returncode == 0
    worker.wait_for("event=task.released")
    assert farm.build.run("resume", job, "--coordinator", address).returncode == 0
    most = 0

    def is_over():
        nonlocal most
        most = max(most, waiting(output))
        return farm.status(address, job)["state"] == "finished"
    wait_until(is_over, "the end of the job", 180, every=0.1)
    assert most < FIRST + 4 * LIMIT, "the work folder grew"
    assert "task.failed" not in worker.text()
    unlimited = tmp_path / "unlimited"
    farm.build.encode(bulky, unlimited, "--preset", 13, "--segment-seconds", 6)
    assert fingerprint(output) == fingerprint(unlimited)

"""Bad input: one line that names the thing, the right exit code, and nothing partial left."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest
from harness import media
from harness.programs import fingerprint

USAGE, UNREACHABLE = 2, 3


def one_line(done, code, *words):
    """The run failed with this code and said one line on stderr that has these words."""
    lines = done.stderr.splitlines()
    assert done.returncode == code, f"exit {done.returncode}: {done.stderr}"
    assert len(lines) == 1, done.stderr
    for word in words:
        assert str(word) in lines[0], f"no {word!r} in: {lines[0]}"
    assert done.stdout == ""


@pytest.fixture
def output(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def source(clip):
    return clip("silent").path


@pytest.fixture
def as_nobody(build):
    """Runs the client as a user with no rights, in a folder that user may enter."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="avspl1t-nobody-"))
    folder.chmod(0o755)
    drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []

    def run(*args):
        return subprocess.run([*drop, build.client, *map(str, args)], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "TMPDIR": "/tmp", "HOME": "/"})
    yield folder, run
    shutil.rmtree(folder)


@pytest.mark.parametrize("flags, words", [
    (["--crff", "3"], ["--crff", "--crf"]),
    (["--crf", "77"], ["--crf", "77", "63"]),
    (["--crf", "soft"], ["--crf", "soft"]),
    (["--crf"], ["--crf"]),
    (["--preset", "-1"], ["--preset", "-1"]),
    (["--segment-seconds", "0"], ["--segment-seconds", "0"]),
    (["--slots", "257"], ["--slots", "257", "256"]),
    (["a-third-argument"], ["a-third-argument"]),
])
def test_wrong_flags(build, source, output, flags, words):
    one_line(build.run("encode", source, output, *flags), USAGE, *words)
    assert not output.exists()


def test_no_command_and_unknown_command(build):
    assert build.run().returncode == USAGE
    one_line(build.run("encoed"), USAGE, "encoed")
    one_line(build.run("encode"), USAGE, "INPUT")


@pytest.mark.parametrize("command", ["encode", "probe"])
def test_a_missing_input(build, output, tmp_path, command):
    missing = tmp_path / "no such file.mp4"
    one_line(build.run(command, missing, *([output] if command == "encode" else [])), USAGE, missing)
    assert not output.exists()


def test_a_folder_as_input(build, output, tmp_path):
    one_line(build.run("encode", tmp_path, output), USAGE, tmp_path)
    assert not output.exists()


def test_an_unreadable_input(as_nobody, source):
    folder, run = as_nobody
    secret = folder / "secret.mp4"
    shutil.copy(source, secret)
    secret.chmod(0o600)
    (folder / "free").mkdir()
    (folder / "free").chmod(0o777)
    if os.geteuid() != 0:
        secret.chmod(0)
    one_line(run("encode", secret, folder / "free/out"), USAGE, secret, "ermission")
    assert list((folder / "free").iterdir()) == []


def test_an_output_without_permission(as_nobody, source):
    folder, run = as_nobody
    readable = folder / "in.mkv"
    shutil.copy(source, readable)
    readable.chmod(0o644)
    closed = folder / "closed"
    closed.mkdir(mode=0o555)
    one_line(run("encode", readable, closed / "out"), USAGE, closed / "out", "ermission")
    assert list(closed.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"plain text, not a video\n" * 100, bytes(range(256)) * 500],
                         ids=["empty", "text", "bytes"])
def test_a_file_that_is_no_video(build, output, tmp_path, content):
    liar = tmp_path / "liar.mp4"
    liar.write_bytes(content)
    one_line(build.run("encode", liar, output), USAGE, liar)
    assert not output.exists()
    one_line(build.run("probe", liar), USAGE, liar)


def test_an_output_that_is_a_file(build, source, output):
    output.write_text("mine")
    one_line(build.run("encode", source, output), USAGE, output)
    assert output.read_text() == "mine"


def test_another_presentation_is_kept_unless_told(build, clip, source, output):
    build.encode(source, output, "--preset", 12)
    before = fingerprint(output)
    one_line(build.run("encode", clip("open-gop").path, output, "--preset", 12), USAGE, output, "--overwrite")
    assert fingerprint(output) == before
    build.encode(clip("open-gop").path, output, "--preset", 12, "--overwrite")
    assert len(media.times(output / "manifest.m3u8")) == len(media.times(clip("open-gop").path))
    # Of the first presentation nothing is left but what the second has too.
    fresh = output.with_name("fresh")
    build.encode(clip("open-gop").path, fresh, "--preset", 12)
    assert fingerprint(output) == fingerprint(fresh)


def test_strange_names_are_only_names(build, source, tmp_path):
    strange = tmp_path / "-a 'b' \"c\" %d #d ?e=é\n.mkv"
    shutil.copy(source, strange)
    output = tmp_path / "out %s #1?"
    build.encode(strange, output, "--preset", 12)
    assert (output / "manifest.m3u8").exists()


def test_a_full_disk(build, source, tmp_path):
    mount = tmp_path / "small"
    mount.mkdir()
    # A mount of its own, seen by this run alone.
    script = ('mount -t tmpfs -o size=192k none "$1" || exit 99; shift; "$@"; code=$?; '
              'test -z "$(ls -A "$0")" || exit 98; exit $code')
    done = subprocess.run(["unshare", "--mount", "--map-root-user", "sh", "-c", script, mount, mount, build.client, "encode",
                           source, mount / "out", "--preset", "12", "--crf", "5"], capture_output=True, text=True, timeout=120)
    if done.returncode == 99 or "unshare" in done.stderr:
        pytest.skip(f"no mount of our own here: {done.stderr}")
    one_line(done, 1, mount, "No space left on device")


def test_a_coordinator_out_of_reach(build, source, output):
    with socket.socket() as free:  # bound, not listening: refuses
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        begin = time.monotonic()
        for command in (["submit", source, output], ["status", "x"], ["list"], ["cancel", "x"], ["watch", "x"]):
            one_line(build.run(*command, "--coordinator", address), UNREACHABLE, address)
        assert time.monotonic() - begin < 60


def test_unknown_jobs(farm):
    coordinator = farm.coordinator()
    for command in ("status", "cancel", "watch"):
        one_line(farm.build.run(command, "no-such-job", "--coordinator", coordinator.address), USAGE, "no-such-job")


def coordinator_fails(build, *args):
    done = subprocess.run([build.coordinator, *map(str, args)], capture_output=True, text=True, timeout=30)
    assert done.returncode != 0
    lines = [line for line in done.stderr.splitlines() if "level=info" not in line]
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_a_port_in_use(farm, tmp_path):
    first = farm.coordinator()
    line = coordinator_fails(farm.build, "--listen", first.address, "--db", f"sqlite://{tmp_path}/other.db")
    assert first.address in line and "in use" in line, line


def test_a_database_that_is_none(build, tmp_path):
    path = tmp_path / "notes.db"
    path.write_text("these are my notes, not a database\n" * 200)
    before = path.read_bytes()
    line = coordinator_fails(build, "--listen", "127.0.0.1:0", "--db", f"sqlite://{path}")
    assert str(path) in line and "not a database" in line, line
    assert path.read_bytes() == before


def test_a_database_in_no_folder(build, tmp_path):
    path = tmp_path / "nowhere/jobs.db"
    assert str(path) in coordinator_fails(build, "--listen", "127.0.0.1:0", "--db", f"sqlite://{path}")


def test_a_database_of_unknown_kind(build):
    assert "sqlite:///" in coordinator_fails(build, "--listen", "127.0.0.1:0", "--db", "oracle://x/y")


def test_a_worker_keeps_to_its_roots(farm, source, tmp_path):
    coordinator = farm.coordinator("--max-attempts", 1)
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    worker = farm.worker(coordinator.address, "--allow-root", allowed)
    job = farm.submit(coordinator.address, source, allowed / "out", "--preset", 12)
    status = farm.wait_over(coordinator.address, job)
    assert status["state"] == "failed"
    assert str(source) in str(status["error"])
    inside = allowed / "in.mkv"
    shutil.copy(source, inside)
    again = farm.submit(coordinator.address, inside, allowed / "out2", "--preset", 12)
    assert farm.wait_over(coordinator.address, again)["state"] == "finished"
    assert worker.process.poll() is None


def test_help_and_version_are_printed(build):
    for program in (build.client, build.coordinator, build.worker):
        for flag in ("--help", "--version"):
            done = subprocess.run([program, flag], capture_output=True, text=True, timeout=20)
            assert done.returncode == 0 and done.stdout and not done.stderr, f"{program} {flag}: {done}"


def test_a_reader_that_goes_away(build, source):
    """`avspl1t probe … | head -c 1` ends quietly."""
    probe = subprocess.Popen([build.client, "probe", source], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    probe.stdout.close()
    errors = probe.stderr.read()
    assert probe.wait(30) != -signal.SIGABRT and b"Sanitizer" not in errors

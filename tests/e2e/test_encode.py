"""`avspl1t encode`: what it does on its way, and what it leaves."""
import contextlib
import json
import os
import pty
import re
import signal
import subprocess

import pytest
from harness import playlists, programs
from harness.programs import children, fingerprint, wait_until

OPTIONS = ("--preset", 12, "--segment-seconds", 1)


@pytest.fixture(scope="module")
def film(clip):
    return clip("film").path


@pytest.fixture(scope="module")
def wanted(presentation):
    return fingerprint(presentation("film"))


@pytest.fixture
def start(build, film, tmp_path):
    """Starts an encode whose temporary folder is the test's own; it ends with the test."""
    started = []
    (tmp_path / "tmp").mkdir()

    def run(output, *options):
        found = programs.Daemon([build.client, "encode", film, output, *OPTIONS, *options], tmp_path / "encode.log",
                                env={"TMPDIR": str(tmp_path / "tmp")})
        started.append(found)
        return found
    yield run
    for encode in started:
        if encode.process.poll() is None:
            encode.kill()


def wait_for_segments(output, n):
    wait_until(lambda: len(list(output.glob("v*/*.m4s"))) >= n, f"{n} segments in {output}", 60)


def child_named(encode, name):
    def look():
        for pid in children(encode.pid):
            with contextlib.suppress(OSError):  # it has ended
                if os.path.basename(os.readlink(f"/proc/{pid}/exe")) == name:
                    return pid
        return None
    return wait_until(look, f"a child {name}", 20)


@pytest.mark.parametrize("victim", ["avspl1t-worker", "avspl1t-coordinator"])
def test_a_child_that_dies_is_started_again(start, wanted, tmp_path, victim):
    output = tmp_path / "out"
    encode = start(output)
    wait_for_segments(output, 2)
    os.kill(child_named(encode, victim), signal.SIGKILL)
    assert encode.process.wait(240) == 0, encode.text()
    assert fingerprint(output) == wanted
    assert list((tmp_path / "tmp").iterdir()) == []


def test_nothing_private_is_left(start, wanted, tmp_path):
    output = tmp_path / "out"
    encode = start(output)
    wait_until(lambda: (output / ".avspl1t").is_dir(), "the private folder", 30)
    assert (output / ".avspl1t").stat().st_mode & 0o777 == 0o700
    assert encode.process.wait(240) == 0, encode.text()
    assert playlists.all_files(output) == set(wanted)
    assert not (output / ".avspl1t").exists()
    assert list((tmp_path / "tmp").iterdir()) == []


def test_results_are_on_stdout_alone(build, clip, tmp_path):
    output = tmp_path / "out"
    done = build.encode(clip("silent").path, output, "--preset", 12)
    assert done.stdout == f"{output}/manifest.m3u8\n"
    # What is there for other coordinators, by a path from here: none of it is for those that encode starts.
    (tmp_path / "ann.token").write_text("a token")
    env = {"AVSPL1T_TOKEN_FILE": "ann.token", "AVSPL1T_TLS_CA": "ann.token", "AVSPL1T_KEYRING_FILE": "keys", "AVSPL1T_HTTP": "nowhere"}
    told = json.loads(build.encode(clip("silent").path, "json", "--preset", 12, "--json", env=env, cwd=tmp_path).stdout)
    assert told["state"] == "finished" and told["percent_complete"] == 100 and told["error"] is None
    assert told["manifest"] == f"{tmp_path}/json/manifest.m3u8" and told["warnings"] == []


def on_a_terminal(args, **env):
    """What a run writes to a terminal of 60 columns."""
    ours, theirs = pty.openpty()
    subprocess.run(["stty", "cols", "60", "rows", "20"], stdin=theirs, check=True)
    process = subprocess.Popen([str(a) for a in args], stdin=theirs, stdout=subprocess.DEVNULL, stderr=theirs,
                               env={**os.environ, "TERM": "xterm", **env})
    os.close(theirs)
    text = b""
    try:
        while piece := os.read(ours, 65536):
            text += piece
    except OSError:  # the last writer has gone
        pass
    os.close(ours)
    assert process.wait(60) == 0, text
    return text.decode()


def test_a_terminal_shows_one_calm_display(build, film, tmp_path):
    text = on_a_terminal([build.client, "encode", film, tmp_path / "out", *OPTIONS], NO_COLOR="1")
    assert re.search(r"\d+ %  \d+ of \d+\+? frames", text), text
    assert re.search(r"encode \d+", text), text
    # Every picture is taken off before the next: up by as many lines as there were.
    for before, n in re.findall(r"((?:[^\x1b]*\r\n)+)\x1b\[(\d+)A\r\x1b\[J", text):
        assert before.count("\n") == int(n), text
    assert "\x1b[1m" not in text and "\x1b[2m" not in text
    assert max(len(line) for line in re.split(r"\r\n|\x1b\[J", text)[:-3]) < 60
    assert re.search(r"avspl1t: \d+ frames in [\d:]+, [\d.]+ fps\r\n$", text), text
    dumb = on_a_terminal([build.client, "encode", film, tmp_path / "dumb", *OPTIONS], TERM="dumb")
    assert "\x1b" not in dumb and re.search(r"avspl1t: \d+ %: ", dumb), dumb


def test_programs_are_found_in_a_folder_named_from_here(build, clip):
    """The media step is started in another folder."""
    done = build.run("probe", clip("silent").path, env={"AVSPL1T_LIBEXEC": os.path.relpath(build.media.parent)})
    assert done.returncode == 0, done.stderr

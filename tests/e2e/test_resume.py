"""`avspl1t encode` that was interrupted: the same command goes on with what is done, and ends with the same bytes."""
import contextlib
import os
import pathlib
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time

import pytest
from harness import programs
from harness.programs import children, fingerprint, wait_for_end_of, wait_until

OPTIONS = ("--preset", 12, "--segment-seconds", 1, "--slots", 1)
STATE = ".avspl1t"


@pytest.fixture(scope="module")
def film(clip):
    return clip("film").path


@pytest.fixture(scope="module")
def wanted(presentation):
    return fingerprint(presentation("film"))


class Runs:
    """Runs of `encode`, each with a log of its own, and a temporary folder where nothing may stay."""

    def __init__(self, build, folder):
        self.build = build
        self.folder = folder
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.env = {"TMPDIR": str(self.temporary)}
        self.started = []
        self.logs = []

    def options(self, options):
        self.logs.append(self.folder / f"log{len(self.logs)}")
        return (*OPTIONS, "--log", self.logs[-1], *options)

    def start(self, source, output, *options):
        args = [self.build.client, "encode", source, output, *self.options(options)]
        self.started.append(programs.Daemon(args, self.folder / f"encode{len(self.started)}.log", env=self.env))
        return self.started[-1]

    def run(self, source, output, *options):
        return self.build.run("encode", source, output, *self.options(options), env=self.env)

    def database(self, output):
        """Of an encode that was interrupted."""
        (found,) = pathlib.Path(self.env.get("XDG_STATE_HOME", output / STATE)).rglob("jobs.db")
        return found

    def tasks(self, event, kind="encode", run=-1):
        """Ids of tasks, in order, of which a run's worker said this."""
        if not self.logs[run].exists():
            return []
        return re.findall(rf"event=task\.{event} task=(\S+) kind={kind}\b", self.logs[run].read_text())

    def close(self):
        for encode in self.started:
            if encode.process.poll() is None:
                encode.kill()


@pytest.fixture
def runs(build, tmp_path):
    found = Runs(build, tmp_path)
    yield found
    found.close()


def wait_for_encodes(runs, n):
    """So many are done, and the client has told that there is something to go on with."""
    wait_until(lambda: len(runs.tasks("done")) >= n and " %: " in runs.started[-1].text(), f"{n} encodes", 60)


def tasks_done(database):
    """Ids of encodes that a database has as done. It is read from a copy: whoever goes on finds it as it was left."""
    with tempfile.TemporaryDirectory() as folder:
        for file in database.parent.glob(f"{database.name}*"):
            shutil.copy(file, folder)
        with contextlib.closing(sqlite3.connect(pathlib.Path(folder) / database.name)) as db:
            return [task for (task,) in db.execute("SELECT id FROM tasks WHERE kind = 2 AND state = 3")]


def goes_on(runs, source, output, wanted, *options):
    """The next run ends with the bytes that are wanted, and does nothing again that an earlier one had done."""
    # By the record: of what was done last, the worker may have had no time to say so in its log.
    done = set(tasks_done(runs.database(output)))
    begun = {task for i in range(len(runs.logs)) for task in runs.tasks("claimed", run=i)} - done
    again = runs.run(source, output, *options)
    assert again.returncode == 0, again.stderr
    assert "going on" in again.stderr
    assert fingerprint(output) == wanted
    claimed = runs.tasks("claimed")
    assert not done & set(claimed), "encoded again"
    # What the dead worker had is claimed at once, not once its lease has run out.
    assert not begun or claimed[0] in begun, f"{begun} was not at hand: {claimed}"
    assert list(runs.temporary.iterdir()) == []


def test_after_an_interrupt(runs, film, wanted, tmp_path):
    output = tmp_path / "out"
    encode = runs.start(film, output)
    wait_for_encodes(runs, 2)
    below = children(encode.pid)
    encode.process.send_signal(signal.SIGINT)
    assert encode.process.wait(30) == 1, encode.text()
    wait_for_end_of(below)
    assert re.search(r"interrupted at \d+ %: the same command goes on from there; --restart begins anew\n$", encode.text())
    assert not (output / "manifest.m3u8").exists() and (output / STATE).stat().st_mode & 0o777 == 0o700
    goes_on(runs, film, output, wanted)


@pytest.mark.full
def test_a_part_with_subtitles_beside_it(runs, film, tmp_path):
    """Of another part, or with other subtitles, nothing goes on."""
    words = tmp_path / "words.srt"
    words.write_text("1\n00:00:01,000 --> 00:00:03,000\nacross the begin\n\n2\n00:00:04,000 --> 00:00:05,000\nwithin\n")
    options = ("--start", "2", "--end", "9.5", "--subtitle", f"{words}:en")
    assert runs.run(film, tmp_path / "whole", *options).returncode == 0
    output = tmp_path / "out"
    encode = runs.start(film, output, *options)
    wait_for_encodes(runs, 2)
    encode.process.send_signal(signal.SIGINT)
    assert encode.process.wait(30) == 1, encode.text()
    for other, said in (((*options[:3], "9", *options[4:]), "another part (--start 2 --end 9.5)"), (options[:4], "--subtitle")):
        refused = runs.run(film, output, *other)
        assert refused.returncode == 2 and said in refused.stderr, refused.stderr
    goes_on(runs, film, output, fingerprint(tmp_path / "whole"), *options)
    assert "00:00:00.000 --> 00:00:01.000\nacross the begin\n" in next((output / "s0").glob("*.vtt")).read_text()


def test_after_a_crash_of_all(runs, film, wanted, tmp_path):
    output = tmp_path / "out"
    encode = runs.start(film, output)
    wait_for_encodes(runs, 2)
    for pid in [encode.pid, *children(encode.pid)]:
        with contextlib.suppress(ProcessLookupError):  # its parent's end is its own
            os.kill(pid, signal.SIGKILL)
    encode.process.wait(60)
    goes_on(runs, film, output, wanted)


def test_after_a_crash_between_the_result_and_its_record(runs, build, clip, tmp_path):
    source, output = clip("silent").path, tmp_path / "out"
    build.encode(source, tmp_path / "fresh", *OPTIONS)
    encode = runs.start(source, output)
    while not (output / "manifest.m3u8").exists():
        assert encode.process.poll() is None, encode.text()
    encode.kill()
    # Whether it was recorded or not, or even all over: what is there is whole, and the next run says so.
    is_over = not (output / STATE / "identity").exists()
    again = runs.run(source, output)
    assert again.returncode == (2 if is_over else 0), again.stderr
    # Who is killed while he clears up leaves some of what was his own.
    found = {name: digest for name, digest in fingerprint(output).items() if not (is_over and name.startswith(f"{STATE}/"))}
    assert found == fingerprint(tmp_path / "fresh")


def test_interrupted_before_anything_is_done(runs, film, tmp_path):
    encode = runs.start(film, tmp_path / "out")
    wait_until(lambda: (tmp_path / "out" / STATE / "identity").exists(), "the beginning", 20)
    encode.process.send_signal(signal.SIGINT)
    assert encode.process.wait(30) == 1
    if "nothing was left" in encode.text():
        assert not (tmp_path / "out").exists()
    else:  # it was faster than we are
        assert "goes on" in encode.text() and (tmp_path / "out" / STATE).exists()


@pytest.fixture
def interrupted(runs, film, tmp_path):
    """An output folder where a copy of the film was encoded, and that copy."""
    source = tmp_path / "film.mp4"
    os.link(film, source)
    encode = runs.start(source, tmp_path / "out")
    wait_for_encodes(runs, 1)
    encode.process.send_signal(signal.SIGINT)
    assert encode.process.wait(30) == 1, encode.text()
    return source, tmp_path / "out"


def refused(runs, source, output, *options):
    """The one line of a run that does not begin."""
    def there():
        return {name: hash for name, hash in fingerprint(output).items() if name != f"{STATE}/lock"}
    before = there()
    done = runs.run(source, output, *options)
    lines = done.stderr.splitlines()
    assert done.returncode == 2 and len(lines) == 1, done.stderr
    assert str(output) in lines[0] and there() == before
    return lines[0]


def test_only_the_same_goes_on(runs, build, clip, film, interrupted, wanted, tmp_path):
    source, output = interrupted
    for option, kept, value in (("--crf", 30, 20), ("--preset", 12, 13), ("--segment-seconds", 1, 2)):
        line = refused(runs, source, output, option, value)
        assert f"{option} {kept}, not {value}" in line and "--restart" in line, line
    assert "--work" in refused(runs, source, output, "--work", tmp_path / "work")
    assert str(source) in refused(runs, clip("silent").path, output)
    # The same bytes under the same name, and yet not the same file.
    times = source.stat()
    source.unlink()
    source.write_bytes(film.read_bytes())
    line = refused(runs, source, output)
    assert "changed" in line, line
    os.utime(source, ns=(times.st_atime_ns, times.st_mtime_ns))
    goes_on(runs, source, output, wanted, "--slots", 2)


def test_begun_anew(runs, clip, interrupted):
    source, output = interrupted
    fresh = output.with_name("fresh")
    small = clip("silent").path
    assert runs.run(small, fresh).returncode == 0
    done = runs.run(small, output, "--restart")
    assert done.returncode == 0 and "going on" not in done.stderr, done.stderr
    assert fingerprint(output) == fingerprint(fresh)


def test_a_presentation_is_there_until_it_is_replaced(runs, build, clip, film, wanted, tmp_path):
    output = tmp_path / "out"
    build.encode(clip("silent").path, output, "--preset", 13)
    before = fingerprint(output)
    encode = runs.start(film, output, "--overwrite")
    wait_for_encodes(runs, 1)
    encode.process.send_signal(signal.SIGTERM)
    assert encode.process.wait(30) == 1, encode.text()
    assert before.items() <= fingerprint(output).items()
    assert "--overwrite" in refused(runs, film, output)
    goes_on(runs, film, output, wanted, "--overwrite")


def test_two_at_once(runs, film, tmp_path):
    output = tmp_path / "out"
    encode = runs.start(film, output)
    wait_for_encodes(runs, 1)
    with encode.stopped():  # it does not end meanwhile
        second = runs.run(film, output)
        assert second.returncode == 2 and f"process {encode.pid} on {os.uname().nodename}" in second.stderr, second.stderr
    assert encode.process.wait(240) == 0, encode.text()


FULL_DISK = """
mount -t tmpfs -o size=$1 none "$0" || exit 99
shift
"$@"; echo "first: exit $?" >&2
ls -A "$0/out" >&2
mount -o remount,size=64m "$0" || exit 99
"$@"; code=$?
cp -a "$0/out" "$0.copy"
exit $code
"""


def test_after_a_disk_was_full(build, film, wanted, tmp_path):
    mount = tmp_path / "small"
    mount.mkdir()
    size = f"{film.stat().st_size // 1024 + 1500}k"  # for the pieces and what is known of them, hardly more
    # A mount of its own, seen by this run alone.
    done = subprocess.run(["unshare", "--mount", "--map-root-user", "sh", "-c", FULL_DISK, mount, size, build.client, "encode",
                           film, mount / "out", *map(str, OPTIONS)], capture_output=True, text=True, timeout=300)
    if done.returncode == 99 or "unshare" in done.stderr:
        pytest.skip(f"no mount of our own here: {done.stderr}")
    assert done.returncode == 0, done.stderr
    first, second = done.stderr.split("first: exit 1\n")
    assert "No space left on device" in first and "the same command goes on" in first, first
    assert STATE in second and "manifest.m3u8" not in second and "going on" in second, second
    assert fingerprint(mount.with_name("small.copy")) == wanted


NETWORK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

static int disguise(const char *path, struct statfs64 *fs)
{
    const char *share = getenv("SHARE");
    if (share != NULL && strncmp(path, share, strlen(share)) == 0)
        fs->f_type = 0x6969; /* NFS */
    return 0;
}

int statfs64(const char *path, struct statfs64 *fs)
{
    int (*real)(const char *, struct statfs64 *) = dlsym(RTLD_NEXT, "statfs64");
    return real(path, fs) != 0 ? -1 : disguise(path, fs);
}

int fstatfs64(int fd, struct statfs64 *fs)
{
    int (*real)(int, struct statfs64 *) = dlsym(RTLD_NEXT, "fstatfs64");
    char link[64], path[4096] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (readlink(link, path, sizeof path - 1) < 0 || real(fd, fs) != 0)
        return -1;
    return disguise(path, fs);
}
"""


def test_on_a_network_file_system(runs, film, wanted, tmp_path):
    """It can hold no database: that is in the user's state folder then."""
    shim = tmp_path / "network.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", shim, "-xc", "-"], input=NETWORK, text=True, check=True)
    home = tmp_path / "state"
    output = tmp_path / "share/out"
    runs.env |= {"LD_PRELOAD": str(shim), "SHARE": str(tmp_path / "share"), "XDG_STATE_HOME": str(home)}
    encode = runs.start(film, output)
    wait_for_encodes(runs, 1)
    assert not list(output.rglob("jobs.db")) and len(list(home.rglob("jobs.db"))) == 1
    encode.kill()
    goes_on(runs, film, output, wanted)
    assert list((home / "avspl1t").iterdir()) == []
    # Where the state is gone there is nothing to go on with.
    encode = runs.start(film, output, "--overwrite")
    wait_for_encodes(runs, 1)
    encode.kill()
    subprocess.run(["rm", "-r", home], check=True)
    done = runs.run(film, output, "--overwrite")
    assert done.returncode == 2 and str(home) in done.stderr and "--restart" in done.stderr, done.stderr


@pytest.mark.full
@pytest.mark.parametrize("seed", range(3))
def test_killed_again_and_again(runs, film, wanted, tmp_path, seed):
    """One process or all of them, at any moment, also while it begins and while it ends."""
    dice = random.Random(seed)
    print(f"seed {seed}")
    output = tmp_path / "out"
    for _ in range(25):
        encode = runs.start(film, output)
        time.sleep(dice.uniform(0.05, 1.2))
        for _ in range(dice.choice((0, 0, 1))):  # one of its programs first: it is started again
            victims = children(encode.pid)
            if victims:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(dice.choice(victims), signal.SIGKILL)
            time.sleep(dice.uniform(0, 0.5))
        how = dice.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGINT))
        everyone = [encode.pid, *children(encode.pid)] if how == signal.SIGKILL and dice.random() < 0.5 else [encode.pid]
        for pid in everyone:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, how)
        status = encode.process.wait(60)
        # Ctrl-C ends a program that has not yet come so far as to take signals, like any other.
        assert status in (0, 1, -signal.SIGKILL) or (status == -signal.SIGINT and encode.text() == ""), encode.text()
        if (output / "manifest.m3u8").exists() and not (output / STATE).exists():
            break
    else:
        assert runs.run(film, output).returncode == 0
    assert fingerprint(output) == wanted
    done = set()
    for i in range(len(runs.logs)):
        assert not done & set(runs.tasks("claimed", run=i)), "encoded again"
        done |= set(runs.tasks("done", run=i))
    wait_until(lambda: list(runs.temporary.iterdir()) == [], "an empty temporary folder", 5)

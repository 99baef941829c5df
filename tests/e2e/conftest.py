"""Fixtures of the suites of whole programs. Run by script/test; AVSPL1T_BUILD names the build folder."""
import fcntl
import os
import pathlib
import shutil
import signal
import sys

import pytest
from harness import clips, programs

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
import radosgw  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true", help="also the long tests")


def pytest_configure(config):
    config.addinivalue_line("markers", "full: only with --full")
    # Our programs go on ignoring what they were started to ignore; behind a script's "&" or nohup, that would be all of them.
    for ignored in (signal.SIGHUP, signal.SIGINT):
        if signal.getsignal(ignored) == signal.SIG_IGN:
            signal.signal(ignored, signal.SIG_DFL)


@pytest.hookimpl(tryfirst=True)  # before xdist looks at the groups
def pytest_collection_modifyitems(config, items):
    if not config.getoption("--full"):
        # Deselected, not skipped: a run reports what it set out to do.
        long = [i for i in items if i.get_closest_marker("full")]
        config.hook.pytest_deselected(items=long)
        items[:] = [i for i in items if i not in long]
    # Where several processes share the tests (pytest-xdist), those of a module that has fixtures of its own stay together, so that
    # these are made once, and so do those of the S3 server. The others are dealt out one by one, after them: all end together.
    of_its_own = {i.module for i in items if "module" in {f[-1].scope for f in i._fixtureinfo.name2fixturedefs.values()}}
    for item in items:
        if "s3" in item.fixturenames:
            item.add_marker(pytest.mark.xdist_group("s3"))
        elif item.module in of_its_own:
            item.add_marker(pytest.mark.xdist_group(item.module.__name__))
    items.sort(key=lambda i: i.get_closest_marker("xdist_group") is None)


@pytest.fixture(scope="session")
def build():
    return programs.Build(os.environ.get("AVSPL1T_BUILD", ROOT / "build"))


@pytest.fixture(scope="session")
def sanitized_build():
    return programs.Build(os.environ.get("AVSPL1T_BUILD_SAN", ROOT / "build-san"))


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """once(name, make): the folder where make(folder) has put something, once a run for all of its processes. Read only."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "once"
    shared.mkdir(exist_ok=True)

    def get(name, make):
        folder = shared / name
        with open(shared / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (shared / f"{name}.made").exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                make(folder)
                (shared / f"{name}.made").touch()
        return folder
    return get


@pytest.fixture(scope="session")
def clip(once):
    """Makes a clip once a run: clip("open-gop")."""
    def get(name):
        return clips.Clip(name, once(f"clip-{name}", lambda folder: clips.Clip(name, folder)))
    return get


# Presentations of more than one picture: (clip, options).
LADDERS = {
    "ladder": ("tracks", ["--segment-seconds", 1, "--ladder", "180,90", "--dash"]),
    "hdr": ("hdr10", ["--segment-seconds", 1, "--ladder", "108,72", "--hdr", "both", "--dash"]),
}


@pytest.fixture(scope="session")
def presentation(build, clip, once):
    """The presentation that `avspl1t encode` makes of a clip, or of LADDERS, once a run. Read only."""
    def get(name):
        of, options = LADDERS.get(name, (name, []))
        source = clip(of)

        def make(folder):
            build.encode(source.path, folder / name, "--preset", 12, *(options or ["--segment-seconds", source.segment_seconds]))
        return once(f"presentation-{name}", make) / name
    return get


@pytest.fixture(scope="session")
def s3():
    """An S3 server, once a session; its tests are one group, so there is one."""
    with radosgw.Server() as server:
        yield server


@pytest.fixture
def farm(build, tmp_path):
    started = programs.Farm(build, tmp_path)
    yield started
    started.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """The daemons' logs stand beside a failure."""
    outcome = yield
    started = getattr(item, "funcargs", {}).get("farm")
    if call.when == "call" and outcome.get_result().failed and started:
        outcome.get_result().sections.append(("daemons", started.logs()))

"""Fixtures of the suites of whole programs. Run by script/test; AVSPL1T_BUILD names the build folder."""
import os
import pathlib
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


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--full"):
        # Deselected, not skipped: a run reports what it set out to do.
        long = [i for i in items if i.get_closest_marker("full")]
        config.hook.pytest_deselected(items=long)
        items[:] = [i for i in items if i not in long]


@pytest.fixture(scope="session")
def build():
    return programs.Build(os.environ.get("AVSPL1T_BUILD", ROOT / "build"))


@pytest.fixture(scope="session")
def sanitized_build():
    return programs.Build(os.environ.get("AVSPL1T_BUILD_SAN", ROOT / "build-san"))


@pytest.fixture(scope="session")
def clip(tmp_path_factory):
    """Makes a clip once a session: clip("open-gop")."""
    folder = tmp_path_factory.mktemp("clips")
    made = {}

    def get(name):
        if name not in made:
            made[name] = clips.Clip(name, folder)
        return made[name]
    return get


# Presentations of more than one picture: (clip, options).
LADDERS = {
    "ladder": ("tracks", ["--segment-seconds", 1, "--ladder", "180,90", "--dash"]),
    "hdr": ("hdr10", ["--segment-seconds", 1, "--ladder", "108,72", "--hdr", "both", "--dash"]),
}


@pytest.fixture(scope="session")
def presentation(build, clip, tmp_path_factory):
    """The presentation that `avspl1t encode` makes of a clip, or of LADDERS, once a session. Read only."""
    folder = tmp_path_factory.mktemp("presentations")
    made = {}

    def get(name):
        if name not in made:
            of, options = LADDERS.get(name, (name, []))
            source = clip(of)
            made[name] = folder / name
            build.encode(source.path, made[name], "--preset", 12, *(options or ["--segment-seconds", source.segment_seconds]))
        return made[name]
    return get


@pytest.fixture(scope="session")
def s3():
    """An S3 server, once a session."""
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

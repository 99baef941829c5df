"""The examples of docs/API.md, as they stand there."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```(\w+) (\w+)\n(.*?)^```$", re.M | re.S)


def examples():
    return {(language, name): code for language, name, code in BLOCK.findall((ROOT / "docs/API.md").read_text())}


@pytest.fixture
def setting(farm, clip, tmp_path):
    """A coordinator with a worker, and a way to make an example's places real."""
    coordinator = farm.coordinator()
    farm.worker(coordinator.address, slots=2)
    films = tmp_path / "films"
    films.mkdir()
    shutil.copy(clip("silent").path, films / "film.mkv")

    def placed(code):
        return code.replace("127.0.0.1:50051", coordinator.address).replace("/films/", f"{films}/")
    placed.films = films
    return placed


def run(command, folder, **env):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL,
                          env={**os.environ, **env})
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_python(setting, tmp_path):
    found = examples()
    (tmp_path / "proto").symlink_to(ROOT / "proto")
    run(["bash", "-ec", found["sh", "stubs"]], tmp_path)
    code = setting("".join(found["python", name] for name in ("submit", "control", "errors")))
    (tmp_path / "example.py").write_text(code)
    said = run([sys.executable, "-B", "example.py"], tmp_path)
    manifest = setting.films / "film.hls/manifest.m3u8"
    assert manifest.exists()
    assert f"{manifest}\n" in said
    assert "av1_encode_job" in said.splitlines()[-1], "the error names no field"


def test_javascript(setting, tmp_path):
    (tmp_path / "proto").symlink_to(ROOT / "proto")
    (tmp_path / "example.js").write_text(setting(examples()["js", "submit"]))
    said = run(["node", "example.js"], tmp_path, NODE_PATH=str(ROOT / "tests/e2e/node_modules"))
    manifest = setting.films / "film-js.hls/manifest.m3u8"
    assert manifest.exists()
    assert said.splitlines()[-1] == f"JOB_STATE_FINISHED {manifest}"

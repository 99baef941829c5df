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
CLIENT = ("connect", "submit", "lists", "control", "events", "drain")


def examples():
    return {(language, name): code for language, name, code in BLOCK.findall((ROOT / "docs/API.md").read_text())}


@pytest.fixture
def setting(farm, clip, tmp_path):
    """A coordinator with a worker, and a way to make an example's places real."""
    coordinator = farm.coordinator()
    films = tmp_path / "films"
    films.mkdir()
    shutil.copy(clip("silent").path, films / "film.mkv")

    def placed(code):
        return code.replace("127.0.0.1:50051", coordinator.address).replace("/films/", f"{films}/")
    placed.films = films
    placed.start_worker = lambda: farm.worker(coordinator.address, slots=2)
    return placed


def run(command, folder, **env):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL,
                          env={**os.environ, **env})
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def run_python(setting, folder, names):
    """The blocks, one after another."""
    found = examples()
    (folder / "proto").symlink_to(ROOT / "proto")
    run(["bash", "-ec", found["sh", "stubs"]], folder)
    (folder / "example.py").write_text(setting("\n".join(found["python", n] for n in names)))
    return run([sys.executable, "-B", "example.py"], folder)


def run_javascript(setting, folder, names):
    """The blocks, and then a call of the function that each defines by its own name."""
    found = examples()
    (folder / "proto").symlink_to(ROOT / "proto")
    code = "".join(found["js", n] for n in names)
    calls = " ".join(f"await {n}();" for n in names if n != "connect")
    (folder / "example.js").write_text(setting(f"{code}(async () => {{ {calls} process.exit(0); }})();\n"))
    return run(["node", "example.js"], folder, NODE_PATH=str(ROOT / "tests/e2e/node_modules"))


def test_python(setting, tmp_path):
    setting.start_worker()
    said = run_python(setting, tmp_path, (*CLIENT, "refused", "errors"))
    manifest = setting.films / "film.hls/manifest.m3u8"
    assert manifest.exists()
    assert f"{manifest}\n" in said
    assert "TASK_KIND_MANIFEST 0 1 worker done\n" in said
    assert said.splitlines()[-1].startswith("av1_encode_job.crf: "), "the error names no field"


def test_javascript(setting, tmp_path):
    setting.start_worker()
    said = run_javascript(setting, tmp_path, (*CLIENT, "errors"))
    manifest = setting.films / "film-js.hls/manifest.m3u8"
    assert manifest.exists()
    assert f"JOB_STATE_FINISHED {manifest}\n" in said
    assert "TASK_KIND_MANIFEST 0 done" in said
    assert "JOB_STATE_PAUSED\n" in said
    assert "JOB_STATE_CANCELED\n" in said
    assert re.fullmatch(r"true av1_encode_job\.crf: .* invalid", said.splitlines()[-1])


def test_a_worker_in_python(setting, tmp_path):
    said = run_python(setting, tmp_path, ("connect", "refused", "worker"))
    assert said.splitlines()[-1] == "['00000-0.m4s']"


def test_a_worker_in_javascript(setting, tmp_path):
    said = run_javascript(setting, tmp_path, ("connect", "worker"))
    assert said.splitlines() == ["false false", "[ '00000-0.m4s' ]", "no playlists here"]


@pytest.mark.parametrize("language, call", [("python", r"coordinator\.{}\b"), ("js", r"call\('{0}'|coordinator\.{0}\b")])
def test_every_method_has_an_example(language, call):
    code = "".join(code for (of, _), code in examples().items() if of == language)
    methods = re.findall(r"^  rpc (\w+)\(", (ROOT / "proto/avspl1t.proto").read_text(), re.M)
    assert len(methods) > 15
    assert [m for m in methods if not re.search(call.format(m), code)] == []

"""The commands that a newcomer runs."""
import pathlib
import re
import subprocess
import urllib.request

import pytest
from harness import media

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(*args, cwd=ROOT, timeout=900):
    return subprocess.run([str(a) for a in args], cwd=cwd, capture_output=True, text=True, timeout=timeout,
                          stdin=subprocess.DEVNULL)


def printed_manifest(done):
    assert done.returncode == 0, done.stdout + done.stderr
    return pathlib.Path(re.search(r"The presentation: (.*)", done.stdout)[1])


def test_demo_on_a_video_and_play(clip, tmp_path):
    source = clip("open-gop").path
    manifest = printed_manifest(run(ROOT / "script/demo", source, "a folder", cwd=tmp_path))
    assert manifest == tmp_path / "a folder/manifest.m3u8"
    assert len(media.times(manifest)) == len(media.times(source))

    play = subprocess.Popen([ROOT / "script/play", manifest.parent, "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        url = re.search(r"http://\S+/", play.stdout.readline())[0]
        assert "<video" in urllib.request.urlopen(url, timeout=20).read().decode()
        assert urllib.request.urlopen(f"{url}manifest.m3u8", timeout=20).read() == manifest.read_bytes()
    finally:
        play.terminate()
        play.wait(20)
        play.stdout.close()


def test_demo_names_a_missing_video(tmp_path):
    done = run(ROOT / "script/demo", "nothing.mp4", cwd=tmp_path)
    assert done.returncode == 2
    assert str(tmp_path / "nothing.mp4") in done.stderr


@pytest.mark.full
def test_demo_from_a_fresh_clone(tmp_path):
    clone = tmp_path / "clone"
    assert run("git", "clone", "-q", ROOT, clone).returncode == 0
    manifest = printed_manifest(run(clone / "script/demo", cwd=clone))
    assert manifest == clone / "demo/clip/manifest.m3u8"
    assert media.probe(manifest, "stream=codec_name", "a:0")[0] == ["aac"]
    assert len(media.times(manifest)) == len(media.times(clone / "demo/clip.mp4"))
    assert run("git", "status", "--porcelain", cwd=clone).stdout == ""


def test_the_layer_check_sees_a_forbidden_edge(tmp_path):
    """The lint's own test: it finds what it is there for."""
    clone = tmp_path / "copy"
    (clone / "script").mkdir(parents=True)
    for name in ("lint", "layers.py"):
        (clone / "script" / name).write_bytes((ROOT / "script" / name).read_bytes())
    faults = {
        "src/core/a.h": '#include "db/store.h"\n',
        "src/core/b.c": "#include <time.h>\n",
        "src/worker/a.c": "#include <libavcodec/avcodec.h>\n",
        "src/client/a.c": "#include <unheard_of.h>\n",
        "src/media/a.c": '#include "source.h"\n',
        "src/elsewhere/a.c": "\n",
        "src/util/a.c": "char *f(char *a) { return strcat(a, a); } // strcpy(a, a) is said, not done\n",
    }
    for name, text in faults.items():
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_text(text)
    done = run("/usr/bin/python3", "-B", clone / "script/lint", "includes", "text", cwd=clone)
    assert done.returncode == 1
    for name in faults:
        assert f"{name}:" in done.stdout, f"{name} passed:\n{done.stdout}"
    assert "strcpy" not in done.stdout


def test_results_are_summed_and_an_empty_suite_fails(tmp_path):
    (tmp_path / "units.json").write_text(
        '{"name": "a", "result": "OK", "stdout": "[  PASSED  ] 3 test(s).\\n", "stderr": ""}\n'
        '{"name": "b", "result": "FAIL", "stdout": "[  PASSED  ] 1 test(s).\\n[  FAILED  ] 2 test(s)\\n"}\n'
        '{"name": "c", "result": "TIMEOUT"}\n')
    (tmp_path / "good.xml").write_text('<testsuites><testsuite tests="5" failures="0" errors="0" skipped="1"/></testsuites>')
    (tmp_path / "none.xml").write_text('<testsuites><testsuite tests="0" failures="0" errors="0" skipped="0"/></testsuites>')
    count = ROOT / "script/count-results"
    good = run(count, tmp_path / "good.xml")
    assert (good.returncode, good.stdout) == (0, "4 passed, 0 failed\n")
    mixed = run(count, tmp_path / "units.json", tmp_path / "good.xml")
    assert (mixed.returncode, mixed.stdout) == (1, "8 passed, 3 failed\n")
    assert run(count, tmp_path / "none.xml").returncode == 1
    assert run(count, tmp_path / "good.xml", tmp_path / "none.xml").returncode == 1
    assert run(count).returncode == 1

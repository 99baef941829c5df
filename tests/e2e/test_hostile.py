"""Hostile files: each costs one attempt and says in one line what it is; nothing that it names is touched. Made by the suite, and
those at hand (AVSPL1T_TEST_MEDIA with bad-dev/)."""
import os
import pathlib

import pytest
from harness import hostile, media, playlists, step, traced
from harness.programs import Size, wait_until

FOLDER = os.environ.get("AVSPL1T_TEST_MEDIA")
ANY = hostile.ANY
DAMAGED, NO_MEDIA, SCRIPT = ["damaged"], ["no demuxer recognises it"], ["never followed"]
# Those at hand: words of the refusal; None for one that plays. What is not named here may end in either way.
AT_HAND = {
    "concat_neighbour.mp4": SCRIPT, "other_path.ffconcat": SCRIPT, "playlist_file_passwd.m3u8": SCRIPT,
    "playlist_neighbour.m3u8": SCRIPT, "playlist_renamed.mp4": SCRIPT, "playlist_ssrf.m3u8": SCRIPT,
    "meta.ffmeta": ["a text about another file"], "stream.sdp": ["SDP", "never opened"],
    "random_bytes.mp4": NO_MEDIA, "text_renamed.mp4": NO_MEDIA, "zero_byte.mp4": ["empty"],
    "fuzz_00.mp4": DAMAGED, "fuzz_04.mp4": DAMAGED, "fuzz_06.mp4": DAMAGED, "fuzz_08.mp4": DAMAGED,
    "huge_dims.y4m": ["sizes that no video has"], "huge_stsz_count.mp4": DAMAGED, "truncated_no_moov.mp4": DAMAGED,
    "invalid_chunk_out_of_range.mp4": DAMAGED, "malformed_free_box.mp4": DAMAGED, "vp9_invalid_bitstream.webm": DAMAGED,
    "unsupported_codec_vvc.mp4": ["H.266/VVC"], "encrypted_cenc.mp4": ["encrypted"],
    "broadcast_loss_1080i_4eac3_dvbsub.ts": None, "corrupt_middle_h264.mp4": None, "decord_corrupted.mp4": None,
    "frame%03d.mp4": None, "huge_dims_container.mp4": None, "huge_stts_delta.mp4": None,
    "invalid_elst_entry_count.mp4": None, "invalid_nalu.mp4": None, "lies_duration_143165s.mp4": None,
    "te[s]t_ video ' _ .flv": None, "truncated_mdat_faststart.mp4": None, "ts_pts_wrap_33bit.ts": None,
}
# Several segments of larger pictures each.
SLOW = {"broadcast_loss_1080i_4eac3_dvbsub.ts", "corrupt_middle_h264.mp4", "frame%03d.mp4", "huge_dims_container.mp4",
        "reschange_640x360_to_640x480.ts", "truncated_mdat_faststart.mp4", "ts_pts_wrap_33bit.ts"}


def files_at_hand():
    folder = pathlib.Path(FOLDER or "/nonexistent") / "bad-dev"
    return sorted(folder.iterdir()) if folder.is_dir() else []


def assert_one_clear_line(name, text, words):
    assert text and "\n" not in text and len(text) < 500, f"{name}: {text!r}"
    for word in words:
        assert word in text, f"{name}: no {word!r} in: {text}"


@pytest.mark.parametrize("name", [n for n, (_, words) in hostile.FILES.items() if words not in (None, ANY)])
def test_a_bomb_is_refused_with_little_memory_and_time(build, tmp_path, name):
    work = tmp_path / "work"
    work.mkdir()
    result = step.split(build, hostile.make(name, tmp_path), work, 192 << 20)
    assert (result.verb, result.status) == ("failed", 1), vars(result)
    assert result.fields["code"] in ("corrupt", "unsupported"), "a retry cannot help"
    assert_one_clear_line(name, result.fields["text"], hostile.FILES[name][1])
    assert result.cpu_s < 2 and result.rss_kib < 200 << 10, vars(result)
    assert list(work.iterdir()) == []


def test_the_client_says_what_it_is(build, tmp_path):
    source = hostile.make("playlist", tmp_path)
    for command in (["probe", source], ["encode", source, tmp_path / "out"]):
        done = build.run(*command)
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done
        assert "playlist" in done.stderr and str(source) in done.stderr, done.stderr
    assert not (tmp_path / "out").exists()


def take_all(farm, coordinator, worker, jobs, seconds):
    """Waits for the end of every job, and checks it."""
    for name, (job, output, words) in jobs.items():
        status = farm.wait_over(coordinator.address, job, seconds)
        assert worker.process.poll() is None, f"{name} ended the worker:\n{worker.text()[-4000:]}"
        if status["state"] == "finished":
            assert words in (None, ANY), f"{name} was encoded"
            assert media.times(output / "manifest.m3u8"), name
            playlists.read(output / "manifest.m3u8")
        else:
            assert status["state"] == "failed" and words is not None, f"{name}: {status}"
            assert_one_clear_line(name, status["error"]["message"] if isinstance(status["error"], dict) else status["error"],
                                  [] if words is ANY else words)


def submit_all(farm, coordinator, sources, folder, ladder):
    """@param ladder  of how many jobs one is to make a ladder"""
    jobs = {}
    for i, (source, words) in enumerate(sources):
        output = folder / source.name
        options = ["--ladder", "auto"] if i % ladder == 0 else []
        jobs[source.name] = (farm.submit(coordinator.address, source, output, "--preset", 13, *options), output, words)
    return jobs


def sources_for(tmp_path, slow):
    made = tmp_path / "made"
    made.mkdir()
    for name, (_, words) in hostile.FILES.items():
        yield hostile.make(name, made), words
    for path in files_at_hand():
        if slow or path.name not in SLOW:
            yield path, AT_HAND.get(path.name, ANY)


@pytest.mark.parametrize("line", [
    'openat(AT_FDCWD, "/etc/passwd", O_RDONLY) = 5', 'openat(AT_FDCWD, "../x", O_WRONLY|O_CREAT|O_EXCL, 0644) = 5',
    'openat(AT_FDCWD, "x", O_WRONLY|O_CREAT|O_TRUNC, 0644) = 5', 'socket(AF_INET, SOCK_STREAM, IPPROTO_IP <unfinished ...>',
    'execve("/bin/sh", ["sh"], 0x7ffd) = 0', 'clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD) = 12', 'kill(1, SIGTERM) = 0',
    'rename("a", "b") = 0', 'unlink("/tmp/x") = 0', 'newfstatat(AT_FDCWD, "/etc/shadow", {st_mode=S_IFREG}, 0) = 0',
])
def test_a_trace_tells(tmp_path, line):
    trace = tmp_path / "trace"
    harmless = ['seccomp(SECCOMP_SET_MODE_FILTER, 0, {len=1, filter=0x7f}) = 0', 'openat(AT_FDCWD, "/proc/cpuinfo", O_RDONLY) = -1 EACCES',
                'openat(AT_FDCWD, "v0.piece", O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0644) = 5']
    trace.write_text("".join(f"7 {text}\n" for text in [line, *harmless]))
    assert traced.offences(trace) == [], "before it is closed anything goes"
    trace.write_text("".join(f"7 {text}\n" for text in [*harmless, line]))
    assert traced.offences(trace) == [f"7 {line}"]


# In the plain run every second one goes through a ladder; in the full one all do, with little memory.
@pytest.mark.parametrize("slow, ladder, data_kib", [
    pytest.param(False, 2, None, id="quick"), pytest.param(True, 1000, None, marks=pytest.mark.full, id="all"),
    pytest.param(True, 1, 1536 << 10, marks=pytest.mark.full, id="all-through-the-ladder")])
def test_one_worker_takes_them_all_in_a_row(farm, tmp_path, slow, ladder, data_kib):
    libexec, traces = traced.wrap(farm.build, tmp_path, data_kib)
    coordinator = farm.coordinator("--max-attempts", 1)
    worker = farm.worker(coordinator.address, slots=2, env={"AVSPL1T_LIBEXEC": str(libexec)})
    sources = list(sources_for(tmp_path, slow))
    jobs = {}
    for half in (sources[:len(sources) // 2], sources[len(sources) // 2:]):
        before = Size(worker)  # what counts is the growth over the second half
        jobs |= (submitted := submit_all(farm, coordinator, half, tmp_path / "out", ladder))
        take_all(farm, coordinator, worker, submitted, 600)
    before.check_growth(kib=16384)
    for name, (_, output, words) in jobs.items():
        if words not in (None, ANY):
            wait_until(lambda out=output: not playlists.all_files(out), f"nothing left of {name}", 30)
    assert worker.stop() == 0
    assert playlists.all_files(worker.work) <= {"lock"}
    found = [traced.offences(trace) for trace in traces.iterdir()]
    assert len(found) >= len(jobs) and None not in found, "every step closed its sandbox"
    assert not any(found), next(filter(None, found))

"""Whole jobs with AddressSanitizer (leaks too) and UndefinedBehaviorSanitizer; no growth over many tasks."""
import pytest
from harness import clips, media, playlists, programs
from harness.programs import SANITIZER, fingerprint, n_descriptors, rss_kib, wait_until


@pytest.mark.parametrize("name", ["open-gop", pytest.param("odd-size", marks=pytest.mark.full),
                                  pytest.param("ten-bit", marks=pytest.mark.full),
                                  pytest.param("edit-list", marks=pytest.mark.full)])
def test_a_whole_job_is_clean_and_has_the_same_bytes(sanitized_build, presentation, clip, tmp_path, name):
    source = clip(name)
    reports = tmp_path / "reports"
    reports.mkdir()
    sanitized_build.encode(source.path, tmp_path / "out", "--preset", 12, "--segment-seconds", source.segment_seconds,
                           env={"ASAN_OPTIONS": f"log_path={reports}/asan", "UBSAN_OPTIONS": f"log_path={reports}/ubsan"})
    assert [p.read_text() for p in reports.iterdir()] == []
    assert fingerprint(tmp_path / "out") == fingerprint(presentation(name))


def test_daemons_by_hand_are_clean(sanitized_build, clip, tmp_path):
    farm = programs.Farm(sanitized_build, tmp_path)
    try:
        coordinator = farm.coordinator()
        worker = farm.worker(coordinator.address)
        job = farm.submit(coordinator.address, clip("silent").path, tmp_path / "out", "--preset", 12)
        assert farm.wait_over(coordinator.address, job)["state"] == "finished", farm.logs()
        for daemon in (worker, coordinator):
            assert daemon.stop() == 0, daemon.text()[-6000:]
            assert not SANITIZER.search(daemon.text()), daemon.text()[-6000:]
    finally:
        farm.close()


def test_a_worker_does_not_grow_over_200_tasks(farm, tmp_path):
    source = tmp_path / "many.mp4"
    clips.ffmpeg(*clips.picture(size="64x64", rate=5, seconds=220), *clips.x264(*clips.fixed_gop(5)), source)
    coordinator = farm.coordinator()
    worker = farm.worker(coordinator.address, slots=2)
    output = tmp_path / "out"
    job = farm.submit(coordinator.address, source, output, "--preset", 12, "--segment-seconds", 1)

    def state():
        return {d.args[0]: (rss_kib(d.pid), n_descriptors(d.pid)) for d in (coordinator, worker)}

    wait_until(lambda: len(list(output.glob("v0/*.m4s"))) >= 20, "20 tasks", 120)
    early = state()
    wait_until(lambda: len(list(output.glob("v0/*.m4s"))) >= 215, "215 tasks", 600)
    late = state()
    for program, (rss, n_fds) in late.items():
        assert rss < early[program][0] + 4096, f"{program}: {early} then {late} KiB and descriptors"
        assert n_fds <= early[program][1] + 4, f"{program}: {early} then {late} KiB and descriptors"
    assert farm.wait_over(coordinator.address, job, 60)["state"] == "finished"
    assert len(media.times(output / "manifest.m3u8")) == len(media.times(source))
    playlists.check(playlists.read(output / "manifest.m3u8"))

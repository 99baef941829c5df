"""Whole jobs with AddressSanitizer (leaks too) and UndefinedBehaviorSanitizer; no growth over many tasks."""
import pytest
from harness import clips, media, playlists, programs
from harness.programs import SANITIZER, Size, fingerprint


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
    coordinator = farm.coordinator()
    worker = farm.worker(coordinator.address, slots=2)

    def do(seconds):
        """A job of as many pieces, to its end."""
        source, output = tmp_path / f"{seconds}.mp4", tmp_path / f"out{seconds}"
        clips.ffmpeg(*clips.picture(size="64x64", rate=5, seconds=seconds), *clips.x264(*clips.fixed_gop(5)), source)
        job = farm.submit(coordinator.address, source, output, "--preset", 12, "--segment-seconds", 1)
        assert farm.wait_over(coordinator.address, job, 600)["state"] == "finished", farm.logs()
        assert len(list(output.glob("v0/*.m4s"))) == seconds
        return source, output

    do(20)
    early = Size(coordinator, worker)
    source, output = do(200)
    early.check_growth(kib=4096)
    assert len(media.times(output / "manifest.m3u8")) == len(media.times(source))
    playlists.check(playlists.read(output / "manifest.m3u8"))

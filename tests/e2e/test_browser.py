"""What we make plays in a browser: headless Chromium with hls.js."""
import pytest
from harness import media, playlists
from harness.browser import Browser, Server


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    started = Browser(tmp_path_factory.mktemp("browser"))
    yield started
    started.close()


# The last two: a first and a last frame that are shown for several segments.
@pytest.mark.parametrize("name", ["open-gop", "vfr", "silent", "late-picture", "long-sound"])
def test_plays_from_start_to_end(name, clip, presentation, browser):
    folder = presentation(name)
    found = playlists.read(folder / "manifest.m3u8")
    n_frames = len(media.times(clip(name).path))
    server = Server(folder)
    try:
        browser.open(f"{server.url}/.test/player.html")
        state = browser.evaluate("await load(args[0]); return await bufferAll()", f"{server.url}/manifest.m3u8")
        end = float(sum(found.video.extinf))
        assert len(state["ranges"]) == 1, state
        assert state["ranges"][0][0] == 0, state
        assert abs(state["ranges"][0][1] - end) < 0.05, f"{state} for {end}"
        assert abs(state["duration"] - end) < 0.05, f"{state} for {end}"
        assert f"{state['width']}x{state['height']}" == found.variants[0]["RESOLUTION"]

        # Every frame goes through the decoder; how many of them are in time for a screen depends on the machine.
        played = browser.evaluate("return await playThrough(args[0])", 3 * end + 20)
        assert played["total"] == n_frames, played
        assert played["corrupted"] == 0, played

        begins = [sum(found.video.extinf[:i]) for i in range(len(found.video.extinf))]
        for begin, duration in zip(begins, found.video.extinf):
            middle = float(begin + duration / 2)
            seek = browser.evaluate("return await seekTo(args[0])", middle)
            assert abs(seek["at"] - middle) < 0.001, seek
            assert seek["mediaTime"] is not None, f"no frame at {middle}: {seek}"
            assert float(begin) - 0.001 <= seek["mediaTime"] <= middle + 0.001, f"{seek} in the segment at {float(begin)}"

        assert browser.evaluate("return errors") == []
    finally:
        browser.open("about:blank")
        server.close()


def test_plays_sound_alone(presentation, browser):
    folder = presentation("song")
    end = float(sum(playlists.read(folder / "manifest.m3u8").sound.extinf))
    server = Server(folder)
    try:
        browser.open(f"{server.url}/.test/player.html")
        state = browser.evaluate("await load(args[0]); return await bufferAll()", f"{server.url}/manifest.m3u8")
        assert len(state["ranges"]) == 1 and state["ranges"][0][0] == 0, state
        assert abs(state["ranges"][0][1] - end) < 0.05 and abs(state["duration"] - end) < 0.05, f"{state} for {end}"
        played = browser.evaluate("return await playThrough(args[0])", 3 * end + 20)
        assert abs(played["ended"] - end) < 0.05, played
        assert browser.evaluate("return errors") == []
    finally:
        browser.open("about:blank")
        server.close()

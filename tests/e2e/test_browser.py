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


def is_needless(error):
    """A request that a switch makes needless is aborted."""
    return error.startswith("networkError aborted fatal=false ")


@pytest.mark.parametrize("name", ["ladder", pytest.param("tracks", marks=pytest.mark.full)])
def test_switches_sound_and_text(name, presentation, browser):
    folder = presentation(name)
    found = playlists.read(folder / "manifest.m3u8")
    end = float(sum(found.video.extinf))
    server = Server(folder)
    try:
        browser.open(f"{server.url}/.test/player.html")
        browser.evaluate("await load(args[0])", f"{server.url}/manifest.m3u8")
        # Back and forth, stereo to 5.1 to mono, at another place each time.
        for i, at in [(1, 3), (2, 1), (0, 4), (4, 0.5), (3, 2)]:
            state = browser.evaluate("return await switchSound(args[0], args[1])", i, at)
            assert state["name"] == found.audio[i]["NAME"], state
        for i in [1, 0, 1]:
            cues = playlists.cues(found.media[found.subtitles[i]["URI"]])
            shown = browser.evaluate("return await switchText(args[0])", i)
            assert [(a, b) for a, b, _ in shown] == [(a, b) for a, b, _, _ in cues], shown
            assert [text for _, _, text in shown] == [text for _, _, _, text in cues], shown
        state = browser.evaluate("return await bufferAll()")
        assert len(state["ranges"]) == 1 and abs(state["ranges"][0][1] - end) < 0.1, state
        assert [e for e in browser.evaluate("return errors") if not is_needless(e)] == []
    finally:
        browser.open("about:blank")
        server.close()


PLAYERS = {"hls.js": "load", "shaka": "loadShaka"}


@pytest.mark.parametrize("player, entrance", [
    ("hls.js", "manifest.m3u8"), ("shaka", "manifest.mpd"), pytest.param("shaka", "manifest.m3u8", marks=pytest.mark.full)])
def test_switches_rungs_every_second(player, entrance, clip, presentation, browser):
    """Segments of one second, each wanted from another rung than the one before: all of it plays, and nothing is missing where they meet."""
    folder = presentation("ladder")
    found = playlists.read(folder / "manifest.m3u8")
    end = float(sum(found.video.extinf))
    server = Server(folder)
    try:
        browser.open(f"{server.url}/.test/player.html")
        state = browser.evaluate(f"await {PLAYERS[player]}(args[0], true); return await bufferAll()", f"{server.url}/{entrance}")
        assert len(state["ranges"]) == 1 and state["ranges"][0][0] < 0.001, state
        assert abs(state["ranges"][0][1] - end) < 0.05, f"{state} for {end}"
        rungs = [path.split("/")[0] for path in server.asked if path.startswith("v") and path.endswith(".m4s")]
        # How early the next segment is asked for, and so how many of them come from another rung, is the player's affair.
        assert sum(a != b for a, b in zip(rungs, rungs[1:])) >= 2, rungs
        played = browser.evaluate("return await playThrough(args[0])", 6 * end + 60)
        assert abs(played["ended"] - end) < 0.05 and played["corrupted"] == 0, played
        # Of a segment that is fetched from two rungs a frame may be decoded twice; what comes too late while a decoder is set up for
        # another size is not counted. That each rung has every frame is another test's.
        assert played["total"] >= len(media.times(clip("tracks").path)) - 2 * len(found.video.files), played
        assert [e for e in browser.evaluate("return errors") if not is_needless(e)] == []
    finally:
        browser.open("about:blank")
        server.close()


def test_hls_js_plays_hdr_and_sdr(presentation, browser):
    """It chooses what the screen is for, and plays either when it is told to: 10 bits of PQ are decoded and seen."""
    folder = presentation("hdr")
    server = Server(folder)
    try:
        for wanted in ("PQ", "SDR"):
            browser.open(f"{server.url}/.test/player.html")
            state = browser.evaluate("await load(args[0]);"
                                     "return { levels: player.levels.map(l => l.videoRange), hdr: matchMedia('(dynamic-range: high)').matches,"
                                     " first: player.levels[player.loadLevel].videoRange }", f"{server.url}/manifest.m3u8")
            assert sorted(state["levels"]) == ["PQ", "PQ", "SDR", "SDR"] and state["first"] == ("PQ" if state["hdr"] else "SDR"), state
            level = max(i for i, r in enumerate(state["levels"]) if r == wanted)
            browser.evaluate("player.currentLevel = args[0]; video.currentTime = 0;"
                             "await until(() => ranges().some(([a, b]) => a < 0.1 && b > 0.9), 'the level', 30)", level)
            seen = browser.evaluate("const seek = await seekTo(0.5); return { ...seek, ...look(), width: video.videoWidth }")
            assert seen["mediaTime"] is not None and seen["width"] == 192 and seen["spread"] > 20, seen
            played = browser.evaluate("return await playThrough(args[0])", 60)
            assert played["total"] >= 40 and played["corrupted"] == 0, played
            assert [e for e in browser.evaluate("return errors") if "fatal=true" in e] == []
    finally:
        browser.open("about:blank")
        server.close()


@pytest.mark.parametrize("entrance", ["manifest.mpd", pytest.param("manifest.m3u8", marks=pytest.mark.full)])
def test_shaka_plays_where_hdr_stands_beside_sdr(entrance, presentation, browser):
    folder = presentation("hdr")
    server = Server(folder)
    try:
        browser.open(f"{server.url}/.test/player.html")
        tracks = browser.evaluate("await loadShaka(args[0]);"
                                  "return player.getVariantTracks().map(t => [t.hdr, t.height, t.active])", f"{server.url}/{entrance}")
        assert {height for _, height, _ in tracks} == {108, 72} and any(active for _, _, active in tracks), tracks
        # What the screen cannot show is left out by the player, and something is left.
        assert {hdr for hdr, _, _ in tracks} <= {"PQ", "SDR", None}, tracks
        played = browser.evaluate("return await playThrough(args[0])", 60)
        assert played["total"] == 75 and played["corrupted"] == 0, played
        assert browser.evaluate("return errors") == []
    finally:
        browser.open("about:blank")
        server.close()


def plays_through(browser, player, folder, entrance, end):
    """One buffered range, and played from its start to its end, without an error."""
    server = Server(folder)
    try:
        browser.open(f"{server.url}/.test/player.html")
        state = browser.evaluate(f"await {PLAYERS[player]}(args[0]); return await bufferAll()", f"{server.url}/{entrance}")
        assert len(state["ranges"]) == 1 and state["ranges"][0][0] == 0, state
        assert abs(state["ranges"][0][1] - end) < 0.05 and abs(state["duration"] - end) < 0.05, f"{state} for {end}"
        played = browser.evaluate("return await playThrough(args[0])", 3 * end + 20)
        assert abs(played["ended"] - end) < 0.05, played
        assert browser.evaluate("return errors") == []
    finally:
        browser.open("about:blank")
        server.close()


def test_plays_sound_alone(presentation, browser):
    folder = presentation("song")
    end = float(sum(playlists.read(folder / "manifest.m3u8").sound.extinf))
    plays_through(browser, "hls.js", folder, "manifest.m3u8", end)


@pytest.fixture(scope="module")
def forms(build, clip, tmp_path_factory):
    """A presentation with AAC as the source has it, and with Opus."""
    out = tmp_path_factory.mktemp("forms") / "out"
    build.encode(clip("open-gop").path, out, "--preset", 13, "--segment-seconds", 2, "--audio-copy", "--opus")
    return out


@pytest.mark.full
@pytest.mark.parametrize("player", ["hls.js", "shaka"])
@pytest.mark.parametrize("group", ["audio", "audio-opus"])
def test_plays_each_form_of_sound(player, group, forms, browser):
    """Each with a multivariant playlist that has nothing else."""
    found = playlists.read(forms / "manifest.m3u8")
    end = float(sum(found.video.extinf))
    kept, lines = True, (forms / "manifest.m3u8").read_text().splitlines(True)
    chosen = []
    for line in lines:
        if line.startswith(("#EXT-X-MEDIA:", "#EXT-X-STREAM-INF")):
            kept = f'GROUP-ID="{group}"' in line or f'AUDIO="{group}"' in line
        if kept:
            chosen.append(line)
        kept |= not line.startswith("#")
    (forms / f"{group}.m3u8").write_text("".join(chosen))
    assert {v["AUDIO"] for v in playlists.read(forms / f"{group}.m3u8").variants} == {group}
    plays_through(browser, player, forms, f"{group}.m3u8", end)

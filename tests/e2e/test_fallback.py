"""--fallback h264: the same renditions once more for devices without AV1, on the same timeline."""
import json
import re
import xml.etree.ElementTree as ET

import pytest
from harness import clips, damage, media, mp4, playlists
from harness.browser import Browser, Server
from harness.programs import fingerprint, started_by, wait_for_end_of, wait_until
from harness.verified import said, verify

OPTIONS = ("--preset", 13, "--segment-seconds", 1, "--ladder", "auto", "--fallback", "h264", "--dash")


@pytest.fixture(scope="module")
def cinema(build, clip, tmp_path_factory):
    """A presentation of a film with sound in 5.1 and in stereo, and two tracks of subtitles."""
    output = tmp_path_factory.mktemp("fallback") / "out"
    build.encode(clip("cinema").path, output, *OPTIONS)
    return output


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    started = Browser(tmp_path_factory.mktemp("browser"))
    yield started
    started.close()


def faults(browser):
    """What the player complained of, but for what it does to itself when it goes to another variant: it aborts requests, and fetches parts again."""
    return [e for e in browser.evaluate("return errors") if not re.search("aborted fatal=false|fatal=false .*coverage", e)]


def rungs_of(found):
    """The variants, each picture once."""
    return list({v["URI"]: v for v in found.variants}.values())


def codec_of(variant):
    return variant["CODECS"][:4]


def test_every_rendition_is_there_twice(build, cinema, clip):
    found = playlists.read(cinema / "manifest.m3u8")
    playlists.check(found)
    # With stereo, and with what else there is.
    groups = list(dict.fromkeys(v["AUDIO"] for v in found.variants))
    assert [(v["AUDIO"], codec_of(v), v["RESOLUTION"]) for v in found.variants] == [
        (group, codec, size) for group in groups for codec in ("av01", "avc1") for size in ("640x360", "426x240")]
    assert len({(v["SUBTITLES"], v["FRAME-RATE"], v["VIDEO-RANGE"]) for v in found.variants}) == 1
    assert "6" in [a["CHANNELS"] for a in found.audio] and len(found.subtitles) == 2
    assert playlists.all_files(cinema) == playlists.named_files(found) | {"manifest.mpd"}
    assert media.warnings(cinema / "manifest.m3u8") == ""
    verified = json.loads(build.run("verify", "--json", cinema).stdout)
    assert verified["findings"] == [], verified
    assert [s["plan"] for s in json.loads(build.run("probe", "--json", *OPTIONS[4:8], clip("cinema").path).stdout)["streams"]][0] == (
        "→ AV1, v0 640x360, v1 426x240; H.264 beside it, v2 640x360, v3 426x240")


def other_height(data):
    """One row of macroblocks less, as a sample entry says it."""
    at = damage.offset_of(data, b"avc1") + 26
    data[at : at + 2] = (int.from_bytes(data[at : at + 2], "big") - 16).to_bytes(2, "big")


@pytest.mark.parametrize("change, rules", [
    (lambda c: c.patch("v2/init.mp4", other_height), {"avc.size"}),
    (lambda c: c.edit("manifest.m3u8", r"(avc1.*RESOLUTION=)640x360", r"\g<1>640x352", 0), {"hls.resolution"}),
    (lambda c: c.edit("manifest.m3u8", r"^#EXT-X-I-FRAME-STREAM-INF.*avc1.*\n", "", 0), {"hls.iframe-missing"}),
    (lambda c: c.edit("manifest.m3u8", r"(^#EXT-X-I-FRAME-STREAM-INF.*),RESOLUTION=[0-9x]+", r"\1"), {"hls.resolution-missing"}),
])
def test_damage_is_called_by_its_name(build, cinema, tmp_path, change, rules):
    copy = damage.Copy(cinema, tmp_path / "copy", iframes=True)
    change(copy)
    result = verify(build, copy.folder, "--fast")
    assert {f["rule"] for f in result["findings"]} == rules, said(result)


def test_every_frame_has_the_same_time_everywhere(cinema, clip):
    found = playlists.read(cinema / "manifest.m3u8")
    lists = [found.media[v["URI"]] for v in rungs_of(found)]
    assert len({m.timescale for m in lists}) == 1
    for of_segment in zip(*(m.files for m in lists)):
        # By our own reading of the boxes; and B-frames are there, or this would show little.
        times = [mp4.shown(f.read_bytes(), m.init) for f, m in zip(of_segment, lists)]
        assert all(sorted(t) == times[0] for t in times), of_segment
        assert times[2] != sorted(times[2]) and times[2][0] == times[0][0]
    wanted = media.source_times(clip("cinema").path)
    for variant in rungs_of(found):
        assert media.relative_times(cinema / variant["URI"]) == wanted
        keys = media.probe(cinema / variant["URI"], "frame=key_frame", "v:0")
        assert [k[0] for k in keys].count("1") == len(lists[0].files)
        if codec_of(variant) == "avc1":
            profile, depth, level = media.probe(cinema / variant["URI"], "stream=profile,pix_fmt,level", "v:0")[0]
            assert (profile, depth, f"avc1.6400{int(level):02x}") == ("High", "yuv420p", variant["CODECS"].split(",")[0])


def test_pictures_are_the_source_s(cinema, clip):
    for name, least in (("v0", 30), ("v2", 30)):
        (playlist,) = (cinema / name).glob("playlist-*.m3u8")
        values = media.psnr_y(clip("cinema").path, playlist)
        assert min(values) > least, (name, min(values))


def test_dash_keeps_the_codecs_apart(cinema):
    sets = ET.parse(cinema / "manifest.mpd").getroot().iterfind(".//{*}AdaptationSet[@contentType='video']")
    assert [[r.get("codecs")[:4] for r in s.iterfind("{*}Representation")] for s in sets] == [["av01"] * 2, ["avc1"] * 2]


def test_a_killed_worker_changes_no_byte(farm, clip, cinema, tmp_path):
    coordinator = farm.coordinator("--lease-seconds", 3)
    victim = farm.worker(coordinator.address, name="victim", slots=1)
    output = tmp_path / "out"
    job = farm.submit(coordinator.address, clip("cinema").path, output, *OPTIONS)
    wait_until(lambda: len(list(output.glob("v3/*.m4s"))) >= 2, "two segments", 60)
    below = started_by(victim)
    victim.kill()
    assert not (output / "manifest.m3u8").exists(), "nothing was left to be killed"
    wait_for_end_of(below)
    # The heir's encoders have other numbers of threads.
    farm.worker(coordinator.address, "--threads", 3, name="heir")
    assert farm.wait_over(coordinator.address, job)["state"] == "finished", farm.logs()
    assert fingerprint(output) == fingerprint(cinema)


def test_plays_with_every_switch(cinema, browser):
    found = playlists.read(cinema / "manifest.m3u8")
    end = float(sum(found.video.extinf))
    server = Server(cinema)
    try:
        browser.open(f"{server.url}/.test/player.html")
        state = browser.evaluate("await load(args[0]); return await bufferAll()", f"{server.url}/manifest.m3u8")
        assert state["ranges"][0][0] == 0 and abs(state["ranges"][0][1] - end) < 0.05, state
        for i in [1, 0]:
            cues = playlists.cues(found.media[found.subtitles[i]["URI"]])
            said = browser.evaluate("return await switchText(args[0])", i)
            assert [(a, b) for a, b, _ in said] == [(a, b) for a, b, _, _ in cues], said
        # A picture of each rendition, found by its size and codec, at places that are known.
        for variant in rungs_of(found):
            size = tuple(map(int, variant["RESOLUTION"].split("x")))
            state = browser.evaluate("return await switchPicture(args[0], args[1])", variant["URI"], 2.52)
            assert (state["width"], state["height"]) == size and abs(state["mediaTime"] - 2.52) < 0.034, (variant, state)
        # Another one each second, and another sound and text with it.
        shown = browser.evaluate("return await playSwitching(args[0])", [v["URI"] for v in rungs_of(found)])
        assert abs(shown["ended"] - end) < 0.05 and shown["corrupted"] == 0 and {c[:4] for c in shown["codecs"]} == {"av01", "avc1"}, shown
        for i, at in [(1, 3), (0, 1)]:
            assert browser.evaluate("return await switchSound(args[0], args[1])", i, at)["name"] == found.audio[i]["NAME"]
        for at in (0.52, 5.02, 3.52):
            seek = browser.evaluate("return await seekTo(args[0])", at)
            assert seek["mediaTime"] is not None and abs(seek["mediaTime"] - at) < 0.034, seek
        assert faults(browser) == []
    finally:
        browser.open("about:blank")
        server.close()


def test_without_av1_the_other_codec_is_taken(cinema, clip, browser):
    server = Server(cinema)
    try:
        browser.open(f"{server.url}/.test/player.html")
        browser.evaluate("withoutCodec('av01')")
        state = browser.evaluate("await load(args[0]); return await bufferAll()", f"{server.url}/manifest.m3u8")
        assert len(state["ranges"]) == 1, state
        assert {c[:4] for c in browser.evaluate("return player.levels.map(l => l.videoCodec)")} == {"avc1"}
        played = browser.evaluate("return await playThrough(60)")
        assert played["total"] == len(media.times(clip("cinema").path)) and played["corrupted"] == 0, played
        assert faults(browser) == []
    finally:
        browser.open("about:blank")
        server.close()


def test_hdr_becomes_sdr_in_8_bits(build, tmp_path):
    source = tmp_path / "hdr.mkv"
    clips.ffmpeg(*clips.picture(rate=25, seconds=1), "-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le", "-x265-params",
                 "log-level=error:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc", source)
    build.encode(source, tmp_path / "out", "--preset", 13, "--fallback", "h264")
    found = playlists.read(tmp_path / "out/manifest.m3u8")
    assert [(codec_of(v), v["VIDEO-RANGE"]) for v in found.variants] == [("av01", "PQ"), ("avc1", "SDR")]
    for variant, wanted in zip(found.variants, (["yuv420p10le", "smpte2084"], ["yuv420p", "bt709"])):
        assert media.probe(tmp_path / "out" / variant["URI"], "stream=pix_fmt,color_transfer", "v:0")[0] == wanted
    # It is said before and after.
    assert "HDR is tone mapped to SDR for H.264" in build.run("probe", "--fallback", "h264", source).stdout


@pytest.mark.parametrize("options,said", [(["--fallback", "hevc"], "is not h264 or none"),
                                          (["--fallback", "h264", "--video-track", "none"], "leave out one of the two")])
def test_what_cannot_be_is_refused(build, clip, tmp_path, options, said):
    done = build.run("encode", clip("silent").path, tmp_path / "out", *options)
    assert done.returncode == 2 and said in done.stderr and not (tmp_path / "out").exists(), done.stderr

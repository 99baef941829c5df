"""--dash: the same presentation for players of MPEG-DASH."""
import xml.etree.ElementTree as ET

import pytest
from harness import media, playlists
from harness.browser import Browser, Server

NS = {"": "urn:mpeg:dash:schema:mpd:2011"}


@pytest.fixture(scope="module")
def dash(build, clip, tmp_path_factory):
    """A presentation of two sizes with sound."""
    out = tmp_path_factory.mktemp("dash") / "out"
    build.encode(clip("clicks").path, out, "--preset", 13, "--segment-seconds", 2, "--ladder", "180,90", "--dash")
    return out


def representations(folder):
    """{id: (names of segments, times as presented in seconds, attributes)}"""
    found = {}
    for representation in ET.parse(folder / "manifest.mpd").getroot().iterfind(".//Representation", NS):
        segments = representation.find("SegmentList", NS)
        scale, at, times = int(segments.get("timescale")), 0, []
        for entry in segments.iterfind("SegmentTimeline/S", NS):
            for _ in range(1 + int(entry.get("r", 0))):
                times.append((at / scale, int(entry.get("d")) / scale))
                at += int(entry.get("d"))
        names = [s.get("media") for s in segments.iterfind("SegmentURL", NS)]
        assert len(names) == len(times)
        found[representation.get("id")] = (segments.find("Initialization", NS).get("sourceURL"), names, times,
                                           representation.attrib)
    return found


def test_the_mpd_and_the_playlists_name_the_same(dash):
    presentation = playlists.read(dash / "manifest.m3u8")
    found = representations(dash)
    assert set(found) == {uri.split("/")[0] for uri in presentation.media} and len(found) == 3
    for uri, playlist in presentation.media.items():
        init, names, times, _ = found[uri.split("/")[0]]
        assert dash / init == playlist.init_file
        assert [dash / n for n in names] == playlist.files
        at = 0
        for (start, length), printed in zip(times, playlist.extinf):
            assert abs(start - at) < 2e-6 and abs(length - float(printed)) < 2e-6
            at += float(printed)
    for variant in presentation.variants:
        attributes = found[variant["URI"].split("/")[0]][3]
        assert f"{attributes['width']}x{attributes['height']}" == variant["RESOLUTION"]
        assert variant["CODECS"].startswith(attributes["codecs"])


@pytest.mark.parametrize("entrance", ["manifest.mpd", pytest.param("manifest.m3u8", marks=pytest.mark.full)])
def test_a_second_player_plays_it(dash, clip, tmp_path, entrance):
    """Shaka Player: every frame, each segment sought, by either entrance."""
    video = playlists.read(dash / "manifest.m3u8").video
    end = float(sum(video.extinf))
    browser, server = Browser(tmp_path), Server(dash)
    try:
        browser.open(f"{server.url}/.test/player.html")
        state = browser.evaluate("await loadShaka(args[0]); return await bufferAll()", f"{server.url}/{entrance}")
        assert len(state["ranges"]) == 1 and state["ranges"][0][0] < 0.001, state
        assert abs(state["ranges"][0][1] - end) < 0.05, f"{state} for {end}"
        played = browser.evaluate("return await playThrough(args[0])", 3 * end + 20)
        assert played["total"] == len(media.times(clip("clicks").path)) and played["corrupted"] == 0, played
        for i in range(len(video.extinf)):
            middle = float(sum(video.extinf[:i]) + video.extinf[i] / 2)
            seek = browser.evaluate("return await seekTo(args[0])", middle)
            assert abs(seek["at"] - middle) < 0.001 and seek["mediaTime"] is not None, seek
        assert browser.evaluate("return errors") == []
    finally:
        browser.close()
        server.close()


def test_a_replaced_presentation_takes_its_mpd_with_it(build, clip, dash, tmp_path):
    out = tmp_path / "out"
    build.encode(clip("silent").path, out, "--preset", 13, "--dash")
    assert (out / "manifest.mpd").exists()
    build.encode(clip("silent").path, out, "--preset", 13, "--overwrite")
    assert not (out / "manifest.mpd").exists()
    # What is not ours to replace stays.
    (tmp_path / "other").mkdir()
    (tmp_path / "other/manifest.mpd").write_text("somebody's")
    build.encode(clip("silent").path, tmp_path / "other", "--preset", 13)
    assert (tmp_path / "other/manifest.mpd").read_text() == "somebody's"


def test_an_mpd_that_is_in_the_way_stops_all_of_it(farm, clip, tmp_path):
    """Nobody sees half of it: no playlist either."""
    coordinator = farm.coordinator()
    farm.worker(coordinator.address)
    out = tmp_path / "out"
    out.mkdir()
    (out / "manifest.mpd").write_text("somebody's")
    job = farm.submit(coordinator.address, clip("silent").path, out, "--preset", 13, "--dash")
    status = farm.wait_over(coordinator.address, job)
    assert status["state"] == "failed" and "manifest.mpd" in status["error"], status
    assert not (out / "manifest.m3u8").exists()
    assert (out / "manifest.mpd").read_text() == "somebody's"

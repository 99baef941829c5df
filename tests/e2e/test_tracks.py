"""Every track of the source arrives, with what is known of it, on one timeline."""
import fractions

from harness import media, playlists

MS = fractions.Fraction(1, 1000)


def test_every_sound(presentation):
    manifest = presentation("tracks") / "manifest.m3u8"
    found = playlists.read(manifest)
    playlists.check(found)
    assert playlists.all_files(manifest.parent) == playlists.named_files(found)
    assert media.warnings(manifest) == ""
    said = [(a["NAME"], a["LANGUAGE"], a["CHANNELS"], a["AUTOSELECT"], a.get("CHARACTERISTICS", "")) for a in found.audio]
    assert said == [
        ("Main 'mix'", "en", "2", "YES", ""),
        ("de", "de", "6", "YES", ""),
        ("fr", "fr", "1", "NO", ""),
        ("Main 'mix' (a3)", "en", "2", "YES", "public.accessibility.describes-video"),
        ("en", "en", "2", "NO", ""),
    ]
    # Clicks are where they were: silence stands for what begins late, has a hole or ends early.
    clicks = {0: range(6), 1: range(2, 6), 2: range(6), 3: range(5), 4: range(6)}
    for i, sound in enumerate(found.audio):
        onsets = media.onsets(*media.samples(manifest.parent / sound["URI"]))
        assert len(onsets) == len(clicks[i]), f"{i}: {[float(o) for o in onsets]}"
        assert all(abs(o - t) < MS for o, t in zip(onsets, clicks[i])), f"{i}: {[float(o) for o in onsets]}"
        assert media.probe(manifest.parent / sound["URI"], "stream=channels", "a:0")[0] == [sound["CHANNELS"]]

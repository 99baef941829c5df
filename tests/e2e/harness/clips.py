"""Clips made by ffmpeg, each with one property that has broken a splitter before."""
import subprocess

PICTURE = "testsrc2=size={size}:rate={rate}:duration={seconds}"
# A tone that moves, so that no stretch of it looks like another.
SOUND = "aevalsrc='0.4*sin(2*PI*(200+60*t)*t)|0.4*sin(2*PI*(300+40*t)*t)':sample_rate={hz}:duration={seconds}"
CLICKS = "aevalsrc='if(lt(mod(t,1),0.01),0.9*sin(2*PI*1500*t),0)':sample_rate=48000"
AAC = ["-c:a", "aac", "-b:a", "96k"]


def x264(*params, preset="veryfast"):
    return ["-c:v", "libx264", "-preset", preset, "-crf", "20", "-pix_fmt", "yuv420p", "-x264-params", ":".join(params)]


def fixed_gop(n):
    return [f"keyint={n}", f"min-keyint={n}", "scenecut=0"]


def ffmpeg(*args, timeout=600):
    done = subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, args)], capture_output=True, text=True,
                          timeout=timeout)
    assert done.returncode == 0, f"ffmpeg {' '.join(map(str, args))}\n{done.stderr}"
    return done


def picture(size="320x180", rate="30000/1001", seconds=8):
    return ["-f", "lavfi", "-i", PICTURE.format(size=size, rate=rate, seconds=seconds)]


def sound(seconds=8, hz=48000):
    return ["-f", "lavfi", "-i", SOUND.format(seconds=seconds, hz=hz)]


def open_gop(path):
    ffmpeg(*picture(), *sound(), *x264("open-gop=1", *fixed_gop(75), "bframes=4", "b-pyramid=normal"), *AAC, path)


def vfr(path):
    # Frames missing and frames late, by ticks of 1/90000.
    ffmpeg(*picture(rate=60), *sound(),
           "-vf", "settb=1/90000,select='not(between(mod(n,17),3,7))+between(n,300,310)',setpts='PTS+mod(N*37,11)*90'",
           "-fps_mode", "passthrough", "-enc_time_base", "1/90000", *x264(*fixed_gop(50), "bframes=3"), *AAC,
           "-video_track_timescale", "90000", path)


def edit_list(path):
    # A cut by stream copy: hidden frames from the keyframe to the cut, then the edit list's start.
    whole = path.with_name("edit-list-whole.mp4")
    ffmpeg(*picture(), *sound(), *x264(*fixed_gop(60), "bframes=3"), *AAC, whole)
    ffmpeg("-ss", "1.3", "-i", whole, "-c", "copy", path)
    whole.unlink()


def rotated(path):
    upright = path.with_name("rotated-upright.mov")
    ffmpeg(*picture(), *x264(*fixed_gop(60), "bframes=2"), upright)
    ffmpeg("-i", upright, "-c", "copy", "-metadata:s:v:0", "rotate=90", path)
    upright.unlink()


def ten_bit(path):
    ffmpeg(*picture(rate=25), *sound(), "-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le",
           "-x265-params", "keyint=50:min-keyint=50:open-gop=1:bframes=3:log-level=error", "-c:a", "libopus", path)


def long_gop(path):
    ffmpeg(*picture(rate=25, seconds=12), *sound(12), *x264(*fixed_gop(250), "bframes=3"), *AAC, path)


def odd_size(path):
    ffmpeg(*picture(rate=24, seconds=6), *sound(6), "-vf", "scale=161:121", "-c:v", "libvpx-vp9", "-deadline", "realtime",
           "-cpu-used", "8", "-g", "48", "-pix_fmt", "yuv420p", "-c:a", "libopus", path)


def av1_source(path):
    ffmpeg(*picture(rate=24, seconds=6), "-c:v", "libsvtav1", "-preset", "12", "-g", "48", path)


def silent(path):
    ffmpeg(*picture(rate=24, seconds=6), *x264(*fixed_gop(48)), path)


def film(path):
    # Long enough to be killed in the middle.
    ffmpeg(*picture(size="640x360", rate=30, seconds=16), *sound(16), *x264("open-gop=1", *fixed_gop(45), "bframes=3"), *AAC,
           path)


def clicks(path):
    # Each second one white frame, and 10 ms of a loud tone that begins with it; the sound is not compressed.
    ffmpeg("-f", "lavfi", "-i", "color=black:size=320x180:rate=30:duration=12",
           "-f", "lavfi", "-i", f"{CLICKS}:duration=12",
           "-vf", "drawbox=color=white:t=fill:enable='eq(mod(n,30),0)'", *x264(*fixed_gop(90)), "-c:a", "pcm_s16le", path)


def song(path):
    # Sound alone, with a picture of its cover.
    cover = path.with_name("cover.png")
    ffmpeg(*picture(size="300x300", seconds=1), "-frames:v", 1, cover)
    ffmpeg("-f", "lavfi", "-i", f"{CLICKS}:duration=5.2", "-i", cover, "-map", "0", "-map", "1", "-c:v", "copy",
           "-disposition:v", "attached_pic", path)


def clicks_apart(path, picture_delay=0, sound_delay=0, picture_seconds=8, sound_seconds=8):
    """Flashes and clicks on each half second of the timeline, in tracks that begin and end as they are told to."""
    flash = f"drawbox=color=white:t=fill:enable='eq(mod(n+{round(picture_delay * 30)},30),15)'"
    at = f"mod(t+{sound_delay}-0.5,1)"
    click = f"aevalsrc='if(between({at},0,0.01),0.9*sin(2*PI*1500*{at}),0)':sample_rate=48000:duration={sound_seconds}"
    video, audio = path.with_name(f"{path.stem}-v.mov"), path.with_name(f"{path.stem}-a.mov")
    ffmpeg("-f", "lavfi", "-i", f"color=black:size=320x180:rate=30:duration={picture_seconds}", "-vf", flash,
           *x264(*fixed_gop(60), "bframes=3"), video)
    ffmpeg("-f", "lavfi", "-i", click, "-c:a", "flac", "-strict", "-2", audio.with_suffix(".mkv"))
    ffmpeg("-itsoffset", picture_delay, "-i", video, "-itsoffset", sound_delay, "-i", audio.with_suffix(".mkv"), "-c:v", "copy",
           "-c:a", "pcm_s16le", path)
    video.unlink()
    audio.with_suffix(".mkv").unlink()


def late_picture(path):
    clicks_apart(path, picture_delay=3, picture_seconds=2, sound_seconds=5)


def long_sound(path):
    clicks_apart(path, picture_seconds=2, sound_seconds=7)


def late_sound(path):
    clicks_apart(path, sound_delay=2.3, picture_seconds=6, sound_seconds=2)


# Times that begin and end at any millisecond, across borders of segments, together, and beyond the end.
WORDS = [(0, 1000, "first"), (1234, 2345, "<i>leaning</i> & <b>bold</b>"), (1999, 4001, "over a border\nand another line"),
         (1999, 2500, "at the same time"), (5999, 9000, "to the end")]
HOSTILE = "00:00:02.000 --> 00:00:03.000 <script>alert(1)</script>"


def srt(cues):
    def time(ms):
        return f"{ms // 3600000:02}:{ms // 60000 % 60:02}:{ms // 1000 % 60:02},{ms % 1000:03}"
    return "\n".join(f"{i}\n{time(a)} --> {time(b)}\n{text}\n" for i, (a, b, text) in enumerate(cues, 1))


ASS = """[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, Alignment
Style: Default,Arial,20,&H00FFFFFF,2

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:01.50,0:00:02.25,Default,,0,0,0,,{\\an8\\fs30}oben, {\\i1}schräg{\\i0}\\Nzweite Zeile
Dialogue: 0,0:00:03.00,0:00:04.00,Default,,0,0,0,,{\\p1}m 0 0 l 100 0 100 100{\\p0}
Dialogue: 0,0:00:04.10,0:00:05.00,Default,,0,0,0,,%s
""" % HOSTILE


def tracks(path):
    """Subtitles of two kinds, one of them forced, and clicks on each second of the timeline in five tracks: stereo, 5.1 that begins late, mono with a hole that comments, stereo
    that describes what is seen and ends early, stereo in the first one's language. Two have the same title."""
    def click(hz, begin=0, seconds=6, channels=2, extra=""):
        at = f"mod(t+{begin},1)"
        one = f"if(lt({at},0.01){extra},0.9*sin(2*PI*{hz}*{at}),0)"
        return ["-f", "lavfi", "-i", f"aevalsrc='{'|'.join([one] * channels)}':sample_rate=48000:duration={seconds}"]
    words, styled = path.with_name("tracks.srt"), path.with_name("tracks.ass")
    words.write_text(srt(WORDS))
    styled.write_text(ASS)
    ffmpeg("-f", "lavfi", "-i", "color=black:size=320x180:rate=30:duration=6", *click(1500), "-itsoffset", 1.5,
           *click(1100, 1.5, 4.5, 6), *click(1300, channels=1), *click(1700, seconds=4.5), *click(1900),
           "-i", words, "-i", styled, *[word for i in range(8) for word in ("-map", i)], *x264(*fixed_gop(60)), "-c:s", "copy",
           "-metadata:s:s:0", "language=eng", "-metadata:s:s:1", "language=ger", "-disposition:s:0", "0", "-disposition:s:1", "forced", "-c:a", "flac", "-c:a:1", "ac3",
           "-filter:a:1", "channelmap=map=FL|FR|FC|LFE|BL|BR:channel_layout=5.1", "-filter:a:2", "aselect='not(between(t,2.2,2.8))'",
           "-metadata:s:a:0", "language=eng", "-metadata:s:a:0", "title=Main \"mix\"", "-metadata:s:a:1", "language=ger",
           "-metadata:s:a:2", "language=fre", "-metadata:s:a:3", "language=eng", "-metadata:s:a:3", "title=Main \"mix\"",
           "-disposition:a:2", "comment", "-disposition:a:3", "visual_impaired", "-disposition:a:0", "default",
           "-metadata:s:a:4", "language=eng", path)


def captions(path):
    from media.captions import EDM, Line, put_into  # of tests/, which whoever calls this has in its path

    # In the first field what is said, in the second the same in Spanish, as broadcasts in America have it; pictures are reordered.
    plain, in_order = path.with_suffix(".plain.h264"), path.with_suffix(".h264")
    ffmpeg(*picture(seconds=4, size="64x64"), *x264("bframes=0", "slices=1"), plain)
    said = [Line(1).pop_on(30, "Good evening.").pop_on(60, ">> ANN: And now", "the <news>").at(90).command(EDM),
            Line(3).pop_on(30, "Buenas noches.").at(90).command(EDM)]
    in_order.write_bytes(put_into(plain.read_bytes(), said))
    ffmpeg("-r", "30000/1001", "-f", "h264", "-i", in_order, *sound(4), *x264(*fixed_gop(30), "bframes=3"), *AAC, path)
    plain.unlink()
    in_order.unlink()


HDR10 = "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50):max-cll=1000,400"


def x265(transfer, *params):
    return ["-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le", "-tag:v", "hvc1", "-x265-params",
            ":".join(["log-level=error", "keyint=60", "colorprim=bt2020", f"transfer={transfer}", "colormatrix=bt2020nc", *params])]


def hdr10(path):
    ffmpeg(*picture("192x108", 25, 3), *x265("smpte2084", HDR10), path)


def cinema(path):
    """Large enough for a ladder: sound in 5.1 and in stereo, subtitles in two languages."""
    words, others = path.with_name("cinema-en.srt"), path.with_name("cinema-de.srt")
    words.write_text(srt(WORDS))
    others.write_text(srt([(500, 1500, "eins"), (2500, 3750, "zwei")]))
    surround = "|".join(f"0.3*sin(2*PI*{hz}*t)" for hz in (220, 277, 330, 55, 392, 440))
    ffmpeg(*picture(size="640x360", rate=25, seconds=6), "-f", "lavfi", "-i", f"aevalsrc='{surround}':channel_layout=5.1:duration=6", *sound(6),
           "-i", words, "-i", others, *[word for i in range(5) for word in ("-map", i)], *x264("open-gop=1", *fixed_gop(60), "bframes=3"),
           "-c:a:0", "ac3", "-c:a:1", "aac", "-c:s", "copy", "-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=ger",
           "-metadata:s:s:0", "language=eng", "-metadata:s:s:1", "language=ger", path)


# name: (how, file name, seconds in a segment)
CLIPS = {
    "open-gop": (open_gop, "open-gop.mp4", 2),
    "vfr": (vfr, "vfr.mp4", 2),
    "edit-list": (edit_list, "edit-list.mp4", 2),
    "rotated": (rotated, "rotated.mov", 2),
    "ten-bit": (ten_bit, "ten-bit.mkv", 2),
    "long-gop": (long_gop, "long-gop.mp4", 2),
    "odd-size": (odd_size, "odd-size.webm", 2),
    "av1-source": (av1_source, "av1-source.mp4", 2),
    "silent": (silent, "silent.mkv", 2),
    "clicks": (clicks, "clicks.mov", 2),
}
# Not for every check of a presentation.
OTHERS = {
    "film": (film, "film.mp4", 1),
    "song": (song, "song.mp3", 2),
    "late-picture": (late_picture, "late-picture.mov", 2),
    "long-sound": (long_sound, "long-sound.mov", 2),
    "late-sound": (late_sound, "late-sound.mov", 2),
    "tracks": (tracks, "tracks.mkv", 2),
    "cinema": (cinema, "cinema.mkv", 1),
    "captions": (captions, "captions.ts", 2),
    "hdr10": (hdr10, "hdr10.mp4", 1),
}


class Clip:
    """A made clip: its file and the segment length its test uses."""

    def __init__(self, name, folder):
        make, file_name, self.segment_seconds = {**CLIPS, **OTHERS}[name]
        self.name = name
        self.path = folder / file_name
        if not self.path.exists():
            make(self.path)

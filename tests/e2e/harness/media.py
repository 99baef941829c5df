"""Oracles: what the ffmpeg command line, which shares no code of ours, sees in a file or a presentation."""
import array
import fractions
import re
import subprocess


def run(args, timeout=300, text=True):
    done = subprocess.run([str(a) for a in args], capture_output=True, text=text, timeout=timeout)
    assert done.returncode == 0, f"{' '.join(map(str, args))}\n{done.stderr}"
    return done


def probe(path, entries, stream="v:0"):
    """Values of one entry kind: ffprobe's `-show_entries ENTRIES`, a list of lists of text."""
    done = run(["ffprobe", "-v", "error", "-select_streams", stream, "-show_entries", entries, "-of", "csv=p=0", path])
    return [[f for f in line.split(",") if f] for line in done.stdout.splitlines() if line.strip(",")]


def time_base(path, stream="v:0"):
    return fractions.Fraction(probe(path, "stream=time_base", stream)[0][0])


def times(path, stream="v:0"):
    """Presentation times of all decoded frames, in exact seconds."""
    base = time_base(path, stream)
    return [int(row[0]) * base for row in probe(path, "frame=pts", stream)]


def relative_times(path):
    """Presentation times of all decoded video frames, the first one 0."""
    all_times = times(path)
    assert all_times, f"{path}: no frame decoded"
    return [t - all_times[0] for t in all_times]


def source_times(path):
    """What a decoder of its own makes of a source: the best it knows of each picture's time, and a frame more where it knows
    none, but later than the one before; the first one 0."""
    base = time_base(path, "V:0")
    rates = probe(path, "stream=r_frame_rate", "V:0")[0][0]
    rows = run(["ffprobe", "-v", "quiet", "-select_streams", "V:0", "-show_entries", "frame=best_effort_timestamp", "-of",
                "csv=p=0", f"file:{path}"]).stdout.split()
    frame, found = 1 / fractions.Fraction(rates), []
    for row in (row.strip(",") for row in rows):
        time = int(row) * base if row != "N/A" else found[-1] + frame if found else fractions.Fraction(0)
        found.append(max(time, found[-1] + base) if found else time)
    assert found, f"{path}: no frame decoded"
    return [t - found[0] for t in found]


def picture_size(path):
    """Width and height as shown, after rotation."""
    done = run(["ffmpeg", "-nostdin", "-v", "error", "-i", path, "-map", "0:v:0", "-frames:v", "1", "-f", "rawvideo",
                "-pix_fmt", "gray", "-vf", "showinfo", "-loglevel", "info", "/dev/null", "-y"])
    width, height = re.search(r" s:(\d+)x(\d+) ", done.stderr).groups()
    return int(width), int(height)


def psnr_y(source, result):
    """PSNR of the luma of each pair of frames, taken by position, not by time. The source is cut to the result's size."""
    width, height = picture_size(result)
    graph = (f"[0:v:0]crop={width}:{height}:0:0,format=yuv420p,settb=1/25,setpts=N[a];"
             "[1:v:0]format=yuv420p,settb=1/25,setpts=N[b];[a][b]psnr=stats_file=-:shortest=1")
    done = run(["ffmpeg", "-nostdin", "-v", "error", "-i", source, "-i", result, "-lavfi", graph, "-fps_mode",
                "passthrough", "-f", "null", "-"])
    return [float(v) for v in re.findall(r"psnr_y:(\S+)", done.stdout)]


def warnings(path):
    """What ffmpeg complains of while it reads every packet, but for its own lack: its demuxer of HLS takes no subtitles."""
    done = run(["ffmpeg", "-nostdin", "-v", "warning", "-i", path, "-map", "0", "-c", "copy", "-f", "null", "-"])
    return "".join(line for line in done.stderr.splitlines(True) if "Can't support the subtitle(uri" not in line)


def samples(path, hz=48000):
    """The sound as mono samples, and the time of the first of them."""
    first = times(path, "a:0")[0]
    done = run(["ffmpeg", "-nostdin", "-v", "error", "-copyts", "-i", path, "-map", "0:a:0", "-ac", "1", "-ar", hz, "-f",
                "s16le", "-"], text=False)
    return array.array("h", done.stdout), first


def onsets(pcm, first, hz=48000, quiet=4800):
    """Times at which sound begins after at least `quiet` samples without."""
    threshold = max(map(abs, pcm)) // 3
    found, last = [], -quiet
    for i, v in enumerate(pcm):
        if abs(v) >= threshold:
            if i - last >= quiet:
                found.append(first + fractions.Fraction(i, hz))
            last = i
    return found


def flashes(path):
    """Times of frames that are white."""
    width, height = picture_size(path)
    done = run(["ffmpeg", "-nostdin", "-v", "error", "-i", path, "-map", "0:v:0", "-fps_mode", "passthrough", "-vf",
                f"scale=2:2:flags=area", "-pix_fmt", "gray", "-f", "rawvideo", "-"], text=False)
    means = [sum(done.stdout[i:i + 4]) / 4 for i in range(0, len(done.stdout), 4)]
    all_times = times(path)
    assert len(means) == len(all_times)
    return [t for t, mean in zip(all_times, means) if mean > 128]

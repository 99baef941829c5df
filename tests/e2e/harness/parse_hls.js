// Reads a presentation's playlists with an independent parser that is strict: prints what it understood as JSON.
const fs = require("fs");
const path = require("path");
const HLS = require(path.join(__dirname, "../node_modules/hls-parser"));

HLS.setOptions({ strictMode: true });
const manifest = process.argv[2];
const read = (uri) => HLS.parse(fs.readFileSync(path.join(path.dirname(manifest), uri), "utf8"));
const multi = HLS.parse(fs.readFileSync(manifest, "utf8"));
const rendition = (r) => ({ name: r.name, language: r.language, isDefault: r.isDefault, forced: !!r.forced,
  channels: r.channels || null, uri: r.uri || null });
const lists = {};
for (const v of multi.variants)
  for (const uri of [v.uri, ...[...v.audio, ...v.subtitles].map((r) => r.uri)])
    if (uri && !(uri in lists)) {
      const list = read(uri);
      lists[uri] = { target: list.targetDuration, durations: list.segments.map((s) => s.duration), ends: list.endlist,
        iframes: !!list.isIFrame };
    }
const iframes = multi.variants.filter((v) => v.isIFrameOnly).map((v) => {
  const list = read(v.uri);
  return { uri: v.uri, bandwidth: v.bandwidth, only: list.isIFrame, durations: list.segments.map((s) => s.duration),
    ranges: list.segments.map((s) => `${s.byterange.length}@${s.byterange.offset}`) };
});
console.log(JSON.stringify({ lists, iframes, variants: multi.variants.filter((v) => !v.isIFrameOnly).map((v) => ({
  uri: v.uri, codecs: v.codecs, bandwidth: v.bandwidth, audio: v.audio.map(rendition), subtitles: v.subtitles.map(rendition),
})) }));

#!/usr/bin/env python3
"""rtmpctl decode against what ffmpeg publishes of every codec that it can.

    eval "$(tests/programs)"
    RTMPCTL=target/debug/rtmpctl tests/real/codecs.py [CLIP...]

For each line of testdata/clips: ffmpeg makes the clip; ffmpeg, and then PyAV, publish it to nginx-rtmp without coding it
anew, tcpdump records, and rtmpctl must say the same as ffmpeg of that file: codec, size or rate, profile, sample format; of each
packet its time, composition time, size, and whether it is a key frame; that by the tag and by the bitstream.
The last line is "N passed, N failed".
"""
import os
import re
import shlex
import sys
import tempfile
import time
import traceback

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import decode as real  # noqa: E402  (servers, recordings, comparisons)
from decode import Failed, check, run, same  # noqa: E402

INPUTS = {"picture": ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25"],
          "tone": ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"]}
# what ffmpeg calls a codec: what rtmpctl calls it
CODECS = {"h264": ["avc"], "hevc": ["hevc"], "vvc": ["vvc1"], "av1": ["av1"], "vp9": ["vp9"], "flv1": ["h263"],
          "flashsv": ["screen_video"], "flashsv2": ["screen_video_2"], "aac": ["aac"], "mp3": ["mp3"], "opus": ["opus"],
          "flac": ["flac"], "ac3": ["ac3"], "eac3": ["eac3"], "speex": ["speex"], "pcm_alaw": ["g711a"], "pcm_mulaw": ["g711u"],
          "adpcm_swf": ["adpcm"], "pcm_u8": ["pcm", "pcm_le"], "pcm_s16le": ["pcm_le"],
          "nellymoser": ["nellymoser", "nellymoser_8k", "nellymoser_16k"]}
# PyAV 18.1's muxer aborts where a stream of Speex has no frame size, as in FLV.
# PyAV 18 aborts on the first, and begins the other anew at 0 or not as its buffers fall.
NOT_BY_PYAV = ["speex", "ac3"]
CHANNELS = {"mono": 1, "stereo": 2, "5.1": 6}
SHAPES = {"yuv420p": ("4:2:0", 8), "yuv420p10le": ("4:2:0", 10)}


def clips():
    """{name: (which ffmpeg, its options)}"""
    found = {}
    with open(os.path.join(real.ROOT, "testdata", "clips")) as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                name, which, *options = shlex.split(line)
                found[name] = (which, [word for option in options for word in INPUTS.get(option, [option])])
    return found


def make(path, which, options):
    program = os.environ["NEW_FFMPEG"] if which == "new" else "ffmpeg"
    run(*real.quiet(program), *options, "-t", "1", "-f", "flv", path)


def described(path):
    """The streams of a file as the newer ffmpeg sees them, each with its packets: (dts, pts, size, key)."""
    new = os.environ["NEW_FFMPEG"]
    done = run(new, "-hide_banner", "-loglevel", "error", "-nostdin", "-i", path, "-map", "0", "-copyts", "-c", "copy",
               "-f", "framecrc", "-")
    streams = {}
    for line in done.stdout.splitlines():
        header = re.match(r"#(\w+) (\d+): +(.*)", line)
        if header:
            streams.setdefault(int(header[2]), {"packets": []})[header[1]] = header[3]
        elif not line.startswith("#"):
            fields = [field.strip() for field in line.split(",")]
            flags = [int(field[2:], 16) for field in fields[6:] if field.startswith("F=")]
            streams[int(fields[0])]["packets"].append(
                (int(fields[1]), int(fields[2]), int(fields[4]), not flags or bool(flags[0] & 1)))
    banner = run(new, "-hide_banner", "-nostdin", "-i", path, ok=(0, 1, 187, 234, 254, 255)).stderr
    for line in banner.splitlines():
        found = re.search(r"Stream #0:(\d+).*?: (?:Video|Audio): (.*)", line)
        if found:
            streams[int(found[1])]["words"] = found[2]
    # Publishing moves what begins before zero to zero, as it reads AC-3 (with an empty packet first) to begin.
    early = min(0, *(packet[0] for stream in streams.values() for packet in stream["packets"]))
    for stream in streams.values():
        check(stream["tb"] == "1/1000", "not in milliseconds:", stream)
        stream["packets"] = [(dts - early, pts - early, size, key) for dts, pts, size, key in stream["packets"]]
    return [streams[index] for index in sorted(streams)]


def bodies(records, kind, track):
    """The messages of a track, with the object that describes it: (record, message's object, track's object)."""
    for record in real.messages(records, "c2s", kind):
        body = record[kind]
        inner = body.get("tracks", [dict(body, track=0)])
        for one in inner:
            if one["track"] == track:
                yield record, body, one


def packets(records, kind, track):
    found = []
    for record, body, one in bodies(records, kind, track):
        if body.get("packet_type") not in ("raw", "coded_frames", "coded_frames_x"):
            continue
        shift = one.get("composition_time", 0)
        key = kind == "audio" or body["frame_type"] == "key"
        found.append((record["timestamp"], record["timestamp"] + shift, one["data_length"], key))
        really = one.get("bitstream", {}).get("key", key)
        check(really == key, "the tag and the bitstream disagree:", record)
        check("malformed" not in one.get("bitstream", {}), "malformed bitstream:", record)
    return found


def parameters(records, summary, kind, track, stream, rate):
    """What the file's stream is said to be. `rate` is the sample rate that was asked for."""
    words = stream["words"]
    configs = [one["config"] for _, _, one in bodies(records, kind, track) if "config" in one]
    entry = next(t for t in summary["tracks"] if t["type"] == kind and t["track"] == track)
    check(entry["codec"] in CODECS[stream["codec_id"]], "codec:", entry["codec"], "of", stream["codec_id"])
    profile = next((c["profile"] for c in configs if "profile" in c), None)
    if profile and not profile.startswith("Layer"):
        check("(%s)" % profile in words or "(" not in words, "profile:", profile, "of", words)
    if kind == "audio":
        check(entry["sample_rate"] == rate, "sample rate:", entry, rate)
        # ffmpeg does not read the record of multichannel AAC, and then has the tag's word for its rate.
        unread = stream["codec_id"] == "aac" and "(" not in words
        check(unread or int(stream["sample_rate"]) == rate, "sample rate by ffmpeg:", words)
        check(entry["channels"] == CHANNELS[stream["channel_layout_name"]], "channels:", entry, stream["channel_layout_name"])
        return
    check("%dx%d" % (entry["width"], entry["height"]) == stream["dimensions"], "size:", entry, stream["dimensions"])
    check(abs(entry["frame_rate"] - float(re.search(r"([\d.]+) fps", words)[1])) < 0.01, "frame rate:", entry, words)
    for config in configs:
        form = SHAPES[re.search(r"(yuv\w+)", words)[1]]
        check((config["chroma"], config["bit_depth"]) == form, "sample format:", config, words)
        if config.get("transfer") == "smpte2084":
            colours = "%(matrix)s/%(color_primaries)s/%(transfer)s" % config
            check(colours == "bt2020nc/bt2020/smpte2084" and (colours in words or "unknown" in words), "colours:", colours, words)


def publish(publisher, path, url):
    if publisher == "pyav":
        run(os.environ["PYAV_PYTHON"], os.path.join(os.path.dirname(os.path.abspath(__file__)), "publish.py"), path, url)
    else:
        run(*real.quiet(os.environ["NEW_FFMPEG"]), "-i", path, "-map", "0", "-c", "copy", "-f", "flv", url)


def compare(tmp, name, path, publisher, options):
    with real.recorded(tmp, name) as (url, capture):
        publish(publisher, path, url + "/live/" + name)
    records, _ = real.decode(capture, "--bitstream")
    real.whole(records)
    summary = records[-1]
    rate = int(options[options.index("-ar") + 1]) if "-ar" in options else 48000
    seen = {"audio": 0, "video": 0}
    for stream in described(path):
        kind = stream["media_type"]
        track, seen[kind] = seen[kind], seen[kind] + 1
        expected = stream["packets"]
        if publisher == "pyav":  # which does not hand on the empty packet that ffmpeg reads some codecs to begin with
            expected = [packet for packet in expected if packet[2]]
        same(packets(records, kind, track), expected, "%s %d packet" % (kind, track))
        parameters(records, summary, kind, track, stream, rate)
    for kind, count in seen.items():
        tracks = [t for t in summary["tracks"] if t["type"] == kind]
        check(len(tracks) == count, "%d %s tracks of %d" % (len(tracks), kind, count))
    real.against_truth(records, capture)


def main():
    real.own_loopback()
    listed = clips()
    chosen = {name: clip for name, clip in listed.items() if not sys.argv[1:] or name in sys.argv[1:]}
    if not chosen:
        sys.exit("no such clip; there are: " + " ".join(listed))
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="rtmpctl-codecs.") as tmp:
        both = [(name, publisher) for name in chosen for publisher in ("ffmpeg", "pyav")]
        for name, publisher in both:
            if publisher == "pyav" and name in NOT_BY_PYAV:
                continue
            began = time.monotonic()
            which, options = chosen[name]
            path = os.path.join(tmp, name + ".flv")
            try:
                if not os.path.exists(path):
                    make(path, which, options)
                compare(tmp, name, path, publisher, options)
                result, passed = "ok", passed + 1
            except Failed as error:
                result, failed = "FAILED: %s" % error, failed + 1
            except Exception:  # noqa: BLE001  (the next clip is to run whatever this one met)
                result, failed = "FAILED:\n" + traceback.format_exc(), failed + 1
            print("real codec %s by %s (%.1f s) ... %s" % (name, publisher, time.monotonic() - began, result), flush=True)
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

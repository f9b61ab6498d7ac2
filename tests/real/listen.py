#!/usr/bin/env python3
"""rtmpctl listen as the server of real encoders and players.

    eval "$(tests/programs)"
    RTMPCTL=target/debug/rtmpctl tests/real/listen.py [TEST...]

Encoders publish files without coding them anew, and what listen says of each packet, what it records and what
it hands to players is compared with ffmpeg's word on the file, the packets by checksum. Waits are for what was
printed or for the end of a program. The last line is "N passed, N failed".
"""
import contextlib
import glob
import importlib.util
import json
import os
import signal
import subprocess
import tempfile

import decode
from decode import DEADLINE, KEY, check, commands, equal, media, messages, probed, process, quiet, run, same, until, whole
from proxy import decoded, listening, publish, without_notes

# codecs.py beside this; by that name Python has a module of its own
spec = importlib.util.spec_from_file_location("real_codecs", os.path.join(decode.HERE, "codecs.py"))
codecs = importlib.util.module_from_spec(spec)
spec.loader.exec_module(codecs)

ENHANCED = ["av1", "vp9", "vvc", "hevc-hdr", "opus", "flac", "tracks"]  # of testdata/clips


# ---------------------------------------------------------------- what is compared
def hashed(path, ffmpeg="ffmpeg"):
    """The streams with their configuration records, and each packet with its times, size and MD5."""
    done = run(ffmpeg, "-hide_banner", "-loglevel", "error", "-nostdin", "-i", path, "-map", "0", "-copyts", "-c", "copy",
               "-f", "framemd5", "-")
    lines = [line for line in done.stdout.splitlines() if not line.startswith("#software")]
    check(any(not line.startswith("#") for line in lines), "nothing in", path)
    return lines


def pictures(path):
    """The checksums of the video's packets."""
    done = run("ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-i", path, "-map", "0:v", "-c", "copy", "-f", "framemd5", "-")
    return [line.rsplit(",", 1)[1].strip() for line in done.stdout.splitlines() if not line.startswith("#")]


def decodes(path):
    """A player that stops at the first error goes through it, and has nothing to say."""
    done = run("ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-xerror", "-err_detect", "explode", "-i", path, "-f", "null", "-")
    check(not done.stderr, "decoding", path, "says", done.stderr[-500:])


def recorded(directory, count=1):
    files = sorted(glob.glob(os.path.join(directory, "*.flv")))
    check(len(files) == count, "recordings:", files)
    return files if count > 1 else files[0]


def parameters(records, path):
    """Codecs and their parameters, as ffprobe reads them from the file."""
    done = run("ffprobe", "-v", "error", "-show_entries", "stream=codec_type,codec_name,profile,level,width,height,pix_fmt,avg_frame_rate,"
               "sample_rate,channels", "-of", "json", path)
    streams = {stream["codec_type"]: stream for stream in json.loads(done.stdout)["streams"]}
    video, audio = streams["video"], streams["audio"]
    config = {kind: next(record[kind]["config"] for record in messages(records, "c2s", kind) if "config" in record[kind]) for kind in streams}
    got = [config["video"][name] for name in ("profile", "width", "height", "chroma", "bit_depth")]
    same(got, [video["profile"], video["width"], video["height"], *codecs.SHAPES[video["pix_fmt"]]], "video parameter")
    check(float(config["video"]["level"]) * 10 == video["level"], "level:", config["video"], video)
    over, under = map(int, video["avg_frame_rate"].split("/"))
    check(config["video"]["frame_rate"] == over / under, "frame rate:", config["video"], video)
    same([config["audio"][name] for name in ("profile", "sample_rate", "channels")],
         [audio["profile"], int(audio["sample_rate"]), audio["channels"]], "audio parameter")
    tracks = {track["type"]: track["codec"] for track in records[-1]["tracks"] if "codec" in track}
    for kind, stream in streams.items():
        check(tracks[kind] in codecs.CODECS[stream["codec_name"]], "codec:", tracks[kind], "of", stream["codec_name"])


def counted(records, packets):
    """What the summary counts are the file's packets, and beside them only what begins and ends a sequence."""
    summary = records[-1]
    for kind in ("video", "audio"):
        count = summary["messages"]["c2s"][kind]
        check(count == len(messages(records, "c2s", kind)), "summary:", summary["messages"], kind)
        around = [record for record in messages(records, "c2s", kind)
                  if record[kind].get("packet_type") in ("sequence_start", "sequence_end")]
        check(around and count - len(around) == len(packets[kind]), kind, "messages:", count, "of them", len(around), "around packets")


def clean(records, but=()):
    worse = [record for record in records if record["event"] == "finding" and record["severity"] != "info" and record["code"] not in but]
    check(not worse, "findings of a clean stream:", worse)


def codes(records):
    return {record["code"] for record in records if record["event"] == "finding"}


# ---------------------------------------------------------------- publishers
def ffmpeg_publishes(tmp, avc, hevc):
    flv = tempfile.mkdtemp(dir=tmp)
    with listening(tmp, "listen", "--write-flv", flv) as server:
        publish(avc, "rtmp://127.0.0.1:%d/live/%s" % (server.port, KEY))
        until(server.closed, "the end of the connection")
        records = server.records()
    whole(records)
    packets = probed(avc)
    check(any(pts != dts for dts, pts, _, _ in packets["video"]), "no composition times in", avc)
    equal(records, "c2s", packets)
    counted(records, packets)
    parameters(records, avc)
    clean(records, but=["key.exposed"])  # the name looks like a key, and is sent in the clear
    same(hashed(recorded(flv)), hashed(avc), "line of framemd5")
    with open(server.out) as file:
        check(KEY not in file.read(), "the stream key is not masked")
    check(KEY not in recorded(flv), "the stream key is in the recording's name")


def gstreamer_publishes(sink):
    def test(tmp, avc, hevc):
        flv, copy = tempfile.mkdtemp(dir=tmp), os.path.join(tmp, sink + ".flv")
        with listening(tmp, "listen", "--write-flv", flv) as server:
            run("gst-launch-1.0", "-q", "filesrc", "location=" + avc, "!", "flvdemux", "name=demux",
                "flvmux", "name=mux", "streamable=true", "!", "tee", "name=tee",
                "!", "queue", "!", sink, "location=rtmp://127.0.0.1:%d/live/gst" % server.port,
                "tee.", "!", "queue", "!", "filesink", "location=" + copy,
                "demux.video", "!", "queue", "!", "h264parse", "!", "mux.video", "demux.audio", "!", "queue", "!", "aacparse", "!", "mux.audio")
            until(server.closed, "the end of the connection")
            records = server.records()
        whole(records)
        packets = probed(copy)
        for kind in ("video", "audio"):
            check(len(packets[kind]) == len(probed(avc)[kind]), kind, "packets:", len(packets[kind]))
        equal(records, "c2s", packets)
        counted(records, packets)
        parameters(records, avc)
        same(hashed(recorded(flv)), hashed(copy), "line of framemd5")
    test.__name__ = "gstreamer_" + sink
    return test


def enhanced(name):
    """The newer ffmpeg and what only Enhanced RTMP carries."""
    def test(tmp, avc, hevc):
        new, flv = os.environ["NEW_FFMPEG"], tempfile.mkdtemp(dir=tmp)
        which, options = ("new", []) if name == "hevc" else codecs.clips()[name]
        path = hevc
        if name != "hevc":
            path = os.path.join(tmp, "clip-%s.flv" % name)
            codecs.make(path, which, options)
        with listening(tmp, "listen", "--bitstream", "--write-flv", flv) as server:
            codecs.publish("ffmpeg", path, "rtmp://127.0.0.1:%d/live/%s" % (server.port, name))
            until(server.closed, "the end of the connection")
            records = server.records()
        whole(records)
        check(any(record[kind]["enhanced"] for kind in ("video", "audio") for record in messages(records, "c2s", kind)), "not enhanced")
        seen = {"audio": 0, "video": 0}
        for stream in codecs.described(path):
            kind = stream["media_type"]
            track, seen[kind] = seen[kind], seen[kind] + 1
            same(codecs.packets(records, kind, track), stream["packets"], "%s %d packet" % (kind, track))
            codecs.parameters(records, records[-1], kind, track, stream, 48000)
        for kind, count in seen.items():
            tracks = [track for track in records[-1]["tracks"] if track["type"] == kind]
            check(len(tracks) == count, "%d %s tracks of %d" % (len(tracks), kind, count))
        # ffmpeg writes VP9's record anew, and reads of FLAC an empty packet at the end: so it does into a file.
        copy = os.path.join(tmp, "copy-%s.flv" % name)
        codecs.publish("ffmpeg", path, copy)
        same(hashed(recorded(flv), new), hashed(copy, new), "line of framemd5")
    test.__name__ = "enhanced_" + name.replace("-", "_")
    return test


@contextlib.contextmanager
def endless(path, url):
    """ffmpeg publishes the file over and over, as fast as it plays."""
    with process(*quiet("ffmpeg"), "-re", "-stream_loop", "-1", "-i", path, "-c", "copy", "-f", "flv", url,
                 stderr=subprocess.DEVNULL) as publisher:
        yield publisher


def coded(server, connection, direction):
    """How many frames of video the listener has told of, while it runs."""
    count = 0
    with open(server.out) as file:
        for line in file:
            if line.endswith("\n"):
                record = json.loads(line)
                count += (record["event"] == "message" and record["connection"] == connection and record["direction"] == direction
                          and record.get("video", {}).get("packet_type") == "coded_frames")
    return count


def part_of(got, want, what):
    """A run of what was published over and over; it may begin anywhere, but on a key frame."""
    twice = want * (2 + len(got) // len(want))
    check(got and any(got == twice[start:start + len(got)] for start in range(len(want))), "not a run of what was published:", what)


# ---------------------------------------------------------------- players
def players(tmp, avc, hevc):
    with listening(tmp, "listen") as server:
        url = "rtmp://127.0.0.1:%d/live/shown" % server.port
        files = [os.path.join(tmp, "played-by-" + player + ".flv") for player in ("rtmpdump", "ffmpeg")]
        with endless(avc, url) as publisher:
            until(lambda: coded(server, 1, "c2s") > 10, "the publisher's frames")
            with process("rtmpdump", "-q", "-v", "-r", url, "-o", files[0], stderr=subprocess.DEVNULL) as dump:
                until(lambda: coded(server, 2, "s2c") > 10, "rtmpdump's frames")
                with process(*quiet("ffmpeg"), "-i", url, "-c", "copy", files[1], stderr=subprocess.DEVNULL) as player:
                    # longer than ffmpeg looks at the beginning
                    until(lambda: min(coded(server, 2, "s2c"), coded(server, 3, "s2c")) > 110, "the players' frames")
                    publisher.send_signal(signal.SIGINT)
                    publisher.wait(DEADLINE)
                    # The end of what is published ends them.
                    check(player.wait(DEADLINE) == 0, "exit status of ffmpeg:", player.returncode)
                    check(dump.wait(DEADLINE) in (0, 1, 2), "exit status of rtmpdump:", dump.returncode)
        until(lambda: server.closed() == 3, "the end of the connections")
        records = server.records()
    want = pictures(avc)
    for connection, path in zip((2, 3), files):
        mine = [record for record in records if record.get("connection") == connection]
        check("play" in commands(mine, "c2s"), "commands:", commands(mine, "c2s"))
        sent = [record for record in mine if record["event"] == "message" and record["direction"] == "s2c"]
        names = [record["data"]["name"] for record in sent if record["kind"] == "data"]
        check("onMetaData" in names, "no metadata but", names)
        first = min(index for index, record in enumerate(sent) if record["kind"] in ("audio", "video"))
        check("onMetaData" in [record["data"]["name"] for record in sent[:first] if record["kind"] == "data"], "media ahead of the metadata")
        for kind in ("video", "audio"):
            types = [record[kind]["packet_type"] for record in messages(mine, "s2c", kind)]
            check(types[0] == "sequence_start", kind, "begins with", types[:3])
        check(media(mine, "s2c", "video")[0][3], "the first picture is no key frame")
        check(probed(path)["video"][0][3], "the first picture of the file is no key frame:", path)
        part_of(pictures(path), want, path)
        decodes(path)


def nobody_plays(tmp, avc, hevc):
    with listening(tmp, "listen", "--no-play") as server:
        url = "rtmp://127.0.0.1:%d/live/hidden" % server.port
        with endless(avc, url):
            until(lambda: coded(server, 1, "c2s") > 10, "the publisher's frames")
            path = os.path.join(tmp, "hidden.flv")
            done = subprocess.run([*quiet("ffmpeg"), "-i", url, "-c", "copy", path], stdin=subprocess.DEVNULL, capture_output=True, timeout=DEADLINE)
            check(done.returncode != 0, "ffmpeg plays what is not to be played")
        until(lambda: server.closed() == 2, "the end of the connections")
        check(not coded(server, 2, "s2c"), "frames were sent")


# ---------------------------------------------------------------- encryption, refusals, endings
def secure(tmp, avc, hevc):
    flv, written = tempfile.mkdtemp(dir=tmp), os.path.join(tmp, "secure.pcapng")
    with listening(tmp, "listen", "--tls-self-signed", "--write-flv", flv, "--write-pcapng", written) as server:
        publish(avc, "rtmps://127.0.0.1:%d/live/secure" % server.port, "-tls_verify", "0")
        publish(avc, "rtmp://127.0.0.1:%d/live/plain" % server.port)
        until(lambda: server.closed() == 2, "the end of the connections")
        records = server.records()
    with open(server.errors) as file:
        check("SHA-256 fingerprint" in file.read(), "nothing is said of the certificate")
    same([record["transport"] for record in records if record["event"] == "summary"], ["rtmps", "rtmp"], "transport")
    for connection in (1, 2):
        equal([record for record in records if record.get("connection") == connection], "c2s", probed(avc))
    # What is written is decrypted, so it is plain RTMP and no more to be told of its certificate.
    live, again = ([{**record, "transport": None} for record in without_notes(these)] for these in (records, decoded(written)))
    same(live, again, "live and its recording")
    for path in recorded(flv, 2):
        same(hashed(path), hashed(avc), "line of framemd5")


def step_of_a_job(tmp, avc, hevc):
    for level, status in (("warning", 0), ("info", 1)):
        with listening(tmp, "listen", "--once", "--fail-on", level) as server:
            publish(avc, "rtmp://127.0.0.1:%d/live/job" % server.port)
            # It ends by itself.
            check(server.child.wait(DEADLINE) == status, "exit status with --fail-on", level, "is", server.child.returncode)
        with open(server.out) as file:
            records = [json.loads(line) for line in file]
        whole(records)
        clean(records)
        check(codes(records), "no note either, so that --fail-on info is not tried")


def attempt(path, url):
    done = subprocess.run([*quiet("ffmpeg"), "-i", path, "-c", "copy", "-f", "flv", url], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=DEADLINE)
    return done.returncode


def authenticated(tmp, avc, hevc):
    flv = tempfile.mkdtemp(dir=tmp)
    with listening(tmp, "listen", "--auth", "user:passw0rd-5d2e", "--write-flv", flv) as server:
        at = "127.0.0.1:%d/live/cam" % server.port
        check(attempt(avc, "rtmp://" + at), "accepted without a password")
        check(attempt(avc, "rtmp://user:wrong@" + at), "accepted with a wrong password")
        before = len(glob.glob(os.path.join(flv, "*.flv")))
        check(before == 0, "recordings of who was refused:", before)
        publish(avc, "rtmp://user:passw0rd-5d2e@" + at)
        until(lambda: coded_anywhere(server) and idle(server), "the end of the connections")
        records = server.records()
    refused = [record["connection"] for record in records if record["event"] == "finding" and record["code"] == "listen.refused"]
    check(refused, "nothing is said of those who were refused")
    last = max(record["connection"] for record in records if "connection" in record)
    check(last not in refused, "the last one was refused:", refused)
    equal([record for record in records if record.get("connection") == last], "c2s", probed(avc))
    same(hashed(recorded(flv)), hashed(avc), "line of framemd5")
    with open(server.out) as file:
        check("passw0rd-5d2e" not in file.read(), "the password is shown")


def gstreamer(path, sink, *settings):
    run("gst-launch-1.0", "-q", "filesrc", "location=" + path, "!", "flvdemux", "name=demux",
        "flvmux", "name=mux", "streamable=true", "!", sink, *settings,
        "demux.video", "!", "queue", "!", "h264parse", "!", "mux.video", "demux.audio", "!", "queue", "!", "aacparse", "!", "mux.audio")


PASSWORD = "passw0rd-5d2e"
WAYS = {
    # The client is told the way, or names it.
    "rtmp2sink": ("adobe", [], lambda path, at: gstreamer(path, "rtmp2sink", "location=rtmp://" + at, "username=user", "password=" + PASSWORD)),
    "ffmpeg": ("llnw", ["--auth-mod", "llnw"], lambda path, at: publish(path, "rtmp://user:%s@%s" % (PASSWORD, at))),
    "rtmpsink": ("llnw", [], lambda path, at: gstreamer(
        path, "rtmpsink", "location=rtmp://%s app=live?authmod=llnw&user=user playpath=cam pubUser=user pubPasswd=%s" % (at, PASSWORD))),
}


def authenticates(client):
    way, arguments, publishes = WAYS[client]

    def test(tmp, avc, hevc):
        flv = tempfile.mkdtemp(dir=tmp)
        with listening(tmp, "listen", "--auth", "user:" + PASSWORD, "--write-flv", flv, *arguments) as server:
            publishes(avc, "127.0.0.1:%d/live/cam" % server.port)
            until(lambda: coded_anywhere(server) and idle(server), "the end of the connections")
            records = server.records()
        last = max(record["connection"] for record in records if "connection" in record)
        check(last > 1, "nothing was asked")
        check("auth." + way in codes(records), "not in the way", way, "but", codes(records))
        mine = [record for record in records if record.get("connection") == last]
        for kind in ("video", "audio"):
            got = [record for record in messages(mine, "c2s", kind) if record[kind]["packet_type"] == "coded_frames"]
            check(len(got) == len(probed(avc)[kind]), kind, "messages:", len(got))
        decodes(recorded(flv))
        with open(server.out) as file:
            text = file.read()
            check(PASSWORD not in text and "response=" in text, "the password is shown, or no answer to the challenge")
    test.__name__ = "authenticates_%s_%s" % (client, way)
    return test


def coded_anywhere(server):
    with open(server.out) as file:
        return any('"packet_type":"coded_frames"' in line for line in file)


def idle(server):
    """Whether each connection that was opened is over."""
    with open(server.out) as file:
        return sum('"event":"connection_opened"' in line for line in file) == server.closed()


def refused(tmp, avc, hevc):
    for how in ("error", "badname", "close"):
        flv = tempfile.mkdtemp(dir=tmp)
        with listening(tmp, "listen", "--accept-app", "live", "--accept-key", "good*", "--refuse-with", how, "--write-flv", flv) as server:
            at = "rtmp://127.0.0.1:%d/" % server.port
            for number, where in enumerate(("live/bad", "other/good"), 1):
                check(attempt(avc, at + where), "accepted, and refused with", how, "it should be:", where)
                until(lambda: server.closed() == number, "the end of the connection")
            publish(avc, at + "live/good1")
            until(lambda: server.closed() == 3, "the end of the connection")
            records = server.records()
        same([record["connection"] for record in records if record["event"] == "finding" and record["code"] == "listen.refused"],
             [1, 2], "refused with %s: connection" % how)
        statuses = [json.dumps(record["command"]) for record in messages(records, "s2c", "command") if record["connection"] == 1]
        check(any("NetStream.Publish.BadName" in status for status in statuses) == (how != "close"), "answers:", statuses)
        same(hashed(recorded(flv)), hashed(avc), "line of framemd5")


def interrupted(tmp, avc, hevc):
    """What is recorded is whole, though the listener is told to end in the middle."""
    flv = tempfile.mkdtemp(dir=tmp)
    with listening(tmp, "listen", "--write-flv", flv) as server:
        with endless(avc, "rtmp://127.0.0.1:%d/live/long" % server.port) as publisher:
            until(lambda: coded(server, 1, "c2s") > 60, "the publisher's frames")
            records = server.records()
            check(publisher.wait(DEADLINE) != 0, "the publisher did not notice")
    whole(records)
    path = recorded(flv)
    got, want = pictures(path), pictures(avc)
    check(len(got) == len(media(records, "c2s", "video")) > 60, "recorded", len(got), "of", len(media(records, "c2s", "video")))
    same(got, (want * (1 + len(got) // len(want)))[:len(got)], "checksum of picture")
    decodes(path)
    told = json.loads(run("ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "json", path).stdout)["format"]["duration"]
    last = max(dts for kind in ("video", "audio") for dts, _, _, _ in probed(path)[kind])
    check(abs(float(told) * 1000 - last) < 100, "the recording says it lasts", told, "s, and ends at", last, "ms")


# ---------------------------------------------------------------- what no client likes
def sent_elsewhere(tmp, avc, hevc):
    """No client of these follows, and each says that it was refused."""
    with listening(tmp, "listen", "--redirect", "rtmp://127.0.0.1:9/other") as server:
        url = "rtmp://127.0.0.1:%d/live/cam" % server.port
        for number, client in enumerate((attempt, lambda path, url: run("rtmpdump", "-q", "-r", url, "-o", os.devnull, ok=(1,)).returncode), 1):
            check(client(avc, url), "accepted")
            until(lambda: server.closed() == number, "the end of the connection")
        records = server.records()
    answers = [json.dumps(record["command"]) for record in messages(records, "s2c", "command") if record["command"]["name"] == "_error"]
    check(len(answers) == 2 and all('"redirect": "rtmp://127.0.0.1:9/other"' in answer for answer in answers), "answers:", answers)
    check("status.redirect" in codes(records), "findings:", codes(records))


def asked_to_reconnect(tmp, avc, hevc):
    """Neither ffmpeg does, and the stream goes on unharmed."""
    for ffmpeg in ("ffmpeg", os.environ["NEW_FFMPEG"]):
        with listening(tmp, "listen", "--reconnect-after", "100ms") as server:
            run(*quiet(ffmpeg), "-re", "-i", avc, "-c", "copy", "-f", "flv", "rtmp://127.0.0.1:%d/live/cam" % server.port)
            until(server.closed, "the end of the connection")
            records = server.records()
        statuses = [json.dumps(record["command"]) for record in messages(records, "s2c", "command")]
        check(sum("NetConnection.Connect.ReconnectRequest" in status for status in statuses) == 1, "statuses:", statuses)
        equal(records, "c2s", probed(avc))
        clean(records, but=["ertmp.reconnect"])  # neither says that it could


def dropped(tmp, avc, hevc):
    """A publisher that is cut off notices, and what was recorded until then is whole."""
    flv = tempfile.mkdtemp(dir=tmp)
    with listening(tmp, "listen", "--drop-after", "2s", "--once", "--fail-on", "error", "--write-flv", flv) as server:
        with endless(avc, "rtmp://127.0.0.1:%d/live/cam" % server.port) as publisher:
            check(publisher.wait(DEADLINE) != 0, "the publisher did not notice")
        check(server.child.wait(DEADLINE) == 0, "exit status", server.child.returncode)
        records = server.records()
    closed = [record for record in records if record["event"] == "connection_closed"]
    check([record["by"] for record in closed] == ["server"], "closed:", closed)
    part_of(pictures(recorded(flv)), pictures(avc), "the recording")
    decodes(recorded(flv))


def acknowledged(tmp, avc, hevc):
    """rtmp2sink announces a window, and sends on whether it is acknowledged or not."""
    big = os.path.join(tmp, "big.flv")
    run(*quiet("ffmpeg"), "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=25", "-f", "lavfi", "-i", "sine", "-t", "6", "-c:v", "libx264",
        "-preset", "ultrafast", "-b:v", "16M", "-minrate", "16M", "-maxrate", "16M", "-bufsize", "16M", "-pix_fmt", "yuv420p", "-c:a", "aac", big)
    counts = []
    for when in ("due", "late", "never"):
        with listening(tmp, "listen", "--ack", when) as server:
            gstreamer(big, "rtmp2sink", "sync=false", "location=rtmp://127.0.0.1:%d/live/cam" % server.port)
            until(server.closed, "the end of the connection")
            records = server.records()
        window = messages(records, "c2s", "window_acknowledgement_size")[0]["window_acknowledgement_size"]["size"]
        numbers = [record["acknowledgement"]["sequence_number"] for record in messages(records, "s2c", "acknowledgement")]
        least = {"due": window, "late": 2 * window, "never": 0}[when]
        check(all(later - earlier >= least for earlier, later in zip([0] + numbers, numbers)), when, "acknowledged:", numbers)
        counts.append(len(numbers))
        check(records[-1]["bytes"]["c2s"] > 3 * window, "too little was sent:", records[-1]["bytes"])
    check(counts[0] > counts[1] > counts[2] == 0, "acknowledgements:", counts)


def main():
    decode.TESTS = [ffmpeg_publishes, gstreamer_publishes("rtmpsink"), gstreamer_publishes("rtmp2sink"), enhanced("hevc"),
                    *map(enhanced, ENHANCED), players, nobody_plays, secure, step_of_a_job, authenticated, *map(authenticates, WAYS),
                    refused, sent_elsewhere, asked_to_reconnect, dropped, acknowledged, interrupted]
    decode.main()


if __name__ == "__main__":
    main()

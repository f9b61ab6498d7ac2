#!/usr/bin/env python3
"""rtmpctl decode against real programs, live.

    eval "$(tests/programs)"
    RTMPCTL=target/debug/rtmpctl tests/real/decode.py [TEST...]

Each test starts nginx-rtmp on a free loopback port, records with tcpdump while a real program
publishes or plays, decodes the recording, and compares message for message with what
ffprobe says of the file. The last line is "N passed, N failed".

Nothing is judged by the clock: each wait is for a state, and its deadline only ends a test
that would otherwise hang. It needs root, or the right to make user namespaces.
"""
import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "testdata"))
import truth  # noqa: E402  (the decoder that shares nothing with rtmpctl)

DEADLINE = 60.0  # seconds; what is waited for takes a second or two
KEY = "live_s3cr3tk3y_5d2e9a7c4b1f"


class Failed(Exception):
    pass


def check(so, what, *details):
    if not so:
        raise Failed(" ".join([what, *map(str, details)]))


def same(got, want, what):
    """Two lists; names the first place at which they differ."""
    for index, (a, b) in enumerate(zip(got, want)):
        check(a == b, "%s %d:" % (what, index), "rtmpctl says", a, "and ffprobe", b)
    check(len(got) == len(want), "%s: rtmpctl has %d, ffprobe %d" % (what, len(got), len(want)))


def until(condition, what):
    end = time.monotonic() + DEADLINE
    while True:
        value = condition()
        if value:
            return value
        check(time.monotonic() < end, "gave up waiting for", what)
        time.sleep(0.02)


def run(*command, ok=(0,)):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DEADLINE)
    check(done.returncode in ok, "%s: exit status %d:" % (os.path.basename(command[0]), done.returncode), done.stderr[-2000:])
    return done


@contextlib.contextmanager
def process(*command, **options):
    """Runs until the block is left; only ever ends the process it started."""
    child = subprocess.Popen(command, stdin=options.pop("stdin", subprocess.DEVNULL), **options)
    try:
        yield child
    finally:
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


# ---------------------------------------------------------------- what is published
def quiet(ffmpeg):
    return [ffmpeg, "-hide_banner", "-loglevel", "error", "-nostdin", "-y"]


def make_sources(tmp):
    inputs = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"]
    avc, hevc = os.path.join(tmp, "avc.flv"), os.path.join(tmp, "hevc.flv")
    run(*quiet("ffmpeg"), *inputs, "-t", "4", "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p",
        "-bf", "2", "-g", "50", "-c:a", "aac", "-b:a", "64k", "-ac", "2", avc)
    new = os.environ["NEW_FFMPEG"]
    run(*quiet(new), *inputs, "-t", "3", "-c:v", "libx265", "-preset", "ultrafast", "-x265-params",
        "log-level=error:bframes=2:keyint=50", "-pix_fmt", "yuv420p", "-c:a", "libopus", "-b:a", "64k", "-ac", "2", "-f", "flv", hevc)
    return avc, hevc


def probed(path):
    """{"audio": [(dts, pts, size, key)], "video": ...}: ffprobe's packets, milliseconds."""
    done = run("ffprobe", "-v", "error", "-show_entries", "packet=codec_type,pts,dts,size,flags:stream=codec_type,time_base",
               "-of", "json", path)
    facts = json.loads(done.stdout)
    check(all(stream["time_base"] == "1/1000" for stream in facts["streams"]), "not in milliseconds:", path)
    found = {"audio": [], "video": []}
    for packet in facts["packets"]:
        found.setdefault(packet["codec_type"], []).append(
            (packet["dts"], packet["pts"], int(packet["size"]), packet["flags"].startswith("K")))
    check(found["audio"] and found["video"], "nothing in", path)
    return found


def framed(ffmpeg, path):
    """The same from an ffmpeg that came without ffprobe."""
    done = run(ffmpeg, "-hide_banner", "-loglevel", "error", "-nostdin", "-i", path, "-copyts", "-c", "copy", "-f", "framecrc", "-")
    kinds, found = {}, {"audio": [], "video": []}
    for line in done.stdout.splitlines():
        if line.startswith("#tb "):
            check(line.endswith(": 1/1000"), "not in milliseconds:", line)
        elif line.startswith("#media_type "):
            index, kind = line[len("#media_type "):].split(": ")
            kinds[index] = kind
        elif not line.startswith("#"):
            fields = [field.strip() for field in line.split(",")]
            flags = [int(field[2:], 16) for field in fields[6:] if field.startswith("F=")]
            found[kinds[fields[0]]].append((int(fields[1]), int(fields[2]), int(fields[4]), not flags or bool(flags[0] & 1)))
    check(found["audio"] and found["video"], "nothing in", path)
    return found


# ---------------------------------------------------------------- nginx and tcpdump
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def connects(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def nginx(tmp, chunk_size=4096):
    directory = tempfile.mkdtemp(prefix="nginx.", dir=tmp)
    vod = os.path.join(tmp, "vod")
    for _ in range(5):
        # the second one is not captured: whether the server is up is asked there
        port, other = free_port(), free_port()
        log = os.path.join(directory, "error.log")
        with open(os.path.join(directory, "nginx.conf"), "w") as file:
            file.write("""load_module %s; daemon off; master_process off; worker_processes 1; pid %s/nginx.pid; error_log %s info;
                events { worker_connections 64; }
                rtmp { access_log off; max_message 8M; ping 0; server {
                    listen 127.0.0.1:%d; listen 127.0.0.1:%d; chunk_size %d;
                    application live { live on; }
                    application vod { play %s; }
                } }
                """ % (os.environ["NGINX_RTMP_MODULE"], directory, log, port, other, chunk_size, vod))
        with process("nginx", "-p", directory, "-e", log, "-c", os.path.join(directory, "nginx.conf"),
                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
            until(lambda: server.poll() is not None or connects(other), "nginx")
            if server.poll() is not None:
                with open(log) as file:
                    text = file.read()
                check("in use" in text, "nginx ended:", text[-1000:])
                continue  # someone else took a port in between
            try:
                yield port
            except Exception:
                with open(log) as file:  # it is gone with the directory, and may say why
                    print("nginx (%s) said:\n%s" % (server.poll(), file.read()[-3000:]), flush=True)
                raise
            return
    raise Failed("no port for nginx")


@contextlib.contextmanager
def tcpdump(tmp, port, target, **options):
    """Records to a file, or to "-"; yields the process once it is recording."""
    log = os.path.join(tempfile.mkdtemp(prefix="tcpdump.", dir=tmp), "log")
    with open(log, "w") as errors:
        with process("tcpdump", "-Z", "root", "-i", "lo", "-n", "-U", "-B", "65536", "-w", target, "tcp port %d" % port,
                     stderr=errors, **options) as child:
            def ready():
                with open(log) as file:
                    text = file.read()
                check(child.poll() is None, "tcpdump ended:", text)
                return "listening on" in text
            until(ready, "tcpdump")
            yield child
            child.send_signal(signal.SIGINT)
            child.wait(10)
    with open(log) as file:
        text = file.read()
    check("\n0 packets dropped by kernel" in text, "tcpdump lost packets:", text)


def ended(path):
    try:
        return truth.closed(path) >= 1
    except (truth.Bad, struct.error, IndexError):
        return False  # it is being written


@contextlib.contextmanager
def recorded(tmp, name, chunk_size=4096):
    """A server and a recording; the block does the talking, one connection of it."""
    path = os.path.join(tmp, name + ".pcap")
    with nginx(tmp, chunk_size) as port:
        with tcpdump(tmp, port, path):
            yield "rtmp://127.0.0.1:%d" % port, path
            until(lambda: ended(path), "the end of the connection in the recording")


# ---------------------------------------------------------------- rtmpctl
def rtmpctl(*arguments):
    return [os.environ["RTMPCTL"], *arguments]


def decode(path, *options):
    done = run(*rtmpctl("decode", "-f", "json", *options, path))
    return [json.loads(line) for line in done.stdout.splitlines()], done.stdout


def whole(records):
    """What holds for any run that ended well and has one connection."""
    check(records and records[0]["event"] == "start" and records[0]["schema"] == 1, "the first record is not start")
    same([record["seq"] for record in records], list(range(len(records))), "seq")
    events = [record["event"] for record in records]
    for event in ("connection_opened", "connection_closed", "summary"):
        check(events.count(event) == 1, "%d of %s" % (events.count(event), event))
    check("gap" not in events, "a gap in a whole recording")
    check(sorted(record["packet"] for record in records if record["event"] == "handshake") == ["c0", "c1", "c2", "s0", "s1", "s2"],
          "not the six packets of the handshake")
    for record in records:
        check("malformed" not in record and "damaged" not in record and not record.get("timestamp_uncertain"), "malformed, damaged or uncertain:", record)


def messages(records, direction, kind):
    return [record for record in records
            if record["event"] == "message" and record["direction"] == direction and record["kind"] == kind]


def media(records, direction, kind):
    """(dts, pts, size, key) of what ffprobe would call a packet."""
    found = []
    for record in messages(records, direction, kind):
        body = record[kind]
        if body.get("packet_type") not in ("raw", "coded_frames", "coded_frames_x"):
            continue
        shift = body.get("composition_time", 0)
        key = body["frame_type"] == "key" if kind == "video" else True
        found.append((record["timestamp"], record["timestamp"] + shift, body["data_length"], key))
        if not body["enhanced"]:
            header = {"audio": 2, "video": 5}[kind]  # AAC and AVC
            check(record["length"] == body["data_length"] + header, "data_length of", record)
    return found


def equal(records, direction, packets):
    for kind in ("video", "audio"):
        same(media(records, direction, kind), packets[kind], kind)


def commands(records, direction):
    return [record["command"]["name"] for record in messages(records, direction, "command")]


def against_truth(records, path):
    """Every count and the order of all messages, as the other decoder sees them."""
    with open(path, "rb") as file:
        connections, _ = truth.connections(file.read())
    for name in ("c2s", "s2c"):
        stream, holes = getattr(connections[0], name).bytes()
        check(not holes, "holes in the recording")
        want = [(m.type, m.chunk_stream, m.message_stream, m.timestamp, len(m.payload), m.offset, len(m.ranges))
                for m in truth.chunks(stream)[0]]
        got = [(r["type_id"], r["chunk_stream_id"], r["message_stream_id"], r["timestamp"], r["length"], r["offset"], r["chunks"])
               for r in records if r["event"] == "message" and r["direction"] == name and "aggregate" not in r]
        # interleaved chunk streams: ordered by where a message begins
        same(sorted(got, key=lambda m: m[5]), sorted(want, key=lambda m: m[5]), "message (against truth.py) " + name)
        summary = next(record for record in records if record["event"] == "summary")
        check(summary["bytes"][name] == len(stream), "bytes %s:" % name, summary["bytes"][name], "of", len(stream))


# ---------------------------------------------------------------- the tests
def publish_avc_aac(tmp, avc, hevc):
    with recorded(tmp, "publish") as (url, path):
        run(*quiet("ffmpeg"), "-i", avc, "-c", "copy", "-f", "flv", url + "/live/" + KEY)
    records, text = decode(path)
    whole(records)
    equal(records, "c2s", probed(avc))
    against_truth(records, path)
    check(any(pts != dts for dts, pts, _, _ in media(records, "c2s", "video")), "no composition times")
    check(commands(records, "c2s")[:1] == ["connect"] and "publish" in commands(records, "c2s"), "commands:", commands(records, "c2s"))
    check("onStatus" in commands(records, "s2c"), "commands:", commands(records, "s2c"))
    summary = records[-1]
    check(summary["event"] == "summary" and summary["app"] == "live", "summary:", summary)
    check(summary["messages"]["c2s"]["video"] == len(messages(records, "c2s", "video")), "summary:", summary)
    check(KEY not in text, "the stream key is not masked")
    shown, text = decode(path, "--show-keys")
    check(KEY in text and len(shown) == len(records), "--show-keys")


def play_recording(tmp, avc, hevc):
    with recorded(tmp, "play", chunk_size=128) as (url, path):
        # 2: rtmpdump finds that 99 % of the length in the metadata was played
        run("rtmpdump", "-q", "-r", url + "/vod", "-y", os.path.basename(avc), "-o", os.path.join(tmp, "played.flv"), ok=(0, 2))
    records, _ = decode(path)
    whole(records)
    equal(records, "s2c", probed(avc))
    against_truth(records, path)
    check("play" in commands(records, "c2s"), "commands:", commands(records, "c2s"))


def gstreamer_publish(tmp, avc, hevc):
    copy = os.path.join(tmp, "gstreamer.flv")
    with recorded(tmp, "gstreamer") as (url, path):
        run("gst-launch-1.0", "-q", "filesrc", "location=" + avc, "!", "flvdemux", "name=demux",
            "flvmux", "name=mux", "streamable=true", "!", "tee", "name=tee", "!", "queue", "!", "rtmp2sink", "location=" + url + "/live/gst",
            "tee.", "!", "queue", "!", "filesink", "location=" + copy,
            "demux.video", "!", "queue", "!", "h264parse", "!", "mux.video", "demux.audio", "!", "queue", "!", "aacparse", "!", "mux.audio")
    records, _ = decode(path)
    whole(records)
    equal(records, "c2s", probed(copy))
    against_truth(records, path)


def enhanced_hevc_opus(tmp, avc, hevc):
    new = os.environ["NEW_FFMPEG"]
    with recorded(tmp, "enhanced") as (url, path):
        run(*quiet(new), "-i", hevc, "-c", "copy", "-f", "flv", url + "/live/hevc")
    records, _ = decode(path)
    whole(records)
    equal(records, "c2s", framed(new, hevc))
    against_truth(records, path)
    for kind, codec in (("video", "hevc"), ("audio", "opus")):
        found = {(record[kind]["codec"], record[kind]["enhanced"]) for record in messages(records, "c2s", kind)}
        check(found == {(codec, True)}, kind, found)
    config = next(record["video"]["config"] for record in messages(records, "c2s", "video")
                  if record["video"]["packet_type"] == "sequence_start")
    check((config["width"], config["height"]) == (320, 180), "config:", config)


def flv_files(tmp, avc, hevc):
    """The files themselves, without a wire: whole, through a pipe, and recorded again."""
    new = os.environ["NEW_FFMPEG"]
    for path, packets in ((avc, probed(avc)), (hevc, framed(new, hevc))):
        records, text = decode(path)
        equal(records, "c2s", packets)
        check(records[1]["transport"] == "flv" and records[1]["client"] is None, "opened:", records[1])
        check(not [record for record in records if record["event"] == "finding" and record["severity"] != "info"], "findings in", path, text[-600:])
        with open(path, "rb") as file:
            piped = subprocess.run(rtmpctl("decode", "-f", "json", "-"), stdin=file, capture_output=True, text=True, timeout=DEADLINE)
        same(piped.stdout.splitlines()[1:], text.splitlines()[1:], "line through a pipe")
        again = os.path.join(tmp, "again-" + os.path.basename(path))
        decode(path, "--write-flv", again)
        with open(path, "rb") as one, open(os.path.join(again, "rtmp-001-0.flv"), "rb") as two:
            check(one.read()[13:] == two.read()[13:], "other tags when recorded again:", path)
    # timestamps beyond 24 bits, and beyond 31, which ffmpeg does not write and reads without a sign
    late, later = os.path.join(tmp, "late.flv"), os.path.join(tmp, "later.flv")
    run(*quiet("ffmpeg"), "-i", avc, "-c", "copy", "-copyts", "-output_ts_offset", "16777", late)
    equal(decode(late)[0], "c2s", probed(late))
    with open(late, "rb") as file:
        data = bytearray(file.read())
    for record in decode(late)[0]:
        if record["event"] == "message":
            data[record["offset"] + 7] |= 0x80
    with open(later, "wb") as file:
        file.write(data)
    equal(decode(later)[0], "c2s", probed(later))


def through_a_pipe(tmp, avc, hevc):
    """Records come while the capture goes on, not when it ends."""
    want = probed(avc)
    with nginx(tmp) as port:
        reading, writing = os.pipe()
        lines, arrived = [], threading.Condition()
        with process(*rtmpctl("decode", "-f", "json", "--port", str(port), "-"), stdin=reading, stdout=subprocess.PIPE, text=True) as decoder:
            os.close(reading)

            def read():
                for line in decoder.stdout:
                    with arrived:
                        lines.append(json.loads(line))
                        arrived.notify_all()
                with arrived:
                    lines.append(None)
                    arrived.notify_all()

            reader = threading.Thread(target=read, daemon=True)
            reader.start()
            with tcpdump(tmp, port, "-", stdout=writing) as capture:
                os.close(writing)
                run(*quiet("ffmpeg"), "-i", avc, "-c", "copy", "-f", "flv", "rtmp://127.0.0.1:%d/live/cam" % port)

                def complete():
                    records = [line for line in lines if line]
                    return None in lines or all(len(media(records, "c2s", kind)) >= len(want[kind]) for kind in want)
                with arrived:
                    check(arrived.wait_for(complete, DEADLINE), "records did not come while the pipe was open: %d lines" % len(lines))
                check(None not in lines and capture.poll() is None and decoder.poll() is None, "the decoder ended before its input")
            reader.join(DEADLINE)
            check(not reader.is_alive(), "the decoder goes on after the end of its input")
            check(decoder.wait(10) == 0, "exit status %s" % decoder.returncode)
    records = lines[:-1]
    whole(records)
    equal(records, "c2s", want)


TESTS = [publish_avc_aac, play_recording, gstreamer_publish, enhanced_hevc_opus, flv_files, through_a_pipe]


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, 0x8913, request))[1]
        if not flags & 1:
            fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", flags | 1))


def own_loopback():
    """What every script here begins with: the right to record, the programs, a loopback that is up."""
    if os.geteuid() != 0:  # tcpdump needs it: in a namespace of our own we are
        script = os.path.abspath(sys.argv[0])
        os.execvp("unshare", ["unshare", "--map-root-user", "--user", "--net", sys.executable, script, *sys.argv[1:]])
    for name in ("RTMPCTL", "NEW_FFMPEG", "NGINX_RTMP_MODULE"):
        if not os.environ.get(name):
            sys.exit('%s is not set: eval "$(tests/programs)", and RTMPCTL is the program' % name)
    os.environ["RTMPCTL"] = os.path.abspath(os.environ["RTMPCTL"])
    loopback_up()


def main():
    own_loopback()
    chosen = [test for test in TESTS if not sys.argv[1:] or test.__name__ in sys.argv[1:]]
    if not chosen:
        sys.exit("no such test; there are: " + " ".join(test.__name__ for test in TESTS))
    passed = failed = 0
    tmp = tempfile.mkdtemp(prefix="rtmpctl-real.")
    try:
        avc, hevc = make_sources(tmp)
        os.mkdir(os.path.join(tmp, "vod"))
        shutil.copy(avc, os.path.join(tmp, "vod"))
        for test in chosen:
            began = time.monotonic()
            try:
                test(tmp, avc, hevc)
                result, passed = "ok", passed + 1
            except Failed as error:
                result, failed = "FAILED: %s" % error, failed + 1
            except Exception:  # noqa: BLE001  (the next test is to run whatever this one met)
                result, failed = "FAILED:\n" + traceback.format_exc(), failed + 1
            print("real %s (%.1f s) ... %s" % (test.__name__, time.monotonic() - began, result), flush=True)
    finally:
        if failed and os.environ.get("KEEP"):
            print("kept: " + tmp)
        else:
            shutil.rmtree(tmp, ignore_errors=True)
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

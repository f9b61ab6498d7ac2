#!/usr/bin/env python3
"""rtmpctl proxy between real programs.

    eval "$(tests/programs)"
    RTMPCTL=target/debug/rtmpctl tests/real/proxy.py [TEST...]

Each test lets a real encoder or player talk to a real server through the proxy, and compares what the
server recorded, or the player got, packet by packet with the same done without it. It needs root, or the
right to make user namespaces. The last line is "N passed, N failed".
"""
import contextlib
import glob
import json
import os
import re
import signal
import subprocess
import sys
import tempfile

import decode
from decode import (KEY, check, connects, framed, free_port, probed, process, quiet, rtmpctl, run, same, tcpdump, until, whole)


# ---------------------------------------------------------------- servers and the proxy
@contextlib.contextmanager
def nginx(tmp, host="127.0.0.1"):
    """A server that records what is published; yields its port and the directory."""
    directory = tempfile.mkdtemp(prefix="nginx.", dir=tmp)
    for _ in range(5):
        port, log = free_port(), os.path.join(directory, "error.log")
        with open(os.path.join(directory, "nginx.conf"), "w") as file:
            file.write("""load_module %s; user root; daemon off; master_process off; worker_processes 1; pid %s/nginx.pid;
                error_log %s info; events { worker_connections 64; }
                rtmp { access_log off; max_message 8M; ping 0; server { listen %s:%d; chunk_size 4096;
                    application live { live on; record all; record_path %s; }
                    application vod { play %s; }
                } }
                """ % (os.environ["NGINX_RTMP_MODULE"], directory, log, host, port, directory, os.path.join(tmp, "vod")))
        with process("nginx", "-p", directory, "-e", log, "-c", os.path.join(directory, "nginx.conf"),
                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
            until(lambda: server.poll() is not None or connects(port), "nginx")
            if server.poll() is None:
                yield port, directory
                return
    raise decode.Failed("no port for nginx")


class Listening:
    """`rtmpctl listen` or `proxy`, once it listens: its process, its address, and where it writes."""

    def __init__(self, child, port, out, errors):
        self.child, self.port, self.out, self.errors = child, port, out, errors

    def records(self):
        """Ends it, and gives what it printed."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGINT)
        check(self.child.wait(10) == 0, "exit status", self.child.returncode, "of", self.errors)
        with open(self.out) as file:
            return [json.loads(line) for line in file]

    def closed(self):
        """How many connections are over."""
        with open(self.out) as file:
            return sum('"event":"summary"' in line for line in file)


@contextlib.contextmanager
def listening(tmp, command, *arguments, listen="127.0.0.1:0"):
    directory = tempfile.mkdtemp(prefix=command + ".", dir=tmp)
    out, errors = os.path.join(directory, "out"), os.path.join(directory, "errors")
    where = ["--listen", listen] if command == "proxy" else [listen]
    with open(errors, "w") as file:
        with process(*rtmpctl(command, "-f", "json", "-o", out, *arguments, *where), stderr=file) as child:
            def said():
                with open(errors) as text:
                    lines = text.read()
                check(child.poll() is None, "rtmpctl ended:", lines)
                found = [line for line in lines.splitlines() if line.startswith("rtmpctl: listening on ")]
                return found and int(found[0].split()[3].rsplit(":", 1)[1].rstrip(","))
            yield Listening(child, until(said, "rtmpctl " + command), out, errors)


def publish(path, url, *options):
    run(*quiet("ffmpeg"), "-i", path, "-c", "copy", "-f", "flv", *options, url)


def gstreamer(path, url):
    run("gst-launch-1.0", "-q", "filesrc", "location=" + path, "!", "flvdemux", "name=demux",
        "flvmux", "name=mux", "streamable=true", "!", "rtmp2sink", "location=" + url,
        "demux.video", "!", "queue", "!", "h264parse", "!", "mux.video", "demux.audio", "!", "queue", "!", "aacparse", "!", "mux.audio")


def recording(directory, name):
    """What the server recorded, once it is whole."""
    path = os.path.join(directory, name + ".flv")
    until(lambda: os.path.exists(path) and os.path.getsize(path) > 0, path)
    last = [-1]

    def still():
        size, last[0] = last[0], os.path.getsize(path)
        return size == last[0]
    until(still, "the end of " + path)
    return probed(path)


def identical(got, want, what):
    for kind in ("video", "audio"):
        same(got[kind], want[kind], "%s, %s packet" % (what, kind))


# Of what a track is told by when its frames arrived.
ARRIVALS = ("ahead", "av_drift", "av_skew", "clock_drift", "jitter", "longest_silence")


def bare(value):
    """What is the same however it was captured: all but times, also those in words."""
    if isinstance(value, dict):
        return {key: re.sub(r"[0-9.]+ (ms|s)\b", "T", item) if key == "sentence" else bare(item) for key, item in value.items()
                if key not in ("time", "elapsed", "frame", "duration", "at", "took", "proxy", *ARRIVALS)}
    return [bare(item) for item in value] if isinstance(value, list) else value


def decoded(path, *options):
    done = run(*rtmpctl("decode", "-f", "json", *options, path))
    return [json.loads(line) for line in done.stdout.splitlines()]


def without_notes(records):
    """Findings about segments are not there live, where nobody sees them; they shift numbers."""
    def about_segments(code):
        return code.split(".")[0] in ("tcp", "capture") or code == "hs.fragmented"
    def numbered(key):
        return key in ("seq", "about", "reply_to", "findings", "findings_list", "evidence")

    def without(value):
        if isinstance(value, dict):
            return {key: without(item) for key, item in value.items() if not numbered(key)}
        return [without(item) for item in value] if isinstance(value, list) else value
    return [without(bare(record))
            for record in records[1:] if not (record["event"] == "finding" and about_segments(record["code"]))]


# ---------------------------------------------------------------- the tests
def ffmpeg_into_nginx(tmp, avc, hevc):
    with nginx(tmp) as (port, directory):
        publish(avc, "rtmp://127.0.0.1:%d/live/direct" % port)
        written = os.path.join(tmp, "seen.pcapng")
        capture = os.path.join(tmp, "seen.pcap")
        with listening(tmp, "proxy", "--write-pcapng", written, "rtmp://127.0.0.1:%d" % port) as proxy:
            with tcpdump(tmp, proxy.port, capture):
                publish(avc, "rtmp://127.0.0.1:%d/live/through" % proxy.port)
                until(proxy.closed, "the end of the connection")
                until(lambda: decode.ended(capture), "the end of the connection in the capture")
            records = proxy.records()
        identical(recording(directory, "through"), recording(directory, "direct"), "what the server recorded")
    whole(records)
    decode.equal(records, "c2s", probed(avc))
    sides = records[-1]["proxy"]
    check(sides["upstream"]["address"] == "127.0.0.1:%d" % port and sides["forwarded"] == records[-1]["bytes"], "proxy:", sides)
    # listen, proxy and decode agree
    live, again, captured = without_notes(records), without_notes(decoded(written)), without_notes(decoded(capture))
    same(live, again, "live and its recording")
    same(sorted(map(json.dumps, live)), sorted(map(json.dumps, captured)), "live and captured")


def gstreamer_into_nginx(tmp, avc, hevc):
    with nginx(tmp) as (port, directory):
        gstreamer(avc, "rtmp://127.0.0.1:%d/live/direct" % port)
        with listening(tmp, "proxy", "rtmp://127.0.0.1:%d" % port) as proxy:
            gstreamer(avc, "rtmp://127.0.0.1:%d/live/through" % proxy.port)
            until(proxy.closed, "the end of the connection")
            whole(proxy.records())
        identical(recording(directory, "through"), recording(directory, "direct"), "what the server recorded")


def both_into_listen(tmp, avc, hevc):
    flv = tempfile.mkdtemp(prefix="flv.", dir=tmp)
    with listening(tmp, "listen", "--write-flv", flv) as server:
        with listening(tmp, "proxy", "rtmp://127.0.0.1:%d" % server.port) as proxy:
            for count, send in enumerate((publish, gstreamer), 1):
                for number, port in enumerate((server.port, proxy.port)):
                    send(avc, "rtmp://127.0.0.1:%d/live/%s%d" % (port, send.__name__, number))
                until(lambda: proxy.closed() == count and server.closed() == 2 * count, "the end of the connections")
            seen = proxy.records()
        answered = server.records()
    files = sorted(glob.glob(os.path.join(flv, "*.flv")), key=os.path.getmtime)
    check(len(files) == 4, "recordings:", files)
    identical(probed(files[1]), probed(files[0]), "ffmpeg, what was recorded")
    identical(probed(files[3]), probed(files[2]), "GStreamer, what was recorded")
    # Both of them saw the same messages of the connections that both saw.
    for number, connection in ((1, 2), (2, 4)):
        for way in ("c2s", "s2c"):
            def said(records, wanted):
                return [(r["kind"], r["timestamp"], r["length"], r["offset"]) for r in records
                        if r["event"] == "message" and r["connection"] == wanted and r["direction"] == way]
            same(said(seen, number), said(answered, connection), "proxy and listen, " + way)


def players(tmp, avc, hevc):
    with nginx(tmp) as (port, _):
        with listening(tmp, "proxy", "rtmp://127.0.0.1:%d" % port) as proxy:
            played = {}
            for name, at in (("direct", port), ("through", proxy.port)):
                path = os.path.join(tmp, name + ".flv")
                # 2: rtmpdump finds that 99 % of the length in the metadata was played
                run("rtmpdump", "-q", "-r", "rtmp://127.0.0.1:%d/vod" % at, "-y", os.path.basename(avc), "-o", path, ok=(0, 2))
                played[name] = probed(path), framed("ffmpeg", "rtmp://127.0.0.1:%d/vod/%s" % (at, os.path.basename(avc)))
            until(lambda: proxy.closed() == 2, "the end of the connections")
            records = proxy.records()
    for of in (0, 1):
        identical(played["through"][of], played["direct"][of], "what the player got")
        decode.equal([record for record in records if record.get("connection") == of + 1], "s2c", probed(avc))


def secure_on_both_sides(tmp, avc, hevc):
    keys, capture = os.path.join(tmp, "both.keys"), os.path.join(tmp, "both.pcap")
    with listening(tmp, "listen", "--tls-self-signed") as server:
        with listening(tmp, "proxy", "--tls-self-signed", "--insecure", "--key-log", keys, "rtmps://127.0.0.1:%d" % server.port) as proxy:
            with tcpdump(tmp, server.port, capture):
                publish(avc, "rtmps://127.0.0.1:%d/live/%s" % (proxy.port, KEY), "-tls_verify", "0")
                until(lambda: proxy.closed() and server.closed(), "the end of the connections")
                until(lambda: decode.ended(capture), "the end of the connection in the capture")
            records = proxy.records()
            with open(proxy.errors) as file:
                check("--insecure" in file.read(), "nothing is said of --insecure")
        server.records()
    whole(records)
    decode.equal(records, "c2s", probed(avc))
    summary = records[-1]
    check(summary["transport"] == "rtmps" and summary["proxy"]["upstream"]["transport"] == "rtmps", "summary:", summary)
    # What goes to the server is decrypted with the secrets of the key log.
    behind = decoded(capture, "--key-log", keys, "--port", str(server.port))
    decode.equal(behind, "c2s", probed(avc))


def rewritten_for_the_server(tmp, avc, hevc):
    with nginx(tmp) as (port, directory):
        publish(avc, "rtmp://127.0.0.1:%d/live/direct" % port)
        with listening(tmp, "proxy", "--rewrite", "rtmp://127.0.0.1:%d/live/%s" % (port, KEY)) as proxy:
            for count, send in enumerate((publish, gstreamer), 1):
                send(avc, "rtmp://127.0.0.1:%d/anything/else" % proxy.port)
                until(lambda: proxy.closed() == count, "the end of the connection")
                got = recording(directory, KEY)
                if send is publish:
                    identical(got, recording(directory, "direct"), "what the server recorded")
                os.remove(os.path.join(directory, KEY + ".flv"))
            records = proxy.records()
    with open(proxy.out) as file:
        check(KEY not in file.read(), "the stream key is not masked")
    changed = {(record["call"], record["field"]) for record in records if record["event"] == "rewritten"}
    check({("connect", "app"), ("connect", "tc_url"), ("publish", "stream_name")} <= changed, "rewritten:", changed)
    check(all(record["code"] != "proxy.not-rewritten" for record in records if record["event"] == "finding"), "not rewritten")


def redirected(tmp, avc, hevc):
    """In a network namespace of its own: what REDIRECT, and TPROXY, send to the proxy goes where it was going."""
    done = run("unshare", "--net", sys.executable, os.path.abspath(__file__), "--inside", tmp, avc)
    check("redirected ok" in done.stdout, done.stdout, done.stderr)


def inside(tmp, avc):
    """The commands are those of the README, but for interface and ports."""
    with nginx(tmp, "0.0.0.0") as (port, directory), neighbour() as (outside, address):
        publish(avc, "rtmp://127.0.0.1:%d/live/direct" % port)
        want = recording(directory, "direct")
        for name, set_up, undo in (
                ("redirect", ["nft add table ip rtmpctl",
                              "nft add chain ip rtmpctl there { type nat hook prerouting priority dstnat; }",
                              "nft add rule ip rtmpctl there iifname rtmpctl0 tcp dport %d redirect to :%d"], "nft delete table ip rtmpctl"),
                ("tproxy", ["ip rule add fwmark 1 lookup 100",
                            "ip route add local default dev lo table 100",
                            "iptables -t mangle -A PREROUTING -i rtmpctl0 -p tcp --dport %d -j TPROXY --on-port %d --tproxy-mark 1"],
                 "iptables -t mangle -F")):
            with listening(tmp, "proxy", "--transparent", listen="0.0.0.0:0") as proxy:
                set_up[-1] %= (port, proxy.port)
                for command in set_up:
                    run(*command.split())
                run(*outside, *quiet("ffmpeg"), "-i", avc, "-c", "copy", "-f", "flv", "rtmp://%s:%d/live/%s" % (address, port, name))
                until(proxy.closed, "the end of the connection")
                # What was not redirected is refused, and its reason told.
                check(not talks(proxy.port), "a connection that was not redirected is handed on")
                until(lambda: proxy.closed() == 2, "the end of the other connection")
                records = proxy.records()
                run(*undo.split())
            identical(recording(directory, name), want, "what the server recorded")
            first, other = [record["proxy"] for record in records if record["event"] == "summary"]
            check(first["upstream"]["address"] == "%s:%d" % (address, port), "upstream:", first)
            check(other["upstream"] is None, "upstream:", other)
            check("proxy.not-redirected" in [record.get("code") for record in records], "nothing is said of it")
    print("redirected ok")


def talks(port):
    """Whether a connection stays open and is answered."""
    import socket
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        client.settimeout(10)
        try:
            client.sendall(b"\3" + bytes(1536))
            return bool(client.recv(1))
        except ConnectionError:
            return False


@contextlib.contextmanager
def neighbour():
    """Another network namespace; yields how a command runs there, and an address of ours that it routes to us."""
    with process("unshare", "--net", "sleep", "1000") as child:
        outside = ["nsenter", "--net", "--target", str(child.pid), "--"]
        here = os.readlink("/proc/self/ns/net")
        until(lambda: os.readlink("/proc/%d/ns/net" % child.pid) != here, "the other namespace")
        run("ip", "link", "add", "rtmpctl0", "type", "veth", "peer", "name", "rtmpctl1", "netns", str(child.pid))
        run("ip", "address", "add", "10.99.0.1/24", "dev", "rtmpctl0")
        run("ip", "address", "add", "10.99.1.1/32", "dev", "lo")
        run("ip", "link", "set", "rtmpctl0", "up")
        run(*outside, "ip", "address", "add", "10.99.0.2/24", "dev", "rtmpctl1")
        run(*outside, "ip", "link", "set", "rtmpctl1", "up")
        run(*outside, "ip", "route", "add", "default", "via", "10.99.0.1")
        yield outside, "10.99.1.1"


def main():
    if sys.argv[1:2] == ["--inside"]:
        decode.loopback_up()
        inside(*sys.argv[2:])
        return
    decode.TESTS = [ffmpeg_into_nginx, gstreamer_into_nginx, both_into_listen, players, secure_on_both_sides,
                    rewritten_for_the_server, redirected]
    decode.main()


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""The truth of what testdata/carried holds, found a second time.

    tests/real/carried.py [CAPTURE...]

What is written beside those captures was recorded behind the gateway that ended TLS or RTMPT. Here tshark
decrypts the captures with their keys, the bodies of HTTP are put together, and the RTMP that comes out is walked again:
it must be the same. For captures that lack a packet it is that of the whole one, and where the gap is. The last line is "N passed, N failed".
"""
import json
import os
import subprocess
import sys
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
TESTDATA = os.path.join(os.path.dirname(os.path.dirname(HERE)), "testdata")
sys.dont_write_bytecode = True
sys.path.insert(0, TESTDATA)
import truth  # noqa: E402  (the decoder that shares nothing with rtmpctl)


class Failed(Exception):
    pass


def tshark(path, *options):
    keys = os.path.splitext(path)[0] + ".keys"
    keys = ["-o", "tls.keylog_file:" + keys] if os.path.exists(keys) else []
    command = ["tshark", "-r", path, "-o", "tcp.reassemble_out_of_order:TRUE", "-d", "tcp.port==1937,tls", "-d", "tls.port==443,data", "-d", "tls.port==1937,data", *keys, *options]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise Failed("tshark: " + done.stderr[-1000:])
    return done.stdout


def followed(path, protocol, stream, connection):
    """[(from the server, bytes)...] of one TCP connection, in order."""
    out, first = [], None
    for line in tshark(path, "-q", "-z", "follow,%s,raw,%d" % (protocol, stream)).splitlines():
        digits = line.strip()
        if line.startswith("Node 0: "):
            first = int(line.rsplit(":", 1)[1]) == connection.server[1]  # of TLS it may be either side
        elif digits and not set(digits) - set("0123456789abcdef"):
            out.append((first != line.startswith("\t"), bytes.fromhex(digits)))
    return out


def streams_of(path, protocol):
    with open(path, "rb") as file:
        connections = truth.connections(file.read())[0]
    return [followed(path, protocol, number, connection) for number, connection in enumerate(connections)]


def http(stream):
    """The messages of one direction of HTTP: [(first line, body)...]"""
    out, at = [], 0
    while at < len(stream):
        end = stream.index(b"\r\n\r\n", at)
        lines = stream[at:end].decode("latin-1").split("\r\n")
        lengths = [int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length:")]
        if len(lengths) != 1:
            raise Failed("no length in %r" % lines)
        at = end + 4 + lengths[0]
        if at > len(stream):
            raise Failed("a body is cut")
        out.append((lines[0], stream[end + 4:at]))
    return out


def unwrapped(connections):
    """The RTMP of the one RTMPT session on these HTTP connections."""
    exchanges = []  # (number in the session, request line, request body, answer)
    for pieces in connections:
        sides = [b"".join(data for server, data in pieces if server == side) for side in (False, True)]
        requests, answers = map(http, sides)
        if len(answers) not in (len(requests), len(requests) - 1):
            raise Failed("%d answers to %d requests" % (len(answers), len(requests)))
        for (line, body), (status, answer) in zip(requests, answers + [("", b"")]):
            words = line.split()[1].strip("/").split("/")
            if words[0] in ("send", "idle") and (" 200 " in status or not status):
                exchanges.append((int(words[2]), words[0], body, answer))
    exchanges.sort()
    numbers = [number for number, *_ in exchanges]
    if len(set(numbers)) != len(numbers):
        raise Failed("a request number came twice")
    c2s = b"".join(body for _, what, body, _ in exchanges if what == "send")
    s2c = b"".join(answer[1:] for *_, answer in exchanges)
    return c2s, s2c


def of(path):
    """[(RTMP of the client, of the server)...] of a capture that lacks nothing, and the number of TCP connections."""
    name = os.path.basename(path)
    found = streams_of(path, "tls" if name.startswith(("rtmps", "rtmpts")) else "tcp")
    if name.startswith("rtmpt"):
        return [unwrapped(found)], len(found)
    return [[b"".join(data for server, data in pieces if server == side) for side in (False, True)] for pieces in found], len(found)


def check(path):
    with open(os.path.splitext(path)[0] + ".truth.json") as file:
        want = json.load(file)
    whole = os.path.join(os.path.dirname(path), want["whole_session"]) if "whole_session" in want else path
    pairs, count = of(whole)
    if (len(pairs), count) != (len(want["connections"]), want["tcp_connections"]):
        raise Failed("%d sessions on %d connections" % (len(pairs), count))
    for pair, connection in zip(pairs, want["connections"]):
        for direction, stream in zip(("c2s", "s2c"), pair):
            got = truth.direction(stream, [])[0]
            if whole != path:
                del got["missing"]
            for field in got:
                # as numbers and texts of JSON
                if json.loads(json.dumps(got[field])) != connection[direction][field]:
                    raise Failed("%s %s is %r, not %r" % (direction, field, got[field], connection[direction][field]))
    if whole != path and not os.path.basename(path).startswith("rtmpt"):
        gap(path, pairs[0][0], want["connections"][0]["c2s"]["missing"])


def gap(path, full, missing):
    """What tshark decrypts is the client's RTMP ahead of the gap. Behind it, it decrypts no more."""
    part = b"".join(data for server, data in streams_of(path, "tls")[0] if not server)
    (place,) = missing
    begin, end = place["offset"], place["offset"] + place["length"]
    if part[:begin] != full[:begin] or part[begin:] and not full[end:].startswith(part[begin:]):
        raise Failed("the gap is not that of %d bytes at %d" % (place["length"], begin))


def main():
    directory = os.path.join(TESTDATA, "carried")
    paths = sys.argv[1:] or [os.path.join(directory, name) for name in sorted(os.listdir(directory)) if ".pcap" in name]
    passed = failed = 0
    for path in paths:
        name = os.path.basename(path)
        try:
            check(path)
        except Exception as error:  # whatever it is, it is this capture that failed
            failed += 1
            print("%s: FAILED: %s" % (name, error if isinstance(error, Failed) else traceback.format_exc()))
        else:
            passed += 1
            print("%s: ok" % name)
    print("%d passed, %d failed" % (passed, failed + (not passed and not failed)))
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()

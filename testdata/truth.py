#!/usr/bin/env python3
"""What a capture of RTMP holds, found by a decoder of its own.

    truth.py CAPTURE...                   writes NAME.truth.json beside each capture
    truth.py --print CAPTURE              prints it instead
    truth.py --messages CAPTURE           prints one line per message (tab-separated)
    truth.py --of WHOLE.pcap DAMAGED.pcap the truth of a capture that has lost packets:
                                          the messages are those of WHOLE, what DAMAGED
                                          lacks of them is listed
    truth.py --plain PLAIN CAPTURE        the truth of a capture of TLS or RTMPT: PLAIN is a
                                          capture of the RTMP that was in it, from behind the
                                          gateway. With --of WHOLE, what of the client's RTMP
                                          CAPTURE lacks is found by WHOLE's TLS 1.3 records or
                                          bodies of HTTP
    truth.py --as OTHER CAPTURE           the truth of a capture that has all that OTHER has
    truth.py --closed N CAPTURE           succeeds once N connections have ended in it

This shares no code with rtmpctl and is kept as plain as possible, because the tests compare the
two: a capture is read whole, each TCP direction is put together by sequence number, and
the RTMP chunks are walked once. It needs Python 3.9 and nothing else. Captures that are
damaged are beyond it, but for what --of does.
"""
import argparse
import gzip
import hashlib
import json
import os
import struct
import sys


class Bad(Exception):
    pass


# ---------------------------------------------------------------- capture files
def packets(data):
    """Yields (link type, packet bytes) for pcap and pcapng, in file order."""
    magic = data[:4]
    if magic == b"\x0a\x0d\x0d\x0a":
        yield from pcapng_packets(data)
        return
    for order in "<>":
        if struct.unpack(order + "I", magic)[0] in (0xA1B2C3D4, 0xA1B23C4D):
            break
    else:
        raise Bad("neither pcap nor pcapng")
    link = struct.unpack(order + "I", data[20:24])[0] & 0xFFFF
    at = 24
    while at + 16 <= len(data):
        captured = struct.unpack(order + "I", data[at + 8:at + 12])[0]
        yield link, data[at + 16:at + 16 + captured]
        at += 16 + captured


def pcapng_packets(data):
    order, links, at = "<", [], 0
    while at + 12 <= len(data):
        kind = struct.unpack(order + "I", data[at:at + 4])[0]
        if data[at:at + 4] == b"\x0a\x0d\x0d\x0a":
            order = "<" if data[at + 8:at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            links = []
            kind = 0x0A0D0D0A
        length = struct.unpack(order + "I", data[at + 4:at + 8])[0]
        if length < 12:
            raise Bad("pcapng block of %d bytes" % length)
        body = data[at + 8:at + length - 4]
        if kind == 1:  # interface description
            links.append(struct.unpack(order + "H", body[:2])[0])
        elif kind == 6:  # enhanced packet
            interface, _, _, captured = struct.unpack(order + "IIII", body[:16])
            yield links[interface], body[20:20 + captured]
        elif kind == 3:  # simple packet
            original = struct.unpack(order + "I", body[:4])[0]
            yield links[0], body[4:4 + original]
        at += length


def ip_of(link, packet):
    """The bytes from the IP header on, or None."""
    if link == 1:  # Ethernet
        at, kind = 14, packet[12:14]
        while kind in (b"\x81\x00", b"\x88\xa8", b"\x91\x00"):
            kind = packet[at + 2:at + 4]
            at += 4
        return packet[at:] if kind in (b"\x08\x00", b"\x86\xdd") else None
    if link == 113:  # Linux cooked
        return packet[16:] if packet[14:16] in (b"\x08\x00", b"\x86\xdd") else None
    if link == 276:  # Linux cooked, version 2
        return packet[20:] if packet[0:2] in (b"\x08\x00", b"\x86\xdd") else None
    if link in (0, 108):  # BSD loopback
        return packet[4:]
    if link in (12, 14, 101, 228, 229):  # raw IP
        return packet
    raise Bad("link type %d" % link)


def tcp_of(ip):
    """(source, destination, sequence number, flags, payload) or None."""
    if not ip:
        return None
    if ip[0] >> 4 == 4:
        header, total = (ip[0] & 15) * 4, struct.unpack(">H", ip[2:4])[0]
        if ip[9] != 6 or struct.unpack(">H", ip[6:8])[0] & 0x1FFF:
            return None
        if total:
            ip = ip[:total]
        hosts = [".".join(map(str, ip[at:at + 4])) for at in (12, 16)]
        tcp = ip[header:]
    elif ip[0] >> 4 == 6:
        if ip[6] != 6:
            return None
        total = struct.unpack(">H", ip[4:6])[0]
        if total:
            ip = ip[:40 + total]
        hosts = ["[%s]" % ipv6(ip[at:at + 16]) for at in (8, 24)]
        tcp = ip[40:]
    else:
        return None
    if len(tcp) < 20:
        return None
    ports = struct.unpack(">HH", tcp[:4])
    sequence = struct.unpack(">I", tcp[4:8])[0]
    return ((hosts[0], ports[0]), (hosts[1], ports[1]), sequence, tcp[13], tcp[(tcp[12] >> 4) * 4:])


def cut_off(ip):
    """How many bytes of the packet the snap length has cut off."""
    total = struct.unpack(">H", ip[2:4])[0] if ip[0] >> 4 == 4 else 40 + struct.unpack(">H", ip[4:6])[0]
    return max(0, total - len(ip))


def ipv6(raw):
    import ipaddress
    return str(ipaddress.IPv6Address(bytes(raw)))


# ---------------------------------------------------------------- TCP
FIN, SYN, RST, ACK = 1, 2, 4, 16


class Side:
    """One direction: what was sent, by sequence number; the first copy of a byte wins."""

    def __init__(self):
        self.first = None  # sequence number of the first byte
        self.last = None  # the last one seen, not wrapped
        self.segments = []
        self.end = None  # where the FIN is
        self.reach = 0  # where the last of it ends, captured or cut off
        self.reset = False

    def add(self, sequence, flags, payload, cut=0):
        if flags & RST:
            self.reset = True
            return  # its sequence number need not be in the window
        if flags & SYN:
            sequence = (sequence + 1) & 0xFFFFFFFF
            self.first = self.last = sequence
        elif self.last is None:
            self.first = self.last = sequence
        # the wrapped number, nearest to the last one
        step = (sequence - self.last) & 0xFFFFFFFF
        whole = self.last + (step if step < 0x80000000 else step - 0x100000000)
        if payload:
            self.last = whole
            self.segments.append((whole, payload))
        if flags & FIN:
            self.end = whole + len(payload) + cut
        if payload or cut or flags & FIN:  # an acknowledgement of a FIN is one further
            self.reach = max(self.reach, whole + len(payload) + cut)

    def bytes(self):
        """(stream, [(offset, length) of each hole])"""
        size = max(self.reach, self.first or 0) - (self.first or 0)
        stream, have = bytearray(size), bytearray(size)
        for whole, payload in self.segments:
            at = whole - self.first
            if at < 0:
                payload, at = payload[-at:], 0
            if not any(have[at:at + len(payload)]):
                stream[at:at + len(payload)] = payload
                have[at:at + len(payload)] = b"\x01" * len(payload)
                continue
            for i, byte in enumerate(payload):
                if not have[at + i]:
                    stream[at + i], have[at + i] = byte, 1
        holes, at = [], have.find(0)
        while at >= 0:
            end = have.find(1, at)
            end = size if end < 0 else end
            holes.append((at, end - at))
            at = have.find(0, end) if end < size else -1
        return bytes(stream), holes


class Connection:
    def __init__(self, client, server):
        self.client, self.server = client, server
        self.c2s, self.s2c = Side(), Side()

    def closed(self):
        sides = (self.c2s, self.s2c)
        return any(side.reset for side in sides) or all(side.end is not None for side in sides)


def connections(data):
    """The connections in order of appearance, and the number of packets."""
    found, current, count = [], {}, 0
    for link, packet in packets(data):
        count += 1
        ip = ip_of(link, packet)
        segment = tcp_of(ip)
        if segment is None:
            continue
        source, target, sequence, flags, payload = segment
        key = frozenset((source, target))
        connection = current.get(key)
        opening = flags & SYN and not flags & ACK
        if opening and connection and connection.c2s.first not in (None, (sequence + 1) & 0xFFFFFFFF):
            connection = None  # the ports are used again
        if connection is None:
            if opening or not flags & SYN and source[1] > target[1]:
                connection = Connection(source, target)
            else:
                connection = Connection(target, source)
            current[key] = connection
            found.append(connection)
        side = connection.c2s if source == connection.client else connection.s2c
        side.add(sequence, flags, payload, cut_off(ip))
    return found, count


# ---------------------------------------------------------------- RTMP
class Message:
    __slots__ = ("type", "chunk_stream", "message_stream", "timestamp", "payload", "offset", "ranges", "format")


def chunks(stream):
    """Walks one direction, handshake included. Returns (messages, facts)."""
    facts = {"chunks": 0, "by_format": {}, "sizes": [], "format_3_extended": 0, "format_3_starts": 0,
             "extended": 0, "left_over": 0, "unfinished": 0}
    if len(stream) < 3073:
        facts["left_over"] = len(stream)
        return [], facts
    if stream[0] != 3:
        raise Bad("version %d" % stream[0])
    at, size, states, messages = 3073, 128, {}, []
    while at < len(stream):
        begin = at
        try:
            format_, chunk_stream = stream[at] >> 6, stream[at] & 63
            at += 1
            if chunk_stream == 0:
                chunk_stream, at = stream[at] + 64, at + 1
            elif chunk_stream == 1:
                chunk_stream, at = stream[at] + stream[at + 1] * 256 + 64, at + 2
            state = states.setdefault(chunk_stream, {"body": None, "timestamp": 0, "step": 0})
            field = None
            header = stream[at:at + (11, 7, 3, 0)[format_]]
            if len(header) < (11, 7, 3, 0)[format_]:
                raise IndexError
            at += len(header)
            if format_ < 3:
                field = int.from_bytes(header[:3], "big")
            elif "extended" not in state:
                raise Bad("format 3 on the new chunk stream %d at %d" % (chunk_stream, begin))
            if format_ < 2:
                state["length"] = int.from_bytes(header[3:6], "big")
                state["type"] = header[6]
            if format_ == 0:
                state["message_stream"] = int.from_bytes(header[7:11], "little")
            if format_ < 3:
                state["extended"] = field == 0xFFFFFF
            if state["extended"]:
                if at + 4 > len(stream):
                    raise IndexError
                value = int.from_bytes(stream[at:at + 4], "big")
                facts["extended"] += 1
                if format_ == 3:
                    if state["body"] is not None and value != state["field"]:
                        raise Bad("format 3 without its extended timestamp at %d" % begin)
                    facts["format_3_extended"] += 1
                at += 4
                field = value
            elif format_ == 3:
                field = state["field"]
            state["field"] = field
            if state["body"] is None:  # a message begins
                if format_ == 0:
                    state["timestamp"] = field
                else:
                    state["timestamp"] = (state["timestamp"] + field) & 0xFFFFFFFF
                facts["format_3_starts"] += format_ == 3
                state["body"], state["ranges"] = bytearray(), []
                state["offset"], state["format"] = begin, format_
            elif format_ != 3:
                raise Bad("format %d inside a message at %d" % (format_, begin))
            take = min(size, state["length"] - len(state["body"]))
            if at + take > len(stream):
                raise IndexError
        except IndexError:
            facts["left_over"] = len(stream) - begin
            break
        state["body"] += stream[at:at + take]
        at += take
        state["ranges"].append((begin, at))
        facts["chunks"] += 1
        facts["by_format"][str(format_)] = facts["by_format"].get(str(format_), 0) + 1
        if len(state["body"]) < state["length"]:
            continue
        message = Message()
        message.type, message.chunk_stream, message.message_stream = state["type"], chunk_stream, state["message_stream"]
        message.timestamp, message.payload = state["timestamp"], bytes(state["body"])
        message.offset, message.ranges, message.format = state["offset"], state["ranges"], state["format"]
        state["body"] = None
        messages.append(message)
        if message.type == 1:
            size = int.from_bytes(message.payload[:4], "big")
            facts["sizes"].append([len(messages) - 1, size])
        elif message.type == 2:
            aborted = states.get(int.from_bytes(message.payload[:4], "big"))
            if aborted:
                aborted["body"] = None
    facts["unfinished"] = sum(state["body"] is not None for state in states.values())
    return messages, facts


def command_name(message):
    body = message.payload[1:] if message.type == 17 and message.payload[:1] == b"\0" else message.payload
    if body[:1] != b"\x02":
        return None
    return body[3:3 + int.from_bytes(body[1:3], "big")].decode("utf-8", "replace")


def on_status_code(message):
    """The code of an onStatus or of a refused call, where there is one."""
    at = message.payload.find(b"\0\4code\2")
    if at < 0:
        return None
    at += 7
    return message.payload[at + 2:at + 2 + int.from_bytes(message.payload[at:at + 2], "big")].decode("utf-8", "replace")


def media(messages):
    pairs, payloads = hashlib.sha256(), hashlib.sha256()
    for message in messages:
        pairs.update(struct.pack(">II", message.timestamp, len(message.payload)))
        payloads.update(message.payload)
    return {
        "messages": len(messages),
        "bytes": sum(len(message.payload) for message in messages),
        "first_timestamp": messages[0].timestamp if messages else None,
        "last_timestamp": messages[-1].timestamp if messages else None,
        "timestamp_length_sha256": pairs.hexdigest(),
        "payload_sha256": payloads.hexdigest(),
    }


def direction(stream, holes):
    messages, facts = chunks(stream)
    types = {}
    for message in messages:
        entry = types.setdefault(message.type, {"messages": 0, "bytes": 0})
        entry["messages"] += 1
        entry["bytes"] += len(message.payload)
    truth = {
        "stream_bytes": len(stream),
        "missing": [{"offset": at, "length": length} for at, length in holes],
        "messages": len(messages),
        "payload_bytes": sum(len(message.payload) for message in messages),
        "largest_message": max((len(message.payload) for message in messages), default=0),
        "types": {str(kind): types[kind] for kind in sorted(types)},
        "commands": [command_name(message) for message in messages if message.type in (17, 20)],
        "status_codes": [code for message in messages if message.type in (17, 20)
                         for code in [on_status_code(message)] if code],
        "chunks": facts["chunks"],
        "chunks_by_format": dict(sorted(facts["by_format"].items())),
        "chunk_sizes": facts["sizes"],
        "extended_timestamps": facts["extended"],
        "extended_timestamps_on_format_3": facts["format_3_extended"],
        "messages_begun_by_format_3": facts["format_3_starts"],
        "unfinished_messages": facts["unfinished"],
        "left_over_bytes": facts["left_over"],
    }
    for name, kind in (("audio", 8), ("video", 9)):
        if kind in types:
            truth[name] = media([message for message in messages if message.type == kind])
    return truth, messages


def damage(truth, messages, holes):
    """Adds which messages of the whole session lack bytes, and the sums of the others."""
    def lacks(message):
        return sum(max(0, min(end, at + length) - max(begin, at))
                   for begin, end in message.ranges for at, length in holes)
    truth["missing"] = [{"offset": at, "length": length} for at, length in holes]
    touched = [(index, message, lacks(message)) for index, message in enumerate(messages) if lacks(message)]
    truth["touched"] = [{
        "index": index, "type": message.type, "timestamp": message.timestamp, "length": len(message.payload),
        "stream_bytes_missing": missing,
    } for index, message, missing in touched]
    gone = {index for index, _, _ in touched}
    truth["untouched"] = {
        name: media([message for index, message in enumerate(messages) if message.type == kind and index not in gone])
        for name, kind in (("audio", 8), ("video", 9)) if str(kind) in truth["types"]}


def place(address):
    return "%s:%d" % address


def records(sealed, length):
    """(begin, end, where its RTMP begins, how many bytes that is) of each TLS 1.3 record with data that a client sent.

    The lengths of the records say it: the first encrypted one is Finished, each of data is 17 bytes longer than what is in
    it (type and tag), and what is left at the end is an alert."""
    at, passed, finished = 0, 0, False
    while passed < length:
        kind, end = sealed[at], at + 5 + int.from_bytes(sealed[at + 3:at + 5], "big")
        if kind == 23 and finished:
            yield at, end, passed, end - at - 22
            passed += end - at - 22
        finished |= kind == 23
        at = end
    if passed != length:
        raise Bad("the records have %d bytes, not %d" % (passed, length))


def bodies(sent, length):
    """The same of each request to /send, byte by byte."""
    at, passed = 0, 0
    while passed < length:
        end = sent.index(b"\r\n\r\n", at) + 4
        head = sent[at:end].lower()
        size = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        if head.startswith(b"post /send/"):
            for i in range(size):
                yield end + i, end + i + 1, passed + i, 1
            passed += size
        at = end + size
    if passed != length:
        raise Bad("the bodies have %d bytes, not %d" % (passed, length))


def missing_inside(outer, length, holes):
    """The ranges of so many bytes of RTMP whose TLS records or HTTP bodies have a hole in them."""
    ranges = []
    for begin, end, at, size in records(outer, length) if outer[:1] == b"\x16" else bodies(outer, length):
        if any(hole < end and begin < hole + missing for hole, missing in holes):
            if ranges and sum(ranges[-1]) == at:
                ranges[-1] = (ranges[-1][0], ranges[-1][1] + size)
            else:
                ranges.append((at, size))
    return ranges


def read(path):
    with open(path, "rb") as file:
        return connections(file.read())


def truth_of(path, whole=None, plain=None):
    found, count = read(path)
    result = {"capture": os.path.basename(path), "packets": count, "connections": []}
    if plain:
        result["tcp_connections"] = len(found)
    others = None
    if whole:
        others, _ = read(whole)
        result["whole_session"] = os.path.basename(whole)
    inner = read(plain)[0] if plain else found
    if len(inner) not in (1, len(found)):
        raise Bad("%d connections for %d" % (len(found), len(inner)))
    for index, (connection, rtmp) in enumerate(zip(found, inner)):
        entry = {"client": place(connection.client), "server": place(connection.server)}
        for name in ("c2s", "s2c"):
            stream, holes = getattr(connection, name).bytes()
            if others:
                stream, none = getattr(others[index], name).bytes()
                if none:
                    raise Bad("%s is not whole" % whole)
                if plain:
                    outer, (stream, _) = stream, getattr(rtmp, name).bytes()
                    holes = missing_inside(outer, len(stream), holes) if holes else []
                entry[name], messages = direction(stream, [])
                damage(entry[name], messages, holes)
            elif holes:
                raise Bad("%s: bytes are missing (%s): use --of" % (name, holes))
            elif plain:
                stream, holes = getattr(rtmp, name).bytes()
                if holes:
                    raise Bad("%s is not whole" % plain)
                entry[name], _ = direction(stream, [])
            else:
                entry[name], _ = direction(stream, [])
        result["connections"].append(entry)
    return result


def same_as(path, other):
    """The truth of another capture, for this one."""
    result = truth_of(other)
    with (gzip.open if path.endswith(".gz") else open)(path, "rb") as file:
        result.update(capture=os.path.basename(path), packets=sum(1 for _ in packets(file.read())))
    return result


def closed(path):
    """How many connections of a capture, maybe one that is still being written, have ended."""
    try:
        with open(path, "rb") as file:
            data = file.read()
        return sum(connection.closed() for connection in connections(data)[0]) if len(data) >= 24 else 0
    except FileNotFoundError:
        return 0


def main():
    parser = argparse.ArgumentParser(description="Says what RTMP a capture holds.")
    parser.add_argument("captures", nargs="+")
    parser.add_argument("--print", action="store_true", dest="show")
    parser.add_argument("--messages", action="store_true")
    parser.add_argument("--of", metavar="WHOLE")
    parser.add_argument("--plain", metavar="PLAIN")
    parser.add_argument("--as", metavar="OTHER", dest="other")
    parser.add_argument("--closed", metavar="N", type=int)
    options = parser.parse_args()
    if options.closed is not None:
        sys.exit(0 if closed(options.captures[0]) >= options.closed else 1)
    for path in options.captures:
        try:
            if options.messages:
                found, _ = read(path)
                for index, connection in enumerate(found):
                    for name in ("c2s", "s2c"):
                        messages, _ = chunks(getattr(connection, name).bytes()[0])
                        for number, message in enumerate(messages):
                            print(index, name, number, message.offset, message.type, message.chunk_stream,
                                  message.format, message.message_stream, message.timestamp, len(message.payload),
                                  hashlib.sha1(message.payload).hexdigest()[:16], sep="\t")
                continue
            found = same_as(path, options.other) if options.other else truth_of(path, options.of, options.plain)
            text = json.dumps(found, indent=1) + "\n"
        except Bad as error:
            sys.exit("%s: %s" % (path, error))
        if options.show:
            sys.stdout.write(text)
        else:
            with open(os.path.splitext(path)[0] + ".truth.json", "w") as file:
                file.write(text)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Makes captures out of others.

    edit.py vlan IN.pcap OUT.pcap   client to server gets an 802.1Q tag (VLAN 42), server to
                                    client two tags (802.1ad 100, 802.1Q 42)
    edit.py drop IN.pcap OUT.pcap   leaves out, of the small packets with data from client to
                                    server, the middle one: ffmpeg sends a chunk header of 8
                                    bytes in a packet of its own, so it is one of those
    edit.py drop-inside IN.pcap OUT.pcap   leaves out the second packet of the last message that
                                    fills three or more: all of it is payload. Of TLS or RTMPT, the packet
                                    behind the last full one: the rest of a record or body
    edit.py drop-head IN.pcap OUT.pcap   of TLS, that last full packet itself: a record's head
    edit.py reorder IN.pcap OUT.pcap   what networks do, and nothing lost: segments come up to four
                                    places late, twice, sent again with other borders, and their
                                    sequence numbers wrap; there are keep-alives
    edit.py one-side IN.pcap OUT.pcap  only what the client sends
    edit.py no-syn IN.pcap OUT.pcap    without the packets that open the connection
    edit.py vxlan IN.pcap OUT.pcap     in VXLAN
    edit.py gre IN.pcap OUT.pcap       in GRE
    edit.py fragment IN.pcap OUT.pcap  IP packets of more than 576 bytes in fragments, some of them in
                                    reverse order
    edit.py c2s IN.pcap OUT.raw     the bytes of the first connection's client (s2c: of its server),
                                    as "Follow TCP Stream" saves one direction
    edit.py late IN.flv OUT.flv     an FLV file whose timestamps begin a second before the 32 bits wrap

Reads pcap of Ethernet and IPv4, as tcpdump writes it on loopback. The same input gives the same output.
"""
import random
import struct
import sys

import truth


def records(data):
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    at = 24
    while at + 16 <= len(data):
        captured = struct.unpack(order + "I", data[at + 8:at + 12])[0]
        yield order, data[at:at + 16], data[at + 16:at + 16 + captured]
        at += 16 + captured


def vlan(data, client):
    out = [data[:24]]
    for order, head, packet in records(data):
        source = truth.tcp_of(packet[14:])[0]
        tags = b"\x81\x00\x00\x2a" if source == client else b"\x88\xa8\x00\x64\x81\x00\x00\x2a"
        seconds, fraction, captured, original = struct.unpack(order + "IIII", head)
        out.append(struct.pack(order + "IIII", seconds, fraction, captured + len(tags), original + len(tags)))
        out.append(packet[:12] + tags + packet[12:])
    return b"".join(out)


def drop(data, client, what):
    packets = list(records(data))
    with_data = []  # of the client: (index, length)
    tls = wrapped = None
    for index, (_, _, packet) in enumerate(packets):
        source, _, _, _, payload = truth.tcp_of(packet[14:])
        if source == client and payload:
            with_data.append((index, len(payload)))
            if wrapped is None:
                tls = payload[0] == 22
                wrapped = tls or payload.startswith(b"POST")
    full = max(length for _, length in with_data)
    if what == "drop":
        # In a record of TLS it is 22 bytes more; shorter ones are no data.
        small = [index for index, length in with_data if (23 <= length < 40 if tls else length < 20)]
        gone = small[len(small) // 2]
    elif wrapped:
        last = max(i for i in range(len(with_data)) if with_data[i][1] == full)
        gone = with_data[last + (what == "drop-inside")][0]
    else:
        gone = [with_data[i + 1][0] for i in range(1, len(with_data) - 1)
                if with_data[i - 1][1] < full and with_data[i][1] == with_data[i + 1][1] == full][-1]
    return data[:24] + b"".join(head + packet for index, (_, head, packet) in enumerate(packets) if index != gone)


def pcap(head, packets):
    """A file of (order, record header, packet), whose lengths may have changed."""
    out = [head]
    for order, record, packet in packets:
        out.append(record[:8] + struct.pack(order + "II", len(packet), len(packet)) + packet)
    return b"".join(out)


class Segment:
    """A TCP packet whose sequence numbers and payload can be changed."""

    def __init__(self, packet):
        ip = packet[14:]
        self.source, self.target, self.sequence, self.flags, self.payload = truth.tcp_of(ip)
        self.tcp = 14 + 4 * (packet[14] & 15)
        self.acknowledged = struct.unpack(">I", packet[self.tcp + 8:self.tcp + 12])[0]
        self.head = packet[:self.tcp + 4 * (packet[self.tcp + 12] >> 4)]

    def packet(self, shift=(0, 0), cut=None):
        """The bytes: numbers shifted by (own, other side's), and of the payload the range `cut`."""
        begin, end = cut or (0, len(self.payload))
        head, payload = bytearray(self.head), self.payload[begin:end]
        struct.pack_into(">H", head, 16, len(head) - 14 + len(payload))
        struct.pack_into(">H", head, 24, 0)
        struct.pack_into(">H", head, 24, checksum(head[14:self.tcp]))
        struct.pack_into(">I", head, self.tcp + 4, (self.sequence + begin + shift[0]) & 0xFFFFFFFF)
        if self.flags & truth.ACK:
            struct.pack_into(">I", head, self.tcp + 8, (self.acknowledged + shift[1]) & 0xFFFFFFFF)
        return bytes(head) + payload


def checksum(head):
    total = sum(struct.unpack(">%dH" % (len(head) // 2), head))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def reorder(data, client):
    packets = list(records(data))
    segments = [Segment(packet) for _, _, packet in packets]
    numbers = random.Random(1)
    # Each side's numbers wrap in the middle of what it sends.
    shift = {}
    for side in (True, False):
        own = [segment for segment in segments if (segment.source == client) == side]
        first, total = own[0].sequence, sum(len(segment.payload) for segment in own)
        shift[side] = (1 << 32) - first - total // 2
    placed = []  # (place, packet): the whole numbers are where the packets were
    borders = [i for i, segment in enumerate(segments) if segment.flags & (truth.SYN | truth.FIN | truth.RST)]
    for index, segment in enumerate(segments):
        side = segment.source == client
        shifts = (shift[side], shift[not side])
        length = len(segment.payload)
        until = min((border for border in borders if border > index), default=len(segments))

        def late(most):
            return min(index + numbers.random() * most, until - 0.001)

        if index in borders:
            placed.append((index, segment.packet(shifts)))
            continue
        if not length:
            placed.append((late(2), segment.packet(shifts)))
            continue
        chance = numbers.random()
        if chance < 0.1 and length > 3:  # sent as two that overlap
            third = length // 3
            placed.append((late(4), segment.packet(shifts, (0, length - third))))
            placed.append((late(4), segment.packet(shifts, (third, length))))
        else:
            placed.append((late(4 if chance < 0.4 else 0), segment.packet(shifts)))
        if chance > 0.95:  # and again, together with what came before
            again = segment.packet(shifts)
            before = next((other for other in reversed(segments[:index])
                           if other.source == segment.source and other.payload
                           and (other.sequence + len(other.payload)) & 0xFFFFFFFF == segment.sequence), None)
            if before and len(before.payload) + length <= 1448:
                joined = Segment(before.packet())
                joined.payload += segment.payload
                again = joined.packet(shifts)
            placed.append((late(6), again))
        elif chance > 0.93:  # the very packet twice
            placed.append((late(1), segment.packet(shifts)))
        elif chance > 0.92:  # a keep-alive as Linux sends it: nothing, at the last byte
            placed.append((late(1), segment.packet((shifts[0] - 1, shifts[1]), (length, length))))
    placed.sort(key=lambda entry: entry[0])
    # Times go on as they did, whoever has them now.
    out = []
    for place, packet in placed:
        order, record, _ = packets[int(place)]
        out.append((order, record, packet))
    return pcap(data[:24], out)


def tunnelled(data, client, kind):
    out = []
    for number, (order, record, packet) in enumerate(records(data)):
        out_going = truth.tcp_of(packet[14:])[0] == client
        ends = (b"\x0a\x63\0\1", b"\x0a\x63\0\2")[::1 if out_going else -1]
        if kind == "vxlan":  # RFC 7348, network 77
            inner = b"\x08\0\0\0" + (77 << 8).to_bytes(4, "big") + packet
            inner = struct.pack(">HHHH", 49152 + out_going, 4789, 8 + len(inner), 0) + inner
            protocol = 17
        else:  # RFC 2784
            inner, protocol = b"\0\0\x08\0" + packet[14:], 47
        head = bytearray(struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(inner), number & 0xFFFF, 0, 64, protocol, 0) + ends[0] + ends[1])
        struct.pack_into(">H", head, 10, checksum(head))
        out.append((order, record, packet[:12] + b"\x08\0" + bytes(head) + inner))
    return pcap(data[:24], out)


def fragment(data):
    out = []
    for number, (order, record, packet) in enumerate(records(data)):
        total = struct.unpack(">H", packet[16:18])[0]
        header, body = packet[14:34], packet[34:14 + total]
        assert packet[14] == 0x45, "IP options"
        pieces = []
        for at in range(0, len(body), 552):
            piece, more = body[at:at + 552], at + 552 < len(body)
            head = bytearray(header)
            struct.pack_into(">HHH", head, 2, 20 + len(piece), number & 0xFFFF, more << 13 | at // 8)
            struct.pack_into(">H", head, 10, 0)
            struct.pack_into(">H", head, 10, checksum(head))
            pieces.append((order, record, packet[:14] + bytes(head) + piece))
        out += reversed(pieces) if number % 3 == 0 else pieces
    return pcap(data[:24], out)


def only(data, keep):
    return pcap(data[:24], [entry for entry in records(data) if keep(Segment(entry[2]))])


def no_syn(data, client):
    seen = set()

    def keep(segment):
        """What comes from the first byte of data on."""
        if segment.payload:
            seen.add(segment.source)
        return bool(seen) and not segment.flags & truth.SYN
    return only(data, keep)


def one_direction(data, name):
    stream, holes = getattr(truth.connections(data)[0][0], name).bytes()
    if holes:
        raise SystemExit("the capture has holes")
    return stream


def late(data):
    out = bytearray(data)
    at = struct.unpack(">I", data[5:9])[0] + 4
    while at + 11 <= len(data):
        time = (int.from_bytes(data[at + 4:at + 7], "big") | data[at + 7] << 24) - 1000
        out[at + 4:at + 8] = (time & 0xFFFFFF).to_bytes(3, "big") + bytes([time >> 24 & 0xFF])
        at += 11 + int.from_bytes(data[at + 1:at + 4], "big") + 4
    return out


def main():
    what, source, target = sys.argv[1:]
    with open(source, "rb") as file:
        data = file.read()
    if what == "late":
        with open(target, "wb") as file:
            file.write(late(data))
        return
    client = truth.connections(data)[0][0].client
    edits = {
        "vlan": lambda: vlan(data, client),
        "drop": lambda: drop(data, client, what),
        "drop-inside": lambda: drop(data, client, what),
        "drop-head": lambda: drop(data, client, what),
        "reorder": lambda: reorder(data, client),
        "one-side": lambda: only(data, lambda segment: segment.source == client),
        "no-syn": lambda: no_syn(data, client),
        "vxlan": lambda: tunnelled(data, client, "vxlan"),
        "gre": lambda: tunnelled(data, client, "gre"),
        "fragment": lambda: fragment(data),
        "c2s": lambda: one_direction(data, what),
        "s2c": lambda: one_direction(data, what),
    }
    with open(target, "wb") as file:
        file.write(edits[what]())


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Makes captures out of others.

    edit.py vlan IN.pcap OUT.pcap   client to server gets an 802.1Q tag (VLAN 42), server to
                                    client two tags (802.1ad 100, 802.1Q 42)
    edit.py drop IN.pcap OUT.pcap   leaves out, of the small packets with data from client to
                                    server, the middle one: ffmpeg sends a chunk header of 8
                                    bytes in a packet of its own, so it is one of those
    edit.py drop-inside IN.pcap OUT.pcap   leaves out the second packet of the last message that
                                    fills three or more: all of it is payload

Reads pcap of Ethernet and IPv4, as tcpdump writes it on loopback.
"""
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


def drop(data, client, inside):
    packets = list(records(data))
    with_data = []  # of the client: (index, length)
    for index, (_, _, packet) in enumerate(packets):
        source, _, _, _, payload = truth.tcp_of(packet[14:])
        if source == client and payload:
            with_data.append((index, len(payload)))
    if inside:
        full = max(length for _, length in with_data)
        gone = [with_data[i + 1][0] for i in range(1, len(with_data) - 1)
                if with_data[i - 1][1] < full and with_data[i][1] == with_data[i + 1][1] == full][-1]
    else:
        small = [index for index, length in with_data if length < 20]
        gone = small[len(small) // 2]
    return data[:24] + b"".join(head + packet for index, (_, head, packet) in enumerate(packets) if index != gone)


def main():
    what, source, target = sys.argv[1:]
    with open(source, "rb") as file:
        data = file.read()
    client = truth.connections(data)[0][0].client
    with open(target, "wb") as file:
        file.write(vlan(data, client) if what == "vlan" else drop(data, client, what == "drop-inside"))


if __name__ == "__main__":
    main()

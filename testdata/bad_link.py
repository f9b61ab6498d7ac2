#!/usr/bin/env python3
"""A bad link between two network interfaces.

    bad_link.py ONE OTHER

Carries each Ethernet frame of one to the other. Of those with TCP every 33rd is lost and every 50th comes twice, on average;
each takes from 2 to 12 ms, so that they overtake each other. That is done here because many kernels lack netem. The
choices are those of one seed, what they hit depends on time. Runs until it is ended.
"""
import heapq
import random
import select
import socket
import struct
import sys
import time

OUTGOING = 4  # PACKET_OUTGOING: what this program itself has sent


def summed(frame):
    """The frame with its TCP checksum, which the sender leaves to its interface."""
    at = 14 + 4 * (frame[14] & 15)
    total = struct.unpack(">H", frame[16:18])[0]
    tcp = bytearray(frame[at:14 + total])
    tcp[16:18] = b"\0\0"
    whole = frame[26:34] + struct.pack(">HH", 6, len(tcp)) + tcp + b"\0" * (len(tcp) % 2)
    value = sum(struct.unpack(">%dH" % (len(whole) // 2), whole))
    while value >> 16:
        value = (value & 0xFFFF) + (value >> 16)
    tcp[16:18] = struct.pack(">H", ~value & 0xFFFF)
    return frame[:at] + bytes(tcp)


def main():
    ends = []
    for name in sys.argv[1:]:
        end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        end.bind((name, 0))
        ends.append(end)
    numbers, waiting, count = random.Random(3), [], 0
    print("ready", flush=True)
    while True:
        timeout = max(0, waiting[0][0] - time.monotonic()) if waiting else None
        for end in select.select(ends, [], [], timeout)[0]:
            frame, address = end.recvfrom(65536)
            if address[2] == OUTGOING:
                continue
            tcp = frame[12:14] == b"\x08\0" and frame[23] == 6
            lot = numbers.random() if tcp else 1
            if lot < 0.03:
                continue
            if tcp:
                frame = summed(frame)
            for _ in range(2 if lot < 0.05 else 1):
                count += 1
                due = time.monotonic() + numbers.uniform(0.002, 0.012)
                heapq.heappush(waiting, (due, count, ends[end is ends[0]], frame))
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, target, frame = heapq.heappop(waiting)
            target.send(frame)


if __name__ == "__main__":
    main()

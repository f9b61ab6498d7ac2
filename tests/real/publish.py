"""Publishes a file with PyAV, without coding it anew: publish.py FILE URL"""
import sys

import av


def main():
    path, url = sys.argv[1:]
    with av.open(path) as source, av.open(url, "w", format="flv") as target:
        streams = {stream.index: target.add_stream_from_template(stream, opaque=True) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is not None:  # the last one, which is empty
                packet.stream = streams[packet.stream.index]
                target.mux(packet)


if __name__ == "__main__":
    main()

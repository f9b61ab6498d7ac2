#!/usr/bin/env python3
"""RTMPT in, RTMP out: a gateway that ffmpeg and rtmpdump can talk to.

    rtmpt_gateway.py PORT BACKEND-PORT

RTMPT is RTMP in the bodies of HTTP POST requests (Adobe, "RTMPT"): /open/1 begins a session and is answered with its
name; /send/NAME/N and /idle/NAME/N carry what the client has to say, and are answered by one byte (how often
to ask again) and what the server said in the meantime; /close/NAME/N ends it. /fcs/ident2, which some clients
ask first, is answered 404 as by servers that have one address. Each session is one connection to 127.0.0.1:BACKEND-PORT,
whatever the number of HTTP connections that its requests come on.

It listens on 127.0.0.1, and needs Python 3.9 and nothing else. It is for making captures, and trusts its clients.
"""
import http.server
import select
import socket
import struct
import sys
import threading

LEAST, MOST = 0x01, 0x15  # the byte ahead of what the server said: more asking where there is something
SESSIONS, LOCK = {}, threading.Lock()


class Session:
    def __init__(self, name, port):
        self.name = name
        self.backend = socket.create_connection(("127.0.0.1", port))
        self.empty = 0  # answers without data, one after the other

    def said(self, wait):
        """What the server has said, waiting so many seconds for its first byte and 10 ms for each more."""
        parts, left = [], 65536
        while left and select.select([self.backend], [], [], 0.01 if parts else wait)[0]:
            part = self.backend.recv(left)
            if not part:
                break
            parts.append(part)
            left -= len(part)
        return b"".join(parts)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "rtmpt_gateway", ""
    disable_nagle_algorithm = True
    wbufsize = -1  # an answer is one write

    def log_message(self, *_):
        pass

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Cache-Control", "no-cache")
        self.send_header("Content-Type", "application/x-fcs")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        words = self.path.strip("/").split("/")
        if words[0] == "open":
            with LOCK:
                name = "S%08d" % (len(SESSIONS) + 1)
                SESSIONS[name] = Session(name, self.server.backend_port)
            self.answer(200, name.encode() + b"\n")
            return
        session = SESSIONS.get(words[1]) if len(words) > 1 and words[0] in ("send", "idle", "close") else None
        if session is None:
            self.answer(404, b"")
            return
        if words[0] == "close":
            # Reset, so that the server cannot say more, which nobody would be told.
            session.backend.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            session.backend.close()
            SESSIONS[session.name] = None
            self.answer(200, b"\0")
            return
        if words[0] == "send":
            session.backend.sendall(body)
        said = session.said(0.02)
        session.empty = 0 if said else session.empty + 1
        self.answer(200, bytes([min(LEAST << min(session.empty // 4, 4), MOST)]) + said)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):  # some clients do not wait for the answer to /close
            super().handle_error(request, client_address)


def main():
    port, backend_port = map(int, sys.argv[1:])
    server = Server(("127.0.0.1", port), Handler)
    server.backend_port = backend_port
    server.serve_forever()


if __name__ == "__main__":
    main()

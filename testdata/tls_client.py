#!/usr/bin/env python3
"""Plain TCP in, TLS out, by way of OpenSSL: what ffmpeg and rtmpdump do not do by themselves.

    tls_client.py PORT SERVER-PORT KEYS NAME [--update BYTES]

Each connection to 127.0.0.1:PORT is carried to 127.0.0.1:SERVER-PORT in TLS that asks for the server NAME; its secrets are
added to KEYS in the form of SSLKEYLOGFILE. From the second connection on the session of the one before is resumed. With
--update the client changes its key, and asks the server to change its own (KeyUpdate, RFC 8446 section 4.6.3), after each
so many bytes that it has sent.

Python's own module for TLS cannot do that, so OpenSSL's library is called directly. The certificate is not looked at: it
is for making captures. One connection at a time.
"""
import argparse
import ctypes
import ctypes.util
import select
import socket

ssl = ctypes.CDLL(ctypes.util.find_library("ssl") or "libssl.so.3")
POINTER, INT, LONG, TEXT = ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_char_p
KEYLOG = ctypes.CFUNCTYPE(None, POINTER, TEXT)
for name, result, arguments in (
    ("TLS_client_method", POINTER, ()), ("SSL_CTX_new", POINTER, (POINTER,)), ("SSL_CTX_set_keylog_callback", None, (POINTER, KEYLOG)),
    ("SSL_CTX_ctrl", LONG, (POINTER, INT, LONG, POINTER)), ("SSL_new", POINTER, (POINTER,)), ("SSL_free", None, (POINTER,)),
    ("SSL_ctrl", LONG, (POINTER, INT, LONG, TEXT)), ("SSL_set_fd", INT, (POINTER, INT)), ("SSL_connect", INT, (POINTER,)),
    ("SSL_read", INT, (POINTER, TEXT, INT)), ("SSL_write", INT, (POINTER, TEXT, INT)), ("SSL_get_error", INT, (POINTER, INT)),
    ("SSL_key_update", INT, (POINTER, INT)), ("SSL_shutdown", INT, (POINTER,)), ("SSL_session_reused", INT, (POINTER,)),
    ("SSL_get1_session", POINTER, (POINTER,)), ("SSL_set_session", INT, (POINTER, POINTER)),
):
    function = getattr(ssl, name)
    function.restype, function.argtypes = result, arguments
SET_HOSTNAME, KEY_UPDATE_REQUESTED, WANT_READ = 55, 1, 2
CACHE_MODE, CACHE_CLIENT = 44, 1


def carry(context, plain, port, name, session, update):
    """One connection; returns its session."""
    remote = socket.create_connection(("127.0.0.1", port))
    remote.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    tls = ssl.SSL_new(context)
    ssl.SSL_ctrl(tls, SET_HOSTNAME, 0, name.encode())
    ssl.SSL_set_fd(tls, remote.fileno())
    if session:
        ssl.SSL_set_session(tls, session)
    if ssl.SSL_connect(tls) != 1:
        raise SystemExit("no TLS with 127.0.0.1:%d" % port)
    if session and not ssl.SSL_session_reused(tls):
        raise SystemExit("the session was not resumed")
    buffer, sent, due = ctypes.create_string_buffer(16384), 0, update
    waiting = [plain, remote]
    while True:
        ready = select.select(waiting, [], [])[0]
        if plain in ready:
            data = plain.recv(16384)
            if not data:
                # What the server has to say after that is read, so that it is in the capture.
                ssl.SSL_shutdown(tls)
                waiting = [remote]
                continue
            while update and sent + len(data) >= due:
                ssl.SSL_key_update(tls, KEY_UPDATE_REQUESTED)
                due += update
            if ssl.SSL_write(tls, data, len(data)) != len(data):
                break
            sent += len(data)
        if remote in ready:
            # A record that is not data (a ticket, a KeyUpdate) must not make this wait for one that is.
            remote.setblocking(False)
            length = ssl.SSL_read(tls, buffer, len(buffer))
            error = ssl.SSL_get_error(tls, length)
            remote.setblocking(True)
            if length > 0:
                if plain in waiting:
                    plain.sendall(buffer.raw[:length])
            elif error != WANT_READ:
                break
    session = ssl.SSL_get1_session(tls)
    if plain in waiting:
        ssl.SSL_shutdown(tls)
    ssl.SSL_free(tls)
    remote.close()
    return session


def main():
    parser = argparse.ArgumentParser(description="Carries TCP connections in TLS.")
    parser.add_argument("port", type=int)
    parser.add_argument("server_port", type=int)
    parser.add_argument("keys")
    parser.add_argument("name")
    parser.add_argument("--update", metavar="BYTES", type=int, default=0)
    options = parser.parse_args()

    def log(_, line):
        with open(options.keys, "ab") as file:
            file.write(line + b"\n")
    callback = KEYLOG(log)
    context = ssl.SSL_CTX_new(ssl.TLS_client_method())
    ssl.SSL_CTX_set_keylog_callback(context, callback)
    ssl.SSL_CTX_ctrl(context, CACHE_MODE, CACHE_CLIENT, None)
    listener = socket.create_server(("127.0.0.1", options.port))
    session = None
    while True:
        plain, _ = listener.accept()
        with plain:
            session = carry(context, plain, options.server_port, options.name, session, options.update)


if __name__ == "__main__":
    main()

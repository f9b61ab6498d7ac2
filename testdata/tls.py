#!/usr/bin/env python3
"""Records TLS sessions of OpenSSL, both sides in memory, as seeds of the fuzz target "tls".

    testdata/tls.py        # writes fuzz/corpus/tls/openssl-*; other bytes each time

Each holds a key log and what both sides sent. tests/tls/recorded.rs knows the plaintext: the messages below. What
Python does not offer (key update, renegotiation) is called in the libssl that it has loaded.
"""
import ctypes
import os
import ssl
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

CORPUS = Path(__file__).resolve().parent.parent / "fuzz/corpus/tls"
NO_EXTENDED_MASTER_SECRET = 1 << 0
ALLOW_CLIENT_RENEGOTIATION = 1 << 8
NO_ENCRYPT_THEN_MAC = 1 << 19
V10, V11, V12, V13 = (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)

# name, version, ciphers, options, what happens in the middle
SESSIONS = [
    ("rsa-cbc-sha", V12, "AES128-SHA", NO_ENCRYPT_THEN_MAC, None),
    ("rsa-cbc-sha256", V12, "AES256-SHA256", NO_EXTENDED_MASTER_SECRET, None),
    ("rsa-gcm", V12, "AES128-GCM-SHA256", 0, None),
    ("rsa-gcm-no-ems", V12, "AES256-GCM-SHA384", NO_EXTENDED_MASTER_SECRET, None),
    ("ecdhe-cbc-sha384", V12, "ECDHE-RSA-AES256-SHA384", NO_ENCRYPT_THEN_MAC, None),
    ("ecdhe-cbc-sha384-etm", V12, "ECDHE-RSA-AES256-SHA384", 0, None),
    ("ecdhe-cbc-sha-etm", V12, "ECDHE-RSA-AES128-SHA", 0, None),
    ("rsa-ccm", V12, "AES128-CCM", 0, None),
    ("rsa-ccm8", V12, "AES256-CCM8", 0, None),
    ("tls11", V11, "ECDHE-RSA-AES256-SHA", NO_ENCRYPT_THEN_MAC, None),
    ("tls11-etm", V11, "AES128-SHA", 0, None),
    ("tls10", V10, "AES128-SHA", NO_ENCRYPT_THEN_MAC, None),
    ("tls10-etm", V10, "ECDHE-RSA-AES256-SHA", 0, None),
    ("renegotiated", V12, "ECDHE-RSA-AES128-GCM-SHA256", ALLOW_CLIENT_RENEGOTIATION, "renegotiate"),
    ("renegotiated-cbc", V12, "AES128-SHA", ALLOW_CLIENT_RENEGOTIATION, "renegotiate"),
    ("key-update", V13, "TLS_AES_128_GCM_SHA256", 0, "update"),
    ("ccm", V13, "TLS_AES_128_CCM_SHA256", 0, None),
    ("ccm8", V13, "TLS_AES_128_CCM_8_SHA256", 0, "update"),
    ("refused", V13, "TLS_AES_256_GCM_SHA384", 0, "refuse"),
    ("refused-12", V12, "ECDHE-RSA-AES128-GCM-SHA256", 0, "refuse"),
]


def message(seed, length):
    return bytes((i * 31 + seed * 7) & 0xFF for i in range(length))


class Native:
    """The SSL object behind Python's, and the functions of its library."""

    def __init__(self):
        name = next(line.split()[-1] for line in open("/proc/self/maps") if "libssl" in line)
        self.lib = ctypes.CDLL(name)

    def call(self, function, end, *more):
        # PyObject_HEAD and a weak reference come before it.
        pointer = ctypes.c_void_p.from_address(id(end._sslobj) + 24)
        if getattr(self.lib, function)(pointer, *more) != 1:
            sys.exit(f"{function} failed")


def record(native, certificate, name, version, ciphers, options, middle):
    with tempfile.NamedTemporaryFile() as log:
        ends, bios = [], []
        for side in (ssl.PROTOCOL_TLS_CLIENT, ssl.PROTOCOL_TLS_SERVER):
            context = ssl.SSLContext(side)
            context.minimum_version = context.maximum_version = version
            context.options &= ~ssl.OP_NO_RENEGOTIATION
            context.options |= options
            # Security level 0 is for the small key, and for these records only.
            context.set_ciphers(f"{ciphers if version < V13 else 'DEFAULT'}:@SECLEVEL=0")
            if version == V13:
                native.lib.SSL_CTX_set_ciphersuites(
                    ctypes.c_void_p.from_address(id(context) + 16), ciphers.encode())
            client = side == ssl.PROTOCOL_TLS_CLIENT
            if client:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_REQUIRED if middle == "refuse" else ssl.CERT_NONE
                context.keylog_filename = log.name
                context.set_alpn_protocols(["rtmps", "http/1.1"])
            else:
                context.num_tickets = 1
                context.load_cert_chain(certificate)
                context.set_alpn_protocols(["rtmps"])
            bio = ssl.MemoryBIO(), ssl.MemoryBIO()
            bios.append(bio)
            name_asked = "stream.example" if client else None
            ends.append(context.wrap_bio(*bio, server_side=not client, server_hostname=name_asked))
        wire = bytearray()

        def carry():
            for side in (0, 1):
                sent = bios[side][1].read()
                if sent:
                    wire.extend(bytes([side]) + len(sent).to_bytes(2, "big") + sent)
                    bios[1 - side][0].write(sent)

        def step(end, action, *given):
            try:
                return getattr(end, action)(*given)
            except (ssl.SSLWantReadError, ssl.SSLCertVerificationError, ssl.SSLZeroReturnError):
                return None
            except ssl.SSLError:
                if middle == "refuse":
                    return None
                raise

        for _ in range(6):
            for end in ends:
                step(end, "do_handshake")
                carry()

        def say(side, seed, length):
            ends[side].write(message(seed, length))
            carry()
            assert step(ends[1 - side], "read", 4096) == message(seed, length)

        if middle != "refuse":
            say(0, 1, 1)
            say(1, 2, 50)
            if middle == "renegotiate":
                native.call("SSL_renegotiate", ends[0])
                for _ in range(6):
                    for end in ends:
                        step(end, "do_handshake")
                        carry()
                        step(end, "read", 1)
                        carry()
            if middle == "update":
                native.call("SSL_key_update", ends[0], 1)  # and the server answers with its own
            say(0, 3, 300)
            if middle == "update":
                native.call("SSL_key_update", ends[1], 0)
            say(1, 4, 500)
            for end in ends:
                step(end, "unwrap")
                carry()
        lines = [line for line in Path(log.name).read_bytes().splitlines(True) if not line.startswith(b"EXPORTER")]
        if name.startswith("rsa"):
            # What a server's key log of the premaster secret has (OpenSSL writes both).
            lines = [line for line in lines if line.startswith(b"RSA")] or lines
        text = b"".join(lines)
        (CORPUS / f"openssl-{name}").write_bytes(b"\0" + len(text).to_bytes(2, "big") + text + wire)
        print(f"openssl-{name}", len(wire), text[:14])


def main():
    warnings.simplefilter("ignore", DeprecationWarning)  # of old versions
    CORPUS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        certificate = os.path.join(directory, "certificate.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:1024", "-nodes", "-subj", "/CN=stream.example",
                        "-days", "3650", "-keyout", certificate + ".key", "-out", certificate], check=True,
                       stderr=subprocess.DEVNULL)
        with open(certificate, "a") as both:
            both.write(Path(certificate + ".key").read_text())
        native = Native()
        for session in SESSIONS:
            record(native, certificate, *session)


main()

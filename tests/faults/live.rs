//! Some of the faults by a live client: the same bytes against `listen`, and through `proxy` to it.

use std::io::{Read, Write};
use std::process::Stdio;

use crate::common::parse;
use crate::spawned::{Program, rtmpctl};

use super::script::Script;
use super::{Make, all};

/// What a client alone can do wrong, whatever the server answers.
/// `key.exposed` is not among them: on the loopback address nothing is.
const CODES: [&str; 19] = [
    "amf.trailing",
    "chunk.cmd-csid",
    "chunk.ctrl-csid",
    "cmd.connect-extra-arg",
    "cmd.data-as-command",
    "cue.scte35-dialect",
    "ertmp.caps-type",
    "ertmp.modex",
    "ertmp.multitrack-meta",
    "ertmp.opus-header",
    "hevc.as-avc7",
    "hevc.codec12",
    "hs.zero-nonzero",
    "meta.codecid",
    "meta.missing",
    "meta.undeclared-track",
    "meta.vs-bitstream",
    "url.app-empty",
    "url.trailing-slash",
];

/// A program that listens, and ends when its first connection has.
fn start(arguments: &[&str]) -> Program {
    let mut command = rtmpctl();
    command.args(arguments);
    command.args(["--once", "--duration", "30s", "-f", "json", "--only", "finding"]);
    Program::start(command, Stdio::piped())
}

/// The codes that it found until it ended.
fn codes(mut program: Program) -> Vec<String> {
    let mut text = String::new();
    program.child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    program.ended();
    parse(&text).iter().filter_map(|line| line["code"].as_str().map(str::to_owned)).collect()
}

/// Sends the bytes and closes, without a look at the answers.
fn send(program: &Program, bytes: &[u8]) {
    let mut stream = program.connect();
    // The server may close while there is more to say.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let _ = std::io::copy(&mut stream, &mut std::io::sink());
}

fn bytes(code: &str) -> Vec<u8> {
    let fault = all().into_iter().find(|fault| fault.code == code).unwrap();
    let Make::Script(make) = fault.make else { panic!("{code} is of a file") };
    let mut script = Script::new();
    make(&mut script);
    script.client_bytes()
}

#[test]
fn listen_finds_what_a_client_does_wrong() {
    for code in CODES {
        let listen = start(&["listen", "127.0.0.1:0"]);
        send(&listen, &bytes(code));
        let found = codes(listen);
        assert_eq!(found.iter().filter(|found| *found == code).count(), 1, "{code}: {found:?}");
    }
}

#[test]
fn proxy_finds_what_a_client_does_wrong() {
    for code in CODES {
        let server = start(&["listen", "127.0.0.1:0"]);
        let upstream = format!("rtmp://{}", server.address);
        let proxy = start(&["proxy", &upstream, "--listen", "127.0.0.1:0"]);
        send(&proxy, &bytes(code));
        let found = codes(proxy);
        assert_eq!(found.iter().filter(|found| *found == code).count(), 1, "{code}: {found:?}");
        drop(server);
    }
}

#[test]
fn profiles_hold_live_too() {
    let path =
        std::env::temp_dir().join(format!("rtmpctl-live-profile-{}.toml", std::process::id()));
    std::fs::write(&path, "name = \"Us\"\n[video]\ncodecs = [\"hevc\"]\n").unwrap();
    let profile = path.to_str().unwrap();
    let listen = start(&["listen", "127.0.0.1:0", "--profile", profile]);
    let upstream = format!("rtmp://{}", listen.address);
    let proxy = start(&["proxy", &upstream, "--listen", "127.0.0.1:0", "--profile", profile]);
    send(&proxy, &bytes("profile.codec"));
    for found in [codes(proxy), codes(listen)] {
        assert!(found.iter().any(|code| code == "profile.codec"), "{found:?}");
    }
    let _ = std::fs::remove_file(path);
}

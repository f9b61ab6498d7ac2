//! Some of the faults by a live client: the same bytes against `listen`, and through `proxy` to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

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
struct Running {
    child: Child,
    address: String,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_rtmpctl"))
            .args(arguments)
            .args(["--once", "--duration", "30s", "-f", "json", "--only", "finding"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        let address = line
            .split_whitespace()
            .map(|word| word.trim_end_matches([',', ';', '.']))
            .find(|word| word.starts_with("127.0.0.1:"))
            .unwrap_or_else(|| panic!("no address in {line:?}"))
            .to_owned();
        // What else it says is not to block it.
        drop(std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink())));
        Self { child, address }
    }

    /// The codes that it found.
    fn codes(mut self) -> Vec<String> {
        let mut text = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        self.child.wait().unwrap();
        let lines =
            text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines.filter_map(|line| line["code"].as_str().map(str::to_owned)).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Where the test has failed it may still run.
        let _ = self.child.kill();
    }
}

/// Sends the bytes and closes, without a look at the answers.
fn send(address: &str, bytes: &[u8]) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
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
        let listen = Running::start(&["listen", "127.0.0.1:0"]);
        send(&listen.address, &bytes(code));
        let found = listen.codes();
        assert_eq!(found.iter().filter(|found| *found == code).count(), 1, "{code}: {found:?}");
    }
}

#[test]
fn proxy_finds_what_a_client_does_wrong() {
    for code in CODES {
        let server = Running::start(&["listen", "127.0.0.1:0"]);
        let upstream = format!("rtmp://{}", server.address);
        let proxy = Running::start(&["proxy", &upstream, "--listen", "127.0.0.1:0"]);
        send(&proxy.address, &bytes(code));
        let found = proxy.codes();
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
    let listen = Running::start(&["listen", "127.0.0.1:0", "--profile", profile]);
    let upstream = format!("rtmp://{}", listen.address);
    let proxy =
        Running::start(&["proxy", &upstream, "--listen", "127.0.0.1:0", "--profile", profile]);
    send(&proxy.address, &bytes("profile.codec"));
    for found in [proxy.codes(), listen.codes()] {
        assert!(found.iter().any(|code| code == "profile.codec"), "{found:?}");
    }
    let _ = std::fs::remove_file(path);
}

//! The program itself, while it serves connections, and what it writes.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "each test uses a part of it, and a test that is surprised has to fail"
)]

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::{DEADLINE, parse, peer};

/// `rtmpctl` serving connections, which is ended with the test.
pub(crate) struct Program {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    /// What it said on standard error, line by line.
    pub(crate) said: Arc<Mutex<Vec<String>>>,
}

/// The program, to be given arguments.
pub(crate) fn rtmpctl() -> Command {
    Command::new(env!("CARGO_BIN_EXE_rtmpctl"))
}

/// A file in a directory, for what is printed; [`lines`] reads it.
pub(crate) fn output(dir: &Path) -> Stdio {
    std::fs::File::create(dir.join("out")).unwrap().into()
}

impl Program {
    /// Starts it, and waits until it listens.
    pub(crate) fn start(mut command: Command, out: Stdio) -> Self {
        let mut child =
            command.stdin(Stdio::null()).stdout(out).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        let address = loop {
            let line = lines.next().unwrap_or_else(|| panic!("it ends: {said:?}")).unwrap();
            let address = line
                .strip_prefix("rtmpctl: listening on ")
                .map(|rest| rest.split(' ').next().unwrap().parse().unwrap());
            said.push(line);
            if let Some(address) = address {
                break address;
            }
        };
        let said = Arc::new(Mutex::new(said));
        let more = Arc::clone(&said);
        std::thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| more.lock().unwrap().push(line));
        });
        Self { child, address, said }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        peer(TcpStream::connect(self.address).unwrap())
    }

    /// Whether it says that on standard error, now or soon.
    pub(crate) fn says(&self, what: &str) -> bool {
        let begin = Instant::now();
        loop {
            if self.said.lock().unwrap().iter().any(|line| line.contains(what)) {
                return true;
            }
            if begin.elapsed() > DEADLINE {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let done = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(done.unwrap().success());
    }

    /// Interrupts it, and gives what it has written to a pipe that nobody read until now: it ends well.
    pub(crate) fn drained(&mut self) -> Vec<Value> {
        let mut out = self.child.stdout.take().unwrap();
        let reading = std::thread::spawn(move || {
            let mut text = String::new();
            out.read_to_string(&mut text).unwrap();
            text
        });
        self.signal("-INT");
        assert!(self.ended().success());
        parse(&reading.join().unwrap())
    }

    pub(crate) fn ended(&mut self) -> ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begin.elapsed() < DEADLINE, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What it has written into [`output`]; a line that is not whole yet is left out.
pub(crate) fn lines_so_far(dir: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(dir.join("out")).unwrap();
    let whole = text.rfind('\n').map_or(0, |at| at + 1);
    parse(&text[..whole])
}

/// The same once it has ended: every line is whole.
pub(crate) fn lines(dir: &Path) -> Vec<Value> {
    parse(&std::fs::read_to_string(dir.join("out")).unwrap())
}

/// What is the same however it was captured: all but times, in sentences too, packets, and what only a proxy knows.
pub(crate) fn bare(mut value: Value) -> Value {
    match &mut value {
        Value::Object(object) => {
            for key in ["time", "elapsed", "frame", "duration", "at", "took", "proxy"] {
                object.shift_remove(key);
            }
            // They say how long after something else the connection ended.
            for key in ["sentence", "message"] {
                if let Some(text) = object.get_mut(key)
                    && let Some(said) = text.as_str()
                {
                    *text = said.replace(|c: char| c.is_ascii_digit() || c == '.', "").into();
                }
            }
            object.values_mut().for_each(|value| *value = bare(value.take()));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| *value = bare(value.take())),
        Value::String(text) => *text = timeless(text),
        _ => {}
    }
    value
}

/// A text without the numbers that are times: `4.5 ms`, `2 s`.
fn timeless(text: &str) -> String {
    let words: Vec<&str> = text.split(' ').collect();
    let is_unit = |word: &str| matches!(word.trim_end_matches([',', '.', ';', ')']), "ms" | "s");
    let next = words.iter().skip(1).map(|word| is_unit(word)).chain([false]);
    let bare = words
        .iter()
        .zip(next)
        .map(|(word, time)| if time && word.parse::<f64>().is_ok() { "N" } else { *word });
    bare.collect::<Vec<_>>().join(" ")
}

//! What is reported for continuous integration, as it is typed.

use std::ffi::OsString;
use std::path::PathBuf;

/// A report for continuous integration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Report {
    /// Into this file.
    Junit(PathBuf),
    /// Onto standard error.
    Github,
}

/// A report: `github`, or `junit` and its file.
pub(in super::super) fn report(typed: &str) -> Result<Report, String> {
    match typed.split_once('=') {
        Some(("junit", file)) if !file.is_empty() && file != "-" => {
            Ok(Report::Junit(PathBuf::from(file)))
        }
        None if typed == "github" => Ok(Report::Github),
        _ if typed.starts_with("junit") => Err("junit and the name of a file".to_owned()),
        _ => Err("junit FILE or github".to_owned()),
    }
}

/// The arguments with `--report junit FILE` as one value: only that report has a second word, and what follows the
/// other is a file to read.
pub(in super::super) fn joined(
    arguments: impl IntoIterator<Item = impl Into<OsString>>,
) -> Vec<OsString> {
    let mut joined: Vec<OsString> = Vec::new();
    let mut arguments = arguments.into_iter().map(Into::into).peekable();
    while let Some(mut argument) = arguments.next() {
        if argument == "--" {
            joined.push(argument);
            break;
        }
        let after = joined.last().is_some_and(|before| before == "--report");
        let junit = after && argument == "junit" || argument == "--report=junit";
        // What looks like an option is no file.
        let is_file = |next: &OsString| !next.to_string_lossy().starts_with("--");
        if junit && let Some(file) = arguments.next_if(is_file) {
            argument.push("=");
            argument.push(file);
        }
        joined.push(argument);
    }
    joined.extend(arguments);
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports() {
        assert_eq!(report("github"), Ok(Report::Github));
        assert_eq!(report("junit=a b=c.xml"), Ok(Report::Junit("a b=c.xml".into())));
        for typed in ["junit", "junit=", "junit=-", "github=x", "xml", ""] {
            assert!(report(typed).is_err(), "{typed}");
        }
    }

    #[test]
    fn the_file_of_a_junit_report_is_a_word_of_its_own() {
        for (typed, expected) in [
            ("x decode --report junit a.xml c.pcap", "x decode --report junit=a.xml c.pcap"),
            ("x decode --report github c.pcap", "x decode --report github c.pcap"),
            ("x decode --report=junit a.xml c.pcap", "x decode --report=junit=a.xml c.pcap"),
            ("x decode --report junit=a.xml c.pcap", "x decode --report junit=a.xml c.pcap"),
            ("x decode c.pcap --report junit", "x decode c.pcap --report junit"),
            ("x decode --report junit --quiet c.pcap", "x decode --report junit --quiet c.pcap"),
            (
                "x decode junit a.xml -- --report junit b",
                "x decode junit a.xml -- --report junit b",
            ),
        ] {
            let words: Vec<OsString> = expected.split(' ').map(OsString::from).collect();
            assert_eq!(joined(typed.split(' ')), words, "{typed}");
        }
    }
}

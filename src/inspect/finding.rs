//! What the inspection has to say about a connection, as data.

use super::rules::{self, Confidence};

/// How bad a [`Finding`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Some peers or players will have trouble.
    Warning,
    /// Something is broken or could not be read.
    Error,
}

impl Severity {
    /// The name in the output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One thing that the inspection noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Its stable name: `chunk.sync-lost`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// One sentence, with its numbers.
    pub message: String,
    /// The section of the specification that it rests on, where there is one.
    pub spec: Option<&'static str>,
    /// The `seq` of the record that shows it.
    pub about: Option<u64>,
    /// The `seq` of what it follows from: a loss, after which much looks odd that is no fault of its own.
    pub cause: Option<u64>,
    /// How sure it is, where that is not what its rule says.
    pub confidence: Option<Confidence>,
    /// What to do about this one, where there is more to say than its rule says.
    pub fix: Option<String>,
    /// How many times it has occurred on this connection.
    pub count: u32,
}

impl Finding {
    /// A finding that occurred once and is about no record in particular.
    #[must_use]
    pub fn new(code: &'static str, severity: Severity, message: impl Into<String>) -> Self {
        Self {
            code,
            severity,
            message: message.into(),
            spec: None,
            about: None,
            cause: None,
            confidence: None,
            fix: None,
            count: 1,
        }
    }

    /// The same, resting on a section of a specification.
    #[must_use]
    pub const fn spec(mut self, section: &'static str) -> Self {
        self.spec = Some(section);
        self
    }

    /// The same, about the record with this `seq`.
    #[must_use]
    pub const fn about(mut self, seq: u64) -> Self {
        self.about = Some(seq);
        self
    }

    /// How sure it is.
    #[must_use]
    pub fn confidence(&self) -> Confidence {
        let rule = || rules::rule(self.code).map(|rule| rule.confidence);
        self.confidence.or_else(rule).unwrap_or(Confidence::Certain)
    }

    /// What to do about it.
    #[must_use]
    pub fn fix(&self) -> Option<&str> {
        self.fix.as_deref().or_else(|| rules::rule(self.code).map(|rule| rule.fix))
    }
}

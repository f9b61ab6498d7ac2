//! The two ways in which encoders authenticate: Adobe's and Limelight's.
//!
//! Both go over several connections. The first `connect` is rejected with a description that names the way; the client
//! connects again with the user's name in the query of the application, and is told what to answer; the third `connect`
//! has the answer. Nothing is remembered between them. No specification describes it: the facts are those of librtmp
//! (`PublisherAuth`), FFmpeg (`do_adobe_auth`, `do_llnw_auth`) and the access manager of Flash Media Server.

use md5::{Digest, Md5};

use crate::proto::base64;

/// The way in which a client authenticates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AuthMod {
    /// `authmod=adobe`: salted and hashed twice.
    #[default]
    Adobe,
    /// `authmod=llnw`: as HTTP digests.
    Limelight,
}

impl AuthMod {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Adobe => "adobe",
            Self::Limelight => "llnw",
        }
    }
}

/// Who may connect, and what clients are asked. The texts that are asked are random, of letters and digits, and the same
/// for all connections.
#[derive(Clone)]
pub struct Auth {
    /// The user's name.
    pub user: String,
    /// The password.
    pub password: String,
    /// The way that a client is told which names none. Each is accepted from a client that names it.
    pub offered: AuthMod,
    /// `salt`, of Adobe's.
    pub salt: String,
    /// `challenge`, and `opaque`, which is the same here; `nonce` of Limelight's.
    pub challenge: String,
}

impl core::fmt::Debug for Auth {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Auth").field("user", &self.user).finish_non_exhaustive()
    }
}

/// What a `connect` is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Accepted,
    /// Reject it with this description; the client connects again.
    Ask(String),
    /// Reject it with this description.
    Failed(String),
}

impl Auth {
    /// Judges a `connect` by its application, with the query.
    pub(super) fn judge(&self, app: &str) -> Verdict {
        let (app, query) = app.split_once('?').unwrap_or((app, ""));
        let field = |name: &str| {
            let mut fields = query.split('&').filter_map(|field| field.split_once('='));
            fields.find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        let way = match field("authmod") {
            Some("adobe") => AuthMod::Adobe,
            Some("llnw") => AuthMod::Limelight,
            _ => {
                let name = self.offered.as_str();
                return Verdict::Ask(format!(
                    "[ AccessManager.Reject ] : [ code=403 need auth; authmod={name} ] : "
                ));
            }
        };
        let says = |what: &str| {
            format!("[ AccessManager.Reject ] : [ authmod={} ] : ?reason={what}", way.as_str())
        };
        let user = field("user").unwrap_or_default();
        if user != self.user {
            return Verdict::Failed(says("nosuchuser"));
        }
        let (Self { salt, challenge, .. }, Some(response)) = (self, field("response")) else {
            let Self { salt, challenge, .. } = self;
            return Verdict::Ask(says(&match way {
                AuthMod::Adobe => format!(
                    "needauth&user={user}&salt={salt}&challenge={challenge}&opaque={challenge}"
                ),
                AuthMod::Limelight => format!("needauth&user={user}&nonce={challenge}"),
            }));
        };
        let expected = match way {
            AuthMod::Adobe => {
                let secret = base64_md5(&[user, salt, &self.password]);
                base64_md5(&[&secret, challenge, field("challenge").unwrap_or_default()])
            }
            AuthMod::Limelight => {
                let instance = if app.contains('/') { "" } else { "/_definst_" };
                let who = hex_md5(&[user, ":live:", &self.password]);
                let what = hex_md5(&["publish:/", app, instance]);
                let count = field("nc").unwrap_or_default();
                let own = field("cnonce").unwrap_or_default();
                hex_md5(&[&who, ":", challenge, ":", count, ":", own, ":auth:", &what])
            }
        };
        if response == expected { Verdict::Accepted } else { Verdict::Failed(says("authfailed")) }
    }
}

fn md5(parts: &[&str]) -> [u8; 16] {
    let mut hash = Md5::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

fn base64_md5(parts: &[&str]) -> String {
    let mut out = Vec::with_capacity(24);
    base64::push(&mut out, &md5(parts));
    out.into_iter().map(char::from).collect()
}

fn hex_md5(parts: &[&str]) -> String {
    md5(parts).iter().map(|byte| format!("{byte:02x}")).collect()
}

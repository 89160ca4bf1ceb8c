//! Why the daemon did not do what a client asked for: a stable code, a tier, a message and a hint. A
//! command that fails is not a failure but an [`Outcome`](crate::Outcome).

use serde::{Deserialize, Serialize};
use std::fmt;

/// Who can do something about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// The user: the request is wrong, and fails again when it is repeated.
    User,
    /// The environment: a full disk, a daemon that is stopping, a full queue.
    Environment,
    /// Nobody: a defect of bd.
    Internal,
    /// A tier that this version does not know.
    #[serde(other)]
    Unknown,
}

/// A refusal or an error of the daemon, as sent to clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Stable, for programs: one of [`codes`], or one that a newer daemon added.
    pub code: String,
    /// Who can do something about it.
    pub tier: Tier,
    /// One sentence: what failed and why.
    pub message: String,
    /// One sentence: what to do about it, if something can be done.
    pub hint: Option<String>,
}

/// The codes this version sends.
pub mod codes {
    /// The request could not be understood.
    pub const BAD_REQUEST: &str = "bad_request";
    /// The daemon does not know the method.
    pub const UNSUPPORTED: &str = "unsupported";
    /// No build, execution, log or workspace of that name.
    pub const NOT_FOUND: &str = "not_found";
    /// An abbreviated id matches several builds.
    pub const AMBIGUOUS: &str = "ambiguous";
    /// The daemon is stopping and accepts no new builds.
    pub const DRAINING: &str = "draining";
    /// More builds wait than the queue holds.
    pub const QUEUE_FULL: &str = "queue_full";
    /// The daemon could not write where it keeps its files.
    pub const DISK: &str = "disk";
    /// The history is not available.
    pub const STORE: &str = "store";
    /// The directory to run in is missing or not a directory.
    pub const BAD_CWD: &str = "bad_cwd";
    /// The directory that names a workspace is missing or not a directory.
    pub const BAD_DIR: &str = "bad_dir";
    /// The directory cannot be a workspace.
    pub const BAD_ROOT: &str = "bad_root";
    /// A clock is malformed.
    pub const BAD_CLOCK: &str = "bad_clock";
    /// The files of a workspace cannot be determined.
    pub const NO_STATE: &str = "no_state";
    /// Client and daemon share no protocol version.
    pub const PROTOCOL_MISMATCH: &str = "protocol_mismatch";
    /// A command cannot be given what its client has: a nice value, a limit, a group. A daemon that
    /// this client starts could.
    pub const OUT_OF_REACH: &str = "out_of_reach";
    /// The client is confined in a way that the daemon is not; see the message.
    pub const CONFINED_CLIENT: &str = "confined_client";
    /// The daemon is confined in a way that the client is not. A daemon that this client starts would
    /// not be.
    pub const CONFINED_DAEMON: &str = "confined_daemon";
    /// The peer belongs to another user.
    pub const FOREIGN_PEER: &str = "foreign_peer";
    /// The daemon serves as many connections as it may.
    pub const TOO_MANY_CONNECTIONS: &str = "too_many_connections";
    /// Asked to stop when idle, but builds are running.
    pub const BUSY: &str = "busy";
    /// A defect of bd.
    pub const INTERNAL: &str = "internal";
}

impl Failure {
    /// A failure that the user can correct.
    #[must_use]
    pub fn user(code: &str, message: impl Into<String>) -> Self {
        Self::new(code, Tier::User, message)
    }

    /// A failure of the environment.
    #[must_use]
    pub fn environment(code: &str, message: impl Into<String>) -> Self {
        Self::new(code, Tier::Environment, message)
    }

    /// A defect of bd.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(codes::INTERNAL, Tier::Internal, message)
    }

    /// The same failure with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn new(code: &str, tier: Tier, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), tier, message: brief(message.into()), hint: None }
    }
}

/// Longest message of a failure, in bytes. It often quotes the request, which may be megabytes long;
/// and the refusal of a hello, all of it escaped, must fit a hello.
const MESSAGE_MAX_BYTES: usize = 512;

fn brief(mut message: String) -> String {
    if message.len() > MESSAGE_MAX_BYTES {
        let end = (0..=MESSAGE_MAX_BYTES).rev().find(|at| message.is_char_boundary(*at));
        message.truncate(end.unwrap_or(0));
        message.push('…');
    }
    message
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_does_not_echo_megabytes() {
        for message in ["x".repeat(8 << 20), "\u{1}".repeat(8 << 20), "gr\u{fc}n".repeat(1 << 20)] {
            let failure = Failure::user(codes::BAD_REQUEST, message);
            let wire = serde_json::to_vec(&failure).expect("serialise");
            assert!(wire.len() < crate::limits::HELLO_MAX_BYTES - 512, "{} bytes", wire.len());
        }
    }
}

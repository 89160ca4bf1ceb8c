//! The first frame of each side. It stays JSON, and its fields keep their meaning, forever: with it,
//! two versions that have nothing else in common find that out.

use crate::{Failure, Session};
use serde::{Deserialize, Serialize};

/// Oldest protocol version that this code speaks.
pub const PROTOCOL_MIN: u32 = 1;
/// Newest protocol version that this code speaks.
pub const PROTOCOL_MAX: u32 = 1;

/// Version of the product this crate belongs to.
pub const PRODUCT_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Inclusive range of protocol versions that one side speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProtocolRange {
    /// Oldest.
    pub min: u32,
    /// Newest.
    pub max: u32,
}

/// The range this code speaks.
pub const OUR_RANGE: ProtocolRange = ProtocolRange { min: PROTOCOL_MIN, max: PROTOCOL_MAX };

impl ProtocolRange {
    /// The newest version in both ranges.
    #[must_use]
    pub fn common(self, other: Self) -> Option<u32> {
        let newest = self.max.min(other.max);
        (newest >= self.min.max(other.min)).then_some(newest)
    }
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// Requests and replies.
    Control,
    /// One subscription to events.
    Events,
    /// Standard input of one build.
    Input,
}

/// First frame of a client, tagged by `bd`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "bd", rename_all = "snake_case")]
pub enum ClientHello {
    /// Opens a channel.
    Hello {
        /// Protocol versions the client speaks.
        protocol: ProtocolRange,
        /// Product version of the client.
        version: String,
        /// What the connection is for.
        channel: Channel,
        /// The session of the client.
        session: Session,
        /// Optional abilities of the client; unknown ones are ignored.
        #[serde(default)]
        capabilities: Vec<String>,
    },
    /// Asks the daemon to end. Understood by every version, so that any client can replace any
    /// daemon.
    Shutdown {
        /// Whether running builds are waited for.
        when: ShutdownWhen,
    },
}

/// When a daemon that is asked to end ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShutdownWhen {
    /// Only if no build is waiting or running; refused with `busy` otherwise.
    Idle,
    /// At once: no new work, running attempts get their grace and are then killed.
    Now,
}

/// First frame of the daemon, tagged by `bd`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "bd", rename_all = "snake_case")]
pub enum ServerHello {
    /// The channel is open.
    Welcome {
        /// Protocol version both sides use from here on.
        protocol: u32,
        /// Product version of the daemon.
        version: String,
        /// Process id of the daemon.
        pid: u32,
        /// Number of this connection, unique in this daemon's life.
        connection: u64,
        /// Whether no build is waiting or running: a newer client may replace an idle daemon.
        idle: bool,
        /// Optional abilities of the daemon; unknown ones are ignored.
        #[serde(default)]
        capabilities: Vec<String>,
    },
    /// The channel stays closed; the connection ends.
    Refused {
        /// Why, and what to do.
        failure: Failure,
        /// Protocol versions the daemon speaks.
        protocol: ProtocolRange,
        /// Product version of the daemon.
        version: String,
    },
    /// The daemon is stopping, as requested. The connection closes when it has ended.
    Ending,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_meet_at_the_newest_common_version() {
        let range = |min, max| ProtocolRange { min, max };
        for (ours, theirs, common) in [
            (range(1, 1), range(1, 1), Some(1)),
            (range(1, 3), range(2, 9), Some(3)),
            (range(2, 9), range(1, 3), Some(3)),
            (range(1, 1), range(2, 2), None),
            (range(3, 4), range(1, 2), None),
        ] {
            assert_eq!(ours.common(theirs), common, "{ours:?} and {theirs:?}");
        }
    }
}

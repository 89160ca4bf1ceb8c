//! Who submits builds, and how urgent they are.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// The kind of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionKind {
    /// A person at a terminal.
    User,
    /// An editor, on save.
    Editor,
    /// A coding agent.
    Agent,
    /// A hook of git or of another tool.
    Hook,
    /// A continuous-integration job.
    Ci,
    /// A kind that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Priority class: builds of a higher class start first; within one class, first come, first
/// served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Hooks, CI and other work that nobody watches.
    Background,
    /// A coding agent waits for it.
    Agent,
    /// An editor waits for it.
    Editor,
    /// A person waits for it.
    User,
    /// A class that this version does not know; never requested, so its position here means nothing.
    #[serde(other)]
    Unknown,
}

/// A client's identity: its kind and an id that stays the same from call to call. Written
/// `KIND` or `KIND:ID`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Session {
    /// The kind of a client.
    pub kind: SessionKind,
    /// Which client of that kind; absent if only the kind is known. For an unknown kind, the whole
    /// text.
    pub id: Option<String>,
}

/// Longest session id, in bytes: it is shown in every listing.
pub const SESSION_ID_MAX_BYTES: usize = 128;

/// A word that names no session kind, priority or session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseSessionError {
    /// What was given.
    pub given: String,
    /// What would have been understood.
    pub expected: &'static str,
}

impl fmt::Display for ParseSessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' is not understood; expected {}", self.given, self.expected)
    }
}

impl std::error::Error for ParseSessionError {}

impl SessionKind {
    /// The kind's name, as written in `--session`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Editor => "editor",
            Self::Agent => "agent",
            Self::Hook => "hook",
            Self::Ci => "ci",
            Self::Unknown => "unknown",
        }
    }

    /// The priority class of this kind's builds where the request names none.
    #[must_use]
    pub fn priority(self) -> Priority {
        match self {
            Self::User => Priority::User,
            Self::Editor => Priority::Editor,
            Self::Agent => Priority::Agent,
            Self::Hook | Self::Ci | Self::Unknown => Priority::Background,
        }
    }
}

impl FromStr for SessionKind {
    type Err = ParseSessionError;

    fn from_str(given: &str) -> Result<Self, Self::Err> {
        [Self::User, Self::Editor, Self::Agent, Self::Hook, Self::Ci]
            .into_iter()
            .find(|kind| kind.name() == given)
            .ok_or_else(|| ParseSessionError {
                given: given.to_owned(),
                expected: "user, editor, agent, hook or ci",
            })
    }
}

impl Priority {
    /// The class's name, as written in `--priority`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Editor => "editor",
            Self::Agent => "agent",
            Self::Background => "background",
            Self::Unknown => "unknown",
        }
    }
}

impl FromStr for Priority {
    type Err = ParseSessionError;

    fn from_str(given: &str) -> Result<Self, Self::Err> {
        match given {
            // The kinds of session that are background work are understood as well.
            "hook" | "ci" => Ok(Self::Background),
            _ => [Self::User, Self::Editor, Self::Agent, Self::Background]
                .into_iter()
                .find(|class| class.name() == given)
                .ok_or_else(|| ParseSessionError {
                    given: given.to_owned(),
                    expected: "user, editor, agent or background",
                }),
        }
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.id {
            Some(written) if self.kind == SessionKind::Unknown => f.write_str(written),
            Some(id) => write!(f, "{}:{id}", self.kind.name()),
            None => f.write_str(self.kind.name()),
        }
    }
}

impl FromStr for Session {
    type Err = ParseSessionError;

    fn from_str(given: &str) -> Result<Self, Self::Err> {
        let (kind, id) = match given.split_once(':') {
            Some((kind, id)) => (kind, Some(id)),
            None => (given, None),
        };
        let kind = kind.parse()?;
        if id.is_some_and(|id| !is_id(id)) {
            return Err(ParseSessionError {
                given: given.to_owned(),
                expected: "KIND or KIND:ID with an ID of 1 to 128 printable bytes",
            });
        }
        Ok(Self { kind, id: id.map(str::to_owned) })
    }
}

fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= SESSION_ID_MAX_BYTES && !id.contains(char::is_control)
}

impl Session {
    /// Reads what another version may have written: a kind that this one does not know is no
    /// error, as it is where a person typed it.
    ///
    /// # Errors
    ///
    /// [`ParseSessionError`] for what no version writes.
    pub fn lenient(given: &str) -> Result<Self, ParseSessionError> {
        given.parse().or_else(|error| {
            let kind = given.split_once(':').map_or(given, |(kind, _)| kind);
            let word = !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_lowercase());
            if word && kind.parse::<SessionKind>().is_err() && is_id(given) {
                Ok(Self { kind: SessionKind::Unknown, id: Some(given.to_owned()) })
            } else {
                Err(error)
            }
        })
    }
}

impl Serialize for Session {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Session {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::lenient(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_written_as_they_are_read() {
        for text in ["user", "agent:a1", "editor:vim:2", "hook", "ci:job 7"] {
            assert_eq!(text.parse::<Session>().expect(text).to_string(), text);
        }
        for text in ["", "agents", "agent:", "agent:a\nb", ":x"] {
            assert!(text.parse::<Session>().is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn kinds_and_classes_of_a_newer_version_are_read_and_written_again() {
        for text in ["satellite", "satellite:x1"] {
            let wire = format!("\"{text}\"");
            let session: Session = serde_json::from_str(&wire).expect(text);
            assert_eq!(session.kind, SessionKind::Unknown);
            assert_eq!(serde_json::to_string(&session).expect(text), wire);
            assert!(text.parse::<Session>().is_err(), "{text} was typed");
        }
        for text in ["", "No body", "agent:", "satellite:\n"] {
            assert!(Session::lenient(text).is_err(), "{text:?} was accepted");
        }
        let class: Priority = serde_json::from_str("\"emperor\"").expect("a class");
        assert_eq!(class, Priority::Unknown);
    }

    #[test]
    fn a_person_comes_before_an_editor_before_an_agent_before_the_rest() {
        assert!(Priority::User > Priority::Editor);
        assert!(Priority::Editor > Priority::Agent);
        assert!(Priority::Agent > Priority::Background);
    }
}

//! The JSON documents of `--json`: a body and the name of its schema. `docs/` lists the fields.

use bd_protocol::service::Workspace;
use bd_protocol::watch::Triggered;
use bd_protocol::{Build, OsText, shown};
use serde::Serialize;

/// One document: `{"schema": "bd.NAME/1", …}` and a newline.
pub(crate) fn document(schema: &'static str, body: &impl Serialize) -> String {
    #[derive(Serialize)]
    struct Document<'a, T> {
        schema: &'static str,
        #[serde(flatten)]
        body: &'a T,
    }
    own_document(&Document { schema, body })
}

/// One document that names its schema itself, and a newline.
pub(crate) fn own_document(document: &impl Serialize) -> String {
    let mut text = serde_json::to_string(document).expect("BUG: a document that has no JSON");
    if text.contains(shown::is_unseen) {
        text = escaped(&text);
    }
    text.push('\n');
    text
}

/// The same JSON without what would steer a terminal. It stands in strings only.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len() + 64);
    for c in json.chars() {
        if shown::is_unseen(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            text.push(c);
        }
    }
    text
}

/// Body with several workspaces.
#[derive(Serialize)]
pub(crate) struct Workspaces<'a> {
    pub(crate) workspaces: &'a [Workspace],
}

/// Body with one build.
#[derive(Serialize)]
pub(crate) struct OneBuild<'a> {
    pub(crate) build: &'a Build,
}

/// Body with one build, and what kept it from sharing with another one.
#[derive(Serialize)]
pub(crate) struct ExplainedBuild<'a> {
    build: &'a Build,
    differences: Vec<Difference<'a>>,
    advice: Option<&'a str>,
}

/// One thing that is not the same in two builds. What it was and is, is not told of variables, and
/// not kept of files.
#[derive(Serialize)]
struct Difference<'a> {
    kind: &'a str,
    name: Option<&'a OsText>,
    before: Option<&'a str>,
    after: Option<&'a str>,
}

impl<'a> ExplainedBuild<'a> {
    pub(crate) fn of(build: &'a Build) -> Self {
        let apart = build.apart.as_deref();
        let difference = |name| {
            let kind = apart.map_or("", |apart| &apart.kind);
            Difference { kind, name, before: None, after: None }
        };
        let differences = apart.map_or_else(Vec::new, |apart| match &apart.names[..] {
            [] => vec![difference(None)],
            names => names.iter().map(|name| difference(Some(name))).collect(),
        });
        Self { build, differences, advice: apart.and_then(|apart| apart.advice.as_deref()) }
    }
}

/// Body with several builds.
#[derive(Serialize)]
pub(crate) struct Builds<'a> {
    pub(crate) builds: &'a [Build],
}

/// Bytes in JSON: `text` where they are UTF-8, else `base64`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bytes<'a> {
    Text(&'a str),
    Base64(String),
}

impl<'a> Bytes<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        use base64::{Engine as _, prelude::BASE64_STANDARD};
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text),
            Err(_) => Self::Base64(BASE64_STANDARD.encode(bytes)),
        }
    }
}

/// Body of one line of `--events`, tagged by `event`.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum EventLine<'a> {
    /// To standard output or to standard error, which are one stream.
    Both {
        #[serde(flatten)]
        bytes: Bytes<'a>,
    },
    /// A build as it is now.
    Build { build: &'a Build },
    Stdout {
        #[serde(flatten)]
        bytes: Bytes<'a>,
    },
    Stderr {
        #[serde(flatten)]
        bytes: Bytes<'a>,
    },
    /// Something was left out.
    Lagged { from: u64, to: u64, reason: &'a str },
    /// The build has ended: the last line of it.
    Done,
    /// The first line of a watch.
    Watching { root: &'a OsText },
    /// What a watch did.
    Watched {
        #[serde(flatten)]
        triggered: &'a Triggered,
    },
}

/// One line of `--events`.
pub(crate) fn event_line(line: &EventLine<'_>) -> String {
    document("bd.event/1", line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_carry_text_or_base64() {
        let line = |bytes| event_line(&EventLine::Stdout { bytes: Bytes::new(bytes) });
        assert_eq!(
            line(b"a\n"),
            "{\"schema\":\"bd.event/1\",\"event\":\"stdout\",\"text\":\"a\\n\"}\n"
        );
        assert_eq!(
            line(b"\xff"),
            "{\"schema\":\"bd.event/1\",\"event\":\"stdout\",\"base64\":\"/w==\"}\n"
        );
        let unseen = "a\u{202e}\u{9b}\u{e0041}";
        let safe = line(unseen.as_bytes());
        assert!(!safe.trim_end().contains(shown::is_unseen), "{safe}");
        let read: serde_json::Value = serde_json::from_str(&safe).expect("JSON");
        assert_eq!(read["text"], unseen);
        assert_eq!(
            event_line(&EventLine::Done),
            "{\"schema\":\"bd.event/1\",\"event\":\"done\"}\n"
        );
    }
}

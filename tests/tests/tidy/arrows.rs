//! Which room of the daemon may use which, and which crate which: the arrows of the design. A room
//! is a folder of `daemon/src`, or a file beside them.

use crate::finding::Finding;
use crate::modules::{Absolute, Crate};
use crate::tree::Tree;
use std::collections::BTreeSet;

/// What one room may use.
#[derive(Debug)]
struct Room {
    name: &'static str,
    /// Rooms of which it may use everything that they show.
    may: &'static [&'static str],
    /// Rooms of which it may use these items only.
    only: &'static [(&'static str, &'static [&'static str])],
}

const fn room(name: &'static str, may: &'static [&'static str]) -> Room {
    Room { name, may, only: &[] }
}

/// What the rooms that do I/O have in common.
const IO: &[&str] = &["model", "files", "workspace", "index"];

/// What an answer is read from without the engine: the handles that own it, and the types of
/// their questions and answers. Whoever serves a socket has no other business with these rooms:
/// what writes them, and what wakes them, is the runtime's.
const HANDLES: &[(&str, &[&str])] = &[
    // The words of what a client may ask for, and of why it is refused: a submission is made by
    // the server and decided by the engine.
    ("engine", &["Input", "Join", "Refusal", "Submission", "TriggerEvent", "TriggerRequest"]),
    // What a workspace holds and what changed in it.
    (
        "watch",
        &[
            "ChangesQuery",
            "SourceKind",
            "State",
            "Summary",
            "Verified",
            "WorkspaceError",
            "WorkspaceRegistry",
        ],
    ),
    // Output is sent as it lies in the log, at the pace of the reader.
    (
        "output",
        &[
            "FRAME_BYTES",
            "GapReason",
            "HEADER_BYTES",
            "Log",
            "LogError",
            "Next",
            "OutputStore",
            "Reader",
            "StreamKind",
            "header",
        ],
    ),
    ("store", &["HistoryError", "HistoryScope", "HistoryReader", "StoreHealth"]),
    ("cache", &["CacheReader"]),
];

/// The table of the design. A room that is not in it is not in the design.
const ROOMS: &[Room] = &[
    // Pure: they decide, and are told everything.
    room("model", &[]),
    room("index", &["model"]),
    room("graph", &["model"]),
    room("diagnostics", &["model"]),
    room("scheduler", &["graph", "model"]),
    room("engine", &["scheduler", "graph", "model"]),
    // How whatever acts reads what is not the daemon's own.
    room("files", &[]),
    // These act, and do not know each other: the runtime joins them.
    room("workspace", &["model", "files", "index"]),
    room("watch", IO),
    room("drivers", &["model", "workspace", "index", "graph", "diagnostics"]),
    room("process", IO),
    room("lanes", IO),
    room("cache", IO),
    room("remote", IO),
    room("output", IO),
    room("store", IO),
    room(
        "runtime",
        &[
            "engine",
            "scheduler",
            "graph",
            "diagnostics",
            "index",
            "model",
            "workspace",
            "watch",
            "drivers",
            "process",
            "lanes",
            "cache",
            "remote",
            "output",
            "store",
        ],
    ),
    // They speak with clients: ask the runtime, read from the handles, and convert. What a request
    // names, a directory or a command line, is recognised before it is submitted: hence `workspace`
    // and `drivers`.
    Room {
        name: "server",
        may: &["model", "index", "workspace", "drivers", "runtime"],
        only: HANDLES,
    },
    Room { name: "http", may: &["model", "index", "runtime"], only: HANDLES },
    // It puts the house together.
    room(
        "lifecycle",
        &[
            "files",
            "engine",
            "scheduler",
            "graph",
            "diagnostics",
            "index",
            "model",
            "workspace",
            "watch",
            "drivers",
            "process",
            "lanes",
            "cache",
            "remote",
            "output",
            "store",
            "runtime",
            "server",
            "http",
        ],
    ),
];

/// What a crate may depend on, of our own ones.
const CRATES: &[(&str, &[&str])] = &[
    ("protocol", &[]),
    ("client", &["bd-protocol"]),
    ("daemon", &["bd-protocol"]),
    ("tests", &["bd-protocol", "bd-client", "bd-daemon"]),
];

const TABLE: &str = "move the item to a room that both may use, or pass it through the runtime; \
                     the table is in tests/tests/tidy/arrows.rs";

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = crates(tree);
    if let Some(daemon) = Crate::load(tree, "daemon/src/lib.rs") {
        findings.extend(rooms(&daemon));
    }
    findings
}

/// The names of rooms that are there.
pub(crate) fn rooms_of(tree: &Tree) -> BTreeSet<&str> {
    let below = tree.rust().filter_map(|file| file.path.strip_prefix("daemon/src/"));
    below.filter_map(|path| path.split_once('/')).map(|(room, _)| room).collect()
}

fn rooms(daemon: &Crate) -> Vec<Finding> {
    let mut findings = Vec::new();
    for module in daemon.modules() {
        let Some(name) = module.path.first() else { continue };
        let Some(room) = ROOMS.iter().find(|room| room.name == name) else {
            if module.path.len() == 1 {
                let what = format!("`{name}` is no room of the design");
                let remedy = "put the file into a room, or add the room to docs and table";
                findings.push(Finding::new(&module.file, 1, what, remedy));
            }
            continue;
        };
        let mut seen = BTreeSet::new();
        for reference in daemon.references(module) {
            let Absolute::Here(path) = reference.path else { continue };
            let Some((other, rest)) = path.split_first() else { continue };
            let item = rest.first().map(String::as_str);
            if other == name || !is_room(daemon, other) || may(room, other, item) {
                continue;
            }
            let used = item.map_or_else(|| other.clone(), |item| format!("{other}::{item}"));
            if seen.insert(used.clone()) {
                let what = format!("`{name}` uses `{used}`");
                findings.push(Finding::new(&module.file, reference.line, what, TABLE));
            }
        }
    }
    findings
}

fn is_room(daemon: &Crate, name: &str) -> bool {
    daemon.all().any(|module| module.path.len() == 1 && module.path[0] == name)
}

fn may(room: &Room, other: &str, item: Option<&str>) -> bool {
    if room.may.contains(&other) {
        return true;
    }
    let Some((_, items)) = room.only.iter().find(|(name, _)| *name == other) else { return false };
    // The room itself may be imported; what is used of it then is seen where it is used.
    item.is_none_or(|item| items.contains(&item))
}

fn crates(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, may) in CRATES {
        let Some(manifest) = tree.get(&format!("{name}/Cargo.toml")) else { continue };
        for (line, text) in manifest.lines() {
            let dependency = text.split(['.', ' ', '=']).next().unwrap_or_default();
            if dependency.starts_with("bd-") && !may.contains(&dependency) {
                let what = format!("`{name}` depends on `{dependency}`");
                let remedy = "put what both need into protocol, or the test into tests/";
                findings.push(Finding::new(&manifest.path, line, what, remedy));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found in a daemon of two rooms, of which the first has this text.
    fn found(room: &str, text: &str) -> Vec<String> {
        let lib = format!("pub mod {room};\npub mod output;\npub mod engine;");
        let file = format!("daemon/src/{room}/mod.rs");
        let tree = Tree::made_up(&[
            ("daemon/src/lib.rs", &lib),
            (&file, text),
            ("daemon/src/output/mod.rs", "pub struct Log; pub struct Writer;"),
            ("daemon/src/engine/mod.rs", "pub struct Core;"),
        ]);
        crate::finding::in_files(&check(&tree))
    }

    #[test]
    fn a_room_that_uses_a_foreign_one_is_found() {
        let expected = ["daemon/src/watch/mod.rs:2 `watch` uses `output::Log`"];
        assert_eq!(found("watch", "//! W.\nuse crate::output::Log;"), expected);
        assert_eq!(found("watch", "//! W.\nfn f() { log!(crate::output::Log) }"), expected);
        assert_eq!(
            found("watch", "//! W.\npub use super::output::Log;\nfn f(_: Log) {}"),
            expected
        );
        assert_eq!(found("runtime", "use crate::output::Log;"), [""; 0]);
        assert_eq!(found("watch", "#[cfg(test)]\nmod tests { use crate::output::Log; }"), [""; 0]);
    }

    #[test]
    fn of_a_handle_s_room_only_the_handles_may_be_used() {
        assert_eq!(found("server", "use crate::output;\nfn f(_: output::Log) {}"), [""; 0]);
        assert_eq!(
            found("server", "use crate::output;\n\nfn f(_: output::Writer) {}"),
            ["daemon/src/server/mod.rs:3 `server` uses `output::Writer`"]
        );
    }

    #[test]
    fn an_unknown_room_is_found() {
        assert_eq!(
            found("attic", "//! A."),
            ["daemon/src/attic/mod.rs:1 `attic` is no room of the design"]
        );
    }

    #[test]
    fn a_crate_that_depends_on_a_foreign_one_is_found() {
        let manifest = "[dependencies]\nbd-protocol.workspace = true\nbd-daemon.workspace = true\n";
        let tree = Tree::made_up(&[("client/Cargo.toml", manifest)]);
        let found = check(&tree);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].line, found[0].what.as_str()), (3, "`client` depends on `bd-daemon`"));
    }
}

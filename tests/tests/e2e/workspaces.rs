//! What can be asked of workspaces whatever their changes are learned from: documents, names,
//! and what is refused.

use bd_tests::Sandbox;
use bd_tests::wire::Wire;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::process::Output;

const INFO: &[&str] = &[
    "schema",
    "root",
    "files",
    "bytes",
    "dirs",
    "watches",
    "source",
    "clock",
    "tree_digest",
    "last_sync_ms",
    "warnings",
];

fn root(sandbox: &Sandbox) -> PathBuf {
    fs::canonicalize(sandbox.workspace()).expect("a workspace")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn is_info(document: &Value) {
    let fields = document.as_object().expect("an object");
    for field in INFO {
        assert!(fields.contains_key(*field), "no {field} in {document}");
    }
    assert_eq!(document["schema"], "bd.workspace/1");
    for number in ["files", "bytes", "dirs", "watches"] {
        assert!(document[number].is_u64(), "{number} in {document}");
    }
    let source = document["source"].as_str().expect("a source");
    assert!(["inotify", "notify", "poll", "mixed"].contains(&source), "{document}");
    assert!(document["warnings"].is_array(), "{document}");
}

#[test]
fn info_tells_what_a_workspace_holds_at_this_moment() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.workspace().join("sub")).expect("a directory");
    fs::write(sandbox.workspace().join(".gitignore"), "ignored\n").expect("a file");
    for (round, name) in ["a", "sub/b", "sub/ignored"].iter().enumerate() {
        fs::write(sandbox.workspace().join(name), "12345").expect("a file");
        let info = sandbox.json(&["ws", "info"]);
        is_info(&info);
        let files = 1 + (round as u64 + 1).min(2);
        assert_eq!((&info["root"], &info["files"]), (&json!(root(&sandbox)), &json!(files)));
        assert_eq!((&info["dirs"], &info["bytes"]), (&json!(1), &json!(8 + 5 * (files - 1))));
        assert!(info["last_sync_ms"].is_u64(), "{info}");
        assert_eq!(info["tree_digest"].as_str().map(str::len), Some(64), "{info}");
    }
    // Exactly one schema, for readers that are strict about names.
    let text = sandbox.ok(&["ws", "info", "--json", "sub"]);
    assert_eq!(text.matches("\"schema\"").count(), 1, "{text}");
    assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON")["root"], json!(root(&sandbox)));
    let text = sandbox.ok(&["ws", "info"]);
    assert!(text.contains("files        3 · 18 B\n"), "{text}");
}

#[test]
fn equal_trees_have_equal_digests_on_any_path_and_after_undo() {
    let sandbox = Sandbox::new();
    let places = ["one", "deeper/two"].map(|name| sandbox.outside().join(name));
    for place in &places {
        fs::create_dir_all(place.join("src")).expect("directories");
        fs::write(place.join("src/main.rs"), "fn main() {}\n").expect("a file");
        std::os::unix::fs::symlink("src/main.rs", place.join("link")).expect("a link");
    }
    let digest = |place: &PathBuf| {
        let info = sandbox.json(&["ws", "add", place.to_str().expect("UTF-8")]);
        info["tree_digest"].as_str().expect("a digest").to_owned()
    };
    let (one, two) = (digest(&places[0]), digest(&places[1]));
    assert_eq!(one, two);
    fs::write(places[0].join("src/main.rs"), "fn main() { }\n").expect("a file");
    assert_ne!(digest(&places[0]), one);
    fs::write(places[0].join("src/main.rs"), "fn main() {}\n").expect("a file");
    assert_eq!(digest(&places[0]), one);
    fs::create_dir(places[1].join("empty")).expect("a directory");
    assert_ne!(digest(&places[1]), one);
}

#[test]
fn a_directory_that_is_given_becomes_a_root_and_others_belong_to_theirs() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.workspace().join("data/sub")).expect("directories");
    fs::write(sandbox.workspace().join("data/x"), "").expect("a file");
    let data = root(&sandbox).join("data");
    assert_eq!(sandbox.json(&["ws", "info", "data"])["root"], json!(root(&sandbox)));
    let added = sandbox.json(&["ws", "add", "data"]);
    is_info(&added);
    assert_eq!((&added["root"], &added["files"]), (&json!(data), &json!(1)));
    // Without a directory, the workspace this one is in is meant.
    let mut bdctl = sandbox.bdctl(["ws", "add", "--json"]);
    bdctl.current_dir(sandbox.workspace().join("data/sub"));
    let output = sandbox.spawn(bdctl).output();
    let added: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(added["root"], json!(root(&sandbox)));
}

#[test]
fn a_list_is_a_document_and_a_table() {
    let sandbox = Sandbox::new();
    for arguments in [&["ws"][..], &["ws", "list"]] {
        assert_eq!(sandbox.ok(arguments), "no workspaces\n");
        let list = sandbox.json(arguments);
        assert_eq!(list, json!({ "schema": "bd.ws_list/1", "workspaces": [] }));
    }
    // A build that may be shared makes its workspace known.
    let _ = sandbox.ok(&["run", "--join", "--", "true"]);
    let list = sandbox.json(&["ws"]);
    let workspaces = list["workspaces"].as_array().expect("workspaces");
    workspaces.iter().for_each(is_info);
    assert_eq!((workspaces.len(), &workspaces[0]["root"]), (1, &json!(root(&sandbox))));
    let status = sandbox.json(&["status"]);
    assert_eq!(status["workspaces"], list["workspaces"]);
    let text = sandbox.ok(&["ws", "list"]);
    assert!(text.lines().count() == 2 && text.contains(root(&sandbox).to_str().expect("UTF-8")));

    let inspected = sandbox.json(&["state", "inspect"]);
    assert_eq!(inspected, workspaces[0]);
    let forgotten = sandbox.json(&["ws", "remove"]);
    assert_eq!(forgotten, json!({ "schema": "bd.ws_remove/1", "root": root(&sandbox) }));
    assert_eq!(sandbox.ok(&["ws"]), "no workspaces\n");
}

#[test]
fn what_is_not_known_is_not_found_and_the_next_step_is_reported() {
    let sandbox = Sandbox::new();
    for arguments in [&["ws", "remove"][..], &["ws", "remove", "gone"], &["state", "inspect"]] {
        let output = sandbox.run(arguments);
        assert_eq!(output.status.code(), Some(125), "{output:?}");
        let text = stderr(&output);
        assert!(text.contains("no workspace is known at") && text.contains("hint: "), "{text}");
    }
}

#[test]
fn what_cannot_be_a_workspace_is_refused_with_a_way_out() {
    let sandbox = Sandbox::new();
    let file = sandbox.workspace().join("file");
    fs::write(&file, "").expect("a file");
    let home = sandbox.outside().to_str().expect("UTF-8");
    for (arguments, says) in [
        (&["ws", "add", "file"][..], "is not a directory"),
        (&["ws", "add", "no/such"], "cannot access"),
        (&["ws", "add", "/"], "cannot be a workspace"),
        (&["ws", "add", "/proc"], "cannot be a workspace"),
        (&["ws", "add", home], "home directory"),
        (&["ws", "info", "file"], "is not a directory"),
        (&["ws", "info", "no/such"], "cannot access"),
        (&["changes", "no/such"], "cannot access"),
        (&["changes", "file"], "is not a directory"),
        (&["changes", "/"], "cannot be a workspace"),
        (&["state", "verify", "no/such"], "cannot access"),
    ] {
        let output = sandbox.run(arguments);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(125), "{arguments:?}: {text}");
        assert!(text.contains(says) && text.contains("hint: "), "{arguments:?}: {text}");
        assert!(output.stdout.is_empty(), "{output:?}");
    }
    assert_eq!(sandbox.daemons_started(), 1);
}

#[test]
fn what_is_no_clock_is_wrong_usage() {
    let sandbox = Sandbox::new();
    for clock in ["", "42", "yesterday", "c:1:2", "c:0123456789abcdef:x"] {
        let output = sandbox.run(&["changes", "--since", clock]);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{clock:?}: {text}");
        assert!(text.contains("is not a clock") && text.contains("hint: give a clock"), "{text}");
    }
    let output = sandbox.run(&["changes", "--wait=soon"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[test]
fn requests_that_no_client_sends_are_answered_and_nothing_falls_over() {
    let sandbox = Sandbox::new();
    let _ = sandbox.ok(&["status"]);
    let mut wire = Wire::open(&sandbox.socket(), "control");
    let long = format!("/{}", "x/".repeat(100_000));
    let mut code = |call: Value| {
        let reply = wire.call(1, &call);
        let answer = reply["reply"].as_object().and_then(|reply| reply.values().next().cloned());
        let failure = answer.map_or(reply["failure"].clone(), |answer| answer["Err"].clone());
        failure["code"].as_str().unwrap_or("none").to_owned()
    };
    for dir in
        [json!(""), json!("here"), json!("/tmp\0x"), json!({ "base64": "L/8A" }), json!(long)]
    {
        let place = json!({ "dir": dir, "home": "also\0odd" });
        let shown: String = dir.to_string().chars().take(80).collect();
        let query = json!({ "place": place, "wait_ms": u64::MAX });
        assert_eq!(code(json!({ "Changes": { "query": query } })), "bad_dir", "{shown}");
        for call in ["Workspace", "Register", "Verify"] {
            let mut arguments = json!({ "place": place });
            match call {
                "Register" => arguments["exact"] = true.into(),
                "Verify" => arguments["repair"] = true.into(),
                _ => {}
            }
            assert_eq!(code(json!({ call: arguments })), "bad_dir", "{call} {shown}");
        }
        for call in ["Inspect", "Forget"] {
            let code = code(json!({ call: { "place": place } }));
            assert!(["bad_dir", "not_found"].contains(&&*code), "{call} {shown}: {code}");
        }
    }
    let place = json!({ "dir": sandbox.workspace() });
    for (call, expected) in [
        (json!({ "Changes": { "query": { "place": place, "since": "c:" } } }), "bad_clock"),
        (json!({ "Changes": { "query": { "place": place, "since": "\0" } } }), "bad_clock"),
        (json!({ "Changes": { "query": { "place": place, "since": 7 } } }), "bad_request"),
        (json!({ "Changes": { "query": { "place": place, "wait_ms": -1 } } }), "bad_request"),
        (json!({ "Changes": {} }), "bad_request"),
        (json!({ "Workspace": { "place": {} } }), "bad_request"),
        (json!({ "Workspace": { "place": place } }), "none"),
    ] {
        assert_eq!(code(call.clone()), expected, "{call}");
    }
    drop(wire);
    assert_eq!(sandbox.daemons_started(), 1);
    is_info(&sandbox.json(&["ws", "info"]));
}

#[test]
fn inputs_have_a_digest_of_their_own() {
    let sandbox = Sandbox::new();
    for (path, text) in [("src/a.rs", "a"), ("src/b.rs", "b"), ("notes.txt", "1")] {
        let path = sandbox.workspace().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        std::fs::write(path, text).expect("a file");
    }
    let digest =
        |globs: &[&str]| sandbox.json(&[&["ws", "digest"], globs].concat())["digest"].clone();
    let (sources, all) = (digest(&["--on", "*.rs"]), digest(&[]));
    assert_ne!(sources, all);
    assert_eq!(all, sandbox.json(&["ws", "info"])["tree_digest"]);
    std::fs::write(sandbox.workspace().join("notes.txt"), "2").expect("an edit");
    assert_eq!(digest(&["--on", "*.rs"]), sources);
    assert_ne!(digest(&[]), all);
    std::fs::write(sandbox.workspace().join("src/a.rs"), "A").expect("an edit");
    assert_ne!(digest(&["--on", "*.rs"]), sources);
    std::fs::write(sandbox.workspace().join("src/a.rs"), "a").expect("an edit");
    assert_eq!(digest(&["--on", "*.rs"]), sources, "changed back");
}

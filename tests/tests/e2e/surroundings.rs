//! What keeps two runs of one command apart though no file of the workspace that counts has changed:
//! what the run may read beside those, and what it has made.

use crate::twins::{Call, Story, apart, together};
use bd_tests::git::git;
use bd_tests::{Flag, Sandbox, eventually};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::SystemTime;

const CARGO: Call<'_> = &["cargo", "check"];
const NPM: Call<'_> = &["npm", "test"];

#[test]
fn dependencies_outside_of_the_workspace_are_read() {
    apart(
        CARGO,
        "/lib",
        |story| {
            story
                .write("ws/crates/a/Cargo.toml", "[dependencies]\nlib = { path = '../../../lib' }");
            story.write("lib/Cargo.toml", "[dependencies]\nbase = { path = '../base' }");
            story.write("lib/src/lib.rs", "1");
        },
        |story| story.write("lib/src/lib.rs", "22"),
    );
    apart(
        CARGO,
        "/base",
        |story| {
            story.write("ws/Cargo.toml", "[patch.crates-io]\nlib = { path = \"../lib\" }");
            story.write("lib/Cargo.toml", "[dependencies]\nbase = { path = '../base' }");
            story.write("base/src/lib.rs", "1");
        },
        |story| story.write("base/src/new.rs", "2"),
    );
    apart(
        &["go", "test", "./..."],
        "/lib",
        |story| {
            story.write("ws/go.mod", "module x\nreplace y.org/lib => ../lib\n");
            story.write("lib/lib.go", "package lib");
        },
        |story| story.write("lib/lib.go", "package lib // 2"),
    );
    apart(
        NPM,
        "/lib",
        |story| {
            story.write("ws/package.json", "{\"dependencies\":{\"lib\":\"file:../lib\"}}");
            story.write("lib/index.js", "1");
        },
        |story| fs::remove_file(story.at("lib/index.js")).expect("it was there"),
    );
    apart(
        &["pytest"],
        "/lib",
        |story| {
            story.write("ws/pyproject.toml", "[tool.uv.sources]\nlib = { path = \"../lib\" }");
            story.write("lib/lib.py", "1");
        },
        |story| story.write("lib/lib.py", "2 "),
    );
    apart(
        &["make", "-C", "../other"],
        "/other",
        |story| story.write("other/Makefile", "all:"),
        |story| story.write("other/Makefile", "all: x"),
    );
}

#[test]
fn a_workspace_around_a_clone_is_read() {
    let nested: Call<'_> = &["--cwd", "nested", "--", "cargo", "check"];
    apart(
        nested,
        "/ws",
        |story| {
            story.write("ws/nested/src/lib.rs", "1");
            git(&story.at("ws/nested"), &["init", "--quiet"]);
        },
        |story| story.write("ws/a.rs", "2"),
    );
    let submodule: Call<'_> = &["--cwd", "part", "--", "npm", "test"];
    apart(
        submodule,
        "/ws",
        |story| {
            story.write("ws/part/a.js", "1");
            git(&story.at("ws"), &["init", "--quiet", "--separate-git-dir", ".git/part", "part"]);
        },
        |story| story.write("ws/new.js", "2"),
    );
    // There the manifest alone says that it is one.
    let member: Call<'_> = &["--cwd", "../outer/member", "--", "cargo", "check"];
    apart(
        member,
        "/outer",
        |story| {
            story.write("outer/Cargo.toml", "[workspace]\nmembers = ['member', 'other']");
            story.write("outer/other/src/lib.rs", "1");
            story.write("outer/member/src/lib.rs", "1");
            git(&story.at("outer/member"), &["init", "--quiet"]);
        },
        |story| story.write("outer/other/src/lib.rs", "2"),
    );
}

#[test]
fn what_links_lead_to_is_read() {
    apart(
        NPM,
        "/shared.json",
        |story| {
            story.write("shared.json", "1");
            symlink("../shared.json", story.at("ws/shared.json")).expect("a link");
        },
        |story| story.write("shared.json", "2"),
    );
    apart(
        NPM,
        "/gen/api.ts",
        |story| {
            story.write("ws/gen/api.ts", "1");
            symlink("gen/api.ts", story.at("ws/api.ts")).expect("a link");
        },
        |story| story.write("ws/gen/api.ts", "2"),
    );
}

#[test]
fn settings_that_are_ignored_are_read() {
    let env = |story: &Story| story.write("ws/.env", "A=1");
    apart(NPM, "/ws/.env", env, |story| story.write("ws/.env", "A=2"));
    apart(NPM, "/ws/.env.local", env, |story| story.write("ws/.env.local", "A=2"));
    apart(NPM, "/ws/.env", env, |story| {
        fs::remove_file(story.at("ws/.env")).expect("it was there")
    });
    let below: Call<'_> = &["--cwd", "sub/dir", "--", "npm", "test"];
    apart(
        below,
        "/sub/.env",
        |story| story.write("ws/sub/dir/a.js", "1"),
        |story| story.write("ws/sub/.env", "A=2"),
    );
    // In a package of the workspace, whoever runs its tests from above.
    apart(
        NPM,
        "/packages/api/.env",
        |story| {
            story.write("ws/packages/api/package.json", "{}");
            story.write("ws/packages/api/.env", "A=1");
        },
        |story| story.write("ws/packages/api/.env", "A=2"),
    );
    // Written again with another content of the same size and the time it had.
    apart(NPM, "/ws/.env", env, |story| {
        let modified =
            fs::metadata(story.at("ws/.env")).and_then(|f| f.modified()).expect("a time");
        story.write("ws/.env", "A=3");
        set_modified(&story.at("ws/.env"), modified);
    });
}

#[test]
fn files_that_git_tracks_are_read_even_if_they_are_ignored() {
    for version in ["2", "4"] {
        apart(
            CARGO,
            "/ws/gen/tracked.rs",
            |story| {
                story.write("ws/gen/tracked.rs", "1");
                git(&story.at("ws"), &["add", "--force", "gen/tracked.rs"]);
                git(&story.at("ws"), &["update-index", "--index-version", version]);
                git(&story.at("ws"), &["commit", "--quiet", "-m", "two"]);
            },
            |story| story.write("ws/gen/tracked.rs", "2"),
        );
    }
}

#[test]
fn the_commit_that_is_checked_out_is_read() {
    let nothing = |_: &Story| {};
    apart(CARGO, ".git/", nothing, |story| {
        git(&story.at("ws"), &["commit", "--quiet", "--allow-empty", "-m", "two"]);
    });
    apart(CARGO, ".git/", nothing, |story| git(&story.at("ws"), &["tag", "v1"]));
    apart(CARGO, ".git/HEAD", nothing, |story| {
        git(&story.at("ws"), &["switch", "--quiet", "-c", "other"]);
    });
    let worktree: Call<'_> = &["--cwd", "../tree", "--", "cargo", "check"];
    apart(
        worktree,
        ".git/",
        |story| git(&story.at("ws"), &["worktree", "add", "--quiet", "../tree"]),
        |story| git(&story.at("tree"), &["commit", "--quiet", "--allow-empty", "-m", "two"]),
    );
    apart(
        CARGO,
        ".git/",
        |story| git(&story.at("ws"), &["pack-refs", "--all"]),
        |story| git(&story.at("ws"), &["commit", "--quiet", "--allow-empty", "-m", "two"]),
    );
}

#[test]
fn what_a_run_has_made_must_be_there() {
    let nothing = |_: &Story| {};
    let made = |name: &'static str| {
        move |story: &Story| story.write(&format!("ws/{name}/debug/deps/a"), "1")
    };
    let remove = |name: &'static str| {
        move |story: &Story| fs::remove_dir_all(story.at(name)).expect("it was there")
    };
    apart(CARGO, "/ws/target", made("target"), remove("ws/target"));
    apart(CARGO, "/ws/target/debug", made("target"), remove("ws/target/debug"));
    apart(NPM, "/ws/dist", made("dist"), remove("ws/dist"));
    // Made by the run itself: there is no other sign of it.
    let mut story = Story::new();
    nothing(&story);
    story.begin(NPM);
    story.write("ws/build/app", "1");
    assert_eq!(story.again(NPM, &[]), None, "it came");
    remove("ws/build")(&story);
    assert!(story.again(NPM, &[]).is_some(), "it went");
    story.end();
    // Nobody had asked while it was there.
    let mut story = Story::new();
    story.begin(NPM);
    story.write("ws/build/app", "1");
    remove("ws/build")(&story);
    assert!(story.again(NPM, &[]).is_some(), "it came and went");
    story.end();
}

#[test]
fn configuration_and_toolchains_of_the_user_are_read() {
    for (call, path) in [
        (CARGO, "cargo-home/config.toml"),
        (CARGO, "cargo-home/config"),
        (CARGO, ".cargo/config.toml"),
        (CARGO, "rustup-home/settings.toml"),
        (CARGO, "rust-toolchain.toml"),
        (CARGO, ".tool-versions"),
        (CARGO, "mise.toml"),
        (NPM, ".npmrc"),
        (NPM, ".nvmrc"),
        (NPM, ".config/pip/pip.conf"),
        (&["pytest"], ".config/uv/uv.toml"),
        (&["pytest"], ".python-version"),
        (&["go", "vet"], ".config/go/env"),
        (&["mvn", "verify"], ".m2/settings.xml"),
        (&["make"], ".gradle/gradle.properties"),
    ] {
        let (write, again) =
            (|story: &Story| story.write(path, "1"), |story: &Story| story.write(path, "22"));
        apart(call, path, |_| {}, write);
        apart(call, path, write, again);
    }
}

#[test]
fn what_is_installed_and_started_is_read() {
    apart(
        NPM,
        "node_modules/.package-lock.json",
        |story| story.write("ws/node_modules/.package-lock.json", "1"),
        |story| story.write("ws/node_modules/.package-lock.json", "2"),
    );
    apart(CARGO, "/tools/rustc", |_| {}, |story| story.write("tools/rustc", "#!/bin/sh\nexit 1\n"));
    // The tool itself, with the size and the time of before.
    apart(
        CARGO,
        "/tools/cargo",
        |_| {},
        |story| {
            let path = story.at("tools/cargo");
            let modified = fs::metadata(&path).and_then(|f| f.modified()).expect("a time");
            let text = fs::read_to_string(&path).expect("a script");
            fs::write(&path, text.replace("0.02", "0.03")).expect("a script");
            set_modified(&path, modified);
        },
    );
    // What interprets it.
    apart(
        CARGO,
        "/tools/shell",
        |story| {
            let shell = story.at("tools/shell");
            fs::copy("/bin/sh", &shell).expect("a shell");
            let text = format!("#!{}\n{}\n", shell.display(), story.flag.pass());
            story.write("tools/cargo", &text);
        },
        |story| {
            let shell = story.at("tools/shell");
            fs::remove_file(&shell).expect("it was there");
            fs::copy("/bin/sh", &shell).expect("another one");
        },
    );
}

#[test]
fn what_a_session_offers_or_not_keeps_apart() {
    let mut story = Story::new();
    story.begin(CARGO);
    for name in [
        "COLUMNS",
        "LINES",
        "DISPLAY",
        "WAYLAND_DISPLAY",
        "XAUTHORITY",
        "DBUS_SESSION_BUS_ADDRESS",
        "SSH_AUTH_SOCK",
    ] {
        let reason = story.again(CARGO, &[(name, "40")]).expect("it is set for one of them only");
        assert!(reason.contains(name) && reason.contains("ignore_env"), "{reason}");
    }
    story.end();
}

#[test]
fn what_changes_nothing_for_a_run_keeps_nobody_apart() {
    let nothing = |_: &Story| {};
    together(CARGO, nothing, nothing);
    for path in ["ws/target/debug/deps/a", "ws/build.log", "unrelated/file", "ws/.DS_Store"] {
        together(CARGO, nothing, |story| story.write(path, "1"));
    }
    together(
        CARGO,
        |story| story.write("ws/target/debug/deps/a", "1"),
        |story| story.write("ws/target/debug/deps/a", "2"),
    );
    together(NPM, |story| story.write("ws/x.log", "1"), |story| story.write("ws/x.log", "2"));
    // What an editor does while somebody looks at a file, and what tools make for a moment.
    for path in ["ws/4913", "ws/.a.rs.swp", "ws/.#a.rs", "ws/vite.config.ts.timestamp-1-a.mjs"] {
        together(CARGO, nothing, |story| {
            story.write(path, "1");
            // Somebody sees it.
            let _ = story.sandbox.ok(&["changes"]);
            fs::remove_file(story.at(path)).expect("it was there");
        });
    }
    together(CARGO, nothing, |story| {
        story.write("ws/targetAbC123/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55");
        let _ = story.sandbox.ok(&["changes"]);
        fs::rename(story.at("ws/targetAbC123"), story.at("ws/target")).expect("renamed");
    });
    together(CARGO, nothing, |story| {
        story.write("ws/out.tmp", "1");
        let _ = story.sandbox.ok(&["changes"]);
        fs::rename(story.at("ws/out.tmp"), story.at("ws/out.log")).expect("renamed");
    });
}

#[test]
fn variables_that_the_workspace_or_the_user_calls_noise_keep_nobody_apart() {
    let mut story = Story::new();
    story.write("ws/bd.toml", "ignore_env = [\"STAMP\", \"CI_JOB_*\"]");
    story.begin(CARGO);
    assert_eq!(story.again(CARGO, &[("STAMP", "1"), ("CI_JOB_ID", "7")]), None);
    assert!(story.again(CARGO, &[("CI_JOBS", "7")]).is_some());
    story.end();
}

#[test]
fn files_that_keep_apart_are_named_to_whoever_runs_alone() {
    let mut story = Story::new();
    story.begin(CARGO);
    story.write("ws/a.rs", "2");
    let client = story.ask(CARGO, &[("BD_SESSION", "user:other")]);
    story.sandbox.await_builds("running", 2);
    let id = story.sandbox.build_of("user:other")["id"].as_str().expect("an id").to_owned();
    eventually("the file is named", || {
        let explained = story.sandbox.json(&["explain", &id]);
        explained["differences"][0]["name"] == "a.rs"
            && explained["differences"][0]["kind"] == "file"
    });
    story.flag.raise();
    let said = String::from_utf8_lossy(&client.output().stderr).into_owned();
    assert!(said.contains("not shared with b") && said.contains("a.rs has changed"), "{said}");
}

#[test]
fn nobody_joins_when_the_command_has_ended_and_something_lingers() {
    let sandbox = Sandbox::with_config("max_executions = 10");
    let (ended, runs) = (Flag::new(sandbox.outside(), "ended"), sandbox.outside().join("runs"));
    // What is left behind ignores that it is to end, and sees that its parent has ended.
    let script = format!(
        "echo ran >>'{}'; (trap '' TERM; while [ -d /proc/$$ ]; do :; done; {}; sleep 5) & exit 0",
        runs.display(),
        ended.raise_in_shell()
    );
    let arguments = ["run", "--join", "--", "sh", "-c", &script];
    let first = sandbox.spawn(sandbox.bdctl(arguments));
    eventually("the command has ended", || ended.is_up());
    let second = sandbox.spawn(sandbox.bdctl(arguments));
    for client in [first, second] {
        assert!(client.output().status.success());
    }
    assert_eq!(fs::read_to_string(runs).expect("it ran"), "ran\nran\n");
}

fn set_modified(path: &Path, to: SystemTime) {
    let file = fs::File::options().write(true).open(path).expect("a file");
    file.set_modified(to).expect("a time");
}

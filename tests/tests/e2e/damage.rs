//! Stores that are damaged, and what must never be in one.

use bd_tests::Sandbox;
use bd_tests::rng::Rng;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn history_is_the_same_after_a_restart_and_after_a_crash() {
    let sandbox = Sandbox::new();
    for code in 0..5 {
        let script = format!("exit {code}");
        let output = sandbox.run(&["run", "--", "sh", "-c", &script]);
        assert_eq!(output.status.code(), Some(code));
    }
    let before = sandbox.history();
    let codes: Vec<_> = before.iter().map(|build| &build["outcome"]["exit_code"]).collect();
    assert_eq!(codes, [4, 3, 2, 1, 0], "newest first");
    let _ = sandbox.ok(&["daemon", "stop"]);
    assert_eq!(sandbox.history(), before);
    sandbox.kill_daemon();
    assert_eq!(sandbox.history(), before);
    // And the next one is newer than all of them.
    let id = sandbox.detach(&["--", "true"]);
    let _ = sandbox.ended(&id);
    assert_eq!(sandbox.history()[0]["id"], *id);
}

#[test]
fn a_damaged_store_is_mended_or_set_aside_and_the_daemon_works() {
    let mut rng = Rng::new(11);
    let mut set_aside = 0;
    // With what the journal has kept, and without.
    let all = damages().map(|damage| [(damage, true), (damage, false)]);
    for ((what, damage), has_journal) in all.into_iter().flatten() {
        let sandbox = Sandbox::new();
        let _ = sandbox.ok(&["run", "--", "true"]);
        let before = sandbox.history();
        let _ = sandbox.ok(&["daemon", "stop"]);
        let store = sandbox.home().join("state/store");
        assert!(store.is_dir(), "there is no store to damage");
        damage(&store, &mut rng);
        if !has_journal {
            fs::remove_dir_all(sandbox.home().join("state/journal")).expect("a journal");
        }

        assert_eq!(sandbox.ok(&["run", "--", "echo", "works"]), "works\n", "{what}");
        let mut after = sandbox.history();
        assert_eq!(after.remove(0)["outcome"]["status"], "ok", "{what}");
        let warnings = sandbox.json(&["status"])["daemon"]["warnings"].clone();
        let store = sandbox.json(&["status"])["store"].clone();
        if has_journal {
            assert_eq!(after, before, "{what}: the journal has it");
            continue;
        }
        assert_eq!(store["state"], if after == before { "ok" } else { "set_aside" }, "{what}");
        if after != before {
            // What is lost is said, build by build.
            let is_said = |build: &Value| build["outcome"]["message"].to_string().contains("lost");
            assert!(
                after.iter().all(is_said),
                "{what}: history is neither right nor lost: {after:?}"
            );
            let said = warnings[0].as_str().unwrap_or_else(|| panic!("{what}: no warning"));
            assert!(said.contains("history"), "{what}: {said}");
            assert!(sandbox.ok(&["status"]).contains("warning: "), "{what}");
            set_aside += 1;
        }
    }
    assert!(set_aside > 0, "no damage was done: this test shows nothing");
}

type Damage = fn(&Path, &mut Rng);

fn damages() -> [(&'static str, Damage); 7] {
    [
        ("cut in half", |store, _| {
            for file in files(store) {
                let length = fs::metadata(&file).expect("its length").len();
                let file = fs::File::options().write(true).open(file).expect("a file");
                file.set_len(length / 2).expect("a cut");
            }
        }),
        ("emptied", |store, _| {
            files(store).iter().for_each(|file| fs::write(file, "").expect("a cut"))
        }),
        ("random bytes", |store, rng| {
            for file in files(store) {
                let length = fs::metadata(&file).expect("its length").len();
                let bytes: Vec<u8> = (0..length).map(|_| rng.bits() as u8).collect();
                fs::write(&file, bytes).expect("new bytes");
            }
        }),
        ("a byte in a hundred", |store, rng| {
            for file in files(store) {
                let mut bytes = fs::read(&file).expect("its bytes");
                for byte in &mut bytes {
                    *byte ^= if rng.one_in(100) { 0xff } else { 0 };
                }
                fs::write(&file, bytes).expect("new bytes");
            }
        }),
        ("ones in the middle", |store, _| {
            for file in files(store) {
                let mut bytes = fs::read(&file).expect("its bytes");
                let length = bytes.len();
                bytes[length / 3..length / 3 * 2].fill(0xff);
                fs::write(&file, bytes).expect("new bytes");
            }
        }),
        ("files gone", |store, _| {
            files(store).iter().for_each(|file| fs::remove_file(file).expect("a removal"));
        }),
        ("a file in its place", |store, _| {
            fs::remove_dir_all(store).expect("a removal");
            fs::write(store, "no store").expect("a file");
        }),
    ]
}

#[test]
fn output_that_is_lost_or_changed_on_disk_is_never_shown_as_if_it_were_whole() {
    let damages: [(&str, Damage, &str); 6] = [
        ("emptied", |log, _| fs::write(log, "").expect("a cut"), "what is on the disk"),
        (
            "cut in half",
            |log, _| {
                let length = fs::metadata(log).expect("its length").len();
                let file = fs::File::options().write(true).open(log).expect("a file");
                file.set_len(length / 2).expect("a cut");
            },
            "what is on the disk",
        ),
        (
            "zeroed",
            |log, _| {
                let length = fs::read(log).expect("its bytes").len();
                fs::write(log, vec![0; length]).expect("zeros");
            },
            "what is on the disk",
        ),
        (
            "a bit of it flipped",
            |log, rng| {
                let mut bytes = fs::read(log).expect("its bytes");
                let at = usize::try_from(rng.below(bytes.len() as u64)).expect("small");
                bytes[at] ^= 1 << rng.below(8);
                fs::write(log, bytes).expect("new bytes");
            },
            "what is on the disk",
        ),
        ("gone", |log, _| fs::remove_file(log).expect("a removal"), "what is on the disk"),
        (
            "gone with its directory",
            |log, _| fs::remove_dir_all(log.parent().expect("a directory")).expect("a removal"),
            "its log was removed",
        ),
    ];
    let mut rng = Rng::new(12);
    let sandbox = Sandbox::new();
    let output = sandbox.home().join("state/output");
    for (what, damage, said) in damages {
        let id = sandbox.detach(&["--", "sh", "-c", "seq 1 2000; echo the-end"]);
        let _ = sandbox.ended(&id);
        // Asked of the daemon that ran it, and of one that knows it from its store only.
        let _ = sandbox.ok(&["daemon", "stop"]);
        let whole = sandbox.ok(&["logs", &id]);
        assert!(whole.ends_with("2000\nthe-end\n"), "{what}: {whole}");
        let log = files(&output).pop().expect("a log");
        damage(&log, &mut rng);
        for restarted in [false, true] {
            if restarted {
                let _ = sandbox.ok(&["daemon", "stop"]);
            }
            let found = sandbox.run(&["logs", &id]);
            let stderr = String::from_utf8_lossy(&found.stderr);
            assert_eq!(found.status.code(), Some(125), "{what}: {found:?}");
            assert!(found.stdout.is_empty(), "{what}: {found:?}");
            assert!(stderr.contains("of output are missing") && stderr.contains(said), "{stderr}");
        }
    }
    // What printed nothing has lost nothing.
    let id = sandbox.detach(&["--", "true"]);
    let _ = sandbox.ended(&id);
    assert_eq!(sandbox.ok(&["logs", &id]), "");
    let _ = sandbox.ok(&["daemon", "stop"]);
    assert_eq!(sandbox.ok(&["logs", &id]), "");
}

#[test]
fn what_a_client_was_told_is_known_after_a_kill() {
    let sandbox = Sandbox::new();
    let build = |id: &str| {
        let history = sandbox.history();
        history.into_iter().find(|build| build["id"] == *id)
    };
    for round in 0..5 {
        let id = sandbox.detach(&["--", "sleep", "100"]);
        sandbox.kill_daemon();
        assert!(build(&id).is_some(), "round {round}: the id is not known");

        let tag = format!("round {round}");
        let output = sandbox.run(&["run", "--quiet", "--", "sh", "-c", "exit 7", &tag]);
        assert_eq!(output.status.code(), Some(7), "{output:?}");
        sandbox.kill_daemon();
        let newest = sandbox.history()[0].clone();
        assert_eq!(newest["command"][3], *tag, "{newest}");
        assert_eq!(newest["outcome"]["exit_code"], 7, "{newest}");

        let id = sandbox.detach(&["--", "sleep", "100"]);
        let _ = sandbox.run(&["cancel", &id]);
        sandbox.kill_daemon();
        let cancelled = build(&id).expect("the cancelled build");
        assert_eq!(cancelled["outcome"]["status"], "cancelled", "{cancelled}");
    }
}

#[test]
fn a_secret_in_the_environment_is_written_nowhere() {
    const SECRET: &str = "s3cret-canary-0f9d2c";
    let sandbox = Sandbox::new();
    // In the client's environment and as an option, of builds that work, fail and cannot start.
    for words in [
        &["run", "--", "sh", "-c", "test -n \"$TOKEN\""][..],
        &["run", "--join", "--", "sh", "-c", "test -n \"$TOKEN\"; exit 3"],
        &["run", "--detach", "--", "sh", "-c", "test -n \"$TOKEN\""],
        &["run", "--", "no-such-program"],
        &["explain", "--", "cargo", "check"],
        &["explain", "--json", "--", "cargo", "check"],
    ] {
        let mut command = sandbox.bdctl(words);
        command.env("TOKEN", SECRET);
        let output = sandbox.spawn(command).output();
        assert!(
            !contains(&output.stdout, SECRET) && !contains(&output.stderr, SECRET),
            "{output:?}"
        );
    }
    let option = format!("TOKEN={SECRET}");
    let id = sandbox.detach(&["--env", &option, "--", "sh", "-c", "test -n \"$TOKEN\""]);
    assert_eq!(sandbox.ended(&id)["outcome"]["status"], "ok", "the command has it");
    let history = sandbox.ok(&["history", "--all", "--json"]);
    assert!(!history.contains(SECRET), "{history}");
    // A daemon that dies leaves more behind than one that tidies up.
    sandbox.kill_daemon();
    let kept = files(&sandbox.home());
    assert!(kept.len() > 2, "{kept:?}");
    for file in kept {
        assert!(!contains(&fs::read(&file).expect("a file"), SECRET), "{}", file.display());
    }
}

/// The regular files below a directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("a directory") {
        let entry = entry.expect("an entry");
        let kind = entry.file_type().expect("its type");
        if kind.is_dir() {
            found.extend(files(&entry.path()));
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
    found.sort();
    found
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

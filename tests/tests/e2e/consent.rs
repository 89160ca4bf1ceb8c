//! What `bd.toml` has run on change: it runs when a person has consented to these commands in this
//! directory, and everybody can see whether it does.

use bd_tests::{Sandbox, eventually};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// A workspace whose commands leave a line in a file outside of it.
struct Place {
    sandbox: Sandbox,
}

impl Place {
    fn new() -> Self {
        Self { sandbox: Sandbox::new() }
    }

    fn ran(&self) -> PathBuf {
        self.sandbox.outside().join("ran")
    }

    fn lines(&self) -> usize {
        fs::read_to_string(self.ran()).map_or(0, |text| text.lines().count())
    }

    /// Has `bd.toml` run a script on change of `*.in`.
    fn rule(&self, script: &str) {
        let text =
            format!("[[on_change]]\non = [\"*.in\"]\nrun = [\"sh\", \"-c\", \"{script}\"]\n");
        fs::write(self.sandbox.workspace().join("bd.toml"), text).expect("a file");
    }

    fn echo(&self, word: &str) {
        self.rule(&format!("echo {word} >> {}", self.ran().display()));
    }

    /// What a command says of the workspace.
    fn on_change(&self, words: &[&str]) -> Value {
        self.sandbox.json(words)["on_change"].clone()
    }

    fn state(&self) -> String {
        self.on_change(&["ws", "info"])["state"].as_str().expect("a state").to_owned()
    }

    /// Changes a file until something was run for it.
    #[track_caller]
    fn runs(&self) {
        let (before, mut round) = (self.lines(), 0);
        eventually("it is run", || {
            round += 1;
            if round % 100 == 1 {
                self.save(&format!("{before} {round}"));
            }
            self.lines() > before
        });
    }

    /// Changes a file, after which nothing is run.
    #[track_caller]
    fn rests(&self) {
        eventually("it rests", || self.sandbox.live().is_empty());
        let (ran, builds) = (self.lines(), self.sandbox.history().len());
        self.save("nobody runs for this");
        let _ = self.sandbox.json(&["ws", "info"]);
        // Whatever the change had started was submitted before this.
        let _ = self.sandbox.ok(&["run", "--", "true"]);
        assert_eq!((self.lines(), self.sandbox.history().len()), (ran, builds + 1));
    }

    fn save(&self, text: &str) {
        fs::write(self.sandbox.workspace().join("x.in"), text).expect("a file");
    }
}

#[test]
fn commands_are_shown_before_they_run_and_other_commands_are_asked_for_again() {
    let place = Place::new();
    place.echo("one");
    let before = place.on_change(&["ws", "info"]);
    assert_eq!(before["state"], "not_enabled");
    assert_eq!(before["commands"][0]["run"][0], "sh");
    assert_eq!(before["commands"][0]["on"][0], "*.in");
    let told = place.sandbox.ok(&["ws", "info"]);
    assert!(told.contains("not enabled") && told.contains("bdctl ws trust"), "{told}");
    place.rests();
    let added = place.sandbox.ok(&["ws", "add"]);
    assert!(added.contains("enabled") && added.contains("echo one"), "{added}");
    place.runs();
    // A branch brings other commands: nobody has seen them.
    place.echo("two");
    assert_eq!(place.state(), "changed");
    place.rests();
    for words in [&["ws", "info"][..], &["ws", "list"], &["status"]] {
        let told = place.sandbox.ok(words);
        assert!(told.contains("not run") && told.contains("bdctl ws trust"), "{words:?}: {told}");
    }
    let log = place.sandbox.daemon_log();
    assert!(log.contains("on_change is not run"), "{log}");
    // Back on the first branch, all is as it was.
    place.echo("one");
    assert_eq!(place.state(), "enabled");
    place.runs();
    place.echo("two");
    assert_eq!(place.on_change(&["ws", "trust"])["state"], "enabled");
    place.runs();
}

#[test]
fn consent_is_withdrawn_by_one_command_and_survives_a_restart_until_then() {
    let place = Place::new();
    place.echo("x");
    assert_eq!(place.on_change(&["ws", "trust"])["state"], "enabled");
    place.sandbox.kill_daemon();
    assert_eq!(place.state(), "enabled");
    place.runs();
    assert_eq!(place.on_change(&["ws", "untrust"])["state"], "not_enabled");
    place.rests();
    let _ = place.sandbox.ok(&["daemon", "restart"]);
    assert_eq!(place.state(), "not_enabled");
    place.rests();
}

#[test]
fn a_directory_that_takes_the_place_of_another_is_asked_for_again() {
    let place = Place::new();
    place.echo("x");
    let _ = place.sandbox.ok(&["ws", "add"]);
    place.runs();
    eventually("it rests", || place.sandbox.live().is_empty());
    let ran = place.lines();
    let (root, away) = (place.sandbox.workspace(), place.sandbox.outside().join("away"));
    fs::rename(&root, &away).expect("moved");
    fs::create_dir_all(root.join(".git")).expect("another");
    place.echo("x");
    // A change in the directory that was there runs nothing in the one that is there now.
    fs::write(away.join("x.in"), "elsewhere").expect("a file");
    assert_eq!(place.state(), "changed");
    place.rests();
    assert_eq!(place.lines(), ran);
    // The very same directory is back.
    fs::remove_dir_all(&root).expect("removed");
    fs::rename(&away, &root).expect("moved back");
    assert_eq!(place.state(), "enabled");
    place.runs();
}

#[test]
fn a_root_that_is_made_again_is_noticed_though_nobody_asks_and_asked_for_again() {
    let place = Place::new();
    place.echo("x");
    let _ = place.sandbox.ok(&["ws", "add"]);
    place.runs();
    let root = place.sandbox.workspace();
    fs::remove_dir_all(&root).expect("removed");
    eventually("it is noticed", || place.sandbox.daemon_log().contains("what is known ends"));
    fs::create_dir_all(root.join(".git")).expect("another");
    place.echo("x");
    eventually("it asks again", || {
        let log = place.sandbox.daemon_log();
        log.contains("on_change is not run: it has changed")
    });
    place.rests();
    assert_eq!(place.on_change(&["ws", "trust"])["state"], "enabled");
    place.runs();
}

#[test]
fn commands_do_not_get_the_variables_of_whoever_started_the_daemon() {
    let place = Place::new();
    place.rule(&format!("env > {}.new; mv {0}.new {0}", place.ran().display()));
    let mut add: Command = place.sandbox.bdctl(["ws", "add"]);
    add.env("SECRET_OF_MINE", "1").env("VIRTUAL_ENV", "/v").env("LC_TIME", "C");
    assert!(add.output().expect("bdctl starts").status.success());
    place.runs();
    let got = fs::read_to_string(place.ran()).expect("variables");
    let names: Vec<_> = got.lines().filter_map(|line| line.split_once('=')).collect();
    let has = |name: &str| names.iter().any(|(found, _)| *found == name);
    assert!(has("HOME") && has("PATH") && has("LC_TIME"), "{got}");
    assert!(!has("SECRET_OF_MINE") && !has("VIRTUAL_ENV") && !has("BD_DAEMON"), "{got}");
}

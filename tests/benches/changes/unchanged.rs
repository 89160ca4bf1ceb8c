//! Asking when nothing has changed, as whole processes: `bdctl changes` beside `git status` with
//! its own daemon that watches.

use crate::ours::Ours;
use crate::{Scale, skipped};
use bd_tests::measure::{Figure, Target, interleaved};
use std::path::Path;
use std::process::{Command, Stdio};

pub(crate) fn changed(scale: Scale) -> Vec<Figure> {
    let files = scale.largest();
    let name = format!("nothing changed, whole process, {files} files");
    let Some(mut ours) = Ours::with_tree(&name, files) else { return vec![] };
    let (root, clock) = (ours.root(), ours.clock());
    let changes = || {
        let mut command = ours.sandbox.bdctl(["changes", "--since", &clock]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    if !changes().status().is_ok_and(|status| status.success()) {
        skipped(&name, "bdctl does not know `changes`");
        return vec![];
    }
    let identity = ["-c", "user.name=t", "-c", "user.email=t@t"];
    std::fs::remove_dir(root.join(".git")).expect("the mark of a workspace");
    for arguments in [&["init", "-q"][..], &["add", "."], &["commit", "-q", "-m", "all"]] {
        run(git(&root).args(identity).args(arguments));
    }
    run(git(&root).args(["config", "core.untrackedCache", "true"]));
    let plain = || git(&root).args(["-c", "core.fsmonitor=false", "status", "--short"]).status();
    let watched = || git(&root).args(["-c", "core.fsmonitor=true", "status", "--short"]).status();
    let [ours, status, monitored] = interleaved(
        scale.rounds(100),
        [
            &mut || assert!(changes().status().is_ok(), "bdctl starts"),
            &mut || assert!(plain().is_ok(), "git starts"),
            &mut || assert!(watched().is_ok(), "git starts"),
        ],
    );
    let _ = git(&root).args(["fsmonitor--daemon", "stop"]).status();
    let figure = |peer: &str, series| {
        Figure::new(&name, &ours)
            .beside(peer, series)
            .value(ours.ratio(series), "×")
            .target(Target::Most(0.3, "×"))
    };
    vec![figure("git status", &status), figure("git status with fsmonitor", &monitored)]
}

fn git(root: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(root).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn run(command: &mut Command) {
    let status = command.status().expect("git starts");
    assert!(status.success(), "{command:?}: {status}");
}

//! The same build once more in a workspace of many files that it does not need: what that costs
//! above the command itself, beside a walk through the workspace.

use crate::Scale;
use crate::ours::Ours;
use bd_tests::measure::{Figure, Target, interleaved, time};
use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

const MANIFEST: &str = "[package]\nname = \"few\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";

pub(crate) fn check(scale: Scale) -> Vec<Figure> {
    let files = scale.largest();
    let name = format!("`bdctl run -- cargo check` once more, {files} files");
    let Some(ours) = Ours::with_tree(&name, files) else { return vec![] };
    let root = ours.root();
    fs::create_dir(root.join("src")).expect("a directory");
    for (file, text) in [("Cargo.toml", MANIFEST), ("src/lib.rs", ""), (".gitignore", "target\n")] {
        fs::write(root.join(file), text).expect("a file");
    }
    let done = |mut command: Command| {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let status = command.current_dir(&root).status().expect("it starts");
        assert!(status.success(), "{command:?}: {status}");
    };
    let walk = || {
        let mut command = Command::new("find");
        command.args([".", "-size", "+1G"]);
        command
    };
    let cargo = || {
        let mut command = Command::new("cargo");
        command.arg("check");
        command
    };
    let [ours, alone, walked] = interleaved(
        scale.rounds(50),
        [
            &mut || done(ours.sandbox.bdctl(["run", "--", "cargo", "check"])),
            &mut || done(cargo()),
            &mut || done(walk()),
        ],
    );
    let above = ours.excess_ms(&alone);
    let share = above / 1e3 / walked.p50().as_secs_f64();
    let above = time(Duration::from_secs_f64(above.max(0.0) / 1e3));
    vec![
        Figure::new(&name, &ours).beside("cargo alone", &alone).value(ours.ratio(&alone), "×"),
        Figure::new("what that is above cargo's own time", above)
            .beside("a walk with `stat`", &walked)
            .value(share, "×")
            .target(Target::Most(0.2, "×")),
    ]
}

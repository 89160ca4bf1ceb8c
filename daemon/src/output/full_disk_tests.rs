//! Logs on a disk without room: a small one in memory, mounted where nobody else sees it.

use super::oracle::{Oracle, files, step};
use super::*;
use crate::model::ExecutionId;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

#[test]
fn a_full_disk_costs_output_and_nothing_else() {
    const INSIDE: &str = "BD_TEST_FULL_DISK";
    if let Some(dir) = std::env::var_os(INSIDE) {
        return on_a_full_disk(Path::new(&dir));
    }
    let dir = tempfile::tempdir().expect("dir");
    let script = "mount -t tmpfs -o size=1m tmpfs \"$BD_TEST_FULL_DISK\" || exit 77; exec \"$@\"";
    let this = std::env::current_exe().expect("the test program");
    let name = "output::full_disk_tests::a_full_disk_costs_output_and_nothing_else";
    let flags = if nix::unistd::geteuid().is_root() { "-m" } else { "-Urm" };
    let output = Command::new("unshare")
        .args([flags, "sh", "-c", script, "sh"])
        .arg(this)
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, dir.path())
        .output();
    match output {
        Ok(output) if output.status.success() => {
            assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
        }
        Ok(output) if output.status.code() == Some(101) => panic!("{output:?}"),
        other => {
            // Past the harness, which hides what a passing test prints: .ci/run looks for it.
            let line = format!("\nSKIP {name}: no file system can be mounted here: {other:?}\n");
            std::io::stdout().write_all(line.as_bytes()).expect("a standard output");
        }
    }
}

fn on_a_full_disk(root: &Path) {
    what_is_followed_is_delivered(root);
    std::fs::remove_dir_all(root.join("x")).expect("removed");
    old_output_makes_room(root);
}

/// Ended logs fill the disk, and one that is written has all of it.
fn old_output_makes_room(root: &Path) {
    let retention = Retention { total_bytes: u64::MAX, max_age: Duration::MAX };
    let store = OutputStore::new(root.join("output"), LogLimits::default(), retention);
    let written: Vec<_> = (1..=12).map(ExecutionId).collect();
    for execution in &written {
        let (mut writer, log) = store.create(*execution).expect("a log");
        writer.append(StreamKind::Stdout, &[b'x'; 150_000]);
        drop(writer);
        assert_eq!(log.lost_bytes(), 0, "{:?}", log.first_error());
        let _ = store.closed(*execution);
    }
    let kept = files(&root.join("output"));
    assert!((2..12).contains(&kept.len()), "{kept:?}");
    assert_eq!(kept.last(), Some(&written[11].to_string()), "the oldest go first");
}

fn what_is_followed_is_delivered(root: &Path) {
    let dir = root.join("x");
    let (mut writer, log) = Writer::create(&dir, LogLimits::default()).expect("new");
    let mut oracle = Oracle::default();
    let mut reader = log.reader(0);
    for _ in 0..40 {
        oracle.append(&mut writer, StreamKind::Stdout, &[b'x'; 100_000]);
    }
    let lost = log.lost_bytes();
    assert!(lost >= 3_000_000, "{lost}");
    assert!(log.first_error().expect("an error").contains("No space left"));
    while step(&mut reader, &oracle).is_some_and(|next| next == Next::Records) {}
    assert_eq!(reader.position(), 4_000_000, "all of it");
    let available = 4_000_000 - lost;

    // Room is made; the next attempt comes after a while and succeeds.
    let begun = std::time::Instant::now();
    let first = dir.join(&files(&dir)[0]);
    std::fs::File::options().write(true).open(&first).expect("open").set_len(500_016).expect("cut");
    let mut retried = 0;
    while log.lost_bytes() == lost + retried {
        assert!(begun.elapsed() < Duration::from_secs(30));
        oracle.append(&mut writer, StreamKind::Stderr, b"again");
        retried += 5;
        std::thread::sleep(Duration::from_millis(1));
    }
    let to = oracle.end() - 5;
    while step(&mut reader, &oracle).is_some_and(|next| next == Next::Records) {}
    assert_eq!(reader.position(), oracle.end());

    // And lost to the end.
    oracle.append(&mut writer, StreamKind::Stdout, &[b'y'; 600_000]);
    oracle.append(&mut writer, StreamKind::Stdout, &[b'z'; 600_000]);
    writer.finish();
    while let Some(next) = step(&mut reader, &oracle).filter(|next| *next != Next::End) {
        assert_eq!(next, Next::Records);
    }
    assert_eq!(reader.position(), oracle.end());

    // What a later daemon finds says the same of the gap in the middle.
    let reopened = Log::open(&dir, LogLimits::default()).expect("open");
    let mut reader = reopened.reader(available);
    let next = step(&mut reader, &oracle);
    assert!(
        matches!(next, Some(Next::Gap { to: found, reason: GapReason::LogUnwritable, .. })
        if found == to),
        "{next:?}"
    );
}

//! Logs on a disk without room: a small one in memory, mounted where nobody else sees it.

use super::oracle::{Oracle, files, step};
use super::*;
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
    let available = reader.position();
    assert_eq!(available, 4_000_000 - lost, "all that was written, and nothing more yet");

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
    let reason = GapReason::LogUnwritable;
    assert_eq!(step(&mut reader, &oracle), Some(Next::Gap { from: available, to, reason }));
    assert_eq!(step(&mut reader, &oracle), Some(Next::Records));

    // And lost to the end.
    oracle.append(&mut writer, StreamKind::Stdout, &[b'y'; 600_000]);
    oracle.append(&mut writer, StreamKind::Stdout, &[b'z'; 600_000]);
    writer.finish();
    let mut last = None;
    while let Some(next) = step(&mut reader, &oracle).filter(|next| *next != Next::End) {
        last = Some(next);
    }
    assert!(
        matches!(last, Some(Next::Gap { to, reason: GapReason::LogUnwritable, .. })
        if to == oracle.end()),
        "{last:?}"
    );
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

//! Logs against an oracle that keeps everything in memory.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use futures_util::FutureExt;

use super::record::Head;
use super::*;

/// A sequence of numbers that depends on the seed alone (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// Everything that was appended: kind and byte at each position.
#[derive(Default)]
struct Oracle(Vec<(u8, u8)>);

impl Oracle {
    fn append(&mut self, writer: &mut Writer, kind: StreamKind, bytes: &[u8]) {
        writer.append(kind, bytes);
        self.0.extend(bytes.iter().map(|&byte| (kind as u8, byte)));
    }

    fn random(&mut self, writer: &mut Writer, dice: &mut Dice, bound: u64) {
        let kind = if dice.below(3) == 0 { StreamKind::Stderr } else { StreamKind::Stdout };
        let bytes: Vec<u8> =
            (0..=dice.below(bound)).map(|_| dice.below(256).to_le_bytes()[0]).collect();
        self.append(writer, kind, &bytes);
    }

    /// Checks the records of a frame, of which the first is at `from`; returns the position after.
    fn check(&self, frame: &[u8], from: u64) -> u64 {
        let (mut rest, mut at) = (frame, from);
        while !rest.is_empty() {
            let head = Head::parse(rest, at).expect("records without gaps");
            let (record, others) = rest.split_at(usize::try_from(head.whole()).expect("small"));
            let payload = record[HEADER_BYTES..].iter().map(|&byte| (record[4], byte));
            let at_oracle = usize::try_from(at).expect("small");
            let expected = &self.0[at_oracle..at_oracle + head.len as usize];
            assert!(payload.eq(expected.iter().copied()), "bytes at {at}");
            (rest, at) = (others, head.end());
        }
        assert!(at > from, "an empty frame");
        at
    }

    fn end(&self) -> u64 {
        self.0.len() as u64
    }
}

/// What the reader comes to without waiting; none when it would wait.
fn step(reader: &mut Reader, oracle: &Oracle) -> Option<Next> {
    let mut frame = vec![9; 3];
    let from = reader.position();
    let next = reader.next(&mut frame).now_or_never()?.expect("a readable log");
    match next {
        Next::Records => assert_eq!(oracle.check(&frame, from), reader.position()),
        Next::Gap { from: gap, to, .. } => {
            assert_eq!((gap, to), (from, reader.position()));
            assert!(from < to && to <= oracle.end());
        }
        // What was lost is told when there is something after it, or the end.
        Next::CaughtUp => assert!(from + reader.lost_bytes() >= oracle.end()),
        Next::End => assert!(from >= oracle.end()),
    }
    Some(next)
}

/// Reads to the end; returns the gaps.
fn read_all(log: &Log, from: u64, oracle: &Oracle) -> Vec<(u64, u64, GapReason)> {
    let mut reader = log.reader(from);
    let mut gaps = Vec::new();
    loop {
        match step(&mut reader, oracle) {
            Some(Next::Gap { from, to, reason }) => gaps.push((from, to, reason)),
            Some(Next::End) => return gaps,
            Some(Next::Records) => {}
            other => panic!("the log has ended: {other:?}"),
        }
    }
}

fn limits(segment: u64, kept: u64, live: u64) -> LogLimits {
    LogLimits { segment_bytes: segment, kept_bytes: kept, live_bytes: live }
}

const AMPLE: u64 = 1 << 40;

fn files(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(dir)
        .expect("dir")
        .map(|entry| entry.expect("entry").file_name().into_string().expect("name"))
        .collect();
    names.sort();
    names
}

#[test]
fn random_histories_agree_with_the_oracle() {
    let root = tempfile::tempdir().expect("dir");
    let seeds = std::env::var("BD_SEEDS").map_or(400, |seeds| seeds.parse().expect("a number"));
    let mut gaps = 0;
    for seed in 0..seeds {
        gaps += history(&root.path().join(seed.to_string()), seed);
    }
    assert!(gaps > seeds, "gaps were tried: {gaps}");
}

fn history(dir: &Path, seed: u64) -> u64 {
    let mut dice = Dice(seed);
    let kept = 2000 + dice.below(20_000);
    let live = if dice.below(2) == 0 { AMPLE } else { kept + dice.below(10_000) };
    let bounds = limits(100 + dice.below(3000), kept, live);
    let largest = 1 + dice.below(400);
    let (mut writer, log) = Writer::create(dir, bounds).expect("create");
    let mut oracle = Oracle::default();
    let mut readers: Vec<Reader> = Vec::new();
    let mut gaps = 0;
    for _ in 0..dice.below(1500) {
        match dice.below(20) {
            0 => readers.push(log.reader(dice.below(oracle.end() + 10))),
            1 if !readers.is_empty() => {
                readers
                    .swap_remove(usize::try_from(dice.below(readers.len() as u64)).expect("u64"));
            }
            2..12 if !readers.is_empty() => {
                let one = usize::try_from(dice.below(readers.len() as u64)).expect("u64");
                if let Some(Next::Gap { reason, .. }) = step(&mut readers[one], &oracle) {
                    assert!(live < AMPLE || reason == GapReason::LogCapped, "seed {seed}");
                    gaps += 1;
                }
            }
            _ => oracle.random(&mut writer, &mut dice, largest),
        }
    }
    assert_eq!(log.end(), oracle.end());
    if dice.below(2) == 0 {
        writer.finish();
        for reader in &mut readers {
            while step(reader, &oracle) != Some(Next::End) {}
        }
        drop(readers);
        assert!(log.file_bytes() <= kept, "seed {seed}");
    } else {
        // The daemon is killed: nothing is truncated or trimmed, what was recycled stays.
        std::mem::forget(writer);
        drop(readers);
    }
    let log = Log::open(dir, bounds).expect("open");
    assert_eq!((log.end(), log.lost_bytes()), (oracle.end(), 0), "seed {seed}");
    assert!(log.file_bytes() <= kept, "seed {seed}");
    let on_disk: u64 =
        files(dir).iter().map(|name| std::fs::metadata(dir.join(name)).expect("file").len()).sum();
    assert!(on_disk <= kept + bounds.segment_bytes.max(largest + 16), "seed {seed}: {on_disk}");
    let whole = read_all(&log, 0, &oracle);
    assert!(whole.len() <= 1, "seed {seed}: {whole:?}");
    for &(from, to, reason) in &whole {
        assert_eq!(reason, GapReason::LogCapped);
        // Most of what may be kept is kept, at both ends.
        let segment = bounds.segment_bytes.min(kept / 8) + largest + 16;
        let records = |bytes: u64| bytes / 17; // All records could be of one byte.
        assert!(from >= records((kept / 4).saturating_sub(segment)), "seed {seed}");
        assert!(
            oracle.end() - to >= records((kept * 3 / 4).saturating_sub(segment)),
            "seed {seed}"
        );
        gaps += 1;
    }
    for _ in 0..5 {
        read_all(&log, dice.below(oracle.end() + 1), &oracle);
    }
    gaps
}

#[test]
fn a_reader_is_told_once_that_it_has_everything_and_then_waits() {
    let root = tempfile::tempdir().expect("dir");
    let (mut writer, log) =
        Writer::create(&root.path().join("x"), LogLimits::default()).expect("new");
    let mut oracle = Oracle::default();
    let (mut early, mut ahead) = (log.reader(0), log.reader(3));
    assert_eq!(step(&mut early, &oracle), Some(Next::CaughtUp));
    assert_eq!(step(&mut early, &oracle), None);
    assert_eq!(step(&mut ahead, &oracle), Some(Next::CaughtUp));
    oracle.append(&mut writer, StreamKind::Stdout, b"0123");
    assert_eq!(step(&mut early, &oracle), Some(Next::Records));
    assert_eq!(step(&mut early, &oracle), None);
    assert_eq!(step(&mut ahead, &oracle), Some(Next::Records));
    writer.finish();
    for mut reader in [early, ahead, log.reader(4), log.reader(99)] {
        assert_eq!(step(&mut reader, &oracle), Some(Next::End));
        assert_eq!(step(&mut reader, &oracle), Some(Next::End));
    }
    assert_eq!(read_all(&log, 2, &oracle), []);
}

#[test]
fn many_readers_follow_a_writer_on_another_thread() {
    let root = tempfile::tempdir().expect("dir");
    let bounds = limits(64 << 10, 512 << 10, AMPLE);
    let (mut writer, log) = Writer::create(&root.path().join("x"), bounds).expect("new");
    let line = b"a line of output, as they are\n";
    let lines = 200_000;
    let writing = std::thread::spawn({
        // It goes on only when all readers have registered: then none may miss anything.
        let readers: Vec<_> = (0..4).map(|_| log.reader(0)).collect();
        move || {
            (
                readers,
                std::thread::spawn(move || {
                    for _ in 0..lines {
                        writer.append(StreamKind::Stdout, line);
                    }
                }),
            )
        }
    });
    let (readers, writing) = writing.join().expect("start");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("runtime");
    runtime.block_on(async {
        let follow = readers.into_iter().map(|mut reader| async move {
            let (mut frame, mut position) = (Vec::new(), 0);
            loop {
                match reader.next(&mut frame).await.expect("read") {
                    Next::Records => {
                        let mut rest = frame.as_slice();
                        while let Some(head) = Head::parse(rest, position) {
                            assert_eq!(&rest[HEADER_BYTES..][..line.len()], line);
                            rest = &rest[usize::try_from(head.whole()).expect("small")..];
                            position = head.end();
                        }
                        assert!(rest.is_empty());
                    }
                    Next::CaughtUp => {}
                    Next::End => return position,
                    gap @ Next::Gap { .. } => panic!("{gap:?}"),
                }
            }
        });
        let ends = futures_util::future::join_all(follow).await;
        assert_eq!(ends, [lines * line.len() as u64; 4]);
    });
    writing.join().expect("writer");
    assert!(log.file_bytes() <= bounds.kept_bytes);
}

#[test]
fn large_pieces_are_split_and_come_back_whole() {
    let root = tempfile::tempdir().expect("dir");
    let dir = root.path().join("x");
    let (mut writer, log) = Writer::create(&dir, LogLimits::default()).expect("new");
    let mut oracle = Oracle::default();
    let bytes: Vec<u8> = (0..=250).cycle().take(3_000_001).collect();
    for size in [bytes.len(), 1, RECORD_BYTES, RECORD_BYTES + 1, 100_000, 0, 5] {
        oracle.append(&mut writer, StreamKind::Stderr, &bytes[..size]);
    }
    writer.finish();
    for from in [0, 1, 262_143, 262_144, 262_145, 2_999_999, oracle.end() - 1] {
        assert_eq!(read_all(&log, from, &oracle), [], "from {from}");
    }
    let reopened = Log::open(&dir, LogLimits::default()).expect("open");
    assert_eq!(read_all(&reopened, 0, &oracle), []);
    assert_eq!(reopened.end(), oracle.end());
}

#[test]
fn a_slow_reader_is_told_what_it_missed_and_a_late_one_too() {
    let root = tempfile::tempdir().expect("dir");
    let bounds = limits(1000, 8000, 16_000);
    let (mut writer, log) = Writer::create(&root.path().join("x"), bounds).expect("new");
    let mut oracle = Oracle::default();
    let mut slow = log.reader(0);
    for _ in 0..100 {
        oracle.append(&mut writer, StreamKind::Stdout, &[7; 484]); // Two records a segment.
    }
    assert!(log.file_bytes() <= 17_000);
    let mut late = log.reader(0);
    for (reader, reason) in
        [(&mut slow, GapReason::ReaderTooSlow), (&mut late, GapReason::LogCapped)]
    {
        let mut seen = Vec::new();
        while let Some(next) = step(reader, &oracle) {
            seen.push(next);
        }
        // The head, what is missing, and the rest.
        let gaps: Vec<_> = seen.iter().filter(|next| matches!(next, Next::Gap { .. })).collect();
        assert!(
            matches!(gaps[..], [Next::Gap { from: 1936, reason: told, .. }] if *told == reason)
        );
        assert_eq!(seen.last(), Some(&Next::CaughtUp));
    }
    // Now that nobody needs the middle, it goes.
    writer.finish();
    drop((slow, late));
    assert!(log.file_bytes() <= 8000);
}

#[test]
fn a_log_cut_off_anywhere_in_its_last_record_ends_before_it() {
    let root = tempfile::tempdir().expect("dir");
    let dir = root.path().join("x");
    let (mut writer, _) = Writer::create(&dir, LogLimits::default()).expect("new");
    let mut oracle = Oracle::default();
    oracle.append(&mut writer, StreamKind::Stdout, b"whole");
    let whole = oracle.end();
    oracle.append(&mut writer, StreamKind::Stderr, &[1; 40]);
    writer.finish();
    let file = dir.join(&files(&dir)[0]);
    let bytes = std::fs::read(&file).expect("read");
    assert_eq!(bytes.len(), 5 + 40 + 2 * HEADER_BYTES);
    for cut in 5 + HEADER_BYTES..=bytes.len() {
        std::fs::write(&file, &bytes[..cut]).expect("write");
        let log = Log::open(&dir, LogLimits::default()).expect("open");
        let end = if cut == bytes.len() { oracle.end() } else { whole };
        assert_eq!(log.end(), end, "cut {cut}");
        let kept = Oracle(oracle.0[..usize::try_from(end).expect("small")].to_vec());
        assert_eq!(read_all(&log, 0, &kept), []);
    }
    // As a recycled file: the payload is there, the header only up to some byte.
    for written in 0..HEADER_BYTES {
        let mut torn = bytes.clone();
        torn[5 + HEADER_BYTES + written..][..HEADER_BYTES - written].fill(0xee);
        std::fs::write(&file, &torn).expect("write");
        assert_eq!(Log::open(&dir, LogLimits::default()).expect("open").end(), whole);
    }
}

#[test]
fn a_file_that_somebody_changed_is_an_error_and_no_output() {
    let root = tempfile::tempdir().expect("dir");
    let dir = root.path().join("x");
    let (mut writer, log) = Writer::create(&dir, LogLimits::default()).expect("new");
    writer.append(StreamKind::Stdout, b"text");
    writer.finish();
    std::fs::write(dir.join(&files(&dir)[0]), [0; 20]).expect("write");
    let mut frame = Vec::new();
    let told = log.reader(0).next(&mut frame).now_or_never().expect("no wait");
    assert!(matches!(told, Err(LogError::Damaged { offset: 0, .. })), "{told:?}");
    // One that somebody removed is a gap.
    std::fs::remove_file(dir.join(&files(&dir)[0])).expect("remove");
    let told = log.reader(0).next(&mut frame).now_or_never().expect("no wait").expect("a gap");
    assert!(matches!(told, Next::Gap { from: 0, to: 4, .. }), "{told:?}");
}

#[test]
fn a_full_disk_costs_output_and_nothing_else() {
    const INSIDE: &str = "BD_TEST_FULL_DISK";
    if let Some(dir) = std::env::var_os(INSIDE) {
        return on_a_full_disk(Path::new(&dir));
    }
    let dir = tempfile::tempdir().expect("dir");
    let script = "mount -t tmpfs -o size=1m tmpfs \"$BD_TEST_FULL_DISK\" || exit 77; exec \"$@\"";
    let this = std::env::current_exe().expect("the test program");
    let name = "output::tests::a_full_disk_costs_output_and_nothing_else";
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
        other => println!("skipped: no file system can be mounted here: {other:?}"),
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
    let told = reader.position();
    assert_eq!(told, 4_000_000 - lost, "all that was written, and no more is told yet");

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
    assert_eq!(step(&mut reader, &oracle), Some(Next::Gap { from: told, to, reason }));
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
    let mut reader = reopened.reader(told);
    let next = step(&mut reader, &oracle);
    assert!(
        matches!(next, Some(Next::Gap { to: found, reason: GapReason::LogUnwritable, .. })
        if found == to),
        "{next:?}"
    );
}

#[test]
fn old_logs_are_collected_by_age_and_size() {
    let root = tempfile::tempdir().expect("dir");
    assert_eq!(
        collect(&root.path().join("none"), 0, Duration::ZERO, &|_| false).expect("nothing"),
        Collected::default()
    );
    let now = std::time::SystemTime::now();
    for (age, name) in ["a", "b", "c", "d"].iter().rev().enumerate() {
        let dir = root.path().join(name);
        let (mut writer, _) = Writer::create(&dir, LogLimits::default()).expect("new");
        writer.append(StreamKind::Stdout, &[0; 84]);
        writer.finish();
        let written = now - Duration::from_secs(3600 * (age as u64 + 1));
        for path in [dir.join(&files(&dir)[0]), dir] {
            std::fs::File::open(path).expect("open").set_modified(written).expect("set");
        }
    }
    std::fs::write(root.path().join("not a log"), "").expect("write");
    let hours = |hours: u64| Duration::from_secs(3600 * hours + 60);
    let run = |bytes, age, kept: &str| {
        let collected = collect(root.path(), bytes, age, &|name| name == kept).expect("collect");
        (collected.logs, collected.bytes, collected.left_bytes, files(root.path()).concat())
    };
    assert_eq!(run(400, hours(9), ""), (0, 0, 400, "abcdnot a log".to_owned()));
    assert_eq!(run(399, hours(9), "a"), (1, 100, 300, "acdnot a log".to_owned()));
    assert_eq!(run(300, hours(2), "a"), (0, 0, 300, "acdnot a log".to_owned()));
    assert_eq!(run(300, hours(1), "a"), (1, 100, 200, "adnot a log".to_owned()));
    assert_eq!(run(0, hours(9), ""), (2, 200, 0, "not a log".to_owned()));
}

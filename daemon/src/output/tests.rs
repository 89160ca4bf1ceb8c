//! Logs against an oracle that keeps everything in memory.

use super::oracle::{AMPLE, Oracle, Rng, files, limits, read_all, step};
use super::record::RecordHeader;
use super::*;
use futures_util::FutureExt as _;
use std::path::Path;

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
    let mut rng = Rng(seed);
    let kept = 2000 + rng.below(20_000);
    let live = if rng.below(2) == 0 { AMPLE } else { kept + rng.below(10_000) };
    let bounds = limits(100 + rng.below(3000), kept, live);
    let largest = 1 + rng.below(400);
    let (mut writer, log) = Writer::create(dir, bounds).expect("create");
    let mut oracle = Oracle::default();
    let mut readers: Vec<Reader> = Vec::new();
    let mut gaps = 0;
    for _ in 0..rng.below(1500) {
        match rng.below(20) {
            0 => readers.push(log.reader(rng.below(oracle.end() + 10))),
            1 if !readers.is_empty() => {
                readers.swap_remove(usize::try_from(rng.below(readers.len() as u64)).expect("u64"));
            }
            2..12 if !readers.is_empty() => {
                let one = usize::try_from(rng.below(readers.len() as u64)).expect("u64");
                if let Some(Next::Gap { reason, .. }) = step(&mut readers[one], &oracle) {
                    assert!(live < AMPLE || reason == GapReason::LogCapped, "seed {seed}");
                    gaps += 1;
                }
            }
            _ => oracle.random(&mut writer, &mut rng, largest),
        }
    }
    assert_eq!(log.end(), oracle.end());
    let mut seal = None;
    if rng.below(2) == 0 {
        writer.finish();
        seal = log.seal();
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
    if let Some(seal) = seal {
        let sealed = Log::open_sealed(dir, &seal);
        assert_eq!(read_all(&sealed, 0, &oracle), whole, "seed {seed}");
    }
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
        read_all(&log, rng.below(oracle.end() + 1), &oracle);
    }
    gaps
}

#[test]
fn a_reader_learns_once_that_it_has_everything_and_then_waits() {
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
                        while let Some(header) = RecordHeader::parse(rest, position) {
                            assert_eq!(&rest[HEADER_BYTES..][..line.len()], line);
                            rest = &rest[usize::try_from(header.whole()).expect("small")..];
                            position = header.end();
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
fn a_slow_reader_learns_what_it_missed_and_so_does_a_late_one() {
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
            matches!(gaps[..], [Next::Gap { from: 1936, reason: found, .. }] if *found == reason)
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
    let next = log.reader(0).next(&mut frame).now_or_never().expect("no wait");
    assert!(matches!(next, Err(LogError::Damaged { offset: 0, .. })), "{next:?}");
    // One that somebody removed is a gap.
    std::fs::remove_file(dir.join(&files(&dir)[0])).expect("remove");
    let next = log.reader(0).next(&mut frame).now_or_never().expect("no wait").expect("a gap");
    let reason = GapReason::LogDamaged;
    assert_eq!(next, Next::Gap { from: 0, to: 4, reason });
}

//! Rounds of it: a burst with questions in between, and then the answers beside a full walk.

use crate::workers::Workers;
use bd_daemon::index::{ChangeKind, Changes, Clock, EntryType};
use bd_tests::Watched;
use bd_tests::explain::explain;
use bd_tests::fs_ops::{Burst, FsWorker, MAX_WORKERS, OpKinds};
use bd_tests::git;
use bd_tests::oracle::{self, Listing};
use bd_tests::rng::Rng;
use std::collections::VecDeque;
use std::fs;
use std::path::PathBuf;

/// Longest part of one of the workers.
const LONGEST: u64 = 60;

/// Moments of the past that are asked about again.
const PAST: usize = 12;

/// One round in so many is of operations on single files only: nothing may be reported of a file then
/// that the system says was not touched.
const FILES_ONLY: u64 = 3;

/// Further names that are tried to give in a round of them.
const LINKED: u64 = 10;

/// One round in so many begins with another root.
const ANOTHER_ROOT: u64 = 80;

/// See the [module](self).
pub(crate) struct Rounds {
    pub(crate) counts: Counts,
    seed: u64,
    rng: Rng,
    hard_links: bool,
    workers: Workers,
    watched: Watched,
    /// Oldest first; the last one is of the end of the last round.
    past: VecDeque<(Listing, Clock)>,
    outside: PathBuf,
    _dir: tempfile::TempDir,
}

/// What has been done, for the last line.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) done: u64,
    rounds: u64,
    queries: u64,
    reported: u64,
    renames: u64,
}

impl Rounds {
    pub(crate) fn new(seed: u64, hard_links: bool) -> Self {
        let dir = tempfile::Builder::new().prefix("bd").tempdir().expect("a directory");
        // Far down: links that lead upwards stay within the test's own directory.
        let (root, outside) = (dir.path().join("1/2/3/4/root"), dir.path().join("outside"));
        fs::create_dir(&outside).expect("a directory");
        git::repository(&root);
        let workers = Workers::new(&root, &outside);
        let mut watched = Watched::new(&root);
        let listing = watched.agrees();
        let past = VecDeque::from([(listing, watched.clock())]);
        let rng = Rng::new(seed);
        Self {
            counts: Counts::default(),
            seed,
            rng,
            hard_links,
            workers,
            watched,
            past,
            outside,
            _dir: dir,
        }
    }

    /// One round.
    pub(crate) fn next(&mut self) {
        self.counts.rounds += 1;
        if self.rng.one_in(ANOTHER_ROOT) {
            self.another_root();
        }
        let kinds = match () {
            () if self.hard_links => OpKinds::Linked,
            () if self.rng.one_in(FILES_ONLY) => OpKinds::Files,
            () => OpKinds::All,
        };
        let burst = Burst { seed: self.rng.bits(), count: 1 + self.rng.below(LONGEST), kinds };
        if self.hard_links {
            self.link_some();
        }
        // The latest is the last to be asked about, since it is kept.
        let earlier = self.rng.below(self.past.len() as u64) as usize;
        let latest = self.past.len() - 1;
        let (mut queries, mut tick) = (0, self.past[latest].1.tick);
        let (watched, clock) = (&mut self.watched, self.past[latest].1);
        let mut in_between = None;
        let reports = self.workers.run(burst, || {
            queries += 1;
            let reported = watched.try_since(clock).and_then(|reported| {
                let info = watched.try_info()?;
                Ok((reported, info))
            });
            let verdict = reported.and_then(|(reported, _)| match () {
                () if reported.fresh => Err("the line is broken".to_owned()),
                () if reported.clock.tick < tick => {
                    Err(format!("from {tick} back to {}", reported.clock))
                }
                () => {
                    tick = reported.clock.tick;
                    Ok(())
                }
            });
            if let Err(error) = verdict {
                in_between.get_or_insert(error);
            }
        });
        self.counts.queries += queries;
        let done = |report: &Vec<String>| {
            report.iter().filter(|said| !said.starts_with('(')).count() as u64
        };
        self.counts.done += reports.iter().map(done).sum::<u64>();
        let verdict = match in_between {
            Some(error) => Err(format!("during the burst: {error}")),
            None => self.judge(kinds, &[earlier, latest]),
        };
        match verdict {
            Ok(now) => {
                self.past.push_back(now);
                if self.past.len() > PAST {
                    self.past.pop_front();
                }
            }
            Err(error) => self.fail(&error, &reports),
        }
    }

    /// Gives further names to files, and has them checked before anything else happens to them.
    fn link_some(&mut self) {
        let (known, clock) = self.past.back().expect("a past");
        let worker = FsWorker::new(self.watched.root(), &self.outside, MAX_WORKERS);
        let link = |_| worker.hard_link_between(&mut self.rng, known);
        let linked: Vec<_> = (0..LINKED).filter_map(link).collect();
        if let Err(error) = self.watched.try_since(*clock) {
            self.fail(&format!("{linked:?} are further names: {error}"), &[]);
        }
    }

    /// What is reported after the burst beside what there is.
    fn judge(&mut self, kinds: OpKinds, since: &[usize]) -> Result<(Listing, Clock), String> {
        // Sometimes the question for changes is the one that has to find out.
        let first = match self.rng.one_in(2) {
            true => Some(self.watched.try_since(self.past[since[0]].1)?),
            false => None,
        };
        let now = self.watched.compare()?;
        let mut clock = None;
        for &index in since {
            let (then, since) = &self.past[index];
            let reported = self.watched.try_since(*since)?;
            explain(then, &now, &reported)
                .map_err(|error| format!("since {since}, {reported:#?}\n{error}"))?;
            if kinds == OpKinds::Files && index + 1 == self.past.len() {
                untouched(then, &now, &reported)?;
            }
            self.counts.reported += reported.changes.len() as u64;
            let renamed = |kind: &ChangeKind| matches!(kind, ChangeKind::Renamed { .. });
            self.counts.renames +=
                reported.changes.iter().filter(|change| renamed(&change.kind)).count() as u64;
            clock = Some(reported.clock);
        }
        if let Some(first) = first
            && Some(first.clock) != clock
        {
            let late = self.watched.try_since(first.clock)?;
            return Err(format!("not reported at first: {:#?}", late.changes));
        }
        Ok((now, clock.ok_or("BUG: nothing was asked")?))
    }

    /// The root goes, and another one comes, with or without a question in between.
    fn another_root(&mut self) {
        let root = self.watched.root().to_path_buf();
        let old = self.past.back().expect("a past").1;
        fs::remove_dir_all(&root).expect("a removal");
        if self.rng.one_in(2) {
            assert!(self.watched.try_info().is_err(), "there is no root, seed {}", self.seed);
        }
        git::repository(&root);
        let reported = self.watched.since(old);
        assert!(
            reported.fresh && reported.clock.instance != old.instance,
            "seed {}: {reported:?}",
            self.seed
        );
        self.past = VecDeque::from([(self.watched.agrees(), self.watched.clock())]);
    }

    fn fail(&self, error: &str, reports: &[Vec<String>]) -> ! {
        for (worker, report) in reports.iter().enumerate() {
            eprintln!("--- worker {worker}");
            report.iter().for_each(|line| eprintln!("{line}"));
        }
        let real = oracle::walk(self.watched.root(), &[]);
        let real = real.map(|real| real.entries.keys().cloned().collect::<Vec<_>>());
        eprintln!("--- there is now: {real:?}");
        panic!(
            "BD_FUZZ_SEED={} round {}, {}: {error}",
            self.seed,
            self.counts.rounds,
            self.outside.display()
        );
    }

    pub(crate) fn summary(&self) -> String {
        format!(
            "{} operations in {} rounds, {} questions meanwhile, {} changes reported, {} of them renames",
            self.counts.done,
            self.counts.rounds,
            self.counts.queries,
            self.counts.reported,
            self.counts.renames
        )
    }

    /// A fuzzer that does nothing finds nothing.
    pub(crate) fn has_tested_something(&self) {
        assert!(self.counts.reported > self.counts.done / 20, "hardly anything changed");
        assert!(self.counts.renames > 0, "nothing was renamed");
        assert!(self.counts.queries > 0, "nobody asked meanwhile");
    }
}

/// A file whose content and times, to the change of its inode, are what they were is not reported of.
fn untouched(before: &Listing, after: &Listing, reported: &Changes) -> Result<(), String> {
    for change in reported.changes.iter().filter(|change| change.entry != EntryType::Dir) {
        let pair = (before.entries.get(&change.path), after.entries.get(&change.path));
        if let (Some(before), Some(after)) = pair
            && (before.content, before.stat) == (after.content, after.stat)
        {
            return Err(format!("nobody touched it: {change:?}"));
        }
    }
    Ok(())
}

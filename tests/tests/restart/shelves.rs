//! The same within one process, with a shelf that the test looks into.

use bd_daemon::index::{Changes, Clock};
use bd_daemon::watch::{Saved, SnapshotStore, Summary, WorkspaceRegistry};
use bd_tests::Watched;
use bd_tests::explain::{brief, explain};
use bd_tests::mapped::Mapped;
use bd_tests::source::Answers;
use std::fs::{self, File, FileTimes};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Keeps all in memory; of an unclean end, or not.
#[derive(Debug, Default)]
struct Memory {
    saved: Mutex<Option<Saved>>,
    unsafe_end: Mutex<bool>,
}

impl SnapshotStore for Memory {
    fn load(&self, _: &Path, same_boot: &dyn Fn(&[u8]) -> bool) -> Option<Saved> {
        let saved = self.saved.lock().expect("a lock").clone()?;
        let safe = !*self.unsafe_end.lock().expect("a lock");
        (safe || same_boot(saved.header.as_ref()?)).then_some(saved)
    }

    fn save(&self, _: &Path, new: Saved) {
        let mut saved = self.saved.lock().expect("a lock");
        let all = saved.get_or_insert_default();
        all.header = new.header.or(all.header.take());
        all.pages.extend(new.pages);
    }

    fn forget(&self, _: &Path) {
        *self.saved.lock().expect("a lock") = None;
    }
}

/// Ends well.
struct Ending(WorkspaceRegistry);

impl Answers for Ending {
    fn info(&mut self, root: &Path) -> Result<Summary, String> {
        Answers::info(&mut self.0, root)
    }

    fn changes(&mut self, root: &Path, since: Option<Clock>) -> Result<Changes, String> {
        Answers::changes(&mut self.0, root, since)
    }

    fn forget(&mut self, root: &Path) -> bool {
        self.0.forget(root)
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.close();
    }
}

fn tree() -> tempfile::TempDir {
    let dir = tempfile::Builder::new().prefix("bd").tempdir().expect("a directory");
    for number in 0..1500 {
        let path = dir.path().join(format!("d{}/f{number}", number % 7));
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, format!("{number:04}")).expect("a file");
    }
    dir
}

fn desk(root: &Path, shelf: &Arc<Memory>) -> Watched {
    let desk = WorkspaceRegistry::new(vec![]).with_snapshots(shelf.clone());
    Watched::by(root, Box::new(Ending(desk)))
}

#[test]
fn every_clock_of_earlier_desks_is_known() {
    let (dir, shelf) = (tree(), Arc::new(Memory::default()));
    let mut past = vec![];
    for round in 0..6 {
        let mut watched = desk(dir.path(), &shelf);
        let now = watched.agrees();
        for (then, clock) in &past {
            let told = watched.since(*clock);
            assert!(!told.fresh, "round {round}: {clock} is not known");
            explain(then, &now, &told).unwrap_or_else(|error| panic!("{error}\n{told:#?}"));
        }
        past.push((now, watched.clock()));
        fs::write(dir.path().join("d1/seen"), format!("{round}")).expect("a file");
        past.push((watched.agrees(), watched.clock()));
        drop(watched);
        fs::rename(dir.path().join("d2"), dir.path().join("d9")).expect("a rename");
        fs::rename(dir.path().join("d3"), dir.path().join("d2")).expect("a rename");
        fs::rename(dir.path().join("d9"), dir.path().join("d3")).expect("a rename");
        fs::remove_file(dir.path().join(format!("d4/f{}", 4 + 7 * round))).expect("a removal");
        fs::write(dir.path().join(format!("d5/new{round}")), "new").expect("a file");
    }
}

#[test]
fn what_was_edited_right_after_it_was_read_is_read_again() {
    for mapped in [false, true] {
        let (dir, shelf) = (tree(), Arc::new(Memory::default()));
        let path = dir.path().join("d0/f0");
        let mut watched = desk(dir.path(), &shelf);
        let mut mapping = mapped.then(|| Mapped::open(&path));
        if let Some(mapping) = &mut mapping {
            // The pages are dirty: later stores leave no trace in the file's times.
            mapping.store(0, b'a');
        }
        watched.agrees();
        let clock = watched.clock();
        drop(watched);
        match &mut mapping {
            Some(mapping) => mapping.store(0, b'b'),
            None => {
                let times = fs::metadata(&path).and_then(|at| at.modified()).expect("a time");
                fs::write(&path, "9999").expect("a file");
                let file = File::options().write(true).open(&path).expect("a file");
                file.set_times(FileTimes::new().set_modified(times)).expect("times");
            }
        }
        let mut watched = desk(dir.path(), &shelf);
        watched.agrees();
        let told = watched.since(clock);
        assert!(!told.fresh);
        assert_eq!(brief(&told), ["~d0/f0"], "mapped: {mapped}");
    }
}

#[test]
fn a_state_of_another_boot_is_used_only_after_a_clean_end() {
    for (unsafe_end, other_boot) in [(true, true), (true, false), (false, true)] {
        let (dir, shelf) = (tree(), Arc::new(Memory::default()));
        let mut watched = desk(dir.path(), &shelf);
        watched.agrees();
        let clock = watched.clock();
        drop(watched);
        *shelf.unsafe_end.lock().expect("a lock") = unsafe_end;
        if other_boot {
            let mut saved = shelf.saved.lock().expect("a lock");
            let header = saved.as_mut().expect("a state").header.as_mut();
            header.expect("a header")[..16].fill(7);
        }
        fs::write(dir.path().join("d0/f0"), "edited").expect("a file");
        let mut watched = desk(dir.path(), &shelf);
        watched.agrees();
        assert_eq!(watched.since(clock).fresh, unsafe_end && other_boot);
    }
}

type Harm = fn(&mut Saved);

#[test]
fn a_state_that_makes_no_sense_is_begun_anew() {
    let harms: [(&str, Harm); 8] = [
        ("a page lost", |saved| drop(saved.pages.pop_first())),
        ("the last page lost", |saved| drop(saved.pages.pop_last())),
        ("pages exchanged", |saved| {
            assert!(saved.pages.len() > 2, "too few pages");
            let (first, last) = (saved.pages[&0].clone(), saved.pages.pop_last().expect("a page"));
            saved.pages.insert(0, last.1);
            saved.pages.insert(last.0, first);
        }),
        ("a page of zeros", |saved| saved.pages.get_mut(&0).expect("a page").fill(0)),
        ("a bit flipped", |saved| saved.pages.get_mut(&0).expect("a page")[40] ^= 1),
        ("a newer layout", |saved| header_of(saved)[16] += 1),
        ("a short header", |saved| header_of(saved).truncate(30)),
        ("no header", |saved| header_of(saved).clear()),
    ];
    for (what, harm) in harms {
        let (dir, shelf) = (tree(), Arc::new(Memory::default()));
        let mut watched = desk(dir.path(), &shelf);
        watched.agrees();
        let clock = watched.clock();
        drop(watched);
        let mut saved = shelf.saved.lock().expect("a lock");
        harm(saved.as_mut().expect("a state"));
        drop(saved);
        fs::write(dir.path().join("d0/f0"), "edited").expect("a file");
        let mut watched = desk(dir.path(), &shelf);
        watched.agrees();
        assert!(watched.since(clock).fresh, "{what} was not noticed");
        // And it is saved again.
        let clock = watched.clock();
        drop(watched);
        assert!(!desk(dir.path(), &shelf).since(clock).fresh, "{what}: nothing was saved");
    }
}

fn header_of(saved: &mut Saved) -> &mut Vec<u8> {
    saved.header.as_mut().expect("a header")
}

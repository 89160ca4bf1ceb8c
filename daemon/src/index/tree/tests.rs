//! The index against a plain map that learns the same, by seeds.

use super::{Continuity, Evidence, Index, Recorded};
use crate::index::{ChangeKind, Changes, Clock, InputSet, Instance, Signature};
use crate::model::Digest;
use std::collections::BTreeMap;

const ROUNDS: u64 = 300;
const STEPS: usize = 60;

/// Path to signature and content.
type Model = BTreeMap<Vec<u8>, (Signature, u8)>;

/// Marsaglia's xorshift: the same numbers for the same seed, everywhere.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).expect("less than a bound")
    }
}

pub(super) fn file(inode: u64, mtime_ns: i64) -> Signature {
    Signature { size: 1, mtime_ns, ctime_ns: mtime_ns, inode, mode: 0o100_644 }
}

pub(super) fn dir(inode: u64) -> Signature {
    Signature { inode, mode: 0o040_755, ..Signature::default() }
}

struct World {
    numbers: Numbers,
    index: Index,
    model: Model,
    next: u64,
    /// What is on the disk.
    saved: BTreeMap<u32, Vec<u8>>,
    header: Option<Vec<u8>>,
    records: Vec<Vec<u8>>,
    moments: Vec<(Clock, Model)>,
    inputs: InputSet,
}

/// Whether a file is in a set of inputs, for one.
fn is_input(path: &[u8]) -> bool {
    path.ends_with(b"a") || path.starts_with(b"b/")
}

impl World {
    fn new(seed: u64) -> Self {
        let mut index = Index::new(Instance(1), dir(1));
        index.begin_log();
        let moments = vec![(index.clock(), Model::new())];
        let numbers = Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        Self {
            numbers,
            index,
            model: Model::new(),
            next: 2,
            saved: BTreeMap::new(),
            header: None,
            records: Vec::new(),
            moments,
            inputs: InputSet::new(is_input),
        }
    }

    fn some_dir(&mut self) -> Vec<u8> {
        let dirs: Vec<_> =
            self.model.iter().filter(|(_, (s, _))| s.is_dir()).map(|(p, _)| p.clone()).collect();
        match self.numbers.below(dirs.len() + 1) {
            0 => Vec::new(),
            at => dirs[at - 1].clone(),
        }
    }

    fn some_path(&mut self) -> Option<Vec<u8>> {
        let count = self.model.len();
        (count > 0).then(|| self.model.keys().nth(self.numbers.below(count)).expect("one").clone())
    }

    fn some_name(&mut self) -> (Vec<u8>, Vec<u8>) {
        let (dir, name) =
            (self.some_dir(), vec![b'a' + u8::try_from(self.numbers.below(5)).expect("small")]);
        let path = if dir.is_empty() { name } else { [&dir[..], b"/", &name].concat() };
        (dir, path)
    }

    fn step(&mut self) {
        match self.numbers.below(10) {
            0..3 => self.make(),
            3..5 => self.touch(),
            5 => self.remove(),
            6..8 => self.rename(),
            8 => self.read_all(),
            _ if self.header.is_none() || self.numbers.below(3) == 0 => self.save_and_restore(),
            _ => self.kill_and_restore(),
        }
        if self.numbers.below(2) == 0 {
            self.index.seal();
        }
    }

    fn make(&mut self) {
        let (dir_path, path) = self.some_name();
        self.next += 1;
        let signature =
            if self.numbers.below(3) == 0 { dir(self.next) } else { file(self.next, 0) };
        let replaced_dir = self.model.get(&path).is_some_and(|(s, _)| s.is_dir());
        if replaced_dir || signature.is_dir() {
            forget(&mut self.model, &path);
        }
        self.model.insert(path.clone(), (signature, 0));
        let dir = self.index.lookup(&dir_path).expect("a directory");
        let name = path.rsplit(|byte| *byte == b'/').next().expect("a name");
        self.index.upsert(dir, name, signature, Evidence::Stat);
    }

    fn touch(&mut self) {
        let Some(path) = self.some_path() else { return };
        let entry = self.model.get_mut(&path).expect("there");
        if entry.0.is_dir() {
            return;
        }
        self.next += 1;
        entry.1 = entry.1.wrapping_add(1);
        let silent = self.numbers.below(3) == 0;
        if !silent {
            entry.0.mtime_ns = i64::try_from(self.next).expect("small");
        }
        let signature = entry.0;
        let node = self.index.lookup(&path).expect("there");
        let (dir, name) =
            (self.index.parent(node).expect("not the root"), self.index.name(node).to_vec());
        self.index.upsert(
            dir,
            &name,
            signature,
            if silent { Evidence::Written } else { Evidence::Stat },
        );
    }

    fn remove(&mut self) {
        let Some(path) = self.some_path() else { return };
        forget(&mut self.model, &path);
        let node = self.index.lookup(&path).expect("there");
        self.index.remove(node);
    }

    fn rename(&mut self) {
        let Some(from) = self.some_path() else { return };
        let (dir, to) = self.some_name();
        let inside = |path: &[u8]| path == from || path.starts_with(&[&from[..], b"/"].concat());
        if inside(&dir) || inside(&to) {
            return;
        }
        let node = self.index.lookup(&from).expect("there");
        let dir = self.index.lookup(&dir).expect("a directory");
        let name = to.rsplit(|byte| *byte == b'/').next().expect("a name");
        if from.starts_with(&[&to[..], b"/"].concat()) {
            // Onto a directory that it is in: no disk does that, and nothing comes of it.
            return self.index.rename(node, dir, name);
        }
        forget(&mut self.model, &to);
        let moved: Vec<_> = self.model.keys().filter(|path| inside(path)).cloned().collect();
        for path in moved {
            let entry = self.model.remove(&path).expect("there");
            self.model.insert([&to[..], &path[from.len()..]].concat(), entry);
        }
        self.index.rename(node, dir, name);
    }

    fn read_all(&mut self) {
        for (node, generation) in self.index.unread() {
            let content = self.model[&self.index.path(node)].1;
            let racy = self.numbers.below(4) == 0;
            self.index.record_content(node, generation, Some(Digest([content; 32])), racy);
        }
        self.index.seal();
        assert!(self.index.all_read() && !self.index.has_suspects());
        assert_eq!(self.index.digest(), Some(digest_of(&self.model)));
        assert_eq!(self.inputs.digest(&mut self.index), Some(digest_of(&inputs_of(&self.model))));
        self.inputs.digest(&mut self.index);
        assert_eq!(self.inputs.worked_out(), 0, "nothing has changed");
        if self.moments.len() < 20 {
            self.moments.push((self.index.clock(), self.model.clone()));
        }
        for (clock, before) in &self.moments {
            explains(before, &self.model, &self.index.changes_since(*clock));
        }
    }

    fn save_and_restore(&mut self) {
        self.read_all();
        let most = 1 + self.numbers.below(3);
        let header = loop {
            let (header, pages) = self.index.save(most, 0);
            self.saved.extend(pages);
            if let Some(header) = header {
                break header;
            }
        };
        // The records stay, as after a kill before they are removed.
        self.header = Some(header);
        self.restore();
        assert_eq!(
            self.index.clock().tick,
            self.moments.last().map_or(0, |(clock, _)| clock.tick.max(self.index.clock().tick))
        );
        for (clock, before) in &self.moments {
            let reported = self.index.changes_since(*clock);
            explains(before, &self.model, &reported);
        }
    }

    /// What is restored after a kill is what was when somebody was last given a clock, and it is
    /// known.
    fn kill_and_restore(&mut self) {
        self.read_all();
        let clock = self.index.clock();
        match self.index.record([], 0) {
            Recorded::Nothing => {}
            Recorded::Record(record) => self.records.push(record),
            Recorded::TooMuch => panic!("too much"),
        }
        self.restore();
        self.read_all();
        let reported = self.index.changes_since(clock);
        assert!(!reported.fresh && reported.changes.is_empty(), "{reported:?}");
    }

    fn restore(&mut self) {
        let instance = Instance(self.next + 100);
        self.next += 1;
        let saved = (&self.header.as_ref().expect("a header")[..], &self.saved);
        let restored = Index::restore(instance, saved, &self.records, Continuity::Unbroken);
        self.index = restored.expect("restored");
    }
}

#[test]
fn a_record_that_does_not_follow_is_left_out_and_later_clocks_are_not_known() {
    let mut world = World::new(3);
    let (header, pages) = world.index.save(usize::MAX, 0);
    let header = header.expect("all at once");
    let mut records = vec![];
    let mut clocks = vec![world.index.clock()];
    for _ in 0..3 {
        for _ in 0..STEPS {
            world.make();
            world.touch();
        }
        world.read_all();
        let Recorded::Record(record) = world.index.record([], 0) else { panic!("no record") };
        records.push(record);
        clocks.push(world.index.clock());
    }
    let mut damaged = records.clone();
    damaged[1][9] ^= 1;
    let gone = vec![records[0].clone(), records[2].clone()];
    for (records, known) in [(&records, 4), (&damaged, 2), (&gone, 2), (&vec![], 1)] {
        let saved = (&header[..], &pages);
        let restored = Index::restore(Instance(9), saved, records, Continuity::Unbroken);
        let restored = restored.expect("restored");
        let fresh: Vec<_> = clocks.iter().map(|at| restored.changes_since(*at).fresh).collect();
        assert_eq!(fresh, [[false; 4], [true; 4]].concat()[4 - known..][..4], "{known}");
    }
}

#[test]
fn what_was_held_back_is_reported_to_whoever_comes_back_with_the_clock() {
    let mut index = Index::new(Instance(1), dir(1));
    index.upsert(Index::ROOT, b"a", file(2, 0), Evidence::Stat);
    index.begin_log();
    let (header, pages) = index.save(usize::MAX, 0);
    let header = header.expect("all at once");
    let since = index.clock();
    let Recorded::Record(record) = index.record([&b"a"[..], b"gone"], 0) else {
        panic!("no record")
    };
    let restored = Index::restore(Instance(2), (&header, &pages), &[record], Continuity::Unbroken);
    let mut restored = restored.expect("restored");
    restored.seal();
    let reported = restored.changes_since(since);
    assert!(!reported.fresh && reported.changes.len() == 1, "{reported:?}");
    assert!(restored.changes_since(reported.clock).changes.is_empty(), "again and again");
}

#[test]
fn where_the_last_writes_may_be_lost_no_clock_is_known_and_only_old_contents_are() {
    const NOW: i64 = 10_000_000_000_000;
    let mut index = Index::new(Instance(1), dir(1));
    index.begin_log();
    for (name, age) in [(b"old", 4_000_000_000_000), (b"new", 3_000_000_000_000)] {
        let signature = file(u64::from(name[0]), NOW - age);
        index.upsert(Index::ROOT, name, signature, Evidence::Stat);
    }
    for (node, generation) in index.unread() {
        index.record_content(node, generation, Some(Digest([7; 32])), false);
    }
    index.seal();
    let (header, pages) = index.save(usize::MAX, NOW);
    let saved = (&header.expect("all at once")[..], &pages);
    for continuity in [Continuity::Unbroken, Continuity::Broken] {
        let restored = Index::restore(Instance(2), saved, &[], continuity);
        let mut restored = restored.expect("restored");
        let is_broken = continuity == Continuity::Broken;
        assert_eq!(restored.changes_since(index.clock()).fresh, is_broken);
        let unread = restored.unread();
        let names: Vec<_> = unread.iter().map(|(node, _)| restored.name(*node)).collect();
        assert_eq!(names, if is_broken { vec![b"new"] } else { vec![] });
        assert_eq!(restored.is_unsaved(), is_broken);
    }
}

fn forget(model: &mut Model, path: &[u8]) {
    let below = [path, b"/"].concat();
    model.retain(|other, _| other != path && !other.starts_with(&below));
}

/// The files that are inputs, and the directories they are in.
fn inputs_of(model: &Model) -> Model {
    let files = model.iter().filter(|(path, (s, _))| !s.is_dir() && is_input(path));
    let files: Vec<_> = files.map(|(path, _)| path.clone()).collect();
    let holds = |dir: &[u8]| files.iter().any(|file| file.starts_with(&[dir, b"/"].concat()));
    let kept =
        model.iter().filter(|(path, (s, _))| if s.is_dir() { holds(path) } else { is_input(path) });
    kept.map(|(path, entry)| (path.clone(), *entry)).collect()
}

/// By an index that learns it all at once.
fn digest_of(model: &Model) -> Digest {
    let mut index = Index::new(Instance(0), dir(1));
    for (path, (signature, content)) in model {
        let at = path.iter().rposition(|byte| *byte == b'/');
        let parent = index.lookup(&path[..at.unwrap_or(0)]).expect("a directory");
        let (node, _) =
            index.upsert(parent, &path[at.map_or(0, |at| at + 1)..], *signature, Evidence::Stat);
        if let Some((_, generation)) =
            index.unread().into_iter().find(|(unread, _)| *unread == node)
        {
            index.record_content(node, generation, Some(Digest([*content; 32])), false);
        }
    }
    let totals = index.totals();
    assert_eq!((totals.files + totals.dirs) as usize, model.len());
    index.digest().expect("all was read")
}

/// Compares what is reported with what was and what is.
fn explains(before: &Model, now: &Model, reported: &Changes) {
    use std::os::unix::ffi::OsStrExt as _;
    let mut at: BTreeMap<Vec<u8>, Option<(Signature, u8)>> = if reported.fresh {
        BTreeMap::new()
    } else {
        before.iter().map(|(p, e)| (p.clone(), Some(*e))).collect()
    };
    let bytes = |path: &std::path::Path| path.as_os_str().as_bytes().to_vec();
    for change in &reported.changes {
        let path = bytes(&change.path);
        let was = at.get(&path).copied().flatten();
        match &change.kind {
            ChangeKind::Added => assert!(was.is_none(), "{change:?} was there"),
            ChangeKind::Modified => assert!(was.is_some(), "{change:?} was not there"),
            ChangeKind::Removed => {
                assert!(was.is_some() && !now.contains_key(&path), "{change:?}");
                at.insert(path, None);
                continue;
            }
            ChangeKind::Renamed { from } => {
                assert!(was.is_none() && !now.contains_key(&bytes(from)), "{change:?}");
                assert!(before.contains_key(&bytes(from)), "{change:?} from nowhere");
                at.insert(bytes(from), None);
            }
        }
        at.insert(
            path.clone(),
            Some(*now.get(&path).unwrap_or_else(|| panic!("{change:?} is not there"))),
        );
    }
    at.retain(|_, entry| entry.is_some());
    let at: Model = at.into_iter().filter_map(|(path, entry)| Some((path, entry?))).collect();
    let contents = |model: &Model| -> Vec<_> {
        model.iter().map(|(p, (s, c))| (p.clone(), s.mode, *c)).collect()
    };
    assert_eq!(contents(&at), contents(now), "{reported:?}");
}

#[test]
fn whatever_happens_the_index_is_what_it_has_learnt() {
    for seed in 1..=ROUNDS {
        let mut world = World::new(seed);
        for _ in 0..STEPS {
            world.step();
        }
        world.read_all();
    }
}

#[test]
fn a_change_costs_inputs_the_directories_on_the_way_to_it() {
    let mut index = Index::new(Instance(1), dir(1));
    let mut next = 1;
    for top in 0..20_u8 {
        let (top, _) =
            index.upsert(Index::ROOT, &[b'a' + top], dir(100 + u64::from(top)), Evidence::Stat);
        for name in 0..20_u8 {
            next += 1;
            index.upsert(top, &[b'a' + name], file(next, 0), Evidence::Stat);
        }
    }
    let read = |index: &mut Index, content: u8| {
        for (node, generation) in index.unread() {
            index.record_content(node, generation, Some(Digest([content; 32])), false);
        }
    };
    read(&mut index, 1);
    let mut inputs = InputSet::new(|path| path.ends_with(b"a"));
    let before = inputs.digest(&mut index).expect("all was read");
    assert_eq!(inputs.worked_out(), 21);
    let touch = |index: &mut Index, path: &[u8], content: u8| {
        let dir = index.lookup(&path[..1]).expect("a directory");
        index.upsert(dir, &path[2..], file(7, i64::from(content)), Evidence::Stat);
        read(index, content);
    };
    touch(&mut index, b"c/b", 2);
    assert_eq!((inputs.digest(&mut index), inputs.worked_out()), (Some(before), 2), "no input");
    touch(&mut index, b"c/a", 3);
    assert_ne!(inputs.digest(&mut index), Some(before));
    assert_eq!(inputs.worked_out(), 2);
}

#[test]
fn damaged_pages_are_refused_and_never_panic() {
    let mut world = World::new(7);
    (0..STEPS).for_each(|_| world.step());
    world.read_all();
    let (header, pages) = world.index.save(usize::MAX, 0);
    let header = header.expect("all at once");
    world.saved.extend(pages);
    let restore = |header: &[u8], pages: &BTreeMap<u32, Vec<u8>>| {
        Index::restore(Instance(5), (header, pages), &[], Continuity::Unbroken)
    };
    assert!(restore(&header, &world.saved).is_some());
    for at in 0..header.len() {
        let mut damaged = header.clone();
        damaged[at] ^= 1;
        assert!(restore(&damaged, &world.saved).is_none(), "header byte {at}");
        assert!(restore(&header[..at], &world.saved).is_none());
    }
    let page = world.saved[&0].clone();
    for at in (0..page.len()).step_by(7) {
        let mut damaged = page.clone();
        damaged[at] ^= 1;
        assert!(restore(&header, &BTreeMap::from([(0, damaged)])).is_none(), "page byte {at}");
    }
    assert!(restore(&header, &BTreeMap::new()).is_none());
}

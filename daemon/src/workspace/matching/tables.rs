//! Finds among many rules those that may match, by what their texts begin with, end in, are or have
//! within. Knows no order among them.

use super::byte_set::ByteSet;
use super::rule::{Rule, Subject};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Bytes of a beginning or an end by which rules are found: longer ones are cut, so that there are
/// not many lengths to try.
const MAX_KEY_BYTES: usize = 32;

/// Bytes within a text by which rules are found.
const GRAM_BYTES: usize = 3;

/// So many rules are tried rather than looked for within a text, which costs as much.
const FEW: usize = 16;

/// Numbers of rules, ascending.
type Numbers = Vec<u32>;

/// Rules by bytes that they are about.
type ByBytes = HashMap<Box<[u8]>, Numbers, BuildHasherDefault<ShortHasher>>;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Tables {
    names: Table,
    paths: Table,
}

#[derive(Debug, Default)]
struct Table {
    exact: Affixes,
    heads: Affixes,
    tails: Affixes,
    within: HashMap<[u8; GRAM_BYTES], Numbers, BuildHasherDefault<ShortHasher>>,
    others: Numbers,
}

#[derive(Debug, Default)]
struct Affixes {
    /// Which lengths there are, ascending, and which bytes those of a length end in: most texts are
    /// told by that alone to have nothing here.
    lengths: Vec<(usize, ByteSet)>,
    by_bytes: ByBytes,
}

/// Fowler, Noll and Vo's hash, which is quicker for a few bytes than one that withstands an attack.
/// Whoever writes the rules of a workspace could as well write many that have to be tried.
#[derive(Debug)]
struct ShortHasher(u64);

impl Default for ShortHasher {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for ShortHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// Of a length, which need not be spread: it is part of the bytes.
    fn write_usize(&mut self, length: usize) {
        self.0 ^= length as u64;
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.0.rotate_left(29)
    }
}

impl Tables {
    pub(super) fn of(rules: &[Rule]) -> Self {
        let mut tables = Self::default();
        for (number, rule) in (0..).zip(rules) {
            let (names, paths) = (&mut tables.names, &mut tables.paths);
            match &rule.subject {
                Subject::Name(name) => names.exact.add(name, number),
                Subject::NameTail(tail) => names.add((b"", tail), &[], number),
                Subject::NameGlob(glob) => {
                    let runs: Vec<_> = glob.runs().collect();
                    names.add((&glob.head(), &glob.tail()), &runs, number);
                }
                Subject::Path(path) => paths.exact.add(path, number),
                Subject::PathGlob(head, glob) => {
                    let runs: Vec<_> = glob.runs().collect();
                    paths.add((head, &glob.tail()), &runs, number);
                }
                Subject::Anything => names.others.push(number),
            }
        }
        tables
    }

    /// How many rules are tried for texts that have most of them in common: nothing else tells them
    /// apart.
    pub(super) fn most_tried(&self) -> usize {
        let of = |table: &Table| {
            let affixes = [&table.exact, &table.heads, &table.tails];
            let largest = affixes.into_iter().flat_map(|affixes| affixes.by_bytes.values());
            let largest = largest.chain(table.within.values()).map(Vec::len).max();
            table.others.len() + largest.unwrap_or(0)
        };
        of(&self.names) + of(&self.paths)
    }

    /// Calls `take` with each group of rules that may match.
    pub(super) fn each(&self, path: &[u8], name: &[u8], take: &mut dyn FnMut(&[u32])) {
        self.names.each(name, take);
        self.paths.each(path, take);
    }
}

impl Table {
    /// Adds a rule for texts that begin and end so and have these runs within. Where many have the same
    /// beginning and end, it is told from them by what is rarest within.
    fn add(&mut self, (head, tail): (&[u8], &[u8]), runs: &[Vec<u8>], number: u32) {
        let head = &head[..head.len().min(MAX_KEY_BYTES)];
        let tail = &tail[tail.len().saturating_sub(MAX_KEY_BYTES)..];
        let like_it = match (head, tail) {
            ([], []) => self.others.len(),
            _ if head.len() >= tail.len() => self.heads.count(head),
            _ => self.tails.count(tail),
        };
        if like_it >= FEW {
            let grams = runs.iter().flat_map(|run| run.array_windows());
            let count = |gram: &[u8; GRAM_BYTES]| self.within.get(gram).map_or(0, Vec::len);
            if let Some(rarest) = grams.min_by_key(|gram| count(gram))
                && count(rarest) < like_it
            {
                return self.within.entry(*rarest).or_default().push(number);
            }
        }
        match (head, tail) {
            ([], []) => self.others.push(number),
            _ if head.len() >= tail.len() => self.heads.add(head, number),
            _ => self.tails.add(tail, number),
        }
    }

    fn each(&self, text: &[u8], take: &mut dyn FnMut(&[u32])) {
        self.exact.get(text, take);
        self.heads.each(text, |length| &text[..length], take);
        self.tails.each(text, |length| &text[text.len() - length..], take);
        if !self.within.is_empty() {
            for numbers in text.array_windows().filter_map(|gram| self.within.get(gram)) {
                take(numbers);
            }
        }
        take(&self.others);
    }
}

impl Affixes {
    fn add(&mut self, bytes: &[u8], number: u32) {
        // Nothing has an empty name.
        let Some(last) = bytes.last() else { return };
        let place = match self.lengths.binary_search_by_key(&bytes.len(), |(length, _)| *length) {
            Ok(place) => place,
            Err(place) => {
                self.lengths.insert(place, (bytes.len(), ByteSet::default()));
                place
            }
        };
        self.lengths[place].1.insert(*last);
        self.by_bytes.entry(bytes.into()).or_default().push(number);
    }

    /// How many there are of these bytes.
    fn count(&self, bytes: &[u8]) -> usize {
        self.by_bytes.get(bytes).map_or(0, Vec::len)
    }

    /// Those of the whole of a text.
    fn get(&self, text: &[u8], take: &mut dyn FnMut(&[u32])) {
        let place = self.lengths.binary_search_by_key(&text.len(), |(length, _)| *length);
        let may_be =
            |place: usize| text.last().is_some_and(|last| self.lengths[place].1.contains(*last));
        if place.is_ok_and(may_be)
            && let Some(numbers) = self.by_bytes.get(text)
        {
            take(numbers);
        }
    }

    /// Those of each part that `affix` gives for a length.
    fn each<'t>(
        &self,
        text: &'t [u8],
        affix: impl Fn(usize) -> &'t [u8],
        take: &mut dyn FnMut(&[u32]),
    ) {
        for (length, lasts) in self.lengths.iter().take_while(|(length, _)| *length <= text.len()) {
            let affix = affix(*length);
            if affix.last().is_some_and(|last| lasts.contains(*last))
                && let Some(numbers) = self.by_bytes.get(affix)
            {
                take(numbers);
            }
        }
    }
}

//! Finds among many rules those that may match, by what their texts begin with, end in or are.
//! Knows no order among them.

use super::rule::{Rule, Subject};
use std::collections::HashMap;

/// Bytes of a beginning or an end by which rules are found: longer ones are cut, so that there are
/// not many lengths to try.
const MAX_KEY_BYTES: usize = 32;

/// Numbers of rules, ascending.
type Numbers = Vec<u32>;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Tables {
    names: Table,
    paths: Table,
}

#[derive(Debug, Default)]
struct Table {
    exact: HashMap<Box<[u8]>, Numbers>,
    heads: Affixes,
    tails: Affixes,
    others: Numbers,
}

#[derive(Debug, Default)]
struct Affixes {
    /// Which lengths there are, ascending.
    lengths: Vec<usize>,
    by_bytes: HashMap<Box<[u8]>, Numbers>,
}

impl Tables {
    pub(super) fn of(rules: &[Rule]) -> Self {
        let mut tables = Self::default();
        for (number, rule) in (0..).zip(rules) {
            let (names, paths) = (&mut tables.names, &mut tables.paths);
            match &rule.subject {
                Subject::Name(name) => names.exact.entry(name.clone()).or_default().push(number),
                Subject::NameTail(tail) => names.add(b"", tail, number),
                Subject::NameGlob(glob) => names.add(&glob.head(), &glob.tail(), number),
                Subject::Path(path) => paths.exact.entry(path.clone()).or_default().push(number),
                Subject::PathGlob(head, glob) => paths.add(head, &glob.tail(), number),
                Subject::Anything => names.others.push(number),
            }
        }
        tables
    }

    /// Calls `take` with each group of rules that may match.
    pub(super) fn each(&self, path: &[u8], name: &[u8], take: &mut dyn FnMut(&[u32])) {
        self.names.each(name, take);
        self.paths.each(path, take);
    }
}

impl Table {
    fn add(&mut self, head: &[u8], tail: &[u8], number: u32) {
        if head.is_empty() && tail.is_empty() {
            self.others.push(number);
        } else if head.len() >= tail.len() {
            self.heads.add(&head[..head.len().min(MAX_KEY_BYTES)], number);
        } else {
            self.tails.add(&tail[tail.len().saturating_sub(MAX_KEY_BYTES)..], number);
        }
    }

    fn each(&self, text: &[u8], take: &mut dyn FnMut(&[u32])) {
        if let Some(numbers) = self.exact.get(text) {
            take(numbers);
        }
        self.heads.each(text, |length| &text[..length], take);
        self.tails.each(text, |length| &text[text.len() - length..], take);
        take(&self.others);
    }
}

impl Affixes {
    fn add(&mut self, bytes: &[u8], number: u32) {
        if let Err(place) = self.lengths.binary_search(&bytes.len()) {
            self.lengths.insert(place, bytes.len());
        }
        self.by_bytes.entry(bytes.into()).or_default().push(number);
    }

    fn each<'t>(
        &self,
        text: &'t [u8],
        affix: impl Fn(usize) -> &'t [u8],
        take: &mut dyn FnMut(&[u32]),
    ) {
        for length in self.lengths.iter().take_while(|length| **length <= text.len()) {
            if let Some(numbers) = self.by_bytes.get(affix(*length)) {
                take(numbers);
            }
        }
    }
}

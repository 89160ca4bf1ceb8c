//! What a run may read beside the files of its workspace, as it was at one moment: whoever asks
//! later may share the run only if all of it still is as it was. Knows how to compare, not how to
//! look.

use super::Digest;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What a run may find beside the files of its workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    facts: BTreeMap<PathBuf, Fact>,
    /// Why it is not known what it may find.
    doubt: Option<String>,
}

/// What was found at one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Something that may be read: any difference counts.
    Input(Stamp),
    /// A directory of which all that is in it may be read.
    Tree(Digest),
    /// Something that may be read, or made by a run: it may come, and then has to stay as it is.
    Local(Stamp),
    /// Something that a run makes, by its inode, or by 0 where another in its place is as good. It
    /// may come; it must not go, for what a run has made before would be missing at its end.
    Output(u64),
}

/// What `stat` says of a file: whatever changes its content changes this, as long as time passes
/// between two changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Type and permissions.
    pub mode: u32,
    /// Device and inode.
    pub identity: [u64; 2],
    /// In bytes.
    pub size: u64,
    /// Last change of the content and of the inode, in nanoseconds since 1970.
    pub changed_ns: [i64; 2],
}

/// Why two moments are not the same to a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Apart {
    /// This is not as it was.
    Input(PathBuf),
    /// This was there, and is gone or is another.
    Output(PathBuf),
    /// Nobody can tell, for this reason.
    Doubt(String),
}

impl Surroundings {
    /// Those of which nothing can be said, for this reason.
    #[must_use]
    pub fn unknown(why: impl Into<String>) -> Self {
        Self { facts: BTreeMap::new(), doubt: Some(why.into()) }
    }

    /// Adds what was found; what was not found is not added. What may be read stays so, even if it
    /// is made as well.
    pub fn add(&mut self, path: PathBuf, fact: Fact) {
        let known = self.facts.entry(path).or_insert(fact);
        if known.may_come() && !fact.may_come() {
            *known = fact;
        }
    }

    /// Takes note that it is not known what there is.
    pub fn add_doubt(&mut self, why: impl Into<String>) {
        self.doubt.get_or_insert(why.into());
    }

    /// Why it is not known what there is; `None` where it is.
    #[must_use]
    pub fn doubt(&self) -> Option<&str> {
        self.doubt.as_deref()
    }

    /// How many paths were looked at.
    #[must_use]
    pub fn len(&self) -> usize {
        self.facts.len()
    }

    /// Whether nothing was looked at.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }

    /// What keeps a run that started in these surroundings from being shared by whoever asks in
    /// those that are `now`; `None` for nothing.
    #[must_use]
    pub fn apart(&self, now: &Self) -> Option<Apart> {
        if let Some(why) = self.doubt.as_ref().or(now.doubt.as_ref()) {
            return Some(Apart::Doubt(why.clone()));
        }
        for (path, then) in &self.facts {
            if now.facts.get(path) != Some(then) {
                return Some(match then {
                    Fact::Output(_) => Apart::Output(path.clone()),
                    _ => Apart::Input(path.clone()),
                });
            }
        }
        let is_news = |path: &Path, fact: &Fact| !fact.may_come() && !self.facts.contains_key(path);
        let mut news = now.facts.iter().filter(|(path, fact)| is_news(path, fact));
        news.next().map(|(path, _)| Apart::Input(path.clone()))
    }

    /// Takes note of what the run has made until now: it must not go any more.
    pub fn note_outputs(&mut self, now: &Self) {
        for (path, fact) in &now.facts {
            if let Fact::Output(_) = fact {
                self.facts.insert(path.clone(), *fact);
            }
        }
    }
}

impl Fact {
    fn may_come(self) -> bool {
        matches!(self, Self::Local(_) | Self::Output(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp { mode: 1, identity: [1, 2], size: 3, changed_ns: [4, 5] };

    fn around(facts: &[(&str, Fact)]) -> Surroundings {
        let mut around = Surroundings::default();
        facts.iter().for_each(|(path, fact)| around.add(path.into(), *fact));
        around
    }

    fn apart(then: Fact, now: Fact) -> Option<Apart> {
        around(&[("/a", then)]).apart(&around(&[("/a", now)]))
    }

    #[test]
    fn any_difference_of_what_may_be_read_counts() {
        let there = Fact::Input(STAMP);
        let input = Some(Apart::Input("/a".into()));
        let nothing = Surroundings::default();
        assert_eq!(apart(there, there), None);
        for other in [
            Stamp { mode: 2, ..STAMP },
            Stamp { identity: [1, 3], ..STAMP },
            Stamp { size: 4, ..STAMP },
            Stamp { changed_ns: [4, 6], ..STAMP },
            Stamp { changed_ns: [5, 5], ..STAMP },
        ] {
            assert_eq!(apart(there, Fact::Input(other)), input, "{other:?}");
            assert_eq!(apart(Fact::Local(STAMP), Fact::Local(other)), input, "{other:?}");
        }
        let [one, two] = [1, 2].map(|byte| Fact::Tree(Digest([byte; 32])));
        assert_eq!(apart(one, one), None);
        assert_eq!(apart(one, two), input);
        for fact in [there, one] {
            assert_eq!(nothing.apart(&around(&[("/a", fact)])), input, "it came");
            assert_eq!(around(&[("/a", fact)]).apart(&nothing), input, "it went");
        }
        let local = around(&[("/a", Fact::Local(STAMP))]);
        assert_eq!(nothing.apart(&local), None, "the run itself may have made it");
        assert_eq!(local.apart(&nothing), input);
    }

    #[test]
    fn what_is_made_may_come_and_must_not_go() {
        let [one, two] = [1, 2].map(Fact::Output);
        let output = Some(Apart::Output("/a".into()));
        let nothing = Surroundings::default();
        assert_eq!(apart(one, one), None);
        assert_eq!(apart(one, two), output);
        assert_eq!(nothing.apart(&around(&[("/a", one)])), None);
        assert_eq!(around(&[("/a", one)]).apart(&nothing), output);
        // What somebody saw is as good as what was there at the start.
        let mut started = nothing.clone();
        started.note_outputs(&around(&[("/a", one)]));
        assert_eq!(started.apart(&nothing), output);
    }

    #[test]
    fn what_is_both_made_and_read_counts_as_read() {
        let read = Fact::Input(STAMP);
        for facts in [[Fact::Output(1), read], [read, Fact::Output(1)]] {
            let both = around(&[("/a", facts[0]), ("/a", facts[1])]);
            assert_eq!(both, around(&[("/a", read)]));
        }
    }

    #[test]
    fn in_doubt_nothing_is_shared() {
        let doubt = Surroundings::unknown("it is too large");
        let known = Surroundings::default();
        let apart = Some(Apart::Doubt("it is too large".into()));
        assert_eq!(doubt.apart(&known), apart);
        assert_eq!(known.apart(&doubt), apart);
        assert_eq!(doubt.apart(&doubt), apart);
    }
}

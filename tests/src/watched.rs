//! A workspace under watch, and what is held against the answers about it.

use crate::answers::Answers;
use crate::explain::{brief, explain, within};
use crate::oracle::{self, Listing};
use crate::source::Source;
use bd_daemon::index::{Changes, Clock};
use bd_daemon::model::Digest;
use bd_daemon::watch::Summary;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// Whether the digests are made by the documented formula. Where they are not, trees that are
/// equal must still have equal digests, and trees that are not others.
const FORMULA: bool = true;

/// See the [module](self).
pub struct Watched {
    answers: Box<dyn Answers>,
    root: PathBuf,
    excluded: Vec<PathBuf>,
    /// Digests that belong to each other: the oracle's, the answer's.
    digests: HashMap<Digest, Digest>,
    reverse: HashMap<Digest, Digest>,
}

impl Watched {
    /// A directory, asked about by the source under test. It is not listed yet.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self::without(root, vec![])
    }

    /// The same without what is below `excluded`.
    #[must_use]
    pub fn without(root: &Path, excluded: Vec<PathBuf>) -> Self {
        let answers = Source::chosen().registry(excluded.clone());
        Self { excluded, ..Self::by(root, answers) }
    }

    /// A directory that somebody else answers about.
    #[must_use]
    pub fn by(root: &Path, answers: Box<dyn Answers>) -> Self {
        let (digests, reverse) = Default::default();
        Self { answers, root: root.to_path_buf(), excluded: vec![], digests, reverse }
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path below the root.
    #[must_use]
    pub fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.join(path)
    }

    /// What is said of it.
    ///
    /// # Errors
    ///
    /// Why nothing is.
    pub fn try_info(&mut self) -> Result<Summary, String> {
        self.answers.info(&self.root)
    }

    /// What is said of it.
    ///
    /// # Panics
    ///
    /// When nothing is.
    #[track_caller]
    pub fn info(&mut self) -> Summary {
        self.try_info().expect("an answer")
    }

    /// The clock alone.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[track_caller]
    pub fn clock(&mut self) -> Clock {
        let reported = self.answers.changes(&self.root, None).expect("a clock");
        assert!(
            !reported.fresh && reported.changes.is_empty(),
            "more than the clock: {reported:?}"
        );
        reported.clock
    }

    /// What has changed since.
    ///
    /// # Panics
    ///
    /// When nobody says.
    #[track_caller]
    pub fn since(&mut self, clock: Clock) -> Changes {
        self.answers.changes(&self.root, Some(clock)).expect("changes")
    }

    /// What has changed since, if anybody says.
    ///
    /// # Errors
    ///
    /// Why nobody does.
    pub fn try_since(&mut self, clock: Clock) -> Result<Changes, String> {
        self.answers.changes(&self.root, Some(clock))
    }

    /// Forgets it.
    pub fn forget(&mut self) -> bool {
        self.answers.forget(&self.root)
    }

    /// What is there really.
    ///
    /// # Panics
    ///
    /// When there is no root.
    #[must_use]
    #[track_caller]
    pub fn really(&self) -> Listing {
        oracle::walk(&self.root, &self.excluded).expect("a root")
    }

    /// What is said is what there is, which is given back.
    ///
    /// # Errors
    ///
    /// What is wrong.
    pub fn compare(&mut self) -> Result<Listing, String> {
        let said = self.try_info()?;
        let real = oracle::walk(&self.root, &self.excluded).map_err(|error| error.to_string())?;
        let digest = said.tree_digest.ok_or("no digest")?;
        let (counted, are) =
            ((said.files, said.dirs, said.bytes), (real.files, real.dirs, real.bytes));
        if counted != are {
            let wrong = self.answers.differences(&self.root);
            return Err(format!(
                "files, directories, bytes: said {counted:?}, are {are:?}; wrong: {wrong:?}"
            ));
        }
        let known = *self.digests.entry(real.digest).or_insert(digest);
        let means = *self.reverse.entry(digest).or_insert(real.digest);
        if known != digest || means != real.digest || FORMULA && digest != real.digest {
            let wrong = self.answers.differences(&self.root);
            return Err(format!("said digest {digest}, is {}; wrong: {wrong:?}", real.digest));
        }
        Ok(real)
    }

    /// The same, or a panic.
    ///
    /// # Panics
    ///
    /// When anything is wrong.
    #[track_caller]
    pub fn agrees(&mut self) -> Listing {
        self.compare().unwrap_or_else(|error| panic!("{error}"))
    }

    /// Does something, asks what has changed, and holds it against two full walks; gives the
    /// changes in [`brief`].
    ///
    /// # Panics
    ///
    /// When the answers are not right.
    #[track_caller]
    pub fn step(&mut self, act: impl FnOnce(&Path)) -> Vec<String> {
        let before = self.agrees();
        let clock = self.clock();
        act(&self.root);
        let reported = self.since(clock);
        let after = self.agrees();
        assert!(!reported.fresh, "the clock is foreign now");
        explain(&before, &after, &reported)
            .unwrap_or_else(|error| panic!("{error}\n{reported:#?}"));
        brief(&reported)
    }

    /// The same, and no path is reported of but at or below those.
    ///
    /// # Panics
    ///
    /// When one is, or the answers are not right.
    #[track_caller]
    pub fn step_within(&mut self, touched: &[&str], act: impl FnOnce(&Path)) -> Changes {
        let before = self.agrees();
        let clock = self.clock();
        act(&self.root);
        let reported = self.since(clock);
        let after = self.agrees();
        let touched: BTreeSet<_> = touched.iter().map(PathBuf::from).collect();
        let right = explain(&before, &after, &reported).and_then(|()| within(&reported, &touched));
        right.unwrap_or_else(|error| panic!("{error}\n{reported:#?}"));
        reported
    }

    /// Does something that is no change: the clock stands still.
    ///
    /// # Panics
    ///
    /// When it does not, or the answers are not right.
    #[track_caller]
    pub fn unmoved(&mut self, act: impl FnOnce(&Path)) {
        self.agrees();
        let clock = self.clock();
        act(&self.root);
        let reported = self.since(clock);
        assert_eq!(brief(&reported), [""; 0]);
        assert_eq!(reported.clock, clock, "the clock has moved");
        self.agrees();
    }
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watched").field("root", &self.root).finish_non_exhaustive()
    }
}

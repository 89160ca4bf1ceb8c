//! What is said outside of a workspace of what is ignored in it: by git's configuration, the excludes
//! it names, and the ignore files between the top of the checkout and the root. Knows when that has
//! to be read again.

use super::exhaustion::is_resource_exhausted;
use super::file_reader::FileReader;
use super::git::{self, Checkout};
use super::gitconfig::{ConfigPlaces, Settings};
use super::ignore_files::{self, FileText};
use super::ignore_rules::{GIT_FILE, IgnoreRules, Scope};
use crate::files::{Fault, open_dir};
use rustix::io::Errno;
use std::env;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// The configuration of the system, unless git was built with another place for it.
const SYSTEM_CONFIG: &str = "/etc/gitconfig";

/// What was read there.
#[derive(Debug)]
pub(crate) struct GlobalIgnores {
    rules: IgnoreRules,
    problems: Vec<String>,
    git_dir: Option<PathBuf>,
    /// The files, and those that say where the files are.
    files: FileReader,
    texts: Texts,
}

/// All that rules are made from: where it is the same, the rules are.
#[derive(Debug, Default, PartialEq, Eq)]
struct Texts {
    is_folded: bool,
    /// Path of the root below the top of the checkout.
    below: Vec<u8>,
    /// Of the repository's own excludes.
    own: Option<NamedText>,
    /// Of the user's excludes.
    user: Option<NamedText>,
    /// Of the ignore files above the root, from the top on, with the lengths of their directories'
    /// paths below the top.
    above: Vec<(NamedText, usize)>,
}

/// What was read, and how the file is called to people.
type NamedText = (String, FileText);

impl GlobalIgnores {
    /// Reads what holds for the workspace at `root`, an absolute path.
    ///
    /// # Errors
    ///
    /// When the system has no descriptor or memory left to read anything.
    pub(crate) fn read(root: &Path) -> io::Result<Self> {
        let mut files = FileReader::default();
        let checkout = Checkout::of(root, &mut files);
        let mut problems = files.take_problems();
        let mut texts = Texts::default();
        let places = places(checkout.as_ref());
        match settings(&places, &mut files) {
            Ok(settings) => {
                texts.is_folded = settings.is_case_ignored;
                texts.read_excludes(&settings, &places, checkout.as_ref(), &mut files);
            }
            Err(why) => problems.push(format!("cannot read {why}; no excludes of git count")),
        }
        if let Some(checkout) = &checkout {
            texts.read_above(&checkout.top, root, &mut files);
        }
        let rules = texts.rules(&mut problems);
        let git_dir = checkout.map(|checkout| checkout.git_dir);
        // A file that could not be opened is none, unless nothing can be opened.
        match open_dir(root) {
            Err(error) if is_resource_exhausted(error) => Err(error.into()),
            _ => Ok(Self { rules, problems, git_dir, files, texts }),
        }
    }

    /// The rules, which are weaker than any in the workspace.
    pub(crate) fn rules(&self) -> &IgnoreRules {
        &self.rules
    }

    /// What is wrong with the files, as shown to people.
    pub(crate) fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Whether a file is not as it was read.
    pub(crate) fn has_changed(&self) -> bool {
        self.files.has_changed()
    }

    /// Whether the rules are others than those that were read before: most changes of git's
    /// configuration are about something else.
    pub(crate) fn differs_from(&self, before: &Self) -> bool {
        self.texts != before.texts
    }

    /// Whether a git command is changing the files of the workspace.
    pub(crate) fn is_git_running(&self) -> bool {
        self.git_dir.as_deref().is_some_and(git::is_running)
    }
}

/// What git's configuration says.
fn settings(places: &ConfigPlaces, files: &mut FileReader) -> Result<Settings, String> {
    let mut unread = None;
    let mut read = |path: &Path| {
        let why = match files.read(path) {
            FileText::Bytes(text) => return Some(text),
            FileText::Absent => return None,
            // Git does without a file that it may not read.
            FileText::Unreadable(Fault::System(Errno::ACCESS)) => return None,
            FileText::Unreadable(fault) => fault.to_string(),
            FileText::TooLarge => "it is too large".to_owned(),
        };
        unread = Some(format!("git's configuration {}: {why}", path.display()));
        None
    };
    let settings = Settings::read(places, &mut read)?;
    unread.map_or(Ok(settings), Err)
}

/// Where git's configuration is, for a daemon with this environment.
fn places(checkout: Option<&Checkout>) -> ConfigPlaces {
    let variable = |name| env::var_os(name).map(PathBuf::from);
    let home = variable("HOME");
    let shared = variable("XDG_CONFIG_HOME").filter(|path| !path.as_os_str().is_empty());
    let shared = shared.or_else(|| Some(home.as_ref()?.join(".config")));
    let shared = shared.map(|path| path.join("git"));
    let user = match variable("GIT_CONFIG_GLOBAL") {
        Some(only) => vec![only],
        None => {
            let shared = shared.iter().map(|path| path.join("config"));
            shared.chain(home.iter().map(|path| path.join(".gitconfig"))).collect()
        }
    };
    let system = match env::var("GIT_CONFIG_NOSYSTEM").as_deref() {
        Ok("1" | "true" | "yes" | "on") => None,
        _ => variable("GIT_CONFIG_SYSTEM").or_else(|| Some(SYSTEM_CONFIG.into())),
    };
    ConfigPlaces {
        shared: system.into_iter().chain(user).collect(),
        repository: checkout.map(|checkout| checkout.common_dir.join("config")),
        worktree: checkout.map(|checkout| checkout.git_dir.join("config.worktree")),
        git_dir: checkout.map(|checkout| checkout.git_dir.clone()),
        ignore: shared.map(|path| path.join("ignore")),
        home,
    }
}

impl Texts {
    fn read_excludes(
        &mut self,
        settings: &Settings,
        places: &ConfigPlaces,
        checkout: Option<&Checkout>,
        files: &mut FileReader,
    ) {
        let own = checkout.map(|checkout| checkout.common_dir.join("info/exclude"));
        let user = match (&settings.excludes_file, checkout) {
            (None, _) => places.ignore.clone(),
            (Some(file), _) if file.as_os_str().is_empty() => None,
            (Some(file), Some(checkout)) => Some(checkout.top.join(file)),
            // Relative to what, nobody can say.
            (Some(file), None) => Some(file.clone()).filter(|file| file.is_absolute()),
        };
        let mut read = |file: PathBuf| (file.display().to_string(), files.read(&file));
        self.own = own.map(&mut read);
        self.user = user.map(&mut read);
    }

    /// Reads git's ignore files from the top of the checkout on, without the root's.
    fn read_above(&mut self, top: &Path, root: &Path, files: &mut FileReader) {
        let below = |dir: &Path| {
            let below = dir.strip_prefix(top).map(Path::as_os_str).unwrap_or_default();
            below.as_bytes().to_vec()
        };
        self.below = below(root);
        let dirs = root.ancestors().skip(1).take_while(|dir| dir.starts_with(top));
        for dir in dirs {
            let file = dir.join(GIT_FILE);
            let text = (file.display().to_string(), files.read_no_link(&file));
            let length = match below(dir).len() {
                0 => 0,
                length => length + 1,
            };
            self.above.push((text, length));
        }
        self.above.reverse();
    }

    /// The rules that follow. Those of a checkout in which the root is ignored do not count: it is
    /// no part of that, and somebody works in it nevertheless.
    fn rules(&mut self, problems: &mut Vec<String>) -> IgnoreRules {
        let mut found = Vec::new();
        let rules = self.parse(&mut found);
        let ends = self.below.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        let mut ends = ends.map(|(end, _)| end).chain([self.below.len()]);
        if !self.below.is_empty() && ends.any(|end| rules.ignores_above(&self.below[..end])) {
            let user = self.user.take();
            *self = Self { is_folded: self.is_folded, user, ..Self::default() };
            found.clear();
            let rules = self.parse(&mut found);
            problems.append(&mut found);
            return rules;
        }
        problems.append(&mut found);
        rules
    }

    fn parse(&self, problems: &mut Vec<String>) -> IgnoreRules {
        let mut root = self.below.clone();
        if !root.is_empty() {
            root.push(b'/');
        }
        let scope = Scope { root, is_folded: self.is_folded };
        let mut parse =
            |(name, text): &NamedText| ignore_files::parse(text, self.is_folded, name, problems);
        let excludes = self.own.iter().chain(&self.user);
        let mut rules = IgnoreRules::global(scope, excludes.filter_map(&mut parse).collect());
        for (text, length) in &self.above {
            rules = rules.with_prefix(*length, [None, None, parse(text)]);
        }
        rules
    }
}

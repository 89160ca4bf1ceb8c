//! Looks at all that one run may read beside the files of its workspace, until what was seen can be
//! told from what comes later.

use super::mentions::{Mention, is_among, mentions};
use super::probe::{OpenDir, Probe};
use super::tools::Call;
use super::{git_refs, local_files};
use crate::model::{Action, Digest, Fact, Surroundings, ToolReads};
use crate::workspace::file_reader::FileReader;
use crate::workspace::ignore_files::FileText;
use crate::workspace::root::marked_root_of;
use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What changed so shortly ago may change once more and look the same: some ticks of the clock by
/// which file systems go.
const RACY: Duration = Duration::from_millis(20);

/// How often it is looked again at what changes all the time.
const MAX_LOOKS: u32 = 4;

/// Packages of a workspace in which settings are looked for. Who has more has most of them for
/// tests of their own.
const MAX_PACKAGES: usize = 512;

/// What the index of a workspace knows that leads out of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct TreeNames {
    /// The names that it has in some of its directories, by their absolute paths.
    pub listed: Vec<(PathBuf, HashSet<OsString>)>,
    /// Where links lead that lead to what it does not have.
    pub links: Arc<[PathBuf]>,
    /// What its manifests mention outside of it.
    pub mentions: Arc<[Mention]>,
    /// The directories of its manifests.
    pub packages: Arc<[Mention]>,
    /// Files that git tracks though they are ignored, absolute.
    pub tracked: Arc<[PathBuf]>,
}

/// What is to be looked at.
#[derive(Debug)]
pub struct Question {
    /// What is to be run.
    pub action: Arc<Action>,
    /// Where, without links.
    pub cwd: PathBuf,
    /// What the index knows.
    pub names: TreeNames,
    /// The workspace around the workspace, with what stands for its state.
    pub outer: Option<(PathBuf, Digest)>,
}

/// Looks at what the action may read. Takes some hundred calls of `stat`, and longer where something
/// has changed just now.
#[must_use]
pub fn read_surroundings(question: &Question) -> Surroundings {
    let mut looks = 0;
    loop {
        looks += 1;
        let begun = SystemTime::now();
        let (mut found, newest_ns) = look(question);
        let newest = UNIX_EPOCH + Duration::from_nanos(newest_ns.max(0).cast_unsigned());
        // One from the future is settled or not: no waiting helps.
        let age = begun.duration_since(newest).unwrap_or(RACY);
        if age >= RACY || found.doubt().is_some() {
            return found;
        }
        if looks == MAX_LOOKS {
            found.add_doubt("what it may read keeps changing");
            return found;
        }
        std::thread::sleep(RACY - age);
    }
}

/// Root of the workspace that is around the one with this root, if it is one by a mark of its own:
/// what is in a clone within a clone may be a part of both. Not the home directory, nor what it is
/// in.
#[must_use]
pub fn outer_root(root: &Path, home: Option<&Path>) -> Option<PathBuf> {
    let outer = marked_root_of(root.parent()?)?;
    let is_above_home = home.is_some_and(|home| home.starts_with(&outer));
    (!is_above_home && outer.parent().is_some()).then_some(outer)
}

fn look(question: &Question) -> (Surroundings, i64) {
    let Question { action, cwd, names, outer } = question;
    let command = &*action.command;
    let reads = &*action.reads;
    let is_read = |manifest: &str| reads.iter().any(|table| table.manifests.contains(&manifest));
    let mut probe = Probe::new();
    Call::new(command, cwd, reads).probe(&mut probe);
    git_refs::probe(&command.root, &mut probe);
    for (dir, known) in &names.listed {
        local_files::probe(dir, known, reads, &mut probe);
    }
    let packages = names.packages.iter().filter(|package| is_read(package.manifest));
    for package in packages.take(MAX_PACKAGES) {
        local_files::settings(&package.path, &mut probe);
    }
    for file in &*names.tracked {
        probe.input(file.clone());
    }
    for link in &*names.links {
        probe.tree(link.clone(), &command.root);
    }
    for mention in names.mentions.iter().filter(|mention| is_read(mention.manifest)) {
        probe.tree(mention.path.clone(), &command.root);
    }
    if let Some((outer, state)) = outer {
        probe.add(outer.clone(), Fact::Tree(*state));
    }
    let home = command.environment.iter().find(|(name, _)| name == OsStr::new("HOME"));
    workspaces_above(&command.root, home.map(|(_, home)| Path::new(home)), reads, &mut probe);
    follow(reads, &mut probe, &command.root);
    probe.finish()
}

/// Looks at workspaces of tools that begin above the root, below the home directory.
fn workspaces_above(
    root: &Path,
    home: Option<&Path>,
    reads: &[&'static ToolReads],
    probe: &mut Probe,
) {
    let is_below_home = |dir: &&Path| !home.is_some_and(|home| home.starts_with(dir));
    for dir in root.ancestors().skip(1).take_while(is_below_home) {
        let Some(open) = OpenDir::at(dir.to_path_buf()) else { continue };
        for (name, says) in reads.iter().flat_map(|table| table.workspaces) {
            let Some(path) = open.find(name) else { continue };
            let FileText::Bytes(text) = FileReader::default().read(&path) else { continue };
            if text
                .windows(says.len().max(1))
                .any(|part| says.is_empty() || part == says.as_bytes())
            {
                probe.tree(dir.to_path_buf(), root);
            }
        }
    }
}

/// Looks at what manifests outside mention in turn.
fn follow(reads: &[&'static ToolReads], probe: &mut Probe, root: &Path) {
    loop {
        let met = probe.take_met();
        if met.is_empty() {
            return;
        }
        for file in met {
            let is_manifest = file
                .file_name()
                .is_some_and(|name| reads.iter().any(|table| is_among(name, table.manifests)));
            let Some(dir) = file.parent().filter(|_| is_manifest) else { continue };
            if let FileText::Bytes(text) = FileReader::default().read(&file) {
                for path in mentions(&text, dir, root) {
                    probe.tree(path, root);
                }
            }
        }
    }
}

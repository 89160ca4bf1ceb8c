//! What the index of a workspace knows that leads out of it: links, manifests that mention other
//! directories, and files that git tracks though they are ignored. Remembers it until something
//! changes.

use crate::files::ForeignFile;
use crate::index::{Clock, Index, Kind, NodeId, is_litter};
use crate::model::tool_reads::MANIFESTS;
use crate::watch::sync::Synchronizer;
use crate::workspace::{
    GitIndex, IGNORE_FILES, MAX_RULES_BYTES, Mention, TreeNames, Written, mentions,
};
use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct TreeNamesCache {
    /// The moment of what follows.
    clock: Option<Clock>,
    links: Arc<[PathBuf]>,
    mentions: Arc<[Mention]>,
    packages: Arc<[Mention]>,
    /// What each manifest mentioned when its entry had this generation.
    by_manifest: HashMap<NodeId, (u32, Vec<Mention>)>,
    tracked: Tracked,
}

/// Files that are tracked and not in the index.
#[derive(Debug, Default)]
struct Tracked {
    git: Option<GitIndex>,
    written: Option<Written>,
    /// The entries of files with rules, each with its generation.
    rules: Vec<(NodeId, u32)>,
    files: Arc<[PathBuf]>,
}

/// Whether entries of this name are noted in an index.
pub(super) fn is_noted(name: &[u8]) -> bool {
    let is_manifest = |manifest: &str| {
        manifest.as_bytes() == name || manifest.rsplit('/').next().map(str::as_bytes) == Some(name)
    };
    is_litter(name) || holds_rules(name) || MANIFESTS.iter().any(|m| is_manifest(m))
}

fn holds_rules(name: &[u8]) -> bool {
    name == b"bd.toml" || IGNORE_FILES.iter().any(|file| file.as_bytes() == name)
}

impl TreeNamesCache {
    /// What is known now, with the names in these directories, absolute.
    pub(super) fn names(&mut self, synchronizer: &Synchronizer, dirs: &[PathBuf]) -> TreeNames {
        let index = synchronizer.index();
        let root = synchronizer.root();
        if self.clock != Some(index.clock()) {
            self.clock = Some(index.clock());
            self.update(synchronizer);
            self.tracked.git = GitIndex::of(root);
        }
        self.tracked.update(index, root);
        TreeNames {
            listed: dirs.iter().map(|dir| (dir.clone(), listed(index, root, dir))).collect(),
            links: self.links.clone(),
            mentions: self.mentions.clone(),
            packages: self.packages.clone(),
            tracked: self.tracked.files.clone(),
        }
    }

    fn update(&mut self, synchronizer: &Synchronizer) {
        let (index, root) = (synchronizer.index(), synchronizer.root());
        let (mut links, mut packages) = (Vec::new(), Vec::new());
        let mut known = std::mem::take(&mut self.by_manifest);
        for node in index.noted() {
            if index.is_dir(node) {
                continue;
            }
            if index.signature(node).kind() == Kind::Symlink {
                links.extend(leads_to(index, root, &synchronizer.path_of(node)));
            } else if let Some(manifest) = manifest_of(&index.path(node)) {
                let path = synchronizer.path_of(node);
                packages.extend(path.parent().map(|dir| Mention { manifest, path: dir.into() }));
                let generation = index.generation(node);
                let known = known.remove(&node).filter(|(of, _)| *of == generation);
                let found = known
                    .map_or_else(|| read_mentions(manifest, &path, root), |(_, mentions)| mentions);
                self.by_manifest.insert(node, (generation, found));
            }
        }
        let all = self.by_manifest.values().flat_map(|(_, mentions)| mentions).cloned();
        let mut all: Vec<_> = all.collect();
        all.sort_by(|a, b| (&a.path, a.manifest).cmp(&(&b.path, b.manifest)));
        all.dedup();
        links.sort();
        links.dedup();
        packages.sort_by(|a, b| a.path.cmp(&b.path));
        (self.links, self.mentions) = (links.into(), all.into());
        self.packages = packages.into();
    }
}

impl Tracked {
    fn update(&mut self, index: &Index, root: &Path) {
        let written = self.git.as_ref().and_then(GitIndex::written);
        let rules = index.noted().filter(|node| holds_rules(index.name(*node)));
        let rules: Vec<_> = rules.map(|node| (node, index.generation(node))).collect();
        if (written, &rules) == (self.written, &self.rules) {
            return;
        }
        self.files = self.git.as_ref().map(|git| unknown(git, index, root)).unwrap_or_default();
        (self.written, self.rules) = (written, rules);
    }
}

/// The files of a checkout that git tracks and the index of the workspace does not have.
fn unknown(git: &GitIndex, index: &Index, root: &Path) -> Arc<[PathBuf]> {
    let Ok(below) = root.strip_prefix(git.top()) else { return Arc::default() };
    let mut below = below.as_os_str().as_bytes().to_vec();
    if !below.is_empty() {
        below.push(b'/');
    }
    let tracked = git.tracked().unwrap_or_default();
    let inside = tracked.iter().filter_map(|name| name.strip_prefix(&below[..]));
    let unknown = inside.filter(|name| index.lookup(name).is_none());
    unknown.map(|name| root.join(OsStr::from_bytes(name))).collect()
}

/// The name by which tools know the manifest at this path relative to the root.
fn manifest_of(path: &[u8]) -> Option<&'static str> {
    MANIFESTS.iter().copied().find(|manifest| {
        path.strip_suffix(manifest.as_bytes())
            .is_some_and(|dir| dir.is_empty() || dir.ends_with(b"/"))
    })
}

fn read_mentions(manifest: &'static str, path: &Path, root: &Path) -> Vec<Mention> {
    let text = ForeignFile::at(path).read(MAX_RULES_BYTES as u64);
    let (Ok(text), Some(dir)) = (text, path.parent()) else { return Vec::new() };
    mentions(&text, dir, root).map(|path| Mention { manifest, path }).collect()
}

/// Where a link leads, unless that is in the index itself.
fn leads_to(index: &Index, root: &Path, link: &Path) -> Option<PathBuf> {
    let target = match link.canonicalize() {
        Ok(target) => target,
        // What is not there may come.
        Err(_) => link.parent()?.join(std::fs::read_link(link).ok()?),
    };
    let inside = target.strip_prefix(root).ok();
    let is_known = inside.is_some_and(|inside| {
        inside.as_os_str().is_empty() || index.lookup(inside.as_os_str().as_bytes()).is_some()
    });
    (!is_known).then_some(target)
}

fn listed(index: &Index, root: &Path, dir: &Path) -> HashSet<OsString> {
    let inside = dir.strip_prefix(root).ok();
    let node = inside.and_then(|inside| index.lookup(inside.as_os_str().as_bytes()));
    let Some(node) = node.filter(|node| index.is_dir(*node)) else { return HashSet::new() };
    index.entries(node).iter().map(|entry| OsStr::from_bytes(index.name(*entry)).into()).collect()
}

#[cfg(test)]
#[path = "tree_names_tests.rs"]
mod tests;

//! Limits of memory and processor time that a process has by its cgroups. A process cannot be put into
//! another's cgroup without leave, and a session's cgroup ends with the session, so a command whose
//! client is limited so is not the daemon's to run.

use super::confinement::Difference;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Files with limits, and what they hold where there is none.
const LIMITS: [(&str, &str); 5] = [
    ("memory.max", "max"),
    ("memory.high", "max"),
    ("cpu.max", "max"),
    ("memory.limit_in_bytes", "9223372036854771712"),
    ("cpu.cfs_quota_us", "-1"),
];

/// The hierarchies of this system, by their controllers; that of version 2 has none.
#[derive(Debug)]
pub(super) struct Cgroups(Vec<(String, PathBuf)>);

impl Cgroups {
    /// Those that are mounted where the daemon is.
    pub(super) fn new() -> Self {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        Self(mounts.lines().filter_map(hierarchy).flatten().collect())
    }

    /// How the limits of a process differ from the daemon's; `None` when they do not. Some ten
    /// microseconds, where both are in the same cgroups.
    pub(super) fn difference(&self, process: i32) -> Option<Difference> {
        let of = |process: &str| fs::read_to_string(format!("/proc/{process}/cgroup")).ok();
        let (ours, theirs) = (of("self")?, of(&process.to_string())?);
        if ours == theirs {
            return None;
        }
        let (ours, theirs) = (self.limited(&ours), self.limited(&theirs));
        (ours != theirs).then(|| Difference {
            what: vec!["other limits by its cgroup".to_owned()],
            client_is_freer: theirs.is_subset(&ours),
        })
    }

    /// The directories with limits, of cgroups and of those around them.
    fn limited(&self, cgroups: &str) -> BTreeSet<PathBuf> {
        let mut found = BTreeSet::new();
        for line in cgroups.lines() {
            let mut fields = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
            for controller in controllers.split(',') {
                let Some((_, top)) = self.0.iter().find(|(name, _)| name == controller) else {
                    continue;
                };
                let leaf = top.join(path.trim_start_matches('/'));
                let around = leaf.ancestors().take_while(|dir| dir.starts_with(top));
                found.extend(around.filter(|dir| is_limited(dir)).map(Path::to_path_buf));
            }
        }
        found
    }
}

fn is_limited(dir: &Path) -> bool {
    LIMITS.iter().any(|(file, unlimited)| {
        let text = fs::read_to_string(dir.join(file)).unwrap_or_default();
        text.split_ascii_whitespace().next().is_some_and(|limit| limit != *unlimited)
    })
}

/// The controllers of a line of `mountinfo`, and where it is mounted.
fn hierarchy(line: &str) -> Option<Vec<(String, PathBuf)>> {
    let (mount, filesystem) = line.split_once(" - ")?;
    let top = PathBuf::from(mount.split(' ').nth(4)?);
    let mut fields = filesystem.split(' ');
    match fields.next()? {
        "cgroup2" => Some(vec![(String::new(), top)]),
        "cgroup" => {
            let options = fields.nth(1)?;
            Some(options.split(',').map(|name| (name.to_owned(), top.clone())).collect())
        }
        _ => None,
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn limits_are_found_from_the_leaf_to_the_top_in_both_versions() {
        let dir = tempfile::tempdir().expect("a directory");
        let top = dir.path();
        let write = |path: &str, text: &str| {
            fs::create_dir_all(top.join(path).parent().expect("a parent")).expect("a cgroup");
            fs::write(top.join(path), text).expect("a limit");
        };
        write("two/a/memory.max", "1048576\n");
        write("two/a/b/memory.max", "max\n");
        write("two/a/b/cpu.max", "max 100000\n");
        write("two/c/cpu.max", "50000 100000\n");
        write("memory/memory.limit_in_bytes", "9223372036854771712\n");
        write("memory/a/memory.limit_in_bytes", "4096\n");
        write("cpu/a/cpu.cfs_quota_us", "-1\n");
        let lines = format!(
            "30 20 0:1 / {0}/two rw - cgroup2 none rw\n31 20 0:2 / {0}/memory rw shared:1 - cgroup \
             none rw,memory\n32 20 0:3 / {0}/cpu rw - cgroup none rw,cpu,cpuacct\n33 20 0:4 / / rw - \
             ext4 /dev/x rw",
            top.display()
        );
        let cgroups = Cgroups(lines.lines().filter_map(hierarchy).flatten().collect());
        let limited = |text: &str| {
            let found = cgroups.limited(text).into_iter();
            let relative = found.map(|dir| dir.strip_prefix(top).expect("below").to_path_buf());
            relative.map(|dir| dir.display().to_string()).collect::<Vec<_>>()
        };
        assert!(limited("0::/\n4:memory:/\n1:cpu,cpuacct:/a\n").is_empty());
        assert_eq!(limited("0::/a/b"), ["two/a"]);
        assert_eq!(limited("0::/c/d\n4:memory:/a/x"), ["memory/a", "two/c"]);
    }

    #[test]
    fn a_process_is_limited_as_it_is_itself() {
        let own = i32::try_from(std::process::id()).expect("a pid");
        assert_eq!(Cgroups::new().difference(own), None);
    }
}

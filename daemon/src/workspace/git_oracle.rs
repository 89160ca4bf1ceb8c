//! Git itself, for tests that hold our reading of its files against its own. Knows nothing of ours.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// A checkout with a home of its own.
pub(super) struct Git {
    dir: TempDir,
}

impl Git {
    pub(super) fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("bd").tempdir().expect("a directory");
        let git = Self { dir };
        for dir in [git.top(), git.home()] {
            std::fs::create_dir(dir).expect("a directory");
        }
        assert!(git.run(&["init", "-q"]).status.success(), "git init");
        git
    }

    pub(super) fn top(&self) -> PathBuf {
        self.real().join("top")
    }

    pub(super) fn home(&self) -> PathBuf {
        self.real().join("home")
    }

    fn real(&self) -> PathBuf {
        self.dir.path().canonicalize().expect("a directory")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.args(arguments).current_dir(self.top()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.home()).env("GIT_CONFIG_NOSYSTEM", "1").env("LC_ALL", "C");
        command
    }

    pub(super) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("git starts")
    }

    /// Whether each of the paths is ignored.
    pub(super) fn ignored<'a>(
        &self,
        paths: impl Iterator<Item = &'a [u8]>,
        is_folded: bool,
    ) -> Vec<bool> {
        let list = self.real().join("paths");
        let paths: Vec<_> = paths.collect();
        std::fs::write(&list, paths.join(&0)).expect("a list");
        let case = format!("core.ignoreCase={is_folded}");
        let arguments = ["-c", &case, "check-ignore", "--no-index", "--stdin", "-z", "-v", "-n"];
        let mut command = self.command(&arguments);
        let output =
            command.stdin(File::open(&list).expect("a list")).output().expect("git starts");
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        let fields: Vec<_> = output.stdout.split(|byte| *byte == 0).collect();
        let answers = fields.chunks_exact(4).map(|answer| {
            let [file, _, rule, _] = answer else { unreachable!("BUG: four fields") };
            !file.is_empty() && !rule.starts_with(b"!")
        });
        answers.collect()
    }
}

/// Numbers that a seed decides.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).expect("BUG: below a usize")
    }

    pub(super) fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    pub(super) fn of<'a>(&mut self, choices: &[&'a [u8]]) -> &'a [u8] {
        choices[self.below(choices.len())]
    }
}

/// A number from the environment, or the usual one.
pub(super) fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().expect(name))
}

/// A path as git prints it.
pub(super) fn path_of(printed: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(printed.strip_suffix(b"\n").unwrap_or(printed)))
}

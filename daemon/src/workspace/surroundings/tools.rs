//! Looks at what tools read by their tables: configuration in the home directory, names in the
//! directories above, programs.

use super::local_files::outputs;
use super::mentions::{is_among, normal};
use super::probe::{OpenDir, Probe, names};
use crate::files::ForeignFile;
use crate::model::{Command, Place, ToolReads};
use crate::workspace::file_reader::FileReader;
use crate::workspace::ignore_files::FileText;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// What belongs to the system: it does not change while somebody works, and is large.
const SYSTEM: &[&str] = &["/usr", "/lib", "/lib64", "/opt", "/nix", "/snap", "/dev", "/proc"];

/// Where programs are searched for if the environment does not say.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Options whose value is written, not read.
const WRITTEN: &[&str] = &[
    "--artifact-dir",
    "--build",
    "--out",
    "--out-dir",
    "--outDir",
    "--outdir",
    "--output",
    "--output-dir",
    "--target-dir",
    "-B",
    "-o",
];

/// One call of a tool, as its tables need it.
pub(super) struct Call<'a> {
    command: &'a Command,
    cwd: &'a Path,
    environment: HashMap<&'a OsStr, &'a OsStr>,
    reads: &'a [&'static ToolReads],
    /// Where programs are searched for.
    search: Vec<OpenDir>,
    home: Option<PathBuf>,
    config: Option<PathBuf>,
}

impl<'a> Call<'a> {
    pub(super) fn new(
        command: &'a Command,
        cwd: &'a Path,
        reads: &'a [&'static ToolReads],
    ) -> Self {
        let environment = command.environment.iter();
        let environment: HashMap<_, _> =
            environment.map(|(name, value)| (name.as_os_str(), value.as_os_str())).collect();
        let dir = |name: &str| {
            let value = environment.get(OsStr::new(name)).filter(|value| !value.is_empty());
            value.map(PathBuf::from)
        };
        let home = dir("HOME");
        let config = dir("XDG_CONFIG_HOME").or_else(|| Some(home.as_ref()?.join(".config")));
        let path = command.search_path.as_deref();
        let path = path.or_else(|| environment.get(OsStr::new("PATH")).copied());
        let dirs = std::env::split_paths(path.unwrap_or(OsStr::new(DEFAULT_PATH)));
        let search = dirs.filter_map(|dir| OpenDir::at(cwd.join(dir))).collect();
        Self { command, cwd, environment, reads, search, home, config }
    }

    /// Looks at all that the tables say.
    pub(super) fn probe(&self, probe: &mut Probe) {
        for table in self.reads {
            self.homes(table, probe);
            self.named(table, probe);
            self.installed(table, probe);
            for path in table.system {
                probe.input(path.into());
            }
            for program in table.programs {
                self.program(OsStr::new(program), probe);
            }
        }
        self.above(probe);
        self.environments_of_python(probe);
        self.interpreter(probe);
        self.arguments(probe);
    }

    fn value(&self, variable: &str) -> Option<&'a OsStr> {
        self.environment.get(OsStr::new(variable)).copied().filter(|value| !value.is_empty())
    }

    fn homes(&self, table: &ToolReads, probe: &mut Probe) {
        for home in table.homes {
            let named = self.value(home.variable).map(|dir| self.cwd.join(dir));
            let usual = || match home.usual {
                Place::Home(dir) => Some(self.home.as_ref()?.join(dir)),
                Place::Config(dir) => Some(self.config.as_ref()?.join(dir)),
            };
            if let Some(dir) = named.or_else(usual) {
                for name in home.reads {
                    probe.input(dir.join(name));
                }
            }
        }
    }

    fn named(&self, table: &ToolReads, probe: &mut Probe) {
        let paths = |variables: &'static [&'static str]| {
            let values = variables.iter().filter_map(|variable| self.value(variable));
            let paths = values.flat_map(std::env::split_paths);
            let paths = paths.filter(|path| !path.as_os_str().is_empty());
            paths.map(|path| normal(&self.cwd.join(path)))
        };
        paths(table.named_files).for_each(|path| {
            probe.input(path);
        });
        for path in paths(table.named_trees) {
            if is_of_system(&path) {
                probe.input(path);
            } else if !path.starts_with(&self.command.root) {
                probe.tree(path, &self.command.root);
            }
        }
        for variable in table.named_programs {
            if let Some(value) = self.value(variable) {
                // It may have arguments.
                let program = value.as_bytes().split(|byte| *byte == b' ').next();
                self.program(OsStr::from_bytes(program.unwrap_or_default()), probe);
            }
        }
        for path in paths(table.named_outputs) {
            outputs(&path, probe);
            probe.local(path);
        }
    }

    fn installed(&self, table: &ToolReads, probe: &mut Probe) {
        let (root, cwd) = (self.command.root.as_path(), self.cwd);
        for name in table.installed {
            probe.input(root.join(name));
            if cwd != root {
                probe.input(cwd.join(name));
            }
        }
    }

    /// Names in the directories above the root, and what of them is in directories of its own in
    /// those below.
    fn above(&self, probe: &mut Probe) {
        for dir in self.cwd.ancestors() {
            let is_inside = dir.starts_with(&self.command.root);
            let Some(open) = OpenDir::at(dir.to_path_buf()) else { continue };
            for table in self.reads {
                for name in table.upward.iter().filter(|name| !is_inside || name.contains('/')) {
                    if let Some(path) = open.find(name) {
                        probe.input(path);
                    }
                }
            }
        }
    }

    /// What is installed in the environments of Python, which is ignored wherever they are.
    fn environments_of_python(&self, probe: &mut Probe) {
        if !self.reads.iter().any(|table| table.named_files.contains(&"VIRTUAL_ENV")) {
            return;
        }
        let (root, cwd) = (self.command.root.as_path(), self.cwd);
        let mut places: Vec<PathBuf> = [root, cwd]
            .into_iter()
            .flat_map(|dir| [".venv", "venv"].map(|name| dir.join(name)))
            .chain(self.value("VIRTUAL_ENV").map(|dir| cwd.join(dir)))
            .collect();
        places.sort();
        places.dedup();
        for lib in places.into_iter().map(|place| place.join("lib")) {
            for (python, _) in names(&lib).unwrap_or_default() {
                let packages = lib.join(python).join("site-packages");
                if probe.input(packages.clone()) {
                    self.editable(&packages, probe);
                }
            }
        }
    }

    /// Packages that are installed from where they are developed.
    fn editable(&self, packages: &Path, probe: &mut Probe) {
        let files = names(packages).unwrap_or_default().into_iter().map(|(name, _)| name);
        for file in files.filter(|name| name.as_bytes().ends_with(b".pth")) {
            let FileText::Bytes(text) = FileReader::default().read(&packages.join(file)) else {
                continue;
            };
            for line in text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii) {
                let path = Path::new(OsStr::from_bytes(line));
                if path.is_absolute() && !path.starts_with(&self.command.root) {
                    probe.tree(normal(path), &self.command.root);
                }
            }
        }
    }

    /// Looks at a program, by its path or as the search for it finds it.
    fn program(&self, program: &OsStr, probe: &mut Probe) -> Option<PathBuf> {
        if program.is_empty() {
            return None;
        }
        if program.as_bytes().contains(&b'/') {
            let path = self.cwd.join(program);
            return probe.input(path.clone()).then_some(path);
        }
        let path = self.search.iter().find_map(|dir| dir.find(program))?;
        probe.input(path.clone()).then_some(path)
    }

    /// The program itself, and what interprets it if it is a script.
    fn interpreter(&self, probe: &mut Probe) {
        let Some(program) = &self.command.program else { return };
        probe.input(program.path.clone());
        let Some(line) = first_line(&program.path) else { return };
        let mut words = line.split(|byte| byte.is_ascii_whitespace()).filter(|w| !w.is_empty());
        let Some(interpreter) = words.next().map(OsStr::from_bytes) else { return };
        probe.input(interpreter.into());
        if Path::new(interpreter).file_name() == Some(OsStr::new("env")) {
            let plain = |word: &&[u8]| !word.starts_with(b"-") && !word.contains(&b'=');
            if let Some(program) = words.find(plain) {
                self.program(OsStr::from_bytes(program), probe);
            }
        }
    }

    /// What is outside of the workspace and named in the command's words.
    fn arguments(&self, probe: &mut Probe) {
        let root = &self.command.root;
        let mut is_written = false;
        for word in self.command.argv.iter().skip(1) {
            let (option, value) = split(word);
            let written = is_written || option.is_some_and(|option| is_among(&option, WRITTEN));
            is_written = value.is_none() && written && !is_written;
            let value = value.unwrap_or(word.as_bytes());
            if !(value.starts_with(b"/") || value.starts_with(b"..") || has(value, b"/../")) {
                continue;
            }
            let path = normal(&self.cwd.join(OsStr::from_bytes(value)));
            if path.starts_with(root) || path.parent().is_none() {
                continue;
            }
            match (written, is_of_system(&path)) {
                (true, _) => probe.local(path),
                (false, true) => {
                    probe.input(path);
                }
                (false, false) => probe.tree(path, root),
            }
        }
    }
}

/// An option, and its value where that is in the same word.
fn split(word: &OsStr) -> (Option<OsString>, Option<&[u8]>) {
    let bytes = word.as_bytes();
    if !bytes.starts_with(b"-") {
        return (None, Some(bytes));
    }
    match bytes.iter().position(|byte| *byte == b'=') {
        Some(at) => (Some(OsStr::from_bytes(&bytes[..at]).into()), Some(&bytes[at + 1..])),
        None => (Some(word.into()), None),
    }
}

fn has(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

fn is_of_system(path: &Path) -> bool {
    SYSTEM.iter().any(|top| path.starts_with(top))
}

/// What a script says of its interpreter; `None` where it is none.
fn first_line(program: &Path) -> Option<Vec<u8>> {
    use std::io::Read as _;
    const LONGEST: usize = 256;
    let mut text = [0; LONGEST];
    let length = ForeignFile::at(program).open().ok()?.read(&mut text).ok()?;
    let line = text[..length].strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    Some(line.to_vec())
}

//! A daemon one of whose calls of the system fails, by a library that is loaded into it.

use bd_tests::{Sandbox, eventually, programs, skip};
use nix::errno::Errno;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const SOURCE: &str = include_str!("shim.c");

/// The compiled library.
pub(crate) struct Shim {
    library: PathBuf,
    count: PathBuf,
}

impl Shim {
    /// Compiles it; says why not where that cannot be.
    pub(crate) fn compile(outside: &Path) -> Option<Self> {
        if !cfg!(target_os = "linux") {
            skip("the calls are those of Linux");
            return None;
        }
        let (source, library) = (outside.join("shim.c"), outside.join("shim.so"));
        fs::write(&source, SOURCE).expect("a source");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([&library, &source])
            .arg("-ldl")
            .output();
        match compiled {
            Err(error) => {
                skip(&format!("there is no C compiler: {error}"));
                None
            }
            Ok(output) => {
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                Some(Self { library, count: outside.join("count") })
            }
        }
    }

    /// Starts a daemon whose `at`th call below its state fails, and waits until it serves or ends.
    pub(crate) fn start(&self, sandbox: &Sandbox, at: u64, error: Errno) -> Child {
        let _ = fs::remove_file(&self.count);
        let log = File::create(sandbox.outside().join("stderr")).expect("a file");
        let mut daemon = Command::new(programs::bdd())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("BD_HOME", sandbox.home())
            .env("HOME", sandbox.outside())
            .env("LD_PRELOAD", &self.library)
            .env("BD_SHIM_DIR", sandbox.home().join("state"))
            .env("BD_SHIM_AT", at.to_string())
            .env("BD_SHIM_ERROR", (error as i32).to_string())
            .env("BD_SHIM_COUNT", &self.count)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("a daemon");
        eventually("it serves or has ended", || {
            let ended = daemon.try_wait().expect("a child").is_some();
            ended || std::os::unix::net::UnixStream::connect(sandbox.socket()).is_ok()
        });
        daemon
    }

    /// How many calls there were, and which failed.
    pub(crate) fn counted(&self) -> (u64, String) {
        let bytes = fs::read(&self.count).unwrap_or_default();
        let count = bytes.first_chunk().map_or(0, |count| u64::from_ne_bytes(*count));
        let name: Vec<u8> = bytes.iter().skip(8).copied().take_while(|byte| *byte != 0).collect();
        (count, String::from_utf8_lossy(&name).into_owned())
    }
}

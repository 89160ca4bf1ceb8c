//! Where the programs under test are. They are built on first use, with the profile of the test,
//! because Cargo builds the programs of other packages for no test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The client.
#[must_use]
pub fn bdctl() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| built().join("bdctl"))
}

/// The daemon.
#[must_use]
pub fn bdd() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| built().join("bdd"))
}

fn built() -> &'static Path {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(build)
}

/// # Panics
///
/// When they do not build.
fn build() -> PathBuf {
    // target/PROFILE/deps/TEST
    let test = std::env::current_exe().expect("a path of the test");
    let dir = test.ancestors().nth(2).expect("a target directory").to_path_buf();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--bins", "-p", "bd-client", "-p", "bd-daemon"]);
    build.current_dir(env!("CARGO_MANIFEST_DIR"));
    build.arg("--target-dir").arg(dir.parent().expect("a target directory"));
    match dir.file_name().and_then(|name| name.to_str()) {
        Some("debug") => {}
        Some(profile) => {
            build.args(["--profile", profile]);
        }
        None => panic!("{} is no profile's directory", dir.display()),
    }
    let status = build.status().expect("cargo starts");
    assert!(status.success(), "the programs do not build");
    dir
}

//! Another user of the machine, at our door.

use bd_tests::reexec::{self, NOBODY};
use bd_tests::wire::{Wire, hello};
use bd_tests::{DaemonProbe, Sandbox, programs};
use serde_json::Value;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

fn open_to_all(path: &Path) {
    fs::set_permissions(path, Permissions::from_mode(0o777)).expect("a mode");
}

/// A copy of a program where everybody may run it.
fn copy(sandbox: &Sandbox, program: &Path) -> PathBuf {
    let copy = sandbox.outside().join(program.file_name().expect("a name"));
    fs::copy(program, &copy).expect("a copy");
    open_to_all(&copy);
    copy
}

/// What another user hears who connects to `socket` and says hello.
fn as_somebody_else(sandbox: &Sandbox, test: &str) -> Option<String> {
    let program = copy(sandbox, &std::env::current_exe().expect("a path of the test"));
    let socket = sandbox.socket();
    reexec::run(test, &NOBODY, &program, socket.to_str().expect("UTF-8"))
}

#[test]
fn another_user_does_not_reach_the_daemon() {
    const THIS: &str = "strangers::another_user_does_not_reach_the_daemon";
    if let Some(socket) = reexec::argument(THIS) {
        let refused = UnixStream::connect(socket).expect_err("a closed door");
        assert_eq!(refused.kind(), std::io::ErrorKind::PermissionDenied);
        return;
    }
    let sandbox = Sandbox::new();
    open_to_all(sandbox.outside());
    let probe = DaemonProbe::new(&sandbox);
    // What is in the home may be read; the directory of the socket alone keeps strangers out.
    fs::set_permissions(sandbox.home(), Permissions::from_mode(0o755)).expect("a mode");
    if as_somebody_else(&sandbox, THIS).is_none() {
        return;
    }
    let [setpriv, options @ ..] = NOBODY;
    let bdctl = Command::new(setpriv)
        .args(options)
        .arg(copy(&sandbox, programs::bdctl()))
        .arg("status")
        .env("BD_HOME", sandbox.home())
        .output()
        .expect("bdctl starts");
    let stderr = String::from_utf8_lossy(&bdctl.stderr);
    assert_eq!(bdctl.status.code(), Some(125), "{bdctl:?}");
    assert!(stderr.contains("belongs to another user (uid 0)"), "{stderr}");
    assert!(stderr.contains("hint: set BD_HOME"), "{stderr}");
    probe.assert_unharmed();
}

#[test]
fn another_user_who_got_in_is_refused() {
    const THIS: &str = "strangers::another_user_who_got_in_is_refused";
    if let Some(socket) = reexec::argument(THIS) {
        for channel in ["control", "events", "input"] {
            let mut wire = Wire::connect(Path::new(&socket));
            // The daemon may have refused already, before it heard a word.
            let hello = hello(channel).to_string();
            let _ = bd_protocol::frame::write(&mut wire.0, hello.as_bytes());
            let refused = wire.receive();
            assert_eq!(refused["bd"], "refused", "{refused}");
            assert_eq!(refused["failure"]["code"], "foreign_peer", "{refused}");
            assert_eq!(refused["failure"]["tier"], "user", "{refused}");
            assert!(refused["failure"]["hint"].is_string(), "{refused}");
            assert_eq!(wire.frame(), None, "the connection goes on");
        }
        // Nor may they end it.
        let mut wire = Wire::connect(Path::new(&socket));
        let shutdown = br#"{"bd":"shutdown","when":"now"}"#;
        let _ = bd_protocol::frame::write(&mut wire.0, shutdown);
        let refused: Value = wire.receive();
        assert_eq!(refused["failure"]["code"], "foreign_peer", "{refused}");
        return;
    }
    let sandbox = Sandbox::new();
    let probe = DaemonProbe::new(&sandbox);
    for path in [sandbox.outside().into(), sandbox.home(), sandbox.home().join("run")] {
        open_to_all(&path);
    }
    open_to_all(&sandbox.socket());
    let asked = as_somebody_else(&sandbox, THIS).is_some();
    for path in [sandbox.home(), sandbox.home().join("run")] {
        fs::set_permissions(path, Permissions::from_mode(0o700)).expect("a mode");
    }
    if asked {
        probe.assert_unharmed();
    }
}

//! Builds that ask for builds.

use bd_tests::{Sandbox, programs};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn a_build_inside_a_build_needs_no_place_of_its_own() {
    let sandbox = Sandbox::with_config("max_executions = 1");
    let bdctl = programs::bdctl().display();
    let script = format!(
        "echo outer; '{bdctl}' run -- sh -c \"echo inner; '{bdctl}' run -- echo innermost\""
    );
    let output = sandbox.run(&["run", "--timeout", "50s", "--", "sh", "-c", &script]);
    assert_eq!(output.stdout, b"outer\ninner\ninnermost\n", "{output:?}");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(sandbox.history().len(), 3);
}

#[test]
fn a_build_that_asks_for_itself_does_not_wait_for_itself() {
    let sandbox = Sandbox::with_config("max_executions = 1");
    let bdctl = programs::bdctl().display();
    // Each level leaves its mark, and the third asks no more.
    let script = format!(
        "#!/bin/sh\nn=1; while ! mkdir \"$MARKS/$n\" 2>/dev/null; do n=$((n+1)); done\n\
         echo level $n\n[ $n = 3 ] || '{bdctl}' run --join -- ./self.sh\n"
    );
    let path = sandbox.workspace().join("self.sh");
    fs::write(&path, script).expect("a script");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a program");
    let marks = sandbox.outside().join("marks");
    fs::create_dir(&marks).expect("a directory");
    let mut command = sandbox.bdctl(["run", "--join", "--timeout", "50s", "--", "./self.sh"]);
    command.env("MARKS", &marks);
    let output = sandbox.spawn(command).output();
    assert_eq!(output.stdout, b"level 1\nlevel 2\nlevel 3\n", "{output:?}");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn two_commands_that_ask_for_each_other_do_not_wait_for_each_other() {
    let sandbox = Sandbox::with_config("max_executions = 1");
    let bdctl = programs::bdctl().display();
    for (name, other) in [("a.sh", "b.sh"), ("b.sh", "a.sh")] {
        let script = format!(
            "#!/bin/sh\necho {name}\nmkdir \"$MARKS/{name}\" 2>/dev/null || exit 0\n\
             '{bdctl}' run --join -- ./{other}\n"
        );
        let path = sandbox.workspace().join(name);
        fs::write(&path, script).expect("a script");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a program");
    }
    let marks = sandbox.outside().join("marks");
    fs::create_dir(&marks).expect("a directory");
    let mut command = sandbox.bdctl(["run", "--join", "--timeout", "50s", "--", "./a.sh"]);
    command.env("MARKS", &marks);
    let output = sandbox.spawn(command).output();
    assert_eq!(output.stdout, b"a.sh\nb.sh\na.sh\n", "{output:?}");
    assert_eq!(output.status.code(), Some(0));
}

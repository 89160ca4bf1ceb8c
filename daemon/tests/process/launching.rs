//! Whether commands start, how, and with what.

use crate::kit::{Collector, PATIENCE, command, run, shell};
use bd_daemon::process::{self, AttemptEvent, CommandExit};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::mpsc::channel;

#[test]
fn exit_codes_and_signals_are_those_of_the_command() {
    for (script, exit) in [
        ("exit 0", CommandExit::Code(0)),
        ("exit 3", CommandExit::Code(3)),
        ("exit 255", CommandExit::Code(255)),
        ("kill -9 $$", CommandExit::Signal(9)),
        ("kill -TERM $$", CommandExit::Signal(15)),
        ("kill -SEGV $$", CommandExit::Signal(11)),
        ("kill -40 $$", CommandExit::Signal(40)),
    ] {
        assert_eq!(run(shell(script)).0.exit, exit, "{script}");
    }
}

#[test]
fn programs_are_looked_up_as_a_shell_does() {
    let dir = tempfile::tempdir().unwrap();
    let script = |name: &str, text: &str, mode: u32| {
        std::fs::write(dir.path().join(name), text).unwrap();
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(dir.path().join(name), mode).unwrap();
    };
    script("plain", "echo plain ran", 0o755);
    script("mute", "echo no", 0o644);
    script("lost", "#!/no/such/interpreter\n", 0o755);
    std::fs::create_dir(dir.path().join("folder")).unwrap();
    let in_dir = |program: &str, path: &str| {
        let mut launch = command([program]);
        launch.cwd = dir.path().into();
        launch.environment = vec![("PATH".into(), path.into())];
        run(launch)
    };
    // No `#!`: /bin/sh runs it. A relative PATH is relative to the command's directory.
    let (ended, stdout, _) = in_dir("plain", ".");
    assert_eq!((ended.exit, stdout.as_slice()), (CommandExit::Code(0), b"plain ran\n".as_slice()));
    assert_eq!(in_dir("./plain", "").0.exit, CommandExit::Code(0));
    for absent in ["no-such-program", "./absent", "./lost"] {
        let exit = in_dir(absent, "/bin").0.exit;
        assert!(
            matches!(&exit, CommandExit::NotFound { message } if message.contains(absent)),
            "{exit:?}"
        );
    }
    for refused in ["./mute", "./folder", "/"] {
        let exit = in_dir(refused, "/bin").0.exit;
        let named = |message: &str| message.contains(refused);
        assert!(
            matches!(&exit, CommandExit::NotExecutable { message } if named(message)),
            "{exit:?}"
        );
    }
    let mut launch = command(["true"]);
    launch.cwd = "/no/such/directory".into();
    let exit = run(launch).0.exit;
    let named = |message: &str| message.contains("/no/such/directory");
    assert!(matches!(&exit, CommandExit::SpawnFailed { message } if named(message)), "{exit:?}");
}

#[test]
fn a_launch_that_makes_no_sense_is_refused() {
    let mut with_nul = command(["true"]);
    with_nul.argv.push(OsString::from_vec(vec![b'a', 0]));
    for launch in [command::<&str>([]), with_nul] {
        let sink = Box::new(Collector::default());
        let refused = process::start(Path::new("/bin/false"), launch, sink, |_| panic!("a report"));
        assert!(matches!(refused, Err(process::LaunchError::InvalidLaunch(_))), "{refused:?}");
    }
}

#[test]
fn a_supervisor_that_is_missing_or_another_program_is_reported() {
    for (program, lost) in [("/no/such/bdd", false), ("/bin/true", true)] {
        let (send, reports) = channel();
        let sink = Box::new(Collector::default());
        process::start(Path::new(program), command(["true"]), sink, move |report| {
            send.send(report).unwrap();
        })
        .unwrap();
        match reports.recv_timeout(PATIENCE).unwrap() {
            AttemptEvent::Ended(ended) if lost => {
                assert_eq!(ended.exit, CommandExit::SupervisorLost)
            }
            AttemptEvent::Ended(ended) => {
                assert!(matches!(ended.exit, CommandExit::SpawnFailed { .. }), "{ended:?}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn directory_environment_mask_and_limits_are_exact() {
    let dir = tempfile::tempdir().unwrap();
    let real = std::fs::canonicalize(dir.path()).unwrap();
    let mut launch =
        command(["sh", "-c", "pwd -P; umask; ulimit -Sn; ulimit -Hn; ls /proc/self/fd"]);
    launch.cwd = real.clone();
    launch.umask = Some(0o137);
    launch.nofile = Some((77, 99));
    // A descriptor of this process that is not closed on exec does not reach the command.
    let leaked = nix::unistd::dup(std::io::stderr()).unwrap();
    let (_, stdout, _) = run(launch);
    drop(leaked);
    let expected = format!("{}\n0137\n77\n99\n0\n1\n2\n3\n", real.display());
    assert_eq!(String::from_utf8(stdout).unwrap(), expected);

    let mut launch = command(["env", "-0"]);
    launch.environment.push(("ODD".into(), OsString::from_vec(vec![0xfe, b'\n', b'='])));
    launch.environment.push(("EMPTY".into(), OsString::new()));
    let mut expected: Vec<Vec<u8>> = launch
        .environment
        .iter()
        .map(|(name, value)| [name.as_encoded_bytes(), b"=", value.as_encoded_bytes()].concat())
        .chain([format!("BD_ATTEMPT={}", launch.marker).into_bytes()])
        .collect();
    expected.sort();
    let (_, stdout, _) = run(launch);
    let mut got: Vec<Vec<u8>> = stdout.split(|&byte| byte == 0).map(<[u8]>::to_vec).collect();
    assert_eq!(got.pop(), Some(Vec::new()));
    got.sort();
    assert_eq!(got, expected);

    // Signals that the supervisor blocks are neither blocked nor ignored in the command. (Those
    // above 31 have no use but their user's, and some environments ignore the C library's own.)
    let (_, stdout, _) = run(command(["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"]));
    let masks: Vec<u64> = String::from_utf8(stdout)
        .unwrap()
        .lines()
        .map(|line| u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap())
        .collect();
    assert!(matches!(masks[..], [0, ignored] if ignored & 0x7fff_ffff == 0), "{masks:x?}");
}

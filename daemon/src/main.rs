//! `bdd`: the daemon's command line. It is parsed before anything costly is done, because every
//! attempt starts this program once more as its supervisor.

use bd_daemon::lifecycle::{Start, StartError, check_configuration, run};
use bd_protocol::shown;
use std::io::Write as _;
use std::process::ExitCode;

const HELP: &str = "\
The build daemon. bdctl starts it by itself; run it by hand to see it fail.

Usage: bdd [--socket-from-stdin | --check-configuration]

  --socket-from-stdin   take over the listening socket from standard input
  --check-configuration say what is wrong with the configuration, if anything is
  --version             print the version
  --help                print this

Environment: BD_HOME puts everything under one directory; BD_LOG filters the log.";

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(|word| word.to_str().unwrap_or("\u{fffd}")).collect();
    let start = match words[..] {
        [bd_daemon::process::SUPERVISE_ARGUMENT] => return bd_daemon::process::supervise(),
        [] => Start::Bind,
        ["--socket-from-stdin"] => Start::SocketFromStdin,
        ["--version" | "-V"] => {
            println!("bdd {}", env!("CARGO_PKG_VERSION"));
            return ExitCode::SUCCESS;
        }
        ["--check-configuration"] => return done(check_configuration()),
        ["--help" | "-h"] => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("bdd: '{}' is not understood\n\n{HELP}", shown::one_line(&words.join(" ")));
            return ExitCode::from(2);
        }
    };
    done(run(start))
}

fn done(result: Result<(), StartError>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let hint = error.hint().map(|hint| format!("\nhint: {}", shown::lines(&hint)));
            let (error, hint) = (shown::lines(&error.to_string()), hint.unwrap_or_default());
            // Not `eprintln`, which panics where the disk of the log is full.
            let _ = writeln!(std::io::stderr(), "bdd: failed to {error}{hint}");
            ExitCode::from(125)
        }
    }
}

//! `bdctl run`: submits a command, follows its build, and exits with its code.

use crate::args::{BuildOptions, CommandContext};
use crate::caller::{Caller, EXPIRED, print};
use crate::command_error::CommandError;
use crate::follow::event_loop::{Ended, follow};
use crate::follow::output::Route;
use crate::follow::progress::{FollowedBuild, progress_mode};
use crate::follow::shape::with_output;
use crate::follow::signals::{self, CurrentBuild, Interrupted, Reaction};
use crate::follow::terminal::{self, Raw};
use crate::in_place;
use crate::render::document::{OneBuild, document};
use crate::render::live::ProgressMode;
use crate::render::text::escape_control;
use crate::request;
use crate::values;
use bd_client::{Client, ClientError, Control, StartPolicy};
use bd_protocol::events::Subscribe;
use bd_protocol::failure::codes;
use bd_protocol::submit::{StdinMode, Submit};
use clap::Args;
use std::ffi::OsString;
use std::time::{Duration, Instant};

/// Run a command, or join a run of the same command on the same files
///
/// Standard output, standard error and the exit code are those of the command, byte for byte.
/// Ctrl-C withdraws the build; the command is stopped unless somebody else waits for it.
#[derive(Debug, Default, Args)]
#[command(
    after_help = "Examples:\n  bdctl run -- cargo check\n  bdctl run --timeout 10m -- cargo test\n  \
                  bdctl run --wait 45s -- cargo test   # 124 and an id if it takes longer\n  \
                  bdctl run --detach -- make all       # prints the id, see `bdctl wait`\n  \
                  bdctl run --tty -- htop"
)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) context: CommandContext,
    #[command(flatten)]
    pub(crate) options: BuildOptions,
    /// Print the id of the build and exit; the build continues
    #[arg(long, conflicts_with_all = ["wait", "stdin", "tty", "events"])]
    pub(crate) detach: bool,
    /// Wait at most this long, then exit with code 124; the build continues
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub(crate) wait: Option<Duration>,
    /// Forward standard input to the command
    #[arg(long)]
    pub(crate) stdin: bool,
    /// Run the command in a pseudo-terminal that is connected to this terminal
    #[arg(long, conflicts_with_all = ["json", "events"])]
    pub(crate) tty: bool,
    /// Print events as JSON lines
    #[arg(long, conflicts_with = "json")]
    pub(crate) events: bool,
    /// Print the build as JSON at the end; the output of the command goes to standard error
    #[arg(long)]
    pub(crate) json: bool,
    /// Print no messages of bdctl except errors
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Program and arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// How long to wait for a daemon that is stopping, to ask its successor.
const DRAIN_PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn run(mut args: RunArgs, caller: &Caller) -> Result<u8, CommandError> {
    let client = caller.client(StartPolicy::IfNeeded)?;
    let place = std::mem::take(&mut args.context);
    let request = request::submit(std::mem::take(&mut args.command), place)?;
    let request = with_options(request, &args, caller);
    let asked = ask(&client, |control| control.submit(request.clone()));
    let (mut control, submitted) = match asked {
        // What these options ask for is of a build that the daemon has.
        Err(CommandError::Client(why))
            if in_place::is_needed(&why)
                && !(args.detach || args.wait.is_some() || args.json || args.events) =>
        {
            return in_place::run(&request, args.options.timeout, &why);
        }
        asked => asked?,
    };
    let id = submitted.build;
    if args.detach {
        if args.json {
            print(&document("bd.run/1", &OneBuild { build: &control.build(&id)? }))?;
        } else {
            print(&format!("{}\n", escape_control(&id)))?;
        }
        return Ok(0);
    }
    let until = args.wait.map(|wait| Instant::now() + wait);
    let raw = if args.tty { Raw::enter()? } else { None };
    let saved = raw.as_ref().map(Raw::saved);
    let (sender, build) = (control.sender()?, CurrentBuild::of(&id));
    let reaction = Reaction { sender, build, tty: args.tty, saved, stop: None };
    let interrupted = signals::start(reaction)?;
    let run = SubmittedRun { client: &client, id: &id, until, args: &args, caller, interrupted };
    let result = run.follow(&mut control);
    if let Err(CommandError::OutputClosed) = result {
        // Nobody reads the output any more. Exiting would withdraw the build too; this is sooner.
        let _ = control.sender().map(|mut sender| sender.cancel(&id));
    }
    drop(raw);
    result
}

fn with_options(request: Submit, args: &RunArgs, caller: &Caller) -> Submit {
    // Elsewhere, bdctl writes to them in its own way, or not at all.
    let mirrored = !(args.json || args.events || args.tty || args.detach);
    let request = if mirrored { with_output(request, caller) } else { request };
    let stdin = if args.stdin || args.tty { StdinMode::Forward } else { StdinMode::Closed };
    Submit {
        stdin,
        tty: args.tty.then(terminal::size),
        detach: args.detach,
        ..request::with_build_options(request, &args.options)
    }
}

/// Sends a request once a daemon accepts work: waits for one that is stopping, and starts the next.
pub(super) fn ask<T>(
    client: &Client,
    mut question: impl FnMut(&mut Control) -> Result<T, ClientError>,
) -> Result<(Control, T), CommandError> {
    let deadline = Instant::now() + DRAIN_PATIENCE;
    let mut replaced = false;
    loop {
        let mut control = client.control()?;
        match question(&mut control) {
            Ok(answer) => return Ok((control, answer)),
            Err(ClientError::Failure(failure))
                if [codes::OUT_OF_REACH, codes::CONFINED_DAEMON].contains(&&*failure.code)
                    && !std::mem::replace(&mut replaced, true)
                    && {
                        drop(control);
                        client.replace_if_idle()?
                    } => {}
            Err(ClientError::Failure(failure))
                if failure.code == codes::DRAINING && Instant::now() < deadline =>
            {
                std::thread::sleep(Duration::from_millis(50));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// A build that was submitted, and how it is followed.
struct SubmittedRun<'a> {
    client: &'a Client,
    id: &'a str,
    /// When to stop waiting.
    until: Option<Instant>,
    args: &'a RunArgs,
    caller: &'a Caller,
    interrupted: Interrupted,
}

impl SubmittedRun<'_> {
    /// Passes everything on until the build ends; returns the exit code.
    fn follow(&self, control: &mut Control) -> Result<u8, CommandError> {
        let Self { client, id, until, args, caller, interrupted } = self;
        let mut events =
            client.events(Subscribe::Build { build: (*id).to_owned(), from: 0, both: true })?;
        if args.stdin || args.tty {
            // A build that has ended already reads nothing.
            if let Ok(input) = client.input(id) {
                terminal::forward(input)?;
            }
        }
        let route = match (args.json, args.events) {
            (_, true) => Route::Lines,
            (true, _) => Route::Stderr,
            _ => Route::Apart,
        };
        // The command draws on the terminal; we must not.
        let mode = if args.tty {
            ProgressMode::Silent
        } else {
            progress_mode(client, args.quiet, Some(route))
        };
        let mut followed = FollowedBuild::new(caller, mode, Some(route))?;
        let ended = follow(client, Some(control), &mut events, *until, &mut followed);
        match ended {
            Ok(Ended::Enough) => {
                let code = followed.conclude()?;
                if args.json {
                    print_build(&followed)?;
                }
                Ok(interrupted.exit_code().unwrap_or(code))
            }
            Ok(Ended::Expired) => {
                followed.leave();
                control.detach(id)?;
                if !args.quiet {
                    let id = escape_control(id);
                    eprintln!("bdctl: build {id} continues; `bdctl wait {id}` waits for its end");
                }
                if args.json {
                    if followed.build.is_none() {
                        // Nothing has come of it yet.
                        followed.build = Some(control.build(id)?);
                    }
                    print_build(&followed)?;
                }
                Ok(EXPIRED)
            }
            Ok(Ended::Gone) => {
                followed.leave();
                match interrupted.exit_code() {
                    Some(code) => Ok(code),
                    None => Err(CommandError::DaemonGone { build: (*id).to_owned() }),
                }
            }
            Err(error) => {
                followed.leave();
                Err(error)
            }
        }
    }
}

fn print_build(followed: &FollowedBuild) -> Result<(), CommandError> {
    let build =
        followed.build.as_ref().ok_or(CommandError::Broken("the build was not described"))?;
    print(&document("bd.run/1", &OneBuild { build }))
}

#[cfg(test)]
mod tests {
    use crate::cli::Cli;
    use crate::commands::Command;
    use clap::Parser as _;

    #[test]
    fn options_after_the_command_are_the_commands() {
        let cli = Cli::parse_from(["bdctl", "run", "--quiet", "--", "cargo", "--json", "-q"]);
        let Command::Run(run) = cli.command else { panic!("not run") };
        assert!(run.quiet && !run.json);
        assert_eq!(run.command, ["cargo", "--json", "-q"]);
        assert!(Cli::try_parse_from(["bdctl", "run", "--env", "=x", "--", "true"]).is_err());
    }
}

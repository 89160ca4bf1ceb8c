//! `bdctl run`.

use super::follow::{Ended, follow};
use super::output::Route;
use super::progress::{Watched, manner};
use super::signals::{self, Current, Interrupted, Reaction};
use super::terminal::{self, Raw};
use super::{Caller, CommandError, EXPIRED, print, request};
use crate::cli::RunArgs;
use crate::render::document::{OneBuild, document};
use crate::render::live::ProgressMode;
use bd_client::{Client, ClientError, Control, StartPolicy};
use bd_protocol::events::Subscribe;
use bd_protocol::failure::codes;
use bd_protocol::submit::{StdinMode, Submit};
use std::time::{Duration, Instant};

/// How long a daemon that ends is waited for, to ask its successor.
const DRAIN_PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn run(mut args: RunArgs, caller: &Caller) -> Result<u8, CommandError> {
    let client = caller.client(StartPolicy::IfNeeded)?;
    let place = std::mem::take(&mut args.place);
    let request = request::submit(std::mem::take(&mut args.command), place)?;
    let request = with_options(request, &args);
    let (mut control, submitted) = ask(&client, |control| control.submit(request.clone()))?;
    let id = submitted.build;
    if args.detach {
        if args.json {
            print(&document("bd.run/1", &OneBuild { build: &control.build(&id)? }))?;
        } else {
            print(&format!("{id}\n"))?;
        }
        return Ok(0);
    }
    let until = args.wait.map(|wait| Instant::now() + wait);
    let raw = if args.tty { Raw::enter()? } else { None };
    let saved = raw.as_ref().map(Raw::saved);
    let (sender, build) = (control.sender()?, Current::of(&id));
    let reaction = Reaction { sender, build, tty: args.tty, saved, bell: None };
    let interrupted = signals::watch(reaction)?;
    let result = stream(&client, &mut control, &id, until, &args, caller, &interrupted);
    if let Err(CommandError::OutputClosed) = result {
        // Nobody wants it any more; leaving would withdraw it too, this is sooner.
        let _ = control.sender().map(|mut sender| sender.cancel(&id));
    }
    drop(raw);
    result
}

fn with_options(request: Submit, args: &RunArgs) -> Submit {
    let stdin = if args.stdin || args.tty { StdinMode::Forward } else { StdinMode::Closed };
    Submit {
        stdin,
        tty: args.tty.then(terminal::size),
        detach: args.detach,
        ..request::on_terms(request, &args.terms)
    }
}

/// Asks once the daemon takes work; one that is ending is waited for and replaced.
pub(super) fn ask<T>(
    client: &Client,
    mut question: impl FnMut(&mut Control) -> Result<T, ClientError>,
) -> Result<(Control, T), CommandError> {
    let deadline = Instant::now() + DRAIN_PATIENCE;
    loop {
        let mut control = client.control()?;
        match question(&mut control) {
            Ok(answer) => return Ok((control, answer)),
            Err(ClientError::Failure(failure))
                if failure.code == codes::DRAINING && Instant::now() < deadline =>
            {
                std::thread::sleep(Duration::from_millis(50));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Passes everything on until the build ends; the answer is the exit code.
fn stream(
    client: &Client,
    control: &mut Control,
    id: &str,
    until: Option<Instant>,
    args: &RunArgs,
    caller: &Caller,
    interrupted: &Interrupted,
) -> Result<u8, CommandError> {
    let mut events = client.events(Subscribe::Build { build: id.to_owned(), from: 0 })?;
    if args.stdin || args.tty {
        // Where the build has ended already, there is nobody to read it.
        if let Ok(input) = client.input(id) {
            terminal::forward(input)?;
        }
    }
    let route = match (args.json, args.events) {
        (_, true) => Route::Lines,
        (true, _) => Route::Stderr,
        _ => Route::Apart,
    };
    // A terminal that is lent away is not ours to draw on.
    let manner =
        if args.tty { ProgressMode::Silent } else { manner(client, args.quiet, Some(route)) };
    let mut watched = Watched::new(caller, manner, Some(route))?;
    let ended = follow(client, Some(control), &mut events, until, &mut watched);
    match ended {
        Ok(Ended::Enough) => {
            let code = watched.conclude()?;
            if args.json {
                print_build(&watched)?;
            }
            Ok(interrupted.exit_code().unwrap_or(code))
        }
        Ok(Ended::Expired) => {
            watched.leave();
            control.detach(id)?;
            if !args.quiet {
                eprintln!("bdctl: build {id} goes on; `bdctl wait {id}` waits for its end");
            }
            if args.json {
                print_build(&watched)?;
            }
            Ok(EXPIRED)
        }
        Ok(Ended::Gone) => {
            watched.leave();
            match interrupted.exit_code() {
                Some(code) => Ok(code),
                None => Err(CommandError::DaemonGone { build: id.to_owned() }),
            }
        }
        Err(error) => {
            watched.leave();
            Err(error)
        }
    }
}

fn print_build(watched: &Watched) -> Result<(), CommandError> {
    let build =
        watched.build.as_ref().ok_or(CommandError::Broken("the build was not described"))?;
    print(&document("bd.run/1", &OneBuild { build }))
}

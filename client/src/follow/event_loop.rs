//! The loop of every command that watches builds: waits for events, for the end of the daemon and
//! for time, and takes up a lost subscription again. Knows nothing of what events are for.

use crate::command_error::CommandError;
use bd_client::{Client, ClientError, Control, Event, Events, readable};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

/// A subscription that is lost more often than this is not worth taking up.
const RESUMES: u32 = 5;
/// Before each of them, times its number.
const RESUME_PAUSE: Duration = Duration::from_millis(20);

/// Whether a follower wants more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    More,
    Enough,
}

/// What a daemon that ended may still have for us in its socket.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How the loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The follower had enough.
    Enough,
    /// The time was up.
    Expired,
    /// The daemon is gone.
    Gone,
}

/// Who gets the events.
pub(crate) trait Follower {
    /// One event.
    fn event(&mut self, event: &Event<'_>) -> Result<Next, CommandError>;

    /// All events that came together were handed out; the loop is about to wait.
    fn pause(&mut self) -> Result<(), CommandError> {
        Ok(())
    }

    /// When to call [`Self::tick`], if nothing happens before.
    fn next_tick(&self) -> Option<Duration> {
        None
    }

    /// Time has passed, or something happened.
    fn tick(&mut self) -> Result<(), CommandError> {
        Ok(())
    }
}

/// Hands events to `follower` until it has enough. Where the builds hang on a `control` channel,
/// its end is the end of the daemon.
pub(crate) fn follow(
    client: &Client,
    mut control: Option<&mut Control>,
    events: &mut Events,
    until: Option<Instant>,
    follower: &mut impl Follower,
) -> Result<Ended, CommandError> {
    let mut resumes = 0;
    // When the control channel ended, the time until which its events are read.
    let mut gone: Option<Instant> = None;
    loop {
        let mut next = Next::More;
        events.deliver(|event| -> Result<(), CommandError> {
            if next == Next::More {
                next = follower.event(&event)?;
            }
            Ok(())
        })?;
        follower.pause()?;
        if next == Next::Enough {
            return Ok(Ended::Enough);
        }
        follower.tick()?;

        let left = |until: Instant| until.saturating_duration_since(Instant::now());
        let (left, words_left) = (until.map(left), gone.map(left));
        match (left, words_left) {
            (_, Some(Duration::ZERO)) => return Ok(Ended::Gone),
            (Some(Duration::ZERO), None) => return Ok(Ended::Expired),
            _ => {}
        }
        let wait = [words_left.or(left), follower.next_tick()].into_iter().flatten().min();
        let events_fd = events.frames().as_fd();
        let control_fd = control.as_ref().map_or(events_fd, |control| control.frames().as_fd());
        let wait_failed = CommandError::io("wait for the daemon");
        let [event_ready, control_ready] =
            readable([events_fd, control_fd], wait).map_err(wait_failed)?;

        if control_ready && control.as_mut().is_some_and(|control| !control.drain()) {
            control = None;
            gone = Some(Instant::now() + LAST_WORDS);
        }
        if event_ready
            && !events.read()
            && (gone.is_some() || !resume(client, events, &mut resumes, control.as_deref_mut())?)
        {
            return Ok(Ended::Gone);
        }
    }
}

/// Subscribes again. `false` when the daemon is gone.
fn resume(
    client: &Client,
    events: &mut Events,
    resumes: &mut u32,
    mut control: Option<&mut Control>,
) -> Result<bool, CommandError> {
    let client = client.never_starting();
    while *resumes < RESUMES {
        *resumes += 1;
        std::thread::sleep(RESUME_PAUSE * *resumes);
        // A daemon that ends closes its connections one after the other.
        if control.as_mut().is_some_and(|control| !control.drain()) {
            return Ok(false);
        }
        match events.resume(&client) {
            Ok(()) => return Ok(true),
            Err(ClientError::NotRunning { .. } | ClientError::Closed) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(false)
}

//! The event loop of every command that follows builds: waits for events, for the end of the daemon
//! and for timeouts, and renews a lost subscription. Knows nothing of what events are for.

use crate::command_error::CommandError;
use bd_client::{Client, ClientError, Control, Event, Events, readable};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

/// How often a lost subscription is renewed.
const RESUMES: u32 = 5;
/// Pause before each renewal, times its number.
const RESUME_PAUSE: Duration = Duration::from_millis(20);

/// Whether a follower wants more events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    More,
    Enough,
}

/// How long events are still read after the daemon closed the control channel.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How the loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The follower needs no more events.
    Enough,
    /// The time is over.
    Expired,
    /// The daemon ended.
    Gone,
}

/// Receives the events.
pub(crate) trait Follower {
    /// One event.
    fn event(&mut self, event: &Event<'_>) -> Result<Next, CommandError>;

    /// All events that arrived together were delivered; the loop is about to wait.
    fn pause(&mut self) -> Result<(), CommandError> {
        Ok(())
    }

    /// After how long to call [`Self::tick`], if no event arrives before.
    fn next_tick(&self) -> Option<Duration> {
        None
    }

    /// Time has passed, or an event has arrived.
    fn tick(&mut self) -> Result<(), CommandError> {
        Ok(())
    }
}

/// Delivers events to `follower` until it needs no more. If the builds belong to a `control` channel,
/// the end of that is the end of the daemon.
pub(crate) fn follow(
    client: &Client,
    mut control: Option<&mut Control>,
    events: &mut Events,
    until: Option<Instant>,
    follower: &mut impl Follower,
) -> Result<Ended, CommandError> {
    let mut resumes = 0;
    // Once the control channel has ended: until when events are still read.
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

/// Renews the subscription. `false` when the daemon has ended.
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
        // A daemon that stops closes its connections one after the other.
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

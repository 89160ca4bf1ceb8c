//! `bdctl changes`: asks, and asks again while a wait lasts.

use super::{Caller, CommandError, EXPIRED, print, request};
use crate::cli::ChangesArgs;
use crate::render::changes::lines;
use crate::render::document::document;
use crate::render::paint::Paint;
use crate::render::text::{duration, millis};
use bd_client::{Client, StartPolicy};
use bd_protocol::changes::{Changes, ChangesQuery, WAIT_MAX};
use std::time::{Duration, Instant};

/// Between two questions where the daemon does not wait: it must not be asked in circles.
const PAUSE: Duration = Duration::from_millis(20);

pub(super) fn changes(args: ChangesArgs, caller: &Caller) -> Result<u8, CommandError> {
    let begun = Instant::now();
    let client = caller.client(StartPolicy::IfNeeded)?;
    let place = request::place(args.dir.as_deref())?;
    let query = ChangesQuery { place, since: args.since, ..ChangesQuery::default() };
    let found = match args.wait {
        None => client.ask_changes(&query)?,
        // A duration that no clock can hold is as good as none.
        Some(limit) => wait(&client, query, limit.and_then(|limit| begun.checked_add(limit)))?,
    };
    let expired = args.wait.is_some() && is_nothing(&found);
    let paint = Paint::new(caller.color, &std::io::stdout());
    print(&if args.json { document("bd.changes/1", &found) } else { lines(&found, paint) })?;
    if expired && !args.json {
        eprintln!("bdctl: nothing changed in {}", duration(millis(begun.elapsed())));
    }
    Ok(if expired { EXPIRED } else { 0 })
}

/// Asks until something changed, or until it is time to leave.
fn wait(
    client: &Client,
    mut query: ChangesQuery,
    until: Option<Instant>,
) -> Result<Changes, CommandError> {
    if query.since.is_none() {
        query.since = Some(client.ask_changes(&query)?.clock);
    }
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        // Rounded up, so that the last wait is not cut into ever shorter ones.
        let part = left.map_or(WAIT_MAX, |left| WAIT_MAX.min(left + Duration::from_millis(1)));
        query.wait_ms = Some(millis(part));
        let asked = Instant::now();
        let found = client.ask_changes(&query)?;
        let over = until.is_some_and(|until| until <= Instant::now());
        if over || !is_nothing(&found) {
            return Ok(found);
        }
        query.since = Some(found.clock);
        std::thread::sleep(PAUSE.saturating_sub(asked.elapsed()).min(part));
    }
}

/// Whether nothing changed. A clock that is not known is news in itself.
fn is_nothing(found: &Changes) -> bool {
    found.changes.is_empty() && !found.fresh
}

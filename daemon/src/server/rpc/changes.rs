//! `Changes`: lists what changed in a workspace, or waits for a change.

use crate::index::Clock;
use crate::server::failure::NoClock;
use crate::server::state::Server;
use crate::server::workspace_query::query as query_registry;
use crate::server::{convert, locate};
use crate::watch;
use bd_protocol::changes::{Changes, ChangesQuery, WAIT_MAX};
use bd_protocol::{Failure, OsText};
use std::time::{Duration, Instant};

/// Time that a wait leaves for the answer itself: without it, a wait as long as the deadline would never
/// be answered.
const FOR_THE_ANSWER: Duration = Duration::from_secs(1);

/// What changed. Nobody waits for the answer after `deadline`.
pub(super) async fn changes(
    server: &Server,
    query: ChangesQuery,
    deadline: Instant,
) -> Result<Changes, Failure> {
    let since = query.since.as_deref().map(clock).transpose()?;
    let registry = &server.parts.registry;
    let root = locate::workspace(registry, &query.place)?;
    let wait = query.wait_ms.map(|ms| wait(ms, deadline));
    let wanted = watch::ChangesQuery { since, wait };
    let found = query_registry(&root, |reply| registry.changes(&root, wanted, reply)).await?;
    Ok(convert::changes(&root, found, query.after.as_ref().map(OsText::as_path)))
}

fn clock(text: &str) -> Result<Clock, NoClock> {
    text.parse().map_err(|_| NoClock(text.to_owned()))
}

/// Bounded by what the protocol allows and by how long the client waits.
fn wait(asked_ms: u64, deadline: Instant) -> Duration {
    let left = deadline.saturating_duration_since(Instant::now());
    Duration::from_millis(asked_ms).min(WAIT_MAX).min(left.saturating_sub(FOR_THE_ANSWER))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bd_protocol::failure::codes;

    #[test]
    fn a_wait_is_bounded_by_the_protocol_and_by_the_deadline() {
        let in_an_hour = Instant::now() + Duration::from_secs(3600);
        for (asked_ms, waited) in
            [(0, Duration::ZERO), (1500, Duration::from_millis(1500)), (u64::MAX, WAIT_MAX)]
        {
            assert_eq!(wait(asked_ms, in_an_hour), waited);
        }
        assert!(wait(u64::MAX, Instant::now() + Duration::from_secs(5)) <= Duration::from_secs(4));
        assert_eq!(wait(u64::MAX, Instant::now()), Duration::ZERO);
    }

    #[test]
    fn what_is_no_clock_is_answered_with_how_one_looks() {
        assert!(clock("c:0123456789abcdef:42").is_ok());
        for text in ["", "42", "c:1:2", "c:0123456789abcdef:-1", "\0", "n:1"] {
            let failure = Failure::from(clock(text).expect_err(text));
            assert_eq!(failure.code, codes::BAD_CLOCK);
            assert!(failure.hint.is_some_and(|hint| hint.contains("c:0123456789abcdef:42")));
        }
    }
}

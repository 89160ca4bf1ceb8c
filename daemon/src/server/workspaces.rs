//! Answers what is asked of workspaces: what they hold, what changed, whether that is true.
//! Finds out which one is meant and asks the desk through the hands; looks at no file itself.

use super::shared::{Server, gone};
use super::{convert, convert_changes, locate, triggers};
use crate::index::Clock;
use crate::runtime::Question;
use crate::watch::{self, Summary};
use bd_protocol::OsText;
use bd_protocol::changes::{
    Changes, ChangesQuery, Forgotten, InputsDigest, Verification, WAIT_MAX, WorkspaceLocator,
};
use bd_protocol::failure::{Failure, codes};
use bd_protocol::service::Workspace;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What is left of a request's time for the answer itself when it has waited: without it, a wait
/// as long as the deadline would never be answered.
const FOR_THE_ANSWER: Duration = Duration::from_secs(1);

/// What changed; `deadline` is when nobody waits for the answer any more.
pub(super) async fn changes(
    server: &Server,
    query: ChangesQuery,
    deadline: Instant,
) -> Result<Changes, Failure> {
    let since = query.since.as_deref().map(clock).transpose()?;
    let root = root(server, &query.place).await?;
    let wait = query.wait_ms.map(|ms| wait(ms, deadline));
    let asked = watch::ChangesQuery { since, wait };
    let question = |reply| Question::Changes { root: root.clone(), query: asked, reply };
    let found = server.ask(question).await?.map_err(|why| no_state(&root, &why))?;
    Ok(convert_changes::changes(&root, found, query.after.as_ref().map(OsText::as_path)))
}

/// What a workspace holds, now.
pub(super) async fn info(server: &Server, place: &WorkspaceLocator) -> Result<Workspace, Failure> {
    let root = root(server, place).await?;
    info_of(server, root).await
}

/// What it held when it was last looked at.
pub(super) async fn inspect(
    server: &Server,
    place: &WorkspaceLocator,
) -> Result<Workspace, Failure> {
    let known = server.ask(Question::Workspaces).await?;
    let dir = locate::perhaps_gone(place)?;
    let of = |root: &Path| known.iter().find(|summary: &&Summary| summary.root == root);
    let found = of(&dir).or_else(|| of(&locate::root(&dir, home(place))));
    found.map(convert::workspace).ok_or_else(|| {
        unknown(&dir)
            .hint("`bdctl ws info` looks at it; `bdctl ws list` names those that are known")
    })
}

/// All that are known, as they were last seen.
pub(super) async fn list(server: &Server) -> Result<Vec<Workspace>, Failure> {
    let known = server.ask(Question::Workspaces).await?;
    Ok(known.iter().map(convert::workspace).collect())
}

/// Makes a workspace known.
pub(super) async fn register(
    server: &Server,
    place: &WorkspaceLocator,
    exact: bool,
) -> Result<Workspace, Failure> {
    let dir = locate::directory(place)?;
    let root = if exact { dir } else { locate::root(&dir, home(place)) };
    locate::check_exact(&root, place)?;
    let found = info_of(server, root.clone()).await?;
    // Somebody wants it, so what it has run on change may be run.
    server.parts.engine.question(Question::Trust(root)).await.map_err(gone)?;
    Ok(found)
}

/// Forgets the workspace that is this directory, else the one it is in.
pub(super) async fn forget(
    server: &Server,
    place: &WorkspaceLocator,
) -> Result<Forgotten, Failure> {
    let dir = locate::perhaps_gone(place)?;
    let around = locate::root(&dir, home(place));
    for root in [&dir, &around] {
        let question = |reply| Question::Forget { root: root.clone(), reply };
        if server.ask(question).await? {
            tracing::info!(root = %root.display(), "a workspace is forgotten");
            return Ok(Forgotten { root: root.clone().into() });
        }
    }
    Err(unknown(&dir).hint("`bdctl ws list` names those that are known"))
}

/// Digest of a part of a workspace.
pub(super) async fn digest(
    server: &Server,
    place: &WorkspaceLocator,
    on: &[OsText],
) -> Result<InputsDigest, Failure> {
    let on = triggers::globs(on)?;
    let root = root(server, place).await?;
    let question = |reply| Question::Digest { root: root.clone(), on, reply };
    let (clock, digest) = server.ask(question).await?.map_err(|why| no_state(&root, &why))?;
    Ok(InputsDigest { root: root.into(), clock: clock.to_string(), digest: digest.to_string() })
}

/// Compares what is believed with the disk.
pub(super) async fn verify(
    server: &Server,
    place: &WorkspaceLocator,
    repair: bool,
) -> Result<Verification, Failure> {
    let root = root(server, place).await?;
    let question = |reply| Question::Verify { root: root.clone(), repair, reply };
    let found = server.ask(question).await?.map_err(|why| no_state(&root, &why))?;
    Ok(convert_changes::verification(&root, &found))
}

/// The root that is meant: a directory that is known as a root is one, whatever lies around it.
async fn root(server: &Server, place: &WorkspaceLocator) -> Result<PathBuf, Failure> {
    let dir = locate::directory(place)?;
    let around = locate::root(&dir, home(place));
    let root = if around == dir || is_known(server, &dir).await? { dir } else { around };
    locate::check(&root)?;
    Ok(root)
}

async fn is_known(server: &Server, dir: &Path) -> Result<bool, Failure> {
    let known = server.ask(Question::Workspaces).await?;
    Ok(known.iter().any(|summary| summary.root == dir))
}

async fn info_of(server: &Server, root: PathBuf) -> Result<Workspace, Failure> {
    let question = |reply| Question::Info { root: root.clone(), reply };
    let found = server.ask(question).await?.map_err(|why| no_state(&root, &why))?;
    Ok(convert::workspace(&found))
}

fn home(place: &WorkspaceLocator) -> Option<&Path> {
    place.home.as_ref().map(OsText::as_path)
}

fn clock(text: &str) -> Result<Clock, Failure> {
    text.parse().map_err(|_| {
        Failure::user(codes::BAD_CLOCK, format!("'{text}' is no clock"))
            .hint("give a clock as `bdctl changes` prints it: c:0123456789abcdef:42")
    })
}

/// Bounded by what the protocol allows and by what the asker waits for.
fn wait(asked_ms: u64, deadline: Instant) -> Duration {
    let left = deadline.saturating_duration_since(Instant::now());
    Duration::from_millis(asked_ms).min(WAIT_MAX).min(left.saturating_sub(FOR_THE_ANSWER))
}

fn unknown(dir: &Path) -> Failure {
    Failure::user(codes::NOT_FOUND, format!("no workspace is known at {}", dir.display()))
}

fn no_state(root: &Path, why: &str) -> Failure {
    let message = format!("what {} holds cannot be found out: {why}", root.display());
    Failure::environment(codes::NO_STATE, message)
        .hint("`bdctl daemon logs` may tell more; `bdctl ws remove` and asking again starts anew")
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn what_is_no_clock_is_told_how_one_looks() {
        assert!(clock("c:0123456789abcdef:42").is_ok());
        for text in ["", "42", "c:1:2", "c:0123456789abcdef:-1", "\0", "n:1"] {
            let failure = clock(text).expect_err(text);
            assert_eq!(failure.code, codes::BAD_CLOCK);
            assert!(failure.hint.is_some_and(|hint| hint.contains("c:0123456789abcdef:42")));
        }
    }
}

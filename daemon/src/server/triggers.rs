//! Answers about what is run on change. Whom a trigger belongs to, the hands know.

use super::shared::Server;
use super::{convert, submit};
use crate::engine::TriggerEvent;
use crate::model::{ClientId, TriggerId};
use crate::runtime::{self, Question, TriggerUpdate};
use crate::watch::Globs;
use bd_protocol::failure::{Failure, codes};
use bd_protocol::watch::{
    CHANGED_MAX, News as Word, Triggered, WATCHED_WAIT_MAX_MS, Watch, Watching,
};
use bd_protocol::{OsText, Session};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::oneshot;

/// Most globs of one watch.
const MOST_GLOBS: usize = 1000;

pub(super) async fn watch(
    server: &Server,
    request: Watch,
    client: ClientId,
    session: &Session,
) -> Result<Watching, Failure> {
    let submission = submit::submission(request.submit, client, session)?;
    if submission.command.stdin || submission.command.tty.is_some() {
        let message = "what is run on change has no terminal and no standard input";
        return Err(Failure::user(codes::BAD_REQUEST, message));
    }
    let root = submission.command.root.clone();
    let on = globs(&request.on)?;
    let watch = runtime::TriggerRequest { submission, on, initial: request.initial };
    let asked = server.ask(|reply| Question::Trigger(Box::new(watch), reply)).await?;
    let id = asked.map_err(|why| Failure::environment(codes::NO_STATE, why))?;
    tracing::info!(%id, root = %root.display(), %session, "watches");
    Ok(Watching { watch: id.to_string(), root: root.into() })
}

pub(super) fn globs(on: &[OsText]) -> Result<Globs, Failure> {
    let bad = |message: String| {
        Failure::user(codes::BAD_REQUEST, message)
            .hint("write globs as lines of a .gitignore: 'src/**/*.rs', '!gen/'")
    };
    if on.len() > MOST_GLOBS {
        return Err(bad(format!("more than {MOST_GLOBS} globs")));
    }
    let text = |glob: &OsText| glob.0.clone().into_string();
    let texts: Result<Vec<String>, _> = on.iter().map(text).collect();
    let texts = texts.map_err(|glob| bad(format!("the glob '{}' is no UTF-8", glob.display())))?;
    Globs::new(texts.iter().map(String::as_str)).map_err(bad)
}

pub(super) async fn watched(
    server: &Server,
    watch: &str,
    client: ClientId,
    wait_ms: u64,
) -> Result<Option<Triggered>, Failure> {
    let unknown = || Failure::user(codes::NOT_FOUND, format!("there is no watch '{watch}' here"));
    let id: TriggerId = watch.parse().map_err(|_| unknown())?;
    let (reply, mut news) = oneshot::channel();
    let question = Question::TriggerUpdate(id, client, reply);
    server.parts.engine.question(question).await.map_err(super::shared::gone)?;
    let wait = Duration::from_millis(wait_ms.min(WATCHED_WAIT_MAX_MS));
    let came = match tokio::time::timeout(wait, &mut news).await {
        Ok(came) => came.map_err(|_| unknown())?,
        Err(_) => {
            // What comes from now on is kept; what came just now is here.
            news.close();
            match news.try_recv() {
                Ok(came) => came,
                Err(_) => return Ok(None),
            }
        }
    };
    Ok(Some(triggered(came)))
}

fn triggered(news: TriggerUpdate) -> Triggered {
    let quiet = Triggered {
        news: Word::Unknown,
        build: None,
        changed: Vec::new(),
        changed_count: 0,
        message: None,
    };
    match news {
        TriggerUpdate::Did(TriggerEvent::Started { build, changed }) => Triggered {
            news: Word::Started,
            build: Some(build.to_string()),
            changed: listed(&changed),
            changed_count: changed.len() as u64,
            ..quiet
        },
        TriggerUpdate::Did(TriggerEvent::Loop(path)) => Triggered {
            news: Word::Loop,
            message: Some(loop_message(&path)),
            changed: listed(&[path]),
            changed_count: 1,
            ..quiet
        },
        TriggerUpdate::Did(TriggerEvent::Refused(refusal)) => {
            let message = Some(convert::refusal(refusal).message);
            Triggered { news: Word::Refused, message, ..quiet }
        }
        TriggerUpdate::Ended(why) => Triggered { news: Word::Ended, message: Some(why), ..quiet },
    }
}

fn listed(paths: &[PathBuf]) -> Vec<OsText> {
    paths.iter().take(CHANGED_MAX).map(|path| path.clone().into()).collect()
}

fn loop_message(path: &Path) -> String {
    let path = path.display();
    format!(
        "the command changes {path} each time it runs, which would run it again for ever; it is \
         not run for that any more. Name {path} in .bdignore, or what counts with --on"
    )
}

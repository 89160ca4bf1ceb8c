//! `bdctl explain`: explains a build, or a command without running it.

use super::history;
use crate::args::CommandContext;
use crate::caller::{Caller, print};
use crate::command_error::CommandError;
use crate::render::builds::{how, moved_inputs, state, summary};
use crate::render::document::{ExplainedBuild, document};
use crate::render::facts::Facts;
use crate::render::paint::Paint;
use crate::render::text::{command, duration, escape_control, os};
use crate::request;
use bd_client::StartPolicy;
use bd_protocol::submit::Explanation;
use bd_protocol::{Build, OsText};
use clap::Args;
use std::ffi::OsString;

/// Explain a build or a command: its workspace, program, identity, and whether it is shared
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bdctl explain                    # the newest build of this workspace\n  \
                  bdctl explain b04k2m\n  bdctl explain -- cargo check     # without running it"
)]
pub(crate) struct ExplainArgs {
    /// The build: its id, or the first characters of it
    #[arg(conflicts_with = "command")]
    pub(crate) id: Option<String>,
    /// Without an id: the newest build of any workspace
    #[arg(long, conflicts_with_all = ["id", "command"])]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) context: CommandContext,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Program and arguments
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

pub(super) fn run(args: ExplainArgs, caller: &Caller) -> Result<u8, CommandError> {
    let client = caller.client(StartPolicy::IfNeeded)?;
    let paint = Paint::new(caller.color, &std::io::stdout());
    if args.command.is_empty() {
        let build = match &args.id {
            Some(id) => client.build(id)?,
            None => history::newest(&client, args.all)?,
        };
        let json = || document("bd.explain/1", &ExplainedBuild::of(&build));
        print(&if args.json { json() } else { of_build(&build, paint) })?;
        return Ok(0);
    }
    let explanation = client.explain(request::submit(args.command, args.context)?)?;
    let json = || document("bd.explain/1", &explanation);
    print(&if args.json { json() } else { of_command(&explanation, paint) })?;
    Ok(0)
}

fn of_command(explanation: &Explanation, paint: Paint) -> String {
    let mut facts = Facts::new(paint);
    let path = os;
    let names = |names: &[OsText]| names.iter().map(path).collect::<Vec<_>>().join(" ");
    facts.add("command", command(&explanation.command));
    facts.add("root", path(&explanation.root));
    facts.add(
        "directory",
        match path(&explanation.cwd) {
            here if here.is_empty() => ".".to_owned(),
            below => below,
        },
    );
    facts.add("program", explanation.program.as_ref().map_or("not found".to_owned(), path));
    facts.add("shared", &explanation.reason);
    facts.add_some("tree", explanation.tree_digest.as_ref());
    facts.add_some("action", explanation.action_digest.as_ref());
    facts.add("variables", names(&explanation.environment));
    facts.add("ignored", names(&explanation.ignored_environment));
    facts.into_text()
}

fn of_build(build: &Build, paint: Paint) -> String {
    let mut facts = Facts::new(paint);
    let (word, style) = state(build);
    let id = escape_control(&build.id);
    facts.add_painted("build", &format!("{id} · {}", paint.apply(style, &word)));
    facts.add("command", command(&build.command));
    facts.add("directory", os(&build.cwd));
    facts.add("session", format!("{} · priority {}", build.session, build.priority.name()));
    facts.add("submitted", &build.submitted_at);
    facts.add_some("started", build.started_at.as_ref());
    facts.add_some("ended", build.ended_at.as_ref());
    facts.add_some("waits", build.wait.as_ref().map(|wait| &wait.detail));
    let execution = build.joined.as_ref().or(build.execution.as_ref());
    facts.add_some("execution", execution.map(|execution| format!("{execution} · {}", how(build))));
    facts.add_some("shared", build.join_reason.as_ref());
    facts.add_some("estimate", build.estimate_ms.map(duration));
    if let Some(outcome) = &build.outcome {
        facts.add_painted("outcome", &summary(outcome, paint));
        facts.add_some("note", moved_inputs(outcome));
        facts.add_some("message", outcome.message.as_ref());
    }
    facts.into_text()
}

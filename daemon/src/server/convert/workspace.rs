//! Workspaces as they were last seen, and what they have run on change.

use crate::model::{Consent, OnChangeView};
use crate::watch::{SourceKind, Summary};
use bd_protocol::OsText;
use bd_protocol::service::Workspace;
use bd_protocol::watch::{OnChange, OnChangeCommand, OnChangeState};

pub(in crate::server) fn workspace(summary: &Summary, on_change: &OnChangeView) -> Workspace {
    let mut warnings = summary.warnings.clone();
    warnings.extend(not_run(summary, on_change.consent));
    Workspace {
        schema: "bd.workspace/1".into(),
        root: summary.root.clone().into(),
        files: summary.files,
        bytes: summary.bytes,
        dirs: summary.dirs,
        watches: summary.watches,
        source: source(summary.source).to_owned(),
        clock: summary.clock.map(|clock| clock.to_string()),
        tree_digest: summary.tree_digest.map(|digest| digest.to_string()),
        last_sync_ms: summary.last_sync_ms,
        warnings,
        on_change: Some(runs_on_change(on_change)),
    }
}

/// Why what it has run on change is not run, and what to do about it.
fn not_run(summary: &Summary, consent: Consent) -> Option<String> {
    let why = match consent {
        Consent::NotNeeded | Consent::Given => return None,
        Consent::Missing => "is not enabled",
        Consent::Outdated => {
            "is not run any more: its commands, or the directory itself, are not those that were \
             consented to"
        }
    };
    let root = summary.root.display();
    Some(format!(
        "on_change of bd.toml {why}; `bdctl ws info {root}` shows what it would run, `bdctl ws trust \
         {root}` enables it"
    ))
}

fn runs_on_change(view: &OnChangeView) -> OnChange {
    let state = match view.consent {
        Consent::NotNeeded => OnChangeState::None,
        Consent::Given => OnChangeState::Enabled,
        Consent::Missing => OnChangeState::NotEnabled,
        Consent::Outdated => OnChangeState::Changed,
    };
    let commands = view.commands.iter().map(|(on, run)| OnChangeCommand {
        on: on.to_vec(),
        run: run.iter().cloned().map(OsText).collect(),
    });
    OnChange { state, commands: commands.collect() }
}

fn source(source: SourceKind) -> &'static str {
    match source {
        SourceKind::Inotify => "inotify",
        SourceKind::Notify => "notify",
        SourceKind::Poll => "poll",
        SourceKind::Mixed => "mixed",
    }
}

//! Stories of what workspaces ask to have run on change, and of who consents to it.

use super::tests::{Story, asking, changed, unshared};
use super::{Effect, Input, TriggerRequest, WorkspaceRules};
use crate::model::digest::FieldHasher;
use crate::model::{ClientId, Consent, Digest, Exit, TriggerId};
use std::path::{Path, PathBuf};

fn rule(word: &str) -> TriggerRequest {
    let mut template = asking(word);
    template.client = ClientId(0);
    unshared(&mut template);
    TriggerRequest { template, on: [].into(), initial: false }
}

fn root() -> PathBuf {
    "/ws".into()
}

/// What a consent to these commands is bound to.
fn digest(words: &[&str]) -> Digest {
    let mut hasher = FieldHasher::new("a test");
    for word in words {
        hasher.field(word.as_bytes());
    }
    hasher.finish()
}

impl Story {
    fn rules(&mut self, words: &[&str]) {
        let requests = words.iter().map(|word| rule(word)).collect();
        let rules = WorkspaceRules { digest: digest(words), requests };
        self.tell(Input::RulesChanged { root: root(), rules });
    }

    fn consents(&mut self) {
        self.tell(Input::GiveConsent(root()));
    }

    fn consent(&self) -> Consent {
        self.core.on_change(Path::new("/ws")).consent
    }

    fn asks(&self) -> bool {
        self.effects.iter().any(|effect| matches!(effect, Effect::ReportNoConsent { .. }))
    }

    fn prepares(&self) -> Vec<TriggerId> {
        let prepares = self.effects.iter().filter_map(|effect| match effect {
            Effect::PrepareTrigger { trigger, .. } => Some(*trigger),
            _ => None,
        });
        prepares.collect()
    }

    fn ends_triggers(&self) -> Vec<TriggerId> {
        let ended = self.effects.iter().filter_map(|effect| match effect {
            Effect::Unsubscribe(trigger) => Some(*trigger),
            _ => None,
        });
        ended.collect()
    }

    fn saves(&self) -> Option<Option<Digest>> {
        self.effects.iter().find_map(|effect| match effect {
            Effect::SaveConsent { root, rules } if root == Path::new("/ws") => Some(*rules),
            _ => None,
        })
    }
}

#[test]
fn rules_are_not_run_before_somebody_consents() {
    let mut story = Story::new(9);
    assert_eq!(story.consent(), Consent::NotNeeded);
    story.rules(&["make"]);
    assert!(matches!(story.effects[..], [Effect::ReportNoConsent { .. }]), "{:?}", story.effects);
    assert!(story.core.is_idle() && story.consent() == Consent::Missing);
    let shown = story.core.on_change(Path::new("/ws")).commands;
    assert_eq!(shown.len(), 1, "what would run is shown before");
    story.consents();
    assert_eq!((story.saves(), story.prepares().len()), (Some(Some(digest(&["make"]))), 1));
    assert_eq!(story.consent(), Consent::Given);
    let trigger = story.prepares()[0];
    story.tell(Input::TriggerPrepared(trigger));
    story.tell(Input::FilesChanged { trigger, files: vec![changed("a")] });
    assert!(story.started().is_some());
}

#[test]
fn other_rules_than_those_that_were_consented_to_are_not_run() {
    let mut story = Story::new(9);
    story.rules(&["make", "lint"]);
    story.consents();
    let old = story.prepares();
    for trigger in &old {
        story.tell(Input::TriggerPrepared(*trigger));
    }
    story.tell(Input::FilesChanged { trigger: old[0], files: vec![changed("a")] });
    let (_, attempt) = story.started().expect("the old rule runs");
    story.rules(&["test"]);
    assert_eq!(story.ends_triggers(), old);
    assert!(story.stops(attempt), "its run is of rules that are gone");
    assert!(story.prepares().is_empty() && story.asks());
    assert_eq!(story.consent(), Consent::Outdated);
    story.ends(attempt, Exit::Signal(15));
    story.consents();
    assert_eq!(story.prepares().len(), 1);
    story.rules(&[]);
    assert_eq!(story.ends_triggers().len(), 1);
    assert!(story.core.is_idle() && story.consent() == Consent::NotNeeded);
    // The very same again: another branch was checked out meanwhile.
    story.rules(&["test"]);
    assert_eq!(story.prepares().len(), 1);
}

#[test]
fn consent_where_there_is_nothing_to_run_is_to_nothing_that_comes() {
    let mut story = Story::new(9);
    story.rules(&[]);
    story.consents();
    assert_eq!(story.saves(), None);
    story.rules(&["make"]);
    assert!(story.prepares().is_empty() && story.asks());
}

#[test]
fn consenting_twice_starts_nothing_twice() {
    let mut story = Story::new(9);
    story.rules(&["make"]);
    story.consents();
    assert_eq!(story.prepares().len(), 1);
    story.consents();
    assert!(story.prepares().is_empty() && story.ends_triggers().is_empty());
}

#[test]
fn consent_is_withdrawn_at_once_and_the_workspace_stays() {
    let mut story = Story::new(9);
    story.rules(&["make"]);
    story.consents();
    story.tell(Input::WithdrawConsent(root()));
    assert_eq!((story.saves(), story.ends_triggers().len()), (Some(None), 1));
    assert_eq!(story.consent(), Consent::Missing);
    story.rules(&["make"]);
    assert!(story.prepares().is_empty() && story.asks());
}

#[test]
fn a_forgotten_workspace_has_no_consent_any_more() {
    let mut story = Story::new(9);
    story.rules(&["make"]);
    story.consents();
    story.tell(Input::ForgetWorkspace(root()));
    assert_eq!((story.saves(), story.ends_triggers().len()), (Some(None), 1));
    story.rules(&["make"]);
    assert!(story.prepares().is_empty());
}

#[test]
fn consent_of_an_earlier_daemon_holds_for_what_it_was_given_to() {
    for (given, runs) in
        [(Some(digest(&["make"])), true), (Some(digest(&["x"])), false), (None, false)]
    {
        for rules_come_first in [false, true] {
            let mut story = Story::new(9);
            if rules_come_first {
                story.rules(&["make"]);
            }
            let consents = vec![(root(), given)];
            story.tell(Input::Remembered { durations: vec![], last_id: 0, consents });
            let observed =
                matches!(&story.effects[0], Effect::ObserveWorkspace(at) if *at == root());
            assert!(observed, "{:?}", story.effects);
            if !rules_come_first {
                story.rules(&["make"]);
            }
            assert_eq!(story.prepares().len(), usize::from(runs), "{given:?}");
            assert_eq!(story.consent() == Consent::Given, runs);
        }
    }
}

#[test]
fn a_root_that_is_gone_is_awaited_where_somebody_consented_to_something() {
    let mut story = Story::new(9);
    let awaits = |story: &Story| {
        story.effects.iter().any(|e| matches!(e, Effect::AwaitRoot(at) if *at == root()))
    };
    story.rules(&["make"]);
    story.tell(Input::RootLost(root()));
    assert!(!awaits(&story), "nobody waits for it");
    story.consents();
    let trigger = story.prepares()[0];
    story.tell(Input::TriggerPrepared(trigger));
    // The files in it go before it does, bd.toml among them.
    story.rules(&[]);
    story.tell(Input::RootLost(root()));
    assert!(awaits(&story));
    // The same directory is back.
    story.rules(&["make"]);
    assert_eq!(story.prepares().len(), 1);
}

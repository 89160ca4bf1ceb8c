//! Stories of what workspaces ask to have run on change, and of who consents to it.

use super::tests::{Story, asking, changed, unshared};
use super::{Effect, Input, TriggerRequest};
use crate::model::{ClientId, Exit, TriggerId};
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

impl Story {
    fn rules(&mut self, words: &[&str]) {
        let rules = words.iter().map(|word| rule(word)).collect();
        self.tell(Input::RulesChanged { root: root(), rules });
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

    fn saves(&self) -> Option<bool> {
        self.effects.iter().find_map(|effect| match effect {
            Effect::SaveTrust { root, trusted } if root == Path::new("/ws") => Some(*trusted),
            _ => None,
        })
    }
}

#[test]
fn rules_are_not_run_before_somebody_consents() {
    let mut story = Story::new(9);
    story.rules(&["make"]);
    assert!(matches!(story.effects[..], [Effect::ReportUntrusted(_)]), "{:?}", story.effects);
    assert!(story.core.is_idle() && !story.core.trusts(Path::new("/ws")));
    story.tell(Input::Trust(root()));
    assert_eq!((story.saves(), story.prepares().len()), (Some(true), 1));
    let trigger = story.prepares()[0];
    story.tell(Input::TriggerPrepared(trigger));
    story.tell(Input::FilesChanged { trigger, files: vec![changed("a")] });
    assert!(story.started().is_some());
}

#[test]
fn new_rules_take_the_place_of_the_old_ones() {
    let mut story = Story::new(9);
    story.tell(Input::Trust(root()));
    story.rules(&["make", "lint"]);
    let old = story.prepares();
    for trigger in &old {
        story.tell(Input::TriggerPrepared(*trigger));
    }
    story.tell(Input::FilesChanged { trigger: old[0], files: vec![changed("a")] });
    let (_, attempt) = story.started().expect("the old rule runs");
    story.rules(&["test"]);
    assert_eq!(story.ends_triggers(), old);
    assert!(story.stops(attempt), "its run is of rules that are gone");
    assert_eq!(story.prepares().len(), 1);
    story.ends(attempt, Exit::Signal(15));
    story.rules(&[]);
    assert_eq!(story.ends_triggers().len(), 1);
    assert!(story.core.is_idle());
}

#[test]
fn consenting_twice_starts_nothing_twice() {
    let mut story = Story::new(9);
    story.rules(&["make"]);
    story.tell(Input::Trust(root()));
    assert_eq!(story.prepares().len(), 1);
    story.tell(Input::Trust(root()));
    assert!(story.prepares().is_empty() && story.ends_triggers().is_empty());
}

#[test]
fn a_forgotten_workspace_is_not_trusted_any_more() {
    let mut story = Story::new(9);
    story.rules(&["make"]);
    story.tell(Input::Trust(root()));
    story.tell(Input::ForgetWorkspace(root()));
    assert_eq!((story.saves(), story.ends_triggers().len()), (Some(false), 1));
    story.rules(&["make"]);
    assert!(story.prepares().is_empty());
}

#[test]
fn consent_of_an_earlier_daemon_holds_and_its_workspaces_are_observed() {
    let mut story = Story::new(9);
    let trusted = vec![root()];
    story.tell(Input::Remembered { durations: vec![], last_id: 0, trusted });
    assert!(
        matches!(&story.effects[..], [Effect::ObserveWorkspace(root)] if *root == self::root())
    );
    story.rules(&["make"]);
    assert_eq!(story.prepares().len(), 1);
}

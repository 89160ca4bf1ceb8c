//! What workspaces ask to have run on change: it is run once a person has consented to these very
//! commands in this very directory. Knows the requests, not the files they stand in.

use super::effect::Effect;
use super::input::{Now, TriggerRequest, WorkspaceRules};
use super::state_machine::Core;
use crate::model::{Consent, Digest, OnChangeView};
use std::path::{Path, PathBuf};

impl Core {
    /// Whether somebody has consented to anything in this workspace.
    #[must_use]
    pub fn has_consent(&self, root: &Path) -> bool {
        self.consents.given.contains_key(root)
    }

    /// What this workspace has run on change, and whether it may be run.
    #[must_use]
    pub fn on_change(&self, root: &Path) -> OnChangeView {
        let Some(rules) = self.consents.rules.get(root) else { return OnChangeView::default() };
        let command =
            |rule: &TriggerRequest| (rule.on.clone(), rule.template.plan.command().argv.clone());
        OnChangeView {
            consent: self.consent(root, rules.digest),
            commands: rules.requests.iter().map(command).collect(),
        }
    }

    /// Whether rules with this digest may be run.
    fn consent(&self, root: &Path, digest: Digest) -> Consent {
        match self.consents.given.get(root) {
            Some(given) if *given == Some(digest) => Consent::Given,
            Some(_) => Consent::Outdated,
            None => Consent::Missing,
        }
    }

    pub(super) fn rules_changed(&mut self, now: Now, root: PathBuf, rules: WorkspaceRules) {
        if rules.requests.is_empty() {
            self.consents.rules.remove(&root);
            return self.replace_rules(now, &root, Vec::new());
        }
        match self.consent(&root, rules.digest) {
            Consent::Given => self.replace_rules(now, &root, rules.requests.clone()),
            consent => {
                // Whoever has a checkout has not read everything in it, and whoever consented did
                // not consent to this.
                self.replace_rules(now, &root, Vec::new());
                self.effects.push(Effect::ReportNoConsent { root: root.clone(), consent });
            }
        }
        self.consents.rules.insert(root, rules);
    }

    /// A person consents to what the workspace asks for now.
    pub(super) fn give_consent(&mut self, now: Now, root: PathBuf) {
        let Some(rules) = self.consents.rules.get(&root).cloned() else { return };
        let digest = Some(rules.digest);
        self.effects.push(Effect::SaveConsent { root: root.clone(), rules: digest });
        if self.consents.given.insert(root.clone(), digest) != Some(digest) {
            self.replace_rules(now, &root, rules.requests);
        }
    }

    /// They do not any more.
    pub(super) fn withdraw_consent(&mut self, now: Now, root: &Path) {
        self.replace_rules(now, root, Vec::new());
        self.consents.given.remove(root);
        self.effects.push(Effect::SaveConsent { root: root.to_path_buf(), rules: None });
    }

    pub(super) fn forget_workspace(&mut self, now: Now, root: &Path) {
        self.withdraw_consent(now, root);
        self.consents.rules.remove(root);
    }

    pub(super) fn restore_consents(&mut self, now: Now, given: Vec<(PathBuf, Option<Digest>)>) {
        for (root, digest) in given {
            self.effects.push(Effect::ObserveWorkspace(root.clone()));
            self.consents.given.entry(root.clone()).or_insert(digest);
            // It may have been observed before the store was open.
            if let Some(rules) = self.consents.rules.get(&root).cloned() {
                self.rules_changed(now, root, rules);
            }
        }
    }

    /// Nothing is at the root of a workspace any more. What somebody consented to there goes on when that
    /// directory is back.
    pub(super) fn root_lost(&mut self, root: PathBuf) {
        if self.has_consent(&root) {
            self.effects.push(Effect::AwaitRoot(root));
        }
    }

    /// Runs on change what these rules say, and nothing else of that workspace.
    fn replace_rules(&mut self, now: Now, root: &Path, rules: Vec<TriggerRequest>) {
        for old in self.consents.triggers.remove(root).unwrap_or_default() {
            self.remove_trigger(now, old);
        }
        let new: Vec<_> = rules.into_iter().map(|rule| self.new_trigger(rule)).collect();
        if !new.is_empty() {
            self.consents.triggers.insert(root.to_path_buf(), new);
        }
    }
}

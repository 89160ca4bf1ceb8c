//! What workspaces ask to have run on change: it is run once a person has consented. Knows the
//! requests, not the files they stand in.

use super::effect::Effect;
use super::input::{Now, TriggerRequest};
use super::state_machine::Core;
use std::path::{Path, PathBuf};

impl Core {
    /// Whether what this workspace asks for may be run.
    #[must_use]
    pub fn trusts(&self, root: &Path) -> bool {
        self.consents.trusted.contains(root)
    }

    pub(super) fn rules_changed(&mut self, now: Now, root: PathBuf, rules: Vec<TriggerRequest>) {
        if self.trusts(&root) {
            self.replace_rules(now, &root, rules.clone());
        } else if !rules.is_empty() {
            // Whoever has a checkout has not read everything in it.
            self.effects.push(Effect::ReportUntrusted(root.clone()));
        }
        self.consents.rules.insert(root, rules);
    }

    pub(super) fn trust(&mut self, now: Now, root: PathBuf) {
        self.effects.push(Effect::SaveTrust { root: root.clone(), trusted: true });
        if self.consents.trusted.insert(root.clone()) {
            let rules = self.consents.rules.get(&root).cloned().unwrap_or_default();
            self.replace_rules(now, &root, rules);
        }
    }

    pub(super) fn forget_workspace(&mut self, now: Now, root: &Path) {
        self.replace_rules(now, root, Vec::new());
        self.consents.rules.remove(root);
        self.consents.trusted.remove(root);
        self.effects.push(Effect::SaveTrust { root: root.to_path_buf(), trusted: false });
    }

    pub(super) fn restore_trust(&mut self, trusted: Vec<PathBuf>) {
        self.effects.extend(trusted.iter().cloned().map(Effect::ObserveWorkspace));
        self.consents.trusted.extend(trusted);
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

//! JavaScript and TypeScript: one driver for package managers, runners of tasks, and tools.

use super::driver::{Call, Driver};
use super::words::Words;
use super::{node_managers, node_tasks, node_tools};

/// The driver of Node's tools.
#[derive(Debug)]
pub(super) struct Node;

impl Driver for Node {
    fn name(&self) -> &'static str {
        "node"
    }

    fn recognise<'a>(&self, words: &Words<'a>) -> Option<Call<'a>> {
        node_managers::builds(words)
            .or_else(|| node_tasks::builds(words))
            .or_else(|| node_tools::builds(words))
            .map(Call::build_if)
    }
}

//! What a build wants: nodes with actions, in an order in which each comes behind what it depends
//! on. A plain command is a plan of one node.

use super::{Action, Command, JoinReason};
use std::sync::Arc;

/// The nodes of a build, in dependency order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    nodes: Arc<[PlanNode]>,
}

/// The place of a node in its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeIndex(pub u32);

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanNode {
    /// The task it is, as `PACKAGE#TASK`; `None` for a plain command.
    pub task: Option<String>,
    /// What is run.
    pub action: Arc<Action>,
    /// Whether it shares its execution with others.
    pub join: Join,
    /// The nodes that have to end well before it starts.
    pub depends_on: Vec<NodeIndex>,
}

/// Whether an action may share executions, as far as the request alone tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Join {
    /// It may share; the reason says why.
    Yes(JoinReason),
    /// It may not; the reason says why.
    No(JoinReason),
}

/// Why a list of nodes is no plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// There is nothing to run.
    #[error("a plan has no nodes")]
    Empty,
    /// A node depends on itself, on a later one, or on one that does not exist.
    #[error("node {} of a plan depends on node {}, which does not come before it", node.0, on.0)]
    OutOfOrder {
        /// The node.
        node: NodeIndex,
        /// What it depends on.
        on: NodeIndex,
    },
}

impl NodeIndex {
    /// As an index of a list of nodes.
    #[must_use]
    pub fn as_usize(self) -> usize {
        self.0 as usize
    }
}

impl Join {
    /// Why it shares, or does not.
    #[must_use]
    pub fn reason(&self) -> &JoinReason {
        let (Self::Yes(reason) | Self::No(reason)) = self;
        reason
    }
}

impl Plan {
    /// A plan of these nodes.
    ///
    /// # Errors
    ///
    /// When there are none, or one does not come behind what it depends on. So no plan has a cycle.
    ///
    /// # Panics
    ///
    /// With more than four billion nodes.
    pub fn new(nodes: Vec<PlanNode>) -> Result<Self, PlanError> {
        if nodes.is_empty() {
            return Err(PlanError::Empty);
        }
        for (at, node) in nodes.iter().enumerate() {
            let at = NodeIndex(u32::try_from(at).expect("BUG: a plan of four billion nodes"));
            if let Some(on) = node.depends_on.iter().find(|on| **on >= at) {
                return Err(PlanError::OutOfOrder { node: at, on: *on });
            }
        }
        Ok(Self { nodes: nodes.into() })
    }

    /// The plan of one command.
    #[must_use]
    pub fn of_action(action: Action, join: Join) -> Self {
        let node = PlanNode { task: None, action: Arc::new(action), join, depends_on: Vec::new() };
        Self { nodes: Arc::new([node]) }
    }

    /// The same plan with another action in the place of its last node's.
    #[must_use]
    pub fn with_action(&self, action: Action) -> Self {
        let mut nodes = self.nodes.to_vec();
        if let Some(last) = nodes.last_mut() {
            last.action = Arc::new(action);
        }
        Self { nodes: nodes.into() }
    }

    /// Its nodes, each behind those it depends on. Never empty.
    #[must_use]
    pub fn nodes(&self) -> &[PlanNode] {
        &self.nodes
    }

    /// Their places, in order.
    pub fn indices(&self) -> impl Iterator<Item = NodeIndex> + use<> {
        (0..self.nodes.len()).map(|at| NodeIndex(at as u32))
    }

    /// One node.
    ///
    /// # Panics
    ///
    /// When it is none of this plan.
    #[must_use]
    pub fn node(&self, index: NodeIndex) -> &PlanNode {
        &self.nodes[index.as_usize()]
    }

    /// What the build is named after: the command of the last node, which all others lead to.
    #[must_use]
    pub fn command(&self) -> &Arc<Command> {
        let last = self.nodes.last().expect("BUG: a plan is never empty");
        &last.action.command
    }

    /// Whether a client types into it or has it on its terminal.
    #[must_use]
    pub fn is_interactive(&self) -> bool {
        self.nodes.iter().any(|node| {
            let command = &node.action.command;
            command.stdin || command.tty.is_some()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::command::tests::command;

    fn node(depends_on: &[u32]) -> PlanNode {
        PlanNode {
            task: Some("web#build".into()),
            action: Arc::new(Action::of_command(command(&["build"]))),
            join: Join::Yes(JoinReason::Asked),
            depends_on: depends_on.iter().copied().map(NodeIndex).collect(),
        }
    }

    #[test]
    fn a_plan_is_in_order_and_never_empty() {
        let out_of_order =
            |node, on| PlanError::OutOfOrder { node: NodeIndex(node), on: NodeIndex(on) };
        for (nodes, error) in [
            (vec![], Some(PlanError::Empty)),
            (vec![node(&[])], None),
            (vec![node(&[]), node(&[0]), node(&[0, 1])], None),
            (vec![node(&[0])], Some(out_of_order(0, 0))),
            (vec![node(&[1]), node(&[])], Some(out_of_order(0, 1))),
            (vec![node(&[]), node(&[0, 7])], Some(out_of_order(1, 7))),
        ] {
            assert_eq!(Plan::new(nodes.clone()).err(), error, "{nodes:?}");
        }
    }
}

//! One build inside the core: what was asked, and where the nodes of its plan are in their lives.

use super::execution::Moment;
use super::input::{NodeRef, Submission};
use crate::model::{
    AttemptResult, BuildId, ExecutionId, Exit, JoinReason, NodeIndex, Outcome, OutcomeSource,
    Status,
};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

/// What the core knows of a build that has not ended.
#[derive(Debug)]
pub(super) struct Build {
    pub(super) id: BuildId,
    pub(super) asked: Submission,
    pub(super) submitted_ms: u64,
    /// When its time runs out, on the monotonic clock.
    pub(super) deadline: Option<u64>,
    /// The executions of which one asked for it.
    pub(super) inside: BTreeSet<ExecutionId>,
    /// The files whose change it is run for, if it is.
    pub(super) changed: Option<Arc<[PathBuf]>>,
    /// Set when it was withdrawn as a whole, or the daemon ends: the status it will have.
    pub(super) withdrawn: Option<Status>,
    nodes: Vec<Node>,
    /// How many of them have not ended.
    open: usize,
    /// The first that ended badly.
    failed: Option<NodeIndex>,
}

/// One node of its plan.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) join_reason: JoinReason,
    /// The nodes that depend on it.
    pub(super) dependents: Vec<NodeIndex>,
    state: NodeState,
}

/// Where a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NodeState {
    /// So many nodes it depends on have not ended.
    Blocked { on: usize },
    /// The version of its inputs is being established.
    Resolving,
    /// It wants this execution.
    Attached {
        execution: ExecutionId,
        /// Whether the execution was there before it.
        joined: bool,
        /// Set when it was given up, but is the last to hold the execution, whose processes are
        /// being stopped: it ends, with this status, when they are gone.
        withdrawn: Option<Status>,
    },
    /// It has its outcome.
    Ended {
        execution: Option<ExecutionId>,
        joined: bool,
        started: Option<Moment>,
        outcome: Box<Outcome>,
    },
}

impl Build {
    /// A build none of whose nodes has begun.
    pub(super) fn new(id: BuildId, asked: Submission, submitted_ms: u64) -> Self {
        let plan = &asked.plan;
        let mut nodes: Vec<_> = plan
            .nodes()
            .iter()
            .map(|node| Node {
                join_reason: node.join.reason().clone(),
                dependents: Vec::new(),
                state: NodeState::Blocked { on: node.depends_on.len() },
            })
            .collect();
        for (index, node) in plan.indices().zip(plan.nodes()) {
            for on in &node.depends_on {
                nodes[on.as_usize()].dependents.push(index);
            }
        }
        let open = nodes.len();
        Self {
            id,
            asked,
            submitted_ms,
            deadline: None,
            inside: BTreeSet::new(),
            changed: None,
            withdrawn: None,
            nodes,
            open,
            failed: None,
        }
    }

    pub(super) fn refs(&self) -> impl Iterator<Item = NodeRef> + use<> {
        let build = self.id;
        self.asked.plan.indices().map(move |node| NodeRef { build, node })
    }

    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub(super) fn node(&self, index: NodeIndex) -> &Node {
        &self.nodes[index.as_usize()]
    }

    pub(super) fn node_mut(&mut self, index: NodeIndex) -> &mut Node {
        &mut self.nodes[index.as_usize()]
    }

    /// Whether all its nodes have ended.
    pub(super) fn is_over(&self) -> bool {
        self.open == 0
    }

    /// Moves a node on.
    ///
    /// # Panics
    ///
    /// When that is no step of a node's life.
    pub(super) fn set(&mut self, index: NodeIndex, next: NodeState) {
        use NodeState::{Attached, Blocked, Ended, Resolving};
        let node = &mut self.nodes[index.as_usize()];
        let legal = match (&node.state, &next) {
            (Blocked { on }, Blocked { on: fewer }) => fewer < on,
            (Blocked { .. }, Resolving | Attached { .. } | Ended { .. })
            | (Resolving | Attached { .. }, Attached { .. } | Ended { .. }) => true,
            _ => false,
        };
        assert!(legal, "BUG: node {} of {} from {:?} to {next:?}", index.0, self.id, node.state);
        if let Ended { outcome, .. } = &next {
            self.open -= 1;
            if outcome.status != Status::Ok {
                self.failed.get_or_insert(index);
            }
        }
        node.state = next;
    }

    /// What it is called: by the name of its task, where it has one.
    pub(super) fn name(&self, index: NodeIndex) -> String {
        let named = self.asked.plan.node(index).task.clone();
        named.unwrap_or_else(|| format!("step {}", index.0 + 1))
    }

    /// When the first of its nodes started.
    pub(super) fn started(&self) -> Option<Moment> {
        let ended = self.nodes.iter().filter_map(|node| match &node.state {
            NodeState::Ended { started, .. } => *started,
            _ => None,
        });
        ended.min()
    }

    /// What all its nodes have come to: the first that ended badly decides.
    ///
    /// # Panics
    ///
    /// When one has not ended.
    pub(super) fn outcome(&self, now_ms: u64) -> Outcome {
        let outcomes: Vec<_> = self.nodes.iter().map(Node::outcome).collect();
        if let [only] = outcomes[..] {
            return only.clone();
        }
        let status = self.failed.map_or(Status::Ok, |index| self.node(index).outcome().status);
        let decisive = self.failed.map(|index| (index, self.node(index).outcome()));
        let message = decisive.map(|(index, outcome)| match &outcome.message {
            Some(why) => format!("{}: {why}", self.name(index)),
            None => format!("{} did not succeed", self.name(index)),
        });
        let results = || outcomes.iter().filter_map(|outcome| outcome.result.as_ref());
        let result = self.started().map(|started| AttemptResult {
            exit: decisive
                .and_then(|(_, outcome)| outcome.result.as_ref())
                .map_or(Exit::Code(0), |result| result.exit.clone()),
            duration_ms: now_ms.saturating_sub(started.mono_ms),
            cpu_ms: results().map(|result| result.cpu_ms).sum(),
            peak_rss_bytes: results().map(|result| result.peak_rss_bytes).max().unwrap_or(0),
        });
        let moved = outcomes.iter().filter_map(|outcome| outcome.moved.clone());
        let moved = moved.reduce(|mut all, more| {
            all.extend(more);
            all.sort();
            all.dedup();
            all
        });
        let joined = outcomes.iter().all(|outcome| outcome.source == OutcomeSource::Joined);
        let source = if joined { OutcomeSource::Joined } else { OutcomeSource::Executed };
        Outcome { status: self.withdrawn.unwrap_or(status), result, moved, source, message }
    }
}

impl Node {
    pub(super) fn state(&self) -> &NodeState {
        &self.state
    }

    /// The execution it wants, or wanted.
    pub(super) fn execution(&self) -> Option<ExecutionId> {
        match &self.state {
            NodeState::Blocked { .. } | NodeState::Resolving => None,
            NodeState::Attached { execution, .. } => Some(*execution),
            NodeState::Ended { execution, .. } => *execution,
        }
    }

    /// The execution it waits for.
    pub(super) fn attached_to(&self) -> Option<ExecutionId> {
        match &self.state {
            NodeState::Attached { execution, .. } => Some(*execution),
            _ => None,
        }
    }

    /// Whether the execution it wants, or wanted, was there before it.
    pub(super) fn joined(&self) -> bool {
        matches!(
            self.state,
            NodeState::Attached { joined: true, .. } | NodeState::Ended { joined: true, .. }
        )
    }

    /// Whether it still wants its outcome.
    pub(super) fn is_interested(&self) -> bool {
        !matches!(
            self.state,
            NodeState::Attached { withdrawn: Some(_), .. } | NodeState::Ended { .. }
        )
    }

    fn outcome(&self) -> &Outcome {
        match &self.state {
            NodeState::Ended { outcome, .. } => outcome,
            state => panic!("BUG: the outcome of a node that is {state:?}"),
        }
    }
}

//! Builds of several nodes, in the same world: random plans, and what has to hold for their nodes.

use crate::world::{World, join};
use bd_daemon::engine::{NodeRef, Target};
use bd_daemon::model::{
    BuildId, BuildView, ExecutionId, JoinReason, NodeIndex, Outcome, Phase, Plan, PlanNode, Status,
    TaskPhase, WaitReason,
};

/// One node of a build as others see it: a task, or the whole of a plain command.
pub(crate) struct NodeView<'a> {
    pub(crate) build: BuildId,
    pub(crate) index: u32,
    pub(crate) execution: Option<ExecutionId>,
    pub(crate) join_reason: &'a JoinReason,
    pub(crate) state: State<'a>,
}

pub(crate) enum State<'a> {
    Blocked,
    Waiting(&'a WaitReason),
    Running,
    Ended(&'a Outcome),
}

/// The nodes of a build.
pub(crate) fn nodes(view: &BuildView) -> Vec<NodeView<'_>> {
    if view.tasks.is_empty() {
        let state = match &view.phase {
            Phase::Waiting(reason) => State::Waiting(reason),
            Phase::Running { .. } => State::Running,
            Phase::Ended { outcome, .. } => State::Ended(outcome),
        };
        let (build, execution, join_reason) = (view.id, view.execution, &view.join_reason);
        return vec![NodeView { build, index: 0, execution, join_reason, state }];
    }
    (0..)
        .zip(&view.tasks)
        .map(|(index, task)| NodeView {
            build: view.id,
            index,
            execution: task.execution,
            join_reason: &task.join_reason,
            state: match &task.phase {
                TaskPhase::Blocked => State::Blocked,
                TaskPhase::Waiting(reason) => State::Waiting(reason),
                TaskPhase::Running { .. } => State::Running,
                TaskPhase::Ended { outcome, .. } => State::Ended(outcome),
            },
        })
        .collect()
}

impl NodeView<'_> {
    /// Whether it still waits for the end of an execution.
    pub(crate) fn wants(&self, execution: ExecutionId) -> bool {
        self.execution == Some(execution) && !matches!(self.state, State::Ended(_))
    }
}

/// Whether a build wants an execution.
pub(crate) fn wants(view: &BuildView, execution: ExecutionId) -> bool {
    nodes(view).iter().any(|node| node.wants(execution))
}

impl World {
    /// A plain command, or a graph of up to six nodes, some of them equal.
    pub(crate) fn random_plan(&mut self) -> Plan {
        let commands = self.actions.len() as u64;
        if !self.rng.one_in(3) {
            let command = self.rng.below(commands) as usize;
            return Plan::of_action(self.actions[command].as_ref().clone(), join(command));
        }
        let count = 2 + self.rng.below(5) as u32;
        let nodes = (0..count).map(|index| {
            let command = self.rng.below(commands) as usize;
            let depends_on = (0..index).filter(|_| self.rng.one_in(3)).map(NodeIndex).collect();
            PlanNode {
                task: Some(format!("task{index}")),
                action: self.actions[command].clone(),
                join: join(command),
                depends_on,
            }
        });
        Plan::new(nodes.collect()).expect("a plan")
    }

    /// What has to hold for every node at every moment.
    pub(crate) fn check_nodes(&self, views: &[BuildView]) {
        let seed = self.seed;
        for view in views {
            let nodes = nodes(view);
            for node in &nodes {
                match node.state {
                    State::Blocked => {
                        let failed = self.dependencies(node).any(|on| {
                            matches!(nodes[on].state, State::Ended(o) if o.status != Status::Ok)
                        });
                        assert!(!failed, "seed {seed}: {view:?} waits for what has failed");
                    }
                    State::Waiting(reason) => self.check_reason(node, reason),
                    State::Running | State::Ended(_) => {}
                }
            }
        }
    }

    /// Whoever waits is told the truth about it.
    fn check_reason(&self, node: &NodeView<'_>, reason: &WaitReason) {
        let NodeView { build, index, execution, .. } = *node;
        let right = match reason {
            WaitReason::Resolving => {
                let target = match execution {
                    Some(execution) => Target::Execution(execution),
                    None => Target::Node(NodeRef { build, node: NodeIndex(index) }),
                };
                self.files.digesting.contains(&target)
            }
            WaitReason::Predecessor(before) => {
                let mut attempts = self.runs.attempts.values();
                self.runs.ending.contains(before)
                    || attempts.any(|attempt| attempt.execution == *before && attempt.stopping)
            }
            // Nobody here has one file for both outputs.
            WaitReason::OneStream(_) => false,
            WaitReason::Workers { position, running, limit, .. } => {
                execution.is_some() && *position > 0 && (self.drain.asked || running == limit)
            }
        };
        assert!(right, "seed {}: {build}/{index} is told {reason:?}", self.seed);
    }

    /// A node starts only when all it depends on has ended well.
    pub(crate) fn check_start(&self, execution: ExecutionId, views: &[BuildView]) {
        for view in views {
            let nodes = nodes(view);
            for node in nodes.iter().filter(|node| node.wants(execution)) {
                for on in self.dependencies(node) {
                    let right =
                        matches!(nodes[on].state, State::Ended(o) if o.status == Status::Ok);
                    assert!(right, "seed {}: {execution} before its time: {view:?}", self.seed);
                }
            }
        }
    }

    /// A build has come to what its nodes have come to.
    pub(crate) fn check_outcome(&self, view: &BuildView) {
        let seed = self.seed;
        let status = view.outcome().expect("an ended build has an outcome").status;
        let mut statuses = Vec::new();
        for node in nodes(view) {
            let State::Ended(outcome) = node.state else {
                panic!("seed {seed}: a node outlives its build: {view:?}");
            };
            statuses.push(outcome.status);
        }
        let all_ok = statuses.iter().all(|status| *status == Status::Ok);
        assert_eq!(status == Status::Ok, all_ok, "seed {seed}: {view:?}");
        assert_ne!(status, Status::Skipped, "seed {seed}: a build is never skipped");
        let nothing_else = statuses.iter().all(|s| matches!(s, Status::Ok | Status::Skipped));
        assert!(all_ok || !nothing_else, "seed {seed}: skipped for no reason: {view:?}");
    }

    fn dependencies(&self, node: &NodeView<'_>) -> impl Iterator<Item = usize> {
        let plan = self.builds.live.get(&node.build).and_then(|asked| asked.plan.as_ref());
        let on = plan.map(|plan| plan.node(NodeIndex(node.index)).depends_on.clone());
        on.unwrap_or_default().into_iter().map(NodeIndex::as_usize)
    }
}

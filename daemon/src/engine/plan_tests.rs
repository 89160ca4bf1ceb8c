//! Stories of plans with several nodes.

use super::tests::{Story, asking};
use super::{Effect, Input, Moved, NodeRef, Submission, Target};
use crate::model::command::tests::command;
use crate::model::{
    Action, AttemptId, BuildId, ExecutionId, Exit, Join, JoinReason, NodeIndex, Outcome, Plan,
    PlanNode, Status, TaskPhase, WaitReason,
};
use std::sync::Arc;

/// A node that runs a command of its name, which is not shared.
fn node(name: &str, depends_on: &[u32]) -> PlanNode {
    PlanNode {
        task: Some(name.to_owned()),
        action: Arc::new(Action::of_command(command(&[name]))),
        join: Join::No(JoinReason::NotABuild),
        depends_on: depends_on.iter().copied().map(NodeIndex).collect(),
    }
}

fn shared(name: &str, depends_on: &[u32]) -> PlanNode {
    PlanNode { join: Join::Yes(JoinReason::Asked), ..node(name, depends_on) }
}

impl Story {
    fn submit_plan(&mut self, nodes: Vec<PlanNode>, change: fn(&mut Submission)) -> BuildId {
        let mut submission = asking("unused");
        submission.plan = Plan::new(nodes).expect("a plan");
        change(&mut submission);
        match self.tell(Input::Submit(submission)).first() {
            Some(Effect::Submitted(Ok(build))) => *build,
            other => panic!("not accepted: {other:?}"),
        }
    }

    /// The words that were started in this step, with their attempts.
    fn starts(&self) -> Vec<(String, ExecutionId, AttemptId)> {
        let starts = self.effects.iter().filter_map(|effect| match effect {
            Effect::Start { action, execution, attempt, .. } => {
                let word = action.command.argv[0].to_str().expect("UTF-8").to_owned();
                Some((word, *execution, *attempt))
            }
            _ => None,
        });
        starts.collect()
    }

    fn words(&self) -> Vec<String> {
        self.starts().into_iter().map(|(word, ..)| word).collect()
    }

    fn resolve_node(&mut self, build: BuildId, node: u32) {
        self.resolve(Target::Node(NodeRef { build, node: NodeIndex(node) }), 1);
    }

    /// Where the tasks of a build are, in a word each.
    fn tasks(&self, build: BuildId) -> Vec<&'static str> {
        let word = |phase| match phase {
            TaskPhase::Blocked => "blocked",
            TaskPhase::Waiting(WaitReason::Resolving) => "resolving",
            TaskPhase::Waiting(_) => "waiting",
            TaskPhase::Running { .. } => "running",
            TaskPhase::Ended { .. } => "ended",
        };
        self.view(build).tasks.into_iter().map(|task| word(task.phase)).collect()
    }

    fn outcome(&self, build: BuildId) -> Outcome {
        let view = self.ended().into_iter().find(|view| view.id == build);
        view.expect("an ended build").outcome().expect("an outcome").clone()
    }

    /// The statuses of the tasks of a build that has ended in this step.
    fn task_statuses(&self, build: BuildId) -> Vec<Status> {
        let view = self.ended().into_iter().find(|view| view.id == build);
        let status = |phase: &TaskPhase| match phase {
            TaskPhase::Ended { outcome, .. } => outcome.status,
            phase => panic!("{phase:?} in a build that has ended"),
        };
        view.expect("an ended build").tasks.iter().map(|task| status(&task.phase)).collect()
    }
}

#[test]
fn a_node_starts_when_all_it_depends_on_has_ended_well() {
    let mut story = Story::new(9);
    let nodes = vec![node("a", &[]), node("b", &[]), node("c", &[0, 1]), node("d", &[2])];
    let build = story.submit_plan(nodes, |_| {});
    assert_eq!(story.words(), ["a", "b"]);
    let starts = story.starts();
    assert_eq!(story.tasks(build), ["running", "running", "blocked", "blocked"]);
    story.ends(starts[0].2, Exit::Code(0));
    assert!(story.words().is_empty(), "c depends on b as well");
    story.ends(starts[1].2, Exit::Code(0));
    assert_eq!(story.words(), ["c"]);
    let c = story.starts()[0].2;
    story.ends(c, Exit::Code(0));
    assert_eq!(story.words(), ["d"]);
    let d = story.starts()[0].2;
    assert!(story.ended().is_empty());
    story.ends(d, Exit::Code(0));
    assert_eq!(story.statuses(), [(build, Status::Ok)]);
    let outcome = story.outcome(build);
    let result = outcome.result.expect("a result");
    assert_eq!((result.exit, result.cpu_ms), (Exit::Code(0), 20), "the sum of four");
    assert!(story.core.is_idle());
}

#[test]
fn the_first_failure_decides_and_what_depends_on_it_is_skipped() {
    let mut story = Story::new(9);
    let nodes =
        vec![node("a", &[]), node("b", &[]), node("c", &[0]), node("d", &[2]), node("e", &[1])];
    let build = story.submit_plan(nodes, |s| s.keep_going = true);
    let starts = story.starts();
    story.ends(starts[0].2, Exit::Code(7));
    assert_eq!(story.tasks(build), ["ended", "running", "ended", "ended", "blocked"]);
    story.ends(starts[1].2, Exit::Code(0));
    assert_eq!(story.words(), ["e"], "what does not depend on the failure goes on");
    let e = story.starts()[0].2;
    story.ends(e, Exit::Code(9));
    let (ok, failed, skipped) = (Status::Ok, Status::Failed, Status::Skipped);
    assert_eq!(story.task_statuses(build), [failed, ok, skipped, skipped, failed]);
    let outcome = story.outcome(build);
    assert_eq!(outcome.status, Status::Failed);
    assert_eq!(outcome.result.expect("a result").exit, Exit::Code(7), "that of the first");
    assert_eq!(outcome.message.as_deref(), Some("a did not succeed"));
}

#[test]
fn after_a_failure_nothing_new_starts_and_what_runs_may_finish() {
    let mut story = Story::new(2);
    let nodes = vec![node("a", &[]), node("b", &[]), node("c", &[]), node("d", &[1])];
    let build = story.submit_plan(nodes, |_| {});
    assert_eq!(story.words(), ["a", "b"]);
    let starts = story.starts();
    story.ends(starts[0].2, Exit::Code(1));
    assert!(story.words().is_empty(), "there is a slot for c, but no reason");
    assert_eq!(story.tasks(build), ["ended", "running", "ended", "ended"]);
    assert!(!story.stops(starts[1].2));
    story.ends(starts[1].2, Exit::Code(0));
    let not_run = Status::NotRun;
    assert_eq!(story.task_statuses(build), [Status::Failed, Status::Ok, not_run, not_run]);
    assert!(story.core.is_idle());
}

#[test]
fn nodes_of_two_builds_with_one_action_share_an_execution() {
    let mut story = Story::new(9);
    let one = story.submit_plan(vec![shared("lib", &[]), node("web", &[0])], |_| {});
    story.resolve_node(one, 0);
    let (_, execution, attempt) = story.starts().remove(0);
    let two = story.submit_plan(vec![shared("lib", &[]), node("api", &[0])], |_| {});
    story.resolve_node(two, 0);
    assert!(story.words().is_empty(), "it runs already");
    assert!(story.view(two).tasks[0].joined);
    story.ends(attempt, Exit::Code(0));
    assert!(story.words().is_empty(), "what moved is not known yet");
    story.tell(Input::InputsVerified { execution, moved: Moved::Paths(vec![]) });
    assert_eq!(story.words(), ["web", "api"]);
    story.tell(Input::Cancel(one));
    assert!(story.view(two).tasks[1].phase != TaskPhase::Blocked);
}

#[test]
fn equal_actions_in_one_plan_run_once() {
    let mut story = Story::new(9);
    let build = story.submit_plan(vec![shared("lib", &[]), shared("lib", &[])], |_| {});
    story.resolve_node(build, 0);
    let (_, execution, attempt) = story.starts().remove(0);
    story.resolve_node(build, 1);
    assert!(story.words().is_empty());
    story.ends(attempt, Exit::Code(0));
    story.tell(Input::InputsVerified { execution, moved: Moved::Paths(vec![]) });
    assert_eq!(story.task_statuses(build), [Status::Ok, Status::Ok]);
}

#[test]
fn a_cancel_ends_what_waits_and_stops_what_runs() {
    let mut story = Story::new(1);
    let nodes = vec![node("a", &[]), node("b", &[]), shared("c", &[]), node("d", &[0])];
    let build = story.submit_plan(nodes, |_| {});
    let attempt = story.starts()[0].2;
    assert_eq!(story.tasks(build), ["running", "waiting", "resolving", "blocked"]);
    story.tell(Input::Cancel(build));
    assert!(story.stops(attempt) && story.ended().is_empty(), "not before it is gone");
    assert_eq!(story.tasks(build), ["running", "ended", "ended", "ended"]);
    story.ends(attempt, Exit::Signal(15));
    assert_eq!(story.statuses(), [(build, Status::Cancelled)]);
    assert!(story.task_statuses(build).iter().all(|status| *status == Status::Cancelled));
    story.resolve_node(build, 2);
    assert!(matches!(story.effects[..], [Effect::ReleaseSnapshot(_)]), "an answer that is late");
    assert!(story.core.is_idle());
}

#[test]
fn a_cancel_leaves_alone_what_others_want() {
    let mut story = Story::new(9);
    let one = story.submit_plan(vec![shared("lib", &[]), node("web", &[0])], |_| {});
    story.resolve_node(one, 0);
    let (_, execution, attempt) = story.starts().remove(0);
    let two = story.submit_plan(vec![shared("lib", &[])], |_| {});
    story.resolve_node(two, 0);
    story.tell(Input::Cancel(one));
    assert_eq!(story.statuses(), [(one, Status::Cancelled)]);
    assert!(!story.stops(attempt));
    story.ends(attempt, Exit::Code(0));
    story.tell(Input::InputsVerified { execution, moved: Moved::Paths(vec![]) });
    assert_eq!(story.statuses(), [(two, Status::Ok)]);
}

#[test]
fn a_drain_in_the_middle_of_a_plan_gives_every_node_an_end() {
    let mut story = Story::new(9);
    let nodes = vec![node("a", &[]), node("b", &[0]), node("c", &[1]), shared("d", &[0])];
    let build = story.submit_plan(nodes, |_| {});
    let a = story.starts()[0].2;
    story.ends(a, Exit::Code(0));
    assert_eq!(story.tasks(build), ["ended", "running", "blocked", "resolving"]);
    let b = story.starts()[0].2;
    story.tell(Input::Drain { grace_ms: 9 });
    assert!(story.stops(b));
    story.ends(b, Exit::Signal(15));
    assert_eq!(story.statuses(), [(build, Status::Interrupted)]);
    let not_run = Status::NotRun;
    assert_eq!(story.task_statuses(build), [Status::Ok, Status::Interrupted, not_run, not_run]);
    assert!(matches!(story.effects.last(), Some(Effect::Drained)));
}

#[test]
fn a_failure_that_others_ran_into_first_is_a_failure_here() {
    let mut story = Story::new(9);
    let build = story.submit_plan(vec![shared("lib", &[]), shared("web", &[0])], |_| {});
    let other = story.submit_plan(vec![shared("lib", &[])], |_| {});
    story.resolve_node(other, 0);
    let (_, execution, attempt) = story.starts().remove(0);
    story.resolve_node(build, 0);
    story.ends(attempt, Exit::Code(2));
    story.tell(Input::InputsVerified { execution, moved: Moved::Paths(vec!["x".into()]) });
    assert_eq!(story.task_statuses(build), [Status::Failed, Status::Skipped]);
    let outcome = story.outcome(build);
    assert_eq!(outcome.moved, Some(vec!["x".into()]));
    assert_eq!(outcome.result.expect("a result").exit, Exit::Code(2));
}

//! The core by examples: one story a test, told in inputs and read off effects. What holds in all
//! stories is the simulation's business (`tests/tests/sim`).

use super::{
    ChangedFile, Core, Effect, Input, Limits, Moved, NodeRef, Now, Refusal, Submission, Target,
};
use crate::model::command::tests::command;
use crate::model::{
    Action, AttemptId, AttemptResult, BuildId, BuildView, ClientId, Command, Digest, ExecutionId,
    Exit, Join, JoinReason, NodeIndex, OutcomeSource, Phase, Plan, Presentation, Priority, Status,
    TreeVersion, WaitReason,
};
use crate::scheduler::PriorityScheduler;

pub(super) struct Story {
    pub(super) core: Core,
    pub(super) now: u64,
    pub(super) effects: Vec<Effect>,
}

pub(super) fn asking(word: &str) -> Submission {
    Submission {
        client: ClientId(1),
        session: "agent:a".into(),
        plan: plan(word, Join::Yes(JoinReason::Asked)),
        priority: Priority::Agent,
        timeout_ms: None,
        detach: false,
        keep_going: false,
        parent: None,
    }
}

fn plan(word: &str, join: Join) -> Plan {
    Plan::of_action(Action::of_command(command(&[word])), join)
}

/// The only node of a plain command.
pub(super) fn only_node(build: BuildId) -> Target {
    Target::Node(NodeRef { build, node: NodeIndex(0) })
}

/// A change of which nobody can tell when it was made.
pub(super) fn changed(path: &str) -> ChangedFile {
    ChangedFile { path: path.into(), added: false, changed_ms: None }
}

pub(super) fn unshared(submission: &mut Submission) {
    let mut nodes = submission.plan.nodes().to_vec();
    nodes.iter_mut().for_each(|node| node.join = Join::No(JoinReason::NotABuild));
    submission.plan = Plan::new(nodes).expect("a plan");
}

impl Story {
    pub(super) fn new(places: u32) -> Self {
        let limits = Limits { builds: 5, stop_grace_ms: 100 };
        Self {
            core: Core::new(limits, Box::new(PriorityScheduler::new(places))),
            now: 0,
            effects: vec![],
        }
    }

    pub(super) fn tell(&mut self, input: Input) -> &[Effect] {
        self.now += 1;
        let now = Now { mono_ms: self.now, wall_ms: self.now };
        self.effects = self.core.step(now, input);
        &self.effects
    }

    pub(super) fn submit(&mut self, word: &str, change: impl FnOnce(&mut Submission)) -> BuildId {
        let mut submission = asking(word);
        change(&mut submission);
        match self.tell(Input::Submit(submission)).first() {
            Some(Effect::Submitted(Ok(build))) => *build,
            other => panic!("not accepted: {other:?}"),
        }
    }

    /// A shared build, with the state of its files established.
    pub(super) fn shared(&mut self, word: &str, epoch: u64) -> BuildId {
        let build = self.submit(word, |_| {});
        self.resolve(only_node(build), epoch);
        build
    }

    pub(super) fn resolve(&mut self, target: Target, epoch: u64) {
        let state = TreeVersion { tree: Digest([7; 32]), epoch };
        self.tell(Input::InputsDigested { target, version: Ok(state.into()) });
    }

    pub(super) fn started(&self) -> Option<(ExecutionId, AttemptId)> {
        self.effects.iter().find_map(|effect| match effect {
            Effect::Start { execution, attempt, .. } => Some((*execution, *attempt)),
            _ => None,
        })
    }

    pub(super) fn ends(&mut self, attempt: AttemptId, exit: Exit) {
        let result = AttemptResult { exit, duration_ms: 10, cpu_ms: 5, peak_rss_bytes: 1 };
        self.tell(Input::AttemptEnded { attempt, result, lost: None });
    }

    pub(super) fn ended(&self) -> Vec<BuildView> {
        let ended = self.effects.iter().filter_map(|effect| match effect {
            Effect::Ended(view) => Some(BuildView::clone(view)),
            _ => None,
        });
        ended.collect()
    }

    pub(super) fn statuses(&self) -> Vec<(BuildId, Status)> {
        let status = |view: BuildView| (view.id, view.outcome().expect("an outcome").status);
        self.ended().into_iter().map(status).collect()
    }

    pub(super) fn view(&self, build: BuildId) -> BuildView {
        let now = Now { mono_ms: self.now, wall_ms: self.now };
        self.core.view(now, build).expect("a build that has not ended")
    }

    pub(super) fn stops(&self, attempt: AttemptId) -> bool {
        self.effects.iter().any(|e| matches!(e, Effect::Stop { attempt: a, .. } if *a == attempt))
    }
}

#[test]
fn the_same_work_on_the_same_state_runs_once() {
    let mut story = Story::new(9);
    let first = story.shared("cargo", 1);
    let (execution, attempt) = story.started().expect("it starts");
    let second = story.shared("cargo", 1);
    assert_eq!(story.started(), None);
    assert!(story.view(second).joined && !story.view(first).joined);
    story.ends(attempt, Exit::Code(0));
    assert!(story.statuses().is_empty(), "an outcome before it is known what moved");
    story.tell(Input::InputsVerified { execution, moved: Moved::Paths(vec![]) });
    assert_eq!(story.statuses(), [(first, Status::Ok), (second, Status::Ok)]);
    let sources: Vec<_> = story.ended().iter().map(|v| v.outcome().expect("one").source).collect();
    assert_eq!(sources, [OutcomeSource::Executed, OutcomeSource::Joined]);
}

#[test]
fn another_state_or_another_command_is_other_work() {
    let mut story = Story::new(9);
    story.shared("cargo", 1);
    story.shared("cargo", 2);
    assert!(story.started().is_some(), "the files had changed");
    story.shared("make", 2);
    assert!(story.started().is_some(), "another command");
    story.submit("deploy", unshared);
    assert!(story.started().is_some());
    story.submit("deploy", unshared);
    assert!(story.started().is_some(), "what is not shared runs as often as it is asked");
}

#[test]
fn one_of_two_leaves_and_the_last_one_takes_the_processes_along() {
    let mut story = Story::new(9);
    let first = story.shared("cargo", 1);
    let (_, attempt) = story.started().expect("it starts");
    let second = story.shared("cargo", 1);
    story.tell(Input::Cancel(first));
    assert_eq!(story.statuses(), [(first, Status::Cancelled)]);
    assert!(!story.stops(attempt));
    story.tell(Input::ClientGone(ClientId(1)));
    assert!(story.stops(attempt));
    assert!(story.statuses().is_empty(), "acknowledged before the processes were gone");
    story.ends(attempt, Exit::Signal(15));
    assert_eq!(story.statuses(), [(second, Status::Cancelled)]);
}

#[test]
fn work_that_is_being_stopped_is_not_joined_and_not_run_twice_at_once() {
    let mut story = Story::new(9);
    let first = story.shared("cargo", 1);
    let (execution, attempt) = story.started().expect("it starts");
    story.tell(Input::Cancel(first));
    let second = story.shared("cargo", 1);
    assert_eq!(story.started(), None);
    assert_eq!(story.view(second).phase, Phase::Waiting(WaitReason::Predecessor(execution)));
    story.ends(attempt, Exit::Signal(15));
    let successor = story.view(second).execution.expect("its own execution");
    story.resolve(Target::Execution(successor), 1);
    assert_eq!(story.started().map(|(execution, _)| execution), Some(successor));
}

/// A shared build whose client has one file for both outputs, or shows colours.
fn asked(story: &mut Story, output: Presentation) -> BuildId {
    let build = story.submit("cargo", |submission| {
        let command = Command { output, ..Command::clone(submission.plan.command()) };
        let action = Action::of_command(command);
        submission.plan = Plan::of_action(action, Join::Yes(JoinReason::Asked));
    });
    story.resolve(only_node(build), 1);
    build
}

const ONE: Presentation = Presentation { one_stream: true, colors: false };
const APART: Presentation = Presentation { one_stream: false, colors: false };

#[test]
fn one_stream_serves_those_who_have_one_and_two_streams_serve_all() {
    let mut story = Story::new(9);
    let first = asked(&mut story, APART);
    let (execution, attempt) = story.started().expect("it starts");
    let joiner = asked(&mut story, ONE);
    assert_eq!(story.view(joiner).execution, Some(execution));
    story.ends(attempt, Exit::Code(0));
    story.tell(Input::InputsVerified { execution, moved: Moved::Paths(vec![]) });
    assert_eq!(story.statuses(), [(first, Status::Ok), (joiner, Status::Ok)]);

    asked(&mut story, ONE);
    let (execution, attempt) = story.started().expect("it starts");
    let apart = asked(&mut story, APART);
    assert_eq!(story.started(), None, "the same work runs twice at once");
    assert_eq!(story.view(apart).phase, Phase::Waiting(WaitReason::OneStream(execution)));
    let joiner = asked(&mut story, ONE);
    assert_eq!(story.view(joiner).execution, Some(execution), "it is served by what runs");
    let other = asked(&mut story, APART);
    assert_eq!(story.view(other).execution, story.view(apart).execution);
    story.ends(attempt, Exit::Code(0));
    story.tell(Input::InputsVerified { execution, moved: Moved::Paths(vec![]) });
    let successor = story.view(apart).execution.expect("its own execution");
    story.resolve(Target::Execution(successor), 1);
    let (started, _) = story.started().expect("it starts");
    assert_eq!((started, story.view(apart).output), (successor, APART));
}

#[test]
fn how_output_is_given_is_decided_at_the_start_by_all_who_want_it() {
    let mut story = Story::new(1);
    story.submit("blocker", unshared);
    let (_, blocker) = story.started().expect("it starts");
    let one = asked(&mut story, ONE);
    let coloured = asked(&mut story, Presentation { one_stream: false, colors: true });
    story.ends(blocker, Exit::Code(0));
    let execution = story.view(one).execution.expect("an execution");
    story.resolve(Target::Execution(execution), 1);
    let output = Presentation { one_stream: false, colors: true };
    assert_eq!((story.view(one).output, story.view(coloured).output), (output, output));
}

#[test]
fn a_build_inside_one_stream_does_not_wait_for_what_waits_for_that() {
    let mut story = Story::new(9);
    let outer = asked(&mut story, ONE);
    story.started().expect("it starts");
    let apart = asked(&mut story, APART);
    let inner = story.submit("cargo", |submission| submission.parent = Some(outer));
    story.resolve(only_node(inner), 1);
    assert!(story.started().is_some(), "it waits for itself");
    assert_ne!(story.view(inner).execution, story.view(apart).execution);
    assert_eq!(story.view(inner).join_reason, JoinReason::WouldWaitForItself);
}

#[test]
fn who_waited_is_looked_at_again_and_meets_who_wants_the_same() {
    let mut story = Story::new(1);
    let blocker = story.submit("blocker", unshared);
    let (_, attempt) = story.started().expect("it starts");
    let early = story.shared("cargo", 1);
    let late = story.shared("cargo", 2);
    let (one, two) = (story.view(early).execution, story.view(late).execution);
    assert_ne!(one, two, "they were asked for on different states");
    story.ends(attempt, Exit::Code(0));
    assert_eq!(story.statuses(), [(blocker, Status::Ok)]);
    story.resolve(Target::Execution(one.expect("an execution")), 2);
    assert_eq!(story.view(early).execution, two, "by now they want the same");
    story.resolve(Target::Execution(two.expect("an execution")), 2);
    assert_eq!(story.started().map(|(execution, _)| execution), two);
}

#[test]
fn a_joiner_lends_its_priority_and_takes_it_along() {
    let mut story = Story::new(1);
    story.submit("blocker", unshared);
    let waiting = story.submit("make", unshared);
    let shared = story.submit("cargo", |s| s.priority = Priority::Background);
    story.resolve(only_node(shared), 1);
    let place = |story: &Story, build| match story.view(build).phase {
        Phase::Waiting(WaitReason::Workers { position, .. }) => position,
        other => panic!("{other:?}"),
    };
    assert_eq!((place(&story, waiting), place(&story, shared)), (1, 2));
    let person = story.submit("cargo", |s| s.priority = Priority::User);
    story.resolve(only_node(person), 1);
    assert_eq!((place(&story, shared), place(&story, waiting)), (1, 2));
    assert_eq!(story.view(shared).priority, Priority::User);
    story.tell(Input::Cancel(person));
    assert_eq!((place(&story, waiting), place(&story, shared)), (1, 2));
}

#[test]
fn who_goes_with_all_builds_lends_no_priority_on_the_way() {
    let mut story = Story::new(1);
    let going = ClientId(9);
    story.submit("blocker", unshared);
    let (_, attempt) = story.started().expect("it starts");
    let first = story.submit("first", |s| (s.client, s.priority) = (going, Priority::User));
    story.resolve(only_node(first), 1);
    let shared = story.submit("cargo", |s| s.priority = Priority::Background);
    story.resolve(only_node(shared), 1);
    let lending = story.submit("cargo", |s| (s.client, s.priority) = (going, Priority::User));
    story.resolve(only_node(lending), 1);
    let editor = story.submit("make", |s| {
        unshared(s);
        s.priority = Priority::Editor;
    });
    story.ends(attempt, Exit::Code(0));
    // Its place is that of the one that goes, whose state is being established.
    story.tell(Input::ClientGone(going));
    let (execution, _) = story.started().expect("somebody gets the place");
    assert_eq!(story.view(editor).execution, Some(execution), "one of a lower class is first");
}

#[test]
fn a_build_inside_a_build_needs_no_place() {
    let mut story = Story::new(1);
    let outer = story.submit("make", unshared);
    story.submit("cargo", |s| {
        unshared(s);
        s.parent = Some(outer);
    });
    assert!(story.started().is_some(), "it waits for the place of its parent, for ever");
}

#[test]
fn who_needs_no_place_takes_that_along() {
    let mut story = Story::new(1);
    let outer = story.submit("make", unshared);
    let (_, outer_attempt) = story.started().expect("it has the only place");
    let inside = |story: &mut Story| {
        let build = story.submit("cargo", |s| s.parent = Some(outer));
        story.resolve(only_node(build), 1);
        build
    };
    let stopping = inside(&mut story);
    let (_, attempt) = story.started().expect("in the place of its parent");
    story.tell(Input::Cancel(stopping));
    let waiting = story.shared("cargo", 1);
    let inner = inside(&mut story);
    let execution = story.view(inner).execution.expect("an execution");
    assert_eq!(story.view(waiting).execution, Some(execution));
    story.ends(attempt, Exit::Signal(15));
    story.tell(Input::Cancel(inner));
    story.resolve(Target::Execution(execution), 1);
    assert_eq!(story.started(), None, "there is no place for it");
    story.ends(outer_attempt, Exit::Code(0));
    story.resolve(Target::Execution(execution), 1);
    assert_eq!(story.started().map(|(execution, _)| execution), Some(execution));
}

#[test]
fn a_build_does_not_join_what_waits_for_it() {
    let mut story = Story::new(9);
    let outer = story.shared("make", 1);
    let inner = story.submit("make", |s| s.parent = Some(outer));
    story.resolve(only_node(inner), 1);
    assert!(story.started().is_some(), "it waits for itself, for ever");
    assert_eq!(story.view(inner).join_reason, JoinReason::WouldWaitForItself);
}

#[test]
fn time_runs_out_for_who_waits_and_for_who_runs() {
    let mut story = Story::new(1);
    let runs = story.submit("make", |s| {
        unshared(s);
        s.timeout_ms = Some(50);
    });
    let (_, attempt) = story.started().expect("it starts");
    let waits = story.submit("make", |s| {
        unshared(s);
        s.timeout_ms = Some(20);
    });
    story.now = story.core.wake_at().expect("a deadline");
    story.tell(Input::Tick);
    assert_eq!(story.statuses(), [(waits, Status::TimedOut)]);
    while !story.stops(attempt) {
        story.now = story.core.wake_at().expect("a deadline");
        story.tell(Input::Tick);
    }
    story.ends(attempt, Exit::Signal(15));
    assert_eq!(story.statuses(), [(runs, Status::TimedOut)]);
    assert_eq!(story.core.wake_at().filter(|at| *at > story.now + 1_000), None);
}

#[test]
fn a_drain_refuses_the_new_drops_the_waiting_and_stops_the_running() {
    let mut story = Story::new(1);
    let runs = story.shared("cargo", 1);
    let (_, attempt) = story.started().expect("it starts");
    let waits = story.submit("make", unshared);
    let resolves = story.submit("make", |_| {});
    story.tell(Input::Drain { grace_ms: 9 });
    let mut dropped = story.statuses();
    dropped.sort();
    assert_eq!(dropped, [(waits, Status::NotRun), (resolves, Status::NotRun)]);
    assert!(story.stops(attempt) && story.started().is_none());
    let refused = story.tell(Input::Submit(asking("true"))).first();
    assert!(matches!(refused, Some(Effect::Submitted(Err(Refusal::Draining)))));
    story.ends(attempt, Exit::Signal(15));
    assert_eq!(story.statuses(), [(runs, Status::Interrupted)]);
    assert!(matches!(story.effects.last(), Some(Effect::Drained)));
}

#[test]
fn what_moved_is_told_to_all_and_doubt_is_told_as_doubt() {
    for (moved, paths, message) in [
        (Moved::Paths(vec!["a".into()]), Some(vec!["a".into()]), false),
        (Moved::Unknown("why".into()), None, true),
    ] {
        let mut story = Story::new(1);
        story.shared("cargo", 1);
        let (execution, attempt) = story.started().expect("it starts");
        story.shared("cargo", 1);
        story.ends(attempt, Exit::Code(0));
        story.tell(Input::InputsVerified { execution, moved });
        let ended = story.ended();
        assert_eq!(ended.len(), 2);
        for view in ended {
            let outcome = view.outcome().expect("an outcome").clone();
            assert_eq!((outcome.moved, outcome.message.is_some()), (paths.clone(), message));
        }
    }
}

#[test]
fn a_full_house_refuses() {
    let mut story = Story::new(1);
    for _ in 0..5 {
        story.submit("make", |_| {});
    }
    let refused = story.tell(Input::Submit(asking("true"))).first();
    assert!(matches!(refused, Some(Effect::Submitted(Err(Refusal::QueueFull(5))))));
}

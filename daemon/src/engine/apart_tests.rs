//! Who shares with whom by what they find beside the workspace, and what is said to those who do
//! not.

use super::input::InputVersion;
use super::tests::{Story, asking, only_node};
use super::{Effect, Input, Moved, Target};
use crate::model::command::tests::command;
use crate::model::{
    Action, Apart, BuildId, Difference, Digest, Exit, Fact, Join, JoinReason, Phase, Plan, Stamp,
    Surroundings, TreeVersion, WaitReason,
};

/// Surroundings in which a file of this size may be read, and a directory was made or not.
fn around(size: u64, made: bool) -> Surroundings {
    let stamp = Stamp { mode: 0, identity: [0, 0], size, changed_ns: [0, 0] };
    let mut around = Surroundings::default();
    around.add("/lib".into(), Fact::Input(stamp));
    if made {
        around.add("/ws/target".into(), Fact::Output(1));
    }
    around
}

fn resolve(story: &mut Story, target: Target, around: Surroundings) {
    let tree = TreeVersion { tree: Digest([7; 32]), epoch: 1 };
    let version = InputVersion { tree, surroundings: around.into() };
    story.tell(Input::InputsDigested { target, version: Ok(version) });
}

/// A build that finds these; whether it joined.
fn asks(story: &mut Story, around: Surroundings) -> (BuildId, bool) {
    let build = story.submit("cargo", |_| {});
    resolve(story, only_node(build), around);
    (build, story.view(build).joined)
}

#[test]
fn whoever_finds_the_same_shares_and_whoever_finds_something_else_does_not() {
    let mut story = Story::new(9);
    let (first, joined) = asks(&mut story, around(1, false));
    assert!(!joined);
    assert!(asks(&mut story, around(1, false)).1);
    let (other, joined) = asks(&mut story, around(2, false));
    assert!(!joined);
    let by = Difference::Surroundings(Apart::Input("/lib".into()));
    assert_eq!(story.view(other).join_reason, JoinReason::Apart { from: first, by });
    // There are two now, and each has its own.
    for (size, of) in [(1, first), (2, other)] {
        let (next, joined) = asks(&mut story, around(size, false));
        assert!(joined);
        assert_eq!(story.view(next).execution, story.view(of).execution);
    }
}

#[test]
fn what_was_made_since_may_not_go() {
    let mut story = Story::new(9);
    asks(&mut story, around(1, false));
    assert!(asks(&mut story, around(1, true)).1, "it came");
    assert!(!asks(&mut story, around(1, false)).1, "it went");
}

#[test]
fn in_doubt_everybody_runs_alone() {
    let mut story = Story::new(9);
    for _ in 0..3 {
        assert!(!asks(&mut story, Surroundings::unknown("it is too large")).1);
    }
}

#[test]
fn of_one_that_waited_the_surroundings_at_its_start_count() {
    let mut story = Story::new(1);
    let other = story.shared("make", 1);
    let (_, attempt) = story.started().expect("it runs");
    let (waiting, _) = asks(&mut story, around(1, false));
    assert!(matches!(story.view(waiting).phase, Phase::Waiting(WaitReason::Workers { .. })));
    story.ends(attempt, Exit::Code(0));
    let execution = story.view(other).execution.expect("one");
    story.tell(Input::InputsVerified { execution, moved: Moved::Paths(vec![]) });
    let execution = story.view(waiting).execution.expect("one");
    resolve(&mut story, Target::Execution(execution), around(2, false));
    assert!(story.started().is_some());
    assert!(!asks(&mut story, around(1, false)).1);
    assert!(asks(&mut story, around(2, false)).1);
}

#[test]
fn a_command_that_has_ended_is_waited_for_and_not_joined() {
    let mut story = Story::new(9);
    let (first, _) = asks(&mut story, around(1, false));
    let (execution, attempt) = story.started().expect("it runs");
    story.tell(Input::CommandEnded(attempt));
    let (second, joined) = asks(&mut story, around(1, false));
    assert!(!joined);
    let waits = Phase::Waiting(WaitReason::Predecessor(execution));
    assert_eq!(story.view(second).phase, waits);
    story.ends(attempt, Exit::Code(0));
    let (third, _) = asks(&mut story, around(1, false));
    assert_eq!(story.view(third).execution, story.view(second).execution);
    assert_eq!(story.view(second).phase, waits, "it is being verified");
    story.tell(Input::InputsVerified { execution, moved: Moved::Paths(vec![]) });
    assert_eq!(story.ended()[0].id, first);
    let own = story.view(second).execution.expect("one of its own");
    resolve(&mut story, Target::Execution(own), around(1, false));
    assert!(matches!(story.view(second).phase, Phase::Running { .. }));
}

#[test]
fn the_variable_that_keeps_apart_is_named() {
    let mut story = Story::new(9);
    let (first, _) = asks(&mut story, around(1, false));
    let mut other = command(&["cargo"]);
    other.environment.push(("FOO".into(), "1".into()));
    let plan = Plan::of_action(Action::of_command(other), Join::Yes(JoinReason::Asked));
    let build = story.submit("cargo", |asked| asked.plan = plan);
    resolve(&mut story, only_node(build), around(1, false));
    let by = Difference::Variable("FOO".into());
    assert_eq!(story.view(build).join_reason, JoinReason::Apart { from: first, by });
}

#[test]
fn files_that_keep_apart_are_asked_for_and_named() {
    let mut story = Story::new(9);
    let (first, _) = asks(&mut story, around(1, false));
    let build = story.submit("cargo", |_| {});
    story.resolve(only_node(build), 2);
    let Some(Effect::CompareInputs { node, execution, .. }) =
        story.effects.iter().find(|effect| matches!(effect, Effect::CompareInputs { .. })).cloned()
    else {
        panic!("nobody asks: {:?}", story.effects);
    };
    assert_eq!(story.view(build).join_reason, *asking("x").plan.nodes()[0].join.reason());
    let moved = Moved::Paths(vec!["a".into()]);
    story.tell(Input::InputsCompared { node, execution, moved });
    let by = Difference::Files(vec!["a".into()]);
    assert_eq!(story.view(build).join_reason, JoinReason::Apart { from: first, by });
    // Where no file is another, what was made may be gone.
    let mut story = Story::new(9);
    asks(&mut story, around(1, true));
    let build = story.submit("cargo", |_| {});
    let tree = TreeVersion { tree: Digest([7; 32]), epoch: 2 };
    let version = InputVersion { tree, surroundings: around(1, false).into() };
    story.tell(Input::InputsDigested { target: only_node(build), version: Ok(version) });
    let execution = execution_compared(&story);
    let node = super::NodeRef { build, node: crate::model::NodeIndex(0) };
    story.tell(Input::InputsCompared { node, execution, moved: Moved::Paths(vec![]) });
    let JoinReason::Apart { by, .. } = story.view(build).join_reason else { panic!("no reason") };
    assert_eq!(by, Difference::Surroundings(Apart::Output("/ws/target".into())));
}

fn execution_compared(story: &Story) -> crate::model::ExecutionId {
    let compared = story.effects.iter().find_map(|effect| match effect {
        Effect::CompareInputs { execution, .. } => Some(*execution),
        _ => None,
    });
    compared.expect("somebody asks")
}

#[test]
fn whoever_is_the_only_one_is_told_nothing() {
    let mut story = Story::new(9);
    let (first, _) = asks(&mut story, around(1, false));
    assert_eq!(story.view(first).join_reason, JoinReason::Asked);
    let other = story.submit("make", |_| {});
    resolve(&mut story, only_node(other), around(2, false));
    assert_eq!(story.view(other).join_reason, JoinReason::Asked, "another command");
}

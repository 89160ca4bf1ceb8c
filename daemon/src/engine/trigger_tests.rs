//! Stories of what is run on change.

use super::tests::{Story, asking, changed, only_node, unshared};
use super::{ChangedFile, Effect, Input, Submission, TriggerEvent, TriggerRequest};
use crate::model::{
    Action, AttemptId, BuildId, Command, Digest, Exit, Join, JoinReason, Plan, Status, TreeVersion,
    TriggerId,
};

const ID: TriggerId = TriggerId(1);

fn alone(word: &str) -> Submission {
    let mut submission = asking(word);
    unshared(&mut submission);
    submission
}

impl Story {
    fn add_trigger(&mut self, template: Submission, initial: bool) {
        let request = TriggerRequest { template, on: [].into(), initial };
        let effects = self.tell(Input::AddTrigger(request));
        assert!(matches!(effects[0], Effect::TriggerAdded(ID)));
        assert!(matches!(effects[1], Effect::PrepareTrigger { trigger: ID, .. }));
        assert_eq!(self.started(), None, "nothing runs before its files are watched");
        self.tell(Input::TriggerPrepared(ID));
    }

    fn change(&mut self, paths: &[&str]) {
        let files = paths.iter().map(|path| changed(path)).collect();
        self.tell(Input::FilesChanged { trigger: ID, files });
        assert!(self.effects.iter().any(|e| matches!(e, Effect::Subscribe(ID))), "it goes on");
    }

    fn news(&self) -> Vec<&TriggerEvent> {
        let news = self.effects.iter().filter_map(|effect| match effect {
            Effect::TriggerEvent(ID, news) => Some(news),
            _ => None,
        });
        news.collect()
    }

    /// The build that was started in this step, its attempt, and the paths it is for.
    fn run(&self) -> Option<(BuildId, AttemptId, Vec<String>)> {
        let [TriggerEvent::Started { build, changed }] = self.news()[..] else { return None };
        let paths = changed.iter().map(|path| path.display().to_string()).collect();
        let (_, attempt) = self.started()?;
        Some((*build, attempt, paths))
    }

    fn later(&mut self, ms: u64) {
        self.now += ms;
    }
}

#[test]
fn a_change_runs_it_and_what_changed_meanwhile_runs_it_again() {
    let mut story = Story::new(9);
    story.add_trigger(alone("make"), true);
    let (_, first, paths) = story.run().expect("the first run");
    assert!(paths.is_empty());
    story.ends(first, Exit::Code(0));
    assert!(story.news().is_empty());
    story.later(1000);
    story.change(&[]);
    assert!(story.news().is_empty(), "nothing that counts");
    story.change(&["b", "a"]);
    let (_, second, paths) = story.run().expect("a run");
    assert_eq!(paths, ["a", "b"]);
    story.ends(second, Exit::Code(1));
    assert!(story.news().is_empty(), "a failure is no reason to run it again");
}

#[test]
fn the_newest_state_wins() {
    let mut story = Story::new(9);
    story.add_trigger(alone("make"), false);
    story.change(&["a"]);
    let (build, attempt, _) = story.run().expect("a run");
    story.later(500);
    story.change(&["b"]);
    assert!(story.stops(attempt) && story.news().is_empty());
    story.ends(attempt, Exit::Signal(15));
    assert_eq!(story.statuses(), [(build, Status::Cancelled)]);
    let (_, _, paths) = story.run().expect("the next run");
    assert_eq!(paths, ["a", "b"]);
}

#[test]
fn what_is_nearly_done_may_finish() {
    let mut story = Story::new(9);
    story.add_trigger(alone("make"), false);
    story.change(&["a"]);
    let (_, attempt, _) = story.run().expect("a run");
    story.ends(attempt, Exit::Code(0)); // It took 10 ms.
    story.later(1000);
    story.change(&["a"]);
    let (build, attempt, _) = story.run().expect("a run");
    story.later(9);
    story.change(&["a"]);
    assert!(!story.stops(attempt));
    story.ends(attempt, Exit::Code(0));
    assert_eq!(story.statuses(), [(build, Status::Ok)]);
    let (_, attempt, _) = story.run().expect("and then the newest state");
    story.later(9);
    story.change(&["a"]);
    assert!(!story.stops(attempt));
    assert!(story.core.wake_at().is_some_and(|at| at <= story.now + 5));
    story.later(5);
    story.tell(Input::Tick);
    assert!(story.stops(attempt), "it was not nearly done");
}

#[test]
fn a_person_who_saves_one_file_again_and_again_is_served_all_the_while() {
    let mut story = Story::new(9);
    story.add_trigger(alone("make"), false);
    story.change(&["main"]);
    for save in 0..30 {
        let (_, attempt, _) = story.run().unwrap_or_else(|| panic!("no run after save {save}"));
        story.later(1000);
        story.change(&["main"]);
        if save < 10 {
            assert!(story.stops(attempt), "save {save}");
        }
        story.ends(attempt, Exit::Signal(15));
        if save >= 10 {
            // It may finish, and the next save comes when nothing runs.
            let (_, attempt, _) = story.run().expect("a run");
            story.ends(attempt, Exit::Code(0));
            story.later(700);
            story.change(&["main"]);
        }
    }
    assert!(story.run().is_some());
}

#[test]
fn somebody_else_who_wants_an_obsolete_run_keeps_it() {
    let mut story = Story::new(9);
    story.add_trigger(asking("cargo"), false);
    story.change(&["a"]);
    let [TriggerEvent::Started { build, .. }] = story.news()[..] else { panic!("no run") };
    let build = *build;
    let state = TreeVersion { tree: Digest([7; 32]), epoch: 1 };
    story.tell(Input::InputsDigested { target: only_node(build), version: Ok(state.into()) });
    let (_, attempt) = story.started().expect("it starts");
    let other = story.shared("cargo", 1);
    story.later(500);
    story.change(&["b"]);
    assert!(!story.stops(attempt), "{other} wants it");
    assert_eq!(story.statuses(), [(build, Status::Cancelled)]);
    assert!(!story.news().is_empty(), "the newest state runs at once");
}

#[test]
fn a_command_that_changes_its_own_files_comes_to_rest_and_is_explained() {
    let mut story = Story::new(9);
    story.add_trigger(alone("make"), false);
    story.change(&["source"]);
    let mut runs = 0;
    while let Some((_, attempt, _)) = story.run() {
        runs += 1;
        assert!(runs < 20, "for ever");
        // Half of the time the change is told during the run, half of the time after it.
        if runs % 2 == 0 {
            story.change(&["log.txt", "other.txt"]);
            story.ends(attempt, Exit::Code(0));
        } else {
            story.ends(attempt, Exit::Code(0));
            story.later(40);
            story.change(&["log.txt"]);
        }
    }
    assert_eq!(story.news(), [&TriggerEvent::Loop("log.txt".into())]);
    story.change(&["log.txt"]);
    assert!(story.news().is_empty(), "it is told once");
    story.later(5000);
    story.change(&["source"]);
    assert!(story.run().is_some(), "a change between runs begins anew");
}

#[test]
fn changes_of_different_files_during_runs_are_no_loop() {
    let mut story = Story::new(9);
    story.add_trigger(alone("make"), false);
    story.change(&["start"]);
    for file in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        let (_, attempt, _) = story.run().expect("a run");
        story.change(&[file]);
        story.ends(attempt, Exit::Code(0));
    }
    assert!(story.run().is_some());
}

#[test]
fn it_ends_with_its_client() {
    let mut story = Story::new(9);
    let submission = alone("make");
    let client = submission.client;
    story.add_trigger(submission, true);
    let (_, attempt, _) = story.run().expect("the first run");
    story.tell(Input::ClientGone(client));
    assert!(story.stops(attempt));
    story.ends(attempt, Exit::Signal(15));
    story.tell(Input::FilesChanged { trigger: ID, files: vec![changed("a")] });
    assert!(story.effects.is_empty() && story.core.is_idle());
}

#[test]
fn the_paths_take_the_place_of_their_argument() {
    let mut story = Story::new(9);
    let mut submission = alone("lint");
    let command = Command {
        argv: ["lint", "--fix", "{changed}", "{changed}.txt"].map(Into::into).to_vec(),
        ..Command::clone(submission.plan.command())
    };
    submission.plan = Plan::of_action(Action::of_command(command), Join::No(JoinReason::NotABuild));
    let (cwd, root) =
        (submission.plan.command().cwd.clone(), submission.plan.command().root.clone());
    story.add_trigger(submission, false);
    story.change(&["b", "a"]);
    let argv = story.effects.iter().find_map(|effect| match effect {
        Effect::Start { action, .. } => Some(action.command.argv.clone()),
        _ => None,
    });
    let place =
        |path: &str| if cwd == root { path.into() } else { root.join(path).into_os_string() };
    let expected = ["lint".into(), "--fix".into(), place("a"), place("b"), "{changed}.txt".into()];
    assert_eq!(argv.expect("a start"), expected);
}

/// The arguments that take the place of `{changed}` in a command that runs in the root.
fn arguments(paths: &[String]) -> Vec<std::ffi::OsString> {
    let mut story = Story::new(9);
    let mut submission = alone("lint");
    let root = submission.plan.command().root.clone();
    let argv = ["lint", "{changed}"].map(Into::into).to_vec();
    let command = Command { argv, cwd: root, ..Command::clone(submission.plan.command()) };
    submission.plan = Plan::of_action(Action::of_command(command), Join::No(JoinReason::NotABuild));
    story.add_trigger(submission, false);
    let paths: Vec<_> = paths.iter().map(String::as_str).collect();
    story.change(&paths);
    let argv = story.effects.iter().find_map(|effect| match effect {
        Effect::Start { action, .. } => Some(action.command.argv.clone()),
        _ => None,
    });
    argv.expect("a start").split_off(1)
}

#[test]
fn no_path_is_taken_for_an_option() {
    let paths = ["-rf", "--", "a/-b", "a\nb"].map(str::to_owned);
    assert_eq!(arguments(&paths), ["./--", "./-rf", "a/-b", "a\nb"]);
}

#[test]
fn more_paths_than_a_command_line_holds_are_the_root() {
    let paths = |count: usize, length: usize| -> Vec<String> {
        (0..count).map(|number| format!("{number:0length$}")).collect()
    };
    let is_root = |arguments: &[std::ffi::OsString]| {
        arguments.len() == 1 && std::path::Path::new(&arguments[0]).is_absolute()
    };
    assert_eq!(arguments(&paths(1000, 4)).len(), 1000);
    assert!(is_root(&arguments(&paths(1001, 4))));
    // Each takes a byte more than its length.
    assert_eq!(arguments(&paths(64, 1023)).len(), 64);
    assert!(is_root(&arguments(&paths(64, 1024))));
}

/// A change that was made at this time, on the clock of the story.
fn at(path: &str, changed_ms: u64) -> ChangedFile {
    ChangedFile { changed_ms: Some(changed_ms), ..changed(path) }
}

#[test]
fn what_a_superseded_run_was_for_is_part_of_what_the_next_one_is_for() {
    let mut story = Story::new(9);
    story.add_trigger(alone("make"), false);
    story.change(&["a"]);
    let (_, first, _) = story.run().expect("a run");
    story.change(&["b"]);
    assert!(story.stops(first));
    story.ends(first, Exit::Signal(15));
    let (_, second, paths) = story.run().expect("the next run");
    assert_eq!(paths, ["a", "b"]);
    story.change(&["c"]);
    story.ends(second, Exit::Signal(15));
    let (_, third, paths) = story.run().expect("the next run");
    assert_eq!(paths, ["a", "b", "c"]);
    story.ends(third, Exit::Code(0));
    story.later(1000);
    story.change(&["d"]);
    assert_eq!(story.run().expect("a run").2, ["d"], "a run that finished has done its part");
}

#[test]
fn a_save_right_after_a_run_is_no_echo_of_it() {
    let mut story = Story::new(9);
    story.add_trigger(alone("make"), true);
    let (_, mut attempt, _) = story.run().expect("the first run");
    for round in 0..20 {
        story.later(50);
        story.ends(attempt, Exit::Code(0));
        let saved = story.now + 5;
        story.later(10);
        story.tell(Input::FilesChanged { trigger: ID, files: vec![at("a", saved)] });
        (_, attempt, _) = story.run().unwrap_or_else(|| panic!("round {round}: a save was lost"));
    }
}

#[test]
fn a_late_report_of_what_a_run_wrote_is_no_save() {
    let mut story = Story::new(9);
    story.add_trigger(alone("make"), true);
    let mut runs = 0;
    while let Some((_, attempt, _)) = story.run() {
        runs += 1;
        story.later(50);
        let written = story.now;
        story.ends(attempt, Exit::Code(0));
        story.later(5000);
        story.tell(Input::FilesChanged { trigger: ID, files: vec![at("out", written)] });
        assert!(runs < 20, "a loop that is not found");
    }
    assert!(matches!(story.news()[..], [TriggerEvent::Loop(_)]));
}

#[test]
fn what_else_changed_while_a_loop_is_named_is_run() {
    let mut story = Story::new(9);
    story.add_trigger(alone("make"), true);
    let files = || vec![changed("out")];
    while let Some((_, attempt, _)) = story.run() {
        story.ends(attempt, Exit::Code(0));
        story.tell(Input::FilesChanged { trigger: ID, files: files() });
    }
    assert!(matches!(story.news()[..], [TriggerEvent::Loop(_)]));
    let files = vec![changed("out"), changed("src")];
    story.tell(Input::FilesChanged { trigger: ID, files });
    assert_eq!(story.run().expect("a run").2, ["src"]);
}

#[test]
fn a_command_that_makes_files_of_other_names_comes_to_rest() {
    let mut story = Story::new(9);
    story.add_trigger(alone("make"), true);
    let mut runs = 0;
    while let Some((_, attempt, _)) = story.run() {
        runs += 1;
        story.ends(attempt, Exit::Code(0));
        let file = ChangedFile { added: true, ..changed(&format!("out.{runs}")) };
        story.tell(Input::FilesChanged { trigger: ID, files: vec![file] });
        assert!(runs < 40, "a loop that is not found");
    }
    assert!(matches!(story.news()[..], [TriggerEvent::Loop(_)]));
}

#[test]
fn two_that_call_each_other_come_to_rest() {
    let mut story = Story::new(9);
    story.add_trigger(alone("make"), true);
    let (_, attempt, _) = story.run().expect("the first run");
    let request = TriggerRequest { template: alone("lint"), on: [].into(), initial: false };
    story.tell(Input::AddTrigger(request));
    let other = TriggerId(2);
    story.tell(Input::TriggerPrepared(other));
    let (mut next, mut attempt, mut runs) = (other, attempt, 0);
    loop {
        let written = story.now;
        story.ends(attempt, Exit::Code(0));
        story.later(1000);
        let file = at(if next == other { "made" } else { "linted" }, written);
        story.tell(Input::FilesChanged { trigger: next, files: vec![file] });
        let Some((_, started)) = story.started() else { break };
        (attempt, next, runs) = (started, if next == other { ID } else { other }, runs + 1);
        assert!(runs < 40, "a loop that is not found");
    }
}

#[test]
fn a_quick_run_is_known_by_files_whose_clock_is_late() {
    let mut story = Story::new(9);
    story.now = 1000;
    story.add_trigger(alone("make"), true);
    let mut runs = 0;
    while let Some((_, attempt, _)) = story.run() {
        runs += 1;
        let written = story.now - 4;
        story.ends(attempt, Exit::Code(0));
        story.later(500);
        story.tell(Input::FilesChanged { trigger: ID, files: vec![at("out", written)] });
        assert!(runs < 20, "a loop that is not found");
    }
    assert!(matches!(story.news()[..], [TriggerEvent::Loop(_)]));
}

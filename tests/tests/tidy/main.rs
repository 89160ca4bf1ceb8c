//! The rules of the source tree itself, checked on this checkout: who may use whom, how large a
//! thing may be, which words are not used, and what has to be where. Each rule has a file with
//! tests that show it red on a small tree that breaks it.

mod arrows;
mod circles;
mod documents;
mod exceptions;
mod finding;
mod lexed;
mod manifests;
mod modules;
mod purity;
mod reading;
mod shape;
mod sizes;
mod tree;
mod words;

use exceptions::EXCEPTIONS;
use finding::{Finding, judge};
use tree::Tree;

/// Fails with everything that `rule` finds in this repository.
#[track_caller]
fn holds(rule: &str, check: impl Fn(&Tree) -> Vec<Finding>) {
    assert!(RULES.contains(&rule), "BUG: {rule} is not among the rules");
    if let Err(broken) = judge(rule, &check(&Tree::of_checkout()), EXCEPTIONS) {
        panic!("{broken}");
    }
}

const RULES: [&str; 9] =
    ["arrows", "circles", "documents", "manifests", "purity", "reading", "shape", "sizes", "words"];

#[test]
fn rooms_and_crates_use_what_they_may() {
    holds("arrows", arrows::check);
}

#[test]
fn no_files_form_a_circle() {
    let places = EXCEPTIONS.iter().flat_map(|group| group.places);
    let circles = places.filter(|(rule, ..)| *rule == "circles");
    let tolerated: Vec<_> = circles.map(|(_, from, to)| (*from, *to)).collect();
    holds("circles", |tree| circles::check(tree, &tolerated));
}

#[test]
fn documents_point_at_what_is_there() {
    holds("documents", documents::check);
}

#[test]
fn dependencies_have_reasons() {
    holds("manifests", manifests::check);
}

#[test]
fn pure_rooms_touch_nothing() {
    holds("purity", purity::check);
}

#[test]
fn what_others_made_is_read_in_one_place() {
    holds("reading", reading::check);
}

#[test]
fn files_say_what_they_are_for_and_belong_somewhere() {
    holds("shape", shape::check);
}

#[test]
fn nothing_is_too_large() {
    holds("sizes", sizes::check);
}

#[test]
fn words_are_the_field_s() {
    holds("words", words::check);
}

#[test]
fn exceptions_have_a_rule_and_a_reason() {
    for group in EXCEPTIONS {
        assert!(group.reason.split_whitespace().count() > 3, "{group:?} has no reason");
        for (rule, file, _) in group.places {
            assert!(RULES.contains(rule), "{file}: there is no rule {rule}");
        }
    }
}

//! Elixir and Erlang.

use super::driver::{Call, Driver};
use super::names::options_act;
use super::reads::NOTHING;
use super::words::Words;
use crate::model::{Place, ToolHome, ToolReads};

/// The driver of Elixir and Erlang.
#[derive(Debug)]
pub(super) struct Elixir;

/// What Mix and rebar read.
const READS: ToolReads = ToolReads {
    homes: &[ToolHome::at(Place::Config("rebar3"), &["rebar.config"])],
    upward: &["mix.exs", "mix.lock", "rebar.config"],
    manifests: &["mix.exs", "rebar.config"],
    outputs: &["_build", "deps"],
    programs: &["elixir", "erl"],
    ..NOTHING
};

impl Driver for Elixir {
    fn name(&self) -> &'static str {
        "elixir"
    }

    fn reads(&self) -> &'static ToolReads {
        &READS
    }

    fn starts_any(&self) -> bool {
        true
    }

    fn recognise<'a>(&self, words: &Words<'a>) -> Option<Call<'a>> {
        let tasks: &[&str] = match words.program() {
            "mix" => &["compile", "credo", "dialyzer", "test", "xref"],
            "rebar3" => &["compile", "ct", "dialyzer", "eunit", "xref"],
            "elixirc" | "erlc" => return Some(Call::Build),
            _ => return None,
        };
        Some(Call::build_if(words.first().is_some_and(|task| match task.program() {
            "format" => words.program() == "mix" && task.has(&["--check-formatted"]),
            // It runs again for each line that it reads.
            "test" if task.has(&["--listen-on-stdin"]) => false,
            name => tasks.contains(&name) && !options_act(task.arguments(), ""),
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::super::driver::tests::check;

    #[test]
    fn compiling_and_testing_counts() {
        check(
            &super::Elixir,
            &[
                "mix compile --warnings-as-errors",
                "mix test --stale",
                "mix credo",
                "mix format --check-formatted",
                "rebar3 eunit",
                "elixirc a.ex",
                "erlc a.erl",
            ],
            &[
                "mix",
                "mix deps.get",
                "mix do compile, test",
                "mix format",
                "mix phx.server",
                "mix run",
                "mix test.watch",
                "mix test --listen-on-stdin",
                "rebar3 shell",
                "rebar3 hex publish",
            ],
        );
    }
}

//! .NET: its one program, with a verb for each thing it does.

use super::driver::{Call, Driver};
use super::names::options_act;
use super::reads::NOTHING;
use super::words::Words;
use crate::model::{Place, ToolHome, ToolReads};

/// The driver of .NET.
#[derive(Debug)]
pub(super) struct DotNet;

/// What .NET reads.
const READS: ToolReads = ToolReads {
    homes: &[
        ToolHome::at(Place::Home(".nuget/NuGet"), &["NuGet.Config"]),
        ToolHome::at(Place::Config("NuGet"), &["NuGet.Config"]),
    ],
    named_files: &["DOTNET_ROOT"],
    upward: &[
        "global.json",
        "Directory.Build.props",
        "Directory.Build.targets",
        "Directory.Packages.props",
        "NuGet.Config",
        "nuget.config",
        ".editorconfig",
    ],
    manifests: &["Directory.Build.props", "Directory.Build.targets"],
    outputs: &["bin", "obj"],
    ..NOTHING
};

impl Driver for DotNet {
    fn name(&self) -> &'static str {
        "dotnet"
    }

    fn reads(&self) -> &'static ToolReads {
        &READS
    }

    fn starts_any(&self) -> bool {
        true
    }

    fn recognise<'a>(&self, words: &Words<'a>) -> Option<Call<'a>> {
        (words.program() == "dotnet").then(|| {
            Call::build_if(words.first().is_some_and(|verb| match verb.program() {
                "build" | "test" => !options_act(verb.arguments(), "") && !names_targets(&verb),
                "format" => verb.has(&["--verify-no-changes"]),
                _ => false,
            }))
        })
    }
}

/// Whether targets of MSBuild are asked for by name, or a property makes it publish: both can do
/// anything, and options of MSBuild are written in many ways.
fn names_targets(words: &Words<'_>) -> bool {
    words.arguments().iter().any(|word| {
        let word = word.to_string_lossy().to_ascii_lowercase();
        let option = word.trim_start_matches(['-', '/']);
        let is_option = option.len() < word.len();
        // A file with further arguments.
        let more = word.starts_with('@');
        let targets = ["t:", "target:", "t=", "target="].iter().any(|t| option.starts_with(t));
        more || (is_option && (targets || option.contains("deploy") || option.contains("publish")))
    })
}

#[cfg(test)]
mod tests {
    use super::super::driver::tests::check;

    #[test]
    fn building_and_testing_counts() {
        check(
            &super::DotNet,
            &[
                "dotnet build",
                "dotnet build src/Deploy.csproj -c Release",
                "dotnet test --no-build --filter Name~Install",
                "dotnet format --verify-no-changes",
            ],
            &[
                "dotnet",
                "dotnet run",
                "dotnet watch test",
                "dotnet publish",
                "dotnet pack",
                "dotnet restore",
                "dotnet build -t:Publish",
                "dotnet build /target:Deploy",
                "dotnet build @more.rsp",
                "dotnet build -p:DeployOnBuild=true",
                "dotnet format",
                "dotnet --info build",
            ],
        );
    }
}

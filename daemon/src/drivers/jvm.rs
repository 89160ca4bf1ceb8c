//! Java and its kind: Gradle, Maven, sbt, and the compiler.

use super::driver::{Call, Driver};
use super::names::is_build;
use super::reads::NOTHING;
use super::words::{Syntax, Words};
use crate::model::{Place, ToolHome, ToolReads};

/// The driver of the tools of the Java virtual machine.
#[derive(Debug)]
pub(super) struct Jvm;

/// Tasks of Gradle beside those that [`is_build`] knows. Publishing and installing are none.
const TASKS: &[&str] =
    &["assemble", "bootJar", "bootWar", "classes", "detekt", "jar", "javadoc", "war"];

/// Options of Gradle, but for those that go on (`-t`), or send what they found away (`--scan`).
const GRADLE: Syntax = Syntax {
    flags: &[
        "-S",
        "-a",
        "-d",
        "-i",
        "-m",
        "-q",
        "-s",
        "-w",
        "--build-cache",
        "--configuration-cache",
        "--configure-on-demand",
        "--continue",
        "--daemon",
        "--debug",
        "--dry-run",
        "--full-stacktrace",
        "--info",
        "--no-build-cache",
        "--no-configuration-cache",
        "--no-daemon",
        "--no-parallel",
        "--no-watch-fs",
        "--offline",
        "--parallel",
        "--profile",
        "--quiet",
        "--refresh-dependencies",
        "--rerun-tasks",
        "--stacktrace",
        "--warn",
        "--watch-fs",
    ],
    valued: &[
        "-D",
        "-I",
        "-P",
        "-b",
        "-c",
        "-g",
        "-p",
        "-x",
        "--build-file",
        "--console",
        "--exclude-task",
        "--gradle-user-home",
        "--include-build",
        "--init-script",
        "--max-workers",
        "--priority",
        "--project-cache-dir",
        "--project-dir",
        "--project-prop",
        "--settings-file",
        "--system-prop",
        "--tests",
        "--warning-mode",
    ],
    counted: &[],
};

/// Phases of Maven that stay within the project. `install` writes what other projects read.
const PHASES: &[&str] = &[
    "compile",
    "integration-test",
    "package",
    "prepare-package",
    "process-classes",
    "process-resources",
    "process-test-classes",
    "test",
    "test-compile",
    "validate",
    "verify",
];

const MAVEN: Syntax = Syntax {
    flags: &[
        "-B",
        "-C",
        "-N",
        "-U",
        "-V",
        "-X",
        "-am",
        "-amd",
        "-c",
        "-e",
        "-fae",
        "-ff",
        "-fn",
        "-nsu",
        "-ntp",
        "-o",
        "-q",
        "--also-make",
        "--also-make-dependents",
        "--batch-mode",
        "--debug",
        "--errors",
        "--fail-at-end",
        "--fail-fast",
        "--fail-never",
        "--no-transfer-progress",
        "--non-recursive",
        "--offline",
        "--quiet",
        "--show-version",
        "--update-snapshots",
    ],
    valued: &[
        "-D",
        "-P",
        "-T",
        "-b",
        "-f",
        "-gs",
        "-l",
        "-pl",
        "-rf",
        "-s",
        "-t",
        "--activate-profiles",
        "--builder",
        "--color",
        "--define",
        "--file",
        "--log-file",
        "--projects",
        "--resume-from",
        "--settings",
        "--threads",
        "--toolchains",
    ],
    counted: &[],
};

const SBT: &[&str] = &["Test/compile", "compile", "package", "test"];

/// What the JVM's build tools read.
const READS: ToolReads = ToolReads {
    homes: &[
        ToolHome::named(
            "GRADLE_USER_HOME",
            Place::Home(".gradle"),
            &["gradle.properties", "init.gradle", "init.gradle.kts", "init.d"],
        ),
        ToolHome::at(
            Place::Home(".m2"),
            &["settings.xml", "settings-security.xml", "toolchains.xml", "extensions.xml"],
        ),
        ToolHome::at(Place::Home(""), &[".mavenrc", ".sbtopts"]),
        ToolHome::at(Place::Home(".sbt"), &["repositories", "1.0/global.sbt"]),
        ToolHome::named("SDKMAN_DIR", Place::Home(".sdkman"), &["candidates/java", "etc/config"]),
    ],
    named_files: &["JAVA_HOME"],
    system: &["/etc/mavenrc"],
    upward: &[
        ".mvn/maven.config",
        ".mvn/jvm.config",
        "pom.xml",
        "settings.gradle",
        "settings.gradle.kts",
        "gradle.properties",
        "local.properties",
        ".sdkmanrc",
        ".java-version",
    ],
    workspaces: &[("settings.gradle", ""), ("settings.gradle.kts", ""), ("pom.xml", "<modules>")],
    manifests: &[
        "settings.gradle",
        "settings.gradle.kts",
        "build.gradle",
        "build.gradle.kts",
        "pom.xml",
        "build.sbt",
    ],
    programs: &["java", "javac"],
    outputs: &["build", "target"],
    ..NOTHING
};

impl Driver for Jvm {
    fn name(&self) -> &'static str {
        "jvm"
    }

    fn reads(&self) -> &'static ToolReads {
        &READS
    }

    fn starts_any(&self) -> bool {
        true
    }

    fn recognise<'a>(&self, words: &Words<'a>) -> Option<Call<'a>> {
        let builds = match words.program() {
            "gradle" | "gradlew" => all(words, GRADLE, is_task),
            "mvn" | "mvnw" | "mvnd" => all(words, MAVEN, |phase| PHASES.contains(&phase)),
            "sbt" => all(words, Syntax::NONE, |task| SBT.contains(&task)),
            "javac" => true,
            _ => return None,
        };
        Some(Call::build_if(builds))
    }
}

/// Whether all words are builds, and there is one. To clean before is part of the same build, and
/// who asks for it while it runs wants nothing else.
fn all(words: &Words<'_>, syntax: Syntax, builds: impl Fn(&str) -> bool) -> bool {
    words.plain(syntax).is_some_and(|mut wanted| {
        wanted.retain(|word| *word != "clean");
        !wanted.is_empty() && wanted.into_iter().all(builds)
    })
}

/// A task can be one of a project (`:web:build`), and of a variant, as Android has them.
fn is_task(name: &str) -> bool {
    let name = name.rsplit_once(':').map_or(name, |(_, name)| name);
    let general = name.replace("Release", "").replace("Debug", "");
    let assembles = general
        .strip_prefix("assemble")
        .is_some_and(|variant| is_build(&format!("build:{variant}")));
    // Plug-ins of checkers call their tasks by themselves (`ktlintCheck`).
    let checks =
        general.strip_suffix("Check").is_some_and(|checker| is_build(&format!("check:{checker}")));
    TASKS.contains(&name) || is_build(&general) || assembles || checks
}

#[cfg(test)]
mod tests {
    use super::super::driver::tests::check;
    use super::Jvm;

    #[test]
    fn gradle_builds_by_the_names_of_tasks() {
        check(
            &Jvm,
            &[
                "gradle build",
                "./gradlew test --tests a.B",
                "./gradlew :web:check --parallel",
                "./gradlew clean build -x test -Pfast=true",
                "./gradlew assembleDebug assembleRelease",
                "./gradlew compileJava testDebugUnitTest lintDebug lint",
                "./gradlew spotlessCheck -q",
                "gradle -p sub assemble --console plain",
            ],
            &[
                "gradle",
                "gradle tasks",
                "gradle clean",
                "gradle bootRun",
                "gradle -p build run",
                "./gradlew build publish",
                "./gradlew :web:deploy",
                "./gradlew installDebug",
                "./gradlew uploadArchives",
                "./gradlew -t build",
                "./gradlew build --continuous",
                "./gradlew build --scan",
                "./gradlew spotlessApply",
                "./gradlew publishCheck",
                "./gradlew assembleAndDeploy",
                "./gradlew release",
                "./gradlew --stop",
            ],
        );
    }

    #[test]
    fn maven_builds_by_its_phases() {
        check(
            &Jvm,
            &[
                "mvn compile",
                "./mvnw -B -ntp clean verify",
                "mvn test -pl web -am -DskipITs",
                "mvn -q -T 4 package -P fast",
                "sbt compile test",
                "sbt Test/compile",
                "javac A.java",
            ],
            &[
                "mvn",
                "mvn clean",
                "mvn install",
                "mvn clean install",
                "mvn deploy",
                "mvn test deploy",
                "mvn spring-boot:run",
                "mvn -f package deploy",
                "mvn release:perform",
                "mvn --unknown test",
                "sbt",
                "sbt run",
                "sbt ~compile",
                "sbt publish",
            ],
        );
    }
}

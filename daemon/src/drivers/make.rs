//! Make and its kind: programs whose goals a project names as it likes.

use super::driver::{Call, Driver};
use super::words::Words;

/// The driver of Make, Ninja and just.
#[derive(Debug)]
pub(super) struct Make;

const PROGRAMS: &[&str] = &["gmake", "just", "make", "ninja"];

/// Goals that act on the world, by their common names. All others count as builds.
const EXCEPT: &[&str] =
    &["deploy", "install", "publish", "release", "run", "serve", "start", "uninstall", "upload"];

impl Driver for Make {
    fn name(&self) -> &'static str {
        "make"
    }

    fn recognise(&self, words: &Words<'_>) -> Option<Call> {
        PROGRAMS
            .contains(&words.program())
            .then(|| Call::build_if(!words.plain().any(|word| EXCEPT.contains(&word))))
    }
}

#[cfg(test)]
mod tests {
    use super::super::driver::tests::check;

    #[test]
    fn goals_count_unless_one_of_them_acts_on_the_world() {
        check(
            &super::Make,
            &[
                "make",
                "make -j8 CC=clang all",
                "make DESTDIR=install",
                "gmake test",
                "ninja -C out",
                "just lint",
            ],
            &["make install", "make all install", "gmake deploy", "ninja upload", "just serve"],
        );
    }
}

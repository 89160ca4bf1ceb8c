//! Compilers that are called by themselves. Those of other ecosystems are known to their drivers.

use super::driver::{Call, Driver};
use super::words::Words;

/// The driver of compilers of C, C++ and Java.
#[derive(Debug)]
pub(super) struct Native;

const COMPILERS: &[&str] = &["c++", "cc", "clang", "clang++", "g++", "gcc", "javac"];

impl Driver for Native {
    fn name(&self) -> &'static str {
        "native"
    }

    fn recognise(&self, words: &Words<'_>) -> Option<Call> {
        COMPILERS.contains(&words.program()).then_some(Call::Build)
    }
}

#[cfg(test)]
mod tests {
    use super::super::driver::tests::check;

    #[test]
    fn a_compiler_only_compiles() {
        let builds =
            ["cc x.c", "c++ x.cc", "gcc -O2 x.c", "g++ x.cc", "clang", "clang++", "javac A.java"];
        check(&super::Native, &builds, &[]);
    }
}

//! CMake and its runner of tests. The build tools that it writes files for have their own drivers.

use super::driver::{Call, Driver};
use super::words::Words;

/// The driver of CMake.
#[derive(Debug)]
pub(super) struct CMake;

impl Driver for CMake {
    fn name(&self) -> &'static str {
        "cmake"
    }

    fn recognise(&self, words: &Words<'_>) -> Option<Call> {
        match words.program() {
            "cmake" => Some(Call::build_if(words.has("--build"))),
            "ctest" => Some(Call::Build),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::driver::tests::check;

    #[test]
    fn building_counts_and_configuring_does_not() {
        check(
            &super::CMake,
            &["cmake --build out", "cmake --build out --target all", "ctest", "ctest -j8"],
            &["cmake", "cmake -B out", "cmake --install out", "cmake -P deploy.cmake"],
        );
    }
}

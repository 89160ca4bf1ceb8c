//! Trees to be watched: six files a directory, as in large repositories, four kilobytes a file.

use bd_tests::rng::Rng;
use std::fs;
use std::path::{Path, PathBuf};

/// As 100,000 files in some 17,000 directories.
const FILES_A_DIR: usize = 6;
/// Directories in a directory.
const FAN: usize = 12;
/// Bytes of an average file.
const BYTES: u64 = 4096;

/// Path of a file relative to the root.
pub(crate) fn file(number: usize) -> PathBuf {
    let mut dir = number / FILES_A_DIR;
    let mut path = PathBuf::from("tree");
    while dir > 0 {
        path.push(format!("dir{}", dir % FAN));
        dir /= FAN;
    }
    path.join(format!("file{}.rs", number % FILES_A_DIR))
}

/// Makes a tree of so many files.
pub(crate) fn make(root: &Path, files: usize) {
    let mut rng = Rng::new(files as u64);
    let mut content = vec![0; 2 * BYTES as usize];
    for number in 0..files {
        let path = root.join(file(number));
        if number % FILES_A_DIR == 0 {
            fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        }
        content.iter_mut().step_by(64).for_each(|byte| *byte = rng.bits() as u8);
        let size = rng.below(2 * BYTES) as usize;
        fs::write(path, &content[..size]).expect("a file");
    }
}

/// Writes one of the files anew.
pub(crate) fn edit(root: &Path, number: usize, text: &str) {
    fs::write(root.join(file(number)), text).expect("a write");
}

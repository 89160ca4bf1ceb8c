//! Rules 2, 10 and 11: contents that change while what `stat` says does not, or hardly.

use crate::fixture::{Fixture, calm, set_modified, sh, write};
use bd_tests::Source;
use bd_tests::mapped_file::MappedFile;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// All that a stat signature is made of.
fn signature(path: &Path) -> [i64; 6] {
    let at = fs::metadata(path).expect("a file");
    let [size, inode] = [at.size(), at.ino()].map(|number| number.cast_signed());
    [size, inode, at.mtime(), at.mtime_nsec(), at.ctime(), at.ctime_nsec()]
}

#[test]
fn a_store_to_a_dirty_mapping_is_seen_when_the_file_is_closed_though_stat_says_nothing() {
    if !Source::chosen().has_watches() {
        // Without events there is nothing to see it by.
        return;
    }
    let mut fixture = Fixture::with(&["m", "other"]);
    let path = fixture.at("m");
    let mut seen = 0;
    for round in 0..20_u8 {
        let mut mapped = MappedFile::open(&path);
        mapped.store(0, 2 * round);
        // No file is trusted only because it is young.
        calm(&path);
        fixture.info();
        let before = signature(&path);
        mapped.store(0, 2 * round + 1);
        drop(mapped);
        // The page was cleaned meanwhile where the times have moved: the kernel's good right.
        seen += usize::from(signature(&path) == before);
        let real = fixture.agrees();
        assert_eq!(fs::read(&path).expect("a file"), [2 * round + 1]);
        assert_eq!(real.files, 2);
        if seen == 5 {
            return;
        }
    }
    assert!(seen > 0, "never was stat equal: nothing is tested");
}

#[test]
fn a_write_through_a_mapping_alone_is_reported_as_a_modification() {
    let mut fixture = Fixture::with(&["m", "other"]);
    calm(&fixture.at("m"));
    assert_eq!(fixture.step(|root| MappedFile::open(&root.join("m")).store(0, b'!')), ["~m"]);
}

#[test]
fn a_same_size_edit_with_its_time_set_back_is_seen() {
    let mut fixture = Fixture::with(&["a", "b"]);
    let path = fixture.at("a");
    calm(&path);
    fixture.agrees();
    let time = fs::metadata(&path).and_then(|at| at.modified()).expect("a time");
    let reported = fixture.step(|root| {
        fs::write(root.join("a"), "z").expect("a write");
        set_modified(&root.join("a"), time);
    });
    assert_eq!(fs::metadata(&path).and_then(|at| at.modified()).expect("a time"), time);
    assert_eq!(reported, ["~a"]);
}

#[test]
fn a_replacement_of_the_same_size_and_time_is_seen() {
    let mut fixture = Fixture::with(&["a", "b"]);
    calm(&fixture.at("a"));
    let reported = fixture.step(|root| sh(root, "printf z >../n; touch -r a ../n; mv ../n a"));
    assert_eq!(reported, ["~a"]);
}

/// Kernels since 6.13 give a file whose times were read a time of its own at its next write; on older
/// ones most of these writes have equal times.
#[test]
fn writes_that_follow_each_other_as_fast_as_can_be_are_all_seen() {
    let mut fixture = Fixture::with(&["a"]);
    let path = fixture.at("a");
    for round in 0..3_000_u32 {
        // In place, and of one size: only the time shows it.
        fs::write(&path, format!("{round:08}")).expect("a write");
        fixture.agrees();
    }
}

#[test]
fn truncating_and_growing_without_a_close_is_seen() {
    let mut fixture = Fixture::with(&["a"]);
    let file = fs::File::options().append(true).open(fixture.at("a")).expect("a file");
    for size in [100, 0, 7, 4096, 1] {
        assert_eq!(fixture.step(|_| file.set_len(size).expect("a size")), ["~a"]);
    }
}

#[test]
fn writes_through_a_descriptor_that_stays_open_are_each_seen() {
    use std::io::Write as _;
    let mut fixture = Fixture::with(&["log"]);
    let mut file = fs::File::options().append(true).open(fixture.at("log")).expect("a file");
    for line in 0..200 {
        assert_eq!(fixture.step(|_| writeln!(file, "line {line}").expect("a write")), ["~log"]);
    }
}

#[test]
fn a_write_through_one_name_of_a_file_is_seen_at_the_other() {
    let mut fixture = Fixture::with(&["a", "sub/x"]);
    fs::hard_link(fixture.at("a"), fixture.at("sub/b")).expect("a link");
    calm(&fixture.at("a"));
    fixture.agrees();
    // The oracle reads both; what is reported must cover both.
    let reported = fixture.step(|root| fs::write(root.join("a"), "Z").expect("a write"));
    assert_eq!(reported, ["~a", "~sub/b"]);
}

#[test]
fn a_write_through_a_name_outside_of_the_root_is_seen() {
    let mut fixture = Fixture::with(&["a", "b"]);
    let outside = fixture.outside("alias");
    fs::hard_link(fixture.at("a"), &outside).expect("a link");
    calm(&fixture.at("a"));
    let reported = fixture.step(|_| fs::write(&outside, "Z").expect("a write"));
    assert_eq!(reported, ["~a"]);
}

#[test]
fn a_write_through_an_ignored_name_is_seen_at_the_other() {
    let mut fixture = Fixture::with(&["a", "b", "d/x"]);
    write(&fixture.at(".gitignore"), "*.log\n");
    fixture.step(|root| fs::hard_link(root.join("a"), root.join("a.log")).expect("a link"));
    fixture.step(|root| {
        fs::create_dir(root.join("new")).expect("a directory");
        fs::hard_link(root.join("b"), root.join("new/b.log")).expect("a link");
    });
    for (other, name) in [("a.log", "a"), ("new/b.log", "b")] {
        calm(&fixture.at(name));
        fixture.agrees();
        let reported = fixture.step(|root| fs::write(root.join(other), "Z").expect("a write"));
        assert_eq!(reported, [format!("~{name}")]);
    }
}

#[test]
fn a_write_through_a_descriptor_of_a_name_that_is_gone_is_seen_at_the_other() {
    use std::io::Write as _;
    let mut fixture = Fixture::with(&["a", "c"]);
    let open =
        |name: &str| fs::File::options().append(true).open(fixture.at(name)).expect("a file");
    let (mut a, mut c) = (open("a"), open("c"));
    fixture.step(|root| fs::hard_link(root.join("a"), root.join("b")).expect("a link"));
    fixture.step(|root| fs::remove_file(root.join("a")).expect("a removal"));
    calm(&fixture.at("b"));
    fixture.agrees();
    assert_eq!(fixture.step(|_| a.write_all(b"Z").expect("a write")), ["~b"]);
    // Nobody asks while it has two names.
    fixture.step(|root| {
        fs::hard_link(root.join("c"), root.join("d")).expect("a link");
        fs::remove_file(root.join("c")).expect("a removal");
    });
    calm(&fixture.at("d"));
    fixture.agrees();
    assert_eq!(fixture.step(|_| c.write_all(b"Z").expect("a write")), ["~d"]);
}

#[test]
fn a_write_through_a_name_that_is_gone_is_seen_at_one_that_was_written_to_itself() {
    use std::io::Write as _;
    let append = |path: &Path| fs::File::options().append(true).open(path).expect("a file");
    let mut fixture = Fixture::with(&["a", "c/x"]);
    // Known, and new since anybody asked; in a directory that stays, and in one that goes with it.
    for (from, is_known, is_dir_removed) in
        [("a", true, false), ("new", false, false), ("c/x", true, true)]
    {
        let to = format!("of-{}", from.replace('/', "-"));
        let mut writer = None;
        if is_known {
            calm(&fixture.at(from));
            fixture.agrees();
        }
        fixture.step(|root| {
            if !is_known {
                write(&root.join(from), "new");
            }
            writer = Some(append(&root.join(from)));
            fs::hard_link(root.join(from), root.join(&to)).expect("a link");
            append(&root.join(&to)).write_all(b"Y").expect("a write");
            fs::remove_file(root.join(from)).expect("a removal");
            if is_dir_removed {
                fs::remove_dir(root.join("c")).expect("a removal");
            }
        });
        calm(&fixture.at(&to));
        fixture.agrees();
        let mut writer = writer.expect("a file");
        for _ in 0..2 {
            let reported = fixture.step(|_| writer.write_all(b"Z").expect("a write"));
            assert_eq!(reported, [format!("~{to}")], "written as {from}");
        }
    }
}

#[test]
fn a_file_from_a_copy_that_shares_its_blocks_or_not_is_seen() {
    let mut fixture = Fixture::with(&["a"]);
    assert_eq!(fixture.step(|root| sh(root, "cp --reflink=auto a b; cp a c")), ["+b", "+c"]);
    assert_eq!(
        fixture.step(|root| sh(root, "dd if=/dev/zero of=b bs=1 count=1 conv=notrunc 2>&1")),
        ["~b"]
    );
    assert_eq!(fixture.step(|root| sh(root, "fallocate -l 64k c")), ["~c"]);
}

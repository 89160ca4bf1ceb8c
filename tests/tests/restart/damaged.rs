//! Stores that are damaged while no daemon runs.

use crate::fixture::Fixture;
use std::fs;

#[test]
fn with_any_damage_the_daemon_starts_and_what_it_says_is_right() {
    let mut fixture = Fixture::new();
    for number in 0..300 {
        fixture.write(&format!("many/f{number}"), &format!("{number}"));
    }
    fixture.mark();
    let _ = fixture.sandbox.ok(&["daemon", "stop"]);
    let db = fixture.sandbox.home().join("state/store/db");
    let kept = fixture.sandbox.outside().join("kept");
    let store = db.parent().expect("a store");
    let copied = std::process::Command::new("cp").arg("-a").arg(store).arg(&kept).status();
    assert!(copied.expect("cp starts").success());
    let whole = fs::read(&db).expect("a database");
    let written = whole.iter().rposition(|byte| *byte != 0).expect("something") + 1;
    let mut fresh = 0;
    for variant in 0..20 {
        let mut bytes = whole.clone();
        let at = written * (variant / 2) / 10;
        if variant % 2 == 0 {
            bytes[at..written].iter_mut().take(64).for_each(|byte| *byte ^= 0xa5);
        } else {
            bytes.truncate(at);
        }
        let store = db.parent().expect("a store");
        fs::remove_dir_all(store).expect("a removal");
        let copied = std::process::Command::new("cp").arg("-a").arg(&kept).arg(store).status();
        assert!(copied.expect("cp starts").success());
        match variant {
            // Nothing is wrong with it.
            0 => {}
            1 => fs::remove_file(&db).expect("a removal"),
            _ => fs::write(&db, bytes).expect("a damaged database"),
        }
        fixture.write("f3", &format!("variant {variant}"));
        fixture.agrees();
        let read_anew = fixture.since(0).fresh;
        assert!(variant != 0 || !read_anew, "a whole store was not read");
        fresh += u32::from(read_anew);
        let _ = fixture.sandbox.ok(&["daemon", "stop"]);
    }
    println!("{fresh} of 20 begun anew");
    assert!(fresh > 0, "no damage was done");
}

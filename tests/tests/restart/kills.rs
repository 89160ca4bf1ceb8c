//! Daemons that are killed at any moment.

use crate::place::Place;
use bd_tests::rng::Rng;
use std::fs::{self, File, FileTimes};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

const ROUNDS: usize = 30;

const FILES: [&str; 4] = ["f0", "f1", "f2", "x.log"];
const DIRS: [&str; 5] = ["", "a", "b", "a/b", "b/a"];

fn path(place: &Place, rng: &mut Rng) -> PathBuf {
    let (dir, file) = (rng.pick(&DIRS).expect("names"), rng.pick(&FILES).expect("names"));
    place.at(dir).join(file)
}

/// Something; it may be impossible.
fn operate(place: &Place, rng: &mut Rng) -> io::Result<()> {
    let (one, two) = (path(place, rng), path(place, rng));
    match rng.below(9) {
        0 => {
            fs::create_dir_all(one.parent().expect("a parent"))?;
            fs::write(one, format!("made {}", rng.bits()))
        }
        1 => fs::write(one, format!("edited {}", rng.bits())),
        2 => {
            let before = fs::metadata(&one)?;
            let length = usize::try_from(before.len()).expect("a small file");
            let bytes: Vec<u8> = (0..length).map(|_| b'a' + rng.below(26) as u8).collect();
            fs::write(&one, bytes)?;
            let file = File::options().write(true).open(one)?;
            file.set_times(FileTimes::new().set_modified(before.modified()?))
        }
        3 => fs::rename(one, two),
        4 => {
            let dirs = (rng.pick(&DIRS[1..]).expect("names"), rng.pick(&DIRS[1..]).expect("names"));
            fs::rename(place.at(dirs.0), place.at(dirs.1))
        }
        5 => fs::remove_file(one),
        6 => {
            let new = one.with_extension("new");
            fs::write(&new, format!("saved {}", rng.bits()))?;
            fs::rename(new, one)
        }
        7 => fs::write(
            one.with_file_name(".gitignore"),
            ["*.log\n", "f0\n", ""][rng.below(3) as usize],
        ),
        _ => fs::remove_dir_all(place.at(rng.pick(&DIRS[1..]).expect("names"))),
    }
}

#[test]
fn after_a_kill_at_any_moment_every_answer_is_right_or_begins_anew() {
    let mut place = Place::new();
    let seed = std::env::var("BD_FUZZ_SEED").map_or(1, |seed| seed.parse().expect("a seed"));
    let mut rng = Rng::new(seed);
    let (mut exact, mut fresh) = (0, 0);
    place.mark();
    for round in 0..ROUNDS {
        eprintln!("BD_FUZZ_SEED={seed} round {round}");
        for _ in 0..1 + rng.below(30) {
            let _ = operate(&place, &mut rng);
            if rng.one_in(10) {
                place.mark();
            }
        }
        if round % 6 == 0 {
            place.write("certain", &format!("{round}"));
            place.mark();
            // It saves all it knows when it ends well.
            let _ = place.sandbox.ok(&["daemon", "restart"]);
        }
        let pid = place.sandbox.daemon_pid();
        // At any moment of the operations that follow.
        let after = Duration::from_micros(rng.below(3000));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(after);
                nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).expect("a daemon");
            });
            for _ in 0..rng.below(60) {
                let _ = operate(&place, &mut rng);
            }
        });
        bd_tests::eventually("it is gone", || !bd_tests::sandbox::alive(pid));
        for _ in 0..rng.below(10) {
            let _ = operate(&place, &mut rng);
        }
        if rng.one_in(2) {
            place.agrees();
        }
        for _ in 0..4 {
            let moment = rng.below(place.past.len() as u64) as usize;
            let told = place.since(moment);
            (exact, fresh) = (exact + u32::from(!told.fresh), fresh + u32::from(told.fresh));
        }
        place.mark();
        let surplus = place.past.len().saturating_sub(12);
        place.past.drain(..surplus);
    }
    println!("{exact} exact, {fresh} fresh");
    assert!(exact > 0 && fresh > 0, "{exact} exact, {fresh} fresh: one of them was not tested");
}

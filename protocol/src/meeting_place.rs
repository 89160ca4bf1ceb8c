//! Where a user's client and daemon meet, whatever the environment says.

use crate::living::Holder;
use std::fs;
use std::path::PathBuf;

/// Names of the socket and of the lock that a daemon holds beside it.
pub(crate) const SOCKET: &str = "bdd.sock";
pub(crate) const LOCK: &str = "bdd.lock";

/// The usual place, unless a daemon lives at another: one that began before the usual place was
/// there, or that is of an older version.
pub(crate) fn meeting_place(usual: PathBuf, others: impl Iterator<Item = PathBuf>) -> PathBuf {
    if fs::symlink_metadata(usual.join(SOCKET)).is_ok() {
        return usual;
    }
    let lives = |place: &PathBuf| {
        let lock = place.join(LOCK);
        *place != usual && matches!(Holder::of(&lock), Ok(Some(_))) && place.join(SOCKET).exists()
    };
    others.into_iter().find(lives).unwrap_or(usual)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_that_lives_elsewhere_is_found_there_and_a_dead_one_is_not() {
        let dir = tempfile::tempdir().expect("a directory");
        let place = |name: &str| {
            let place = dir.path().join(name);
            fs::create_dir(&place).expect("a place");
            place
        };
        let (usual, dead, living) = (place("usual"), place("dead"), place("living"));
        let places = || [dir.path().join("gone"), dead.clone(), living.clone()].into_iter();
        assert_eq!(meeting_place(usual.clone(), places()), usual);
        for place in [&dead, &living] {
            fs::write(place.join(SOCKET), "").expect("a stale socket");
            fs::write(place.join(LOCK), "7\n").expect("a lock");
        }
        assert_eq!(meeting_place(usual.clone(), places()), usual);
        let lock = fs::File::open(living.join(LOCK)).expect("a lock");
        lock.lock().expect("held");
        assert_eq!(meeting_place(usual.clone(), places()), living);
        fs::write(usual.join(SOCKET), "").expect("a socket");
        assert_eq!(meeting_place(usual.clone(), places()), usual);
    }
}

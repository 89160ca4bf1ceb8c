//! Logical time of a workspace's changes. Never wall time.

use std::fmt;
use std::str::FromStr;

/// One unbroken line of ticks of one workspace, in one daemon: drawn anew whenever the daemon can
/// not vouch for what happened since the last tick, so that a clock of another line is never taken
/// for one of this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Instance(pub u64);

/// A moment in the life of a workspace: everything up to and including `tick` is before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Clock {
    /// The line of ticks.
    pub instance: Instance,
    /// How many changes were seen on it.
    pub tick: u64,
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c:{:016x}:{}", self.instance.0, self.tick)
    }
}

/// It is no clock of any daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a clock looks like c:0123456789abcdef:42, as `bdctl changes` prints it")]
pub struct NoClock;

impl FromStr for Clock {
    type Err = NoClock;

    fn from_str(text: &str) -> Result<Self, NoClock> {
        let (instance, tick) =
            text.strip_prefix("c:").and_then(|r| r.split_once(':')).ok_or(NoClock)?;
        let digits = |text: &str, radix: u32| text.chars().all(|c| c.is_digit(radix));
        if instance.len() != 16 || !digits(instance, 16) || !digits(tick, 10) {
            return Err(NoClock);
        }
        let instance = u64::from_str_radix(instance, 16).map_err(|_| NoClock)?;
        Ok(Self { instance: Instance(instance), tick: tick.parse().map_err(|_| NoClock)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_and_nothing_else() {
        for clock in [(0, 0), (1, 42), (u64::MAX, u64::MAX)] {
            let clock = Clock { instance: Instance(clock.0), tick: clock.1 };
            assert_eq!(clock.to_string().parse(), Ok(clock));
        }
        for text in [
            "",
            "c:",
            "c:1:2",
            "c:0000000000000001:",
            "c:000000000000000g:1",
            "42",
            "c:0000000000000001:+1",
            "c:0000000000000001:99999999999999999999",
            "c:0000000000000001:1 ",
        ] {
            let parsed: Result<Clock, _> = text.parse();
            assert!(parsed.is_err(), "{text}");
        }
    }
}

//! The limits that both sides observe, each with its reason.

use std::time::Duration;

/// Largest hello frame, in bytes: a hello is a few hundred bytes, and it comes from a peer
/// that is not known yet.
pub const HELLO_MAX_BYTES: usize = 4 * 1024;

/// Largest control frame, in bytes. A submit carries the environment, which the kernel itself
/// bounds (2 MiB for arguments and environment by default); escaping may triple it.
pub const CONTROL_MAX_BYTES: usize = 8 * 1024 * 1024;

/// Largest frame on the events channel, in bytes: large enough that a gigabyte of output is a few
/// thousand frames, small enough that a thousand subscribers fit in memory.
pub const EVENTS_MAX_BYTES: usize = 512 * 1024;

/// Largest frame on the input channel, in bytes: one pipe buffer.
pub const INPUT_MAX_BYTES: usize = 64 * 1024;

/// How long a peer may take to send its hello.
pub const HELLO_TIMEOUT: Duration = Duration::from_secs(5);

/// Deadline of a request that names none.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);

/// Longest deadline of a request; longer ones are shortened to it. A client that waits longer follows
/// events instead.
pub const MAX_DEADLINE: Duration = Duration::from_secs(3600);

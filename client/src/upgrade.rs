//! Asks a daemon to end, with the request that every version understands.

use crate::ClientError;
use crate::connect::{self, Greeting, Notes};
use bd_protocol::hello::{ClientHello, ShutdownWhen};
use bd_protocol::rendezvous::Home;
use bd_protocol::{Failure, limits};
use std::time::Instant;

/// What became of a request to end.
#[derive(Debug)]
pub(crate) enum ShutdownReply {
    /// It closed the connection, which it does at its end.
    Ended,
    /// No daemon is running.
    NobodyListens,
    /// It refused and keeps running.
    Refused(Failure),
    /// It did not answer, or did not end, in time.
    TimedOut,
}

/// Asks the daemon of `home` to end and waits for it until `deadline`.
pub(crate) fn ask_to_end(
    home: &Home,
    when: ShutdownWhen,
    deadline: Instant,
    notes: &Notes,
) -> Result<ShutdownReply, ClientError> {
    let stream = match connect::connect(&home.socket(), deadline) {
        Ok(Some(stream)) => stream,
        Ok(None) => return Ok(ShutdownReply::NobodyListens),
        Err(ClientError::Silent { .. }) => return Ok(ShutdownReply::TimedOut),
        Err(error) => return Err(error),
    };
    let opening = connect::framed(&ClientHello::Shutdown { when });
    match connect::greet(stream, &opening, limits::HELLO_MAX_BYTES, deadline, notes) {
        Ok(Greeting::Ending(mut frames)) => loop {
            match frames.next_by(deadline) {
                Ok(Some(_)) => {}
                Err(error) if error.kind() == std::io::ErrorKind::TimedOut => {
                    return Ok(ShutdownReply::TimedOut);
                }
                // In whatever way, it has ended.
                Ok(None) | Err(_) => return Ok(ShutdownReply::Ended),
            }
        },
        Ok(Greeting::Closed) | Err(ClientError::Closed) => Ok(ShutdownReply::Ended),
        Ok(Greeting::Refused { failure, .. }) => Ok(ShutdownReply::Refused(failure)),
        Ok(Greeting::Welcome(_)) => {
            Err(connect::misunderstood("hello", "it welcomes a client that asked it to end"))
        }
        Err(ClientError::Silent { .. }) => Ok(ShutdownReply::TimedOut),
        Err(error) => Err(error),
    }
}

//! Asks a daemon to end, in the words every version understands. Knows nothing of why.

use crate::ClientError;
use crate::connect::{self, Greeting, Notes};
use bd_protocol::hello::{ClientHello, ShutdownWhen};
use bd_protocol::rendezvous::Home;
use bd_protocol::{Failure, limits};
use std::time::Instant;

/// What became of a request to end.
#[derive(Debug)]
pub(crate) enum ShutdownReply {
    /// It has closed the connection, as it does when it has ended.
    Ended,
    /// Nobody was there to be asked.
    NobodyListens,
    /// It goes on.
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
                // However it ended, it did.
                Ok(None) | Err(_) => return Ok(ShutdownReply::Ended),
            }
        },
        Ok(Greeting::Closed) | Err(ClientError::Closed) => Ok(ShutdownReply::Ended),
        Ok(Greeting::Refused { failure, .. }) => Ok(ShutdownReply::Refused(failure)),
        Ok(Greeting::Welcome(_)) => {
            Err(connect::misunderstood("hello", "it welcomes who asked it to end"))
        }
        Err(ClientError::Silent { .. }) => Ok(ShutdownReply::TimedOut),
        Err(error) => Err(error),
    }
}

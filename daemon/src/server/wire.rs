//! The JSON frames of the control channel, converted to the messages of tarpc and back. Knows no method.

use super::frame_codec::FrameCodec;
use bd_protocol::Failure;
use bd_protocol::envelope::{RawRequest, Reply};
use bd_protocol::hello::PRODUCT_VERSION;
use bd_protocol::limits::{DEFAULT_DEADLINE, MAX_DEADLINE};
use bd_protocol::service::{BdRequest, BdResponse};
use bytes::Bytes;
use futures_util::{Sink, Stream};
use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tarpc::{ClientMessage, Request, Response};
use tokio_util::codec::Framed;

/// Frames on a connection.
pub(super) type Frames = Framed<interprocess::local_socket::tokio::Stream, FrameCodec>;

/// Requests of one connection that are processed at once; the rest wait in its socket. Each may hold a
/// long answer for a peer that does not read.
const CONCURRENT_REQUESTS: usize = 16;

/// Why a request is answered with a failure before it reaches any method.
#[derive(Debug, thiserror::Error)]
pub(super) enum RequestError {
    #[error("the request has no call")]
    NoCall,
    #[error("the request is not understood: {0}")]
    Malformed(serde_json::Error),
    #[error("this daemon ({PRODUCT_VERSION}) does not know '{0}'")]
    UnknownMethod(String),
    /// A defect: a request is only given up at its deadline, and then without an answer.
    #[error("the request was given up: {0}")]
    GivenUp(tarpc::ServerError),
}

/// The transport of one control channel.
pub(super) struct Wire {
    frames: Frames,
    /// Requests under way and their deadlines, after which tarpc has forgotten them. Counted here
    /// because tarpc's own limit answers what is over it with an error.
    under_way: HashMap<u64, Instant>,
    /// Why only [control](is_control) is served on it, where that is so.
    refused: Option<Failure>,
}

impl Wire {
    pub(super) fn new(frames: Frames, refused: Option<Failure>) -> Self {
        Self { frames, under_way: HashMap::new(), refused }
    }

    fn is_full(&mut self) -> bool {
        if self.under_way.len() >= CONCURRENT_REQUESTS {
            let now = Instant::now();
            self.under_way.retain(|_, deadline| *deadline > now);
        }
        self.under_way.len() >= CONCURRENT_REQUESTS
    }
}

impl Stream for Wire {
    type Item = io::Result<ClientMessage<BdRequest>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_full() {
            // Polled again after every answer that is sent and every deadline that passes.
            return Poll::Pending;
        }
        let Some(frame) = ready!(Pin::new(&mut self.frames).poll_next(cx)) else {
            return Poll::Ready(None);
        };
        let mut message = read(&frame?);
        if let (Some(failure), Ok(ClientMessage::Request(request))) = (&self.refused, &mut message)
            && !is_control(&request.message)
        {
            request.message = BdRequest::NotUnderstood { failure: failure.clone() };
        }
        match &message {
            Ok(ClientMessage::Request(request)) => {
                self.under_way.insert(request.id, request.context.deadline);
            }
            Ok(ClientMessage::Cancel { request_id, .. }) => {
                self.under_way.remove(request_id);
            }
            Ok(_) | Err(_) => {}
        }
        Poll::Ready(Some(message))
    }
}

impl Sink<Response<BdResponse>> for Wire {
    type Error = io::Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Sink::<Bytes>::poll_ready(Pin::new(&mut self.frames), cx)
    }

    fn start_send(mut self: Pin<&mut Self>, response: Response<BdResponse>) -> io::Result<()> {
        self.under_way.remove(&response.request_id);
        let frame = serde_json::to_vec(&reply(response))?;
        Pin::new(&mut self.frames).start_send(Bytes::from(frame))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Sink::<Bytes>::poll_flush(Pin::new(&mut self.frames), cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Sink::<Bytes>::poll_close(Pin::new(&mut self.frames), cx)
    }
}

/// Whether a request is what a user needs to see what goes on and to end it.
fn is_control(request: &BdRequest) -> bool {
    use BdRequest::{Build, Cancel, Detach, NotUnderstood, Status};
    matches!(
        request,
        Status {} | Build { .. } | Cancel { .. } | Detach { .. } | NotUnderstood { .. }
    )
}

/// Reads one request. A malformed envelope ends the connection, because there is no id to answer to; a
/// request that this version does not know is answered with a failure.
fn read(frame: &[u8]) -> io::Result<ClientMessage<BdRequest>> {
    let raw: RawRequest<'_> = serde_json::from_slice(frame)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    if raw.cancel {
        return Ok(ClientMessage::Cancel {
            trace_context: tarpc::trace::Context::default(),
            request_id: raw.id,
        });
    }
    let message = match raw.call.map(|call| (call, serde_json::from_str(call.get()))) {
        Some((_, Ok(request))) => request,
        Some((call, Err(error))) => {
            BdRequest::NotUnderstood { failure: not_understood(call.get(), error).into() }
        }
        None => BdRequest::NotUnderstood { failure: RequestError::NoCall.into() },
    };
    let mut context = tarpc::context::current();
    context.deadline = Instant::now() + deadline(raw.deadline_ms);
    Ok(ClientMessage::Request(Request { context, id: raw.id, message }))
}

/// Bounded, because adding an unbounded value to the time overflows, and the timers of tarpc panic on
/// spans of years.
fn deadline(asked_ms: Option<u64>) -> Duration {
    asked_ms.map_or(DEFAULT_DEADLINE, |ms| Duration::from_millis(ms).min(MAX_DEADLINE))
}

fn not_understood(call: &str, error: serde_json::Error) -> RequestError {
    let known = |name: &str| {
        // A known method with unknown arguments.
        serde_json::from_value::<BdRequest>(serde_json::json!({ name: null }))
            .is_err_and(|error| !error.to_string().contains("unknown variant"))
    };
    let method = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(call)
        .ok()
        .and_then(|call| call.keys().next().cloned());
    match method {
        Some(method) if !known(&method) => RequestError::UnknownMethod(method),
        _ => RequestError::Malformed(error),
    }
}

fn reply(response: Response<BdResponse>) -> Reply {
    let id = response.request_id;
    match response.message {
        Ok(BdResponse::NotUnderstood(Err(failure))) => {
            Reply { id, reply: None, failure: Some(failure) }
        }
        Ok(reply) => Reply { id, reply: Some(reply), failure: None },
        Err(error) => {
            let failure = Failure::from(RequestError::GivenUp(error));
            Reply { id, reply: None, failure: Some(failure) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bd_protocol::failure::codes;

    fn request(frame: &str) -> (u64, BdRequest, Duration) {
        match read(frame.as_bytes()).expect(frame) {
            ClientMessage::Request(request) => {
                let left = request.context.deadline.saturating_duration_since(Instant::now());
                (request.id, request.message, left)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn hostile_deadlines_are_shortened() {
        for deadline in [u64::MAX, 94_608_000_000, 3_600_001] {
            let (_, _, left) = request(&format!(
                r#"{{"id":1,"deadline_ms":{deadline},"call":{{"Status":{{}}}}}}"#
            ));
            assert!(left <= MAX_DEADLINE, "{deadline}");
        }
    }

    #[test]
    fn what_is_not_understood_is_answered_not_hung_up_on() {
        for (frame, code) in [
            (r#"{"id":7,"call":{"Teleport":{"to":"mars"}}}"#, codes::UNSUPPORTED),
            (r#"{"id":7,"call":{"Cancel":{"id":5}}}"#, codes::BAD_REQUEST),
            (r#"{"id":7,"call":[]}"#, codes::BAD_REQUEST),
            (r#"{"id":7}"#, codes::BAD_REQUEST),
        ] {
            let (id, message, _) = request(frame);
            let BdRequest::NotUnderstood { failure } = message else { panic!("{frame}") };
            assert_eq!((id, failure.code.as_str()), (7, code), "{frame}: {failure}");
        }
    }

    #[test]
    fn fields_that_a_newer_client_adds_are_ignored() {
        let frame = r#"{"id":7,"color":"red","call":{"Cancel":{"id":"b1","because":"later"}}}"#;
        assert!(matches!(request(frame).1, BdRequest::Cancel { id } if id == "b1"));
    }

    #[test]
    fn what_is_no_envelope_ends_the_connection() {
        for frame in ["", "{", "[]", "null", r#"{"call":{"Status":{}}}"#, r#"{"id":-1}"#] {
            assert!(read(frame.as_bytes()).is_err(), "{frame}");
        }
    }
}

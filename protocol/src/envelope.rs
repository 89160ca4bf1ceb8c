//! How a request and its reply are written in a control frame: JSON objects with an id.
//!
//! tarpc's own envelope is not used on the wire: its deadline panics the reader when it is huge,
//! and a request of an unknown name could only close the connection. This one is decoded in two
//! steps, so that the second failure has an id to answer to.

use crate::Failure;
use crate::service::{BdRequest, BdResponse};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A request, as a client writes it.
#[derive(Debug, Serialize)]
pub struct Request<'a> {
    /// Chosen by the client; unique among its requests under way on this connection.
    pub id: u64,
    /// How long the client waits for the reply, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
    /// The request itself: `{"Method": {"argument": …}}`.
    pub call: &'a BdRequest,
}

/// A request, as the daemon first reads it.
#[derive(Debug, Deserialize)]
pub struct RawRequest<'a> {
    /// See [`Request::id`].
    pub id: u64,
    /// See [`Request::deadline_ms`].
    #[serde(default)]
    pub deadline_ms: Option<u64>,
    /// The request itself, not yet understood; absent in a [cancellation](Self::cancel).
    #[serde(borrow, default)]
    pub call: Option<&'a RawValue>,
    /// `true` to give up the request `id`; it gets no reply.
    #[serde(default)]
    pub cancel: bool,
}

/// A reply: exactly one of `reply` and `failure` is there.
#[derive(Debug, Serialize, Deserialize)]
pub struct Reply {
    /// Id of the request.
    pub id: u64,
    /// The answer: `{"Method": {"Ok": …}}` or `{"Method": {"Err": failure}}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<BdResponse>,
    /// Why there is no answer: the request was not understood. One whose deadline passed gets no
    /// reply at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

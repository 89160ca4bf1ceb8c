//! Presentation: text, colours, tables, the live line, JSON documents. Sends no requests.

pub(crate) mod builds;
pub(crate) mod changes;
pub(crate) mod document;
pub(crate) mod error;
pub(crate) mod facts;
pub(crate) mod live;
pub(crate) mod paint;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod watch;
pub(crate) mod width;
pub(crate) mod workspaces;

//! Scanning: lists directories, reads what they say of themselves, and reads contents. Knows files
//! and watches, but neither the index nor what an event leads to.

mod content;
mod crawl;
mod ignore_files;
mod list;
mod readdir;
mod readers;

pub(super) use content::{READ_BUFFER_BYTES, ReadJob, ReadOutcome, ReadResult};
pub(super) use crawl::{CrawlError, MAX_ENTRIES, crawl, crawl_each};
pub(super) use list::{CrawlContext, CrawlStart, Listing};
pub(super) use readers::Readers;

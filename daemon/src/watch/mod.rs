//! What is on disk: where workspaces begin, and what is in them. Hands it to
//! [`changes`](crate::changes); knows nothing of builds.

mod crawl;
mod desk;
mod root;

pub use crawl::{CrawlError, crawl};
pub use desk::{Crawled, Desk, Summary};
pub use root::root_of;

//! The client side of the build daemon, for `bdctl` and other programs: finds or starts the daemon,
//! sends typed requests, follows the stream of events. Blocking throughout; knows nothing of command
//! lines and prints nothing.
//!
//! ```no_run
//! use bd_client::{Client, StartPolicy, recognise};
//! use bd_protocol::rendezvous::Home;
//!
//! # fn main() -> Result<(), bd_client::ClientError> {
//! let client = Client::new(Home::from_env()?, recognise(None)?, StartPolicy::IfNeeded);
//! println!("{} builds", client.status()?.builds.len());
//! # Ok(())
//! # }
//! ```

mod client;
mod confined;
mod connect;
mod control;
mod error;
mod frames;
mod input;
mod rpc;
mod session;
mod start;
mod stop;
mod stream;
mod upgrade;
mod version;

pub use client::{Client, StartPolicy};
pub use confined::may_be_confined;
pub use connect::{Connection, Welcome};
pub use control::{Control, Sender};
pub use error::{ClientError, StartError};
pub use frames::{Frames, readable};
pub use input::Input;
pub use rpc::workspace_at;
pub use session::{recognise, recognise_with};
pub use start::check_configuration;
pub use stop::Stopped;
pub use stream::{Cursor, Event, Events};
pub use version::newer;

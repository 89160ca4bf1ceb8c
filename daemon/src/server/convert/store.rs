//! Whether what happens is saved.

use super::text::time;
use crate::model;
use bd_protocol::service::{StoreState, StoreStatus};

pub(in crate::server) fn store(status: model::StoreStatus) -> StoreStatus {
    StoreStatus {
        state: match status.state {
            model::StoreState::Ok => StoreState::Ok,
            model::StoreState::Degraded => StoreState::Degraded,
            model::StoreState::SetAside => StoreState::SetAside,
        },
        since: status.since_ms.map(time),
        message: status.message,
        unsaved_builds: status.unsaved_builds,
    }
}

//! Where a rule is broken, and why it may. A place whose exception is not needed any more fails
//! its rule, so that this list only gets shorter.
//!
//! Each place is a rule, a file, and a part of what the rule says there; for circles, the file whose
//! use closes one.

use crate::finding::Exceptions;

pub(crate) const EXCEPTIONS: &[Exceptions] = &[
    Exceptions {
        reason: "its fields are those of the document that clients read or write",
        places: &[
            ("sizes", "protocol/src/build.rs", "`Build` has"),
            ("sizes", "protocol/src/submit.rs", "`Submit` has"),
        ],
    },
    Exceptions {
        reason: "its fields are those of the record on disk, which is frozen",
        places: &[("sizes", "daemon/src/store/record.rs", "`BuildRecord` has")],
    },
    Exceptions {
        reason: "it is the program's own, in a directory that is checked to be private",
        places: &[
            ("reading", "daemon/src/lifecycle/lock.rs", "`std::fs::File::options`"),
            ("reading", "daemon/src/lifecycle/log_file.rs", "`std::fs::OpenOptions::new`"),
            ("reading", "daemon/src/lifecycle/run.rs", "`std::fs::File::options`"),
            ("reading", "daemon/src/output/open.rs", "`std::fs::File::open`"),
            ("reading", "daemon/src/output/output_sync.rs", "`std::fs::File::open`"),
            ("reading", "daemon/src/output/reader.rs", "`std::fs::File::open`"),
            ("reading", "daemon/src/output/seal.rs", "`std::fs::File::open`"),
            ("reading", "daemon/src/output/writer.rs", "`std::fs::OpenOptions::new`"),
            ("reading", "daemon/src/store/builds_list.rs", "`std::fs::OpenOptions::new`"),
            ("reading", "daemon/src/store/builds_list.rs", "`std::fs::File::open`"),
            ("reading", "daemon/src/store/database.rs", "`std::fs::File::open`"),
            ("reading", "daemon/src/store/journal.rs", "`std::fs::OpenOptions::new`"),
            ("reading", "daemon/src/store/journal.rs", "`std::fs::read`"),
            ("reading", "daemon/src/store/state_records.rs", "`std::fs::OpenOptions::new`"),
            ("reading", "daemon/src/store/state_records.rs", "`std::fs::read`"),
            ("reading", "daemon/src/store/store_sync.rs", "`std::fs::File::open`"),
            ("reading", "client/src/start.rs", "`std::fs::OpenOptions::new`"),
            ("reading", "client/src/start.rs", "`std::fs::File::open`"),
            ("reading", "client/src/commands/daemon_logs.rs", "`std::fs::File::open`"),
        ],
    },
    Exceptions {
        reason: "it is the kernel's, in /proc or /dev, and ends",
        places: &[
            ("reading", "daemon/src/lifecycle/clean_start.rs", "`std::fs::read_to_string`"),
            ("reading", "daemon/src/lifecycle/process_numbers.rs", "`std::fs::File::open`"),
            ("reading", "daemon/src/lifecycle/run.rs", "`std::fs::File::open`"),
            ("reading", "daemon/src/process/leftovers.rs", "`std::fs::read_to_string`"),
            ("reading", "daemon/src/process/orphans.rs", "`std::fs::read`"),
            ("reading", "daemon/src/process/supervisor.rs", "`std::fs::OpenOptions::new`"),
            ("reading", "daemon/src/process/terminal.rs", "`std::fs::OpenOptions::new`"),
            ("reading", "daemon/src/process/tree.rs", "`std::fs::File::open`"),
            ("reading", "daemon/src/server/cgroups.rs", "`std::fs::read_to_string`"),
            ("reading", "daemon/src/server/confinement.rs", "`rustix::fs::openat`"),
            ("reading", "daemon/src/server/confinement.rs", "`std::fs::File::open`"),
            ("reading", "daemon/src/server/jobserver.rs", "`std::fs::read_to_string`"),
            ("reading", "daemon/src/server/jobserver.rs", "`std::fs::File::options`"),
            ("reading", "daemon/src/watch/actor/capacity.rs", "`std::fs::read_to_string`"),
            ("reading", "daemon/src/watch/actor/snapshot.rs", "`std::fs::read`"),
            ("reading", "daemon/src/watch/sync/mounts.rs", "`std::fs::File::open`"),
            ("reading", "client/src/follow/signals.rs", "`std::fs::read_to_string`"),
            ("reading", "client/src/process_state.rs", "`std::fs::read_to_string`"),
        ],
    },
];

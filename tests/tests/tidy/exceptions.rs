//! Where a rule is broken, and why it may. A place whose exception is not needed any more fails
//! its rule, so that this list only gets shorter.
//!
//! Each place is a rule, a file, and a part of what the rule says there; for circles, the file whose
//! use closes one.

use crate::finding::Exceptions;

pub(crate) const EXCEPTIONS: &[Exceptions] = &[
    Exceptions {
        reason: "its fields are those of the document that clients read",
        places: &[("sizes", "protocol/src/build.rs", "`Build` has")],
    },
    Exceptions {
        reason: "its fields are those of the record on disk, which is frozen",
        places: &[("sizes", "daemon/src/store/record.rs", "`BuildRecord` has")],
    },
    Exceptions {
        reason: "the tests wait for being sorted anew",
        places: &[
            ("sizes", "tests/tests/fuzz_changes/rounds.rs", "`Rounds` has"),
            ("sizes", "tests/tests/hostile/requests.rs", "the file has"),
            ("sizes", "tests/tests/sim/main.rs", "`World` has"),
            ("sizes", "tests/tests/sim/main.rs", "the file has"),
            ("words", "tests/src/fs_ops.rs", "`MOST_HANDS` has the old word `hands`"),
            ("words", "tests/tests/fuzz_changes/crew.rs", "`MOST_HANDS` has the old word `hands`"),
            (
                "words",
                "tests/tests/fuzz_changes/rounds.rs",
                "`MOST_HANDS` has the old word `hands`",
            ),
            ("words", "tests/tests/restart/kills.rs", "`HANDS` has the old word `hands`"),
            ("words", "tests/tests/restart/kills.rs", "`hands` has the old word `hands`"),
        ],
    },
    Exceptions {
        reason: "the room waits for being sorted anew",
        places: &[
            ("circles", "daemon/src/engine/on_change.rs", "daemon/src/engine/state_machine.rs"),
            ("circles", "daemon/src/engine/state_machine.rs", "daemon/src/engine/trigger.rs"),
            (
                "circles",
                "daemon/src/runtime/effect_handler.rs",
                "daemon/src/runtime/engine_handle.rs",
            ),
            ("circles", "daemon/src/runtime/messages.rs", "daemon/src/runtime/triggers.rs"),
            ("documents", "daemon/src/engine/tests.rs", "`tests/tests/sim.rs`"),
        ],
    },
];

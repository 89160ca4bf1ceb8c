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
];

//! Finds what the database has lost, by the list of builds, and writes it again from what the journal
//! has kept; where that has it not, a record that says so takes its place. Whoever asks for a build that
//! was lost is told of it then.

use super::database::Database;
use super::error::{StoreError, Warning};
use super::journal;
use super::record::BuildRecord;
use crate::model::BuildId;
use std::path::Path;

/// Lost builds that get a record, the newest ones: of more the history is lost as a whole.
const MOST_RECORDS: usize = 1_000;

/// Lost builds that are named in a warning.
const MOST_SHOWN: usize = 5;

/// Puts records in the place of what was lost; returns what is to be said of it. `journal` is the
/// directory of the journal, `now_ms` in milliseconds since 1970.
pub(super) fn mend(
    database: &Database,
    journal: &Path,
    now_ms: u64,
) -> Result<Vec<Warning>, StoreError> {
    let (listed, stored, damaged_rows) = {
        let mut list = database.list().borrow_mut();
        let damaged = std::mem::take(&mut list.damaged);
        (std::mem::take(&mut list.builds), std::mem::take(&mut list.stored), damaged)
    };
    let mut warnings = Vec::new();
    let mut lost = Vec::new();
    let mut kept = None;
    for (id, wanted) in listed.iter().rev() {
        if stored.get(id) == Some(&wanted.sum) {
            continue;
        }
        match database.build(*id)? {
            // It was written, and then the daemon was killed before it was listed.
            Some(record) if record.end.is_some() || !wanted.ended => database.put_build(&record)?,
            found => {
                let kept = kept.get_or_insert_with(|| journal::retired_builds(journal));
                let again = kept.remove(id).filter(|kept| kept.end.is_some() || !wanted.ended);
                if let Some(record) = again {
                    database.put_build(&record)?;
                    continue;
                }
                if lost.len() < MOST_RECORDS {
                    let found =
                        found.unwrap_or_else(|| BuildRecord::lost(*id, wanted.submitted_ms));
                    database.put_build(&found.end_lost(now_ms))?;
                }
                lost.push(*id);
            }
        }
    }
    if damaged_rows > 0 {
        warnings.push(Warning::ListDamaged(damaged_rows));
    }
    if !lost.is_empty() {
        let shown = lost.iter().take(MOST_SHOWN).map(|id| BuildId(*id).to_string()).collect();
        warnings.push(Warning::Lost { count: lost.len(), shown });
    }
    // Of a store from before there was a list, or where that was damaged.
    for id in stored.keys().filter(|id| !listed.contains_key(id)) {
        if let Some(record) = database.build(*id)? {
            database.put_build(&record)?;
        }
    }
    Ok(warnings)
}

//! The state of the machine, as it was last sampled.

/// What the machine has, and how loaded it is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MachineLoad {
    /// Processors this process may use; 0 where nobody has counted.
    pub cores: u32,
    /// Memory of the machine, or of the container, in bytes; 0 where nobody has measured.
    pub memory_bytes: u64,
}

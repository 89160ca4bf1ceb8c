//! Gives memory that was freed back to the system.

/// Gives back what this process has freed, from all of its threads. glibc keeps it otherwise: after
/// a large tree was listed, half as much again as is in use. Elsewhere the allocator sees to it, and
/// nothing is done.
pub(super) fn release_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        #[expect(unsafe_code, reason = "nobody wraps it")]
        // SAFETY: it takes a number of bytes to keep, and may be called at any time.
        unsafe {
            nix::libc::malloc_trim(0);
        }
    }
}

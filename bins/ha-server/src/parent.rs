//! A server that was started by a demo or a test ends with it, however that ends.

use rustix::process::{Signal, getppid, set_parent_process_death_signal};

use crate::failure::RunError;

/// Has the system kill this process when its parent ends.
///
/// # Errors
/// If the system cannot, or the parent has ended already.
pub(crate) fn end_with(parent: u32) -> Result<(), RunError> {
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| RunError::execution("cannot ask to end with the parent process").because(error))?;
    // The parent may have ended before the wish was known; then another process has inherited this one.
    let current = getppid().map(|pid| pid.as_raw_nonzero().get().unsigned_abs());
    if current == Some(parent) {
        Ok(())
    } else {
        Err(RunError::execution(format!(
            "process {parent} is not the parent of this one, or has ended"
        )))
    }
}

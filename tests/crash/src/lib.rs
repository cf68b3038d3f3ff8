//! Crash consistency of a plane whose store is a directory.
//!
//! A production node leads on a disk in memory that loses power: it commits, writes snapshots in parts, and collects. After each system call that
//! changed the disk it is asked what a power failure could have left, with writes torn and everything that was not made durable kept or dropped
//! in any combination; on each such image a fresh node must take over with a state that holds every write acknowledged until then, in order, none
//! twice and none between that was not proposed, and must be able to go on. Then the plane lives on from one of the images.
//!
//! [`lives()`] is that campaign, [`Plant`] the bugs that it must find. [`power_cuts`] does the same to a real process on a real file system.

mod judge;
mod lives;
mod power;
mod process;
mod writer;

pub use lives::{Figures, Plan, Violation, lives};
pub use power::{FileSystem, PowerFigures, PowerPlan, may_cut_power, power_cuts};
pub use process::Plant;
pub use writer::write;

//! PRB: the processes that drive pRuntimes, with their data providers, lifecycles, pools and workers.
//!
//! Workers are described independently of the version of PRB (`worker.rs`); each version has a file that reads its
//! answers. Nothing here changes anything in a PRB, and owners' keys are never taken up.

pub mod amount;
pub mod message;
pub mod peer;
pub mod session;
pub mod v2;
pub mod worker;

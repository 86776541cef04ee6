//! A file system that can hang: FUSE spoken on `/dev/fuse`, with a small directory and a free space that can be set.
//!
//! The process that serves a mount must not touch it from the same thread: it would wait for itself. Needs root.

mod protocol;
mod session;
mod settings;

use std::{
    fs::{File, OpenOptions},
    os::{fd::AsRawFd as _, unix::fs::OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use futures_util::future::{BoxFuture, FutureExt as _};
use nix::{
    errno::Errno,
    fcntl::OFlag,
    mount::{MntFlags, MsFlags, mount, umount2},
};
use serde_json::Value;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use crate::standin::{Kind, StandIn, Starting, locked, patched};

pub use session::Calls;
pub use settings::{Incident, Settings};

pub(crate) const KIND: Kind = Kind {
    name: "fuse",
    spec: "MOUNTPOINT[,fstype=fuse.cifs][,source=//nas/share]",
    about: "a file system on an existing directory; needs root and /dev/fuse",
    start,
};

/// Where a file system is mounted, and how it looks in the table of mounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub mountpoint: PathBuf,
    /// `fuse` or `fuse.` and a name.
    pub fstype: String,
    pub source: String,
}

/// A mount served by this process. Dropping it unmounts, also while it hangs.
#[derive(Debug)]
pub struct Mount {
    mountpoint: PathBuf,
    state: Arc<Mutex<session::State>>,
    released: mpsc::Sender<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Detached: whoever is stuck in it stays stuck only until the device closes with the task.
        umount2(&self.mountpoint, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW).ok();
        self.task.abort();
    }
}

impl Place {
    /// A file system of type `fuse` from the source `simfarm`.
    pub fn new(mountpoint: impl Into<PathBuf>) -> Self {
        Self {
            mountpoint: mountpoint.into(),
            fstype: "fuse".to_owned(),
            source: "simfarm".to_owned(),
        }
    }

    fn parse(spec: &str) -> Result<Self, String> {
        let mut parts = spec.split(',');
        let mut place = Self::new(parts.next().unwrap_or_default());
        for part in parts {
            match part.split_once('=') {
                Some(("fstype", fstype)) if fstype == "fuse" || fstype.starts_with("fuse.") => {
                    fstype.clone_into(&mut place.fstype);
                }
                Some(("fstype", other)) => return Err(format!("fstype {other}: only fuse and fuse.NAME can be had")),
                Some(("source", source)) => source.clone_into(&mut place.source),
                _ => return Err(format!("{part} is neither fstype= nor source=")),
            }
        }
        if !place.mountpoint.is_absolute() {
            return Err(format!("{} is not an absolute path", place.mountpoint.display()));
        }
        Ok(place)
    }
}

impl Mount {
    /// Mounts and answers the kernel's greeting. The directory must exist.
    pub async fn start(place: &Place) -> Result<Self, String> {
        let device = opened_device()?;
        mounted(&device, place)?;
        let state = Arc::new(Mutex::new(session::State::default()));
        let (released, inbox) = mpsc::channel(1);
        let (greeted, greeting) = oneshot::channel();
        let session = session::Session::new(device, Arc::clone(&state), greeted);
        let session = session.map_err(|error| format!("/dev/fuse: {error}"))?;
        let task = tokio::spawn(session.run(inbox));
        // Before the wait, so that giving up on it unmounts.
        let mount = Self {
            mountpoint: place.mountpoint.clone(),
            state,
            released,
            task,
        };
        greeting
            .await
            .map_err(|_| "the kernel closed /dev/fuse before it was used".to_owned())?;
        Ok(mount)
    }

    pub fn mountpoint(&self) -> &Path {
        &self.mountpoint
    }

    /// Changes the named settings (see [`Settings`]); when it returns, what hung and no longer should has its answer.
    pub async fn set(&self, patch: Value) -> Result<(), String> {
        {
            let mut state = locked(&self.state);
            let next: Settings = patched(&state.settings, &patch)?;
            state.settings = next;
        }
        let (done, outcome) = oneshot::channel();
        let gone = || "the mount is gone: somebody unmounted it".to_owned();
        self.released.send(done).await.map_err(|_| gone())?;
        outcome.await.map_err(|_| gone())
    }

    pub fn settings(&self) -> Settings {
        locked(&self.state).settings.clone()
    }

    /// What the kernel asked so far.
    pub fn calls(&self) -> Calls {
        locked(&self.state).calls.clone()
    }
}

fn opened_device() -> Result<File, String> {
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(OFlag::O_NONBLOCK.bits())
        .open("/dev/fuse");
    opened.map_err(|error| format!("/dev/fuse: {error}; a FUSE mount needs root and a kernel with FUSE"))
}

fn mounted(device: &File, place: &Place) -> Result<(), String> {
    let options = format!(
        "fd={},rootmode=40000,user_id=0,group_id=0,allow_other",
        device.as_raw_fd()
    );
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    let done = mount(
        Some(&*place.source),
        &place.mountpoint,
        Some(&*place.fstype),
        flags,
        Some(&*options),
    );
    done.map_err(|errno| {
        let hint = match errno {
            Errno::EPERM | Errno::EACCES => "; mounting needs root",
            Errno::ENOENT | Errno::ENOTDIR => "; the mount point must be a directory that exists",
            _ => "",
        };
        format!(
            "mounting {} on {}: {}{hint}",
            place.fstype,
            place.mountpoint.display(),
            errno.desc()
        )
    })
}

fn start(spec: String) -> Starting {
    async move {
        let mount: Box<dyn StandIn> = Box::new(Mount::start(&Place::parse(&spec)?).await?);
        Ok(mount)
    }
    .boxed()
}

impl StandIn for Mount {
    fn place(&self) -> String {
        self.mountpoint.display().to_string()
    }

    fn settings(&self) -> Value {
        serde_json::to_value(self.settings()).unwrap_or_default()
    }

    fn set(&self, patch: Value) -> BoxFuture<'_, Result<(), String>> {
        self.set(patch).boxed()
    }

    fn calls(&self) -> Option<Value> {
        serde_json::to_value(self.calls()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_path_and_how_it_looks() {
        let place = Place::parse("/mnt/a,fstype=fuse.cifs,source=//nas/a").unwrap();
        assert_eq!((&*place.fstype, &*place.source), ("fuse.cifs", "//nas/a"));
        assert_eq!(Place::parse("/mnt/a"), Ok(Place::new("/mnt/a")));
        assert!(Place::parse("mnt").unwrap_err().contains("absolute"));
        assert!(Place::parse("/mnt,fstype=cifs").unwrap_err().contains("only fuse"));
        assert!(Place::parse("/mnt,size=1").unwrap_err().contains("neither"));
    }
}

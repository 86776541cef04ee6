//! What must be seen before a mount is mounted anew: pure, over the picture of its machine.
//!
//! The policy's own guards come before; these hold whatever a policy says. Source: chia contract, 14 and 17.

use std::path::Path;

use nix::errno::Errno;

use crate::collectors::mounts::fstab::SSHFS;
use crate::collectors::mounts::{Failed, MountView, Snapshot, Target, Trouble};
use crate::values;

/// Filesystems whose server a new mount can find again.
pub(super) const NETWORK: [&str; 6] = ["cifs", "smb3", "smb2", "nfs", "nfs4", SSHFS];

/// What only a new mount cures; an error of the disk or of the credentials stays.
const CURED: [Errno; 3] = [Errno::ESTALE, Errno::EHOSTDOWN, Errno::ENOTCONN];

/// What is to be mounted anew.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ill {
    /// It is there and dead.
    Dead,
    /// Nothing is mounted.
    Missing,
}

/// Why farmwarden has no hold of the machine's mounts from where it runs, if it has none.
pub(super) fn from_here(target: &Target) -> Result<(), String> {
    if target.procfs.as_os_str() != "/proc" || target.rootfs.as_os_str() != "/" {
        return Err(format!(
            "`{}` is watched from a container, and what is mounted in there never appears on the machine: run farmwarden on \
             the machine itself, or hand this to one that does",
            target.name
        ));
    }
    Ok(())
}

/// How it is ill, or why it is left alone.
pub(super) fn mount(snapshot: &Snapshot, entity: &str) -> Result<Ill, String> {
    let view = snapshot.mounts.iter().find(|view| view.mount == entity);
    let view = view.filter(|view| view.expected.is_some());
    let view = view.ok_or_else(|| "it is not among the mounts that are `expected`".to_owned())?;
    // Detached are all that lie below with it, and what is mounted over them hides them.
    let above = Path::new(entity);
    let mut points = snapshot.points.iter();
    if let Some(below) = points.find(|point| point.starts_with(above) && *point != above) {
        let below = values::repeated(&below.display().to_string());
        return Err(format!(
            "{below} is mounted below it and would be lost with it: a person must look"
        ));
    }
    if !view.present {
        if !view.source.is_empty() {
            return Err(format!(
                "`{}` is mounted there instead: a person must look",
                view.source
            ));
        }
        return Ok(Ill::Missing);
    }
    if !NETWORK.contains(&view.fstype.as_str()) {
        return Err(format!("it is a {}, no network mount (cifs, nfs, sshfs)", view.fstype));
    }
    match snapshot.reachable(view) {
        Some(true) => {}
        Some(false) => return Err("its server accepts no connection, so it could not be mounted again".to_owned()),
        None => return Err("it is not known whether its server accepts connections".to_owned()),
    }
    if !is_dead(view) {
        return Err("it answers, and nothing is wrong with it that a new mount cures".to_owned());
    }
    // While it hangs nobody can look: what lay there when somebody last could is there still.
    match view.unfinished {
        Some(false) => Ok(Ill::Dead),
        Some(true) => Err("unfinished plots lay on it when it was last read: whoever writes them would lose them".to_owned()),
        None => Err(
            "it was not read to its end for long (are its plots counted, not too deep in directories, and may \
             farmwarden's user read them?), so it is not known whether unfinished plots lie on it: a person must look who writes there"
                .to_owned(),
        ),
    }
}

fn is_dead(view: &MountView) -> bool {
    let failed = match view.health {
        Some(Err(Trouble::Probe(Failed::Errno(number)))) => CURED.contains(&Errno::from_raw(number)),
        _ => false,
    };
    view.stuck == Some(true) || failed
}

/// What is to be said of requests that could not be aborted, if so: the CIFS client aborts none of a share that is mounted at
/// another place as well.
pub(super) fn not_aborted(snapshot: &Snapshot, entity: &str) -> String {
    let view = snapshot.mounts.iter().find(|view| view.mount == entity);
    let Some(other) = view.and_then(|view| snapshot.share_elsewhere(view)) else {
        return String::new();
    };
    format!(
        "; the share is mounted at {} too, so what waited for it could not be aborted: restart the harvester, if it hangs still",
        values::repeated(&other.mount)
    )
}

/// Plots on a mount before it was mounted anew, if that is known.
pub(super) fn plots_seen(snapshot: &Snapshot, entity: &str) -> Option<u64> {
    snapshot.mounts.iter().find(|view| view.mount == entity)?.plots_seen
}

/// What there is to say of it after it was mounted, or why it is not well. `before` are the plots that it held.
pub(super) fn is_well(snapshot: &Snapshot, entity: &str, before: Option<u64>) -> Result<&'static str, String> {
    let view = snapshot.mounts.iter().find(|view| view.mount == entity);
    let files = view.and_then(|view| view.files);
    let is_bare = files.is_some_and(|files| files.plot_files == 0 && !files.incomplete && !files.unseen);
    match view {
        Some(view) if !view.present => Err("what is expected is not mounted there".to_owned()),
        Some(view) if view.stuck == Some(true) => Err("it hangs again".to_owned()),
        Some(view) => match (view.health, before) {
            (Some(Ok(())), Some(plots @ 1..)) if is_bare => Err(format!(
                "it answers and holds no plot, where there were {plots}: is it the right share?"
            )),
            // A new disk is empty.
            (Some(Ok(())), _) if is_bare => Ok("; it holds no plot"),
            (Some(Ok(())), _) => Ok(""),
            (Some(Err(_)), _) => Err("a look at it meets an error".to_owned()),
            (None, _) => Err("it has not answered yet".to_owned()),
        },
        None => Err("it is no longer watched".to_owned()),
    }
}

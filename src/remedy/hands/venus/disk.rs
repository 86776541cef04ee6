//! The disk of a node that is to be restarted: one that is full does not come back, and may lose what it has.

use std::path::Path;

use super::left_alone;
use crate::collectors::mounts::{MountView, Mounts, Snapshot};
use crate::remedy::hands::Hands;
use crate::remedy::hands::check::Checked;
use crate::remedy::hands::tools::Tools;
use crate::remedy::runner::Undone;
use crate::remedy::settings::Rung;
use crate::remedy::step::Plan;
use crate::values;

/// The key of `with`.
pub(in crate::remedy::hands) const DISK: &str = "disk";
/// With less room left it is full: a node writes some hundred megabytes when it starts.
const FULL: u64 = 1 << 30;

impl Checked<'_> {
    pub(super) fn disk(&mut self, rung: &Rung, place: &str) {
        match rung.with.get(DISK) {
            None => self.say(
                format!("{place}.with"),
                "name by `disk` the directory in which the node has its repository, like /data/venus: it is not restarted while \
                 that is full",
            ),
            Some(path) if !Path::new(path).is_absolute() => {
                self.say(format!("{place}.with.{DISK}"), "an absolute path is expected here");
            }
            Some(_) if self.settings.machines.is_empty() => self.say(
                format!("{place}.with.{DISK}"),
                "nobody sees whether it is full: watch this machine by a target in `collectors.mounts`",
            ),
            Some(_) => {}
        }
    }
}

impl Hands {
    /// Unless it is seen to have room.
    pub(super) fn disk_has_room(&self, tools: &Tools, plan: &Plan) -> Result<(), Undone> {
        let path = plan.with.get(DISK).map(Path::new);
        let path = path.ok_or_else(|| left_alone("its `disk` is not in the configuration"))?;
        let seen = tools.settings.machines.iter().find_map(|machine| {
            let view = self.view(&machine.name)?;
            let room = room(view.snapshot::<Mounts>()?, path)?;
            Some((machine.name.clone(), room))
        });
        let shown = values::clean(&path.display().to_string()).into_owned();
        match seen {
            None => Err(left_alone(format!(
                "whether the disk of {shown} is full is not known: no target in `collectors.mounts` sees it"
            ))),
            Some((_, Ok(()))) => Ok(()),
            Some((machine, Err(words))) => Err(left_alone(format!("{machine}: {shown} lies on {words}"))),
        }
    }
}

/// Why there is none, if there is none; nothing where the mount is not watched.
fn room(snapshot: &Snapshot, path: &Path) -> Option<Result<(), String>> {
    let point = snapshot.covering(path)?;
    let mount = snapshot.mounts.iter().find(|mount| Path::new(&mount.mount) == point)?;
    Some(room_of(mount).map_err(|words| format!("{}, {words}", values::clean(&mount.mount))))
}

fn room_of(mount: &MountView) -> Result<(), String> {
    let space = mount.space.as_ref().filter(|_| mount.stuck != Some(true));
    let space = space.ok_or("of which is not known whether it is full")?;
    let avail = space.avail.ok_or("of which is not known whether it is full")?;
    if avail < FULL {
        return Err(format!("which is full: {} MiB are left", avail >> 20));
    }
    // Some filesystems count none.
    if space.inodes.is_some_and(|all| all > 0) && space.inodes_free == Some(0) {
        return Err("which has no free inodes".to_owned());
    }
    Ok(())
}

//! The disk of a node that is to be restarted: one that is full does not come back, and may lose what it has.

use std::path::Path;
use std::time::Duration;

use super::left_alone;
use crate::collectors::mounts::{MountView, Mounts, Snapshot};
use crate::remedy::hands::Hands;
use crate::remedy::hands::check::Checked;
use crate::remedy::hands::tools::Tools;
use crate::remedy::runner::Undone;
use crate::remedy::settings::Rung;
use crate::remedy::step::Plan;
use crate::values;

const LOOK_WITHIN: Duration = Duration::from_secs(5);
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
    pub(super) async fn disk_has_room(&self, tools: &Tools, plan: &Plan) -> Result<(), Undone> {
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
            Some((_, Ok(()))) => no_link(path).await.map_err(left_alone),
            Some((machine, Err(words))) => Err(left_alone(format!("{machine}: {shown} lies on {words}"))),
        }
    }
}

/// Mounts are known by their paths: what a link leads to lies on another one. From the top, so that none is followed.
async fn no_link(path: &Path) -> Result<(), String> {
    let mut above: Vec<&Path> = path.ancestors().collect();
    above.reverse();
    for one in above {
        let looked = tokio::time::timeout(LOOK_WITHIN, tokio::fs::symlink_metadata(one)).await;
        let shown = values::clean(&one.display().to_string()).into_owned();
        match looked {
            Ok(Ok(found)) if found.is_symlink() => {
                return Err(format!("{shown} is a link: write the path to which it leads as `disk`"));
            }
            // What is not here is not on another mount.
            Ok(_) => {}
            Err(_) => return Err(format!("{shown} does not answer")),
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_link_on_the_way_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let real = directory.path().canonicalize().unwrap();
        std::os::unix::fs::symlink("/nowhere", real.join("link")).unwrap();
        assert_eq!(no_link(&real.join("data")).await, Ok(()));
        let words = no_link(&real.join("link/venus")).await.unwrap_err();
        assert!(
            words.contains("/link is a link: write the path to which it leads"),
            "{words}"
        );
    }
}

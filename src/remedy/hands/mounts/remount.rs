//! `remount`, step by step; each is noted before and after, so that the journal shows where it stood.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use super::super::Hands;
use super::super::settings::Thing;
use super::super::tools::Tools;
use super::law::{self, Ill};
use crate::actions::handle::Handle;
use crate::actions::units::UnitName;
use crate::actions::unmount::{How, Unmounter};
use crate::collectors::chia::Chia;
use crate::collectors::mounts::fstab::Entry;
use crate::collectors::mounts::{Mounts, Server, Target};
use crate::remedy::runner::{Notes, Undone};
use crate::remedy::step::Plan;
use crate::values::{self, Name};

/// For the helper of the mount, which itself tries for minutes.
const MOUNT_WITHIN: Duration = Duration::from_secs(90);
/// systemd follows the table of mounts.
const NOTICED_WITHIN: Duration = Duration::from_secs(15);
/// Longer than any healthy server on a farm's network takes.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Until it answers after it was mounted, and looks in that time.
const UP_WITHIN: Duration = Duration::from_secs(60);
const MOST_LOOKS: u32 = 30;
/// The journal is not waited for longer while nothing is mounted.
const NOTED_WITHIN: Duration = Duration::from_secs(5);
/// Larger than any fstab.
const LARGEST_FSTAB: u64 = 1 << 20;

/// What of the machine a remount meets, beside pictures and units.
pub(super) struct Ground {
    pub(super) fstab: PathBuf,
    /// Where engines say that one is inside.
    pub(super) signs_of_a_container: Vec<PathBuf>,
    pub(super) unmounter: Unmounter,
    /// Whether what is let go here is let go on the machine.
    pub(super) own_namespace: fn() -> Result<(), String>,
}

impl Ground {
    fn of_the_machine() -> Self {
        Self {
            fstab: "/etc/fstab".into(),
            signs_of_a_container: vec!["/.dockerenv".into(), "/run/.containerenv".into()],
            unmounter: Unmounter::own(),
            own_namespace,
        }
    }
}

impl Hands {
    pub(in crate::remedy::hands) async fn remount(
        &self,
        tools: &Tools,
        plan: &Plan,
        notes: &dyn Notes,
    ) -> Result<String, Undone> {
        self.remount_on(&Ground::of_the_machine(), tools, plan, notes).await
    }

    pub(super) async fn remount_on(
        &self,
        ground: &Ground,
        tools: &Tools,
        plan: &Plan,
        notes: &dyn Notes,
    ) -> Result<String, Undone> {
        let shown = values::clean(&plan.entity);
        let left_alone = |words: String| Undone::Refused(format!("{shown} of {} was left alone: {words}", plan.target));
        let target = tools.settings.machine(&plan.target);
        let target = target.ok_or_else(|| left_alone("no mounts are watched there".to_owned()))?;
        outside(ground).map_err(left_alone)?;
        let (mount, unit) = listed(target, &plan.entity, tools).map_err(left_alone)?;
        let server = in_fstab(&ground.fstab, mount).await.map_err(left_alone)?;
        self.look_anew(&plan.target).await;
        let (ill, before, not_aborted) = self.mount_is_ill(&plan.target, &plan.entity).map_err(left_alone)?;
        if ill == Ill::Missing {
            // No picture has the server of what is not mounted.
            self.accepts(server).await.map_err(left_alone)?;
        }
        let handle = tools.handle(&Thing::Unit(unit.clone())).map_err(left_alone)?;
        // Whether systemd knows the unit, before anything is let go.
        handle.look().await?;
        let mut doing = Doing {
            mount,
            notes,
            is_let_go: false,
        };
        if ill == Ill::Dead {
            (ground.own_namespace)().map_err(left_alone)?;
            for (step, how) in [("abort the requests of", How::Abort), ("detach", How::Detach)] {
                let done = async {
                    ground
                        .unmounter
                        .let_go(mount, how)
                        .await
                        .map_err(|failed| failed.to_string())
                };
                doing.step(step, done).await?;
            }
            doing.is_let_go = true;
            drop(tokio::time::timeout(NOTICED_WITHIN, self.is_down(&handle)).await);
        }
        let mounted = async {
            let started = handle.start(MOUNT_WITHIN).await;
            started.map(drop).map_err(|failed| {
                format!(
                    "{failed}; nothing is mounted there now: what is written to the bare directory fills the disk of the system; stop \
                     plotters and copies to it, and type `{}`",
                    typed(&unit)
                )
            })
        };
        doing.step("mount", mounted).await?;
        let verified = self.comes_up(&plan.target, &plan.entity, before);
        let seen = doing.step("verify", verified).await?;
        let looking = self.plots_on(tools, mount).await;
        Ok(format!(
            "mounted {shown} of {} anew by {unit}{seen}{not_aborted}{looking}",
            plan.target
        ))
    }

    /// How, with how many plots it was last seen, and what is to be said of requests that cannot be aborted.
    fn mount_is_ill(&self, target: &Name, entity: &str) -> Result<(Ill, Option<u64>, String), String> {
        let view = self.view(target);
        let snapshot = view.as_ref().and_then(|view| view.snapshot::<Mounts>());
        let snapshot = snapshot.ok_or_else(|| "its machine has no picture yet".to_owned())?;
        let ill = law::mount(snapshot, entity)?;
        Ok((
            ill,
            law::plots_seen(snapshot, entity),
            law::not_aborted(snapshot, entity),
        ))
    }

    /// Whether the server of what is missing is there; without it a mount only costs one of the day's attempts.
    async fn accepts(&self, server: Option<Server>) -> Result<(), String> {
        let server = server.ok_or("it is not known where its server listens")?;
        let tried = self.upstream.connects(&server.host, server.port, CONNECT_WITHIN).await;
        tried.map_err(|fault| format!("its server accepts no connection, so it could not be mounted: {fault}"))
    }

    /// Disks that spin up when they are mounted take their time.
    async fn comes_up(&self, target: &Name, entity: &str, before: Option<u64>) -> Result<&'static str, String> {
        let until = Instant::now() + UP_WITHIN;
        let mut looks = 0;
        loop {
            self.look_anew(target).await;
            let seen = self.mount_is_well(target, entity, before);
            looks += 1;
            if seen.is_ok() || looks >= MOST_LOOKS || Instant::now() >= until {
                return seen;
            }
            tokio::time::sleep(self.look_every).await;
        }
    }

    fn mount_is_well(&self, target: &Name, entity: &str, before: Option<u64>) -> Result<&'static str, String> {
        let view = self.view(target);
        let snapshot = view.as_ref().and_then(|view| view.snapshot::<Mounts>());
        let snapshot = snapshot.ok_or_else(|| "its machine has no picture".to_owned())?;
        law::is_well(snapshot, entity, before)
    }

    /// Until systemd has seen that it is no longer mounted; else a start would find it there.
    async fn is_down(&self, handle: &Handle) {
        while handle.look().await.is_ok_and(|look| look.up) {
            tokio::time::sleep(self.look_every.min(Duration::from_secs(1))).await;
        }
    }

    /// Has every harvester look that has plot directories on it and an RPC; what fails there does not undo the mount.
    async fn plots_on(&self, tools: &Tools, mount: &Path) -> String {
        let mut words = String::new();
        for farm in &tools.settings.chia {
            let Some(view) = self.view(&farm.name) else { continue };
            let Some(snapshot) = view.snapshot::<Chia>() else {
                continue;
            };
            for here in snapshot.here() {
                let lies_there = lies_on(here.directories, mount);
                let pick = farm.harvesters.iter().find(|pick| pick.name.as_str() == here.label);
                if let Some(pick) = pick.filter(|pick| lies_there && pick.rpc.is_some()) {
                    let said = self.refresh_plots(farm, pick).await;
                    let said = said.unwrap_or_else(|undone| undone.to_string());
                    words = format!("{words}; {said}");
                }
            }
        }
        words
    }
}

/// Also where plots are looked for recursively, from above the mount.
fn lies_on(directories: &[PathBuf], mount: &Path) -> bool {
    let mut directories = directories.iter();
    directories.any(|directory| directory.starts_with(mount) || mount.starts_with(directory))
}

/// Where it stands is in the journal before and after.
struct Doing<'a> {
    mount: &'a Path,
    notes: &'a dyn Notes,
    /// From then on a journal that fails holds nothing up: the mount is tried, whatever it costs.
    is_let_go: bool,
}

impl Doing<'_> {
    async fn step<T>(&self, step: &str, work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
        let step = format!("{step} {}", self.mount.display());
        let begins = format!("{step}: begins");
        if self.is_let_go {
            self.try_to_note(begins).await;
        } else {
            self.notes.note(begins).await?;
        }
        let outcome = work.await;
        let words = outcome.as_ref().map_or_else(String::as_str, |_| "done");
        // What is done is done; where the journal fails, the next step does not begin.
        self.try_to_note(format!("{step}: {words}")).await;
        outcome.map_err(|words| format!("{step}: {words}"))
    }

    async fn try_to_note(&self, words: String) {
        drop(tokio::time::timeout(NOTED_WITHIN, self.notes.note(words)).await);
    }
}

fn outside(ground: &Ground) -> Result<(), String> {
    let mut signs = ground.signs_of_a_container.iter();
    match signs.find(|sign| sign.exists()) {
        Some(sign) => Err(format!(
            "farmwarden runs in a container ({}), and what is mounted in there never appears on the machine",
            sign.display()
        )),
        None => Ok(()),
    }
}

/// What a person types to have it mounted; names of units may hold a backslash.
fn typed(unit: &UnitName) -> String {
    let name = unit.as_str();
    if name.contains('\\') {
        format!("systemctl start '{name}'")
    } else {
        format!("systemctl start {name}")
    }
}

/// The mount and its unit, if both are in the configuration.
fn listed<'a>(target: &'a Target, entity: &str, tools: &Tools) -> Result<(&'a Path, UnitName), String> {
    law::from_here(target)?;
    let mut expected = target.expected.iter().map(|expected| expected.mount.as_path());
    let mount = expected.find(|mount| mount.to_str() == Some(entity));
    let mount = mount.ok_or_else(|| "it is not among the mounts that are `expected`".to_owned())?;
    let unit = unit_of(mount)?;
    if !tools.settings.units.allowed.contains(&unit) {
        return Err(format!("its unit {unit} is not listed in `units.allowed`"));
    }
    Ok((mount, unit))
}

async fn in_fstab(fstab: &Path, mount: &Path) -> Result<Option<Server>, String> {
    let (fstab, mount) = (fstab.to_owned(), mount.to_owned());
    let looked = tokio::task::spawn_blocking(move || fstab_has(&fstab, &mount)).await;
    looked.map_err(|panic| panic.to_string())?
}

/// Where its server listens, if the entry says it.
fn fstab_has(fstab: &Path, mount: &Path) -> Result<Option<Server>, String> {
    use std::io::Read as _;
    let shown = fstab.display();
    let mut text = String::new();
    let read = std::fs::File::open(fstab).and_then(|file| file.take(LARGEST_FSTAB).read_to_string(&mut text));
    read.map_err(|e| format!("{shown} cannot be read: {}", values::io_words(&e)))?;
    let entry = mount.to_str().and_then(|mount| Entry::of(&text, mount));
    let entry = entry.ok_or_else(|| format!("{shown} has no entry for it, so nobody knows how it is mounted"))?;
    let fstype = entry.fstype();
    if law::NETWORK.contains(&fstype) {
        return Ok(entry.server());
    }
    Err(format!(
        "{shown} has it as {}, no network mount (cifs, nfs, sshfs)",
        values::repeated(fstype)
    ))
}

/// Letting go acts in our own mount namespace; in another one than the machine's it would change nothing there.
fn own_namespace() -> Result<(), String> {
    let of = |process: &str| std::fs::read_link(PathBuf::from(format!("/proc/{process}/ns/mnt")));
    match (of("self"), of("1")) {
        (Ok(own), Ok(first)) if own == first => Ok(()),
        (Ok(_), Ok(_)) => Err(
            "farmwarden has a mount namespace of its own (a container, or a sandbox of its unit like ProtectSystem=): what it \
             lets go there stays on the machine"
                .to_owned(),
        ),
        _ => Err(
            "farmwarden may not let go of mounts: it needs CAP_SYS_ADMIN and CAP_SYS_PTRACE in the machine's own mount namespace"
                .to_owned(),
        ),
    }
}

/// As `systemd-escape -p --suffix=mount` names it.
pub(in crate::remedy::hands) fn unit_of(mount: &Path) -> Result<UnitName, String> {
    let text = mount.to_str().unwrap_or_default();
    let mut name = String::new();
    for part in text.split('/').filter(|part| !part.is_empty()) {
        if !name.is_empty() {
            name.push('-');
        }
        for (at, byte) in part.bytes().enumerate() {
            let first = name.is_empty() && at == 0;
            if byte.is_ascii_alphanumeric() || byte == b':' || byte == b'_' || (byte == b'.' && !first) {
                name.push(char::from(byte));
            } else {
                name.extend(format!("\\x{byte:02x}").chars());
            }
        }
    }
    format!("{name}.mount")
        .parse()
        .map_err(|_| format!("no unit can mount {}", mount.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plots_are_looked_for_on_a_mount_from_within_and_from_above() {
        let lies = |directory: &str| lies_on(&[directory.into()], Path::new("/mnt/plots/d01"));
        assert!(lies("/mnt/plots/d01") && lies("/mnt/plots/d01/deep") && lies("/mnt/plots"));
        assert!(!lies("/mnt/plots/d02") && !lies("/mnt/plots/d0"));
    }

    #[test]
    fn a_unit_is_named_as_systemd_names_it() {
        // systemd-escape -p --suffix=mount PATH
        for (path, unit) in [
            ("/mnt/plots/d01", "mnt-plots-d01.mount"),
            ("/mnt/plots/my disk/", r"mnt-plots-my\x20disk.mount"),
            ("/home/chia/nas-1/.d", r"home-chia-nas\x2d1-.d.mount"),
            ("/.hidden", r"\x2ehidden.mount"),
            ("/mnt/\u{e4}", r"mnt-\xc3\xa4.mount"),
        ] {
            assert_eq!(unit_of(Path::new(path)).unwrap().as_str(), unit);
        }
    }

    #[test]
    fn only_a_network_mount_of_fstab_is_taken_and_no_line_of_it_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let fstab = directory.path().join("fstab");
        std::fs::write(
            &fstab,
            "//nas/d01 /mnt/a cifs password=secret\n/dev/sdb1 /mnt/b ext4 rw,secret\n\
             sshfs#chia@nas:/d02 /mnt/d fuse noauto\n",
        )
        .unwrap();
        let has = |mount: &str| fstab_has(&fstab, Path::new(mount));
        assert!(has("/mnt/a").is_ok() && has("/mnt/d").is_ok());
        for (mount, words) in [
            ("/mnt/b", "as `ext4`, no network mount"),
            ("/mnt/c", "has no entry for it"),
        ] {
            let told = has(mount).unwrap_err();
            assert!(told.contains(words) && !told.contains("secret"), "{told}");
        }
        assert!(fstab_has(Path::new("/no/such/fstab"), Path::new("/mnt/a")).is_err());
    }
}

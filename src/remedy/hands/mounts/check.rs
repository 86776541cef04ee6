//! Policies that mount something anew, against the machines that they name.

use super::law;
use super::remount::unit_of;
use crate::collectors::mounts::{MOUNT_ERROR, MOUNT_MISSING, MOUNT_STUCK, Target};
use crate::remedy::hands::check::Checked;
use crate::remedy::settings::Rung;

impl Checked<'_> {
    pub(in crate::remedy::hands) fn remount(&mut self, rung: &Rung) {
        let cured = [&MOUNT_STUCK, &MOUNT_MISSING, &MOUNT_ERROR];
        if !cured.contains(&self.policy.symptom.get()) {
            let names = cured.map(|symptom| symptom.name).join(", ");
            self.say("symptom", format!("`{}` cures none but {names}", rung.action));
        }
        for (index, name) in self.policy.targets.iter().enumerate() {
            let words = match self.settings.machine(name) {
                Some(target) => self.unfit(target),
                None if self.is_excused(name) => None,
                None => Some(format!(
                    "`{name}` has no mounts, and `{}` is for those of a machine",
                    rung.action
                )),
            };
            if let Some(words) = words {
                self.say(format!("targets[{index}]"), words);
            }
        }
        self.rarely(rung);
    }

    fn unfit(&self, target: &Target) -> Option<String> {
        if let Err(words) = law::from_here(target) {
            return Some(words);
        }
        if !target.count_files {
            return Some(format!(
                "`{}` has `count_files: false`, so nobody sees whether unfinished plots lie on a mount, and none is touched",
                target.name
            ));
        }
        let allowed =
            |mount: &std::path::Path| unit_of(mount).is_ok_and(|unit| self.settings.units.allowed.contains(&unit));
        if target.expected.iter().any(|expected| allowed(&expected.mount)) {
            return None;
        }
        let name = &target.name;
        Some(format!(
            "`units.allowed` has the unit of none of the mounts that are `expected` on `{name}`; `systemd-escape -p --suffix=mount PATH` \
             tells its name, like mnt-plots-d01.mount"
        ))
    }
}

//! A farmwarden of its own on the second harvester's machine, with that machine's daemon and mounts, and without the farmer.

use super::farm::Farm;
use super::figures::lookups;
use super::{NAS, PATIENCE, is_above, seen, symptom};
use crate::mounts::Share;
use crate::support::{Farmwarden, Samples, http, wait_for};

pub(super) struct Elsewhere {
    pub(super) warden: Farmwarden,
}

impl Elsewhere {
    /// Silence is told after two signage points at their usual pace, which is far slower than that of this farm.
    pub(super) fn start(farm: &Farm, share: &str) -> Self {
        let root = farm.directory.join("nas");
        let warden = Farmwarden::start(&format!(
            "collectors:
  chia:
    - name: chia-nas
      root: {}
      daemon: 127.0.0.1:55401
      harvesters:
        - {{name: nas, rpc: '127.0.0.1:8570'}}
      interval: 2s
      timeout: 1900ms
      events_interval: 1s
      details_interval: 2s
      thresholds: {{silent_points: 1, certificate_ends_within: 1d}}
  mounts:
    - name: nas
      interval: 2s
      probe_timeout: 500ms
      include: ['{share}']
      exclude: []
      expected: [{{mount: '{share}'}}]
      thresholds: {{stuck_after: 1s}}
",
            root.display()
        ));
        Self { warden }
    }

    /// By its own daemon's events, in seconds, where the farmer's tell microseconds; `central` is the page of the farmer's farmwarden.
    pub(super) fn tells_of_its_harvester(&self, central: &Samples) {
        let page = seen(&self.warden, "lookups by the harvester's own word", |page| {
            for part in ["events", "details"] {
                page.is("farmwarden_target_up", &[("target", "chia-nas"), ("part", part)], 1.0)?;
            }
            page.is("chia_harvester_plots", &[NAS], 2.0)?;
            is_above("lookups", lookups(page, NAS), 2.0)
        });
        let heard = page.get("chia_events_received_total", &[("command", "farming_info")]);
        assert_eq!(heard, Some(lookups(&page, NAS)), "each is counted once:\n{}", page.0);
        let took = page.get("chia_harvester_lookup_seconds_sum", &[NAS]).unwrap();
        assert!(took < 60.0 * lookups(&page, NAS), "in seconds:\n{}", page.0);
        // Rules know by this that both speak of the same.
        assert_eq!(node_id(&page), node_id(central), "{}", page.0);
        assert!(node_id(&page).is_some(), "{}", page.0);
    }

    pub(super) fn tells_of_its_share(&self, share: &Share) {
        seen(&self.warden, "a frozen share, and its harvester's silence", |page| {
            symptom(page, "mount_stuck", &share.point, 1.0)?;
            symptom(page, "harvester_silent", "nas", 1.0)?;
            page.is(
                "farmwarden_target_up",
                &[("target", "chia-nas"), ("part", "events")],
                1.0,
            )
        });
        let because = format!("mount_stuck of nas: {}", share.point);
        wait_for("people are told why", PATIENCE, || {
            let status = http::get(&self.warden.address, "/", &[])?.text();
            if status.contains(&because) { Ok(()) } else { Err(status) }
        });
    }

    pub(super) fn is_well(&self, share: &Share) {
        seen(&self.warden, "all is well on that machine", |page| {
            symptom(page, "mount_stuck", &share.point, None)?;
            symptom(page, "harvester_silent", "nas", None)
        });
    }
}

fn node_id(page: &Samples) -> Option<&str> {
    let line = page
        .lines("chia_harvester_info")
        .find(|line| line.contains("harvester=\"nas\""))?;
    line.split("node_id=\"").nth(1)?.split('"').next()
}

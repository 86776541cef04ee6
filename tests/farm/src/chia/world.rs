//! What the services of one farm share: its settings, its clock, and the events that its daemon has pushed.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::{
    answers::{as_of, bare_numbers},
    settings::{Harvester, Settings},
};
use crate::{clock::unix_ms, standin::patched};

/// Events that a listener may be behind; older ones are forgotten.
const MOST_EVENTS: usize = 50_000;
/// Events that older releases show to their own wallet only.
const TOLD_LATER: [&str; 3] = ["new_signage_point", "new_farming_info", "harvester_update"];
/// Signage points of a sub-slot.
const OF_A_SLOT: u64 = 64;
/// After a long rest only so many are made up.
const MOST_AT_ONCE: u64 = 100;

#[derive(Debug)]
pub(super) struct World {
    pub(super) settings: Settings,
    /// The node id of the installation's harvester.
    own: String,
    began_ms: u64,
    next_point_ms: u64,
    points: u64,
    events: VecDeque<String>,
    /// How many events were forgotten.
    forgotten: usize,
}

impl World {
    pub(super) fn new(own: String) -> Self {
        let mut world = Self {
            settings: Settings::default(),
            own,
            began_ms: unix_ms(),
            next_point_ms: 0,
            points: 0,
            events: VecDeque::new(),
            forgotten: 0,
        };
        world.settled();
        world
    }

    fn settled(&mut self) {
        if let Some(first) = self.settings.harvesters.first_mut() {
            first.node_id.clone_from(&self.own);
            "127.0.0.1".clone_into(&mut first.host);
        }
        self.next_point_ms = unix_ms() + self.settings.point_ms;
    }

    pub(super) fn patch(&mut self, patch: &Value) -> Result<(), String> {
        self.now();
        let before: Vec<Harvester> = self.connected().cloned().collect();
        let settings: Settings = patched(&self.settings, patch)?;
        if !settings.space.bytes().all(|digit| digit.is_ascii_digit()) || settings.space.is_empty() {
            return Err(format!("space: `{}` is no number", settings.space));
        }
        self.settings = settings;
        self.began_ms = unix_ms();
        self.settled();
        self.changed(&before);
        Ok(())
    }

    /// Changes one harvester; `order` says which (`at`: its place in the list) and what.
    pub(super) fn patch_one(&mut self, order: &Value) -> Result<(), String> {
        let mut patch = order.as_object().cloned().ok_or("an order is a JSON object")?;
        let at = patch.remove("at").and_then(|at| at.as_u64());
        let at = at.and_then(|at| usize::try_from(at).ok());
        let before: Vec<Harvester> = self.connected().cloned().collect();
        let one = at.and_then(|at| self.settings.harvesters.get_mut(at));
        let one = one.ok_or("at: the place of a harvester in the list")?;
        *one = patched(one, &Value::Object(patch))?;
        self.changed(&before);
        Ok(())
    }

    /// The installation's harvester looks through its directories.
    pub(super) fn refresh(&mut self) {
        let before: Vec<Harvester> = self.connected().cloned().collect();
        if let Some(first) = self.settings.harvesters.first_mut() {
            first.plots = first.on_disk.unwrap_or(first.plots);
        }
        self.changed(&before);
    }

    /// What a daemon answers about the installation's harvester, which it stops and starts; a start ends a silence.
    pub(super) fn order(&mut self, command: &str) -> Option<Value> {
        let before: Vec<Harvester> = self.connected().cloned().collect();
        let own = self.settings.started_by_daemon;
        let first = self.settings.harvesters.first_mut()?;
        let answer = match command {
            "is_running" => json!({"success": true, "service_name": "chia_harvester", "is_running": first.connected}),
            "stop_service" => {
                first.connected &= !own;
                json!({"success": own, "service_name": "chia_harvester"})
            }
            "start_service" => {
                (first.connected, first.silent) = (true, false);
                first.plots = first.on_disk.unwrap_or(first.plots);
                json!({"success": true, "service": "chia_harvester", "error": null})
            }
            _ => return None,
        };
        self.changed(&before);
        Some(answer)
    }

    fn connected(&self) -> impl Iterator<Item = &Harvester> {
        self.settings.harvesters.iter().filter(|one| one.connected)
    }

    fn changed(&mut self, before: &[Harvester]) {
        let now: Vec<Harvester> = self.connected().cloned().collect();
        for gone in before
            .iter()
            .filter(|one| now.iter().all(|other| other.node_id != one.node_id))
        {
            self.push(
                "chia_farmer",
                "harvester_removed",
                &json!({"node_id": format!("0x{}", gone.node_id)}),
            );
        }
        for changed in now.iter().filter(|one| !before.contains(one)) {
            let entry = self.entry(changed);
            self.push("chia_farmer", "harvester_update", &entry);
        }
    }

    /// Brings it to the present.
    pub(super) fn now(&mut self) -> &mut Self {
        let every = self.settings.point_ms;
        if every > 0 && unix_ms() >= self.next_point_ms {
            let due = 1 + (unix_ms() - self.next_point_ms) / every;
            self.next_point_ms += due * every;
            self.point(due.min(MOST_AT_ONCE));
        }
        let passed = (unix_ms() - self.began_ms)
            .checked_div(self.settings.block_ms)
            .unwrap_or_default();
        self.settings.height += passed;
        self.began_ms += passed * self.settings.block_ms;
        self
    }

    /// So many signage points, each with the answers of all harvesters that answer.
    pub(super) fn point(&mut self, count: u64) {
        for _ in 0..count {
            self.points += 1;
            self.settings.partials += 1;
            let hash = |salt: u64| format!("0x{salt:016x}{:048x}", self.points);
            let (point, challenge) = (hash(1), format!("0x{:064x}", self.points / OF_A_SLOT));
            let event = json!({"missing_signage_points": null, "proofs": [], "signage_point": {
                "challenge_chain_sp": point, "challenge_hash": challenge, "difficulty": 2000,
                "reward_chain_sp": hash(2), "signage_point_index": self.points % OF_A_SLOT, "sub_slot_iters": 1_048_576}});
            self.push(
                "chia_full_node",
                "signage_point",
                &json!({"broadcast_farmer": {"challenge_chain_sp": point}}),
            );
            let event = as_of(self, [2, 0, 0], event, &["missing_signage_points"]);
            self.push("chia_farmer", "new_signage_point", &event);
            let answering: Vec<Harvester> = self.connected().filter(|one| !one.silent).cloned().collect();
            for one in answering {
                let own = one.node_id == self.own;
                self.answer(&one, own, &point, &challenge);
            }
        }
    }

    fn answer(&mut self, one: &Harvester, own: bool, point: &str, challenge: &str) {
        // The filter lets one plot of 256 through.
        let eligible = one.plots.div_ceil(256);
        let info = json!({"challenge_hash": challenge, "lookup_time": one.lookup_ms * 1000,
            "node_id": format!("0x{}", one.node_id), "passed_filter": eligible, "proofs": 0, "signage_point": point,
            "timestamp": self.unix_s(), "total_plots": one.plots});
        let info = as_of(self, [2, 0, 0], info, &["lookup_time"]);
        self.push("chia_farmer", "new_farming_info", &json!({"farming_info": info}));
        if own {
            let bare = challenge.trim_start_matches("0x");
            let seconds = std::time::Duration::from_millis(one.lookup_ms).as_secs_f64();
            let info = json!({"challenge_hash": bare, "eligible_plots": eligible, "found_proofs": 0,
                "found_v2_partial_proofs": 0, "time": seconds, "total_plots": one.plots});
            self.push("chia_harvester", "farming_info", &info);
        }
    }

    /// An event, as a daemon passes it on to those who are registered as `metrics`.
    pub(super) fn push(&mut self, origin: &str, command: &str, data: &Value) {
        if TOLD_LATER.contains(&command) && !self.settings.since([1, 8, 2]) {
            return;
        }
        let mut data = data.clone();
        if let Some(members) = data.as_object_mut() {
            members.insert("success".to_owned(), json!(true));
        }
        let event = json!({"ack": false, "command": command, "data": data, "destination": "metrics", "origin": origin,
            "request_id": format!("{:064x}", self.end())});
        if self.events.len() >= MOST_EVENTS {
            self.events.pop_front();
            self.forgotten += 1;
        }
        self.events.push_back(bare_numbers(&event.to_string()));
    }

    /// Where a listener begins that comes now.
    pub(super) fn end(&self) -> usize {
        self.forgotten + self.events.len()
    }

    /// All events from a place on.
    pub(super) fn since(&self, place: usize) -> Vec<String> {
        self.events
            .iter()
            .skip(place.saturating_sub(self.forgotten))
            .cloned()
            .collect()
    }

    /// How many signage points there were.
    pub(super) fn points(&self) -> u64 {
        self.points
    }

    /// The farm's clock, which may be wrong.
    pub(super) fn unix_s(&self) -> i64 {
        i64::try_from(unix_ms() / 1000)
            .unwrap_or(i64::MAX)
            .saturating_add(self.settings.skew_s)
    }

    /// A harvester's entry in the farmer's summary.
    pub(super) fn entry(&self, one: &Harvester) -> Value {
        let scans_every = 120;
        let by_clock = self.unix_s() - self.unix_s().rem_euclid(scans_every);
        let last_scan = one.last_scan.map_or_else(|| json!(by_clock), |last| json!(last));
        let bytes = u128::from(one.plots) * u128::from(one.plot_bytes);
        let entry = json!({"connection": {"node_id": format!("0x{}", one.node_id), "host": one.host, "port": 58_176},
            "plots": one.plots, "failed_to_open_filenames": one.invalid, "no_key_filenames": one.keys_missing,
            "duplicates": one.duplicates, "total_plot_size": format!("@u128:{bytes}"),
            "total_effective_plot_size": format!("@u128:{bytes}"), "syncing": null, "last_sync_time": last_scan,
            "harvesting_mode": 1});
        as_of(
            self,
            [2, 0, 0],
            entry,
            &["total_effective_plot_size", "harvesting_mode"],
        )
    }
}

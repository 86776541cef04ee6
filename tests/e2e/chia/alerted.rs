//! Two farmwardens of one farm, the farmer's and that of the second harvester's machine, under one Prometheus and one
//! Alertmanager as they are shipped.

use serde_json::{Value, json};

use super::elsewhere::Elsewhere;
use super::farm::Farm;
use super::{NAS, PATIENCE, seen};
use crate::prometheus::Prometheus;
use crate::repairs::stage::{Alertmanager, alerts};
use crate::support::{Farmwarden, http, same, wait_for};

pub(super) struct Alerted {
    /// Sees what the farmer sees: neither the second harvester's RPC nor its mounts.
    central: Farmwarden,
    elsewhere: String,
    alertmanager: Alertmanager,
    _prometheus: Prometheus,
}

impl Alerted {
    pub(super) fn start(farm: &Farm, elsewhere: &Elsewhere) -> Self {
        let (root, id) = (farm.directory.join("farm"), farm.nas_id());
        let central = Farmwarden::start(&format!(
            "collectors:
  chia:
    - name: chia-1
      root: {}
      farmer: 127.0.0.1:8559
      daemon: 127.0.0.1:55400
      harvesters: [{{name: nas, node_id: '{id}'}}]
      interval: 2s
      timeout: 1900ms
      events_interval: 1s
      plot_detail: 'off'
      thresholds: {{silent_points: 3, certificate_ends_within: 1d}}
",
            root.display()
        ));
        seen(&central, "the farmer's farmwarden knows the harvester", |page| {
            page.is("chia_harvester_connected", &[NAS], 1.0)
        });
        let alertmanager = Alertmanager::shipped(&central.address);
        let elsewhere = elsewhere.warden.address.clone();
        let farmwardens = json!([{"targets": [central.address, elsewhere]}]);
        let mut prometheus = Prometheus::with(
            &json!({
                "rule_files": [alerts("rules/*.yml")],
                "scrape_configs": [{"job_name": "farmwarden", "static_configs": farmwardens}],
                "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager.address]}]}]},
            }),
            &[],
        );
        prometheus.wait_until_all_are_up(2);
        Self {
            central,
            elsewhere,
            alertmanager,
            _prometheus: prometheus,
        }
    }

    /// While the share is frozen: of three alerts people are told of one, the cause.
    pub(super) fn one_of_three_is_told(&self) {
        for (instance, alert, expected) in [
            (&self.elsewhere, "MountStuck", "active"),
            (&self.elsewhere, "HarvesterSilent", "suppressed"),
            (&self.central.address, "HarvesterSilent", "suppressed"),
        ] {
            wait_for(&format!("{alert} is {expected}"), PATIENCE, || {
                let all = http::get_json(&self.alertmanager.address, "/api/v2/alerts")?;
                let labels = json!({"alertname": alert, "instance": instance});
                let is = |one: &&Value| {
                    ["alertname", "instance"]
                        .iter()
                        .all(|key| one["labels"][key] == labels[key])
                };
                let one = all.as_array().into_iter().flatten().find(is);
                let one = one.ok_or_else(|| format!("no {labels} in {all}"))?;
                same(&one["status"]["state"], &json!(expected)).map_err(|words| format!("{words}: {all}"))
            });
        }
    }
}

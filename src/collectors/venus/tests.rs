//! The whole room against the simulated Filecoin, in every era.

mod failover;
mod incidents;
mod input;
mod many;
mod queues;
mod several;

use std::time::Duration;

use serde_json::json;
use simfarm::venus::{Perm, Service, Venus as Farm};
use tokio::time::Instant;

use super::*;
use crate::clock::Clock;
use crate::exposition::Own;
use crate::upstream::Upstream;

/// A chain service with the token of one permission for all.
pub(super) struct Room {
    farm: Farm,
    collector: Venus,
    snapshot: Snapshot,
    directory: tempfile::TempDir,
    more: Vec<Service>,
    start: Instant,
    rounds: u64,
}

impl Room {
    async fn of(era: &str, perm: Perm) -> Self {
        Self::with(era, perm, &[], |_| ()).await
    }

    /// With more services and a configuration of its own.
    async fn with(era: &str, perm: Perm, more: &[&str], change: impl FnOnce(&mut Target)) -> Self {
        let farm = Farm::start("127.0.0.1").await.unwrap();
        farm.set(&json!({"era": era})).unwrap();
        let mut services = Vec::new();
        for name in more {
            services.push(farm.another(name).await.unwrap());
        }
        let directory = tempfile::tempdir().unwrap();
        let mut target = Target::bare("fil".parse().unwrap());
        let file = directory.path().join("token");
        std::fs::write(&file, farm.token(perm)).unwrap();
        target.token_file = Some(file);
        target.timeout = crate::values::Duration::from_secs(5);
        let own = [&farm.auth, &farm.gateway, &farm.node, &farm.messager, &farm.miner];
        for service in own.into_iter().chain(&services) {
            let role = VenusService::ALL
                .into_iter()
                .find(|role| service.name().starts_with(role.label()))
                .unwrap();
            let mut instance = Instance::at(format!("http://{}", service.addr()).parse().unwrap());
            instance.name = Some(service.name().parse().unwrap());
            target.instances_mut(role).push(instance);
        }
        // Miner services of incubation know no token but their own.
        for (service, instance) in [&farm.miner]
            .into_iter()
            .chain(&services)
            .zip(&mut target.miner_services)
        {
            let own = directory.path().join(service.name());
            service.set(json!({"token_file": own})).await.unwrap();
            instance.token_file = Some(own);
        }
        change(&mut target);
        let tools = Tools {
            upstream: Upstream::from_system().unwrap(),
            own: Own::default(),
        };
        Self {
            collector: Venus::connect(&target, &tools, None).unwrap(),
            snapshot: Snapshot::default(),
            farm,
            directory,
            more: services,
            start: Instant::now(),
            rounds: 0,
        }
    }

    /// A round of every part, one after the other, as the schedule does it.
    async fn round(&mut self) -> Vec<(&'static str, Fault)> {
        let mut lost = Vec::new();
        self.rounds += 1;
        for part in self.collector.parts() {
            let reading = self.collector.read(&part).await;
            let now = self.now();
            match reading {
                Ok(reading) => self.collector.absorb(&mut self.snapshot, reading, now),
                Err(fault) => {
                    self.collector.lost(&mut self.snapshot, &part, &fault, now);
                    lost.push((part.name, fault));
                }
            }
        }
        lost
    }

    /// Rounds follow one another every minute, as those of the slower parts do.
    fn now(&self) -> Now {
        Now {
            wall: Clock::system().now().wall,
            monotonic: self.start + Duration::from_secs(60 * self.rounds),
        }
    }

    fn diagnosis(&self) -> Diagnosis {
        self.collector.diagnose(&self.snapshot, self.now())
    }

    /// What is ill after two rounds, by symptom and entity.
    async fn ill(&mut self) -> Vec<(&'static str, String)> {
        self.round().await;
        self.round().await;
        let found = self.diagnosis().findings.into_iter();
        found.map(|finding| (finding.symptom.name, finding.entity)).collect()
    }

    /// The evidence of the one thing that is ill.
    fn evidence(&self) -> String {
        let found = self.diagnosis().findings;
        assert_eq!(found.len(), 1, "{found:?}");
        found[0].evidence.clone()
    }

    fn sender(&self, at: usize) -> String {
        let text = self.farm.settings().senders[at].address.clone();
        address::Address::read(&text).unwrap().to_string()
    }

    fn page(&self) -> String {
        let mut page = Page::new(&[]);
        Venus::samples(&self.snapshot, &mut page);
        crate::exposition::golden::rendered(Venus::FAMILIES, page)
    }
}

const ERAS: [&str; 3] = ["a", "b", "c"];

fn one(symptom: &'static str, entity: &str) -> Vec<(&'static str, String)> {
    vec![(symptom, entity.to_owned())]
}

//! The stand-ins of the demo and the farmwarden that watches them: put up in order, and taken down again.

use std::{fs, path::Path};

use serde_json::{Value, json};

use super::{Options, configuration as config, place::Directory, warden::Warden};
use crate::{
    dingtalk::Robot,
    engine::{Engine, Verb},
    fuse::{Mount, Place},
    prb_v2::Monitor,
    substrate::Node,
    venus::{Perm, Venus},
};

/// Six times as fast as a real parachain.
const BLOCK_MS: u64 = 2000;

/// Workers of the PRB and its pools; so few fail alike that each is restarted by itself.
const WORKERS: u32 = 12;
const POOLS: u32 = 4;
pub(super) const FIRST_POOL: u64 = 88;

const ALERTS_TOKEN: &str = "the-token-of-the-demo";
const CHAT_TOKEN: &str = "the-token-of-the-robot";

/// What stands in for a farm.
#[derive(Debug)]
pub(super) struct Farm {
    pub(super) para: Node,
    pub(super) relay: Node,
    pub(super) monitor: Monitor,
    pub(super) venus: Venus,
    pub(super) engine: Engine,
    pub(super) robot: Robot,
    /// Or why there is none.
    pub(super) share: Result<Mount, String>,
}

#[derive(Debug)]
pub(super) struct Stage {
    pub(super) farm: Farm,
    pub(super) warden: Warden,
    pub(super) directory: Directory,
}

impl Stage {
    pub(super) async fn set(options: &Options) -> Result<Self, String> {
        let directory = Directory::new()?;
        let farm = Farm::start(directory.path(), options.share).await?;
        // The messager wants this permission of whoever publishes a message again.
        let venus_token = farm.venus.token(Perm::Admin);
        for (name, text) in [
            (config::ALERTS_TOKEN, ALERTS_TOKEN),
            (config::CHAT_TOKEN, CHAT_TOKEN),
            (config::VENUS_TOKEN, &venus_token),
            (config::VENUS_ACT_TOKEN, &venus_token),
            ("web.yml", &config::web()),
            (
                "farmwarden.yml",
                &config::farmwarden(&farm, directory.path(), options.language),
            ),
        ] {
            directory.write(name, text)?;
        }
        let warden = Warden::start(&options.farmwarden, directory.path(), &options.listen).await?;
        Ok(Self {
            farm,
            warden,
            directory,
        })
    }

    pub(super) async fn hand_in(&self, payload: &Value) -> Result<(), String> {
        self.warden.hand_in("/alerts", ALERTS_TOKEN, payload).await
    }

    /// The share first: what hangs in it is then free to end.
    pub(super) async fn down(self) {
        let Self {
            mut farm,
            warden,
            directory,
        } = self;
        if let Ok(share) = std::mem::replace(&mut farm.share, Err(String::new())) {
            drop(share.set(json!({"incident": "ok"})).await);
            drop(share);
        }
        warden.stop().await;
        drop(farm);
        drop(directory);
    }
}

impl Farm {
    async fn start(directory: &Path, share: bool) -> Result<Self, String> {
        let words = |error: std::io::Error| format!("a stand-in cannot listen on 127.0.0.1: {error}");
        let farm = Self {
            para: Node::start("127.0.0.1:0").await.map_err(words)?,
            relay: Node::start("127.0.0.1:0").await.map_err(words)?,
            monitor: Monitor::start("127.0.0.1:0").await.map_err(words)?,
            venus: Venus::start("127.0.0.1").await.map_err(words)?,
            engine: Engine::start(
                &directory.join(config::ENGINE),
                &[config::NODE_CONTAINER, config::PHERRY],
            )?,
            robot: Robot::start("127.0.0.1:0").await.map_err(words)?,
            share: if share {
                mounted(&directory.join(config::SHARE)).await
            } else {
                Err("it was not asked for (--share)".to_owned())
            },
        };
        farm.begin().await?;
        Ok(farm)
    }

    /// Chains that grow together, and workers that follow them.
    async fn begin(&self) -> Result<(), String> {
        self.robot.set(json!({"access_token": CHAT_TOKEN})).await?;
        let fleet = json!({
            "workers": WORKERS, "pools": POOLS, "first_pid": FIRST_POOL, "starting_ms": 1000, "syncing_ms": 2000,
        });
        let prb = json!({"dial_ms": 20, "block_time_ms": BLOCK_MS, "lifecycles": [fleet]});
        self.monitor.set(prb).await?;
        let heights = self.monitor.settings();
        let chain = |best: i64, block_time_ms: u64, seed: u64| json!({"best": best, "block_time_ms": block_time_ms, "finality_lag": 0, "seed": seed, "peers": 20});
        self.para.set(chain(heights.para_height, BLOCK_MS, 1)).await?;
        self.relay.set(chain(heights.relay_height, BLOCK_MS / 2, 2)).await
    }

    /// The node of a machine that was just started: it has its peers and follows the chain again.
    pub(super) async fn mend_node(&self) -> Result<(), String> {
        self.para.set(json!({"incident": "healthy", "peers": 20})).await
    }

    /// How often the node's container was started.
    pub(super) fn node_starts(&self) -> usize {
        let acts = self.engine.acts();
        let starts = acts
            .iter()
            .filter(|act| act.container == config::NODE_CONTAINER && act.verb != Verb::Stop);
        starts.count()
    }

    /// How often the PRB was told to restart a worker.
    pub(super) fn worker_restarts(&self) -> u64 {
        self.monitor.calls().of("RestartWorker")
    }

    /// The titles of all that stands in the chat.
    pub(super) fn messages(&self) -> Vec<String> {
        let messages = self.robot.messages();
        let messages = messages.as_array().into_iter().flatten();
        let title = |message: &Value| message.pointer("/markdown/title")?.as_str().map(str::to_owned);
        messages.filter_map(title).collect()
    }
}

async fn mounted(directory: &Path) -> Result<Mount, String> {
    fs::create_dir(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let place = Place {
        fstype: "fuse.cifs".to_owned(),
        source: config::SHARE_SOURCE.to_owned(),
        ..Place::new(directory)
    };
    Mount::start(&place).await
}

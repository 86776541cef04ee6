//! `simfarm demo`: a small farm and the real farmwarden on loopback, some incidents, and what was seen, decided and done.
//!
//! Everything runs in this process but farmwarden itself, which is started as a user would start it. What is told of it is
//! read where people read: its report, its journal, and the messages it sends.

mod acts;
mod alertmanager;
mod configuration;
mod journal;
mod place;
mod scene;
mod stage;
mod teller;
mod warden;

use std::path::PathBuf;

use tokio::signal::unix::{SignalKind, signal};

use scene::Scene;
use stage::Stage;
pub use teller::Language;
use teller::Teller;

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The program.
    pub farmwarden: PathBuf,
    /// Where it serves.
    pub listen: String,
    /// Go on until somebody ends it.
    pub stay: bool,
    /// Mount a share, which hangs later. The mount is seen by everybody in the namespace.
    pub share: bool,
    pub language: Language,
}

/// How it is ended from outside.
const ENDS: [SignalKind; 3] = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];

/// Plays it. An error is what kept it from going on, or what of the story did not happen.
pub async fn play(options: Options) -> Result<(), String> {
    let [mut interrupt, mut terminate, mut hangup] = {
        let [first, second, third] = ENDS.map(|kind| signal(kind).map_err(|error| error.to_string()));
        [first?, second?, third?]
    };
    let teller = Teller::new(options.language);
    let mut stage = None;
    let played = tokio::select! {
        played = tell(&options, &teller, &mut stage) => played,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
        _ = hangup.recv() => Ok(()),
    };
    if let Some(stage) = stage {
        stage.down().await;
    }
    teller.plain(
        "Everything that the demo started has ended, and its files are gone.",
        "演示启动的一切都已结束，文件已删除。",
    );
    played
}

async fn tell(options: &Options, teller: &Teller, kept: &mut Option<Stage>) -> Result<(), String> {
    let stage = kept.insert(Stage::set(options).await?);
    let mut scene = Scene::open(stage, teller).await?;
    let outcome = acts::play(&mut scene).await;
    scene.curtain().await;
    outcome?;
    if options.stay {
        scene.stay().await;
    }
    Ok(())
}

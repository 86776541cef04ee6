//! The incidents, one after the other.

use std::time::Duration;

use serde_json::json;

use super::{
    configuration::{RESTART_NODE, RESTART_WORKER, TELL_OF_SHARE, TELL_OF_WORKERS, UNBLOCK_SENDER},
    scene::{Chapter, Scene},
    stage::FIRST_POOL,
};

/// Somebody who was told gets up.
const A_PERSON_NEEDS: Duration = Duration::from_secs(5);

/// Between two incidents.
const BREATH: Duration = Duration::from_secs(2);

pub(super) async fn play(scene: &mut Scene<'_>) -> Result<(), String> {
    stuck_node(scene).await?;
    scene.rest(BREATH).await?;
    workers_in_error(scene).await?;
    scene.rest(BREATH).await?;
    all_workers_in_error(scene).await?;
    scene.rest(BREATH).await?;
    if scene.farm().share.is_ok() {
        hung_share(scene).await?;
        scene.rest(BREATH).await?;
    }
    blocked_sender(scene).await?;
    // For the last message to people.
    scene.rest(BREATH).await
}

fn is_over(chapter: &Chapter) -> bool {
    !chapter.opened.is_empty() && chapter.ended == chapter.opened
}

async fn stuck_node(scene: &mut Scene<'_>) -> Result<(), String> {
    let title = scene.teller.say("stuck node", "节点卡住");
    let words = scene.teller.say(
        "the parachain of node-1 has no more blocks and has lost its peers",
        "node-1 的平行链不再出块，并且失去了对等节点",
    );
    scene.begin(RESTART_NODE, title, words);
    scene.farm().para.set(json!({"incident": "stuck", "peers": 1})).await?;
    scene.until("the node is restarted and cured", is_over).await
}

async fn workers_in_error(scene: &mut Scene<'_>) -> Result<(), String> {
    let title = scene.teller.say("worker pool in error", "矿池出错");
    let words = scene.teller.say(
        "all three workers of pool 89 are in error; PRB leaves them so",
        "89 号矿池的三个 worker 全部出错；PRB 不会自行恢复",
    );
    scene.begin(RESTART_WORKER, title, words);
    let order = json!({"name": "lifecycle", "error_percent": 100, "error_pool": FIRST_POOL + 1});
    scene.farm().monitor.peer("lifecycle", &order)?;
    let three = |chapter: &Chapter| chapter.opened.len() == 3 && is_over(chapter);
    scene.until("three workers are restarted and cured", three).await
}

async fn all_workers_in_error(scene: &mut Scene<'_>) -> Result<(), String> {
    let title = scene.teller.say("all workers in error", "全部 worker 出错");
    let words = scene.teller.say(
        "all twelve workers fail in the same moment: that is one thing that they share, which no restart of a worker cures",
        "十二个 worker 同时出错：这是它们共同依赖的东西出了问题，重启任何一个都没有用",
    );
    scene.begin(TELL_OF_WORKERS, title, words);
    let restarts = scene.farm().worker_restarts();
    in_error(scene, 100)?;
    scene
        .until("people are told of the workers", |chapter| chapter.done.is_some())
        .await?;
    scene.rest(A_PERSON_NEEDS).await?;
    if scene.farm().worker_restarts() > restarts {
        return Err("a worker was restarted although all had failed alike".to_owned());
    }
    let words = scene.teller.say(
        "no worker was restarted; somebody mends what they share",
        "没有重启任何 worker；有人修好了共同的原因",
    );
    scene.say(words);
    in_error(scene, 0)?;
    scene.until("the workers are well", is_over).await
}

fn in_error(scene: &Scene<'_>, percent: u32) -> Result<(), String> {
    let order = json!({"name": "lifecycle", "error_percent": percent, "error_pool": null});
    scene.farm().monitor.peer("lifecycle", &order)
}

async fn hung_share(scene: &mut Scene<'_>) -> Result<(), String> {
    let title = scene.teller.say("hung share", "共享卡死");
    let words = scene.teller.say(
        "the share's server answers nothing any more: whoever touches the mount hangs. farmwarden does not",
        "共享服务器不再应答：任何访问该挂载的程序都会卡住，farmwarden 不会",
    );
    scene.begin(TELL_OF_SHARE, title, words);
    share(scene, "hang").await?;
    scene
        .until("people are told of the share", |chapter| chapter.done.is_some())
        .await?;
    scene.rest(A_PERSON_NEEDS).await?;
    let words = scene
        .teller
        .say("somebody starts the share's server again", "有人重新启动了共享服务器");
    scene.say(words);
    share(scene, "ok").await?;
    scene.until("the share is well", is_over).await
}

async fn share(scene: &Scene<'_>, incident: &str) -> Result<(), String> {
    match &scene.farm().share {
        Ok(share) => share.set(json!({"incident": incident})).await,
        Err(_) => Ok(()),
    }
}

async fn blocked_sender(scene: &mut Scene<'_>) -> Result<(), String> {
    let title = scene.teller.say("blocked sender", "消息堵塞");
    let words = scene.teller.say(
        "a signed message of a Venus sender is in no node's pool: everything behind its nonce waits",
        "某个 Venus 地址已签名的消息不在任何节点的消息池中：其后的 nonce 全部等待",
    );
    scene.begin(UNBLOCK_SENDER, title, words);
    scene
        .farm()
        .venus
        .sender(&json!({"at": 1, "trouble": "stuck_filled"}))?;
    scene
        .until("the message is published again", |chapter| chapter.actions == 2)
        .await?;
    let words = scene.teller.say(
        "the message is in the pools again, and in the next epoch on chain",
        "消息重新进入消息池，并在下一个 epoch 上链",
    );
    scene.say(words);
    // An epoch takes 30 s, which nobody wants to wait.
    scene.farm().venus.epoch(1);
    scene.until("the sender is well", is_over).await
}

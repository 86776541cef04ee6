//! The program: the ready line, the control port, and its end.

use std::io::Result;

use crate::common::{LONG, ends};
use serde_json::json;
use simfarm::client::Farm;
use tokio::{net::TcpStream, process::Command, time::timeout};

const PROGRAM: &str = env!("CARGO_BIN_EXE_simfarm");

#[tokio::test]
async fn two_nodes_are_steered_apart() -> Result<()> {
    let farm = Farm::spawn(
        PROGRAM,
        &["--substrate", "para=127.0.0.1:0", "--substrate", "relay=127.0.0.1:0"],
    )
    .await?;
    assert_ne!(farm.addr("para"), farm.addr("substrate/relay"));
    let after = farm
        .set("substrate/para", &json!({"incident": "stuck", "best": 7}))
        .await?;
    assert_eq!(
        (&after["settings"]["incident"], &after["settings"]["best"]),
        (&json!("stuck"), &json!(7))
    );
    let all = farm.get("").await?;
    assert_eq!(all["substrate"]["relay"]["settings"]["incident"], "healthy");
    assert_eq!(all["substrate"]["para"]["place"].as_str(), farm.place("para"));
    assert_eq!(farm.calls("para").await?.connections, 0);
    farm.set("substrate/relay", &json!({"block_time_ms": 0, "best": 5}))
        .await?;
    let grown = farm.set("substrate/relay/block", &json!({"count": 3})).await?;
    assert_eq!(grown["settings"]["best"], 8);
    farm.stop().await
}

#[tokio::test]
async fn services_of_one_chain_come_up_together() -> Result<()> {
    let farm = Farm::spawn(PROGRAM, &["--venus", "fil=127.0.0.1,miner-2=0"]).await?;
    let all = farm.get("").await?;
    for service in ["auth", "gateway", "messager", "miner", "miner-2", "node"] {
        assert!(farm.addr(&format!("fil-{service}")).is_some(), "{service}");
        assert_eq!(
            all["venus"][format!("fil-{service}")]["settings"]["incident"],
            "healthy"
        );
    }
    farm.set("venus/fil", &json!({"by_hand": true, "era": "a"})).await?;
    let before = farm.get("venus/fil").await?["settings"]["epoch"].as_u64();
    let after = farm.set("venus/fil/epoch", &json!({"count": 3})).await?;
    assert_eq!(after["settings"]["epoch"].as_u64(), before.map(|epoch| epoch + 3));
    let node = farm.set("venus/fil-node", &json!({"incident": "lagging"})).await?;
    assert_eq!(node["settings"]["version"], "1.1");
    farm.set("venus/fil/message", &json!({"count": 2})).await?;
    assert_eq!(farm.get("venus/fil/messages").await?.as_array().map(Vec::len), Some(2));
    let tokens = farm.get("venus/fil/tokens").await?;
    farm.set("venus/fil/regenerate", &json!({"perm": "admin"})).await?;
    assert_ne!(farm.get("venus/fil/tokens").await?, tokens);
    farm.stop().await
}

#[tokio::test]
async fn a_wrong_order_is_answered_with_words() -> Result<()> {
    let farm = Farm::spawn(PROGRAM, &["--substrate", "para=127.0.0.1:0"]).await?;
    for (path, body, expected) in [
        (
            "substrate/other",
            json!({}),
            "no substrate named other; GET / lists what there is",
        ),
        ("chia/para", json!({}), "no chia named para"),
        ("", json!({}), "nothing at POST /"),
        ("substrate/para/eat", json!({}), "a substrate has no POST eat"),
        (
            "substrate/para/block",
            json!({"cuont": 1}),
            "block takes {\\\"count\\\": how many}",
        ),
        ("substrate/para", json!({"bset": 1}), "unknown setting `bset`"),
        (
            "substrate/para",
            json!({"incident": "sad"}),
            "unknown variant `sad`, expected one of `healthy`",
        ),
        (
            "substrate/para",
            json!({"status": 99}),
            "status: 99 is not in 200..=999",
        ),
    ] {
        let words = farm.set(path, &body).await.map_err(|error| error.to_string());
        assert!(words.as_ref().is_err_and(|words| words.contains(expected)), "{words:?}");
    }
    farm.stop().await
}

#[tokio::test]
async fn dropping_the_handle_ends_the_farm() -> Result<()> {
    let farm = Farm::spawn(PROGRAM, &["--substrate", "para=127.0.0.1:0"]).await?;
    let mut open = TcpStream::connect(farm.addr("para").unwrap()).await?;
    drop(farm);
    assert!(ends(&mut open).await);
    Ok(())
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a test starts the program")]
async fn the_farm_ends_by_itself_and_a_mistake_is_an_exit_code() -> Result<()> {
    for (args, code) in [
        (vec!["serve", "--lifetime", "0"], 0),
        (vec!["serve", "--exit-with-parent"], 0),
        (vec!["--help"], 0),
        (vec!["serve", "--chai", "a=1"], 2),
        (
            vec!["serve", "--substrate", "a=127.0.0.1:0", "--substrate", "a=127.0.0.1:0"],
            1,
        ),
        (vec!["serve", "--substrate", "a=nowhere:port"], 1),
    ] {
        let ended = timeout(
            LONG,
            Command::new(PROGRAM)
                .args(&args)
                .stdin(std::process::Stdio::null())
                .output(),
        )
        .await??;
        assert_eq!(
            ended.status.code(),
            Some(code),
            "{args:?}: {}",
            String::from_utf8_lossy(&ended.stderr)
        );
    }
    Ok(())
}

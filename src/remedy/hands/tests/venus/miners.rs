//! Miners that shall mine and do not.

use simfarm::venus::CUT;

use super::*;

const ALONE: [(&str, &str); 1] = [("only_miner_service", "yes")];

async fn closed(era: &str) -> Farm {
    let farm = Farm::of(era, json!({})).await;
    farm.filecoin.one_miner(&json!({"open": false})).unwrap();
    farm
}

/// Open, and its prover could not be built.
async fn unbuilt(era: &str) -> Farm {
    let farm = Farm::of(era, json!({})).await;
    farm.filecoin.one_miner(&json!({"trouble": "not_built"})).unwrap();
    farm
}

async fn act(farm: &Farm, action: &str) -> Result<String, String> {
    act_beside(farm, action, Vec::new()).await
}

async fn act_beside(farm: &Farm, action: &str, others: Vec<Target>) -> Result<String, String> {
    let plan = plan(action, "venus-1", "f01000", &ALONE);
    farm.hands_with(others).run(&plan, &Book::default()).await
}

async fn refuses(farm: &Farm, action: &str, part: &str) {
    let words = act(farm, action).await.unwrap_err();
    assert!(
        words.starts_with("nothing was done: ") && words.contains(part),
        "{words}"
    );
    assert_eq!(farm.changes(), BTreeMap::new());
}

#[tokio::test]
async fn a_miner_that_is_closed_is_started_in_the_form_of_each_version() {
    for (era, version, calls) in [("a", "1.1", 2), ("a", "1.2", 1), ("b", "1.8", 1), ("c", "1.19", 1)] {
        let farm = closed(era).await;
        farm.filecoin.miner.set(json!({"version": version})).await.unwrap();
        let words = act(&farm, "start-mining").await.unwrap();
        assert!(
            words.starts_with("started to mine for f01000; it is mined for now"),
            "{version}: {words}"
        );
        assert!(farm.filecoin.settings().miners[0].open);
        // The first versions refuse a list as a whole, and say no version that would tell.
        assert_eq!(farm.changes()["Filecoin.Start"], calls, "{version}");
    }
}

#[tokio::test]
async fn a_start_that_the_service_only_logs_as_failed_did_not_help() {
    let farm = closed("c").await;
    let nothing = json!({"results": {"Filecoin.Start": null}});
    farm.filecoin.miner.set(nothing).await.unwrap();
    let words = act(&farm, "start-mining").await.unwrap_err();
    assert!(
        words.contains("took the order; it is closed for mining: see its log"),
        "{words}"
    );
}

#[tokio::test]
async fn a_start_whose_answer_is_lost_is_not_sent_again() {
    let farm = closed("c").await;
    farm.filecoin
        .miner
        .set(json!({"answers_lost": ["Filecoin.Start"]}))
        .await
        .unwrap();
    let words = act(&farm, "start-mining").await.unwrap();
    assert!(words.contains("although the call failed"), "{words}");
    assert_eq!(farm.changes(), once("Filecoin.Start"));
}

#[tokio::test]
async fn the_list_is_read_anew_for_a_miner_that_is_open_and_never_a_part_of_it() {
    let farm = unbuilt("c").await;
    let words = act(&farm, "reload-miners").await.unwrap();
    assert!(
        words.contains("read its miners again, for f01000; it is open and not mined for yet"),
        "{words}"
    );
    assert_eq!(farm.changes(), once("Filecoin.UpdateAddress"));
    assert!(!farm.filecoin.miner.calls().methods.contains_key(CUT));
}

#[tokio::test]
async fn each_action_is_for_its_own_state() {
    refuses(&unbuilt("c").await, "start-mining", "it is open already").await;
    refuses(&closed("c").await, "reload-miners", "it is closed for mining").await;
    let well = Farm::of("c", json!({})).await;
    refuses(&well, "start-mining", "it is mined for by now").await;
    refuses(&well, "reload-miners", "it is mined for by now").await;
}

#[tokio::test]
async fn an_old_service_would_start_what_was_stopped_by_hand() {
    for era in ["a", "b"] {
        let farm = unbuilt(era).await;
        farm.filecoin
            .miner
            .set(json!({"version": if era == "a" { "1.2" } else { "1.7" }}))
            .await
            .unwrap();
        refuses(&farm, "reload-miners", "before 1.8").await;
    }
}

#[tokio::test]
async fn a_second_miner_service_holds_back_whatever_else_is_said() {
    let mut farm = closed("c").await;
    farm.target
        .miner_services
        .push(at(&farm.filecoin.another("miner-2").await.unwrap()));
    refuses(&farm, "start-mining", "it has 2 miner services").await;

    let mut farm = closed("c").await;
    let mut other = Target::bare("venus-2".parse().unwrap());
    other.miner_services = farm.target.miner_services.clone();
    for (miners, part) in [
        (vec![], "does not say its `miners`"),
        (farm.target.miners.clone(), "expects f01000 as well"),
    ] {
        other.miners = miners;
        let words = act_beside(&farm, "start-mining", vec![other.clone()])
            .await
            .unwrap_err();
        assert!(words.contains(part), "{words}");
    }
    farm.target.miners.clear();
    refuses(&farm, "start-mining", "is not one of `miners`").await;
}

#[tokio::test]
async fn a_miner_that_another_service_is_seen_to_mine_for_is_not_started() {
    let farm = Farm::of("c", json!({})).await;
    let mut other = farm.target.clone();
    (other.name, other.miners) = ("venus-2".parse().unwrap(), vec!["f09999".parse().unwrap()]);
    let mut shown: Shown<Venus> = Shown::new(&farm.store, &other);
    shown.read().await;
    farm.filecoin.one_miner(&json!({"open": false})).unwrap();
    let words = act_beside(&farm, "start-mining", vec![other]).await.unwrap_err();
    assert!(words.contains("of `venus-2` mines for it"), "{words}");
    assert_eq!(farm.changes(), BTreeMap::new());
}

#[tokio::test]
async fn what_a_block_needs_must_be_there() {
    for (gateway, part) in [
        (json!({"incident": "lost_prover"}), "nobody who proves for it"),
        (
            json!({"incident": "lost_wallet"}),
            "no wallet that is connected signs for its worker",
        ),
        (json!({"incident": "down"}), "no gateway tells whether somebody proves"),
    ] {
        let farm = closed("c").await;
        farm.filecoin.gateway.set(gateway).await.unwrap();
        refuses(&farm, "start-mining", part).await;
    }
    let farm = closed("c").await;
    farm.filecoin.node.set(json!({"incident": "lagging"})).await.unwrap();
    refuses(&farm, "start-mining", "epochs behind the clock").await;
}

#[tokio::test]
async fn a_miner_whose_user_is_disabled_is_a_matter_for_people() {
    let farm = closed("c").await;
    farm.filecoin.user(&json!({"enabled": false})).unwrap();
    refuses(&farm, "start-mining", "its user is disabled in auth").await;
    // Up to 1.7 the list still has it.
    let farm = closed("b").await;
    farm.filecoin.user(&json!({"enabled": false})).unwrap();
    let listed = json!([{"Addr": "f01000", "Id": "", "Name": "li"}]);
    let states = json!([{"Addr": "f01000", "IsMining": false, "Err": null}]);
    let results = json!({"Filecoin.ListAddress": listed, "Filecoin.StatesForMining": states});
    farm.filecoin
        .miner
        .set(json!({"version": "1.7", "results": results}))
        .await
        .unwrap();
    refuses(&farm, "start-mining", "its user li is disabled in auth").await;
    farm.filecoin
        .auth
        .set(json!({"incident": "database_down"}))
        .await
        .unwrap();
    refuses(&farm, "start-mining", "").await;
}

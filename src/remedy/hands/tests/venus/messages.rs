//! What is done about messages, and what is said of it.

use super::*;

const CHEAP: [(&str, &str); 1] = [("max_fee", "0.01 FIL")];
const REASONS: [(&str, &str); 1] = [("exit_codes", "illegal_argument, forbidden")];

#[tokio::test]
async fn a_message_that_landed_unnoticed_is_updated_in_every_era() {
    for era in ["a", "b", "c"] {
        let farm = Farm::of(era, ill("unnoticed")).await;
        let (ended, noted) = farm.noted("update-filled-message", &[]).await;
        let (words, id) = (ended.unwrap(), farm.ids().remove(0));
        let began = format!("had the messager look on the chain for message {id} of ");
        assert!(
            words.starts_with(&began) && words.ends_with("; it is on chain now"),
            "{era}: {words}"
        );
        assert!(words.contains("(nonce 1000, "), "{words}");
        assert_eq!(noted.len(), 1);
        assert!(noted[0].starts_with("looking on the chain for message ") && noted[0].contains(&id));
        assert_eq!(
            (farm.states(), farm.changes()),
            (vec![3], once("Message.UpdateFilledMessageByID"))
        );
    }
}

#[tokio::test]
async fn a_message_that_is_not_on_chain_is_said_to_be_filled_still() {
    let farm = Farm::of("c", ill("stuck_filled")).await;
    let words = farm.act("update-filled-message", &[]).await.unwrap();
    assert!(words.ends_with("; it is filled now"), "{words}");
}

#[tokio::test]
async fn a_message_that_no_node_has_is_pushed_once_more_in_every_era() {
    for era in ["a", "b", "c"] {
        let farm = Farm::of(era, ill("stuck_filled")).await;
        let words = farm.act("republish-message", &[]).await.unwrap();
        assert!(
            words.starts_with("had the messager push once more message "),
            "{era}: {words}"
        );
        assert_eq!(farm.changes(), once("Message.RepublishMessage"));
        farm.filecoin.epoch(1);
        assert_eq!(farm.states(), [3], "{era}");
    }
}

#[tokio::test]
async fn a_message_that_pays_too_little_is_replaced_in_the_form_of_each_version() {
    for (era, version) in [("a", "1.2"), ("b", "1.6"), ("b", "1.7"), ("b", "1.8"), ("c", "1.20")] {
        let farm = Farm::of(era, ill("under_priced")).await;
        farm.messager(json!({"version": version})).await;
        let before = farm.filecoin.messages().remove(0);
        let words = farm.act("replace-message", &CHEAP).await.unwrap();
        let after = farm.filecoin.messages().remove(0);
        assert_eq!(
            (after.signed, after.state),
            (before.signed + 1, 2),
            "{version}: {words}"
        );
        let fees = format!("its fee cap is {} attoFIL, was {},", after.fee_cap, before.fee_cap);
        assert!(
            words.starts_with("replaced message ") && words.contains(&fees),
            "{words}"
        );
        assert!(
            !words.contains("MORE") && !words.contains("below the base fee"),
            "{words}"
        );
        assert_eq!(farm.changes(), once("Message.ReplaceMessage"), "{version}");
        farm.filecoin.epoch(1);
        assert_eq!(farm.states(), [3]);
    }
}

#[tokio::test]
async fn a_replacement_never_costs_more_than_the_policy_says() {
    let farm = Farm::of("c", ill("under_priced")).await;
    // It is worth 100,000 attoFIL for each unit of the message's gas, less than the messager's own estimate.
    let most = "3856128000000 attoFIL";
    let words = farm.act("replace-message", &[("max_fee", most)]).await.unwrap();
    let after = farm.filecoin.messages().remove(0);
    let pays = after.fee_cap.parse::<u128>().unwrap() * u128::from(after.gas_limit);
    assert_eq!(pays, 3_856_128_000_000, "{words}");
}

#[tokio::test]
async fn messages_that_the_chain_refuses_are_given_up_and_no_more_than_that() {
    for era in ["a", "b", "c"] {
        let trouble = json!({"trouble": "failed_estimation", "trouble_age_s": 2400, "trouble_count": 3,
            "trouble_error": "estimating gas limit: message execution failed: exit 16"});
        let farm = Farm::of(era, trouble).await;
        let words = farm.act("mark-bad-message", &REASONS).await.unwrap();
        let id = farm.ids().remove(0);
        assert!(
            words.starts_with(&format!("gave up message {id} of ")),
            "{era}: {words}"
        );
        assert!(
            words.contains("it is marked bad now (its error: gas estimate: "),
            "{words}"
        );
        assert!(words.ends_with("; whoever sent it must decide again"), "{words}");
        assert_eq!(
            (farm.states(), farm.changes()),
            (vec![4, 1, 1], once("Message.MarkBadMessage"))
        );
        let more = [REASONS[0], ("most", "20")];
        let (ended, noted) = farm.noted("mark-bad-message", &more).await;
        assert_eq!((farm.states(), noted.len()), (vec![4, 4, 4], 2), "{ended:?}");
    }
}

#[tokio::test]
async fn a_call_whose_answer_is_lost_is_not_sent_again_and_what_the_message_shows_is_said() {
    let farm = Farm::of("c", ill("stuck_filled")).await;
    farm.messager(json!({"answers_lost": ["Message.RepublishMessage"]}))
        .await;
    let words = farm.act("republish-message", &[]).await.unwrap_err();
    assert!(
        words.contains("whether it had an effect is not known; it is filled now"),
        "{words}"
    );
    assert_eq!(farm.changes(), once("Message.RepublishMessage"));

    let farm = Farm::of("c", ill("under_priced")).await;
    farm.messager(json!({"answers_lost": ["Message.ReplaceMessage"]})).await;
    let words = farm.act("replace-message", &CHEAP).await.unwrap();
    assert!(
        words.starts_with("replaced message ") && words.contains("although the call failed"),
        "{words}"
    );
    assert_eq!(farm.changes(), once("Message.ReplaceMessage"));
}

#[tokio::test]
async fn what_cannot_be_seen_afterwards_is_not_said_to_have_helped() {
    let farm = Farm::of("c", ill("stuck_filled")).await;
    let lost = ["Message.RepublishMessage"];
    farm.messager(json!({"answers_lost": lost, "errors": {"Message.RepublishMessage": "invalid connection"}}))
        .await;
    let words = farm.act("republish-message", &[]).await.unwrap_err();
    assert!(words.contains("is not known"), "{words}");
}

#[tokio::test]
async fn a_token_that_is_too_weak_changes_nothing_and_is_told() {
    let farm = Farm::of("c", ill("stuck_filled")).await;
    kept(&farm.directory, "act", &farm.filecoin.token(Perm::Write));
    let words = farm.act("republish-message", &[]).await.unwrap_err();
    assert!(
        words.contains("the token for repairs may not do this (missing permission"),
        "{words}"
    );
    assert!(words.contains("nothing was changed"), "{words}");
    // It is enough for an update.
    assert!(farm.act("update-filled-message", &[]).await.is_ok());
}

#[tokio::test]
async fn a_token_that_nobody_knows_changes_nothing_and_a_new_one_is_read() {
    let farm = Farm::of("c", ill("stuck_filled")).await;
    let good = farm.filecoin.token(Perm::Admin);
    kept(&farm.directory, "act", "eyJ.of.nobody");
    let hands = farm.hands();
    let order = plan("republish-message", "venus-1", &farm.sender(), &[]);
    let words = hands.run(&order, &Book::default()).await.unwrap_err().to_string();
    assert!(
        words.contains("401") && words.contains("nothing was changed"),
        "{words}"
    );
    assert!(!words.contains("eyJ"), "{words}");
    assert_eq!(farm.changes(), BTreeMap::new());
    kept(&farm.directory, "act", &good);
    assert!(hands.run(&order, &Book::default()).await.is_ok());
    assert_eq!(farm.changes(), once("Message.RepublishMessage"));
}

#[tokio::test]
async fn without_room_in_the_journal_nothing_is_sent() {
    let farm = Farm::of("c", ill("unnoticed")).await;
    let full = Book {
        full_after: Some(0),
        ..Book::default()
    };
    let plan = plan("update-filled-message", "venus-1", &farm.sender(), &[]);
    let words = farm.hands().run(&plan, &full).await.unwrap_err().to_string();
    assert!(words.contains("it could not be noted: no space left"), "{words}");
    assert_eq!(farm.changes(), BTreeMap::new());
}

/// Before anything is noted, somebody else has the message pushed, and it lands.
struct Meanwhile<'a>(&'a Farm);

impl Notes for Meanwhile<'_> {
    fn note(&self, _words: String) -> futures_util::future::BoxFuture<'_, Result<(), String>> {
        Box::pin(async {
            self.0.act("republish-message", &[]).await.unwrap();
            self.0.filecoin.epoch(1);
            Ok(())
        })
    }

    fn asks(&self, words: String, _request: Nonce) -> futures_util::future::BoxFuture<'_, Result<(), String>> {
        self.note(words)
    }
}

#[tokio::test]
async fn a_message_that_goes_on_while_others_are_asked_is_left_alone() {
    let farm = Farm::of("c", ill("stuck_filled")).await;
    let order = plan("republish-message", "venus-1", &farm.sender(), &[]);
    let told = farm.hands().run(&order, &Meanwhile(&farm)).await;
    let words = refused(told.unwrap_err());
    assert!(
        words.contains("it has changed since it was looked at and is on chain now"),
        "{words}"
    );
    assert_eq!(
        farm.changes(),
        once("Message.RepublishMessage"),
        "only that of the other"
    );
}

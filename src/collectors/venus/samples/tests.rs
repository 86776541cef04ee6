use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::super::address::Address;
use super::super::address::samples::{BLS, SECP};
use super::super::amount::AttoFil;
use super::super::auth::{AuthSeen, Standing, TokenSeen, User};
use super::super::era::About;
use super::super::error_class::ErrorClass;
use super::super::gateway::{Account, Connections, GatewaySeen};
use super::super::messager::{
    Book, Message, MessagerSeen, Pile, Queue, Sender, SenderState, SenderView, Shared, Sight, Sights, Waiting,
};
use super::super::miner::{Kept, MinerSeen, Mining};
use super::super::node::{
    Actor, Chain, Claims, Deadline, Head, HeadSeen, MinerState, NetworkSeen, Power, PublishPeers, Sectors, WalletSaid,
};
use super::super::server::{Missed, Said};
use super::super::snapshot::Configured;
use super::super::target::Target;
use super::*;
use crate::clock::{Now, UnixTime};
use crate::exposition::golden;
use crate::upstream::{Fault, Why};

const ROOM: &str = "src/collectors/venus/golden";
const STALE: Duration = Duration::from_secs(90);

/// The beginning of epoch 4,000,002 of mainnet.
fn now() -> Now {
    Now {
        wall: seconds(1_598_306_400 + 30 * 4_000_002),
        monotonic: Instant::now(),
    }
}

fn seconds(seconds: u64) -> UnixTime {
    UnixTime::from_duration(Duration::from_secs(seconds))
}

fn fil(text: &str) -> Option<AttoFil> {
    AttoFil::read(text)
}

fn said<T>(service: VenusService, label: &str, value: T) -> Said<T> {
    let version: &[u8] = match service {
        VenusService::Messager => br#"{"Version":"1.20.0+git.1a2b3c4"}"#,
        _ => br#"{"Version":"1.18.0"}"#,
    };
    Said {
        label: label.into(),
        about: About::read(service, Some(version)).ok(),
        outcome: Ok(value),
        missed: Vec::new(),
    }
}

fn down<T>(label: &str) -> Said<T> {
    let words = "connection refused".to_owned();
    Said {
        label: label.into(),
        about: None,
        outcome: Err(Fault::new(
            "http://10.0.0.22:3453",
            "Filecoin.ChainHead",
            Why::Unreachable(words),
        )),
        missed: Vec::new(),
    }
}

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

fn heads(snapshot: &mut Snapshot) {
    let seen = HeadSeen {
        head: Head {
            epoch: 4_000_000,
            made: Some(seconds(1_598_306_400 + 30 * 4_000_000)),
            blocks: 5,
            base_fee: fil("100"),
        },
        chain: Chain {
            network: Some("mainnet".to_owned()),
            genesis: Some(seconds(1_598_306_400)),
            epoch: Some(Duration::from_secs(30)),
        },
    };
    let said_heads = vec![said(VenusService::Node, "primary", seen), down("backup")];
    snapshot.heads.absorb(said_heads, STALE, now());
    let network = NetworkSeen {
        peers: Some(42),
        syncs: Some([0, 0, 0, 1, 10, 0, 0]),
        publish: Some(PublishPeers {
            messages: Some(40),
            blocks: Some(41),
        }),
    };
    snapshot
        .networks
        .absorb(vec![said(VenusService::Node, "primary", network)], STALE, now());
}

fn message(state: Waiting, minute: u64, error: Option<&str>) -> Message {
    Message {
        id: "4b1c9e3a-6a0e-4d7c-9a58-0d9a7e7d4a11".to_owned(),
        from: address(BLS),
        to: Some(address("f01000")),
        state,
        nonce: (state == Waiting::Filled).then_some(41),
        method: Some(7),
        fee_cap: fil("90"),
        created: Some(seconds(1_718_276_400 + 60 * minute)),
        error: error.map(ToOwned::to_owned),
    }
}

fn messages(snapshot: &mut Snapshot) {
    let pile = |count: u64, oldest: Message| Pile {
        count,
        oldest: Some(oldest),
        undated: 0,
    };
    let failing = message(Waiting::Unfilled, 3, Some("gas estimate: exit 16"));
    let queue = Queue {
        unfilled: pile(3, failing.clone()),
        filled: pile(2, message(Waiting::Filled, 1, None)),
        window_posts: pile(1, message(Waiting::Unfilled, 2, None)),
        errors: [
            (ErrorClass::of("gas estimate: exit 16"), 2),
            (ErrorClass::of("sign message failed"), 1),
        ]
        .into(),
        failing: Some(failing),
        underpriced: pile(1, message(Waiting::Filled, 1, None)),
        lowest: Some(message(Waiting::Filled, 1, None)),
        is_active: true,
    };
    let read = Sights {
        unfilled: Some(Sight::Whole),
        filled: Some(Sight::Cut { beyond: None }),
    };
    let sender = |text: &str, state: SenderState, queue: Queue| SenderView {
        address: address(text),
        listed: Some(Sender {
            address: address(text),
            nonce: Some(43),
            state,
            selection_limit: Some(0),
        }),
        queue,
        sees: read,
    };
    let book = Book {
        lacks: 0,
        senders: vec![
            sender(SECP, SenderState::Forbidden, Queue::default()),
            sender(BLS, SenderState::Active, queue),
        ],
        left_out: 7,
        sees: read,
        sees_errors: Some(Sight::Whole),
        malformed: 1,
        base_fee_known: true,
    };
    let seen = MessagerSeen {
        shared: Some(Shared {
            selection_limit: Some(20),
            max_fee: fil("7000000000000000"),
            gas_fee_cap: fil("0"),
            is_of_incubation: false,
        }),
        book: Some(book),
    };
    let said = said(VenusService::Messager, "10.0.0.21:39812", seen);
    snapshot.messagers.absorb(vec![said], STALE, now());
}

fn chain(snapshot: &mut Snapshot) {
    let wallet = WalletSaid {
        actor: Some(Actor {
            balance: fil("1500000000000000000"),
            nonce: Some(41),
        }),
        next_nonce: Some(43),
        lowest_filled: Some(41),
        heard: Some(Instant::now()),
    };
    snapshot.hear_wallets(Claims {
        unusable: Vec::new(),
        rows: [(address(BLS), wallet)].into(),
        missed: Vec::new(),
        left_out: 0,
    });
    let state = MinerState {
        power: Some(Power {
            raw: Some(34_359_738_368),
            quality_adjusted: Some(343_597_383_680),
            has_minimum: Some(true),
        }),
        sectors: Some(Sectors {
            live: Some(100),
            active: Some(99),
            faulty: Some(1),
        }),
        available: fil("-5"),
        deadline: Some(Deadline {
            index: Some(17),
            open: Some(4_000_000),
            close: Some(4_000_060),
        }),
    };
    let missed = Missed {
        method: "StateMinerPower",
        fault: Fault::new(
            "http://10.0.0.21:3453",
            "Filecoin.StateMinerPower",
            Why::upstream("load state tree"),
        ),
    };
    snapshot.states = Some(Arc::new(Claims {
        unusable: Vec::new(),
        rows: [(address("f01000"), state)].into(),
        missed: vec![missed],
        left_out: 2,
    }));
}

fn connections(count: u64) -> Connections {
    Connections {
        count,
        pending: 3 * count,
        most_pending: 3,
        since: Some(seconds(1_718_270_000 + count)),
    }
}

fn people(snapshot: &mut Snapshot) {
    let mining = |mining: bool, errors: &[&str]| Mining {
        mining: Some(mining),
        errors: errors.iter().map(ToString::to_string).collect(),
        open: Some(true),
    };
    let seen = MinerSeen {
        miners: [
            (address("f01000"), mining(true, &[])),
            (
                address("f01008"),
                mining(false, &["2024-06-13 19:20:51 mining timeout!"]),
            ),
        ]
        .into(),
        left_out: Arc::default(),
        says_open: true,
    };
    snapshot.hear_miners(vec![said(VenusService::Miner, "miner", seen)], STALE, now());
    for epoch in [3_999_990, 4_000_000] {
        let kept = Kept::won(&address("f01000"), epoch);
        snapshot.tallies.hear(vec![said(VenusService::Miner, "miner", kept)]);
    }
    let account = Account {
        connections: connections(2),
        addresses: BTreeSet::from([address(BLS)]),
    };
    let seen = GatewaySeen {
        wallets: Some(BTreeMap::from([("li_sealer".to_owned(), account)])),
        provers: Some(
            [
                (address("f01000"), Some(connections(1))),
                (address("f01008"), Some(Connections::default())),
            ]
            .into(),
        ),
        markets: Some([(address("f01000"), connections(1))].into()),
        left_out: 0,
    };
    let mut gateway = said(VenusService::Gateway, "gateway", seen);
    gateway.missed.push(Missed {
        method: "ListMarketConnectionsState",
        fault: Fault::new(
            "http://10.0.0.21:45132",
            "x",
            Why::Forbidden("the token may not".to_owned()),
        ),
    });
    snapshot.hear_gateways(vec![gateway], STALE, now());
    let user = |name: &str, standing: Standing| User {
        name: name.to_owned(),
        standing,
    };
    let token = |service: VenusService, instance: &str, permission: Option<&str>| TokenSeen {
        service,
        instance: instance.into(),
        permission: permission.map(ToOwned::to_owned),
    };
    let seen = AuthSeen {
        users: Some(vec![user("li", Standing::Enabled), user("wu", Standing::Disabled)]),
        tokens: vec![
            token(VenusService::Node, "primary", Some("admin")),
            token(VenusService::Node, "backup", None),
            token(VenusService::Messager, "10.0.0.21:39812", Some("read")),
        ],
    };
    snapshot.hear_auths(vec![said(VenusService::Auth, "auth", seen)], STALE, now());
}

fn whole() -> Snapshot {
    let mut snapshot = Snapshot::default();
    snapshot.configured = Configured::of(&Target::bare("venus-1".parse().unwrap()));
    heads(&mut snapshot);
    messages(&mut snapshot);
    chain(&mut snapshot);
    people(&mut snapshot);
    snapshot
}

fn page(snapshot: &Snapshot) -> String {
    let mut page = Page::new(&[("target", "venus-1")]);
    samples(snapshot, &mut page);
    golden::rendered(FAMILIES, page)
}

#[test]
fn a_chain_service_shows_everything() {
    golden::check(&format!("{ROOM}/whole-made-up.prom"), &page(&whole()));
    golden::covers(ROOM, FAMILIES);
}

#[test]
fn what_is_stale_is_not_shown_but_who_does_not_answer_is() {
    let mut snapshot = whole();
    snapshot.heads.expire();
    snapshot.networks.expire();
    snapshot.messagers.expire();
    snapshot.miners.expire();
    snapshot.gateways.expire();
    snapshot.auths.expire();
    snapshot.tallies.expire();
    snapshot.wallets = None;
    snapshot.states = None;
    let page = page(&snapshot);
    let shown: Vec<&str> = page.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(
        shown,
        ["venus_instance_up{target=\"venus-1\",component=\"node\",process=\"backup\"} 0"]
    );
}

#[test]
fn what_may_not_be_seen_is_absent_and_not_zero() {
    let mut snapshot = Snapshot::default();
    messages(&mut snapshot);
    let mut senders = snapshot.book().unwrap().0.senders.clone();
    for view in &mut senders {
        view.sees = Sights::default();
    }
    let seen = MessagerSeen {
        shared: None,
        book: Some(Book {
            sees: Sights::default(),
            sees_errors: None,
            senders,
            ..snapshot.book().unwrap().0.clone()
        }),
    };
    let said = said(VenusService::Messager, "10.0.0.21:39812", seen);
    snapshot.messagers.absorb(vec![said], STALE, now());
    let page = page(&snapshot);
    for hidden in [
        "venus_messager_messages{",
        "_with_error{",
        "_window_post_pending{",
        "_underpriced",
        "_truncated{",
    ] {
        assert!(!page.contains(hidden), "{hidden}\n{page}");
    }
}

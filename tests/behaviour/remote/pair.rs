//! Both at work: who asks, who is asked, and what lies between.

use std::sync::atomic::AtomicBool;

use farmwarden::access::Options;
use tokio::net::{TcpListener, TcpStream};

use super::*;

#[tokio::test]
async fn one_asks_the_other_over_a_socket_and_both_write_down_who_and_why() {
    let farm = Farm::new().await;
    let engine = Engine::serve(farm.path("docker.sock"));
    engine.may_end.add_permits(1);
    let callee = farm.start("start_node", &farm.callee()).await;
    let socket = format!("socket: '{}'", farm.path("remote.sock").display());
    let control = farm.start("repair_node", &farm.caller(&socket)).await;
    farm.runs().await;
    let finished = farm.until_step("repair_node", "finished").await;
    let words = finished["words"].as_str().unwrap();
    assert_eq!(finished["outcome"], "done", "{finished}");
    assert!(
        words.starts_with("rack-2 did it (incident ") && words.contains("started node at rack-2"),
        "{words}"
    );
    farm.node.set(json!({"block_time_ms": 200})).await.unwrap();
    farm.until_step("repair_node", "cured").await;
    farm.until_step("start_node", "cured").await;
    let asked = farm.until_step("start_node", "asked").await;
    let begun = farm.until_step("repair_node", "started").await;
    assert_eq!(
        (&asked["caller"], &asked["incident"]),
        (&"control".into(), &begun["incident"])
    );
    let noted = farm.steps("repair_node", "noted");
    let nonce = asked["nonce"].as_str().unwrap();
    assert!(noted[0]["words"].as_str().unwrap().contains(nonce), "{noted:?}");
    assert_eq!(engine.starts(), 1);
    for who in ["repair_node", "start_node"] {
        assert!(!farm.told(who).contains("kkkk"), "a key is in the journal of {who}");
    }
    control.stop().await;
    callee.stop().await;
}

/// A link between the two that can be cut: then what is open ends, and what is new is hung up on.
struct Link {
    port: u16,
    is_cut: Arc<AtomicBool>,
}

impl Link {
    async fn to(address: std::net::SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let link = Self {
            port: listener.local_addr().unwrap().port(),
            is_cut: Arc::default(),
        };
        let is_cut = Arc::clone(&link.is_cut);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let is_cut = Arc::clone(&is_cut);
                tokio::spawn(async move {
                    let cut = async {
                        while !is_cut.load(Ordering::SeqCst) {
                            tokio::time::sleep(Duration::from_millis(5)).await;
                        }
                    };
                    let through = async {
                        let mut far = TcpStream::connect(address).await.unwrap();
                        drop(tokio::io::copy_bidirectional(&mut near, &mut far).await);
                    };
                    tokio::select! {
                        () = cut => {}
                        () = through => {}
                    }
                });
            }
        });
        link
    }

    fn cut(&self, is_cut: bool) {
        self.is_cut.store(is_cut, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn over_tls_a_link_that_is_cut_in_the_middle_of_the_action_costs_no_second_one() {
    let farm = Farm::new().await;
    let engine = Engine::serve(farm.path("docker.sock"));
    // As people make it: its own authority, for a name that nobody dials.
    let certificate = rcgen::generate_simple_self_signed(vec!["farm".to_owned()]).unwrap();
    std::fs::write(farm.path("farm.crt"), certificate.cert.pem()).unwrap();
    std::fs::write(farm.path("farm.key"), certificate.signing_key.serialize_pem()).unwrap();
    let web = "tls_server_config: {cert_file: farm.crt, key_file: farm.key}\n";
    std::fs::write(farm.path("web.yml"), web).unwrap();
    let config = farm.callee();
    let callee = Setup {
        config: &config,
        from_file: true,
        access: Options {
            config_file: Some(farm.path("web.yml")),
            ..Options::default()
        },
        control_socket: Some(farm.path("start_node.control")),
        ..Setup::default()
    };
    let callee = farm.ready("start_node", callee.start().await).await;
    let link = Link::to(callee.address).await;
    let place = format!(
        "address: 'https://127.0.0.1:{}', certificate_file: '{}'",
        link.port,
        farm.path("farm.crt").display()
    );
    let control = farm.start("repair_node", &farm.caller(&place)).await;
    farm.runs().await;
    farm.until("the action runs", async || engine.starts() == 1).await;
    link.cut(true);
    farm.until("it is told that the link is away", async || {
        farm.told("repair_node").contains("rack-2 cannot be asked: ")
    })
    .await;
    engine.may_end.add_permits(10);
    farm.until_step("start_node", "finished").await;
    assert!(farm.steps("repair_node", "finished").is_empty());
    link.cut(false);
    let finished = farm.until_step("repair_node", "finished").await;
    assert_eq!(finished["outcome"], "done", "{finished}");
    assert_eq!((engine.starts(), farm.steps("start_node", "asked").len()), (1, 1));
    control.stop().await;
    callee.stop().await;
}

#[tokio::test]
async fn whoever_is_restarted_takes_back_what_it_asked_for_before_it_goes_on() {
    // Nothing else is begun: there is no other rung, and this one only rehearses.
    is_taken_back(|config| config.replace("mode: act", "mode: dry_run")).await;
}

#[tokio::test]
async fn what_was_asked_for_is_taken_back_also_when_its_policy_is_gone() {
    is_taken_back(|config| config.replace("name: repair_node", "name: another")).await;
}

/// With another configuration after its restart.
async fn is_taken_back(changed: impl Fn(String) -> String) {
    let farm = Farm::new().await;
    let engine = Engine::serve(farm.path("docker.sock"));
    let freeze = farm.path("freeze");
    std::fs::write(&freeze, "hands off").unwrap();
    let frozen = format!("remedies:\n  freeze_file: '{}'\n", freeze.display());
    let config = farm.callee().replace("remedies:\n", &frozen);
    let callee = farm.start("start_node", &config).await;
    let socket = format!("socket: '{}'", farm.path("remote.sock").display());
    let control = farm.start("repair_node", &farm.caller(&socket)).await;
    farm.runs().await;
    farm.until("it is held there", async || {
        farm.told("repair_node").contains("rack-2 holds it back by freeze")
    })
    .await;
    control.stop().await;
    assert!(farm.steps("start_node", "withdrawn").is_empty());
    let control = farm.start("repair_node", &changed(farm.caller(&socket))).await;
    let withdrawn = farm.until_step("start_node", "withdrawn").await;
    assert_eq!(withdrawn["nonce"], farm.steps("start_node", "asked")[0]["nonce"]);
    let finished = farm.until_step("repair_node", "finished").await;
    assert_eq!(finished["outcome"], "refused", "{finished}");
    assert!(farm.steps("repair_node", "interrupted").is_empty());
    std::fs::remove_file(&freeze).unwrap();
    farm.until("nobody asks any more", async || {
        farm.steps("start_node", "decided")
            .iter()
            .any(|step| step["guard"] == "two_keys")
    })
    .await;
    assert_eq!(engine.starts(), 0);
    control.stop().await;
    callee.stop().await;
}

#[tokio::test]
async fn whoever_is_restarted_while_it_holds_a_request_goes_on_with_it() {
    let farm = Farm::new().await;
    let engine = Engine::serve(farm.path("docker.sock"));
    engine.may_end.add_permits(10);
    let freeze = farm.path("freeze");
    std::fs::write(&freeze, "hands off").unwrap();
    let frozen = format!("remedies:\n  freeze_file: '{}'\n", freeze.display());
    let config = farm.callee().replace("remedies:\n", &frozen);
    let callee = farm.start("start_node", &config).await;
    let socket = format!("socket: '{}'", farm.path("remote.sock").display());
    let control = farm.start("repair_node", &farm.caller(&socket)).await;
    farm.runs().await;
    let holds = "rack-2 holds it back by freeze";
    farm.until("it is held there", async || farm.told("repair_node").contains(holds))
        .await;
    callee.stop().await;
    farm.until("nobody answers", async || {
        farm.told("repair_node").contains("rack-2 cannot be asked: ")
    })
    .await;
    let callee = farm.start("start_node", &config).await;
    assert_eq!(engine.starts(), 0);
    std::fs::remove_file(&freeze).unwrap();
    let finished = farm.until_step("repair_node", "finished").await;
    assert_eq!(finished["outcome"], "done", "{finished}");
    assert_eq!((engine.starts(), farm.steps("start_node", "asked").len()), (1, 1));
    control.stop().await;
    callee.stop().await;
}

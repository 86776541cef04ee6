//! Against the stand-in of systemd.

use zbus::fdo;

use super::testing::*;
use super::*;

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_restart_waits_for_its_own_job_and_a_later_start() {
    let systemd = systemd().await;
    let after = systemd.units.restart(&node(), PATIENCE).await.unwrap();
    assert_eq!(after.started_at.unwrap().in_full(), "2023-11-14T22:13:20.000002Z");
    assert_eq!(systemd.state.lock().unwrap().asked, ["subscribe", "restart fail"]);
}

#[tokio::test]
async fn what_is_so_already_is_no_failure() {
    let systemd = systemd().await;
    assert_eq!(systemd.units.start(&node(), PATIENCE).await, Ok(Done::AlreadySo));
    assert_eq!(systemd.units.stop(&node(), PATIENCE).await, Ok(Done::Changed));
    assert_eq!(systemd.units.stop(&node(), PATIENCE).await, Ok(Done::AlreadySo));
    assert_eq!(systemd.units.start(&node(), PATIENCE).await, Ok(Done::Changed));
}

#[tokio::test]
async fn a_job_that_ends_badly_is_a_failure_with_its_reason() {
    for (result, part) in [
        ("failed", "journalctl"),
        ("timeout", "own timeout"),
        ("dependency", "needs"),
        ("canceled", "somebody"),
    ] {
        let systemd = systemd().await;
        systemd.state.lock().unwrap().result = result;
        let failed = systemd.units.restart(&node(), PATIENCE).await.unwrap_err();
        assert!(failed.to_string().contains(part), "{failed}");
        assert_eq!(failed.effect, Effect::Unknown);
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_never_ends_is_given_up() {
    let systemd = systemd().await;
    systemd.state.lock().unwrap().result = "";
    let failed = systemd.units.restart(&node(), PATIENCE).await.unwrap_err();
    assert_eq!(
        failed.to_string(),
        "systemd: restart phala-node.service: no answer within 1m; whether it had an effect is not known"
    );
}

#[tokio::test]
async fn a_refusal_changes_nothing_and_says_what_to_do() {
    let systemd = systemd().await;
    systemd.state.lock().unwrap().refusal = Some(|| fdo::Error::AccessDenied("no".to_owned()));
    let failed = systemd.units.stop(&node(), PATIENCE).await.unwrap_err();
    assert!(failed.to_string().contains("polkit"), "{failed}");
    assert_eq!(failed.effect, Effect::Nothing);
}

#[tokio::test]
async fn a_unit_that_is_not_there_or_masked_is_not_touched() {
    let systemd = systemd().await;
    for (load, reason) in [("not-found", "not_found"), ("masked", "forbidden")] {
        systemd.state.lock().unwrap().load = load;
        let failed = systemd.units.restart(&node(), PATIENCE).await.unwrap_err();
        assert_eq!(failed.fault.reason().label(), reason);
    }
    assert_eq!(systemd.state.lock().unwrap().asked, Vec::<String>::new());
}

#[tokio::test]
async fn what_is_not_listed_is_not_even_looked_at() {
    let systemd = systemd().await;
    let failed = systemd
        .units
        .stop(&"sshd.service".parse().unwrap(), PATIENCE)
        .await
        .unwrap_err();
    assert_eq!(failed.fault.reason().label(), "forbidden");
    assert_eq!(systemd.state.lock().unwrap().asked, Vec::<String>::new());
}

#[tokio::test]
async fn without_a_bus_nothing_is_changed() {
    let units = Units::new(UnitsSettings {
        socket: "/nonexistent/bus".into(),
        units: vec![node()],
    });
    let failed = units.restart(&node(), PATIENCE).await.unwrap_err();
    assert_eq!(
        failed.to_string(),
        "systemd: restart phala-node.service: no bus at /nonexistent/bus: no such file or directory; nothing was changed"
    );
}

#[test]
fn only_whole_names_of_services_and_mounts_are_units() {
    for good in ["phala-node.service", "mnt-disk\\x2d1.mount", "chia@farmer.service"] {
        assert!(good.parse::<UnitName>().is_ok(), "{good}");
    }
    for bad in [
        "",
        "phala-node",
        "poweroff.target",
        "chia@.service",
        ".service",
        "a b.service",
        "../x.service",
    ] {
        assert!(bad.parse::<UnitName>().is_err(), "{bad}");
    }
}

//! SIGHUP, while everything goes on.

use nix::sys::signal::Signal;
use serde_json::json;

use super::support::{Farmwarden, LONG, Simfarm, directory, wait_for};

fn config(interval: &str, mount: &str) -> String {
    format!(
        "collectors: {{mounts: [{{name: host, interval: {interval}, probe_timeout: 500ms, include: ['{mount}']}}]}}"
    )
}

#[test]
fn a_reload_while_a_share_hangs_costs_no_further_child() {
    let place = directory();
    let mount = place.path().join("share");
    std::fs::create_dir(&mount).unwrap();
    let mount = mount.display().to_string();
    let farm = Simfarm::start(&["--fuse", &format!("share={mount}")]);
    let mut warden = Farmwarden::start(&config("2s", &mount));
    warden.wait_for("the share is well", |page| {
        page.is("mount_stuck", &[("mount", &mount)], 0.0)
    });
    farm.set("fuse/share", &json!({"incident": "hang"}));
    let before = warden.wait_for("the share hangs", |page| {
        page.is("mount_stuck", &[("mount", &mount)], 1.0)
    });
    let children = before.get("farmwarden_probe_children", &[]).unwrap();
    for interval in ["3s", "2s", "3s"] {
        warden.change_file(&config(interval, &mount));
        let reloads = warden.process.log().matches("was read again").count();
        warden.process.signal(Signal::SIGHUP);
        wait_for("it says that it was read again", LONG, || {
            warden.process.running()?;
            let now = warden.process.log().matches("was read again").count();
            if now > reloads {
                Ok(())
            } else {
                Err(warden.process.log())
            }
        });
        warden.wait_for("the share still hangs", |page| {
            page.is("mount_stuck", &[("mount", &mount)], 1.0)?;
            page.is("farmwarden_probe_children", &[], children)
        });
    }
    warden.change_file("collectors: [");
    warden.process.signal(Signal::SIGHUP);
    warden.wait_for("a bad file is seen in a metric", |page| {
        page.is("farmwarden_config_last_reload_successful", &[("file", "config")], 0.0)?;
        page.is("mount_stuck", &[("mount", &mount)], 1.0)
    });
    farm.set("fuse/share", &json!({"incident": "ok"}));
    warden.wait_for("the share is well again", |page| {
        page.is("mount_stuck", &[("mount", &mount)], 0.0)
    });
}

//! What repairs tell a farm, by farmwarden's own clients.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use farmwarden::actions::Effect;
use farmwarden::actions::chia::{Daemon, Harvester, Restarted, Service};
use farmwarden::upstream::Upstream;
use farmwarden::upstream::chia::{Certificates, Identity};

use super::PATIENCE;
use super::farm::Farm;
use crate::containers::runtime;
use crate::mounts::Share;
use crate::support::wait_for;

pub(super) fn repairs_are_heard(farm: &mut Farm, share: &Share) {
    let (runtime, upstream) = (runtime(), Upstream::from_system().unwrap());
    let ssl = farm.directory.join("farm/config/ssl");
    let files = Certificates {
        authority: ssl.join("ca/private_ca.crt"),
        certificate: ssl.join("daemon/private_daemon.crt"),
        key: ssl.join("daemon/private_daemon.key"),
    };
    let identity = Arc::new(Identity::read("e2e", &files).unwrap());
    let place = |port: u16| format!("127.0.0.1:{port}").parse().unwrap();

    let nas = Harvester::new(&upstream, &identity, &place(8570));
    let plot = plot_in(&share.point);
    for (from, to, left) in [
        (plot.clone(), plot.with_extension("away"), 1),
        (plot.with_extension("away"), plot, 2),
    ] {
        fs::rename(from, to).unwrap();
        runtime.block_on(nas.refresh_plots()).unwrap();
        wait_for("the harvester has looked", PATIENCE, || {
            let plots = farm.rpc(8570, "get_plots")?["plots"].as_array().map(Vec::len);
            if plots == Some(left) {
                Ok(())
            } else {
                Err(format!("{plots:?}"))
            }
        });
    }

    let daemon = Daemon::new(&upstream, &identity, &place(55400));
    let restart = || runtime.block_on(daemon.restart(Service::Harvester));
    let failed = restart().unwrap_err();
    assert!(failed.to_string().contains("`restart-unit`"), "{failed}");
    assert_eq!(failed.effect, Effect::Nothing);
    drop(farm.harvester.take());
    for expected in [Restarted::Started, Restarted::StoppedAndStarted] {
        wait_for("the daemon restarts its harvester", PATIENCE, || match restart() {
            Ok(restarted) if restarted == expected => Ok(()),
            other => Err(format!("{other:?}")),
        });
        wait_for("all plots are there again", PATIENCE, || farm.is_whole());
    }
}

fn plot_in(directory: &str) -> PathBuf {
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let is_plot = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "plot");
    files.filter(is_plot).min().unwrap()
}

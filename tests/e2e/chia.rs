//! A real Chia farm: daemon, simulated node, farmer, wallet, and two harvesters of which one is as on a machine of its own:
//! with its own installation and daemon, its plots on a share that can be frozen. Only the pool is a stand-in.

mod alerted;
mod certificates;
mod elsewhere;
pub(crate) mod farm;
mod figures;
mod incidents;
mod least_privilege;
mod repairs;

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::mounts::{Places, Share};
use super::support::{Farmwarden, Samples, wait_for};
use alerted::Alerted;
use certificates::wrong_certificates_are_told;
use elsewhere::Elsewhere;
use farm::Farm;
use figures::{
    figures_are_what_the_rpcs_say, lookups, nothing_is_counted_twice, partials_are_what_the_farmer_says,
    winnings_are_what_the_wallet_says,
};
use incidents::{farmer_freezes, harvester_dies_and_comes_back, share_freezes, websocket_is_cut};
use least_privilege::a_certificate_of_its_own_is_enough;
use repairs::repairs_are_heard;

/// Chia's services take half a minute to start on a machine that is busy, and more than one has to.
const PATIENCE: Duration = Duration::from_secs(240);

/// Watched at a pace that lets a test see in seconds what takes minutes on a farm.
fn watched(farm: &Farm, share: &str) -> Farmwarden {
    let (root, id) = (farm.directory.join("farm"), farm.nas_id());
    let root = root.display();
    Farmwarden::start(&format!(
        "collectors:
  chia:
    - name: chia-1
      root: {root}
      farmer: 127.0.0.1:8559
      full_node: 127.0.0.1:8555
      daemon: 127.0.0.1:55400
      wallet: 127.0.0.1:9256
      wallet_amounts: true
      compat: [chia-exporter]
      harvesters:
        - {{name: here, rpc: '127.0.0.1:8560'}}
        - {{name: nas, node_id: '{id}', rpc: '127.0.0.1:8570'}}
      interval: 2s
      timeout: 1900ms
      events_interval: 1s
      details_interval: 2s
      plots_interval: 2s
      thresholds: {{silent_points: 3, harvester_down_after: 1s, scan_stale_after: 10s, certificate_ends_within: 1d}}
  mounts:
    - name: host-1
      interval: 2s
      probe_timeout: 500ms
      include: ['/', '{share}']
      exclude: []
      expected: [{{mount: '{share}'}}]
      thresholds: {{stuck_after: 1s}}
"
    ))
}

const NAS: (&str, &str) = ("harvester", "nas");
const HERE: (&str, &str) = ("harvester", "here");

/// Waits for a page that is as asked, all of it at once.
#[track_caller]
fn seen(warden: &Farmwarden, what: &str, mut is: impl FnMut(&Samples) -> Result<(), String>) -> Samples {
    wait_for(what, PATIENCE, || {
        let page = warden.samples();
        is(&page).map(|()| page)
    })
}

fn symptom(page: &Samples, symptom: &str, entity: &str, expected: impl Into<Option<f64>>) -> Result<(), String> {
    page.is(
        "farmwarden_symptom",
        &[("symptom", symptom), ("entity", entity)],
        expected,
    )
}

fn all_parts_are_up(page: &Samples) -> Result<(), String> {
    let parts = ["full_node", "farmer", "wallet", "events", "details", "plots"];
    parts
        .into_iter()
        .try_for_each(|part| page.is("farmwarden_target_up", &[("target", "chia-1"), ("part", part)], 1.0))
}

fn is_above(what: &str, number: f64, limit: f64) -> Result<(), String> {
    if number > limit {
        Ok(())
    } else {
        Err(format!("{what} is {number}, not above {limit}"))
    }
}

#[test]
fn a_real_farm_is_read_and_what_fails_in_it_is_told() {
    let mut places = Places::new();
    let share = Share::mount(&mut places, "share");
    let directory = places.root().join("chia");
    fs::create_dir(&directory).unwrap();
    let mut farm = Farm::start(&directory, Path::new(&share.point));
    let warden = watched(&farm, &share.point);
    let elsewhere = Elsewhere::start(&farm, &share.point);

    seen(
        &warden,
        "every part is read, and its figures are what the RPCs say",
        |page| {
            all_parts_are_up(page)?;
            figures_are_what_the_rpcs_say(&farm, page)
        },
    );
    seen(&warden, "amounts are what the wallet says", |page| {
        winnings_are_what_the_wallet_says(&farm, page)
    });
    seen(&warden, "partials and points are what the farmer says", |page| {
        partials_are_what_the_farmer_says(&farm, page)
    });
    let page = seen(&warden, "lookups of both harvesters are heard of", |page| {
        is_above("lookups", lookups(page, HERE), 2.0)?;
        is_above("lookups", lookups(page, NAS), 2.0)
    });
    nothing_is_counted_twice(&farm, &page);
    let bare = directory.join("nothing-mounted");
    let on_share = [NAS, ("host", "host-1"), ("mount", &share.point)];
    seen(&warden, "what lies where", |page| {
        page.is("chia_harvester_mount_directories", &on_share, 1.0)?;
        page.is("chia_harvester_mount_plots", &on_share, 2.0)?;
        symptom(page, "plot_directory_without_mount", bare.to_str().unwrap(), 1.0)
    });

    elsewhere.tells_of_its_harvester(&page);

    harvester_dies_and_comes_back(&mut farm, &warden);
    websocket_is_cut(&mut farm, &warden);
    repairs_are_heard(&mut farm, &share);
    let alerted = Alerted::start(&farm, &elsewhere);
    share_freezes(&farm, &warden, (&elsewhere, &alerted), &share);
    drop(alerted);
    farmer_freezes(&farm, &warden);
    warden.stops_at_once();
    elsewhere.warden.stops_at_once();

    wrong_certificates_are_told(&farm);
    a_certificate_of_its_own_is_enough(&farm);
}

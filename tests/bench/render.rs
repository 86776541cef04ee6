//! What a page costs: rendering at the end of a round, copying at a scrape, compressing, and a scrape over loopback.
//!
//! `cargo bench --bench render`. Prints a Markdown table; each figure is the best and the median of many runs, and the
//! time to copy the same bytes stands beside it, because machines differ more than programs do.

#![expect(clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use farmwarden::access::{Access, Options};
use farmwarden::clock::Clock;
use farmwarden::collectors::phala::{Node, Snapshot};
use farmwarden::collectors::{Collector, Diagnosis, Part, TargetView};
use farmwarden::exposition::{Desc, Family, Format, Own, Page, Rendered};
use farmwarden::journal::JournalSection;
use farmwarden::notify::Post;
use farmwarden::remedy::hands::{self, Hands};
use farmwarden::remedy::{AnyHands, Approvals, Links, Parts, Remedies, Repairs};
use farmwarden::server::{self, Listeners, Routes, bind, serve};
use farmwarden::store::{Slot, Store};
use farmwarden::upstream::Upstream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const RUNS: usize = 40;
const TARGETS: usize = 20;
const LABELS: &[&str; 3] = &["worker", "pool", "state"];

/// Families of the product, so that the page has an order to follow, under which the samples of the benchmark stand.
static FAMILIES: [Desc<3>; 25] =
    [const { Desc::gauge("phala_bench_figure", "A figure of the benchmark.", LABELS) }; 25];

struct Times(Vec<Duration>);

impl Times {
    fn of(mut run: impl FnMut()) -> Self {
        run();
        let mut times: Vec<Duration> = (0..RUNS)
            .map(|_| {
                let started = Instant::now();
                run();
                started.elapsed()
            })
            .collect();
        times.sort();
        Self(times)
    }

    fn row(&self, what: &str) {
        let millis = |index: usize| self.0.get(index).unwrap().as_secs_f64() * 1000.0;
        println!("| {what} | {:.2} ms | {:.2} ms |", millis(0), millis(RUNS / 2));
    }
}

/// One target's samples: every family for each of `entities` workers.
fn target(name: &str, entities: usize) -> Rendered {
    let mut page = Page::new(&[("target", name)]);
    for family in &FAMILIES {
        for entity in 0..entities {
            let worker = format!("worker-{entity:05}");
            page.add(
                family,
                [&worker, "pool-1517", "S_SYNCHED"],
                1_234.5_f64 + f64::from(u32::try_from(entity).unwrap()),
            );
        }
    }
    page.finish()
}

fn filled(series: usize) -> Store {
    let store = Store::default();
    let mut slots = Vec::new();
    let part = Part {
        name: "para",
        every: Duration::from_secs(15),
        deadline: Duration::from_secs(10),
        hangs_on: &[],
    };
    for number in 0..TARGETS {
        let name = format!("prb-{number:02}");
        let slot = Arc::new(Slot::new(name.parse().unwrap(), Node::NAME, &[part]));
        let view = TargetView::new::<Node>(slot.name.clone(), Snapshot::default(), Diagnosis::default());
        slot.put(view, target(&name, series / TARGETS / FAMILIES.len()), slot.parts());
        slots.push(slot);
    }
    store.replace(slots, Vec::new());
    store
}

fn without_repairs(store: &Arc<Store>) -> Repairs {
    let upstream = Upstream::from_system().unwrap();
    let hands = Hands::new(
        &hands::Settings::default(),
        &upstream,
        Arc::clone(store),
        Clock::system(),
    )
    .unwrap();
    Repairs::new(Parts {
        store: Arc::clone(store),
        clock: Clock::system(),
        journal: JournalSection::default(),
        remedies: Remedies::default(),
        hands: AnyHands::new(Arc::new(hands)),
        links: Links::new(&Approvals::default()).unwrap(),
        tell: Arc::new(()),
    })
}

fn main() {
    println!("| what | best | median |\n|---|---|---|");
    for series in [10_000, 100_000] {
        let store = Arc::new(filled(series));
        let own: Vec<&'static Family> = FAMILIES.iter().map(Desc::family).collect();
        let routes = Routes::new(server::Parts {
            store: Arc::clone(&store),
            own: Own::default(),
            clock: Clock::system(),
            telemetry_path: "/metrics".to_owned(),
            families: &own,
            reloads: tokio::sync::mpsc::channel(1).0,
            repairs: without_repairs(&store),
            post: Post::new(Upstream::from_system().unwrap(), Clock::system()),
        });
        let (page, _) = routes.write_page(Format::OpenMetrics, false);
        let count = page
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.starts_with(b"#"))
            .count();
        assert!(count > series, "{count} lines of samples");
        let size = page.len() / 1_000;
        let row = |what: &str| format!("{series} series ({size} kB): {what}");
        Times::of(|| drop(black_box(page.clone()))).row(&row("copy of the same bytes"));
        let per_target = series / TARGETS / FAMILIES.len();
        Times::of(|| drop(black_box(target("prb-00", per_target))))
            .row(&row("render one target of 20, at the end of its round"));
        Times::of(|| drop(black_box(routes.write_page(Format::OpenMetrics, false)))).row(&row("page, OpenMetrics"));
        Times::of(|| drop(black_box(routes.write_page(Format::Text, false)))).row(&row("page, text"));
        Times::of(|| drop(black_box(routes.write_page(Format::Text, true)))).row(&row("page, text, gzip"));
        over_loopback(routes, &row);
    }
}

fn over_loopback(routes: Routes, row: &impl Fn(&str) -> String) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let access = Arc::new(Access::read(Options::default()).unwrap());
        let listeners = Listeners {
            tcp: vec![listener],
            control: None,
            remote: None,
        };
        let serving = tokio::spawn(serve(listeners, Arc::new(routes), access, stopped));
        for (what, encoding) in [
            ("scrape over loopback", ""),
            ("scrape over loopback, gzip", "Accept-Encoding: gzip\r\n"),
        ] {
            let mut times = Vec::new();
            for _ in 0..=RUNS {
                let started = Instant::now();
                let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
                let request =
                    format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{encoding}\r\n");
                stream.write_all(request.as_bytes()).await.unwrap();
                let mut answer = Vec::new();
                stream.read_to_end(&mut answer).await.unwrap();
                times.push(started.elapsed());
            }
            times.remove(0);
            times.sort();
            Times(times).row(&row(what));
        }
        stop.send_replace(true);
        serving.await.unwrap();
    });
    runtime.shutdown_background();
}

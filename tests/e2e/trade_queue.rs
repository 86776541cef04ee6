//! A real Redis with a trader's queue in it: what farmwarden shows is what lies there, and it changes nothing.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use super::support::{Farmwarden, LONG, Process, Samples, Simfarm, debian, free_port, same, wait_for, with_libraries};

pub(crate) struct Redis {
    pub(crate) port: u16,
    _process: Process,
}

impl Redis {
    pub(crate) fn start(port: u16) -> Self {
        let mut command = with_libraries(&debian("usr/bin/redis-server"));
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"]);
        let mut process = Process::start("redis-server", command.arg(port.to_string()));
        wait_for("redis answers", LONG, || {
            process.running()?;
            TcpStream::connect(("127.0.0.1", port))
                .map(drop)
                .map_err(|e| e.to_string())
        });
        Self {
            port,
            _process: process,
        }
    }

    /// The first line of the answer to a command.
    pub(crate) fn ask(&self, command: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        write!(stream, "{command}\r\n").unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

fn jobs(samples: &Samples, state: &str, expected: Option<f64>) -> Result<(), String> {
    let labels = [("queue", "room-a"), ("state", state)];
    samples.is("phala_prb_trade_queue_jobs", &labels, expected)
}

#[test]
fn a_traders_queue_is_shown_as_it_lies_in_redis() {
    let redis = Redis::start(free_port());
    let farm = Simfarm::start(&["--prb-v2", "m=127.0.0.1:0"]);
    let farmwarden = Farmwarden::start(&format!(
        "collectors:\n  prb:\n    - name: prb-1\n      monitor: http://{}\n      interval: 1s\n      timeout: 900ms\n      \
         queues: [{{name: room-a, redis: '127.0.0.1:{}'}}]\n",
        farm.place("prb-v2", "m"),
        redis.port
    ));
    let up =
        |samples: &Samples, expected: f64| samples.is("phala_prb_trade_queue_up", &[("queue", "room-a")], expected);
    // Before the first job nothing says that this is the right Redis: no depth, not zero.
    farmwarden.wait_for("it answers", |samples| {
        up(samples, 1.0).and(jobs(samples, "waiting", None))
    });

    // As bee-queue has it: ids in lists, sets and a sorted set, data in a hash.
    for command in [
        "SET bq:prbmq__main:id 9",
        "LPUSH bq:prbmq__main:waiting 7 8 9",
        "LPUSH bq:prbmq__main:active 6",
        "SADD bq:prbmq__main:failed 3 4",
        "ZADD bq:prbmq__main:delayed 1700000000000 5",
        "HSET bq:prbmq__main:jobs 7 {}",
    ] {
        assert!(!redis.ask(command).starts_with('-'), "{command}");
    }
    let before = redis.ask("DBSIZE");
    let all = [
        ("waiting", 3.0),
        ("active", 1.0),
        ("delayed", 1.0),
        ("failed", 2.0),
        ("succeeded", 0.0),
    ];
    let samples = farmwarden.wait_for("the depth", |samples| {
        all.iter()
            .try_for_each(|(state, number)| jobs(samples, state, Some(*number)))
    });
    samples
        .is("phala_prb_trade_queue_jobs_created_total", &[("queue", "room-a")], 9.0)
        .unwrap();
    assert_eq!(redis.ask("LRANGE bq:prbmq__main:waiting -1 -1"), "*1");

    // Taken by the trader.
    redis.ask("RPOPLPUSH bq:prbmq__main:waiting bq:prbmq__main:active");
    farmwarden.wait_for("one less", |samples| {
        jobs(samples, "waiting", Some(2.0)).and(jobs(samples, "active", Some(2.0)))
    });

    // Nobody changed anything, and what is gone is not zero.
    same(&redis.ask("DBSIZE"), &before).unwrap();
    let port = redis.port;
    drop(redis);
    farmwarden.wait_for("it is down", |samples| {
        let failed = [("target", "prb-1"), ("part", "queues")];
        samples.is("farmwarden_target_up", &failed, 0.0)
    });
    let _again = Redis::start(port);
    farmwarden.wait_for("it is back, empty", |samples| {
        up(samples, 1.0).and(jobs(samples, "waiting", None))
    });
    farmwarden.stops_at_once();
}

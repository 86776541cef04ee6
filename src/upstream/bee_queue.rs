//! A bee-queue in a Redis: how many jobs it holds, by reading commands alone.
//!
//! Source of the keys: bee-queue's documentation (`bq:<name>:<list>`); of the queue's name: `runtime-bridge`
//! `src/trade/trade_queue.js`.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisConnectionInfo, RedisError};
use tokio::io::AsyncReadExt as _;

use super::{Fault, Upstream, Why};
use crate::values::HostPort;

/// What a queue holds. Jobs that are done are removed from it, unless PRB is told to keep them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueDepth {
    pub waiting: u64,
    pub active: u64,
    pub delayed: u64,
    pub failed: u64,
    pub succeeded: u64,
    /// Jobs ever put in, since the Redis was emptied.
    pub created: u64,
    /// The job that is taken next.
    pub next: Option<String>,
}

/// How faults name the reading of a queue.
pub const QUEUE_CALL: &str = "queue";

/// A client for one queue.
#[derive(Clone, Debug)]
pub struct BeeQueue {
    upstream: Upstream,
    place: HostPort,
    name: &'static str,
    deadline: Duration,
}

/// Numbers and the id of one job; whatever sends more is no such queue.
const LARGEST_ANSWER: u64 = 64 << 10;

/// Ids are decimal numbers, unless somebody sets them.
const LONGEST_ID: usize = 64;

/// Jobs put in, waiting, active, delayed, failed, succeeded; the next one's id.
type Answer = (Option<u64>, u64, u64, u64, u64, u64, Option<String>);

impl BeeQueue {
    /// A reading ends within `deadline`.
    pub fn new(upstream: &Upstream, place: &HostPort, name: &'static str, deadline: Duration) -> Self {
        Self {
            upstream: upstream.clone(),
            place: place.clone(),
            name,
            deadline,
        }
    }

    /// `None` when no job was ever put in: nothing says that this is the right Redis.
    pub async fn depth(&self) -> Result<Option<QueueDepth>, Fault> {
        match tokio::time::timeout(self.deadline, self.ask()).await {
            Ok(outcome) => outcome,
            Err(_) => Err(self.fault(Why::Timeout(self.deadline))),
        }
    }

    async fn ask(&self) -> Result<Option<QueueDepth>, Fault> {
        let who = self.place.to_string();
        let (host, port) = (self.place.host(), self.place.port());
        let stream = self.upstream.resolver.connect(&who, host, port, self.deadline).await;
        let stream = stream.map_err(|fault| self.fault(fault.why))?;
        let (read, write) = stream.into_split();
        let bounded = tokio::io::join(read.take(LARGEST_ANSWER), write);
        let plain = RedisConnectionInfo::default().set_skip_set_lib_name();
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(self.deadline));
        let opened = MultiplexedConnection::new_with_config(&plain, bounded, config).await;
        let (mut connection, driver) = opened.map_err(|e| self.fault(why(e)))?;
        let asked = async move { self.commands().query_async(&mut connection).await };
        // The driver ends when the connection above is dropped; what it was told is told again by the answer.
        let (answer, ()) = tokio::join!(asked, driver);
        let answer: Answer = answer.map_err(|e| self.fault(why(e)))?;
        let (created, waiting, active, delayed, failed, succeeded, next) = answer;
        Ok(created.map(|created| QueueDepth {
            waiting,
            active,
            delayed,
            failed,
            succeeded,
            created,
            next: next.map(|id| id.chars().take(LONGEST_ID).collect()),
        }))
    }

    /// None of them changes anything. Their answers are an [`Answer`].
    fn commands(&self) -> redis::Pipeline {
        let key = |list: &str| format!("bq:{}:{list}", self.name);
        let mut commands = redis::pipe();
        commands.get(key("id"));
        commands.llen(key("waiting")).llen(key("active"));
        commands.zcard(key("delayed"));
        commands.scard(key("failed")).scard(key("succeeded"));
        // Jobs are put in on the left and taken from the right.
        commands.lindex(key("waiting"), -1);
        commands
    }

    fn fault(&self, why: Why) -> Fault {
        Fault::new(self.place.to_string(), QUEUE_CALL, why)
    }
}

/// The words of a Redis are not repeated: they may quote what it was sent.
fn why(error: RedisError) -> Why {
    if error.is_timeout() {
        return Why::malformed("it accepts connections but does not answer like a Redis");
    }
    let refusals = error.into_server_errors();
    let first = refusals.as_ref().and_then(|all| all.first());
    match first.map(|(_, refusal)| refusal.code()) {
        Some("NOAUTH") => Why::upstream("this Redis wants a password; redis-q of PRB has none"),
        Some("WRONGTYPE") => Why::upstream("its keys are of another kind: is it the Redis of PRB's trader?"),
        Some("LOADING") => Why::upstream("it is still loading its data"),
        Some(_) => Why::upstream("this Redis refuses to read the queue"),
        None => Why::malformed("it closed the connection, or does not answer like a Redis"),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    const WITHIN: Duration = Duration::from_secs(5);

    /// What is read from a server that answers everything with these bytes, and what it was asked.
    async fn answered(answer: &str) -> (Result<Option<QueueDepth>, String>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let place = listener.local_addr().unwrap().to_string().parse().unwrap();
        let answer = answer.to_owned();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = vec![0; 4096];
            let length = stream.read(&mut asked).await.unwrap();
            asked.truncate(length);
            drop(stream.write_all(answer.as_bytes()).await);
            drop(stream.shutdown().await);
            String::from_utf8(asked).unwrap()
        });
        let queue = BeeQueue::new(&Upstream::from_system().unwrap(), &place, "prbmq__main", WITHIN);
        let depth = queue.depth().await.map_err(|fault| fault.why.to_string());
        (depth, server.await.unwrap())
    }

    #[tokio::test]
    async fn a_queue_tells_how_many_jobs_it_holds() {
        let (depth, asked) = answered("$2\r\n42\r\n:3\r\n:1\r\n:0\r\n:2\r\n:36\r\n$2\r\n40\r\n").await;
        let expected = QueueDepth {
            waiting: 3,
            active: 1,
            delayed: 0,
            failed: 2,
            succeeded: 36,
            created: 42,
            next: Some("40".to_owned()),
        };
        assert_eq!(depth, Ok(Some(expected)));
        let commands: Vec<&str> = asked
            .lines()
            .filter(|line| line.chars().all(|c| c.is_ascii_uppercase()))
            .collect();
        assert_eq!(commands, ["GET", "LLEN", "LLEN", "ZCARD", "SCARD", "SCARD", "LINDEX"]);
    }

    #[tokio::test]
    async fn a_redis_without_the_queue_says_nothing_of_its_depth() {
        let (depth, _) = answered("$-1\r\n:0\r\n:0\r\n:0\r\n:0\r\n:0\r\n$-1\r\n").await;
        assert_eq!(depth, Ok(None));
    }

    #[tokio::test]
    async fn refusals_and_other_programs_are_told_in_words() {
        for (refusal, expected) in [
            ("-NOAUTH Authentication required.\r\n", "wants a password"),
            ("-WRONGTYPE Operation against a key\r\n", "of another kind"),
            ("-LOADING Redis is loading the dataset in memory\r\n", "still loading"),
        ] {
            let (depth, _) = answered(&refusal.repeat(7)).await;
            let words = depth.unwrap_err();
            assert!(words.contains(expected), "{refusal}: {words}");
        }
        for other in ["HTTP/1.1 400 Bad Request\r\n\r\n", "", "SSH-2.0-x\r\n"] {
            let (depth, _) = answered(other).await;
            let words = depth.unwrap_err();
            assert!(words.contains("Redis"), "{other:?}: {words}");
        }
    }

    #[tokio::test]
    async fn an_answer_without_end_is_given_up() {
        let (depth, _) = answered("$1000000000\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx").await;
        assert!(depth.is_err());
    }
}

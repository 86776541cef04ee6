//! The workers that a round has shown, for the parts that ask others about them: pRuntimes and the chain.

use std::sync::Arc;

use tokio::sync::watch;

use super::worker::Worker;

/// A worker, as far as it concerns who is asked about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// 64 hexadecimal digits.
    pub public_key: Option<String>,
    /// pRuntime's address as PRB has it.
    pub endpoint: String,
    /// The pool's number.
    pub pool: Option<u64>,
}

impl Known {
    pub fn of(worker: &Worker) -> Self {
        Self {
            public_key: worker.public_key.clone(),
            endpoint: worker.identity.endpoint.clone(),
            pool: worker.identity.pool,
        }
    }
}

/// The last list, shared by all parts of a target and by those who read it after the configuration changed.
#[derive(Clone, Debug, Default)]
pub struct Roster(Arc<watch::Sender<Option<Arc<[Known]>>>>);

impl Roster {
    /// Takes the place of the list before.
    pub fn publish(&self, workers: impl Iterator<Item = Known>) {
        self.0.send_replace(Some(workers.collect()));
    }

    /// The first list, as soon as it was heard: in a single look nothing is taken up before every part has ended.
    pub fn begin(&self, workers: impl Iterator<Item = Known>) {
        self.0.send_if_modified(|list| {
            let first = list.is_none();
            if first {
                *list = Some(workers.collect());
            }
            first
        });
    }

    /// Waits for the first list. The caller bounds the wait.
    pub async fn known(&self) -> Arc<[Known]> {
        let mut list = self.0.subscribe();
        let list = list.wait_for(Option::is_some).await;
        // It ends only with a list: the sender is held by `self`.
        list.ok().and_then(|list| list.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(endpoint: &str) -> Known {
        Known {
            public_key: None,
            endpoint: endpoint.to_owned(),
            pool: None,
        }
    }

    #[tokio::test]
    async fn who_asks_before_there_is_a_list_waits_for_it() {
        let roster = Roster::default();
        let asked = tokio::spawn({
            let roster = roster.clone();
            async move { roster.known().await }
        });
        roster.publish([known("http://10.0.0.1:8000")].into_iter());
        assert_eq!(asked.await.unwrap().as_ref(), [known("http://10.0.0.1:8000")]);
        roster.publish(std::iter::empty());
        assert!(roster.known().await.is_empty());
    }

    #[tokio::test]
    async fn only_the_first_list_is_taken_before_it_is_published() {
        let roster = Roster::default();
        for endpoint in ["http://10.0.0.1:8000", "http://10.0.0.2:8000"] {
            roster.begin([known(endpoint)].into_iter());
        }
        assert_eq!(roster.known().await.as_ref(), [known("http://10.0.0.1:8000")]);
    }
}

//! Against the simulated Filecoin, in every era.

mod guards;
mod messages;
mod miners;

use simfarm::venus::{Perm, Service, Venus as Filecoin};
use tempfile::TempDir;

use super::*;
use crate::collectors::venus::{Instance, Target, Venus};
use crate::upstream::VenusService;

const ENTITY: usize = 0;

/// A chain service, its target, and hands for it.
struct Farm {
    filecoin: Filecoin,
    directory: TempDir,
    target: Target,
    store: Arc<Store>,
}

impl Farm {
    /// One sender that waits, with a token that reads and one that changes.
    async fn of(era: &str, sender: serde_json::Value) -> Self {
        let filecoin = Filecoin::start("127.0.0.1").await.unwrap();
        let chain = json!({"era": era, "by_hand": true, "epoch": 4_000_000, "senders": [sender]});
        filecoin.set(&chain).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let mut target = Target::bare("venus-1".parse().unwrap());
        let perm = if era == "c" { Perm::Read } else { Perm::Admin };
        target.token_file = Some(kept(&directory, "read", &filecoin.token(perm)));
        target.act_token_file = Some(kept(&directory, "act", &filecoin.token(Perm::Admin)));
        target.miners = vec!["f01000".parse().unwrap()];
        target.timeout = crate::values::Duration::from_secs(20);
        for (kind, service) in [
            (VenusService::Auth, &filecoin.auth),
            (VenusService::Gateway, &filecoin.gateway),
            (VenusService::Node, &filecoin.node),
            (VenusService::Messager, &filecoin.messager),
            (VenusService::Miner, &filecoin.miner),
        ] {
            let mut instance = at(service);
            match kind {
                // It tells nobody less.
                VenusService::Gateway => instance.token_file.clone_from(&target.act_token_file),
                // Miner services up to 1.9 know no other token.
                VenusService::Miner if era != "c" => {
                    let own = kept(&directory, "miner", &service.token());
                    (instance.token_file, instance.act_token_file) = (Some(own.clone()), Some(own));
                }
                _ => {}
            }
            list(&mut target, kind).push(instance);
        }
        let store = Arc::default();
        Self {
            filecoin,
            directory,
            target,
            store,
        }
    }

    fn hands(&self) -> Hands {
        self.hands_with(Vec::new())
    }

    fn hands_with(&self, others: Vec<Target>) -> Hands {
        let venus = [self.target.clone()].into_iter().chain(others).collect();
        let settings = Settings {
            venus,
            ..Settings::default()
        };
        hands(&settings, &self.store)
    }

    fn sender(&self) -> String {
        self.filecoin.settings().senders[ENTITY].address.clone()
    }

    /// Acts on the only sender, and gives what was noted as well.
    async fn noted(&self, action: &str, with: &[(&str, &str)]) -> (Result<String, String>, Vec<String>) {
        let book = Book::default();
        let plan = plan(action, "venus-1", &self.sender(), with);
        let ended = self.hands().run(&plan, &book).await;
        (ended, book.notes.into_inner().unwrap())
    }

    async fn act(&self, action: &str, with: &[(&str, &str)]) -> Result<String, String> {
        self.noted(action, with).await.0
    }

    /// Why nothing was done; nothing was sent either.
    async fn refuses(&self, action: &str, with: &[(&str, &str)], part: &str) {
        let (ended, noted) = self.noted(action, with).await;
        let words = ended.unwrap_err();
        assert!(
            words.starts_with("nothing was done: ") && words.contains(part),
            "{words}"
        );
        assert_eq!(noted, Vec::<String>::new());
        assert_eq!(self.changes(), BTreeMap::new());
    }

    /// Calls that change something, of both services.
    fn changes(&self) -> BTreeMap<String, u64> {
        let services = [&self.filecoin.messager, &self.filecoin.miner];
        let all = services.into_iter().flat_map(|service| service.calls().methods);
        let reads = |method: &str| {
            ["List", "Get", "States", "Version", "Query"]
                .iter()
                .any(|word| method.contains(word))
        };
        let mut changes = BTreeMap::new();
        for (method, count) in all.filter(|(method, _)| !reads(method.rsplit('.').next().unwrap())) {
            *changes.entry(method).or_default() += count;
        }
        changes
    }

    fn states(&self) -> Vec<u64> {
        self.filecoin.messages().iter().map(|message| message.state).collect()
    }

    fn ids(&self) -> Vec<String> {
        self.filecoin.messages().into_iter().map(|message| message.id).collect()
    }

    async fn messager(&self, patch: serde_json::Value) {
        self.filecoin.messager.set(patch).await.unwrap();
    }
}

fn at(service: &Service) -> Instance {
    Instance::at(format!("http://{}", service.addr()).parse().unwrap())
}

fn kept(directory: &TempDir, name: &str, token: &str) -> std::path::PathBuf {
    let file = directory.path().join(name);
    std::fs::write(&file, token).unwrap();
    file
}

fn list(target: &mut Target, kind: VenusService) -> &mut Vec<Instance> {
    match kind {
        VenusService::Auth => &mut target.auth_services,
        VenusService::Gateway => &mut target.gateways,
        VenusService::Node => &mut target.nodes,
        VenusService::Messager => &mut target.messagers,
        VenusService::Miner => &mut target.miner_services,
    }
}

/// A sender with this trouble since 40 minutes.
fn ill(trouble: &str) -> serde_json::Value {
    json!({"trouble": trouble, "trouble_age_s": 2400})
}

fn once(method: &str) -> BTreeMap<String, u64> {
    [(method.to_owned(), 1)].into()
}

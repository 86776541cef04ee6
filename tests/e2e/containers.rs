//! A real dockerd, started by the test, and farmwarden's client of it; and the same of podman.

pub(crate) mod podman;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use farmwarden::actions::containers::{Engine, EngineSettings, Place, Policy, Selector, Status};
use farmwarden::actions::handle::{Handle, Look};
use farmwarden::actions::stack::{self, Cluster, Event, Hands, Member, Node, Part, Procedure, Progress};
use farmwarden::actions::{Done, Effect, Failed};
use farmwarden::upstream::{TrustFiles, Upstream};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use super::support::{LONG, Process, debian, directory, free_port, handed_over, wait_for, with_libraries};

const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Docker {
    directory: tempfile::TempDir,
    process: Process,
}

impl Docker {
    /// With an image of one file: the simulated farm, which is static and ends when it is told to.
    pub(crate) fn start() -> Self {
        Self::listening(&[])
    }

    /// The same, with more places to listen at.
    fn listening(more: &[String]) -> Self {
        let directory = directory();
        let place = |name: &str| directory.path().join(name);
        let programs = [debian("usr/sbin/dockerd"), debian("usr/bin/containerd")];
        let programs = programs.map(|program| program.parent().unwrap().display().to_string());
        let path = std::env::var("PATH").unwrap();
        let mut command = with_libraries(&debian("usr/sbin/dockerd"));
        command.env("PATH", format!("{}:{path}", programs.join(":")));
        command
            .arg("--host")
            .arg(format!("unix://{}", place("docker.sock").display()));
        command.arg("--data-root").arg(place("data"));
        command.arg("--exec-root").arg(place("exec"));
        command.arg("--pidfile").arg(place("pid"));
        command.args([
            "--bridge=none",
            "--iptables=false",
            "--ip6tables=false",
            "--userland-proxy=false",
        ]);
        command.args(more);
        let mut process = Process::start("dockerd", &mut command);
        wait_for("dockerd listens", LONG, || {
            process.running()?;
            std::os::unix::net::UnixStream::connect(place("docker.sock")).map_err(|e| e.to_string())
        });
        let docker = Self { directory, process };
        let simfarm = handed_over("E2E_SIMFARM");
        docker.import(simfarm.parent().unwrap(), "simfarm", "farm:1");
        docker
    }

    pub(crate) fn client(&self) -> Command {
        let mut command = Command::new(debian("usr/bin/docker"));
        command.arg("--host");
        command.arg(format!("unix://{}", self.socket().display()));
        command
    }

    /// An image of what lies in a directory.
    pub(crate) fn import(&self, directory: &Path, what: &str, image: &str) {
        let mut tar = Command::new("tar")
            .arg("-C")
            .arg(directory)
            .args(["-c", what])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let archive = tar.stdout.take().unwrap();
        let imported = self
            .client()
            .args(["import", "-", image])
            .stdin(archive)
            .output()
            .unwrap();
        assert!(
            imported.status.success() && tar.wait().unwrap().success(),
            "{imported:?}"
        );
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.path().join("docker.sock")
    }

    /// What the engine says of a container, by a template of Go.
    pub(crate) fn inspect(&self, name: &str, template: &str) -> String {
        let mut command = self.client();
        let output = command.args(["inspect", "--format", template, name]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    pub(crate) fn run(&self, name: &str, options: &[&str]) {
        let options = [&["--network=none", "--name", name], options].concat();
        self.run_image("farm:1", &options, &["/simfarm", "serve", "--prb-v3", "m=127.0.0.1:0"]);
    }

    pub(crate) fn run_image(&self, image: &str, options: &[&str], program: &[&str]) {
        let mut command = self.client();
        command.args(["run", "--detach"]).args(options).arg(image).args(program);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    fn engine(&self, containers: &[Selector]) -> Engine {
        engine(self.socket(), containers)
    }
}

/// Its containers end with it; killed, it would leave them.
impl Drop for Docker {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.process.stop();
        }
    }
}

/// farmwarden's client of the engine at this socket, for these alone.
fn engine(socket: PathBuf, containers: &[Selector]) -> Engine {
    let settings = EngineSettings {
        name: "farm-1".parse().unwrap(),
        place: Place::Socket(socket),
        containers: containers.to_vec(),
    };
    Engine::new(&Upstream::from_system().unwrap(), settings).unwrap()
}

fn named(name: &str) -> Selector {
    Selector::name(name).unwrap()
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn containers_are_restarted_stopped_and_started_and_others_are_out_of_reach() {
    let docker = Docker::start();
    containers_are_acted_on(|name, options| docker.run(name, options), |which| docker.engine(which));
}

/// What holds whoever's engine it is: `run` starts a container there, with these options.
fn containers_are_acted_on(run: impl Fn(&str, &[&str]), engine: impl Fn(&[Selector]) -> Engine) {
    let labels = [
        "--label=com.docker.compose.project=phala",
        "--label=com.docker.compose.service=node",
    ];
    run("phala-node", &[&labels[..], &["--restart=unless-stopped"]].concat());
    run("postgres", &[]);
    run("fleeting", &["--rm"]);
    let service = Selector::service(Some("phala"), "node").unwrap();
    let engine = engine(&[named("phala-node"), service.clone(), named("nobody"), named("fleeting")]);
    runtime().block_on(async {
        let node = named("phala-node");
        let before = engine.inspect(&node).await.unwrap();
        assert_eq!((before.status, before.policy), (Status::Running, Policy::Always));
        let after = engine.restart(&node, PATIENCE).await.unwrap();
        assert!(after.started_at > before.started_at && after.id == before.id);
        let again = engine.restart(&service, PATIENCE).await.unwrap();
        assert!(again.started_at > after.started_at && again.id == before.id);

        assert_eq!(engine.stop(&node, PATIENCE).await, Ok(Done::Changed));
        assert_eq!(engine.stop(&node, PATIENCE).await, Ok(Done::AlreadySo));
        assert_eq!(engine.inspect(&node).await.unwrap().status, Status::Exited);
        assert_eq!(engine.start(&node).await, Ok(Done::Changed));
        assert_eq!(engine.start(&node).await, Ok(Done::AlreadySo));

        for (which, reason) in [
            ("postgres", "forbidden"),
            ("nobody", "not_found"),
            ("fleeting", "forbidden"),
        ] {
            let failed = engine.stop(&named(which), PATIENCE).await.unwrap_err();
            assert_eq!(
                (failed.fault.reason().label(), failed.effect),
                (reason, Effect::Nothing),
                "{failed}"
            );
        }
    });
}

/// An authority, and what it signed for the engine and for us: files as dockerd and the configuration name them.
struct Certificates(tempfile::TempDir);

impl Certificates {
    fn new() -> Self {
        let own = Self(directory());
        let mut of_authority = CertificateParams::new(Vec::new()).unwrap();
        of_authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(of_authority, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(own.file("ca.pem"), authority.pem()).unwrap();
        for (whose, name) in [("engine", "127.0.0.1"), ("own", "farmwarden")] {
            let key = KeyPair::generate().unwrap();
            let signed = CertificateParams::new(vec![name.to_owned()]).unwrap();
            let signed = signed.signed_by(&key, &authority).unwrap();
            std::fs::write(own.file(&format!("{whose}.pem")), signed.pem()).unwrap();
            std::fs::write(own.file(&format!("{whose}.key")), key.serialize_pem()).unwrap();
        }
        own
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// What dockerd is started with to ask for a certificate of this authority.
    fn of_engine(&self, port: u16) -> Vec<String> {
        let named = [
            ("tlscacert", "ca.pem"),
            ("tlscert", "engine.pem"),
            ("tlskey", "engine.key"),
        ];
        let files = named.map(|(option, file)| format!("--{option}={}", self.file(file).display()));
        let place = [format!("--host=tcp://127.0.0.1:{port}"), "--tlsverify".to_owned()];
        [place.to_vec(), files.to_vec()].concat()
    }

    fn client(&self, port: u16, containers: &[Selector]) -> Engine {
        let settings = EngineSettings {
            name: "farm-2".parse().unwrap(),
            place: Place::Tls {
                address: format!("127.0.0.1:{port}").parse().unwrap(),
                files: TrustFiles {
                    ca_file: self.file("ca.pem"),
                    client: Some((self.file("own.pem"), self.file("own.key"))),
                },
            },
            containers: containers.to_vec(),
        };
        Engine::new(&Upstream::from_system().unwrap(), settings).unwrap()
    }
}

#[test]
fn an_engine_on_the_network_is_reached_with_certificates_of_both_sides_and_by_nobody_else() {
    let (certificates, port) = (Certificates::new(), free_port());
    let docker = Docker::listening(&certificates.of_engine(port));
    docker.run("phala-node", &[]);
    let node = named("phala-node");
    let engine = certificates.client(port, std::slice::from_ref(&node));
    let runtime = runtime();
    let before = wait_for("dockerd listens on the network", LONG, || {
        runtime
            .block_on(engine.inspect(&node))
            .map_err(|failed| failed.to_string())
    });
    runtime.block_on(async {
        let after = engine.restart(&node, PATIENCE).await.unwrap();
        assert!(after.started_at > before.started_at && after.id == before.id);
        // Somebody else's authority: neither side takes the other.
        let stranger = Certificates::new().client(port, std::slice::from_ref(&node));
        let failed = stranger.restart(&node, PATIENCE).await.unwrap_err();
        assert_eq!(failed.effect, Effect::Nothing, "{failed}");
        assert_eq!(engine.inspect(&node).await.unwrap().started_at, after.started_at);
    });
}

/// Real containers by name, and when each was acted on.
struct Farm {
    handles: BTreeMap<String, Handle>,
    recorded: Mutex<Vec<String>>,
}

impl Hands for Farm {
    async fn look(&self, part: &str) -> Result<Look, Failed> {
        self.handles[part].look().await
    }

    async fn stop(&self, part: &Part) -> Result<(), Failed> {
        self.handles[&part.name].stop(part.patience).await.map(drop)
    }

    async fn start(&self, part: &Part) -> Result<(), Failed> {
        self.handles[&part.name].start(part.patience).await.map(drop)
    }

    async fn restart(&self, part: &Part) -> Result<(), Failed> {
        // What stands on the node is down before it is touched.
        for other in self.handles.keys().filter(|name| **name != part.name) {
            assert!(!self.look(other).await?.up, "{other}");
        }
        self.handles[&part.name].restart(part.patience).await
    }

    async fn recovered(&self, _part: &str) -> Result<(), Failed> {
        Ok(())
    }

    async fn record(&self, event: &Event<'_>) -> Result<(), String> {
        self.recorded.lock().unwrap().push(format!("{}", event.step));
        Ok(())
    }
}

#[test]
fn a_stack_of_real_containers_is_restarted_in_its_order() {
    let docker = Docker::start();
    let names = ["data_provider", "lifecycle", "node"];
    for name in names {
        docker.run(name, &[]);
    }
    let engine = Arc::new(docker.engine(&names.map(named)));
    let handles = names.map(|name| {
        let (engine, which) = (Arc::clone(&engine), named(name));
        (name.to_owned(), Handle::Container { engine, which })
    });
    let farm = Farm {
        handles: handles.into(),
        recorded: Mutex::default(),
    };
    let part = |name: &str| Part {
        name: name.to_owned(),
        patience: PATIENCE,
    };
    let member = |name: &str| Member {
        part: part(name),
        works_within: None,
    };
    let procedure = Procedure::cluster(&Cluster {
        group: vec![member("data_provider"), member("lifecycle")],
        node: Some(Node {
            part: part("node"),
            recovers_within: LONG,
        }),
        restarted_last: Vec::new(),
    });
    runtime().block_on(async {
        stack::run(&procedure, &mut Progress::default(), &farm).await.unwrap();
        let mut started = Vec::new();
        for name in ["node", "data_provider", "lifecycle"] {
            let look = farm.look(name).await.unwrap();
            assert!(look.up, "{name}");
            started.push(look.started_at);
        }
        assert!(started.is_sorted(), "{started:?}");
    });
    assert_eq!(farm.recorded.lock().unwrap().len(), 2 * procedure.steps.len());
}

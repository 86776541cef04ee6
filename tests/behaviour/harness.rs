//! Starts farmwarden in this process and asks it over its own port.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use farmwarden::access::{Access, Options};
use farmwarden::app::{App, Web};
use farmwarden::clock::Clock;
use farmwarden::config::{Secrets, Settings};
use farmwarden::exposition::Own;
use farmwarden::server::{ControlSocketPath, Reload};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// Longer than anything here takes on a busy machine; a test that needs it has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running farmwarden.
pub(crate) struct Warden {
    pub(crate) address: SocketAddr,
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
    reloads: mpsc::Sender<Reload>,
    directory: TempDir,
}

/// An HTTP answer.
pub(crate) struct Reply {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn header<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.headers(name).next()
    }

    /// All values of a header.
    pub(crate) fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.head.lines().filter_map(move |line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// How a farmwarden is started.
pub(crate) struct Setup<'a> {
    pub(crate) listen: SocketAddr,
    pub(crate) config: &'a str,
    pub(crate) clock: Clock,
    pub(crate) access: Options,
    pub(crate) control_socket: Option<PathBuf>,
    pub(crate) remote_socket: Option<PathBuf>,
    /// The configuration lies in a file, which can be changed and read again.
    pub(crate) from_file: bool,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:0".parse().unwrap(),
            config: "",
            clock: Clock::system(),
            access: Options::default(),
            control_socket: None,
            remote_socket: None,
            from_file: false,
        }
    }
}

impl Setup<'_> {
    /// With a web.yml.
    pub(crate) fn with_web(file: &Path) -> Self {
        Self {
            access: Options {
                config_file: Some(file.to_owned()),
                ..Options::default()
            },
            ..Self::default()
        }
    }

    pub(crate) async fn app(self, directory: &Path) -> Result<App, String> {
        let file = directory.join("farm.yml");
        std::fs::write(&file, self.config).unwrap();
        let settings = if self.from_file {
            Settings::read(&file, Secrets::MustBeThere)
        } else {
            Settings::parse("farm.yml", self.config)
        };
        let settings = settings.unwrap();
        let access = Access::read(Options {
            listen: vec![self.listen],
            ..self.access
        });
        let web = Web {
            listen: vec![self.listen],
            telemetry_path: "/metrics".to_owned(),
            access: Arc::new(access.map_err(|mistakes| mistakes.to_string())?),
            control_socket: self
                .control_socket
                .map(|path| ControlSocketPath { path, required: true }),
            remote_socket: self.remote_socket,
        };
        App::start(settings, &web, self.clock, Own::default()).await
    }

    pub(crate) async fn start(self) -> Warden {
        let directory = tempfile::tempdir().unwrap();
        let app = self.app(directory.path()).await.unwrap();
        let (stop, stopped) = watch::channel(false);
        Warden {
            address: app.listening()[0],
            stop,
            reloads: app.reloads(),
            running: tokio::spawn(app.run(stopped)),
            directory,
        }
    }
}

impl Warden {
    pub(crate) async fn start(config: &str) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), config, Clock::system()).await
    }

    pub(crate) async fn start_at(listen: SocketAddr, config: &str, clock: Clock) -> Self {
        let setup = Setup {
            listen,
            config,
            clock,
            ..Setup::default()
        };
        setup.start().await
    }

    /// With a file that can be changed and read again.
    pub(crate) async fn start_from_file(config: &str) -> Self {
        let setup = Setup {
            config,
            from_file: true,
            ..Setup::default()
        };
        setup.start().await
    }

    /// Writes the file anew and has it read again.
    pub(crate) async fn reload(&self, config: &str) -> Result<String, String> {
        self.write_file(config);
        self.reload_as_it_is().await
    }

    pub(crate) async fn reload_as_it_is(&self) -> Result<String, String> {
        let (answer, outcome) = oneshot::channel();
        self.reloads.send(answer).await.unwrap();
        tokio::time::timeout(PATIENCE, outcome).await.unwrap().unwrap()
    }

    pub(crate) fn write_file(&self, config: &str) {
        std::fs::write(self.directory.path().join("farm.yml"), config).unwrap();
    }

    pub(crate) fn remove_file(&self) {
        std::fs::remove_file(self.directory.path().join("farm.yml")).unwrap();
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, "").await
    }

    /// `headers` are whole lines that end in `\r\n`.
    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &str) -> Reply {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");
        self.raw(request.as_bytes()).await
    }

    pub(crate) async fn raw(&self, request: &[u8]) -> Reply {
        let stream = TcpStream::connect(self.address).await.unwrap();
        exchange(stream, request).await.unwrap()
    }

    pub(crate) async fn page(&self) -> String {
        self.get("/metrics").await.text().to_owned()
    }

    /// The page, once it has this in it.
    pub(crate) async fn page_with(&self, needle: &str) -> String {
        self.page_where(needle, |page| page.contains(needle)).await
    }

    /// The page, once it fulfils the condition.
    pub(crate) async fn page_where(&self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        let started = tokio::time::Instant::now();
        loop {
            let page = self.page().await;
            if fits(&page) {
                return page;
            }
            assert!(started.elapsed() < PATIENCE, "never on the page: {what}\n{page}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Asks it to stop; gives how long that took.
    pub(crate) async fn stop(self) -> Duration {
        let started = tokio::time::Instant::now();
        self.stop.send_replace(true);
        tokio::time::timeout(PATIENCE, self.running).await.unwrap().unwrap();
        started.elapsed()
    }
}

/// A connection from another address than all others.
pub(crate) async fn from_elsewhere(warden: &Warden) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    socket.connect(warden.address).await.unwrap()
}

/// Sends a request and reads what comes until the connection ends; nothing where no answer comes.
pub(crate) async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &[u8]) -> Option<Reply> {
    let exchange = async {
        // The server may answer and close before it has read everything.
        drop(stream.write_all(request).await);
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer).await);
        answer
    };
    let answer = tokio::time::timeout(PATIENCE, exchange).await.unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    Some(Reply {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head,
        body: answer[end + 4..].to_vec(),
    })
}

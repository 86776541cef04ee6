//! Chromium without windows, driven over its debugging pipe.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::{LONG, debian, directory, handed_over};

/// What keeps it from asking the network, and from needing a graphics card or a sandbox of its own.
const OPTIONS: [&str; 10] = [
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
];

/// One browser with one page.
pub(crate) struct Browser {
    child: Child,
    orders: ChildStdin,
    said: Receiver<Value>,
    events: Vec<Value>,
    session: Option<String>,
    last_id: u64,
    log: PathBuf,
    _directory: tempfile::TempDir,
}

impl Browser {
    #[track_caller]
    pub(crate) fn start() -> Self {
        let directory = directory();
        let log = directory.path().join("log");
        let mut child = command(directory.path())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let orders = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let (tell, said) = mpsc::channel();
        std::thread::spawn(move || {
            // It ends with the browser, or when nobody listens any more.
            for message in answers.split(0).map_while(Result::ok) {
                if tell.send(serde_json::from_slice(&message).unwrap()).is_err() {
                    return;
                }
            }
        });
        let mut browser = Self {
            child,
            orders,
            said,
            events: Vec::new(),
            session: None,
            last_id: 0,
            log,
            _directory: directory,
        };
        let page = browser.call("Target.createTarget", &json!({"url": "about:blank"}));
        let attach = json!({"targetId": page["targetId"], "flatten": true});
        let attached = browser.call("Target.attachToTarget", &attach);
        browser.session = Some(attached["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        browser
    }

    /// A command of the `DevTools` protocol and its result; what happens meanwhile is kept as events.
    #[track_caller]
    pub(crate) fn call(&mut self, method: &str, params: &Value) -> Value {
        self.last_id += 1;
        let mut order = json!({"id": self.last_id, "method": method, "params": params});
        if let Some(session) = &self.session {
            order["sessionId"] = session.as_str().into();
        }
        self.orders.write_all(format!("{order}\0").as_bytes()).unwrap();
        loop {
            let mut message = self.next();
            if message["id"] == self.last_id {
                assert!(message.get("error").is_none(), "{method}: {message}");
                return message["result"].take();
            }
            self.events.push(message);
        }
    }

    #[track_caller]
    fn next(&self) -> Value {
        let message = self.said.recv_timeout(LONG);
        message.unwrap_or_else(|e| panic!("the browser says nothing ({e})"))
    }

    /// Opens a page and waits until it is there with all that it loads.
    #[track_caller]
    pub(crate) fn open(&mut self, url: &str) {
        self.events.clear();
        let opened = self.call("Page.navigate", &json!({"url": url}));
        assert!(opened.get("errorText").is_none(), "{url}: {opened}");
        while !self.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            let event = self.next();
            self.events.push(event);
        }
    }

    /// The width of the window, and what the reader prefers: `light` or `dark`.
    #[track_caller]
    pub(crate) fn look_like(&mut self, width: u32, scheme: &str) {
        let size = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", &size);
        let prefers = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.call("Emulation.setEmulatedMedia", &prefers);
    }

    /// The value of an expression in the page.
    #[track_caller]
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        let mut seen = self.call(
            "Runtime.evaluate",
            &json!({"expression": expression, "returnByValue": true}),
        );
        assert!(seen.get("exceptionDetails").is_none(), "{expression}: {seen}");
        seen["result"]["value"].take()
    }

    /// What went wrong since the page was opened: errors, refusals by its policy, messages on its console.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let complaint = |event: &&Value| {
            let method = event["method"].as_str().unwrap_or_default();
            matches!(
                method,
                "Log.entryAdded" | "Runtime.exceptionThrown" | "Runtime.consoleAPICalled"
            )
        };
        self.events.iter().filter(complaint).map(ToString::to_string).collect()
    }

    /// The whole page as a picture, kept for people to look at.
    #[track_caller]
    pub(crate) fn photograph(&mut self, name: &str) {
        let picture = self.picture(true);
        std::fs::write(handed_over("E2E_SCREENSHOTS").join(format!("{name}.png")), picture).unwrap();
    }

    /// What a window shows, as a picture of the documents: replaced only with `UPDATE_PICTURES`.
    #[track_caller]
    pub(crate) fn illustrate(&mut self, name: &str) {
        let picture = self.picture(false);
        if std::env::var_os("UPDATE_PICTURES").is_some() {
            let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
            std::fs::write(docs.join(format!("{name}.png")), picture).unwrap();
        }
    }

    fn picture(&mut self, whole: bool) -> Vec<u8> {
        let picture = self.call("Page.captureScreenshot", &json!({"captureBeyondViewport": whole}));
        STANDARD.decode(picture["data"].as_str().unwrap()).unwrap()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read(&self.log).unwrap_or_default();
            eprintln!("--- the browser said:\n{}---", String::from_utf8_lossy(&log));
        }
        // With its helpers.
        let group = Pid::from_raw(self.child.id().try_into().unwrap());
        killpg(group, Signal::SIGKILL).ok();
        self.child.wait().ok();
    }
}

/// It reads orders from descriptor 3 and answers on 4, which a shell makes of standard input and output.
fn command(directory: &Path) -> Command {
    let root = handed_over("E2E_DEBIAN");
    let fonts = directory.join("fonts.conf");
    let font_directory = root.join("usr/share/fonts");
    let text = format!(
        "<fontconfig><dir>{}</dir><cachedir>{}</cachedir></fontconfig>",
        font_directory.display(),
        directory.join("fonts").display()
    );
    std::fs::write(&fonts, text).unwrap();
    let libraries = [
        "usr/lib/x86_64-linux-gnu",
        "lib/x86_64-linux-gnu",
        "usr/lib/x86_64-linux-gnu/pulseaudio",
    ];
    let libraries = libraries.map(|path| root.join(path).display().to_string()).join(":");
    let mut command = Command::new("sh");
    command
        .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >&2"])
        .arg(debian("usr/lib/chromium/chromium-headless-shell"))
        .args(OPTIONS)
        .arg(format!("--user-data-dir={}", directory.join("profile").display()))
        .env("LD_LIBRARY_PATH", libraries)
        .env("FONTCONFIG_FILE", fonts)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .process_group(0);
    command
}

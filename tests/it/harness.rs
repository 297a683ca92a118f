//! What every suite needs: built components, a configured server process, signed senders, and waiting for a condition.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use apex_app::bench::front::FrontSender;
use serde_json::Value;

/// The Front application key every test server is configured with.
pub const FRONT_SECRET: &str = "test-front-application-key";

/// The repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The binary under test.
pub fn apex() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_apex"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("APEX__") {
            command.env_remove(name);
        }
    }
    command.env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// Runs a command to its end and insists on success.
pub fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} ended with {}: {stderr}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// The three connectors, compiled once a test run.
pub fn components() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("components");
        fs::create_dir_all(&out).unwrap();
        succeed(apex().args(["plugin", "build"]).arg(repository().join("plugins")).arg("--out").arg(&out));
        out
    })
}

/// One component's bytes.
pub fn component(name: &str) -> Vec<u8> {
    fs::read(components().join(format!("{name}.wasm"))).unwrap()
}

/// The same component with another digest: a custom section at the end is ignored by whoever does not know it.
pub fn variant(component: &[u8], note: u32) -> Vec<u8> {
    let name = b"note";
    let mut section = vec![u8::try_from(name.len()).unwrap()];
    section.extend_from_slice(name);
    section.extend_from_slice(&note.to_be_bytes());
    let mut bytes = component.to_vec();
    bytes.push(0);
    bytes.push(u8::try_from(section.len()).unwrap());
    bytes.extend_from_slice(&section);
    bytes
}

/// Waits until the condition gives a value; fails with `what` after a minute.
pub fn wait_for<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    wait_at_most(Duration::from_mins(1), what, condition)
}

/// Waits until the condition gives a value; fails with `what` after `limit`.
pub fn wait_at_most<T>(limit: Duration, what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited {limit:?} for {what}");
        std::thread::yield_now();
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// A port nobody listens on at this moment.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A running `apex serve` with directories of its own. Killed when dropped.
pub struct Server {
    pub dir: tempfile::TempDir,
    pub intake: SocketAddr,
    pub api: SocketAddr,
    pub metrics: SocketAddr,
    child: Option<Child>,
    wrapper: Vec<String>,
}

impl Server {
    /// Starts one with these components and this configuration besides the listeners, the model and Front's key.
    pub fn start(names: &[&str], config: &str) -> Self {
        Self::start_under(&[], names, config)
    }

    /// Starts one below another program (`strace …`).
    pub fn start_under(wrapper: &[&str], names: &[&str], config: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let plugins = dir.path().join("plugins");
        fs::create_dir(&plugins).unwrap();
        for name in names {
            fs::write(plugins.join(format!("{name}.wasm")), component(name)).unwrap();
        }
        fs::write(dir.path().join("front.key"), FRONT_SECRET).unwrap();
        let at = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        let (intake, api, metrics) = (at(free_port()), at(free_port()), at(free_port()));
        let text = format!(
            "[intake]\nlisten = \"{intake}\"\n[api]\nlisten = \"{api}\"\n[metrics]\nlisten = \"{metrics}\"\n\
             [model]\nkind = \"hashing\"\n\
             [sources.frontapp]\nsecrets.webhook = {{ file = \"{}\" }}\n{config}",
            dir.path().join("front.key").display()
        );
        fs::write(dir.path().join("apex.toml"), text).unwrap();
        let wrapper = wrapper.iter().map(|&word| word.to_owned()).collect();
        let mut server = Self { dir, intake, api, metrics, child: None, wrapper };
        server.spawn();
        server
    }

    /// A command line against this server's directories.
    pub fn apex(&self) -> Command {
        let mut command = apex();
        self.point(&mut command);
        command
    }

    fn point(&self, command: &mut Command) {
        let path = |name: &str| self.dir.path().join(name);
        command
            .arg("--config")
            .arg(path("apex.toml"))
            .arg("--data")
            .arg(path("data"))
            .arg("--plugins")
            .arg(path("plugins"));
    }

    /// Starts the process (again) and waits until it answers. Its plugins are loaded by then, if they are there.
    pub fn spawn(&mut self) {
        let log = fs::File::options().create(true).append(true).open(self.dir.path().join("log")).unwrap();
        let mut command = match self.wrapper.split_first() {
            None => apex(),
            Some((program, arguments)) => {
                let mut command = Command::new(program);
                command.args(arguments).arg(env!("CARGO_BIN_EXE_apex")).stdin(Stdio::null());
                command
            }
        };
        self.point(&mut command);
        command.arg("serve").stdout(Stdio::null()).stderr(log);
        self.child = Some(command.spawn().unwrap());
        let url = format!("http://{}/healthz", self.metrics);
        wait_for("the server to answer", || {
            if let Some(status) = self.child.as_mut().and_then(|child| child.try_wait().unwrap()) {
                panic!("the server ended with {status}: {}", self.log());
            }
            get(&url, None).filter(|(status, _)| *status == 200)
        });
    }

    /// What the server logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// kill -9, also to what a tracer started: it would outlive the tracer.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).unwrap_or_default();
            for traced in children.split_whitespace() {
                let _ = Command::new("kill").args(["-KILL", traced]).status();
            }
            // It may have ended by itself, which the suite will notice.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// SIGTERM, and its exit code.
    pub fn terminate(&mut self) -> Option<i32> {
        let mut child = self.child.take()?;
        succeed(Command::new("kill").args(["-TERM", &child.id().to_string()]));
        child.wait().unwrap().code()
    }

    /// The process under test.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// `GET` on the API with the token.
    pub fn get(&self, path: &str) -> Value {
        let token = fs::read_to_string(self.dir.path().join("data/token")).unwrap();
        let (status, body) = get(&format!("http://{}{path}", self.api), Some(&token)).expect("the API answers");
        assert_eq!(status, 200, "GET {path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Every item of a list, following `Link: <…>; rel="next"`.
    pub fn pages(&self, path: &str) -> Vec<Value> {
        let token = fs::read_to_string(self.dir.path().join("data/token")).unwrap();
        let (base, mut next, mut all) = (format!("http://{}", self.api), Some(path.to_owned()), Vec::new());
        while let Some(path) = next {
            let (url, token) = (format!("{base}{path}"), token.clone());
            let (link, items) = block_on(async move {
                let client = reqwest::Client::builder().no_proxy().build().unwrap();
                let response = client.get(url).bearer_auth(token).send().await.unwrap();
                let link = response.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
                (link, response.json::<Vec<Value>>().await.unwrap())
            });
            all.extend(items);
            next = link.and_then(|link| Some(link.split_once('<')?.1.split_once('>')?.0.to_owned()));
        }
        all
    }

    /// Counts over all sources.
    pub fn tally(&self) -> Tally {
        let stats = self.get("/v1/stats");
        let one = |source: &Value| serde_json::from_value::<Tally>(source.clone()).unwrap();
        stats.as_array().unwrap().iter().map(one).fold(Tally::default(), |sum, tally| sum.plus(&tally))
    }

    /// Waits until nothing is in flight.
    pub fn settle(&self) -> Tally {
        wait_at_most(Duration::from_mins(5), "everything to be worked off", || {
            let tally = self.tally();
            assert!(tally.is_conserved(), "{tally:?}");
            (tally.in_flight == 0).then_some(tally)
        })
    }
}

/// Signs for any test server's Front source.
pub fn front() -> FrontSender {
    FrontSender::new(FRONT_SECRET, "frontapp")
}

pub use apex_model::event::Tally;

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A blocking `GET`; none if nobody answers.
pub fn get(url: &str, token: Option<&str>) -> Option<(u16, String)> {
    let (url, token) = (url.to_owned(), token.map(str::to_owned));
    block_on(async move {
        let mut request = reqwest::Client::builder().no_proxy().build().ok()?.get(url).timeout(Duration::from_secs(30));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.ok()?;
        Some((response.status().as_u16(), response.text().await.ok()?))
    })
}

/// Runs a future to its end, from a thread of its own so that it also works inside a runtime.
pub fn block_on<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    let _installed_once = rustls::crypto::ring::default_provider().install_default();
    std::thread::spawn(|| tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future))
        .join()
        .unwrap()
}

/// A small seeded generator (SplitMix64): tests that draw lots can be run again.
pub struct Lots(pub u64);

impl Lots {
    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// One kept-alive connection that sends raw requests and reads whole answers.
pub struct Connection {
    stream: tokio::net::TcpStream,
}

/// Status and body of an answer.
pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Connection {
    pub async fn open(to: SocketAddr) -> std::io::Result<Self> {
        let stream = tokio::net::TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream })
    }

    /// Sends one request and reads its answer.
    pub async fn send(&mut self, request: &[u8]) -> std::io::Result<Answer> {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        self.stream.write_all(request).await?;
        let mut bytes = Vec::new();
        loop {
            let read = self.stream.read_buf(&mut bytes).await?;
            if read == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let text = String::from_utf8_lossy(&bytes);
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head
                .lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .map_or(0, |(_, value)| value.trim().parse().unwrap());
            if body.len() >= length {
                let status = head.split(' ').nth(1).unwrap().parse().unwrap();
                return Ok(Answer { status, body: body.to_owned() });
            }
        }
    }
}

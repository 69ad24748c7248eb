//! Debian's Pushgateway and Alertmanager, each on a port of its own with nothing kept on disk but in its folder. They
//! are asked over their own HTTP API. They never meet those of the host.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::curl::ask;
use super::real::{self, Keeper};

/// A moment on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// For `--web.config.file`: the user and password of [`ask`].
pub(crate) const LOGIN: &str =
    "basic_auth_users:\n  max: $2b$04$25LGrLMJFIphslKgZo8vSOGAmF8kHQOkb7aJNc9dwPPe8vHqNpBPO\n";

/// Asks for JSON.
#[track_caller]
fn json(url: &str) -> Value {
    let answer = ask(url, &[]);
    serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{url}: {error}: {answer:?}"))
}

/// The program, and the folder that its package was unpacked to. None where it is not installed.
fn program(name: &str) -> Option<(PathBuf, PathBuf)> {
    let program = real::which(name);
    if !real::or_skip(name, program.is_some()) {
        return None;
    }
    let program = program?;
    let root = program.ancestors().nth(3)?.to_owned();
    Some((program, root))
}

/// A running server.
struct Server {
    // Ended before its folder goes.
    _keeper: Keeper,
    folder: tempfile::TempDir,
    port: u16,
}

impl Server {
    /// Starts `line`, to which its address is added, in `folder`.
    fn start(mut line: Vec<OsString>, folder: tempfile::TempDir, web: Option<&str>) -> Self {
        let port = real::free_port();
        line.push(format!("--web.listen-address=127.0.0.1:{port}").into());
        if let Some(web) = web {
            let path = write(folder.path(), "web.yml", web);
            line.push(option("--web.config.file=", &path));
        }
        let line: Vec<&OsStr> = line.iter().map(AsRef::as_ref).collect();
        let keeper = Keeper::spawn(&line, &folder.path().join("log"), Keeper::TERM);
        let ready = format!("http://127.0.0.1:{port}/-/ready");
        keeper.ready("the server is ready", PATIENCE, || {
            (ask(&ready, &[]).status == "200").then_some(())
        });
        Self { _keeper: keeper, folder, port }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder can be made")
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).expect("a temporary folder can be written");
    path
}

fn option(name: &str, path: &Path) -> OsString {
    let mut option = OsString::from(name);
    option.push(path);
    option
}

/// A Pushgateway that remembers in memory alone.
pub(crate) struct Pushgateway(Server);

impl Pushgateway {
    /// Starts one, with this `--web.config.file` if any. None where it is not installed.
    pub(crate) fn start(web: Option<&str>) -> Option<Self> {
        let (program, _) = program("prometheus-pushgateway")?;
        let line = vec![program.into(), "--persistence.file=".into()];
        Some(Self(Server::start(line, folder(), web)))
    }

    /// `http://127.0.0.1:PORT`
    pub(crate) fn url(&self) -> String {
        self.0.url()
    }

    /// What Prometheus would scrape of what was pushed, line by line, without comments; of its own bookkeeping nothing.
    pub(crate) fn samples(&self) -> Vec<String> {
        let text = ask(&format!("{}/metrics", self.url()), &[]).body;
        let pushed = |line: &&str| line.starts_with("miraclemax_");
        text.lines().filter(pushed).map(str::to_owned).collect()
    }

    /// Its groups, as its API gives them.
    pub(crate) fn groups(&self) -> Vec<Value> {
        let all = json(&format!("{}/api/v1/metrics", self.url()));
        all["data"].as_array().expect("a list of groups").clone()
    }
}

/// An Alertmanager that belongs to no cluster.
pub(crate) struct Alertmanager(Server);

impl Alertmanager {
    /// Starts one with this config, and this `--web.config.file` if any. None where it is not installed.
    pub(crate) fn start(config: &str, web: Option<&str>) -> Option<Self> {
        let (program, root) = program("prometheus-alertmanager")?;
        let folder = folder();
        let config = write(folder.path(), "alertmanager.yml", config);
        // It looks for its templates where Debian installs them: that is seen by it alone.
        let own = r#"mount -t overlay -o "lowerdir=$1:/usr/share" overlay /usr/share && shift && exec "$@""#;
        let mut line: Vec<OsString> = Vec::new();
        if root != Path::new("/") {
            line.extend(["unshare", "--mount", "sh", "-c", own, "sh"].map(OsString::from));
            line.push(root.join("usr/share").into());
        }
        line.push(program.into());
        line.push("--cluster.listen-address=".into());
        line.push(option("--config.file=", &config));
        line.push(option("--storage.path=", &folder.path().join("data")));
        Some(Self(Server::start(line, folder, web)))
    }

    /// `http://127.0.0.1:PORT`
    pub(crate) fn url(&self) -> String {
        self.0.url()
    }

    /// The alerts that have not ended, by name and service.
    pub(crate) fn alerts(&self) -> Vec<Value> {
        let all = json(&format!("{}/api/v2/alerts", self.url()));
        let mut alerts = all.as_array().expect("a list of alerts").clone();
        let key = |alert: &Value| {
            let label = |name: &str| alert["labels"][name].as_str().unwrap_or_default().to_owned();
            (label("alertname"), label("service"))
        };
        alerts.sort_by_key(key);
        alerts
    }

    /// Waits for alerts that `look` likes.
    #[track_caller]
    pub(crate) fn wait_until(&self, what: &str, look: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        real::try_until(PATIENCE, || Some(self.alerts()).filter(|alerts| look(alerts)))
            .unwrap_or_else(|| {
                panic!("waited in vain until {what}: {:#?}\n{}", self.alerts(), self.log())
            })
    }

    /// Silences what has this label for an hour.
    #[track_caller]
    pub(crate) fn silence(&self, name: &str, value: &str) {
        let now = real::now();
        let end = now + jiff::SignedDuration::from_hours(1);
        let matcher =
            serde_json::json!({"name": name, "value": value, "isRegex": false, "isEqual": true});
        let silence = serde_json::json!({
            "matchers": [matcher], "startsAt": now.to_string(), "endsAt": end.to_string(),
            "createdBy": "test", "comment": "test",
        });
        let url = format!("{}/api/v2/silences", self.url());
        let more = ["--header", "Content-Type: application/json", "--data", &silence.to_string()];
        let answer = ask(&url, &more);
        assert_eq!(answer.status, "200", "{answer:?}");
    }

    /// What it printed.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.0.folder.path().join("log")).unwrap_or_default()
    }
}

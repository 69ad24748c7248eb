//! A receiver of heartbeats that answers as a Healthchecks server does, strictly, or in one of the ways in which the way
//! there breaks. It remembers every request; it never sends an alert.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::real;

mod api;

/// How many bytes of a body a server keeps by default; it tells so in `Ping-Body-Limit`.
const BODY_LIMIT: usize = 10_000;

/// More than this is no ping.
const BODY_MAX: usize = 16 << 20;

/// What was signalled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// The bare URL, or `/0`.
    Success,
    /// `/start`
    Start,
    /// `/fail`, or `/N` with N other than 0.
    Fail,
    /// `/log`
    Log,
}

/// A ping that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ping {
    /// The UUID, or `KEY/SLUG`.
    pub(crate) check: String,
    /// What it said.
    pub(crate) action: Action,
    /// N of `/N`.
    pub(crate) exit_status: Option<u8>,
    /// The run that it belongs to.
    pub(crate) rid: Option<String>,
    /// What a server would keep of the body.
    pub(crate) body: String,
}

/// A request, whatever became of it.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// `GET`, `POST` …
    pub(crate) method: String,
    /// Without the query, as sent.
    pub(crate) path: String,
    /// After the `?`, as sent.
    pub(crate) query: Option<String>,
    /// In order, names as sent.
    pub(crate) headers: Vec<(String, String)>,
    /// As sent, all of it.
    pub(crate) body: Vec<u8>,
    /// When it had been read.
    pub(crate) at: Instant,
    /// What it was answered; None for no answer at all.
    pub(crate) status: Option<u16>,
    /// None when it was not taken as a ping.
    pub(crate) ping: Option<Ping>,
}

impl Request {
    /// The first header of that name, in whatever case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// How it breaks. None of these is a ping that was taken, not even those that begin with 200.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// This status and its number for a body.
    Status(u16),
    /// This status with a `Retry-After` of this text.
    RetryAfter(u16, &'static str),
    /// A captive portal: 200 and a page that asks to log in.
    Captive,
    /// 302 to a page that asks to log in, which is then answered with 200.
    Redirect,
    /// The hosted service's answer for a check that is not there: 200 `OK (not found)`.
    OkNotFound,
    /// The hosted service's answer to the sixth ping in a minute: 200 `OK (rate limited)`.
    OkRateLimited,
    /// The right answer, late.
    Late(Duration),
    /// Reads the request and never answers.
    Silent,
    /// Reads the request and closes the connection.
    Drop,
    /// Something that is not HTTP.
    Garbage,
}

#[derive(Default)]
struct State {
    checks: BTreeSet<String>,
    keys: BTreeSet<String>,
    body_limit: Option<usize>,
    // How often it will still happen.
    fault: Option<(Fault, usize)>,
    requests: Vec<Request>,
    stopped: bool,
    project: Option<api::Project>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A test that panicked while it held this has said why already.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running receiver on 127.0.0.1; it stops when dropped.
pub(crate) struct Pings {
    shared: Arc<Shared>,
    address: SocketAddr,
    acceptor: Option<JoinHandle<()>>,
}

impl Pings {
    /// Starts one that knows no check yet.
    pub(crate) fn start() -> Self {
        Self::start_on(0)
    }

    /// The same on a port of the caller's choice, to come back where another one was.
    pub(crate) fn start_on(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let shared = Arc::new(Shared::default());
        let acceptor = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    if shared.lock().stopped {
                        return;
                    }
                    let shared = Arc::clone(&shared);
                    thread::spawn(move || serve(&shared, &stream));
                }
            })
        };
        Self { shared, address, acceptor: Some(acceptor) }
    }

    /// The port it listens on.
    pub(crate) const fn port(&self) -> u16 {
        self.address.port()
    }

    /// `http://127.0.0.1:PORT`
    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Makes a check with this UUID, and gives the URL to ping.
    pub(crate) fn check(&self, uuid: &str) -> String {
        assert!(is_uuid(uuid), "{uuid} is not a UUID as a server writes it");
        self.shared.lock().checks.insert(uuid.to_owned());
        format!("{}/ping/{uuid}", self.base())
    }

    /// Makes a check in the project of this ping key, and gives the URL to ping.
    pub(crate) fn slug(&self, key: &str, slug: &str) -> String {
        let mut state = self.shared.lock();
        state.keys.insert(key.to_owned());
        state.checks.insert(format!("{key}/{slug}"));
        format!("{}/ping/{key}/{slug}", self.base())
    }

    /// From now on there is a project with this read-write and this read-only API key.
    pub(crate) fn project(&self, key: &str, readonly: &str) {
        self.shared.lock().project = Some(api::Project::new(key, readonly, self.base()));
    }

    /// Looks at the project, or changes it as a person would there.
    pub(crate) fn in_project<T>(&self, act: impl FnOnce(&mut api::Project) -> T) -> T {
        act(self.shared.lock().project.as_mut().expect("there is a project"))
    }

    /// Takes all checks away: from now on every ping is answered with 404.
    pub(crate) fn forget_checks(&self) {
        self.shared.lock().checks.clear();
    }

    /// How much of a body is kept from now on, and told in `Ping-Body-Limit`.
    pub(crate) fn body_limit(&self, bytes: usize) {
        self.shared.lock().body_limit = Some(bytes);
    }

    /// From now on every request meets this.
    pub(crate) fn fault(&self, fault: Fault) {
        self.fault_times(usize::MAX, fault);
    }

    /// The next `times` requests meet this; those after them are answered as they should be.
    pub(crate) fn fault_times(&self, times: usize, fault: Fault) {
        self.shared.lock().fault = Some((fault, times));
    }

    /// As it should be again.
    pub(crate) fn heal(&self) {
        self.shared.lock().fault = None;
    }

    /// Every request so far, in the order in which they had been read.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.lock().requests.clone()
    }

    /// The pings that were taken, in order.
    pub(crate) fn pings(&self) -> Vec<Ping> {
        self.requests().into_iter().filter_map(|request| request.ping).collect()
    }

    /// Waits until `count` pings were taken, and gives them all.
    #[track_caller]
    pub(crate) fn wait_for(&self, count: usize, deadline: Duration) -> Vec<Ping> {
        real::try_until(deadline, || Some(self.pings()).filter(|pings| pings.len() >= count))
            .unwrap_or_else(|| {
                panic!("waited {deadline:?} for {count} pings; requests: {:#?}", self.requests())
            })
    }
}

impl Drop for Pings {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.changed.notify_all();
        // The acceptor looks at `stopped` after its next connection: this one.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

/// One connection, one request.
fn serve(shared: &Shared, stream: &TcpStream) {
    // A client that connects and says nothing must not leave this thread behind for ever.
    let _ = stream.set_read_timeout(Some(Duration::from_secs(30)));
    let Ok(read) = read_request(stream) else { return };

    let (fault, answer) = {
        let mut state = shared.lock();
        let fault = state.next_fault();
        let mut request = read.request;
        let answer = match (&fault, read.complaint) {
            (Some(Fault::Silent | Fault::Drop | Fault::Garbage), _) => None,
            (Some(Fault::Late(_)) | None, None) => Some(state.judge(&mut request)),
            (Some(Fault::Late(_)) | None, Some(complaint)) => Some(Answer::text(400, complaint)),
            (Some(fault), _) => Some(fault.answer(&request.path)),
        };
        request.status = answer.as_ref().map(|answer| answer.status);
        state.requests.push(request);
        (fault, answer)
    };
    if let Some(Fault::Late(delay)) = fault {
        shared.wait_stopped(delay);
    }
    let mut stream = stream;
    match answer {
        Some(answer) => {
            let _ = stream.write_all(&answer.bytes(read.is_head));
        }
        None if fault == Some(Fault::Garbage) => {
            let _ = stream.write_all(b"\x15\x03\x01\x00\x02\x02\x28 SSH-2.0-not-a-web-server\r\n");
        }
        None if fault == Some(Fault::Silent) => shared.wait_stopped(Duration::from_secs(600)),
        None => {}
    }
    let _ = stream.shutdown(Shutdown::Both);
}

impl Shared {
    fn wait_stopped(&self, most: Duration) {
        let state = self.lock();
        drop(self.changed.wait_timeout_while(state, most, |state| !state.stopped));
    }
}

impl State {
    fn next_fault(&mut self) -> Option<Fault> {
        let (fault, left) = self.fault.as_mut()?;
        let fault = fault.clone();
        if *left == 0 {
            self.fault = None;
            return None;
        }
        *left = left.saturating_sub(1);
        Some(fault)
    }

    /// What a Healthchecks server does with a request that is good HTTP.
    fn judge(&mut self, request: &mut Request) -> Answer {
        if request.path.starts_with("/api/") {
            let Some(project) = &mut self.project else { return Answer::page(404, "Not Found") };
            let answer = project.manage(request);
            self.checks.extend(project.uuids());
            return answer;
        }
        let parts: Vec<&str> = request.path.split('/').collect();
        let (check, rest) = match parts.as_slice() {
            ["", "ping", uuid, rest @ ..] if is_uuid(uuid) => ((*uuid).to_owned(), rest),
            ["", "ping", key, slug, rest @ ..] if is_slug(key) && is_slug(slug) => {
                (format!("{key}/{slug}"), rest)
            }
            _ => return Answer::page(404, "Not Found"),
        };
        let (action, exit_status) = match rest {
            [] | [""] => (Action::Success, None),
            ["start"] => (Action::Start, None),
            ["fail"] => (Action::Fail, None),
            ["log"] => (Action::Log, None),
            [number] if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => {
                let Ok(number) = number.parse::<u8>() else {
                    return Answer::text(400, "invalid url format");
                };
                (if number == 0 { Action::Success } else { Action::Fail }, Some(number))
            }
            _ => return Answer::page(404, "Not Found"),
        };
        if !["GET", "HEAD", "POST"].contains(&request.method.as_str()) {
            return Answer::text(405, "method not allowed");
        }
        let mut created = false;
        if !self.checks.contains(&check) {
            let known_key = check.split_once('/').is_some_and(|(key, _)| self.keys.contains(key));
            if !(known_key && request.query_value("create") == Some("1")) {
                return Answer::text(404, "not found");
            }
            self.checks.insert(check.clone());
            created = true;
        }
        let rid = request.query_value("rid").map(str::to_owned);
        if rid.as_ref().is_some_and(|rid| !is_uuid(&rid.to_ascii_lowercase())) {
            return Answer::text(400, "invalid uuid format");
        }
        let limit = self.body_limit.unwrap_or(BODY_LIMIT);
        let kept = &request.body[..request.body.len().min(limit)];
        let body = String::from_utf8_lossy(kept).into_owned();
        if let Some(project) = &mut self.project {
            project.pinged(&check, action);
        }
        request.ping = Some(Ping { check, action, exit_status, rid, body });
        let mut answer =
            if created { Answer::text(201, "Created") } else { Answer::text(200, "OK") };
        answer.headers.push(("Ping-Body-Limit", limit.to_string()));
        answer
    }
}

impl Request {
    fn query_value(&self, name: &str) -> Option<&str> {
        self.query
            .as_deref()?
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }
}

impl Fault {
    fn answer(&self, path: &str) -> Answer {
        match self {
            Self::Status(status) => Answer::text(*status, &status.to_string()),
            Self::RetryAfter(status, after) => {
                let mut answer = Answer::text(*status, "rate limited");
                answer.headers.push(("Retry-After", (*after).to_owned()));
                answer
            }
            Self::Redirect if path != "/login" => {
                let mut answer = Answer::page(302, "moved");
                answer.headers.push(("Location", "/login".to_owned()));
                answer
            }
            Self::Captive | Self::Redirect => {
                Answer::page(200, "Welcome! Log in to use this network. OK")
            }
            Self::OkNotFound => Answer::text(200, "OK (not found)"),
            Self::OkRateLimited => Answer::text(200, "OK (rate limited)"),
            Self::Late(_) | Self::Silent | Self::Drop | Self::Garbage => {
                unreachable!("these are no answers of their own")
            }
        }
    }
}

struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Answer {
    fn text(status: u16, body: &str) -> Self {
        Self {
            status,
            headers: vec![("Content-Type", "text/plain".to_owned())],
            body: body.to_owned(),
        }
    }

    fn page(status: u16, body: &str) -> Self {
        Self {
            status,
            headers: vec![("Content-Type", "text/html; charset=utf-8".to_owned())],
            body: format!(
                "<!DOCTYPE html><html><title>{body}</title><body><p>{body}</p></body></html>\n"
            ),
        }
    }

    fn bytes(&self, is_head: bool) -> Vec<u8> {
        let mut text = format!("HTTP/1.1 {} -\r\n", self.status);
        for (name, value) in &self.headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        let _ = write!(text, "Content-Length: {}\r\nConnection: close\r\n\r\n", self.body.len());
        if !is_head {
            text.push_str(&self.body);
        }
        text.into_bytes()
    }
}

struct Arrival {
    request: Request,
    /// How it breaks HTTP's rules, as a strict server would say in its 400.
    complaint: Option<&'static str>,
    is_head: bool,
}

/// Reads one request. An error is a connection that ended before it was whole.
fn read_request(stream: &TcpStream) -> io::Result<Arrival> {
    let mut reader = BufReader::new(stream);
    let mut complaint = None;
    let start = read_line(&mut reader, &mut complaint)?;
    let mut words = start.split(' ');
    let (method, target, version) = (words.next(), words.next(), words.next());
    if version != Some("HTTP/1.1") || words.next().is_some() {
        complaint = Some("not HTTP/1.1");
    }
    let target = target.unwrap_or_default();
    if !target.starts_with('/')
        || !target.bytes().all(|b| b.is_ascii_graphic())
        || target.contains('#')
    {
        complaint = Some("bad request target");
    }
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (target, None),
    };
    let mut request = Request {
        method: method.unwrap_or_default().to_owned(),
        path: path.to_owned(),
        query,
        headers: vec![],
        body: vec![],
        at: Instant::now(),
        status: None,
        ping: None,
    };
    loop {
        let line = read_line(&mut reader, &mut complaint)?;
        if line.is_empty() {
            break;
        }
        match line.split_once(':') {
            Some((name, value)) if !name.is_empty() && !name.contains(' ') => {
                request.headers.push((name.to_owned(), value.trim().to_owned()));
            }
            _ => complaint = Some("bad header"),
        }
    }
    if request.header("Host").is_none_or(str::is_empty) {
        complaint = Some("no Host");
    }
    // curl asks first before it sends a long body.
    if request.header("Expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
        let mut stream = stream;
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    match (request.header("Transfer-Encoding"), request.header("Content-Length")) {
        (Some("chunked"), None) => request.body = read_chunks(&mut reader, &mut complaint)?,
        (None, Some(length)) => match length.parse::<usize>() {
            Ok(length) if length <= BODY_MAX => {
                let mut body = vec![0; length];
                reader.read_exact(&mut body)?;
                request.body = body;
            }
            _ => complaint = Some("bad Content-Length"),
        },
        (None, None) if request.method != "POST" => {}
        (None, None) => complaint = Some("POST without a length"),
        _ => complaint = Some("bad Transfer-Encoding"),
    }
    request.at = Instant::now();
    Ok(Arrival { is_head: request.method == "HEAD", request, complaint })
}

fn read_line(
    reader: &mut impl BufRead,
    complaint: &mut Option<&'static str>,
) -> io::Result<String> {
    let mut line = Vec::new();
    reader.take(64 << 10).read_until(b'\n', &mut line)?;
    if line.last() != Some(&b'\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    line.pop();
    if line.pop() != Some(b'\r') {
        *complaint = Some("line without CR");
    }
    String::from_utf8(line).map_err(|_| io::ErrorKind::InvalidData.into())
}

fn read_chunks(
    reader: &mut impl BufRead,
    complaint: &mut Option<&'static str>,
) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(reader, complaint)?;
        let size = usize::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16);
        let Some(size) = size.ok().filter(|size| size + body.len() <= BODY_MAX) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let start = body.len();
        body.resize(start + size, 0);
        reader.read_exact(&mut body[start..])?;
        read_line(reader, complaint)?;
        if size == 0 {
            return Ok(body);
        }
    }
}

/// As a server writes it: 8-4-4-4-12 hexadecimal digits in lower case.
fn is_uuid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12]
        && text.bytes().all(|b| matches!(b, b'-' | b'0'..=b'9' | b'a'..=b'f'))
}

fn is_slug(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

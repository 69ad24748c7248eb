//! Where a URL probe asks: the URL, or that URL through a unix socket. Shows it without what may be a secret;
//! connects to nothing.

use std::path::PathBuf;

use crate::model::fields::Fields;
use crate::model::secret::is_secret;
use crate::model::text::one_line;
use crate::sys::http::valid;

/// See the module.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) url: String,
    pub(super) unix: Option<PathBuf>,
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}", self.shown(), self.unix)
    }
}

impl Address {
    /// `target` is the URL, or what follows the scheme's `:`. Key: `unix`, the path of a socket that is asked
    /// instead of the URL's host.
    pub(super) fn read(kind: &str, target: &str, fields: &mut Fields<'_>) -> Option<Self> {
        let url =
            if target.starts_with("//") { format!("{kind}:{target}") } else { target.to_owned() };
        let url = url.split('#').next().unwrap_or_default().to_owned();
        let good = valid(&url).map_err(|err| fields.problem("target", err.to_string(), None));
        if url.starts_with("https:") && fields.has("unix") {
            let hint = "write the URL with `http://`";
            fields.problem("unix", "a unix socket speaks no TLS", Some(hint.into()));
        }
        let unix = fields.path("unix");
        good.ok().map(|()| Self { url, unix })
    }

    /// Without user and password, and without query values whose names say that they are secret.
    pub(super) fn shown(&self) -> String {
        let (scheme, rest) = self.url.split_once("://").unwrap_or_default();
        let (rest, query) = rest.split_once('?').map_or((rest, None), |(a, b)| (a, Some(b)));
        let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let host = host.rsplit('@').next().unwrap_or_default();
        let query = query.map(|query| {
            let parts: Vec<_> = query.split('&').map(without_secret).collect();
            format!("?{}", parts.join("&"))
        });
        one_line(&format!("{scheme}://{host}{path}{}", query.unwrap_or_default()), 200)
    }

    /// The host that is asked first; none when a socket is.
    pub(super) fn host_name(&self) -> Option<&str> {
        self.unix.is_none().then(|| self.place().0)
    }

    /// The port that is asked first; none when a socket is.
    pub(super) fn port(&self) -> Option<u16> {
        let usual = if self.url.starts_with("https:") { 443 } else { 80 };
        self.unix.is_none().then(|| self.place().1.parse().unwrap_or(usual))
    }

    /// Host and port of the URL; the port is empty where it is the scheme's own.
    fn place(&self) -> (&str, &str) {
        let place = self.authority().rsplit('@').next().unwrap_or_default();
        let (host, port) = match place.strip_prefix('[') {
            Some(rest) => rest.split_once(']').unwrap_or_default(),
            None => place.split_at(place.find(':').unwrap_or(place.len())),
        };
        (host, port.trim_start_matches(':'))
    }

    /// Who is asked, for messages: host and port, or the socket.
    pub(super) fn who(&self) -> String {
        match &self.unix {
            Some(path) => path.display().to_string(),
            None => one_line(self.authority().rsplit('@').next().unwrap_or_default(), 200),
        }
    }

    /// Whether the URL says who asks.
    pub(super) fn has_user(&self) -> bool {
        self.authority().contains('@')
    }

    fn authority(&self) -> &str {
        let rest = self.url.split_once("://").map_or("", |(_, rest)| rest);
        rest.split(['/', '?']).next().unwrap_or_default()
    }
}

/// `token=abc` as `token=***`.
fn without_secret(part: &str) -> String {
    match part.split_once('=') {
        Some((name, _)) if is_secret(name) => format!("{name}=***"),
        _ => part.to_owned(),
    }
}

//! Whether somebody accepts connections at an address or a URL's host. Sends nothing but what TLS is begun with.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use url::{Host, Url};

use crate::sys::clock::Deadline;
use crate::sys::tls::{Ask, Trust, server_name, shake};
use crate::sys::why::why;
use crate::sys::{http, names};

/// Connects and hangs up, by `limit`.
pub fn accepts(addr: &SocketAddr, limit: Duration) -> bool {
    connects(addr, limit).is_ok()
}

fn connects(addr: &SocketAddr, limit: Duration) -> io::Result<()> {
    // A limit of nothing is an error there, not a try.
    TcpStream::connect_timeout(addr, limit.max(Duration::from_millis(1))).map(drop)
}

/// Connects to the host of `url`, shakes hands over TLS if it is `https`, and hangs up; no request is made. What was
/// reached, or why not, in words that show nothing of the URL but its host and port.
pub fn reaches(url: &str, limit: Duration) -> Result<String, String> {
    http::valid(url).map_err(|why| why.to_string())?;
    let parsed = Url::parse(url).map_err(|_| "the URL is wrong".to_owned())?;
    let (Some(host), Some(port)) = (parsed.host(), parsed.port_or_known_default()) else {
        return Err("the URL names no host".into());
    };
    let host = match host {
        Host::Domain(name) => name.to_owned(),
        Host::Ipv4(ip) => ip.to_string(),
        Host::Ipv6(ip) => ip.to_string(),
    };
    let place = format!("{host}:{port}");
    if parsed.scheme() == "https" {
        let name =
            server_name(&host).ok_or_else(|| format!("{place}: no certificate can be for it"))?;
        let trust = Trust::default();
        let ask = Ask { host: &host, port, name: &name, trust: &trust, starttls: None, limit };
        let shaken = shake(&ask).map_err(|failed| format!("{place}: {}", failed.fault))?;
        return Ok(format!("{place} answers over {}", shaken.version));
    }
    let deadline = Deadline::after(limit);
    let found = names::resolve(&host, limit).map_err(|why| format!("{place}: {why}"))?;
    let mut last = "the name has no address".to_owned();
    for ip in found {
        match connects(&SocketAddr::new(ip, port), deadline.left()) {
            Ok(()) => return Ok(format!("{place} takes connections")),
            Err(err) => last = why(&err),
        }
    }
    Err(format!("{place}: no connection: {last}"))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn who_listens_is_reached_and_nothing_of_the_url_is_shown() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let limit = Duration::from_secs(10);
        let url = format!("http://user:s3cret@127.0.0.1:{port}/s3cret?s3cret");
        assert_eq!(reaches(&url, limit), Ok(format!("127.0.0.1:{port} takes connections")));
        drop(listener);
        let refused = format!("127.0.0.1:{port}: no connection: connection refused");
        assert_eq!(reaches(&url, limit), Err(refused));
        for url in
            [url.as_str(), "ftp://h/s3cret", "s3cret", &format!("https://127.0.0.1:{port}/s3cret")]
        {
            let why = reaches(url, limit).unwrap_err();
            assert!(!why.is_empty() && !why.contains("s3cret"), "{why}");
        }
    }
}

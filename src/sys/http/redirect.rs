//! Where a redirect leads, and what may go there: to the same scheme, host and port all that was asked with, to
//! any other place nothing of it. Asks nothing itself.

use ureq::http::{Method, Uri};
use url::Url;

use crate::model::text::one_line;
use crate::sys::http::{Request, Trouble, parse};

/// Headers that tell of a body, and go with it.
const OF_A_BODY: [&str; 3] = ["content-type", "content-encoding", "content-language"];

/// One request on the way to an answer.
pub(super) struct Hop<'r> {
    pub(super) uri: Uri,
    pub(super) method: Method,
    pub(super) headers: Vec<&'r (String, String)>,
    pub(super) body: &'r [u8],
    /// Asked through a socket, which leads nowhere else.
    socket: bool,
    /// The last place on the way that was sent less than what was to be asked, for want of trust.
    pub(super) stranger: Option<String>,
}

impl<'r> Hop<'r> {
    /// The first one.
    pub(super) fn first(request: &'r Request) -> Result<Self, Trouble> {
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| Trouble::Request("no such method".into()))?;
        Ok(Self {
            uri: parse(&request.url)?,
            method,
            headers: request.headers.iter().collect(),
            body: &request.body,
            socket: request.unix.is_some(),
            stranger: None,
        })
    }

    /// The one that an answer of this `status` sends us to (RFC 9110 section 15.4), or why it is not made, to
    /// follow "it redirects". 307 and 308 repeat the request as it was; after the others there is only to get.
    pub(super) fn next(&self, status: u16, location: &str) -> Result<Self, String> {
        const NOWHERE: &str = "to where it cannot be followed";
        let here = Url::parse(&self.uri.to_string()).map_err(|_| NOWHERE)?;
        let mut there = here.join(location).map_err(|_| NOWHERE)?;
        let same = there.origin() == here.origin();
        // Who asks is ours to say: to the same place as before, to another one nobody.
        let (user, password) = if same { (here.username(), here.password()) } else { ("", None) };
        there
            .set_username(user)
            .and_then(|()| there.set_password(password))
            .map_err(|()| NOWHERE)?;
        there.set_fragment(None);
        let uri = parse(there.as_str()).map_err(|_| NOWHERE)?;
        let repeats = matches!(status, 307 | 308);
        let gets = matches!(self.method, Method::GET | Method::HEAD);
        let method = if repeats || gets { self.method.clone() } else { Method::GET };
        let body = if repeats { self.body } else { &[] };
        let mut next = Self { uri, method, body, headers: Vec::new(), stranger: None, ..*self };
        if same {
            let goes =
                |name: &str| repeats || !OF_A_BODY.iter().any(|of| of.eq_ignore_ascii_case(name));
            next.headers = self.headers.iter().copied().filter(|(name, _)| goes(name)).collect();
            next.stranger.clone_from(&self.stranger);
            return Ok(next);
        }
        let shown = one_line(&there.origin().ascii_serialization(), 120);
        if self.socket {
            return Err(format!("to `{shown}`, which is not behind the socket"));
        }
        if !body.is_empty() || !matches!(next.method, Method::GET | Method::HEAD) {
            return Err(format!("to `{shown}`, which is not sent a {}", next.method));
        }
        let nobody =
            self.headers.is_empty() && here.username().is_empty() && here.password().is_none();
        next.stranger = if nobody { self.stranger.clone() } else { Some(shown) };
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::tls::Trust;
    use std::time::Duration;

    fn request(method: &str, url: &str, unix: bool) -> Request {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Request {
            method: method.into(),
            url: url.into(),
            headers: vec![header("X-Key", "k"), header("Content-Type", "text/plain")],
            body: if matches!(method, "POST" | "PUT") { b"body".to_vec() } else { Vec::new() },
            limit: Duration::from_secs(1),
            redirects: 5,
            most: 0,
            unix: unix.then(|| "/run/x".into()),
            trust: Trust::default(),
        }
    }

    /// What is asked next, in words: `GET URL, X-Key, body`.
    fn next(method: &str, url: &str, status: u16, location: &str) -> String {
        let request = request(method, url, false);
        match Hop::first(&request).unwrap().next(status, location) {
            Ok(hop) => {
                let headers: String =
                    hop.headers.iter().map(|(name, _)| format!(", {name}")).collect();
                let body = if hop.body.is_empty() { "" } else { ", body" };
                let stranger =
                    hop.stranger.map(|place| format!("; {place} got less")).unwrap_or_default();
                format!("{} {}{headers}{body}{stranger}", hop.method, hop.uri)
            }
            Err(why) => why,
        }
    }

    #[test]
    fn within_one_place_all_goes_on_but_the_body_of_what_only_gets() {
        for (method, status, location, want) in [
            ("GET", 302, "/b?c", "GET http://u:p@h/b?c, X-Key, Content-Type"),
            ("HEAD", 301, "b", "HEAD http://u:p@h/a/b, X-Key"),
            ("GET", 307, "../b#part", "GET http://u:p@h/b, X-Key, Content-Type"),
            ("GET", 302, "?q", "GET http://u:p@h/a/?q, X-Key"),
            ("GET", 302, "//H:80/b", "GET http://u:p@h/b, X-Key"),
            ("GET", 302, "http://other:word@h/b", "GET http://u:p@h/b, X-Key"),
            ("POST", 302, "/b", "GET http://u:p@h/b, X-Key"),
            ("PUT", 303, "/b", "GET http://u:p@h/b, X-Key"),
            ("DELETE", 301, "/b", "GET http://u:p@h/b, X-Key"),
            ("POST", 307, "/b", "POST http://u:p@h/b, X-Key, Content-Type, body"),
            ("PUT", 308, "/b", "PUT http://u:p@h/b, X-Key, Content-Type, body"),
            ("DELETE", 308, "/b", "DELETE http://u:p@h/b, X-Key, Content-Type"),
        ] {
            let want = match status {
                307 | 308 => want.to_owned(),
                _ => want.replace(", Content-Type", ""),
            };
            let seen = next(method, "http://u:p@h/a/", status, location);
            assert_eq!(seen, want, "{method} {status} {location}");
        }
    }

    #[test]
    fn another_place_gets_nothing_of_ours() {
        for (url, location) in [
            ("http://u:p@h/", "http://h:8080/"),
            ("http://u:p@h/", "https://h/"),
            ("https://u:p@h/", "http://h/"),
            ("https://u:p@h/", "http://h:443/"),
            ("http://u:p@h/", "//h.example/"),
            ("http://u:p@h/", "http://h@evil.example/"),
            ("http://u:p@h/", "http:\\\\evil.example\\"),
        ] {
            for (method, status) in [("GET", 302), ("GET", 308), ("POST", 303), ("DELETE", 302)] {
                let seen = next(method, url, status, location);
                assert!(seen.starts_with("GET http") && seen.ends_with(" got less"), "{seen}");
                assert!(!seen.contains("X-Key") && !seen.contains('@'), "{seen}");
            }
            for (method, status) in [("POST", 307), ("PUT", 308), ("DELETE", 307)] {
                let seen = next(method, url, status, location);
                assert!(seen.ends_with(&format!("which is not sent a {method}")), "{seen}");
            }
        }
        // Back where it began, it is not known any more who asks.
        let request = request("GET", "http://u:p@h/", false);
        let away = Hop::first(&request).unwrap().next(302, "http://other/").unwrap();
        let back = away.next(302, "http://h/").unwrap();
        assert_eq!((back.uri.to_string().as_str(), back.headers.len()), ("http://h/", 0));
        assert_eq!(back.stranger.as_deref(), Some("http://other"));
    }

    #[test]
    fn what_is_no_place_to_ask_is_not_followed() {
        for location in ["file:///etc/passwd", "ftp://h/x", "mailto:a@h", "http://", "http://[/"] {
            assert_eq!(next("GET", "http://h/", 302, location), "to where it cannot be followed");
        }
        let request = request("GET", "http://localhost/", true);
        let hop = Hop::first(&request).unwrap();
        assert_eq!(hop.next(302, "/b").unwrap().uri.to_string(), "http://localhost/b");
        let stays = hop.next(302, "http://127.0.0.1/").err().unwrap();
        assert_eq!(stays, "to `http://127.0.0.1`, which is not behind the socket");
    }
}

//! The URL of a heartbeat: whether it is one, and what a service appends to it. What goes wrong is said
//! without showing it.

/// Why this cannot be a heartbeat's URL, in words that follow "`url`".
pub(super) fn check(url: &str) -> Result<(), String> {
    split(url).map(|_| ())
}

/// `url` with `suffix` (`/start`) at the end of its path and `query` (`name=value`) at the end of its query.
pub(super) fn build(url: &str, suffix: &str, query: Option<&str>) -> Result<String, String> {
    let (path, own) = split(url)?;
    let joined = [own, query].into_iter().flatten().filter(|part| !part.is_empty());
    let query = joined.collect::<Vec<_>>().join("&");
    let mark = if query.is_empty() { "" } else { "?" };
    Ok(format!("{path}{suffix}{mark}{query}"))
}

/// Host and port, as they stand there: no secret, unlike all the rest. Empty where there are none.
pub(super) fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    host.rsplit('@').next().unwrap_or_default()
}

/// `text` without anything that tells the URL's secret parts. The host may stay: it helps, and opens nothing.
pub(super) fn scrub(url: &str, text: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (host, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let login = host.rsplit_once('@').map(|(login, _)| login);
    let parts = path.split(['/', '?', '&', '#', '=']).filter(|part| part.len() >= 8);
    let whole = [url, path].into_iter().filter(|part| part.len() >= 4);
    whole.chain(login).chain(parts).fold(text.to_owned(), |text, part| text.replace(part, "***"))
}

/// Scheme, host and path without a slash at the end; and the query. The fragment goes: servers never see it.
fn split(url: &str) -> Result<(&str, Option<&str>), String> {
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
        return Err("does not begin with `https://` or `http://`".into());
    }
    if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("has white space in it".into());
    }
    let rest = rest.split('#').next().unwrap_or_default();
    let host = &rest[..rest.find(['/', '?']).unwrap_or(rest.len())];
    if host.is_empty() || host.ends_with('@') {
        return Err("has no host".into());
    }
    let without_fragment = url.split('#').next().unwrap_or_default();
    let (path, query) = match without_fragment.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (without_fragment, None),
    };
    let path = path.trim_end_matches('/');
    if path.len() <= scheme.len() + "://".len() + host.len() {
        return Err("names no check: its path is empty".into());
    }
    Ok((path, query))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffix_and_query_go_where_they_belong() {
        let rid = Some("rid=1");
        for (url, suffix, query, want) in [
            ("https://hc/uuid", "", None, "https://hc/uuid"),
            ("https://hc/uuid/", "", None, "https://hc/uuid"),
            ("https://hc/uuid", "/start", rid, "https://hc/uuid/start?rid=1"),
            ("https://hc/uuid//", "/fail", None, "https://hc/uuid/fail"),
            (
                "https://hc/key/slug?create=1",
                "/start",
                rid,
                "https://hc/key/slug/start?create=1&rid=1",
            ),
            ("https://hc/key/slug/?create=1", "/7", None, "https://hc/key/slug/7?create=1"),
            ("https://hc/uuid?", "/log", rid, "https://hc/uuid/log?rid=1"),
            ("HTTP://127.0.0.1:8000/ping/uuid#x", "/0", None, "HTTP://127.0.0.1:8000/ping/uuid/0"),
            ("https://[::1]:8/ping/uuid", "/log", None, "https://[::1]:8/ping/uuid/log"),
        ] {
            assert_eq!(build(url, suffix, query).as_deref(), Ok(want), "{url}");
        }
    }

    #[test]
    fn the_host_is_shown_without_a_login() {
        for (url, want) in [
            ("https://hc-ping.com/uuid", "hc-ping.com"),
            ("https://me:pass@hc.example:8000/ping/uuid?create=1", "hc.example:8000"),
            ("http://[::1]:8/p@th", "[::1]:8"),
            ("s3cret", ""),
        ] {
            assert_eq!(host(url), want);
        }
    }

    #[test]
    fn what_is_no_url_is_refused_without_showing_it() {
        for (url, want) in [
            ("", "does not begin with"),
            ("hc-ping.com/s3cret-uuid", "does not begin with"),
            ("ftp://hc/s3cret-uuid", "does not begin with"),
            ("https:///s3cret-uuid", "has no host"),
            ("https://s3cret@/x", "has no host"),
            ("https://s3cret.example", "names no check"),
            ("https://s3cret.example/?create=1", "names no check"),
            ("https://hc/s3cret uuid", "white space"),
            ("https://hc/s3cret\nhttps://hc/other", "white space"),
        ] {
            let why = check(url).expect_err(url);
            assert!(why.contains(want) && !why.contains("s3cret"), "{url}: {why}");
        }
    }

    #[test]
    fn nothing_secret_survives_in_an_error() {
        let url = "https://me:pass1@hc.example/ping/0b2c8a64-uuid/?create=1&token=abcdefgh12";
        for text in [
            format!("cannot reach {url}"),
            "lookup of hc.example for /ping/0b2c8a64-uuid/ failed".into(),
            "bad segment 0b2c8a64-uuid".into(),
            "token abcdefgh12 of me:pass1".into(),
        ] {
            let clean = scrub(url, &text);
            for part in ["0b2c8a64", "abcdefgh12", "pass1"] {
                assert!(!clean.contains(part), "{clean}");
            }
        }
        assert_eq!(scrub(url, "hc.example: connection refused"), "hc.example: connection refused");
    }
}

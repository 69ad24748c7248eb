//! The URL of a heartbeat: whether it is one, and what a service appends to it. What goes wrong is said
//! without showing it.

/// Why this cannot be a heartbeat's URL, in words that follow "`url`".
pub(super) fn check(url: &str) -> Result<(), String> {
    split(url).map(|_| ())
}

/// `url` with `suffix` (`/start`) at the end of its path and `query` (`name=value`) at the end of its query.
pub(super) fn build(url: &str, suffix: &str, query: Option<&str>) -> Result<String, String> {
    let (path, own) = parts(url)?;
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

/// `url` with `suffix` at the end of its path and `values` in its query. What the URL itself sets under one of
/// their names goes: people copy it from the service with its example values in it.
pub(super) fn with_values(
    url: &str,
    suffix: &str,
    values: &[(&str, Option<String>)],
) -> Result<String, String> {
    let (path, own) = parts(url)?;
    let ours = |pair: &str| {
        let name = pair.split('=').next().unwrap_or_default();
        values.iter().any(|(value, _)| *value == name)
    };
    let kept = own.unwrap_or_default().split('&').filter(|pair| !pair.is_empty() && !ours(pair));
    let set = values.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    let set = set.map(|(name, value)| format!("{name}={}", encoded(value)));
    let query: Vec<_> = kept.map(ToOwned::to_owned).chain(set).collect();
    let mark = if query.is_empty() { "" } else { "?" };
    Ok(format!("{path}{suffix}{mark}{}", query.join("&")))
}

/// `text` for any part of a URL: all but letters, digits and `*-._` as `%XX`.
pub(super) fn encoded(text: &str) -> String {
    // A plus is sent as `%2B`, so any that is left is a space; only in a query is it understood as one.
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// The host of `url` in lower case, without login and port; and its path.
pub(super) fn host_and_path(url: &str) -> (String, &str) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (host, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let host = if host.starts_with('[') { host } else { host.split(':').next().unwrap_or(host) };
    (host.to_ascii_lowercase(), path.split(['?', '#']).next().unwrap_or_default())
}

/// Like [`split`], with an error that says what it is about.
pub(super) fn parts(url: &str) -> Result<(&str, Option<&str>), String> {
    split(url).map_err(|why| format!("the URL {why}"))
}

/// Why this cannot be the address of a whole service, in words that follow "`url`": like [`check`], but it may have
/// no path.
pub(super) fn check_base(url: &str) -> Result<(), String> {
    any(url).map(drop)
}

/// `path` below the service at `url`; a URL whose own path has `mark` in it is whole already.
pub(super) fn below(url: &str, mark: &str, path: &str) -> Result<String, String> {
    let (own, query) = any(url).map_err(|why| format!("the URL {why}"))?;
    let path = if own.contains(mark) { "" } else { path };
    let query = query.filter(|query| !query.is_empty()).map(|query| format!("?{query}"));
    Ok(format!("{own}{path}{}", query.unwrap_or_default()))
}

/// Like [`any`], of a URL that has a path.
fn split(url: &str) -> Result<(&str, Option<&str>), String> {
    let (path, query) = any(url)?;
    if path.split_once("://").is_some_and(|(_, rest)| rest.contains('/')) {
        Ok((path, query))
    } else {
        Err("names no check: its path is empty".into())
    }
}

/// Scheme, host and path without a slash at the end; and the query. The fragment goes: servers never see it.
fn any(url: &str) -> Result<(&str, Option<&str>), String> {
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
    Ok((path.trim_end_matches('/'), query))
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
    fn values_are_encoded_and_outweigh_the_examples_in_a_copied_url() {
        let values = [("status", Some("up".to_owned())), ("msg", Some("a b&c=ü+1".into()))];
        let values = [&values[..], &[("ping", None)]].concat();
        let want = "https://k/api/push/t?x=1&status=up&msg=a%20b%26c%3D%C3%BC%2B1";
        for url in ["https://k/api/push/t?status=up&msg=OK&ping=&x=1", "https://k/api/push/t/?x=1"]
        {
            assert_eq!(with_values(url, "", &values).as_deref(), Ok(want), "{url}");
        }
        assert_eq!(with_values("http://k/t?a", "/fail", &[]).as_deref(), Ok("http://k/t/fail?a"));
    }

    #[test]
    fn a_path_goes_below_a_service_unless_it_is_there() {
        for (url, want) in [
            ("http://pg:9091", "http://pg:9091/v1/x/y"),
            ("http://pg:9091/", "http://pg:9091/v1/x/y"),
            ("https://me:p@h/sub/?a=1", "https://me:p@h/sub/v1/x/y?a=1"),
            ("http://h/v1/x/other/", "http://h/v1/x/other"),
        ] {
            assert_eq!(below(url, "/v1/x", "/v1/x/y").as_deref(), Ok(want), "{url}");
            assert_eq!(check_base(url), Ok(()));
        }
    }

    #[test]
    fn host_and_path_are_found_in_every_form() {
        for (url, host, path) in [
            ("https://HC-ping.com/a/b?c=/d", "hc-ping.com", "/a/b"),
            ("http://me:p@[::1]:8/x#y", "[::1]:8", "/x"),
            ("http://h:80", "h", ""),
        ] {
            assert_eq!(host_and_path(url), (host.to_owned(), path), "{url}");
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
}

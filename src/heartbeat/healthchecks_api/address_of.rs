//! What a ping URL tells: which check it is, and where the API of its server is.

use url::Url;
use uuid::Uuid;

use crate::heartbeat::healthchecks_api::HOSTED;

/// Which check a URL pings.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// By its UUID.
    Uuid(String),
    /// By the slug, in the project of the ping key before it.
    Slug(String),
}

/// None when it is no URL of a check.
pub(super) fn which(url: &str) -> Option<Which> {
    Some(split(url)?.1)
}

/// `https://HOST/PREFIX`, to which `/api/v3/` is added.
pub(super) fn api(url: &str) -> Option<String> {
    let (mut prefix, _) = split(url)?;
    let url = Url::parse(url).ok()?;
    if url.host_str() == Some("hc-ping.com") {
        return Some(HOSTED.to_owned());
    }
    if prefix.last().is_some_and(|last| last == "ping") {
        prefix.pop();
    }
    let mut base = url.origin().ascii_serialization();
    for segment in prefix {
        base = format!("{base}/{segment}");
    }
    Some(base)
}

/// The segments before the check's own, and which it is.
fn split(url: &str) -> Option<(Vec<String>, Which)> {
    let url = Url::parse(url).ok()?;
    let mut segments: Vec<String> =
        url.path_segments()?.filter(|segment| !segment.is_empty()).map(str::to_owned).collect();
    let last = segments.pop()?;
    if let Ok(uuid) = Uuid::parse_str(&last) {
        return Some((segments, Which::Uuid(uuid.to_string())));
    }
    segments.pop()?;
    Some((segments, Which::Slug(last)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "5fe0c2a4-7b1e-4f0e-9a3c-2d6a8b1c9e77";

    #[test]
    fn a_ping_url_tells_its_check_and_its_servers_api() {
        let (uuid, slug) = (Which::Uuid(UUID.into()), || Which::Slug("backups".into()));
        assert_eq!(which(&format!("https://hc-ping.com/{UUID}")), Some(uuid));
        for (url, base) in [
            ("https://hc-ping.com/key/backups?create=1", HOSTED),
            ("https://hc.example.org:8443/ping/key/backups/", "https://hc.example.org:8443"),
            ("http://me:p@[::1]:8000/x/hc/ping/key/backups", "http://[::1]:8000/x/hc"),
        ] {
            assert_eq!((which(url), api(url).as_deref()), (Some(slug()), Some(base)), "{url}");
        }
        let upper = format!("https://hc.example.org/ping/{}", UUID.to_uppercase());
        assert_eq!(which(&upper), Some(Which::Uuid(UUID.into())));
        assert_eq!(api(&upper).as_deref(), Some("https://hc.example.org"));
        assert_eq!((which("https://hc.example.org/x"), which("x")), (None, None));
    }
}

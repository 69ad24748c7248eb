//! Keys that several kinds of channels have: secrets that must be there, and addresses. Never shows a secret.

use crate::model::fields::Fields;
use crate::model::secret::SecretSource;
use crate::sys::http;

/// A secret that must be given as `names[0]`, `names[1]` (a file) or `names[2]` (a variable).
pub(super) fn secret(fields: &mut Fields<'_>, names: [&'static str; 3]) -> Option<SecretSource> {
    let [plain, file, env] = names;
    let given = names.iter().any(|name| fields.has(name));
    let secret = fields.secret(plain, file, env);
    if !given {
        let place = fields.place();
        let message = format!("{} needs `{file}`, `{env}` or `{plain}`", fields.what());
        fields.problems().at(&place, message);
    }
    secret
}

/// The URL that is the secret of the channel: `url`, `url_file` or `url_env`.
pub(super) fn secret_url(fields: &mut Fields<'_>) -> Option<SecretSource> {
    let place = fields.place_of("url");
    let url = secret(fields, ["url", "url_file", "url_env"])?;
    if let SecretSource::Plain(plain) = &url
        && let Err(why) = http::valid(plain.reveal())
    {
        fields.problems().at(&place, format!("`url`: {}", wrong(&why)));
        return None;
    }
    Some(url)
}

/// The address of a server that is no secret, as `url`, without a slash at its end; `usual` unless given.
pub(super) fn server(fields: &mut Fields<'_>, usual: &str) -> Option<String> {
    server_at(fields, "url", usual)
}

/// The same as another key.
pub(super) fn server_at(fields: &mut Fields<'_>, key: &'static str, usual: &str) -> Option<String> {
    if !fields.has(key) {
        // Asked for, so that it is among the keys that there are.
        fields.word(key);
        return Some(usual.to_owned());
    }
    fields.parsed(key, "the server's address, such as `https://example.org`", |text| {
        let text = text.trim().trim_end_matches('/');
        if text.contains(['?', '#', '@']) {
            return Err("there is a `?`, a `#` or a user in it".into());
        }
        http::valid(text).map(|()| text.to_owned()).map_err(|why| wrong(&why))
    })
}

/// What is wrong with a URL, which is not asked yet.
fn wrong(why: &http::Trouble) -> String {
    match why {
        http::Trouble::Request(why) => why.clone(),
        other => other.to_string(),
    }
}

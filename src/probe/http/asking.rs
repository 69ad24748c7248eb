//! What a URL is asked with: method, headers, body, and who asks. Reads secret files anew for each look; shows
//! nothing of what is in them, nor of headers and body. Sends nothing.

use std::path::{Path, PathBuf};

use crate::model::fields::Fields;
use crate::model::place::Place;
use crate::model::secret::{Secret, SecretSource, is_secret};
use crate::probe::http::address::Address;
use crate::sys::http::{basic, valid_header};
use crate::sys::secret::{open_to_others, read};

/// Nothing shorter is looked for in what comes back: it would be found in any words, and be told by what is missing.
const TELLING: usize = 4;

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Asking {
    pub(super) method: &'static str,
    headers: Vec<(String, Secret)>,
    /// Headers whose values are in files.
    hidden: Vec<(String, PathBuf)>,
    body: Body,
    who: Who,
}

#[derive(Debug, Clone)]
enum Body {
    Given(Secret),
    File(PathBuf),
}

#[derive(Debug, Clone)]
enum Who {
    Nobody,
    /// A user, and the file with the password.
    User(String, PathBuf),
    /// The file with a token.
    Bearer(PathBuf),
}

/// All of it, ready to be sent.
pub(super) struct Asked {
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// What must not be seen wherever it comes back.
    pub(super) secrets: Vec<Secret>,
    /// What is wrong with who may read a secret, and what to type.
    pub(super) warnings: Vec<(String, String)>,
}

/// Why it cannot be asked, and what to do.
pub(super) struct Unready {
    pub(super) why: String,
    pub(super) hint: Option<String>,
}

impl Asking {
    /// Keys: `method`, `header` and `header_file` (`Name: value`, `Name: /path`; one or a list), `body` or
    /// `body_file`, `user` with `password_file`, or `token_file`.
    pub(super) fn read(address: Option<&Address>, fields: &mut Fields<'_>) -> Self {
        let mut names: Vec<(String, Place)> = Vec::new();
        let mut headers = Vec::new();
        for (text, place) in fields.secret_texts("header") {
            if let Some((name, value)) = header("header", "Name: value", &text, &place, fields) {
                names.push((name.clone(), place));
                headers.push((name, Secret::new(&value)));
            }
        }
        let mut hidden = Vec::new();
        for (text, place) in fields.secret_texts("header_file") {
            let form = "Name: /path";
            let Some((name, path)) = header("header_file", form, &text, &place, fields) else {
                continue;
            };
            if path.starts_with('/') {
                names.push((name.clone(), place));
                hidden.push((name, PathBuf::from(path)));
            } else {
                let message = format!("`header_file`: the file for `{name}` is no absolute path");
                fields.wrong(&place, message, Some(format!("write `{form}`")));
            }
        }
        let who_at =
            ["user", "password_file", "token_file"].into_iter().find(|key| fields.has(key));
        let who_at = who_at.map(|key| fields.place_of(key));
        let who = Who::read(fields);
        if let Some(place) = &who_at
            && address.is_some_and(Address::has_user)
        {
            let message = "the URL says who asks, and so does this: keep one".to_owned();
            fields.wrong(place, message, None);
        }
        let authorized = who_at.is_some() || address.is_some_and(Address::has_user);
        for (index, (name, place)) in names.iter().enumerate() {
            let twice = names[..index].iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
            let once = ["host", "authorization", "content-type", "user-agent"];
            let once = once.iter().any(|once| name.eq_ignore_ascii_case(once));
            if twice && once {
                fields.wrong(place, format!("the header `{name}` is set twice"), None);
            } else if authorized && name.eq_ignore_ascii_case("authorization") {
                let message = format!("`{name}` says who asks, and so does another key: keep one");
                fields.wrong(place, message, None);
            }
        }
        let body = Body::read(fields);
        let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
        let usual = if body.is_some() { "POST" } else { "GET" };
        let place = fields.place_of("method");
        let method = fields.one_of("method", &methods.map(|word| (word, word))).unwrap_or(usual);
        if method == "HEAD" && body.is_some() {
            fields.wrong(&place, "a `HEAD` has no body to send".into(), None);
        }
        let body = body.unwrap_or_else(|| Body::Given(Secret::exact(String::new())));
        Self { method, headers, hidden, body, who }
    }

    /// All of it, with what is in the files now.
    pub(super) fn ready(&self) -> Result<Asked, Unready> {
        let mut asked = Asked {
            headers: Vec::new(),
            body: Vec::new(),
            secrets: Vec::new(),
            warnings: Vec::new(),
        };
        for (name, value) in &self.headers {
            if is_secret(name) {
                asked.secrets.push(value.clone());
            }
            asked.headers.push((name.clone(), value.reveal().to_owned()));
        }
        for (name, path) in &self.hidden {
            let value = asked.secret(path)?;
            asked.header(name, &value, path)?;
        }
        match &self.who {
            Who::Nobody => {}
            Who::User(user, path) => {
                let pair = basic(user, &asked.secret(path)?);
                asked.header("Authorization", &pair, path)?;
                let encoded = pair.reveal().strip_prefix("Basic ").unwrap_or_default();
                asked.secrets.push(Secret::new(encoded));
            }
            Who::Bearer(path) => {
                let token = asked.secret(path)?;
                let bearer = Secret::new(&format!("Bearer {}", token.reveal()));
                asked.header("Authorization", &bearer, path)?;
            }
        }
        let body = match &self.body {
            Body::Given(body) => {
                asked.secrets.push(body.clone());
                body.clone()
            }
            Body::File(path) => asked.secret(path)?,
        };
        asked.secrets.retain(|secret| secret.reveal().len() >= TELLING);
        asked.body = body.reveal().as_bytes().to_vec();
        Ok(asked)
    }
}

impl Asked {
    fn secret(&mut self, path: &Path) -> Result<Secret, Unready> {
        let secret = read(&SecretSource::File(path.to_owned())).map_err(|err| Unready {
            why: format!("{err:#}"),
            hint: Some(format!(
                "write it there, for the user who runs this: `install -m 600 /dev/stdin '{}'`",
                path.display()
            )),
        })?;
        self.warnings.extend(open_to_others(path));
        self.secrets.push(secret.clone());
        Ok(secret)
    }

    fn header(&mut self, name: &str, value: &Secret, path: &Path) -> Result<(), Unready> {
        if let Err(why) = valid_header(name, value.reveal()) {
            return Err(Unready { why: format!("{why}: see `{}`", path.display()), hint: None });
        }
        self.headers.push((name.to_owned(), value.reveal().to_owned()));
        Ok(())
    }
}

/// Name and value of what is written as `form` under `key`, or a problem that shows only the name.
fn header(
    key: &str,
    form: &str,
    text: &str,
    place: &Place,
    fields: &mut Fields<'_>,
) -> Option<(String, String)> {
    let Some((name, value)) = text.split_once(':') else {
        let hint = format!("write `{form}`");
        fields.wrong(place, format!("`{key}` expects `{form}`, found no `:`"), Some(hint));
        return None;
    };
    let (name, value) = (name.trim(), value.trim());
    match valid_header(name, value) {
        Ok(()) => Some((name.to_owned(), value.to_owned())),
        Err(why) => {
            fields.wrong(place, format!("`{key}`: {why}"), None);
            None
        }
    }
}

impl Body {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let place = fields.place_of("body_file");
        let given = fields.secret_text("body").map(|text| Self::Given(Secret::exact(text)));
        let file = fields.path("body_file").map(Self::File);
        if given.is_some() && file.is_some() {
            let message = "`body` and `body_file` are both given: keep one";
            fields.wrong(&place, message.into(), None);
        }
        given.or(file)
    }
}

impl Who {
    fn read(fields: &mut Fields<'_>) -> Self {
        for (key, instead) in [("password", "password_file"), ("token", "token_file")] {
            let message = format!("`{key}` would be seen here: it is read from a file");
            let hint = format!("write it into a file, and `{instead}` with the file's path");
            fields.refuse(key, &message, hint);
        }
        let (user_at, token_at) = (fields.place_of("user"), fields.place_of("token_file"));
        let password_at = fields.place_of("password_file");
        let (user, password) = (fields.word("user"), fields.path("password_file"));
        let token = fields.path("token_file");
        match (user, password, token) {
            (None, None, None) => return Self::Nobody,
            (None, None, Some(token)) => return Self::Bearer(token),
            (Some(user), Some(_), None) if user.contains(':') => {
                fields.wrong(&user_at, "`user` cannot have a `:` in its name".into(), None);
            }
            (Some(user), Some(password), None) => return Self::User(user, password),
            (Some(_), None, None) => {
                fields.wrong(&user_at, "`user` needs `password_file`".into(), None);
            }
            (None, Some(_), None) => {
                fields.wrong(&password_at, "`password_file` needs `user`".into(), None);
            }
            (_, _, Some(_)) => {
                let message = "there is a token and a user or a password: keep one".to_owned();
                fields.wrong(&token_at, message, None);
            }
        }
        Self::Nobody
    }
}

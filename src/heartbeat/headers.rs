//! Headers that a request brings along: written in the config, or with their value in a file, so that a key is in
//! neither. No error shows a value.

use std::path::PathBuf;

use crate::model::fields::Fields;
use crate::model::place::Place;
use crate::model::secret::{Secret, SecretSource};
use crate::sys::{http, secret};

/// Names, and where their values are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Headers(Vec<(String, SecretSource)>);

impl Headers {
    /// Keys: `header` (`Name: value`) and `header_file` (`Name: /path`), each one or a list.
    pub(super) fn read(fields: &mut Fields<'_>) -> Self {
        let mut headers = Vec::new();
        for (text, place) in fields.secret_texts("header") {
            if let Some((name, value)) = split("header", "Name: value", &text, &place, fields) {
                if let Err(why) = http::valid_header(&name, &value) {
                    fields.wrong(&place, format!("`header`: {why}"), None);
                }
                headers.push((name, SecretSource::Plain(Secret::new(&value))));
            }
        }
        for (text, place) in fields.secret_texts("header_file") {
            let form = "Name: /path";
            let Some((name, path)) = split("header_file", form, &text, &place, fields) else {
                continue;
            };
            if !path.starts_with('/') {
                let message = format!("`header_file`: the file for `{name}` is no absolute path");
                fields.wrong(&place, message, Some(format!("write `{form}`")));
            } else if let Err(why) = http::valid_header(&name, "") {
                fields.wrong(&place, format!("`header_file`: {why}"), None);
            }
            headers.push((name, SecretSource::File(PathBuf::from(path))));
        }
        Self(headers)
    }

    /// Names and values, as they are now.
    pub(super) fn reveal(&self) -> Result<Vec<(String, String)>, String> {
        let one = |(name, source): &(String, SecretSource)| {
            let value = secret::read(source).map_err(|err| format!("{err:#}"))?;
            http::valid_header(name, value.reveal())?;
            Ok((name.clone(), value.reveal().to_owned()))
        };
        self.0.iter().map(one).collect()
    }

    /// Where their values are.
    pub(super) fn sources(&self) -> impl Iterator<Item = &SecretSource> {
        self.0.iter().map(|(_, source)| source)
    }

    /// Whether there is one of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(own, _)| own.eq_ignore_ascii_case(name))
    }
}

fn split(
    key: &str,
    form: &str,
    text: &str,
    place: &Place,
    fields: &mut Fields<'_>,
) -> Option<(String, String)> {
    let parts = text.split_once(':').map(|(name, rest)| (name.trim(), rest.trim()));
    match parts {
        Some((name, rest)) if !name.is_empty() && !rest.is_empty() => {
            Some((name.to_owned(), rest.to_owned()))
        }
        _ => {
            let message = format!("`{key}` expects `{form}`");
            fields.wrong(place, message, None);
            None
        }
    }
}

//! Labels of Prometheus and its relatives: a name, and any text.

use crate::model::fields::Fields;

/// Reads `labels`, a list of `name=value`; those `taken` are set by others, each with where.
pub(super) fn read(fields: &mut Fields<'_>, taken: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut labels: Vec<(String, String)> = Vec::new();
    for (text, place) in fields.placed_texts("labels").unwrap_or_default() {
        match text.split_once('=') {
            Some((name, _)) if !is_name(name) => {
                let hint = "letters, digits and `_`, and no digit first".to_owned();
                fields.wrong(&place, format!("`{name}` is no name of a label"), Some(hint));
            }
            Some((name, _)) if taken.iter().any(|(other, _)| *other == name) => {
                let by = taken.iter().find(|(other, _)| *other == name).map(|(_, by)| *by);
                let message = format!("the label `{name}` is set by {}", by.unwrap_or_default());
                fields.wrong(&place, message, None);
            }
            Some((name, _)) if labels.iter().any(|(other, _)| other == name) => {
                fields.wrong(&place, format!("the label `{name}` is set twice"), None);
            }
            Some((name, value)) => labels.push((name.to_owned(), value.to_owned())),
            None => {
                let message = format!("`labels` expects `name=value`, found `{text}`");
                fields.wrong(&place, message, None);
            }
        }
    }
    labels
}

/// `labels`, with this one added where none has its name.
pub(super) fn or(
    mut labels: Vec<(String, String)>,
    name: &str,
    value: &str,
) -> Vec<(String, String)> {
    if !labels.iter().any(|(own, _)| own == name) {
        labels.push((name.to_owned(), value.to_owned()));
    }
    labels
}

/// `[a-zA-Z_][a-zA-Z0-9_]*`; two underscores at its beginning are Prometheus' own.
fn is_name(name: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty()
        && name.bytes().all(good)
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.starts_with("__")
}

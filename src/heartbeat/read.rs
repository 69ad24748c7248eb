//! Reads a `[[heartbeat]]`: what all kinds have, then what the kind has. Opens no file: a URL that is in one is
//! looked at when it is pinged.

use std::time::Duration;

use crate::heartbeat::healthchecks_api::Settings;
use crate::heartbeat::kind::{KINDS, Kind};
use crate::heartbeat::{Heartbeat, Reports};
use crate::model::fields::Fields;
use crate::model::secret::{Secret, SecretSource};

/// The names of [`Reports`].
const REPORTS: [(&str, Reports); 2] =
    [("health", Reports::Health), ("liveness", Reports::Liveness)];

impl Heartbeat {
    /// Reads a `[[heartbeat]]` table.
    pub fn read(mut fields: Fields<'_>) -> Option<Self> {
        let name = fields.required("name");
        let place = fields.place_of("url");
        let url = fields.secret("url", "url_file", "url_env");
        let kind = fields.one_of("kind", &KINDS).map(|read| read(&mut fields));
        // Others have keys of these names for what is their own.
        let settings = match &kind {
            None | Some(Kind::Healthchecks) => Settings::read(&mut fields),
            Some(_) => Settings::default(),
        };
        let (period, grace) = (fields.duration("period"), fields.duration("grace"));
        let timeout = fields.duration("timeout").unwrap_or(Duration::from_secs(10));
        let tries = fields.whole("tries", 1..=10).and_then(|n| u32::try_from(n).ok()).unwrap_or(3);
        let reports = fields.one_of("reports", &REPORTS).unwrap_or_default();
        let services_at = fields.place_of("services");
        let services = fields.placed_texts("services");
        if services.as_ref().is_some_and(Vec::is_empty) {
            fields.problems().at(&services_at, "`services` names none: leave it out for all");
        }
        let usual = kind.as_ref().and_then(Kind::usual_url);
        let url = url.or_else(|| Some(SecretSource::Plain(Secret::new(usual?))));
        match &url {
            None => {
                fields.problem("name", "a heartbeat needs `url_file`, `url_env` or `url`", None);
            }
            Some(SecretSource::Plain(plain)) => {
                let found = Kind::of_url(plain.reveal());
                let kind = kind.as_ref().unwrap_or(&found);
                if let Err(why) = kind.check_url(plain.reveal()) {
                    let hint = "copy it whole from the service: `https://hc-ping.com/…`";
                    fields.problems().at_with_hint(&place, format!("`url` {why}"), hint);
                } else if found != Kind::Healthchecks
                    && found != *kind
                    && !matches!(kind, Kind::Url(_))
                {
                    let (own, given) = (found.name(), kind.name());
                    let message = format!("`url` is one of {own}, and `kind` says `{given}`");
                    let hint = "leave `kind` out: the URL tells it";
                    fields.problems().at_with_hint(&place, message, hint);
                }
            }
            Some(SecretSource::File(_) | SecretSource::Env(_)) => {}
        }
        fields.finish();
        let services = services.unwrap_or_default();
        Some(Self {
            name,
            kind,
            url: url?,
            period,
            grace,
            timeout,
            tries,
            reports,
            services,
            settings,
        })
    }
}

//! What a server's certificates say of themselves: until when, for whom, by whom (RFC 5280). Whether any of it
//! is to be believed is the verifier's.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate, X509Name};

use crate::model::text::{human_duration, one_line};

/// More names of one certificate are counted, not kept.
const NAMES: usize = 100;
/// More certificates than this are no chain, but something to fill memory with.
const CHAIN: usize = 16;

/// One certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Valid from then on.
    pub from: Timestamp,
    /// Valid until then.
    pub until: Timestamp,
    /// Whose it is: the common name, or else the whole subject. One line.
    pub subject: String,
    /// Who signed it, in the same form.
    pub issuer: String,
    /// The host names and addresses that it is for; at most a hundred.
    pub names: Vec<String>,
    /// It names itself as its issuer.
    pub self_signed: bool,
}

impl Certificate {
    /// Reads one; none when it is not encoded as a certificate.
    pub(super) fn read(der: &[u8]) -> Option<Self> {
        let (_, cert) = X509Certificate::from_der(der).ok()?;
        let time =
            |time: x509_parser::time::ASN1Time| Timestamp::from_second(time.timestamp()).ok();
        let names = cert.subject_alternative_name().ok().flatten();
        let names = names.iter().flat_map(|names| &names.value.general_names).filter_map(named);
        Some(Self {
            from: time(cert.validity().not_before)?,
            until: time(cert.validity().not_after)?,
            subject: shown(cert.subject()),
            issuer: shown(cert.issuer()),
            names: names.take(NAMES).collect(),
            self_signed: cert.subject().as_raw() == cert.issuer().as_raw(),
        })
    }

    /// Days from `now` until it ends; negative when it has.
    #[expect(clippy::cast_precision_loss, reason = "times of certificates are far below 2^52 s")]
    pub fn days_left(&self, now: Timestamp) -> f64 {
        (self.until.as_second() - now.as_second()) as f64 / 86_400.0
    }

    /// How many days it is valid in all.
    pub fn days_in_all(&self) -> f64 {
        self.days_left(self.from)
    }
}

fn shown(name: &X509Name<'_>) -> String {
    let common = name.iter_common_name().next().and_then(|name| name.as_str().ok());
    let text = common.map_or_else(|| name.to_string(), str::to_owned);
    one_line(&text, 80)
}

fn named(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(one_line(name, 100)),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            let ip = v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from)).ok()?;
            Some(ip.to_string())
        }
        _ => None,
    }
}

/// What one server presented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presented {
    /// The name that was asked for.
    pub to: String,
    /// Its own certificate first, then those that vouch for it. Certificates that cannot be read are left out.
    pub chain: Vec<Certificate>,
}

impl Presented {
    /// `needed` tells which of the certificates beside the first one count.
    pub(super) fn read(
        to: String,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        needed: impl Fn(&CertificateDer<'_>) -> bool,
    ) -> Self {
        let others = others.iter().take(CHAIN).filter(|cert| needed(cert));
        let chain = std::iter::once(own).chain(others).filter_map(|cert| Certificate::read(cert));
        Self { to, chain: chain.collect() }
    }

    /// The server's own certificate.
    pub fn own(&self) -> Option<&Certificate> {
        self.chain.first()
    }

    /// The one that ends first.
    pub fn first_to_end(&self) -> Option<&Certificate> {
        self.chain.iter().min_by_key(|cert| cert.until)
    }

    /// How a message names `cert`, one of this chain: `its certificate`.
    pub fn called(&self, cert: &Certificate) -> String {
        if self.own() == Some(cert) {
            "its certificate".to_owned()
        } else {
            format!("the certificate of its issuer `{}`", cert.subject)
        }
    }
}

/// The time between two moments, in words as rough as a person would say it: `3 days`, `5h 10m`.
pub fn span(a: Timestamp, b: Timestamp) -> String {
    let secs = (a.as_second() - b.as_second()).unsigned_abs();
    let days = secs / 86_400;
    if days >= 2 { format!("{days} days") } else { human_duration(Duration::from_secs(secs)) }
}

//! Why a handshake failed, in words for a person: what the certificate says, not what a library calls it.

use jiff::Timestamp;
use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};

use crate::model::text::one_line;
use crate::sys::tls::{Presented, span};

/// More names than this are counted.
const NAMES: usize = 3;

/// What `err` means, `presented` being what the server showed in that handshake.
pub(in crate::sys) fn words(err: &Error, presented: Option<&Presented>, now: Timestamp) -> String {
    match err {
        Error::InvalidCertificate(why) => certificate(why, presented, now),
        Error::InvalidMessage(_) | Error::InappropriateMessage { .. } => {
            "what it answers is not TLS".into()
        }
        Error::AlertReceived(AlertDescription::ProtocolVersion)
        | Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => "it speaks neither TLS 1.2 nor TLS 1.3".into(),
        Error::AlertReceived(AlertDescription::UnrecognisedName) => {
            "it has no certificate for this name".into()
        }
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "it asks for a client's certificate".into()
        }
        Error::AlertReceived(AlertDescription::HandshakeFailure) => {
            "it refuses the handshake".into()
        }
        Error::AlertReceived(alert) => {
            one_line(&format!("it refuses the handshake ({alert:?})"), 200)
        }
        Error::NoCertificatesPresented => "it shows no certificate".into(),
        other => one_line(&other.to_string(), 200),
    }
}

fn certificate(why: &CertificateError, presented: Option<&Presented>, now: Timestamp) -> String {
    let Some((presented, own)) = presented.and_then(|seen| Some((seen, seen.own()?))) else {
        return "its certificate cannot be read".into();
    };
    match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            let over = presented.first_to_end().unwrap_or(own);
            format!("{} expired {} ago", presented.called(over), span(now, over.until))
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            let last = presented.chain.iter().max_by_key(|cert| cert.from).unwrap_or(own);
            let (called, wait) = (presented.called(last), span(last.from, now));
            format!("{called} is not valid yet, but in {wait}")
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            match names(&own.names) {
                Some(names) => {
                    format!("its certificate is for {names}, not for `{}`", presented.to)
                }
                None => format!("its certificate is for no host, only for `{}`", own.subject),
            }
        }
        // The others: somebody of the same name is trusted, who has another key.
        CertificateError::UnknownIssuer
        | CertificateError::BadSignature
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. }
            if own.self_signed =>
        {
            "its certificate is self-signed, by nobody whom this host trusts".into()
        }
        CertificateError::UnknownIssuer => {
            let last = presented.chain.last().unwrap_or(own);
            let missing = if presented.chain.len() == 1 {
                ", or an intermediate certificate is missing"
            } else {
                ""
            };
            let issuer = if last.self_signed { &last.subject } else { &last.issuer };
            format!(
                "its certificate is issued by `{issuer}`, whom this host does not trust{missing}"
            )
        }
        CertificateError::BadSignature
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            let issuer = &presented.chain.last().unwrap_or(own).issuer;
            format!("its certificate is not signed by the `{issuer}` whom this host trusts")
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "its certificate is not meant for servers".into()
        }
        CertificateError::BadEncoding => "its certificate cannot be read".into(),
        // webpki's own errors have no type here; this is the one that people meet.
        CertificateError::Other(err) if err.to_string().contains("CaUsedAsEndEntity") => {
            let itself = if own.self_signed { "self-signed, and " } else { "" };
            format!("its certificate is {itself}that of an authority, not of a server")
        }
        other => one_line(&format!("its certificate is refused: {other}"), 200),
    }
}

/// `` `a`, `b`, `c` and 4 more ``; none for no name.
fn names(all: &[String]) -> Option<String> {
    let quoted = all.iter().take(NAMES).map(|name| format!("`{name}`")).collect::<Vec<_>>();
    let more = all.len().saturating_sub(NAMES);
    let tail = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!all.is_empty()).then(|| format!("{}{tail}", quoted.join(", ")))
}

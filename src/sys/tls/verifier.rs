//! Verifies a server's certificate the usual way (webpki), and notes what was presented before it does, so that
//! days to expiry are known of a certificate that is refused, too.

use std::sync::Arc;

use jiff::Timestamp;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use crate::sys::tls::roots::Checks;
use crate::sys::tls::{Certificate, Noted, Presented, provider};

/// See the module. Without checks, everything is taken.
#[derive(Debug)]
pub(super) struct Recording {
    checks: Option<Checks>,
    noted: Arc<Noted>,
}

impl Recording {
    pub(super) fn new(checks: Option<Checks>, noted: Arc<Noted>) -> Self {
        Self { checks, noted }
    }

    /// Without checks a signature says nothing, so it is not looked at.
    fn signed(
        &self,
        check: impl FnOnce(&WebPkiServerVerifier) -> Result<HandshakeSignatureValid, Error>,
    ) -> Result<HandshakeSignatureValid, Error> {
        let checked = self.checks.as_ref().map(|checks| check(&checks.webpki));
        checked.unwrap_or_else(|| Ok(HandshakeSignatureValid::assertion()))
    }

    /// One that somebody signed another time, and that is trusted without: nobody has to look at its dates.
    fn is_spare(&self, cert: &CertificateDer<'_>) -> bool {
        let crossed = || Certificate::read(cert).is_some_and(|cert| !cert.self_signed);
        self.checks.as_ref().is_some_and(|checks| checks.is_root(cert) && crossed())
    }
}

impl ServerCertVerifier for Recording {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let to = name.to_str().into_owned();
        self.noted.put(Presented::read(to, own, others, |cert| !self.is_spare(cert)));
        let Some(checks) = &self.checks else { return Ok(ServerCertVerified::assertion()) };
        match checks.webpki.verify_server_cert(own, others, name, ocsp, now) {
            // `openssl req -x509` makes an authority, which webpki takes for no server even when it is
            // trusted itself. Its key could vouch for any server; so it may for its own.
            Err(Error::InvalidCertificate(CertificateError::Other(_))) if checks.is_root(own) => {
                verify_root(own, name, now)
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed(|webpki| webpki.verify_tls12_signature(message, cert, signed))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed(|webpki| webpki.verify_tls13_signature(message, cert, signed))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

/// A server that is trusted by name: only its dates and its names are left to look at.
fn verify_root(
    own: &CertificateDer<'_>,
    name: &ServerName<'_>,
    now: UnixTime,
) -> Result<ServerCertVerified, Error> {
    let parsed = ParsedCertificate::try_from(own)?;
    let bad = Error::InvalidCertificate(CertificateError::BadEncoding);
    let (cert, at) = (Certificate::read(own).ok_or(bad)?, moment(now));
    if at > cert.until {
        return Err(CertificateError::Expired.into());
    }
    if at < cert.from {
        return Err(CertificateError::NotValidYet.into());
    }
    verify_server_name(&parsed, name).map(|()| ServerCertVerified::assertion())
}

fn moment(now: UnixTime) -> Timestamp {
    let secs = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(secs).unwrap_or(Timestamp::MAX)
}

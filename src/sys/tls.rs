//! TLS as a client, in one place: what is trusted, and what a server presented, also when it is refused. The
//! host's trust store is read when the first handshake wants it, once a process. Connects nowhere unless told.

mod certificate;
mod roots;
mod shake;
mod starttls;
mod verifier;
mod words;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;

pub use certificate::{Certificate, Presented, span};
pub use shake::{Ask, Failed, Fault, Shaken, server_name, shake};
pub use starttls::StartTls;
pub(super) use words::words;

/// What a server's certificate is held to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// Chain and name are verified. Without, any certificate is taken, and only what it says is known.
    pub verify: bool,
    /// A PEM file of certificates that are trusted as well as the host's.
    pub ca: Option<PathBuf>,
}

impl Default for Trust {
    fn default() -> Self {
        Self { verify: true, ca: None }
    }
}

/// What servers presented in handshakes, in their order; verified or not.
#[derive(Debug, Default)]
pub struct Noted(Mutex<Vec<Presented>>);

impl Noted {
    /// All of it; nothing is left.
    pub fn take(&self) -> Vec<Presented> {
        self.0.lock().map(|mut noted| std::mem::take(&mut *noted)).unwrap_or_default()
    }

    /// The last one.
    pub(super) fn last(&self) -> Option<Presented> {
        self.0.lock().ok().and_then(|noted| noted.last().cloned())
    }

    fn put(&self, presented: Presented) {
        if let Ok(mut noted) = self.0.lock() {
            noted.push(presented);
        }
    }
}

/// The settings of handshakes that hold to `trust` and note what they see. The error, in words, is about this
/// host: no trusted certificates, or a file that cannot be read within `limit`.
pub(super) fn client(
    trust: &Trust,
    noted: &Arc<Noted>,
    limit: Duration,
) -> Result<Arc<ClientConfig>, String> {
    let checks = if trust.verify { Some(roots::checks(trust.ca.as_deref(), limit)?) } else { None };
    let verifier = verifier::Recording::new(checks, Arc::clone(noted));
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|err| format!("TLS cannot be used: {err}"))?;
    let mut config = config
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    // A resumed session shows no certificate.
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::ring::default_provider())))
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

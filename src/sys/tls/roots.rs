//! Who is trusted: the host's store, read once a process and only when it is asked for, and a file beside it.
//! Says nothing of any one server.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::sys::files;
use crate::sys::tls::provider;

/// More than the largest bundle of authorities in use.
const LARGEST: u64 = 4 * 1024 * 1024;

/// What a chain is verified with.
#[derive(Debug, Clone)]
pub(super) struct Checks {
    pub(super) webpki: Arc<WebPkiServerVerifier>,
    pub(super) roots: Arc<RootCertStore>,
}

impl Checks {
    fn by(roots: RootCertStore) -> Result<Self, String> {
        let roots = Arc::new(roots);
        let builder = WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots), provider());
        match builder.build() {
            Ok(webpki) => Ok(Self { webpki, roots }),
            Err(_) => Err("this host has no trusted certificates".into()),
        }
    }

    /// Whether the subject and the key of `cert` are those of somebody who is trusted.
    pub(super) fn is_root(&self, cert: &CertificateDer<'_>) -> bool {
        let mut alone = RootCertStore::empty();
        alone.add(cert.clone().into_owned()).is_ok()
            && alone.roots.iter().all(|it| {
                self.roots.roots.iter().any(|root| {
                    root.subject == it.subject
                        && root.subject_public_key_info == it.subject_public_key_info
                })
            })
    }
}

/// With the host's store, and with those in `ca`, a PEM file, which is read anew each time.
pub(super) fn checks(ca: Option<&Path>, limit: Duration) -> Result<Checks, String> {
    let Some(ca) = ca else { return host().clone() };
    let shown = ca.display();
    let text = files::start(ca, limit, LARGEST)
        .map_err(|err| format!("cannot read the certificates in `{shown}`: {err}"))?;
    let mut roots = host().as_ref().map_or_else(
        |_| RootCertStore::empty(),
        |host| RootCertStore { roots: host.roots.roots.clone() },
    );
    let before = roots.len();
    let found = CertificateDer::pem_slice_iter(&text).filter_map(Result::ok);
    roots.add_parsable_certificates(found);
    if roots.len() == before {
        return Err(format!("`{shown}` holds no certificate in PEM form"));
    }
    Checks::by(roots)
}

fn host() -> &'static Result<Checks, String> {
    static HOST: OnceLock<Result<Checks, String>> = OnceLock::new();
    HOST.get_or_init(|| {
        // Files that do not parse are passed over, as other programs do: one bad file is not the end of TLS.
        let found = rustls_native_certs::load_native_certs().certs;
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found);
        Checks::by(roots)
    })
}

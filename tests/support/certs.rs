//! Certificates for servers on this host: good ones, and each kind that must be refused. Nothing outside trusts them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};

/// A server's certificate and its private key, as PEM files.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    /// With the CA's certificate after it where a CA signed it.
    pub(crate) cert: PathBuf,
    /// PKCS #8, readable by its owner alone.
    pub(crate) key: PathBuf,
}

/// One certificate of each kind, in a folder that goes when this is dropped.
#[derive(Debug)]
pub(crate) struct Certs {
    /// The authority to trust, as a PEM file.
    pub(crate) ca: PathBuf,
    /// For `localhost`, `127.0.0.1` and `::1`, valid for years.
    pub(crate) good: Pair,
    /// The same, with three days left.
    pub(crate) expiring: Pair,
    /// The same, over since 2021.
    pub(crate) expired: Pair,
    /// Valid, but for `elsewhere.example.org`.
    pub(crate) wrong_host: Pair,
    /// For the right names, signed by nobody but itself.
    pub(crate) self_signed: Pair,
    _folder: tempfile::TempDir,
}

impl Certs {
    /// Makes them all; elliptic keys, so it takes some milliseconds.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let path = folder.path();
        let here = ["localhost", "127.0.0.1", "::1"];

        let mut params = params("miraclemax test authority", &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.extended_key_usages = vec![];
        let authority = CertifiedIssuer::self_signed(params, key()).expect("a CA can sign itself");
        let ca = path.join("ca.pem");
        fs::write(&ca, authority.pem()).expect("a temporary folder can be written");

        let expired = {
            let mut params = server(&here);
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
            params
        };
        let expiring = {
            let mut params = server(&here);
            params.not_after = in_days(3).into();
            params
        };
        let self_signed = {
            let key = key();
            let cert = server(&here).self_signed(&key).expect("a certificate can sign itself");
            write(path, "self-signed", &cert.pem(), &key)
        };
        Self {
            good: sign(path, "good", &server(&here), &authority),
            expiring: sign(path, "expiring", &expiring, &authority),
            expired: sign(path, "expired", &expired, &authority),
            wrong_host: sign(path, "wrong-host", &server(&["elsewhere.example.org"]), &authority),
            self_signed,
            ca,
            _folder: folder,
        }
    }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key can be made")
}

fn params(name: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).expect("the names are literals");
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2020, 1, 1);
    // Not the year 4096, which some programs take for a mistake.
    params.not_after = in_days(3650).into();
    params
}

fn server(names: &[&str]) -> CertificateParams {
    let mut params = params(names[0], names);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params
}

#[expect(
    clippy::disallowed_methods,
    reason = "a certificate's end is a time of the real clock, not of the product's"
)]
fn in_days(days: u64) -> SystemTime {
    SystemTime::now() + Duration::from_secs(days * 24 * 3600)
}

fn sign(
    folder: &Path,
    name: &str,
    params: &CertificateParams,
    authority: &CertifiedIssuer<'_, KeyPair>,
) -> Pair {
    let key = key();
    let cert = params.signed_by(&key, authority).expect("the CA can sign");
    write(folder, name, &(cert.pem() + &authority.pem()), &key)
}

fn write(folder: &Path, name: &str, cert: &str, key: &KeyPair) -> Pair {
    use std::os::unix::fs::PermissionsExt;
    let pair =
        Pair { cert: folder.join(format!("{name}.pem")), key: folder.join(format!("{name}.key")) };
    fs::write(&pair.cert, cert)
        .and_then(|()| fs::write(&pair.key, key.serialize_pem()))
        .and_then(|()| fs::set_permissions(&pair.key, fs::Permissions::from_mode(0o600)))
        .expect("a temporary folder can be written");
    pair
}

//! Certificates of every kind, and a server that shows them, for the tests of whatever speaks TLS.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Span;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::sys::clock;

/// Signs others.
pub(crate) type Authority = CertifiedIssuer<'static, KeyPair>;

/// From and until when, in hours from now.
pub(crate) type Hours = (i64, i64);

/// Ten days and an hour are left of eleven or so.
pub(crate) const TEN_DAYS: Hours = (-24, 241);

/// What a server shows, and its key.
pub(crate) struct Shows {
    /// Its own certificate.
    pub(crate) pem: String,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// An authority, trusted by nobody yet; signed by itself, or by another.
pub(crate) fn authority(name: &str, hours: Hours, by: Option<&Authority>) -> Authority {
    let mut params = params(&[], hours);
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let key = KeyPair::generate().unwrap();
    match by {
        Some(by) => CertifiedIssuer::signed_by(params, key, by).unwrap(),
        None => CertifiedIssuer::self_signed(params, key).unwrap(),
    }
}

/// A server's certificate for these names, signed by itself or by an authority.
pub(crate) fn certificate(names: &[&str], hours: Hours, by: Option<&Authority>) -> Shows {
    let mut params = params(names, hours);
    params.distinguished_name.push(DnType::CommonName, names[0]);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    shows(&params, by)
}

/// One as `openssl req -x509` makes it: an authority, used as a server.
pub(crate) fn authority_as_server(name: &str, hours: Hours) -> Shows {
    let mut params = params(&[name], hours);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    shows(&params, None)
}

fn shows(params: &CertificateParams, by: Option<&Authority>) -> Shows {
    let key = KeyPair::generate().unwrap();
    let cert = match by {
        Some(by) => params.signed_by(&key, by).unwrap(),
        None => params.self_signed(&key).unwrap(),
    };
    Shows {
        pem: cert.pem(),
        chain: vec![cert.der().clone()],
        key: PrivateKeyDer::Pkcs8(key.serialize_der().into()),
    }
}

fn params(names: &[&str], (from, until): Hours) -> CertificateParams {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).unwrap();
    let at = |hours: i64| {
        std::time::SystemTime::from(clock::now().wall + Span::new().hours(hours)).into()
    };
    (params.not_before, params.not_after) = (at(from), at(until));
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
}

impl Shows {
    /// Shows this as well.
    pub(crate) fn and(mut self, other: &Authority) -> Self {
        self.chain.push(other.der().clone());
        self
    }

    /// A server for each connection: `before` talks in plain text, and then after the handshake `after`. Its
    /// port.
    pub(crate) fn serve(self, before: fn(&mut TcpStream), after: fn(&mut dyn ReadWrite)) -> u16 {
        let config = ServerConfig::builder_with_provider(super::provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(self.chain, self.key)
            .unwrap();
        let config = Arc::new(config);
        listen(move |mut stream| {
            before(&mut stream);
            let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(tls, stream);
            while stream.conn.is_handshaking() {
                if stream.conn.complete_io(&mut stream.sock).is_err() {
                    return;
                }
            }
            after(&mut stream);
        })
    }

    /// A server that has no more to say than its certificate.
    pub(crate) fn alone(self) -> u16 {
        self.serve(|_| (), |_| ())
    }
}

/// What goes both ways.
pub(crate) trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

/// A server that treats each connection with `serve`; its port.
pub(crate) fn listen(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = Arc::clone(&serve);
            std::thread::spawn(move || serve(stream));
        }
    });
    port
}

/// A file of certificates to trust.
pub(crate) struct Trusted {
    pub(crate) path: PathBuf,
    _dir: tempfile::TempDir,
}

/// These, in PEM form.
pub(crate) fn trusted(pem: &str) -> Trusted {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ca.pem");
    std::fs::write(&path, pem).unwrap();
    Trusted { path, _dir: dir }
}

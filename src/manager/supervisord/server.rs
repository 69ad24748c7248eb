//! Where supervisord listens: from the config, or searched for as `supervisorctl` does. Connects to nothing;
//! trusts no socket that somebody else could have put there.

use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::model::fields::Fields;
use crate::model::secret::{Secret, SecretSource};
use crate::sys::secret;
use crate::sys::xmlrpc::Endpoint;

/// Debian's, the one of supervisord's sample config, and where `/var/run` is not a link to `/run`.
const SOCKETS: [&str; 3] =
    ["/run/supervisor.sock", "/var/run/supervisor.sock", "/tmp/supervisor.sock"];
/// Where supervisord's own config is searched for (supervisord.org, "Configuration File"), relative places left out.
const CONFIGS: [&str; 3] =
    ["/etc/supervisor/supervisord.conf", "/etc/supervisord.conf", "/usr/etc/supervisord.conf"];
/// A config longer than this is not one.
const LARGEST: u64 = 1 << 20;

/// A supervisord to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// As `supervisorctl -s` takes it: `unix:///run/supervisor.sock`, `http://127.0.0.1:9001`.
    pub address: String,
    /// User and password, when it wants them.
    pub login: Option<(String, SecretSource)>,
    /// `supervisorctl` finds it without being told.
    pub usual: bool,
}

impl Server {
    /// Reads `[supervisord]` of the config: `url`, `user`, and the password as `password`, `password_file` or
    /// `password_env`.
    pub fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let address = fields.parsed(
            "url",
            "`unix:///path/to/supervisor.sock` or `http://127.0.0.1:9001`",
            address,
        );
        let user = fields.word("user");
        let place = fields.place();
        let password = fields.secret("password", "password_file", "password_env");
        if user.is_some() != password.is_some() {
            let missing = if user.is_some() { "`password_file`" } else { "`user`" };
            fields.problems().at(&place, format!("supervisord's login needs {missing} too"));
        }
        Some(Self { address: address?, login: user.zip(password), usual: false })
    }

    /// Where to call, with the secret read.
    pub(crate) fn endpoint(&self) -> Result<Endpoint, String> {
        let login = match &self.login {
            None => None,
            Some((user, source)) => {
                let password = secret::read(source).map_err(|err| format!("{err:#}"))?;
                Some((user.clone(), password))
            }
        };
        Ok(match self.address.strip_prefix("unix://") {
            Some(path) => Endpoint {
                url: "http://localhost/RPC2".into(),
                unix: Some(PathBuf::from(path)),
                login,
            },
            None => Endpoint {
                url: format!("{}/RPC2", self.address.trim_end_matches('/')),
                unix: None,
                login,
            },
        })
    }
}

/// An address as `supervisorctl` takes it.
fn address(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("unix://").filter(|path| path.starts_with('/'));
    let host = text.strip_prefix("http://").filter(|host| !host.is_empty());
    if host.is_some_and(|host| host.contains('@')) {
        return Err("the login goes into `user` and `password_file`".into());
    }
    match rest.or(host) {
        Some(_) => Ok(text.to_owned()),
        None => Err(format!("`{text}` is not an address of supervisord")),
    }
}

/// What a supervised process is told (`SUPERVISOR_SERVER_URL`), what supervisord's own config says, the usual
/// sockets; the first that is there.
pub(crate) fn search(uid: u32) -> Option<Server> {
    let told = std::env::var("SUPERVISOR_SERVER_URL").ok().and_then(|url| address(&url).ok());
    if let Some(address) = told.filter(|address| is_ours(address, uid)) {
        return Some(Server { address, login: None, usual: false });
    }
    let configured = CONFIGS.iter().filter_map(|path| read(Path::new(path))).find_map(|text| {
        let server = from_config(&text)?;
        is_ours(&server.address, uid).then_some(server)
    });
    configured.or_else(|| {
        let address = SOCKETS.iter().map(|path| format!("unix://{path}"));
        let found = address.into_iter().find(|address| is_ours(address, uid))?;
        Some(Server { address: found, login: None, usual: true })
    })
}

/// A socket that is there and belongs to root or to the user who asks: in `/tmp` anybody could have made one.
fn is_ours(address: &str, uid: u32) -> bool {
    let Some(path) = address.strip_prefix("unix://") else { return true };
    std::fs::metadata(path)
        .is_ok_and(|about| about.file_type().is_socket() && [0, uid].contains(&about.uid()))
}

fn read(path: &Path) -> Option<String> {
    let about = std::fs::metadata(path).ok()?;
    let mut text = String::new();
    let file = about.is_file().then(|| std::fs::File::open(path).ok())??;
    file.take(LARGEST).read_to_string(&mut text).ok()?;
    Some(text)
}

/// The `[supervisorctl]` section of supervisord's own config.
fn from_config(text: &str) -> Option<Server> {
    let lines = text.lines().map(|line| line.split(" ;").next().unwrap_or(line).trim());
    let section = lines
        .skip_while(|line| *line != "[supervisorctl]")
        .skip(1)
        .take_while(|line| !line.starts_with('['));
    let (mut url, mut user, mut password) = (None, None, None);
    for (key, value) in section.filter_map(|line| line.split_once('=')) {
        match key.trim() {
            "serverurl" => url = address(value.trim()).ok(),
            "username" => user = Some(value.trim().to_owned()),
            "password" => password = Some(SecretSource::Plain(Secret::new(value.trim()))),
            _ => {}
        }
    }
    Some(Server { address: url?, login: user.zip(password), usual: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn supervisords_own_config_says_where_it_listens() {
        let text = "[unix_http_server]\nusername=wrong\n[supervisorctl]\nserverurl = unix:///run/x.sock ; here\n\
            ;prompt=mysupervisor\nusername=max\npassword=s3cret\n[include]\nserverurl=unix:///no\n";
        let server = from_config(text).unwrap();
        assert_eq!(server.address, "unix:///run/x.sock");
        let (user, SecretSource::Plain(password)) = server.login.unwrap() else { panic!() };
        assert_eq!((user.as_str(), password.reveal()), ("max", "s3cret"));
        assert_eq!(from_config("[supervisord]\nlogfile=/x\n"), None);
    }

    #[test]
    fn a_file_that_is_no_socket_is_not_asked() {
        let dir = tempfile::tempdir().unwrap();
        let uid = rustix::process::geteuid().as_raw();
        let path = dir.path().join("s.sock");
        let address = format!("unix://{}", path.display());
        std::fs::write(&path, "").unwrap();
        assert!(!is_ours(&address, uid));
        std::fs::remove_file(&path).unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert!(is_ours(&address, uid));
        if uid != 0 {
            assert!(!is_ours(&address, uid + 1), "somebody else's socket");
        }
    }

    #[test]
    fn an_address_is_a_socket_or_http_and_holds_no_login() {
        assert!(address("unix:///run/s.sock").is_ok() && address("http://127.0.0.1:9001").is_ok());
        for text in ["/run/s.sock", "unix://s.sock", "https://x", "http://", "http://a:b@x:9001"] {
            assert!(address(text).is_err(), "{text}");
        }
    }
}

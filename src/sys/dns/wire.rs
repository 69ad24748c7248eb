//! One question to a name server and its answer, as bytes (RFC 1035, section 4; the types' own forms in RFC 3596 and RFC
//! 2782). The crate takes the bytes apart; what an answer means is said here. Sends nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use simple_dns::rdata::{RData, TXT};
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, RCODE, TYPE, header_buffer};

/// An alias of an alias is followed so often.
const ALIASES: usize = 16;

/// A type of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// An IPv4 address.
    A,
    /// An IPv6 address.
    Aaaa,
    /// A mail server.
    Mx,
    /// Text.
    Txt,
    /// The name that this one is an alias of.
    Cname,
    /// A name server.
    Ns,
    /// Where a service is.
    Srv,
    /// The name of an address.
    Ptr,
    /// The zone's own.
    Soa,
}

/// What a record says, in the form that it is compared in: names in lower case, without the dot at their end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// All of it: `10 mail.example.org`.
    pub text: String,
    /// The host that it names among other things.
    pub host: Option<String>,
}

/// What is asked.
pub(super) struct Question<'a> {
    pub(super) id: u16,
    pub(super) name: &'a str,
    pub(super) kind: Type,
}

/// What came back.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// At least one, and each once.
    Records(Vec<Record>),
    /// And what the name is an alias of, if it is.
    NoRecord(Option<String>),
    NoName,
    /// The server does not answer, as it says; to follow its name.
    Unable(&'static str),
}

impl Type {
    /// All, by their names.
    pub const NAMES: [(&str, Self); 9] = [
        ("A", Self::A),
        ("AAAA", Self::Aaaa),
        ("MX", Self::Mx),
        ("TXT", Self::Txt),
        ("CNAME", Self::Cname),
        ("NS", Self::Ns),
        ("SRV", Self::Srv),
        ("PTR", Self::Ptr),
        ("SOA", Self::Soa),
    ];

    /// `AAAA`.
    pub fn word(self) -> &'static str {
        Self::NAMES.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }

    /// `text` in the form that [`Record`]s have; an error in words when no record of this type can be it.
    pub fn wanted(self, text: &str) -> Result<String, String> {
        let address = |good: fn(&IpAddr) -> bool, which: &str| match text.parse() {
            Ok(ip) if good(&ip) => Ok(ip.to_string()),
            _ => Err(format!("`{text}` is no {which} address")),
        };
        match self {
            Self::A => address(IpAddr::is_ipv4, "IPv4"),
            Self::Aaaa => address(IpAddr::is_ipv6, "IPv6"),
            Self::Txt => Ok(text.to_owned()),
            _ => match text.trim_end_matches('.').to_ascii_lowercase() {
                nothing if nothing.is_empty() => Err("is empty".into()),
                name => Ok(name),
            },
        }
    }

    fn code(self) -> TYPE {
        match self {
            Self::A => TYPE::A,
            Self::Aaaa => TYPE::AAAA,
            Self::Mx => TYPE::MX,
            Self::Txt => TYPE::TXT,
            Self::Cname => TYPE::CNAME,
            Self::Ns => TYPE::NS,
            Self::Srv => TYPE::SRV,
            Self::Ptr => TYPE::PTR,
            Self::Soa => TYPE::SOA,
        }
    }
}

impl Record {
    /// An address that was found in another way.
    pub fn of(ip: IpAddr) -> Self {
        Self::plain(ip.to_string())
    }

    /// Whether it is what is wanted, all of it or the host that it names.
    pub fn is(&self, wanted: &str) -> bool {
        self.text == wanted || self.host.as_deref() == Some(wanted)
    }

    fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), host: None }
    }

    fn naming(before: &str, host: &Name<'_>, after: &str) -> Self {
        let host = shown(host);
        Self { text: format!("{before}{host}{after}"), host: Some(host) }
    }
}

/// Whether a server can be asked for it: labels of letters, digits, `-` and `_`, as long as they may be.
pub fn is_name(name: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    name.split('.').all(label) && Name::new(name).is_ok()
}

/// The name under which the name of an address is kept (RFC 1035, section 3.5; RFC 3596, section 2.5).
pub fn reverse(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(ip) => {
            let halves = ip.octets().into_iter().rev().flat_map(|byte| [byte & 15, byte >> 4]);
            let digits: Vec<_> = halves.map(|half| format!("{half:x}")).collect();
            format!("{}.ip6.arpa", digits.join("."))
        }
    }
}

/// Whether it is an answer with this `id` that was cut off, to be asked for in another way. The rest of such a one need
/// not even be whole.
pub(super) fn is_cut(packet: &[u8], id: u16) -> bool {
    let has = |flags| header_buffer::has_flags(packet, flags).unwrap_or(false);
    header_buffer::id(packet).is_ok_and(|found| found == id)
        && has(PacketFlag::RESPONSE)
        && has(PacketFlag::TRUNCATION)
}

impl Question<'_> {
    /// It, with the wish that the server asks others as needed.
    pub(super) fn packet(&self) -> Result<Vec<u8>, String> {
        let unfit = |err: simple_dns::SimpleDnsError| err.to_string();
        let mut packet = Packet::new_query(self.id);
        packet.set_flags(PacketFlag::RECURSION_DESIRED);
        let name = Name::new(self.name).map_err(unfit)?;
        let (kind, class) = (QTYPE::TYPE(self.kind.code()), QCLASS::CLASS(CLASS::IN));
        packet.questions.push(simple_dns::Question::new(name, kind, class, false));
        packet.build_bytes_vec().map_err(unfit)
    }

    /// None when it is no answer to this question, or no answer at all.
    pub(super) fn read(&self, packet: &[u8]) -> Option<Reply> {
        // Before the rest is looked at: who floods us with other numbers costs little.
        if header_buffer::id(packet).ok()? != self.id {
            return None;
        }
        let packet = Packet::parse(packet).ok()?;
        let [asked] = &packet.questions[..] else { return None };
        let name = Name::new(self.name).ok()?;
        let same = asked.qname == name
            && asked.qtype == QTYPE::TYPE(self.kind.code())
            && asked.qclass == QCLASS::CLASS(CLASS::IN);
        let whole = !packet.has_flags(PacketFlag::TRUNCATION);
        if !same || !whole || !packet.has_flags(PacketFlag::RESPONSE) {
            return None;
        }
        Some(match packet.rcode() {
            RCODE::NoError => self.records(&packet, &name),
            RCODE::NameError => Reply::NoName,
            RCODE::ServerFailure => Reply::Unable("cannot find it out (SERVFAIL)"),
            RCODE::Refused => Reply::Unable("refuses to answer (REFUSED)"),
            RCODE::FormatError => Reply::Unable("does not understand the question (FORMERR)"),
            RCODE::NotImplemented => Reply::Unable("knows no such question (NOTIMP)"),
            _ => Reply::Unable("answers with an error"),
        })
    }

    /// Those of the name, or of the name that it is an alias of in the end. Others in the answer are not believed.
    fn records(&self, packet: &Packet<'_>, asked: &Name<'_>) -> Reply {
        let mut name = asked;
        for _ in 0..ALIASES {
            let mut own = Vec::new();
            let mut alias = None;
            for answer in packet.answers.iter().filter(|answer| answer.name == *name) {
                match (record(&answer.rdata), &answer.rdata) {
                    (Some((kind, record)), _) if kind == self.kind => own.push(record),
                    (_, RData::CNAME(cname)) => alias = Some(&cname.0),
                    _ => {}
                }
            }
            match alias {
                _ if !own.is_empty() => return Reply::Records(once(own)),
                Some(alias) => name = alias,
                None => break,
            }
        }
        Reply::NoRecord((name != asked).then(|| shown(name)))
    }
}

fn record(data: &RData<'_>) -> Option<(Type, Record)> {
    Some(match data {
        RData::A(a) => (Type::A, Record::plain(Ipv4Addr::from(a.address).to_string())),
        RData::AAAA(a) => (Type::Aaaa, Record::plain(Ipv6Addr::from(a.address).to_string())),
        RData::MX(mx) => {
            (Type::Mx, Record::naming(&format!("{} ", mx.preference), &mx.exchange, ""))
        }
        RData::TXT(txt) => (Type::Txt, Record::plain(text(txt))),
        RData::CNAME(name) => (Type::Cname, Record::plain(shown(&name.0))),
        RData::NS(name) => (Type::Ns, Record::plain(shown(&name.0))),
        RData::PTR(name) => (Type::Ptr, Record::plain(shown(&name.0))),
        RData::SRV(srv) => {
            let before = format!("{} {} {} ", srv.priority, srv.weight, srv.port);
            (Type::Srv, Record::naming(&before, &srv.target, ""))
        }
        RData::SOA(soa) => {
            let after = format!(" {} {}", shown(&soa.rname), soa.serial);
            (Type::Soa, Record::naming("", &soa.mname, &after))
        }
        _ => return None,
    })
}

fn once(records: Vec<Record>) -> Vec<Record> {
    let mut once = Vec::new();
    for record in records {
        if !once.contains(&record) {
            once.push(record);
        }
    }
    once
}

/// Its parts are one (RFC 7208, section 3.3, for one).
fn text(txt: &TXT<'_>) -> String {
    let text = String::try_from(txt.clone());
    text.unwrap_or_else(|err| String::from_utf8_lossy(err.as_bytes()).into_owned())
}

fn shown(name: &Name<'_>) -> String {
    let text = name.to_string().to_ascii_lowercase();
    if text.is_empty() { ".".to_owned() } else { text }
}

#[cfg(test)]
mod tests;

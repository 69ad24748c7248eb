//! Name servers for tests, on a port of their own: one that answers as told, and the hostile ones.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use simple_dns::rdata::{A, AAAA, MX, RData, TXT};
use simple_dns::{CLASS, Name, Packet, PacketFlag, QTYPE, RCODE, ResourceRecord, TYPE};

/// One that runs until it is dropped.
pub(crate) struct Zone {
    pub(crate) addr: SocketAddr,
    over: Arc<AtomicBool>,
    serving: Option<JoinHandle<()>>,
}

impl Zone {
    /// Every name has these records; `NXDOMAIN`, `SERVFAIL` and `REFUSED` are what all of them get.
    pub(crate) fn serve(records: &[(&str, &[&str])]) -> Self {
        let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let records: Vec<(String, Vec<String>)> =
            records.iter().map(|(kind, texts)| ((*kind).to_owned(), own(texts))).collect();
        Self::answering(move |question| vec![answer(question, &records)])
    }

    /// By UDP, with these packets to each question.
    pub(crate) fn answering(answers: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        Self::on(socket, answers)
    }

    /// The same beside a TCP listener at the same port, which is the caller's.
    pub(crate) fn with_tcp(
        answers: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static,
    ) -> (Self, TcpListener) {
        for _ in 0..100 {
            let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
            // The port may be another's by UDP.
            if let Ok(socket) = UdpSocket::bind(tcp.local_addr().unwrap()) {
                return (Self::on(socket, answers), tcp);
            }
        }
        panic!("no port is free for both");
    }

    fn on(socket: UdpSocket, answers: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> Self {
        let addr = socket.local_addr().unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let seen = over.clone();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let serving = std::thread::spawn(move || {
            let mut room = [0; 600];
            while !seen.load(Ordering::Relaxed) {
                let Ok((count, from)) = socket.recv_from(&mut room) else { continue };
                for packet in answers(&room[..count]) {
                    // Who has what it wants has gone.
                    let _ = socket.send_to(&packet, from);
                }
            }
        });
        Self { addr, over, serving: Some(serving) }
    }
}

impl Drop for Zone {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let ended = self.serving.take().unwrap().join();
        if !std::thread::panicking() {
            ended.unwrap();
        }
    }
}

/// The answer to `question` from these records.
pub(crate) fn answer(question: &[u8], records: &[(String, Vec<String>)]) -> Vec<u8> {
    let mut packet = Packet::parse(question).unwrap().into_reply();
    let asked = packet.questions[0].clone();
    for (kind, texts) in records {
        match kind.as_str() {
            "NXDOMAIN" => *packet.rcode_mut() = RCODE::NameError,
            "SERVFAIL" => *packet.rcode_mut() = RCODE::ServerFailure,
            "REFUSED" => *packet.rcode_mut() = RCODE::Refused,
            _ => {}
        }
        for text in texts {
            let (code, data) = data(kind, text);
            if asked.qtype == QTYPE::TYPE(code) {
                packet.answers.push(ResourceRecord::new(asked.qname.clone(), CLASS::IN, 60, data));
            }
        }
    }
    packet.build_bytes_vec().unwrap()
}

/// The same, cut off: to be asked for again by TCP.
pub(crate) fn cut(question: &[u8]) -> Vec<u8> {
    let mut packet = Packet::parse(question).unwrap().into_reply();
    packet.set_flags(PacketFlag::TRUNCATION);
    packet.build_bytes_vec().unwrap()
}

fn data<'a>(kind: &str, text: &'a str) -> (TYPE, RData<'a>) {
    match kind {
        "A" => (TYPE::A, RData::A(A::from(text.parse::<std::net::Ipv4Addr>().unwrap()))),
        "AAAA" => {
            (TYPE::AAAA, RData::AAAA(AAAA::from(text.parse::<std::net::Ipv6Addr>().unwrap())))
        }
        "MX" => {
            let (preference, exchange) = text.split_once(' ').unwrap();
            let exchange = Name::new(exchange).unwrap();
            (TYPE::MX, RData::MX(MX { preference: preference.parse().unwrap(), exchange }))
        }
        "TXT" => (TYPE::TXT, RData::TXT(TXT::new().with_string(text).unwrap())),
        other => panic!("no records of type {other} here"),
    }
}

//! The sacrificial service of `heal --drill`: listens, answers, and waits to be killed. Ends by itself in the
//! end; touches nothing but its own pid file.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::cli::DrillService;
use crate::outcome::Outcome;
use crate::sys::clock::Deadline;
use crate::sys::exec;

/// The sacrificial service itself: listens, answers every request, and ends by itself in the end.
pub(super) fn serve(args: &DrillService) -> Result<Outcome> {
    if args.detach {
        let exe = std::env::current_exe().context("cannot find the program's own file")?;
        let service = [
            exe.display().to_string(),
            "drill-service".into(),
            "--port".into(),
            args.port.to_string(),
            "--pidfile".into(),
            args.pidfile.display().to_string(),
            "--lifetime".into(),
            format!("{}s", args.lifetime.as_secs()),
        ];
        exec::detach(&service)?;
        return Ok(Outcome::Ok);
    }
    let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, args.port))
        .with_context(|| format!("cannot listen on 127.0.0.1:{}", args.port))?;
    let beside = args.pidfile.with_extension("new");
    fs::write(&beside, format!("{}\n", std::process::id()))
        .and_then(|()| fs::rename(&beside, &args.pidfile))
        .with_context(|| format!("cannot write `{}`", args.pidfile.display()))?;
    let end = Deadline::after(args.lifetime);
    while exec::readable_within(&listener, end.left()) {
        if let Ok((stream, _)) = listener.accept() {
            answer(stream);
        }
    }
    Ok(Outcome::Ok)
}

fn answer(mut stream: TcpStream) {
    let limit = Some(Duration::from_secs(1));
    let mut request = [0; 1024];
    // Whoever only connects to see whether somebody listens gets no answer and wants none.
    let asked = stream.set_read_timeout(limit).and_then(|()| stream.read(&mut request));
    if matches!(asked, Ok(count) if count > 0) {
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nup\n");
    }
}

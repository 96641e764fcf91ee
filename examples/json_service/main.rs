//! What does pooling save a JSON web service?
//!
//! The service is a real one: hyper, tokio, simd-json. It answers `POST /events`, a GitHub webhook
//! payload, with a summary. Three kinds of object are pooled: the buffer that a request's body is
//! collected into, held across `.await`; the parser, held while it parses; the buffer of the
//! answer, which becomes the response body, so that it comes back after the socket has taken the
//! bytes, on whichever worker that happens.
//!
//! Without arguments the program runs the service three times, without pooling, with queues and with
//! stealpool, each in a process of its own, drives them in turn with real payloads, and prints one table.
//! `--help` tells the rest.

mod args;
mod child;
mod compare;
mod load;
mod record;
mod report;
mod service;

use crate::args::{Command, HELP, Serve};
use crate::service::Service;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use stealpool::Collector;
use stealpool_workloads::alloc;
use tokio::net::{TcpListener, TcpSocket};

#[global_allocator]
static ALLOCATOR: alloc::Counting = alloc::Counting;

fn main() -> ExitCode {
    let command = match args::parse(std::env::args().skip(1)) {
        Ok(command) => command,
        Err(message) => {
            eprintln!("json_service: {message}; --help tells what there is");
            return ExitCode::from(2);
        }
    };
    let done = match &command {
        Command::Help => {
            print!("{HELP}");
            Ok(())
        }
        Command::Serve(settings) => serve(settings),
        Command::Compare(settings) => {
            if cfg!(debug_assertions) {
                eprintln!("json_service: without --release the figures mean little");
            }
            compare::run(settings)
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("json_service: {message}");
            ExitCode::FAILURE
        }
    }
}

/// A listener whose connections have the send buffer that was asked for.
fn listen(settings: &Serve) -> std::io::Result<TcpListener> {
    let socket = match settings.address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    if let Some(bytes) = settings.send_buffer {
        socket.set_send_buffer_size(bytes)?;
    }
    socket.bind(settings.address)?;
    socket.listen(1024)
}

#[tokio::main]
async fn serve(settings: &Serve) -> Result<(), String> {
    let cannot = |what: &str, error| format!("cannot {what} {}: {error}", settings.address);
    let listener = listen(settings).map_err(|e| cannot("listen on", e))?;
    let address = listener.local_addr().map_err(|e| cannot("listen on", e))?;
    println!("{}{address}", child::ANNOUNCEMENT);
    let service = Arc::new(Service::new(settings.pooling));
    let mut collector = None;
    if settings.until_eof {
        child::exit_at_eof();
    } else {
        // Under measurement the cycles come from use, and from `POST /cycle`. Here also when nobody
        // calls: an idle service gives its memory back.
        let started = Collector::builder().spawn();
        collector = Some(started.map_err(|error| format!("cannot start a collector: {error}"))?);
    }
    if let Some(file) = &settings.record {
        record::start(file, service.clone())
            .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    }
    tokio::select! {
        never = service::serve(listener, service.clone()) => match never {},
        interrupted = tokio::signal::ctrl_c() => {
            interrupted.map_err(|error| format!("cannot wait for Ctrl-C: {error}"))?;
        }
    }
    for pool in &service.figures().pools {
        println!("{}", report::pool_line(pool));
    }
    drop(collector);
    Ok(())
}

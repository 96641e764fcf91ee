//! The command line of `json_service`.

use crate::service::Pooling;
use std::net::{SocketAddr, ToSocketAddrs};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

/// What `--help` prints.
pub(crate) const HELP: &str = "\
A JSON web service whose request bodies, parsers and answers are pooled.

Usage: cargo run --release --example json_service [-- OPTIONS]

Without --serve: starts the service three times, without pooling, with a queue of each kind of object, and
with stealpool, sends all the same requests in turn, then once more while slow clients hold on to large
answers, and prints one table.

  --seconds N       seconds of load in all, 1 to 3600 [16]
  --connections N   keep-alive connections, 1 to 1000 [32]
  --slow N          slow clients in the second part, 0 to 1000 [16]
  --data DIR        directory of the payloads, *.json [examples/data]
  --quick           a second in all: does it run?

  --serve ADDR      only serve, at ADDR such as 127.0.0.1:8080 (port 0: any free port), until Ctrl-C
  --pooling on|off|queue
                    with --serve: what to pool with [on]
  --send-buffer N   with --serve: bytes of each socket that the system buffers, 4096 to 1048576; without it,
                    the system decides
  --until-eof       with --serve: stop when standard input ends
  --record FILE     with --serve: write how many body buffers were in use, the most in each tenth of a
                    second, one number a line

  --help            print this

Routes of the service:
  POST /events      a webhook payload, or an array of them; the answer is a summary. The header
                    X-GitHub-Event names the event of a single payload.
                      curl -d @examples/data/push.json -H 'X-GitHub-Event: push' ADDR/events
  GET  /stats       what the pools and the allocator have done so far
  POST /cycle       one ageing cycle of every pool
";

/// What to do.
#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    /// Print [`HELP`].
    Help,
    /// Serve until told to stop.
    Serve(Serve),
    /// Measure pooling off against pooling on.
    Compare(Compare),
}

/// Settings of a service.
#[derive(Debug, PartialEq)]
pub(crate) struct Serve {
    /// Where to listen.
    pub(crate) address: SocketAddr,
    /// What to pool with.
    pub(crate) pooling: Pooling,
    /// Bytes that the system buffers for each socket.
    pub(crate) send_buffer: Option<u32>,
    /// Whether to stop when standard input ends.
    pub(crate) until_eof: bool,
    /// Where to write how many buffers were in use over time.
    pub(crate) record: Option<PathBuf>,
}

/// Settings of a comparison.
#[derive(Debug, PartialEq)]
pub(crate) struct Compare {
    /// Time under load, all rounds together.
    pub(crate) load: Duration,
    /// Keep-alive connections.
    pub(crate) connections: usize,
    /// Slow clients in the second part.
    pub(crate) slow: usize,
    /// Directory of the payloads.
    pub(crate) data: PathBuf,
}

/// Reads the arguments that follow the program's name.
///
/// # Errors
///
/// A sentence that says which argument is wrong, and why.
pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Command, String> {
    let (mut address, mut pooling, mut until_eof) = (None, None, false);
    let (mut seconds, mut connections, mut data, mut slow) = (None, None, None, None);
    let mut send_buffer = None;
    let mut record = None;
    while let Some(arg) = args.next() {
        let (name, mut inline) = match arg.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
            _ => (arg.as_str(), None),
        };
        let mut value =
            || inline.take().or_else(|| args.next()).ok_or_else(|| format!("{name} needs a value"));
        match name {
            "--help" | "-h" => return Ok(Command::Help),
            "--serve" => address = Some(socket_address(&value()?)?),
            "--pooling" => pooling = Some(kind_of_pooling(&value()?)?),
            "--send-buffer" => {
                send_buffer = Some(whole(name, &value()?, 4096..=1 << 20)? as u32);
            }
            "--slow" => slow = Some(whole(name, &value()?, 0..=1000)?),
            "--until-eof" => until_eof = true,
            "--quick" => seconds = Some(1),
            "--record" => record = Some(PathBuf::from(value()?)),
            "--seconds" => seconds = Some(whole(name, &value()?, 1..=3600)?),
            "--connections" => connections = Some(whole(name, &value()?, 1..=1000)?),
            "--data" => data = Some(PathBuf::from(value()?)),
            _ if name.starts_with('-') => return Err(format!("unknown option {name}")),
            _ => return Err(format!("unexpected argument {arg:?}")),
        }
        if inline.is_some() {
            return Err(format!("{name} takes no value"));
        }
    }
    if let Some(address) = address {
        if seconds.is_some() || connections.is_some() || data.is_some() || slow.is_some() {
            return Err(
                "--seconds, --connections, --slow and --data make no sense with --serve".into()
            );
        }
        let pooling = pooling.unwrap_or(Pooling::On);
        return Ok(Command::Serve(Serve { address, pooling, send_buffer, until_eof, record }));
    }
    if pooling.is_some() || send_buffer.is_some() || until_eof || record.is_some() {
        return Err(
            "--pooling, --send-buffer, --until-eof and --record make sense only with --serve"
                .into(),
        );
    }
    Ok(Command::Compare(Compare {
        load: Duration::from_secs(seconds.unwrap_or(16)),
        connections: connections.unwrap_or(32) as usize,
        slow: slow.unwrap_or(16) as usize,
        data: data.unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../data").into()),
    }))
}

fn socket_address(text: &str) -> Result<SocketAddr, String> {
    let wrong = "is not an address and port such as 127.0.0.1:8080";
    match text.to_socket_addrs() {
        Ok(mut found) => found.next().ok_or_else(|| format!("--serve {text}: no such host")),
        Err(error) => Err(format!("--serve {text:?} {wrong} ({error})")),
    }
}

fn kind_of_pooling(text: &str) -> Result<Pooling, String> {
    match text {
        "on" => Ok(Pooling::On),
        "off" => Ok(Pooling::Off),
        "queue" => Ok(Pooling::Queue),
        _ => Err(format!("--pooling {text:?} is neither on, off nor queue")),
    }
}

fn whole(name: &str, text: &str, range: RangeInclusive<u64>) -> Result<u64, String> {
    let number = text.parse().ok().filter(|n| range.contains(n));
    let (least, most) = (range.start(), range.end());
    number.ok_or_else(|| format!("{name} {text:?} is not a whole number from {least} to {most}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_and_mistakes_named() {
        let parse = |text: &str| super::parse(text.split_whitespace().map(str::to_owned));
        let serve = Serve {
            address: "127.0.0.1:80".parse().unwrap(),
            pooling: Pooling::Off,
            send_buffer: None,
            until_eof: false,
            record: None,
        };
        assert_eq!(parse("--serve 127.0.0.1:80 --pooling=off"), Ok(Command::Serve(serve)));
        let Ok(Command::Compare(Compare { load, connections, .. })) = parse("--seconds 3") else {
            panic!("no comparison");
        };
        assert_eq!((load, connections), (Duration::from_secs(3), 32));
        assert_eq!(parse("--help"), Ok(Command::Help));
        assert!(HELP.contains("--connections"));
        for (line, message) in [
            ("--nonsense", "unknown option --nonsense"),
            ("loud", "unexpected argument \"loud\""),
            ("--seconds", "--seconds needs a value"),
            ("--seconds 0", "--seconds \"0\" is not a whole number from 1 to 3600"),
            ("--connections many", "--connections \"many\" is not"),
            ("--serve here", "--serve \"here\" is not an address and port"),
            ("--serve 127.0.0.1:80 --pooling maybe", "neither on, off nor queue"),
            ("--serve 127.0.0.1:80 --seconds 3", "make no sense with --serve"),
            ("--pooling on", "only with --serve"),
            ("--until-eof=1", "--until-eof takes no value"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(message), "{line}: {error:?} does not say {message:?}");
        }
    }
}

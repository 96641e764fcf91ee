//! The sources of a Linux system.
//!
//! * systemd's protocol (`docs/PRESSURE.md` of systemd): `$MEMORY_PRESSURE_WATCH` is a file, a FIFO or a
//!   socket, into which `$MEMORY_PRESSURE_WRITE` is written once.
//! * PSI triggers (`Documentation/accounting/psi.rst` of the kernel): a threshold is written into a
//!   `memory.pressure` or `/proc/pressure/memory`. A process without privileges may ask for windows of
//!   whole two seconds only (Linux 6.4), so that is what we ask for.

use super::{PressureSource, Sleep, place};
use std::env;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::iter;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Some thread waits for memory for 200 ms within 2 s: the kernel's documentation and systemd (100 ms of
/// 1 s) have about the same share.
const TRIGGER: &[u8] = b"some 200000 2000000\0";

/// The system's source: what systemd names in `$MEMORY_PRESSURE_WATCH`, else the pressure file of the process's own
/// control group, else that of the whole system. The first that can be watched; an error says why none can.
pub(crate) fn find() -> Result<Box<dyn PressureSource>, String> {
    let named = env::var_os("MEMORY_PRESSURE_WATCH").map(PathBuf::from);
    if named.as_deref() == Some(Path::new("/dev/null")) {
        return Err(String::from("$MEMORY_PRESSURE_WATCH is /dev/null"));
    }
    let named = named.into_iter().map(|path| (open_named(&path), path));
    let group = iter::once_with(group_file).flatten();
    let files = group.chain([PathBuf::from("/proc/pressure/memory")]);
    let files = files.map(|path| (Watch::open(&path, TRIGGER), path));
    let mut reasons = Vec::new();
    // Lazy: a file is not opened if an earlier one can be watched.
    for (opened, path) in named.chain(files) {
        match opened {
            Ok(source) => return Ok(Box::new(source)),
            Err(error) => reasons.push(format!("{}: {error}", path.display())),
        }
    }
    Err(reasons.join("; "))
}

/// The pressure file of this process's control group.
fn group_file() -> Option<PathBuf> {
    let text = |path| fs::read_to_string(path).unwrap_or_default();
    place::of_group(&text("/proc/self/cgroup"), &text("/proc/self/mountinfo"))
}

/// Opens what the environment names.
fn open_named(path: &Path) -> io::Result<Watch> {
    let invalid = |what| io::Error::new(io::ErrorKind::InvalidInput, what);
    if !path.is_absolute() {
        return Err(invalid("$MEMORY_PRESSURE_WATCH is not an absolute path"));
    }
    let write = env::var_os("MEMORY_PRESSURE_WRITE").unwrap_or_default();
    let write = write.to_str().and_then(place::base64);
    Watch::open(path, &write.ok_or_else(|| invalid("$MEMORY_PRESSURE_WRITE is not base64"))?)
}

/// A file descriptor that becomes ready when memory is short.
struct Watch {
    fd: OwnedFd,
    /// A stream: each event leaves bytes behind. Else a PSI file, which raises priority events.
    streams: bool,
    path: PathBuf,
}

impl Watch {
    fn open(path: &Path, write: &[u8]) -> io::Result<Self> {
        let kind = fs::metadata(path)?.file_type();
        let streams = kind.is_fifo() || kind.is_socket();
        if !streams && !kind.is_file() {
            let what = "neither a file nor a FIFO nor a socket";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        let fd = if kind.is_socket() {
            let mut stream = UnixStream::connect(path)?;
            stream.write_all(write)?;
            stream.set_nonblocking(true)?;
            OwnedFd::from(stream)
        } else {
            // For writing too: a FIFO then has a writer for as long as we watch it.
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .custom_flags(libc::O_NONBLOCK)
                .open(path)?;
            // Into a FIFO we would write for ourselves.
            if !write.is_empty() && !kind.is_fifo() {
                // A trigger is one write: a PSI file takes no second one.
                let written = file.write(write)?;
                if written != write.len() {
                    return Err(io::ErrorKind::WriteZero.into());
                }
            }
            OwnedFd::from(file)
        };
        Ok(Watch { fd, streams, path: path.to_owned() })
    }

    /// Reads what an event has left. An error when the other end is gone.
    fn drain(&self) -> io::Result<()> {
        let mut file = fs::File::from(self.fd.try_clone()?);
        let mut bytes = [0; 256];
        loop {
            match file.read(&mut bytes) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl PressureSource for Watch {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn wait(&mut self, sleep: &Sleep) -> io::Result<bool> {
        let events = if self.streams { libc::POLLIN } else { libc::POLLPRI };
        while !sleep.is_over() {
            let ready = sleep.poll(&self.fd, events)?;
            if ready & libc::POLLERR != 0 {
                return Err(io::Error::other("the pressure file is gone"));
            }
            if ready & events != 0 {
                if self.streams {
                    self.drain()?;
                }
                return Ok(true);
            }
            if ready & (libc::POLLHUP | libc::POLLNVAL) != 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(false)
    }
}

impl Sleep {
    /// Sleeps until a file descriptor is ready, the sleep is over, or something happens; what is ready.
    fn poll(&self, fd: &OwnedFd, events: libc::c_short) -> io::Result<libc::c_short> {
        let wake = self.signals.bell();
        let fds = [(fd.as_raw_fd(), events), (wake.as_raw_fd(), libc::POLLIN)];
        let mut fds = fds.map(|(fd, events)| libc::pollfd { fd, events, revents: 0 });
        if self.is_over() {
            return Ok(0);
        }
        let timeout = self.remaining().map_or(-1, millis);
        // SAFETY: `fds` is an array of two, and both descriptors are open as long as their owners,
        // which are borrowed.
        let ready = unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, timeout) };
        if ready < 0 {
            let error = io::Error::last_os_error();
            return match error.kind() {
                io::ErrorKind::Interrupted => Ok(0),
                _ => Err(error),
            };
        }
        if fds[1].revents != 0 {
            self.signals.hush();
        }
        Ok(fds[0].revents)
    }
}

/// Whole milliseconds, at least as long.
fn millis(time: Duration) -> libc::c_int {
    let millis = time.as_nanos().div_ceil(1_000_000);
    libc::c_int::try_from(millis).unwrap_or(libc::c_int::MAX)
}

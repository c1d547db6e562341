//! Many sends in one system call, by io_uring, where the kernel permits it.
#![allow(unsafe_code)]

use core::fmt;
use std::boxed::Box;
use std::io;
use std::os::fd::AsRawFd;

use io_uring::{IoUring, Probe, opcode, types};

/// A ring that is set up when it is first asked for, and done without if the kernel refuses.
#[derive(Default)]
pub(super) enum Ring {
    #[default]
    Untried,
    Refused,
    Ready(Box<IoUring>),
}

/// What one call takes.
const BATCH: usize = 256;

impl Ring {
    /// From so many sends on.
    pub(super) const WORTH_IT: usize = 8;

    /// How many sends a call takes; 0 without a ring.
    pub(super) fn batch(&mut self) -> usize {
        if matches!(self, Self::Untried) {
            *self = set_up().map_or(Self::Refused, |ring| Self::Ready(Box::new(ring)));
        }
        if matches!(self, Self::Ready(_)) { BATCH } else { 0 }
    }

    /// Sends the same bytes to each of these streams, and puts beside each what the send came to. One that was not tried
    /// keeps what stood there.
    pub(super) fn write_each<S: AsRawFd>(
        &mut self,
        streams: &[Option<S>],
        writes: &mut [(u32, io::Result<usize>)],
        bytes: &[u8],
    ) {
        let Ok(len) = u32::try_from(bytes.len()) else { return };
        for writes in writes.chunks_mut(BATCH) {
            let Self::Ready(ring) = self else { return };
            if !send(ring, streams, writes, bytes.as_ptr(), len) {
                // With it goes what it did not submit.
                *self = Self::Refused;
            }
        }
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Untried => "Untried",
            Self::Refused => "Refused",
            Self::Ready(_) => "Ready",
        })
    }
}

fn set_up() -> Option<IoUring> {
    let ring = IoUring::new(BATCH as u32).ok()?;
    let mut probe = Probe::new();
    ring.submitter().register_probe(&mut probe).ok()?;
    probe.is_supported(opcode::Send::CODE).then_some(ring)
}

/// Whether the kernel took them all. At most [`BATCH`] of them; returns when all that the kernel took are over.
fn send<S: AsRawFd>(
    ring: &mut IoUring,
    streams: &[Option<S>],
    writes: &mut [(u32, io::Result<usize>)],
    bytes: *const u8,
    len: u32,
) -> bool {
    let mut pushed = 0;
    for (nth, (index, _)) in writes.iter().enumerate() {
        let Some(stream) = &streams[*index as usize] else { continue };
        // Done at once or not at all, like a plain send to a socket that does not block.
        let entry = opcode::Send::new(types::Fd(stream.as_raw_fd()), bytes, len)
            .flags(libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL)
            .build()
            .user_data(nth as u64);
        // SAFETY: the bytes and the stream are borrowed by the caller until this function returns, and it does not
        // before each entry that the kernel took has completed.
        if unsafe { ring.submission().push(&entry) }.is_err() {
            break;
        }
        pushed += 1;
    }
    let mut completed = 0;
    loop {
        completed += reap(ring, writes);
        if completed == pushed {
            return true;
        }
        match ring.submit_and_wait(pushed - completed) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => {
                // Short of memory, or forbidden after all. What the kernel took it must finish.
                completed += reap(ring, writes);
                let waiting = ring.submission().len();
                if waiting != 0 && completed == pushed - waiting {
                    return false;
                }
            }
        }
    }
}

/// How many completed.
fn reap(ring: &mut IoUring, writes: &mut [(u32, io::Result<usize>)]) -> usize {
    let mut many = 0;
    for completion in ring.completion() {
        many += 1;
        let result = completion.result();
        if let Some((_, outcome)) = writes.get_mut(completion.user_data() as usize) {
            *outcome = usize::try_from(result).map_err(|_| io::Error::from_raw_os_error(-result));
        }
    }
    many
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::vec;
    use std::vec::Vec;

    use super::*;

    /// One with room for a part, one that is full, one whose peer is gone, and a seat without a stream.
    fn streams() -> (Vec<Option<UnixStream>>, Vec<UnixStream>) {
        let (mut near, mut far): (Vec<_>, Vec<_>) = (0..3).map(|_| UnixStream::pair().unwrap()).unzip();
        near.iter().for_each(|stream| stream.set_nonblocking(true).unwrap());
        while near[1].write(&[0; 4096]).is_ok() {}
        far.pop();
        (near.into_iter().map(Some).chain([None]).collect(), far)
    }

    fn interrupted() -> Vec<(u32, io::Result<usize>)> {
        (0..4).map(|index| (index, Err(io::ErrorKind::Interrupted.into()))).collect()
    }

    fn kinds(writes: Vec<(u32, io::Result<usize>)>) -> Vec<Result<usize, io::ErrorKind>> {
        writes.into_iter().map(|(_, outcome)| outcome.map_err(|error| error.kind())).collect()
    }

    #[test]
    fn a_ring_says_what_plain_sends_say_and_a_refused_one_nothing() {
        let bytes = vec![7; 4 << 20];
        let (plain, _far) = streams();
        let mut expected = interrupted();
        for (index, outcome) in &mut expected {
            if let Some(mut stream) = plain[*index as usize].as_ref() {
                *outcome = stream.write(&bytes);
            }
        }
        let (streams, _far) = streams();
        let (mut ring, mut writes) = (Ring::default(), interrupted());
        if ring.batch() == 0 {
            // This kernel permits none.
            expected = interrupted();
        }
        ring.write_each(&streams, &mut writes, &bytes);
        assert_eq!(kinds(writes), kinds(expected));

        let (mut refused, mut writes) = (Ring::Refused, interrupted());
        assert_eq!(refused.batch(), 0);
        refused.write_each(&streams, &mut writes, &bytes);
        assert_eq!(kinds(writes), kinds(interrupted()));
    }
}

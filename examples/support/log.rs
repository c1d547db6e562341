//! An append-only file of records, each with its length and a checksum: what a server must not forget.
//!
//! ```text
//! "bowsprit log 1\n", then for each record: length u32, CRC-32 of the record u32, the record; numbers little-endian
//! ```
//!
//! What [`Log::append`] returned from survives the end of the process, be it by SIGKILL: the kernel has it. It is written
//! to the disk by a thread of its own, at once if the disk was idle for [`SYNC_EVERY`] and otherwise that long after the
//! last time, so that a power cut can take about the last second and the loop never waits for the disk.
//!
//! A record that was cut short, by a power cut or a full disk, fails its checksum: it and what is behind it go when the
//! log is opened.
//!
//! A log belongs to one process at a time; on Linux a second one of the same network namespace is refused.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;
use std::time::Duration;

/// Between the end of one fsync and the next.
pub const SYNC_EVERY: Duration = Duration::from_secs(1);
/// Bytes of a record at most.
pub const MAX_RECORD: usize = 1 << 20;

pub struct Log {
    path: PathBuf,
    lock: Arc<Lock>,
    file: Arc<File>,
    /// Bytes of the whole records.
    len: u64,
    /// Half a record may stand at the end, and cannot be removed; or what was written may not be on the disk.
    broken: Arc<AtomicBool>,
    dirty: SyncSender<()>,
    frame: Vec<u8>,
}

impl Log {
    /// Opens the log, or begins one, and calls `replay` with each record that is whole. Returns it with the number of bytes
    /// that were cut off.
    ///
    /// # Errors
    ///
    /// A file that is none of ours, or that another process has open, both of which are left as they are; what `replay`
    /// says; what the file system says.
    pub fn open(path: &Path, mut replay: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<(Self, u64)> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        let open = || OpenOptions::new().read(true).append(true).create(true).open(path);
        // Only what is there has one name.
        open()?;
        let path = &path.canonicalize()?;
        let lock = Arc::new(lock(path)?);
        // Behind the lock: the file may be another by now.
        let mut file = open()?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let len = if bytes.len() < MAGIC.len() && MAGIC.starts_with(&bytes) {
            // New, or cut within the first line.
            file.set_len(0)?;
            file.write_all(MAGIC)?;
            file.sync_all()?;
            sync_directory(path)?;
            MAGIC.len()
        } else if bytes.starts_with(MAGIC) {
            let mut at = MAGIC.len();
            while let Some(record) = whole_record(&bytes[at..]) {
                replay(record)?;
                at += HEADER + record.len();
            }
            file.set_len(at as u64)?;
            at
        } else {
            let what = format!("{} is not a log of bowsprit's examples", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        };
        Ok((Self::new(path, lock, file, len as u64)?, bytes.len().saturating_sub(len) as u64))
    }

    /// Puts a log of these records in the place of this one: the old one or the new one is there at any time.
    ///
    /// # Errors
    ///
    /// What the file system says; a record that is too long.
    pub fn replace<R: AsRef<[u8]>>(self, records: impl IntoIterator<Item = R>) -> io::Result<Self> {
        let mut beside = self.path.as_os_str().to_owned();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        let mut bytes = MAGIC.to_vec();
        for record in records {
            put_record(record.as_ref(), &mut bytes)?;
        }
        fs::write(&beside, &bytes)?;
        let file = OpenOptions::new().append(true).open(&beside)?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)?;
        sync_directory(&self.path)?;
        Self::new(&self.path, self.lock.clone(), file, bytes.len() as u64)
    }

    fn new(path: &Path, lock: Arc<Lock>, file: File, len: u64) -> io::Result<Self> {
        let (dirty, told) = mpsc::sync_channel(1);
        let (file, broken) = (Arc::new(file), Arc::new(AtomicBool::new(false)));
        let (its_file, its_broken) = (file.clone(), broken.clone());
        thread::Builder::new().name("fsync".into()).spawn(move || sync(&its_file, &its_broken, &told))?;
        Ok(Self { path: path.to_owned(), lock, file, len, broken, dirty, frame: Vec::new() })
    }

    /// Writes a record behind the others. It is the kernel's when this returns.
    ///
    /// # Errors
    ///
    /// Nothing was written, or what was is gone again. Once writing to the disk failed, every call fails.
    pub fn append(&mut self, record: &[u8]) -> io::Result<()> {
        if self.broken.load(Ordering::Acquire) {
            return Err(io::Error::other("the log is broken"));
        }
        self.frame.clear();
        put_record(record, &mut self.frame)?;
        if let Err(error) = (&*self.file).write_all(&self.frame) {
            // Behind half a record nothing would be found again.
            if self.file.set_len(self.len).is_err() {
                self.broken.store(true, Ordering::Release);
            }
            return Err(error);
        }
        self.len += self.frame.len() as u64;
        // Full: it is told already.
        let _ = self.dirty.try_send(());
        Ok(())
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // The end of a server that was asked to stop; nobody is left to tell.
        let _ = self.file.sync_data();
    }
}

fn sync(file: &File, broken: &AtomicBool, told: &Receiver<()>) {
    while told.recv().is_ok() {
        if let Err(error) = file.sync_data() {
            // What was written before may be lost, and the kernel says so only once.
            eprintln!("the log cannot be written to the disk: {error}");
            broken.store(true, Ordering::Release);
            return;
        }
        thread::sleep(SYNC_EVERY);
    }
}

/// A name that the kernel gives to one process, and takes back at its end, whatever that was.
#[cfg(target_os = "linux")]
fn lock(path: &Path) -> io::Result<Lock> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::net::SocketAddr;

    // A path itself may be too long for a name.
    let bytes = path.as_os_str().as_bytes();
    let address = SocketAddr::from_abstract_name(format!("bowsprit-log-{:08x}-{}", crc32(bytes), bytes.len()))?;
    let taken = |error: io::Error| match error.kind() {
        io::ErrorKind::AddrInUse => io::Error::other(format!("another process has {} open", path.display())),
        _ => error,
    };
    Lock::bind_addr(&address).map_err(taken)
}

#[cfg(not(target_os = "linux"))]
fn lock(_: &Path) -> io::Result<Lock> {
    Ok(())
}

#[cfg(target_os = "linux")]
type Lock = std::os::unix::net::UnixListener;
#[cfg(not(target_os = "linux"))]
type Lock = ();

/// So that the name is on the disk too.
fn sync_directory(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => File::open(directory)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

fn put_record(record: &[u8], into: &mut Vec<u8>) -> io::Result<()> {
    if record.len() > MAX_RECORD {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the record is too long"));
    }
    into.extend_from_slice(&(record.len() as u32).to_le_bytes());
    into.extend_from_slice(&crc32(record).to_le_bytes());
    into.extend_from_slice(record);
    Ok(())
}

fn whole_record(bytes: &[u8]) -> Option<&[u8]> {
    let number = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let (len, crc) = (number(0)? as usize, number(4)?);
    if len > MAX_RECORD {
        return None;
    }
    bytes.get(HEADER..HEADER + len).filter(|record| crc32(record) == crc)
}

/// CRC-32 as in gzip and PNG.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| CRC[usize::from(crc as u8 ^ byte)] ^ (crc >> 8))
}

const MAGIC: &[u8] = b"bowsprit log 1\n";
const HEADER: usize = 8;

const CRC: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use std::process;
    use std::sync::atomic::AtomicU32;

    use super::*;

    #[test]
    fn the_checksum_is_the_one_everybody_knows() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn what_was_appended_is_replayed_in_order() {
        let place = Place::new();
        let (mut log, cut) = Log::open(&place.0, |_| panic!("it is new")).unwrap();
        assert_eq!(cut, 0);
        for record in ["one", "", "three"] {
            log.append(record.as_bytes()).unwrap();
        }
        drop(log);
        assert_eq!(place.records(), (words(&["one", "", "three"]), 0));

        let (mut log, _) = Log::open(&place.0, |_| Ok(())).unwrap();
        log.append(b"four").unwrap();
        drop(log);
        assert_eq!(place.records(), (words(&["one", "", "three", "four"]), 0));
    }

    #[test]
    fn a_log_that_was_cut_anywhere_keeps_every_whole_record_and_goes_on_behind_them() {
        let place = Place::new();
        let (mut log, _) = Log::open(&place.0, |_| Ok(())).unwrap();
        let mut ends = vec![MAGIC.len()];
        for record in ["first", "second", "third"] {
            log.append(record.as_bytes()).unwrap();
            ends.push(ends.last().unwrap() + HEADER + record.len());
        }
        drop(log);
        let whole = fs::read(&place.0).unwrap();
        for cut in 0..=whole.len() {
            fs::write(&place.0, &whole[..cut]).unwrap();
            let kept = ends.iter().skip(1).filter(|end| **end <= cut).count();
            let behind = cut.saturating_sub(ends[kept]) as u64;
            assert_eq!(place.records(), (words(&["first", "second", "third"][..kept]), behind), "{cut}");

            let (mut log, again) = Log::open(&place.0, |_| Ok(())).unwrap();
            assert_eq!(again, 0, "cut already");
            log.append(b"more").unwrap();
            drop(log);
            assert_eq!(place.records().0.last().unwrap(), "more");
            assert_eq!(place.records().0.len(), kept + 1);
        }
    }

    #[test]
    fn a_byte_that_changed_costs_its_record_and_what_is_behind() {
        let place = Place::new();
        let (mut log, _) = Log::open(&place.0, |_| Ok(())).unwrap();
        for record in ["first", "second", "third"] {
            log.append(record.as_bytes()).unwrap();
        }
        drop(log);
        let whole = fs::read(&place.0).unwrap();
        let second = MAGIC.len() + HEADER + "first".len();
        for at in second..second + HEADER + "second".len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x40;
            fs::write(&place.0, bytes).unwrap();
            assert_eq!(place.records().0, words(&["first"]), "byte {at}");
        }
    }

    #[test]
    fn a_file_of_somebody_else_is_refused_and_left_alone() {
        let place = Place::new();
        for theirs in ["#!/bin/sh\n", "bowsprit lot of other things"] {
            fs::write(&place.0, theirs).unwrap();
            let refused = Log::open(&place.0, |_| Ok(())).map(|_| ()).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::InvalidData);
            assert_eq!(fs::read_to_string(&place.0).unwrap(), theirs);
        }
    }

    #[test]
    fn a_replaced_log_has_the_new_records_and_takes_more() {
        let place = Place::new();
        let (mut log, _) = Log::open(&place.0, |_| Ok(())).unwrap();
        log.append(b"old").unwrap();
        let mut log = log.replace(["new", "newer"]).unwrap();
        log.append(b"newest").unwrap();
        drop(log);
        assert_eq!(place.records(), (words(&["new", "newer", "newest"]), 0));
    }

    #[test]
    fn a_record_that_is_too_long_is_refused_and_the_log_goes_on() {
        let place = Place::new();
        let (mut log, _) = Log::open(&place.0, |_| Ok(())).unwrap();
        assert!(log.append(&vec![b'x'; MAX_RECORD + 1]).is_err());
        log.append(&vec![b'x'; MAX_RECORD]).unwrap();
        drop(log);
        let (records, cut) = place.records();
        assert_eq!((records[0].len(), records.len(), cut), (MAX_RECORD, 1, 0));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_log_that_is_open_is_not_opened_again_under_any_of_its_names() {
        let place = Place::new();
        let (log, _) = Log::open(&place.0, |_| Ok(())).unwrap();
        let other_name = place.0.with_file_name(".").join("log");
        for name in [&place.0, &other_name] {
            let refused = Log::open(name, |_| Ok(())).map(|_| ()).unwrap_err();
            assert!(refused.to_string().starts_with("another process has"), "{refused}");
        }
        let log = log.replace(["new"]).unwrap();
        assert!(Log::open(&place.0, |_| Ok(())).is_err());
        drop(log);
        assert_eq!(place.records(), (words(&["new"]), 0));
    }

    /// A file of the test's own, removed with what was written beside it.
    struct Place(PathBuf);

    impl Place {
        fn new() -> Self {
            static NUMBER: AtomicU32 = AtomicU32::new(0);
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            Self(std::env::temp_dir().join(format!("bowsprit-{}-{number}", process::id())).join("log")).cleared()
        }

        fn cleared(self) -> Self {
            let _ = fs::remove_dir_all(self.0.parent().unwrap());
            fs::create_dir_all(self.0.parent().unwrap()).unwrap();
            self
        }

        /// The records, and the bytes that were cut.
        fn records(&self) -> (Vec<String>, u64) {
            let mut records = Vec::new();
            let (_, cut) = Log::open(&self.0, |record| {
                records.push(String::from_utf8(record.to_vec()).unwrap());
                Ok(())
            })
            .unwrap();
            (records, cut)
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(self.0.parent().unwrap());
        }
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }
}

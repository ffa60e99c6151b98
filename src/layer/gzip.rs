//! Recipe 1: one gzip member (RFC 1952) whose deflate stream is made of independent blocks, so that
//! all cores can work on it and the bytes do not depend on how many there are.

use std::io::{self, Write};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

use crate::error::Error;

/// Bytes of tar that are compressed as one.
const BLOCK: usize = 1 << 20;
const LEVEL: u32 = 6;
/// RFC 1952: magic, deflate, no flags, no time, no extra flags, unknown operating system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// RFC 1951: an empty block of fixed Huffman codes, the last of its stream.
const FINAL: [u8; 2] = [0x03, 0x00];

/// Which end of the pipe broke.
pub(super) enum Failure {
    Producer(Error),
    Output(io::Error),
}

/// A compressed block, and the checksum of what was compressed.
struct Deflated {
    bytes: Vec<u8>,
    crc: Crc,
}

/// A block on its way to a worker, and where the worker puts the result.
type Job = (Vec<u8>, SyncSender<io::Result<Deflated>>);
/// The results in the order of the blocks.
type Slots = Receiver<Receiver<io::Result<Deflated>>>;

/// Compresses what `produce` writes and returns what it returns.
pub(super) fn compress<T>(
    threads: usize,
    out: &mut (dyn Write + Send),
    produce: impl FnOnce(&mut Blocks) -> Result<T, Error>,
) -> Result<T, Failure> {
    let threads = threads.max(1);
    // Queued: as many blocks as workers, twice; so memory is bounded and no worker waits.
    let (jobs, queue) = sync_channel::<Job>(threads);
    let (slots, ordered) = sync_channel(2 * threads);
    let queue = Mutex::new(queue);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| work(&queue));
        }
        let writer = scope.spawn(move || drain(&ordered, out));
        let mut blocks = Blocks { pending: Vec::with_capacity(BLOCK), jobs, slots };
        let produced = produce(&mut blocks);
        let flushed = blocks.flush();
        drop(blocks);
        let written = writer.join().unwrap_or_else(|_| Err(io::Error::other("the writing thread panicked")));
        match (produced, written, flushed) {
            (_, Err(error), _) | (Ok(_), Ok(()), Err(error)) => Err(Failure::Output(error)),
            (Err(error), Ok(()), _) => Err(Failure::Producer(error)),
            (Ok(value), Ok(()), Ok(())) => Ok(value),
        }
    })
}

fn work(queue: &Mutex<Receiver<Job>>) {
    loop {
        let job = match queue.lock() {
            Ok(queue) => queue.recv(),
            Err(_) => return,
        };
        let Ok((block, slot)) = job else { return };
        // A writer that has gone away has reported why; the queue is emptied all the same, so that
        // the producer never waits for nobody.
        let _ = slot.send(deflate(&block));
    }
}

/// One block as a sequence of deflate blocks that ends on a byte boundary. A fresh state each time:
/// what a state that was used before gives is not promised to be the same.
fn deflate(block: &[u8]) -> io::Result<Deflated> {
    let mut crc = Crc::new();
    crc.update(block);
    let mut state = Compress::new(Compression::new(LEVEL), false);
    let mut bytes = Vec::with_capacity(block.len() + block.len() / 1000 + 64);
    loop {
        let read = usize::try_from(state.total_in()).unwrap_or(usize::MAX);
        let rest = block.get(read..).unwrap_or_default();
        let status = state.compress_vec(rest, &mut bytes, FlushCompress::Sync).map_err(io::Error::other)?;
        let done = state.total_in() == block.len() as u64 && bytes.len() < bytes.capacity();
        match status {
            Status::Ok | Status::BufError if done => return Ok(Deflated { bytes, crc }),
            Status::Ok | Status::BufError => bytes.reserve(64 + block.len() / 10),
            Status::StreamEnd => return Err(io::Error::other("deflate ended early")),
        }
    }
}

fn drain(slots: &Slots, out: &mut (dyn Write + Send)) -> io::Result<()> {
    let mut crc = Crc::new();
    out.write_all(&HEADER)?;
    for slot in slots {
        let deflated = slot.recv().map_err(io::Error::other)??;
        crc.combine(&deflated.crc);
        out.write_all(&deflated.bytes)?;
    }
    out.write_all(&FINAL)?;
    out.write_all(&crc.sum().to_le_bytes())?;
    // RFC 1952: the size modulo 2^32, which is what flate2 counts.
    out.write_all(&crc.amount().to_le_bytes())?;
    out.flush()
}

/// Cuts what is written into blocks and hands them to the workers.
pub(super) struct Blocks {
    pending: Vec<u8>,
    jobs: SyncSender<Job>,
    slots: SyncSender<Receiver<io::Result<Deflated>>>,
}

impl Write for Blocks {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = buf.len().min(BLOCK - self.pending.len());
        self.pending.extend_from_slice(&buf[..n]);
        if self.pending.len() == BLOCK {
            self.flush()?;
        }
        Ok(n)
    }

    /// Sends what is pending as a block of its own.
    fn flush(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let block = std::mem::replace(&mut self.pending, Vec::with_capacity(BLOCK));
        let (slot, result) = sync_channel(1);
        let closed = |()| io::Error::from(io::ErrorKind::BrokenPipe);
        self.slots.send(result).map_err(|_| closed(()))?;
        self.jobs.send((block, slot)).map_err(|_| closed(()))
    }
}

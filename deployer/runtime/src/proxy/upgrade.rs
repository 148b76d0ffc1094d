//! WebSockets pass through as they are; only the borders of their frames are followed, so that
//! one can be closed cleanly when the worker behind it is exchanged.

use std::io;
use std::time::Duration;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

const BUFFER: usize = 16 * 1024;

/// How long a worker may take to answer a client's Close frame; browsers do not wait longer.
const FAREWELL: Duration = Duration::from_secs(10);

/// How long a swap waits for a client to answer its Close frame. The client has it by then; the
/// answer is for the worker that is about to go.
const LAST_WORD: Duration = Duration::from_millis(50);

/// A Close frame: final, opcode 8, unmasked; status 1012.
const SERVICE_RESTART: &[u8] = b"\x88\x11\x03\xf4service restart";

/// Carries bytes both ways until either side ends. `restart`: the worker is about to be exchanged,
/// so the client is told to come back, by a Close frame with 1012; `cut`: everything ends at once.
pub async fn tunnel(
    client: OnUpgrade,
    worker: OnUpgrade,
    restart: CancellationToken,
    cut: CancellationToken,
) {
    tokio::select! {
        () = cut.cancelled() => {}
        () = carry(client, worker, restart) => {}
    }
}

async fn carry(client: OnUpgrade, worker: OnUpgrade, restart: CancellationToken) {
    // One of them is gone before it began: nothing to carry.
    let Ok((client, worker)) = tokio::try_join!(client, worker) else {
        return;
    };
    let (client_in, client_out) = tokio::io::split(TokioIo::new(client));
    let (worker_in, worker_out) = tokio::io::split(TokioIo::new(worker));
    let mut upwards = std::pin::pin!(upwards(client_in, worker_out));
    let mut downwards = std::pin::pin!(downwards(worker_in, client_out, restart));
    // Errors are one side's sudden end; the other is told by the sockets being dropped.
    tokio::select! {
        _ = &mut upwards => {
            // The client said all; what the worker still says, such as its Close frame, counts.
            let _ = tokio::time::timeout(FAREWELL, downwards).await;
        }
        end = &mut downwards => {
            if matches!(end, Ok(End::Restart)) {
                // The client's Close frame is for the worker as well.
                let _ = tokio::time::timeout(LAST_WORD, upwards).await;
            }
        }
    }
}

/// Ends with the client's Close frame, or with its connection.
async fn upwards(
    mut client: impl AsyncRead + Unpin,
    mut worker: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    let mut frames = Frames::default();
    loop {
        let length = client.read(&mut buffer).await?;
        if length == 0 {
            return worker.shutdown().await;
        }
        frames.follow(&buffer[..length]);
        worker.write_all(&buffer[..length]).await?;
        if frames.closed {
            return Ok(());
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    Worker,
    Restart,
}

async fn downwards(
    mut worker: impl AsyncRead + Unpin,
    mut client: impl AsyncWrite + Unpin,
    restart: CancellationToken,
) -> io::Result<End> {
    let mut buffer = vec![0; BUFFER];
    let mut frames = Frames::default();
    loop {
        let length = tokio::select! {
            biased;
            () = restart.cancelled(), if frames.at_border() && !frames.closed => {
                client.write_all(SERVICE_RESTART).await?;
                client.flush().await?;
                return Ok(End::Restart);
            }
            length = worker.read(&mut buffer) => length?,
        };
        if length == 0 {
            client.shutdown().await?;
            return Ok(End::Worker);
        }
        let border = frames.follow(&buffer[..length]);
        if restart.is_cancelled()
            && !frames.closed
            && let Some(border) = border
        {
            client.write_all(&buffer[..border]).await?;
            client.write_all(SERVICE_RESTART).await?;
            client.flush().await?;
            return Ok(End::Restart);
        }
        client.write_all(&buffer[..length]).await?;
    }
}

/// Where in a stream of frames one is. Only headers are read.
#[derive(Debug, Default)]
struct Frames {
    header: [u8; Self::LONGEST_HEADER],
    header_length: usize,
    /// Bytes of payload still to come.
    payload: u64,
    /// A Close frame went by.
    closed: bool,
}

impl Frames {
    /// Two bytes, a length of eight and a mask of four.
    const LONGEST_HEADER: usize = 14;

    fn at_border(&self) -> bool {
        self.header_length == 0 && self.payload == 0
    }

    /// Follows `bytes`. Answers the last border between frames in them.
    fn follow(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        let mut border = None;
        while at < bytes.len() {
            if self.payload > 0 {
                let left = bytes.len() - at;
                let step = usize::try_from(self.payload).map_or(left, |payload| payload.min(left));
                self.payload -= step as u64;
                at += step;
            } else {
                self.header[self.header_length] = bytes[at];
                self.header_length += 1;
                at += 1;
                if let Some(payload) = self.payload_length() {
                    const CLOSE: u8 = 8;
                    self.closed |= self.header[0] & 0x0f == CLOSE;
                    self.header_length = 0;
                    self.payload = payload;
                }
            }
            if self.at_border() {
                border = Some(at);
            }
        }
        border
    }

    /// `None` while the header is incomplete.
    fn payload_length(&self) -> Option<u64> {
        let header = &self.header[..self.header_length];
        let [_, second, rest @ ..] = header else {
            return None;
        };
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        let (extended, length) = match second & 0x7f {
            126 => (2, u64::from(u16::from_be_bytes(*rest.first_chunk()?))),
            127 => (8, u64::from_be_bytes(*rest.first_chunk()?)),
            short => (0, u64::from(short)),
        };
        (rest.len() == extended + mask).then_some(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three frames: short, of 300 bytes, and masked.
    fn stream() -> (Vec<u8>, Vec<usize>) {
        let mut bytes = vec![0x81, 2, b'h', b'i'];
        let mut borders = vec![bytes.len()];
        bytes.extend([0x82, 126, 1, 44]);
        bytes.extend([8; 300]);
        borders.push(bytes.len());
        bytes.extend([0x81, 0x83, 1, 2, 3, 4, b'a', b'b', b'c']);
        borders.push(bytes.len());
        (bytes, borders)
    }

    #[test]
    fn borders_are_found_however_the_stream_is_cut() {
        let (bytes, borders) = stream();
        for cut in 0..bytes.len() {
            let mut frames = Frames::default();
            let mut seen = Vec::new();
            for (offset, byte) in bytes.iter().enumerate() {
                if frames.follow(&[*byte]).is_some() {
                    seen.push(offset + 1);
                }
            }
            assert_eq!(seen, borders);
            let mut frames = Frames::default();
            let first = frames.follow(&bytes[..cut]);
            assert_eq!(
                first,
                borders.iter().copied().rfind(|border| *border <= cut)
            );
            assert_eq!(frames.at_border(), cut == 0 || borders.contains(&cut));
            frames.follow(&bytes[cut..]);
            assert!(frames.at_border());
            assert!(!frames.closed);
        }
    }

    #[test]
    fn a_close_frame_is_noticed_and_the_own_one_is_well_formed() {
        let mut frames = Frames::default();
        assert_eq!(frames.follow(SERVICE_RESTART), Some(SERVICE_RESTART.len()));
        assert!(frames.closed);
    }

    #[tokio::test]
    async fn a_restart_waits_for_the_border() {
        let (mut worker, worker_end) = tokio::io::duplex(1024);
        let (mut client, client_end) = tokio::io::duplex(1024);
        let restart = CancellationToken::new();
        let task = tokio::spawn(downwards(worker_end, client_end, restart.clone()));
        worker.write_all(b"\x81\x05he").await.unwrap();
        let mut seen = [0; 4];
        client.read_exact(&mut seen).await.unwrap();
        restart.cancel();
        worker.write_all(b"llo\x81\x02no\x81").await.unwrap();
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).await.unwrap();
        assert_eq!(
            rest,
            [b"llo\x81\x02no".as_slice(), SERVICE_RESTART].concat()
        );
        assert_eq!(task.await.unwrap().unwrap(), End::Restart);
    }
}

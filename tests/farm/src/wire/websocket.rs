//! One WebSocket under an incident. Good frames are the library's, spoiled ones are written by hand below it.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    sync::watch,
    time::{Instant, interval, sleep, sleep_until},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::Role},
};

use super::{Dials, EVENTS_EVERY, Fault, Upstream, bodies};

const TEXT: u8 = 0x1;
const CONTINUATION: u8 = 0x0;
const FINAL: u8 = 0x80;

/// Far more than any client sends ahead; beyond it the socket is closed.
const LONGEST_QUEUE: usize = 10_000;

pub(super) async fn speak<S, U>(stream: S, upstream: Arc<U>, mut fault: watch::Receiver<Fault>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
    U: Upstream,
{
    upstream.tally().websocket();
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
    let mut events = Arc::clone(&upstream).events();
    let mut tick = interval(EVENTS_EVERY);
    let mut waiting: VecDeque<(Instant, String)> = VecDeque::new();
    loop {
        let first = waiting.front().map_or_else(Instant::now, |(due, _)| *due);
        let received = tokio::select! {
            changed = fault.changed() => {
                if changed.is_err() || ends(*fault.borrow()) || hang(&mut fault).await.is_err() {
                    return;
                }
                continue;
            }
            () = sleep_until(first), if !waiting.is_empty() => {
                let text = waiting.pop_front().map(|(_, text)| text).unwrap_or_default();
                if socket.send(Message::text(text)).await.is_err() {
                    return;
                }
                continue;
            }
            _ = tick.tick() => {
                waiting.extend(events.due().into_iter().map(|text| (Instant::now(), text)));
                continue;
            }
            received = socket.next() => received,
        };
        let text = match received {
            Some(Ok(Message::Text(text))) => text,
            // Pings are answered by the library.
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
            _ => return,
        };
        let answer = events.take(&text).or_else(|| upstream.message(&text));
        let view = upstream.view();
        let delay = if view.fault == Fault::Slow {
            view.dials.delay_ms
        } else {
            0
        };
        if matches!(view.fault, Fault::Healthy | Fault::Slow) && waiting.len() < LONGEST_QUEUE {
            waiting.extend(answer.map(|text| (Instant::now() + Duration::from_millis(delay), text)));
            continue;
        }
        if spoil(socket.get_mut(), &answer.unwrap_or_default(), view.fault, &view.dials)
            .await
            .is_err()
        {
            return;
        }
    }
}

/// Incidents that a server could not have while a WebSocket stays open.
fn ends(fault: Fault) -> bool {
    matches!(fault, Fault::Html | Fault::Status | Fault::Redirect)
}

/// Sends what is left of an answer; an error means that the socket is to be dropped.
async fn spoil<S>(stream: &mut S, answer: &str, fault: Fault, dials: &Dials) -> std::io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (half, _) = answer.as_bytes().split_at_checked(answer.len() / 2).unwrap_or_default();
    match fault {
        // What was asked stays without an answer; the wait itself is in `hang`.
        Fault::Silent => return Ok(()),
        Fault::HalfOpen | Fault::Truncated => {
            stream.write_all(&header(FINAL | TEXT, answer.len())).await?;
            stream.write_all(half).await?;
            stream.flush().await?;
            if fault == Fault::HalfOpen {
                return drain(stream).await;
            }
        }
        Fault::Drip => {
            stream.write_all(&header(FINAL | TEXT, answer.len())).await?;
            for byte in answer.as_bytes() {
                stream.flush().await?;
                sleep(Duration::from_millis(dials.drip_ms)).await;
                stream.write_u8(*byte).await?;
            }
            return stream.flush().await;
        }
        Fault::Huge => return fragments(stream, bodies::padded(answer, dials.huge_bytes)).await,
        _ => (),
    }
    Err(std::io::ErrorKind::ConnectionAborted.into())
}

/// Says nothing, not even to a ping, until the incident is over: the process at this end hangs.
async fn hang(fault: &mut watch::Receiver<Fault>) -> Result<(), watch::error::RecvError> {
    fault.wait_for(|fault| *fault != Fault::Silent).await.map(drop)
}

/// Takes everything, says nothing: what comes next in the broken frame is never sent.
async fn drain<S: AsyncRead + Unpin>(stream: &mut S) -> std::io::Result<()> {
    let mut bytes = [0; 4096];
    while stream.read(&mut bytes).await? > 0 {}
    Err(std::io::ErrorKind::UnexpectedEof.into())
}

/// One message, a frame for each piece.
async fn fragments<S: AsyncWrite + Unpin>(stream: &mut S, pieces: impl Iterator<Item = Bytes>) -> std::io::Result<()> {
    let mut opcode = TEXT;
    for piece in pieces {
        stream.write_all(&header(opcode, piece.len())).await?;
        stream.write_all(&piece).await?;
        opcode = CONTINUATION;
    }
    stream.write_all(&header(FINAL | CONTINUATION, 0)).await?;
    stream.flush().await
}

/// The head of a frame (RFC 6455, 5.2) in its shortest form; servers do not mask.
fn header(first: u8, length: usize) -> Vec<u8> {
    let mut header = vec![first];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < 126 => header.push(short),
        (_, Ok(medium)) => {
            header.push(126);
            header.extend(medium.to_be_bytes());
        }
        _ => {
            header.push(127);
            header.extend(u64::try_from(length).unwrap_or(u64::MAX).to_be_bytes());
        }
    }
    header
}

//! HTTP bodies that go wrong: half, dripping, short, huge.

use std::{convert::Infallible, io, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt as _, future, stream};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;
use tokio::time::sleep;

pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Padding goes out in pieces of this size, so that 100 MB cost the sender nothing.
static PADDING: [u8; 64 * 1024] = [b'x'; 64 * 1024];

/// Time for the first part to leave before the connection is closed on purpose.
const FLUSH: Duration = Duration::from_millis(50);

pub(super) fn full(bytes: Bytes) -> Body {
    Full::new(bytes)
        .map_err(|never: Infallible| match never {})
        .boxed_unsync()
}

/// Not announced by its length, since nobody knows it yet.
pub(super) fn pieces(pieces: Box<dyn Iterator<Item = Bytes> + Send>) -> Body {
    streamed(stream::iter(pieces).map(Ok))
}

/// The first half, then nothing for ever.
pub(super) fn half(bytes: &Bytes) -> Body {
    let first = bytes.slice(..bytes.len() / 2);
    streamed(stream::once(future::ready(Ok(first))).chain(stream::pending()))
}

/// One byte each `period`.
pub(super) fn drip(bytes: Bytes, period: Duration) -> Body {
    streamed(stream::unfold(bytes, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        sleep(period).await;
        Some((Ok(rest.split_to(1)), rest))
    }))
}

/// All of it, then the connection is closed although more was announced.
pub(super) fn cut_off(bytes: Bytes) -> Body {
    let end = async {
        sleep(FLUSH).await;
        Err(io::Error::from(io::ErrorKind::ConnectionAborted))
    };
    streamed(stream::once(future::ready(Ok(bytes))).chain(stream::once(end)))
}

/// The answer with `size` bytes of padding inside.
pub(super) fn huge(answer: &str, size: u64) -> Body {
    let pieces = padded(answer, size);
    streamed(stream::iter(pieces).map(Ok))
}

/// `answer`, a JSON object or array, with a string of `size` bytes as its first member.
pub(super) fn padded(answer: &str, size: u64) -> impl Iterator<Item = Bytes> + use<> {
    let (open, rest) = answer.split_at_checked(1).unwrap_or(("", ""));
    let name = if open == "{" { "\"padding\":" } else { "" };
    let comma = if rest.starts_with(['}', ']']) { "" } else { "," };
    let head = Bytes::from(format!("{open}{name}\""));
    let tail = Bytes::from(format!("\"{comma}{rest}"));
    let mut left = usize::try_from(size).unwrap_or(usize::MAX);
    let padding = std::iter::from_fn(move || {
        let now = left.min(PADDING.len());
        left -= now;
        PADDING
            .get(..now)
            .filter(|piece| !piece.is_empty())
            .map(Bytes::from_static)
    });
    std::iter::once(head).chain(padding).chain(std::iter::once(tail))
}

fn streamed(stream: impl stream::Stream<Item = io::Result<Bytes>> + Send + 'static) -> Body {
    StreamBody::new(stream.map(|bytes| bytes.map(Frame::data))).boxed_unsync()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_leaves_valid_json_with_the_answer_in_it() {
        for (answer, size) in [(r#"{"id":1}"#, 200_000), ("{}", 3), ("[1]", 70_000)] {
            let text: Vec<u8> = padded(answer, size).flatten().collect();
            let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
            assert!(text.len() > usize::try_from(size).unwrap());
            assert_eq!(value.get("id").is_some(), answer.contains("id"));
        }
    }
}

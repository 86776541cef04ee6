//! The body of an answer while it comes: bounded by itself, and together with the other large ones.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Why;
use crate::values::Size;

/// From here on an answer is a large one.
const LARGE: usize = 1 << 20;

/// Large answers that are held at once, whoever sends them: an upstream that lies about its size takes one place, and
/// all together cannot take the machine's memory. The others wait, within their deadlines.
pub(super) const LARGE_AT_ONCE: usize = 2;

/// What has come of an answer.
pub(super) struct Body {
    cap: Size,
    large: Arc<Semaphore>,
    cutting: bool,
    bytes: BytesMut,
    place: Option<OwnedSemaphorePermit>,
}

impl Body {
    /// `told` is the length that the upstream says it has. What is beyond the cap is a fault, or with `cutting` left out.
    pub(super) fn new(cap: Size, large: &Arc<Semaphore>, told: Option<u64>, cutting: bool) -> Result<Self, Why> {
        let told = told.unwrap_or_default();
        if told > cap.bytes() && !cutting {
            return Err(Why::TooLarge(cap));
        }
        Ok(Self {
            cap,
            large: Arc::clone(large),
            cutting,
            // Growing step by step would take twice the memory for a moment; what is not written to costs nothing.
            bytes: BytesMut::with_capacity(usize::try_from(told.min(cap.bytes())).unwrap_or_default()),
            place: None,
        })
    }

    /// Whether there is room for more.
    pub(super) async fn push(&mut self, chunk: &[u8]) -> Result<bool, Why> {
        let cap = usize::try_from(self.cap.bytes()).unwrap_or(usize::MAX);
        let length = self.bytes.len() + chunk.len();
        if length > cap {
            let (fits, _) = chunk.split_at_checked(cap - self.bytes.len()).unwrap_or_default();
            self.bytes.extend_from_slice(fits);
            return if self.cutting {
                Ok(false)
            } else {
                Err(Why::TooLarge(self.cap))
            };
        }
        if self.place.is_none() && length > LARGE {
            let waited = Arc::clone(&self.large).acquire_owned().await;
            self.place = Some(waited.map_err(|e| Why::Internal(e.to_string()))?);
        }
        self.bytes.extend_from_slice(chunk);
        Ok(true)
    }

    pub(super) fn finish(self) -> Bytes {
        match self.place {
            Some(place) => Bytes::from_owner(Held {
                body: self.bytes,
                _place: place,
            }),
            None => self.bytes.freeze(),
        }
    }
}

/// A large answer with its place, which is free again when the last handle to the bytes is gone.
struct Held {
    body: BytesMut,
    _place: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use url::Url;

    use super::*;
    use crate::upstream::{Http, Upstream};

    /// A server that gives every request an answer of so many bytes.
    async fn server(length: usize) -> Url {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut request = [0; 1024];
                    drop(stream.read(&mut request).await);
                    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
                    drop(stream.write_all(head.as_bytes()).await);
                    drop(stream.write_all(&vec![b'x'; length]).await);
                });
            }
        });
        url
    }

    #[tokio::test]
    async fn only_some_large_answers_are_held_at_once() {
        let upstream = Upstream::from_system().unwrap();
        let within = |deadline| Http::new(&upstream, "test".to_owned(), deadline, Size::from_bytes(64 << 20));
        let (patient, hasty) = (within(Duration::from_secs(20)), within(Duration::from_millis(300)));
        let large = server(LARGE + 1).await;
        let small = server(1000).await;
        let mut held = Vec::new();
        for _ in 0..LARGE_AT_ONCE {
            held.push(patient.get(&large, "get").await.unwrap());
        }
        let refused = hasty.get(&large, "get").await.unwrap_err();
        assert!(matches!(refused.why, Why::Timeout(_)), "{refused}");
        assert_eq!(patient.get(&small, "get").await.unwrap().len(), 1000);
        // A slice keeps the place as the whole does.
        let slice = held.pop().unwrap().slice(..1);
        assert!(hasty.get(&large, "get").await.is_err());
        drop(slice);
        assert_eq!(patient.get(&large, "get").await.unwrap().len(), LARGE + 1);
    }

    #[tokio::test]
    async fn an_answer_beyond_the_cap_is_given_up_or_cut_off_there() {
        let upstream = Upstream::from_system().unwrap();
        let cap = Size::from_bytes(1000);
        let http = Http::new(&upstream, "test".to_owned(), Duration::from_secs(20), cap);
        let (longer, exact) = (server(1001).await, server(1000).await);
        assert_eq!(http.get(&longer, "get").await.unwrap_err().why, Why::TooLarge(cap));
        assert_eq!(http.get(&exact, "get").await.unwrap().len(), 1000);
        let cutting = http.cutting();
        assert_eq!(cutting.get(&longer, "get").await.unwrap().len(), 1000);
        assert_eq!(cutting.get(&server(10).await, "get").await.unwrap().len(), 10);
    }
}

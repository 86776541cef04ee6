//! `farmwarden healthy`: whether a farmwarden runs here, as an exit code, for whatever watches processes.

use std::process::ExitCode;

use super::running::{self, At};
use super::runtime;
use super::terminal::Text;

pub(super) const EXAMPLES: &str = "Examples:
  farmwarden healthy
      Does it run? This is the health check of the container.
  farmwarden healthy --ready
      Has every target been looked at once? What is missing is said.
  farmwarden healthy --web.control-socket /run/farmwarden/control.sock
      Ask there and nowhere else.

The control socket is asked first: it speaks no TLS and wants no certificate or password, whatever web.yml says. Without
one the port is asked, in plain HTTP.
Exit code: 0 it is, 1 it is not or nobody answers, 2 wrong arguments.";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Ask for more: every part of every target had its first round.
    #[arg(long)]
    ready: bool,
    #[command(flatten)]
    at: At,
}

pub(super) fn run(args: &Args) -> ExitCode {
    let path = if args.ready { "/-/ready" } else { "/-/healthy" };
    runtime(async {
        let words = running::state(&args.at.places(), path).await?;
        let mut text = Text::for_stdout();
        text.wrapped(0, &words);
        Ok(text.print().err().unwrap_or(ExitCode::SUCCESS))
    })
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::UnixListener;

    use super::super::running::Place;
    use super::*;

    /// What is said of somebody who answers like that, without the place.
    async fn said(answer: &'static str) -> Result<String, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("control.sock");
        let listener = UnixListener::bind(&path).unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = [0; 1024];
            let length = stream.read(&mut asked).await.unwrap();
            assert!(asked[..length].starts_with(b"GET /-/ready HTTP/1.1\r\n"));
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        let shown = path.display().to_string();
        let without = |words: String| words.replace(&shown, "PLACE");
        let state = running::state(&[Place::Socket(path)], "/-/ready").await;
        state.map(without).map_err(without)
    }

    #[tokio::test]
    async fn only_a_farmwarden_that_says_so_is_ready() {
        for (answer, expected) in [
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nfarmwarden is ready\n",
                Ok("farmwarden is ready (PLACE)"),
            ),
            (
                "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 15\r\n\r\nwaiting for: a\n",
                Err("PLACE: waiting for: a"),
            ),
            (
                "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
                Err("PLACE: it wants credentials; ask through its control socket"),
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nLotus\n",
                Err("PLACE: it answers, but not like a farmwarden"),
            ),
        ] {
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(said(answer).await, expected);
        }
    }

    #[tokio::test]
    async fn the_next_place_is_asked_where_nobody_answers() {
        let nobody = |port| Place::Address(format!("http://127.0.0.1:{port}").parse().unwrap());
        let state = running::state(&[nobody(1), nobody(2)], "/-/healthy").await;
        let refused = "http://127.0.0.1:1: connection refused; http://127.0.0.1:2: connection refused";
        assert_eq!(state.unwrap_err(), refused);
    }
}

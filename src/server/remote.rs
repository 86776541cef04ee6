//! `POST /-/remote`: another farmwarden asks for a repair, or how one stands. Who it is shows the signature, so the route has no
//! other credentials.
//!
//! | answer | when |
//! |---|---|
//! | 200 | how it stands, in JSON |
//! | 401 | it is not signed by somebody who is known |
//! | 403 | it is not taken, and why, in JSON |
//! | 403 | it came over the network without TLS |
//! | 404 | nobody may ask here: no `callers` |
//! | 409 | it is signed, and the clocks are too far apart, or it cannot be read |
//! | 503 | it cannot be recorded |

use hyper::StatusCode;
use hyper::body::Incoming;

use super::answer::Answer;
use super::{api, orders};
use crate::access::Via;
use crate::actions::remote::{Course, LARGEST_BODY, Unsealed};
use crate::remedy::{NotTaken, Repairs};

/// In words for whoever sent it: from a farmwarden it does not come so.
const NO_TLS: &str = "requests of other farmwardens are taken over the network with TLS only (web.yml), and without it on this \
                      machine: a proxy that ends TLS must run here";

/// Over the network a request without TLS has shown its words to whoever listens, and nobody knows who will read the answer.
const fn is_in_the_open(via: Via) -> bool {
    match via {
        Via::Tcp(tcp) => !tcp.tls && !tcp.to_loopback,
        Via::Socket { .. } | Via::Remote => false,
    }
}

/// Nothing where nobody may ask.
pub(super) async fn take(repairs: &Repairs, via: Via, body: Incoming) -> Option<Answer> {
    // First: whoever is told of TLS would look for the mistake there.
    if !repairs.has_callers() {
        return None;
    }
    if is_in_the_open(via) {
        return Some(Answer::words(StatusCode::FORBIDDEN, NO_TLS));
    }
    let largest = usize::try_from(LARGEST_BODY).unwrap_or(usize::MAX);
    let body = match orders::received(body, largest).await {
        Ok(body) => body,
        Err(answer) => return Some(answer),
    };
    let asked = repairs.asked(&body).await;
    let not_taken = match asked {
        Ok(answer) => {
            let text = serde_json::to_vec(&answer).unwrap_or_default();
            let status = if answer.course == Course::Declined {
                StatusCode::FORBIDDEN
            } else {
                StatusCode::OK
            };
            return Some(Answer {
                status,
                ..Answer::page(api::JSON, text, ())
            });
        }
        Err(not_taken) => not_taken,
    };
    let status = match &not_taken {
        NotTaken::NoCallers => return None,
        NotTaken::Unsealed(Unsealed::Unproven) => StatusCode::UNAUTHORIZED,
        NotTaken::Unsealed(Unsealed::Refused(_)) => StatusCode::CONFLICT,
        NotTaken::Unrecorded(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    Some(Answer::words(status, not_taken.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Tcp;

    #[test]
    fn over_the_network_requests_need_tls_and_on_this_machine_none() {
        let tcp = |to_loopback, tls| {
            Via::Tcp(Tcp {
                peer: "10.0.0.9".parse().unwrap(),
                to_loopback,
                tls,
            })
        };
        for (via, is_refused) in [
            (tcp(false, false), true),
            (tcp(false, true), false),
            (tcp(true, false), false),
            (Via::Remote, false),
            (Via::Socket { trusted: true }, false),
        ] {
            assert_eq!(is_in_the_open(via), is_refused, "{via:?}");
        }
    }
}

//! `POST /-/remote`: another farmwarden asks for a repair, or how one stands. Who it is shows the signature, so the route has no
//! other credentials.
//!
//! | answer | when |
//! |---|---|
//! | 200 | how it stands, in JSON |
//! | 401 | it is not signed by somebody who is known |
//! | 403 | it is not taken, and why, in JSON |
//! | 404 | nobody may ask here: no `callers` |
//! | 409 | it is signed, and the clocks are too far apart, or it cannot be read |
//! | 503 | it cannot be recorded |

use hyper::StatusCode;
use hyper::body::Incoming;

use super::answer::Answer;
use super::{api, orders};
use crate::actions::remote::{Course, LARGEST_BODY, Unsealed};
use crate::remedy::{NotTaken, Repairs};

/// Nothing where nobody may ask.
pub(super) async fn take(repairs: &Repairs, body: Incoming) -> Option<Answer> {
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

//! Prometheus' HTTP API, as far as it is needed to look at the past: a range query, and the series that it gives.
//!
//! Source: prometheus/docs, `querying/api.md` ("Range queries"), the same since 2.0.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::{Fault, Http, Token, Upstream, Why};
use crate::clock::UnixTime;
use crate::values::{self, Endpoint, Size};

/// One question. Prometheus itself gives up after 2 minutes unless told otherwise.
const WITHIN: Duration = Duration::from_secs(120);
/// Some hundred points of the largest farm known.
const LARGEST: Size = Size::from_bytes(64 << 20);
/// Points of a series in one answer; Prometheus gives 11,000 at most.
pub const MOST_POINTS: u32 = 240;

pub struct Prometheus {
    http: Http,
    address: Endpoint,
}

/// One series with what it was at the points of time that were asked for; where it was not, there is none.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    pub labels: BTreeMap<String, String>,
    pub points: Vec<(UnixTime, f64)>,
}

impl Prometheus {
    /// At its own address, or below the path that a proxy has for it. Nothing is asked yet.
    pub fn new(upstream: &Upstream, address: &Endpoint, token: Option<Token>) -> Self {
        let who = format!("prometheus {address}");
        Self {
            http: Http::new(upstream, who, WITHIN, LARGEST).with_token(token),
            address: address.clone(),
        }
    }

    /// What a query gave from one time to another, both counted, in whole seconds.
    pub async fn range(
        &self,
        query: &str,
        (from, to): (UnixTime, UnixTime),
        step: Duration,
    ) -> Result<Vec<Series>, Fault> {
        const OPERATION: &str = "query_range";
        let mut url = self.address.url().clone();
        let path = format!("{}/api/v1/query_range", url.path().trim_end_matches('/'));
        url.set_path(&path);
        let seconds = |time: UnixTime| time.since_epoch().as_secs().to_string();
        url.query_pairs_mut()
            .clear()
            .append_pair("query", query)
            .append_pair("start", &seconds(from))
            .append_pair("end", &seconds(to))
            .append_pair("step", &step.as_secs().to_string());
        let reply = self.http.get_any(&url, OPERATION).await?;
        read(reply.status, &reply.body).map_err(|why| Fault::new(self.http.who(), OPERATION, why))
    }
}

#[derive(Deserialize)]
struct Answer {
    data: Option<Data>,
    error: Option<String>,
    /// What is missing in the answer, where several places were asked.
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "resultType")]
    kind: String,
    result: Vec<Raw>,
}

#[derive(Deserialize)]
struct Raw {
    metric: BTreeMap<String, String>,
    /// Seconds, and the value as text: JSON has no infinity.
    #[serde(default)]
    values: Vec<(f64, String)>,
}

fn read(status: u16, body: &[u8]) -> Result<Vec<Series>, Why> {
    let answer: Answer = match serde_json::from_slice(body) {
        Ok(answer) => answer,
        Err(_) if status == 200 => return Err(Why::malformed("it does not answer like Prometheus")),
        Err(_) => return Err(Why::Status(status, "")),
    };
    if let Some(words) = answer.error {
        return Err(Why::upstream(values::clean(&words)));
    }
    // What could not be asked would look like a time in which nothing happened.
    if let Some(warning) = answer.warnings.first() {
        let words = format!("its answer is not whole: {}", values::clean(warning));
        return Err(Why::upstream(&words));
    }
    match answer.data {
        Some(data) if data.kind == "matrix" => data.result.into_iter().map(series).collect(),
        _ => Err(Why::malformed("it gives no range of values")),
    }
}

fn series(raw: Raw) -> Result<Series, Why> {
    let points = raw.values.into_iter().map(|(seconds, value)| {
        let time = Duration::try_from_secs_f64(seconds).ok().map(UnixTime::from_duration);
        time.zip(value.parse().ok())
            .ok_or_else(|| Why::malformed("a point has no time or no value"))
    });
    Ok(Series {
        points: points.collect::<Result<_, _>>()?,
        labels: raw.metric,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_with_what_json_has_no_number_for() {
        let body = br#"{"status":"success","data":{"resultType":"matrix","result":[
            {"metric":{"__name__":"up","job":"a"},"values":[[1795262400,"1"],[1795262460.5,"NaN"],[1795262520,"+Inf"]]},
            {"metric":{}}
        ]}}"#;
        let read = read(200, body).unwrap();
        assert_eq!(read[0].labels["job"], "a");
        assert_eq!(read[0].points[0], (UnixTime::from_millis(1_795_262_400_000), 1.0));
        assert_eq!(read[0].points[1].0, UnixTime::from_millis(1_795_262_460_500));
        assert!(read[0].points[1].1.is_nan() && read[0].points[2].1.is_infinite());
        assert!(read[1].points.is_empty());
    }

    #[test]
    fn what_is_no_range_is_said_in_its_own_words() {
        for (status, body, words) in [
            (
                400,
                r#"{"status":"error","errorType":"bad_data","error":"exceeded 11,000 points"}"#,
                "exceeded 11,000 points",
            ),
            (
                200,
                r#"{"data":{"resultType":"matrix","result":[]},"warnings":["no store is there"]}"#,
                "its answer is not whole: no store is there",
            ),
            (502, "<html>", "502"),
            (200, "<html>", "it does not answer like Prometheus"),
            (
                200,
                r#"{"data":{"resultType":"vector","result":[]}}"#,
                "no range of values",
            ),
            (
                200,
                r#"{"data":{"resultType":"matrix","result":[{"metric":{},"values":[[-1,"1"]]}]}}"#,
                "no time",
            ),
            (
                200,
                r#"{"data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"x"]]}]}}"#,
                "no value",
            ),
        ] {
            let said = Fault::new("prometheus", "query_range", read(status, body.as_bytes()).unwrap_err()).to_string();
            assert!(said.contains(words), "{said}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_give_series_or_an_error(status: u16, body: Vec<u8>) {
            drop(read(status, &body));
        }
    }
}

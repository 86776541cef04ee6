//! gzip for scrapers that ask for it.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

/// Whether an `Accept-Encoding` header allows gzip.
pub(super) fn wants_gzip(accept_encoding: &str) -> bool {
    let mut any = false;
    for offer in accept_encoding.split(',') {
        let mut parts = offer.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let wanted = !parts.any(|parameter| matches!(parameter, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
        if name.eq_ignore_ascii_case("gzip") {
            // What is said of gzip itself counts more than what is said of everything.
            return wanted;
        }
        any |= name == "*" && wanted;
    }
    any
}

/// At level 1: higher levels save little on this text and cost several times as much. `None` only without memory.
pub(super) fn gzip(body: &[u8]) -> Option<Vec<u8>> {
    // Pages shrink to less than a tenth.
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 8), Compression::fast());
    encoder.write_all(body).ok()?;
    encoder.finish().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn gzip_is_used_only_when_it_is_wanted() {
        for yes in ["gzip", "deflate, gzip;q=0.5", "GZIP", "*", "br, *;q=0.1"] {
            assert!(wants_gzip(yes), "{yes}");
        }
        for no in [
            "",
            "identity",
            "gzip;q=0",
            "*, gzip;q=0",
            "gzip;q=0, *",
            "br",
            "gzip; q=0.000",
        ] {
            assert!(!wants_gzip(no), "{no}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_header_is_read(header in ".*") {
            wants_gzip(&header);
        }
    }

    #[test]
    fn what_is_compressed_comes_out_the_same() {
        let body = "farmwarden_build_info 1\n".repeat(1000);
        let mut plain = String::new();
        flate2::read::GzDecoder::new(gzip(body.as_bytes()).unwrap().as_slice())
            .read_to_string(&mut plain)
            .unwrap();
        assert_eq!(plain, body);
    }
}

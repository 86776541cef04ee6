//! The networks in which an address must lie that somebody else chose: checked on the very address that is dialled.
//!
//! Names are looked up once, and what lies outside is taken out of the answer before anybody connects to it
//! (`dns.rs`); so a name that means something else a moment later gains nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use url::{Host, Url};

use super::Why;
use crate::values::Network;

/// Where the addresses of others may lie.
#[derive(Clone, Debug)]
pub struct Fence {
    networks: Arc<[Network]>,
    key: &'static str,
}

/// Ranges that a wide network like 0.0.0.0/0 does not open: what lies there is this machine itself, or its neighbours'
/// services that trust whoever is near. A network within the range does open it.
const SPECIAL: [(Network, &str); 8] = [
    (Network::v4(Ipv4Addr::new(127, 0, 0, 0), 8), "loopback"),
    (Network::v4(Ipv4Addr::new(169, 254, 0, 0), 16), "link-local"),
    (Network::v4(Ipv4Addr::new(224, 0, 0, 0), 4), "multicast"),
    (Network::v4(Ipv4Addr::new(240, 0, 0, 0), 4), "reserved"),
    // 0.0.0.0 reaches this machine too.
    (Network::v4(Ipv4Addr::UNSPECIFIED, 8), "unspecified"),
    // `::`, `::1`, and IPv4 in the form that nobody uses any more.
    (Network::v6(Ipv6Addr::UNSPECIFIED, 96), "loopback"),
    (
        Network::v6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
        "link-local",
    ),
    (Network::v6(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8), "multicast"),
];

impl Fence {
    /// `key` is where the networks are configured; every refusal names it.
    pub fn new(networks: &[Network], key: &'static str) -> Self {
        Self {
            networks: networks.into(),
            key,
        }
    }

    pub(super) fn check(&self, address: IpAddr) -> Result<(), Why> {
        let special = SPECIAL.iter().find(|(range, _)| range.contains(address));
        let opens =
            |network: &Network| network.contains(address) && special.is_none_or(|(range, _)| range.covers(network));
        if self.networks.iter().any(opens) {
            return Ok(());
        }
        let (address, key) = (address.to_canonical(), self.key);
        Err(Why::Outside(match special {
            None => format!("{address} lies outside of `{key}`, so it is not asked"),
            Some((_, kind)) => {
                format!("{address} is a {kind} address, so it is not asked unless `{key}` has a network for it alone")
            }
        }))
    }

    /// An address in a URL is never looked up, so it is checked here; a name when it is looked up.
    pub(super) fn check_url(&self, url: &Url) -> Result<(), Why> {
        match url.host() {
            Some(Host::Ipv4(address)) => self.check(address.into()),
            Some(Host::Ipv6(address)) => self.check(address.into()),
            Some(Host::Domain(_)) | None => Ok(()),
        }
    }

    /// The addresses of a name that may be dialled.
    pub(super) fn within(&self, host: &str, addresses: Vec<IpAddr>) -> Result<Vec<IpAddr>, Why> {
        let mut refused = None;
        let mut inside = Vec::new();
        for address in addresses {
            match self.check(address) {
                Ok(()) => inside.push(address),
                Err(why) => refused = Some(why),
            }
        }
        match refused {
            Some(why) if inside.is_empty() => Err(Why::Outside(format!("the name `{host}` does not help: {why}"))),
            _ => Ok(inside),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fence(networks: &[&str]) -> Fence {
        let networks: Vec<Network> = networks.iter().map(|text| text.parse().unwrap()).collect();
        Fence::new(&networks, "pruntimes.networks")
    }

    fn refusal(fence: &Fence, url: &str) -> Option<String> {
        let url = Url::parse(url).unwrap();
        fence.check_url(&url).err().map(|why| why.to_string())
    }

    #[test]
    fn an_address_outside_is_refused_in_words_that_name_the_key() {
        let farm = fence(&["10.0.0.0/8", "fd00::/8"]);
        assert_eq!(refusal(&farm, "http://10.1.0.1:8000"), None);
        assert_eq!(refusal(&farm, "http://[fd00::1]:8000"), None);
        assert_eq!(
            refusal(&farm, "http://192.168.2.1:8000").unwrap(),
            "192.168.2.1 lies outside of `pruntimes.networks`, so it is not asked"
        );
        assert!(refusal(&fence(&[]), "http://10.1.0.1").is_some());
    }

    #[test]
    fn every_way_to_write_an_address_is_seen_through() {
        let farm = fence(&["10.0.0.0/8"]);
        for dressed in [
            "http://2130706433/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://127.1/",
            "http://127.0.0.1./",
            "http://[::ffff:127.0.0.1]/",
            "http://[::ffff:7f00:1]/",
            "http://[::127.0.0.1]/",
            "http://%31%32%37.0.0.1/",
            "http://１２７.0.0.1/",
        ] {
            assert!(refusal(&farm, dressed).is_some(), "{dressed}");
        }
        assert_eq!(refusal(&farm, "http://[::ffff:10.0.0.1]/"), None);
        assert_eq!(refusal(&farm, "http://167772161/"), None);
    }

    #[test]
    fn a_wide_network_does_not_open_what_is_near() {
        let wide = fence(&["0.0.0.0/0", "::/0"]);
        let near = [
            "127.0.0.1",
            "0.0.0.0",
            "169.254.169.254",
            "224.0.0.1",
            "255.255.255.255",
            "[::1]",
            "[::]",
            "[fe80::1]",
            "[ff02::1]",
            "[::ffff:127.0.0.1]",
        ];
        for near in near {
            let words = refusal(&wide, &format!("http://{near}:8000")).unwrap();
            assert!(
                words.contains("`pruntimes.networks` has a network for it alone"),
                "{near}: {words}"
            );
        }
        assert_eq!(refusal(&wide, "http://203.0.113.9"), None);
        assert_eq!(refusal(&wide, "http://[2001:db8::1]"), None);
        assert_eq!(refusal(&fence(&["127.0.0.0/8"]), "http://127.0.0.1"), None);
        assert_eq!(refusal(&fence(&["::1"]), "http://[::1]"), None);
        assert!(refusal(&fence(&["127.0.0.2"]), "http://127.0.0.1").is_some());
    }

    #[test]
    fn of_a_name_only_addresses_inside_are_left() {
        let farm = fence(&["10.0.0.0/8"]);
        let addresses = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
        let both = addresses(&["127.0.0.1", "10.0.0.1"]);
        assert_eq!(farm.within("w1", both), Ok(addresses(&["10.0.0.1"])));
        let outside = farm.within("w1", addresses(&["192.168.2.1"])).unwrap_err();
        assert_eq!(
            outside.to_string(),
            "the name `w1` does not help: 192.168.2.1 lies outside of `pruntimes.networks`, so it is not asked"
        );
    }
}

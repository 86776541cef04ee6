//! A network of IP addresses in CIDR notation, such as `10.0.0.0/8` or `fd00::/8`; an address alone is a network of one.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;

/// A checked network: nothing behind its length, and never IPv4 dressed as IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    /// For constants: a length beyond 32 does not compile there.
    pub const fn v4(address: Ipv4Addr, length: u8) -> Self {
        Self(IpNet::new_assert(IpAddr::V4(address), length))
    }

    /// For constants: a length beyond 128 does not compile there.
    pub const fn v6(address: Ipv6Addr, length: u8) -> Self {
        Self(IpNet::new_assert(IpAddr::V6(address), length))
    }

    /// Whether the address lies in it. `::ffff:10.0.0.1` is 10.0.0.1: that is where a connection to it goes.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// Whether all of the other network lies in it.
    pub fn covers(&self, other: &Self) -> bool {
        self.0.contains(&other.0)
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let like = "write it like 10.0.0.0/8, fd00::/8 or 10.0.0.31";
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address
            .parse()
            .map_err(|_| format!("`{text}` does not begin with an IP address; {like}"))?;
        if address != address.to_canonical() {
            let plain = address.to_canonical();
            return Err(format!("`{text}` is IPv4 written as IPv6; write it like {plain}"));
        }
        let whole: u8 = if address.is_ipv4() { 32 } else { 128 };
        let length = match length {
            None => whole,
            Some(length) => length
                .parse()
                .ok()
                .filter(|length| *length <= whole)
                .ok_or_else(|| format!("the length of `{text}` is no number from 0 to {whole}; {like}"))?,
        };
        let network = IpNet::new(address, length).map_err(|e| format!("`{text}` is no network ({e}); {like}"))?;
        if network.trunc() != network {
            let meant = network.trunc();
            return Err(format!(
                "`{text}` has an address inside of the network; is the network {meant} meant, or {address} alone?"
            ));
        }
        Ok(Self(network))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

super::deserialize_from_str!(Network, "a network like 10.0.0.0/8 or fd00::/8");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_contains_the_addresses_of_its_beginning_and_no_others() {
        let cases = [
            ("10.0.0.0/8", "10.255.255.255", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.31", "10.0.0.31", true),
            ("10.0.0.31", "10.0.0.30", false),
            ("192.168.2.128/25", "192.168.2.127", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "fd00::1", false),
            ("fd00::/8", "fdff::1", true),
            ("fd00::/8", "fe00::1", false),
            ("::/0", "10.0.0.1", false),
        ];
        for (net, inside, expected) in cases {
            assert_eq!(network(net).contains(address(inside)), expected, "{inside} in {net}");
        }
    }

    #[test]
    fn ipv4_dressed_as_ipv6_is_what_it_is_underneath() {
        assert!(network("10.0.0.0/8").contains(address("::ffff:10.0.0.1")));
        assert!(!network("::/0").contains(address("::ffff:10.0.0.1")));
    }

    #[test]
    fn a_mistake_is_told_with_what_was_probably_meant() {
        let cases = [
            ("10.0.0.5/8", "is the network 10.0.0.0/8 meant, or 10.0.0.5 alone?"),
            ("10.0.0.0/33", "is no number from 0 to 32"),
            ("10.0.0.0/255.0.0.0", "is no number from 0 to 32"),
            ("fd00::/129", "is no number from 0 to 128"),
            ("10.0.0/24", "does not begin with an IP address"),
            ("farm.lan", "does not begin with an IP address"),
            ("", "does not begin with an IP address"),
            ("::ffff:10.0.0.0/104", "write it like 10.0.0.0"),
        ];
        for (text, words) in cases {
            let error = text.parse::<Network>().unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn a_network_covers_its_parts_and_itself() {
        assert!(network("10.0.0.0/8").covers(&network("10.2.0.0/16")));
        assert!(network("10.0.0.0/8").covers(&network("10.0.0.0/8")));
        assert!(!network("10.2.0.0/16").covers(&network("10.0.0.0/8")));
        assert!(!network("0.0.0.0/0").covers(&network("fd00::/8")));
    }

    proptest! {
        #[test]
        fn any_text_gives_a_network_or_an_error(text in ".*|[0-9a-f.:]{0,20}/[0-9]{0,3}") {
            drop(text.parse::<Network>());
        }

        #[test]
        fn what_is_printed_reads_back_the_same(bits in any::<u32>(), length in 0_u8..=32) {
            let inside = IpAddr::V4(Ipv4Addr::from_bits(bits));
            let network = Network(IpNet::new(inside, length).unwrap().trunc());
            prop_assert_eq!(network.to_string().parse::<Network>().unwrap(), network);
            prop_assert!(network.contains(inside));
        }
    }
}

//! Which network addresses are public. Everything else is reached only if a grant names it as a literal.
//!
//! Registries: <https://www.iana.org/assignments/iana-ipv4-special-registry>,
//! <https://www.iana.org/assignments/iana-ipv6-special-registry>.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address is one of the public internet's, in whatever form it is written.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = a == 0                              // "this network"
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()                    // metadata services live here
        || (a == 100 && (64..128).contains(&b))       // carrier-grade NAT, and some clouds' metadata
        || (a == 192 && b == 0 && c == 0)             // protocol assignments
        || address.is_documentation()
        || (a == 198 && (b == 18 || b == 19))         // benchmarks
        || (a == 168 && b == 63 && c == 129)          // a cloud's platform service
        || a >= 224; // multicast, reserved, broadcast
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let [first, second, ..] = segments;
    let embedded = |high: u16, low: u16| is_public_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match segments {
        // IPv4-mapped, NAT64 (RFC 6052) and 6to4 (RFC 3056): what counts is the address within.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            embedded(high, low)
        }
        // Unspecified, loopback and the deprecated IPv4-compatible addresses; documentation.
        [0, 0, 0, 0, 0, 0, ..] | [0x2001, 0x0db8, ..] => false,
        // Teredo, benchmarks, ORCHID and other protocol assignments; then documentation again.
        [0x2001, ..] if second < 0x0200 => false,
        [0x3fff, ..] if second < 0x1000 => false,
        // Global unicast is 2000::/3; nothing else is routed on the public internet.
        _ => (first & 0xe000) == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;

    #[test]
    fn special_addresses_are_not_public_in_any_form() {
        for text in [
            "127.0.0.1",
            "127.8.9.10",
            "0.0.0.0",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.100.100.200",
            "168.63.129.16",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001:0:1::1",
            "2001:db8::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn ordinary_addresses_are_public() {
        for text in ["1.1.1.1", "93.184.216.34", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:1.1.1.1"] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }
}

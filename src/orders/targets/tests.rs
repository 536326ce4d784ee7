//! Tests of targets: the ways into a shop's own network that have worked elsewhere, and the edges of each block.

use proptest::prelude::*;

use super::*;

fn address(text: &str) -> IpAddr {
    text.parse().expect(text)
}

fn public(url: &str) -> Result<String, TargetError> {
    Target::parse(url, Reach::Public).map(|target| target.to_string())
}

#[test]
fn each_block_of_ipv4_that_is_not_public_is_refused_to_its_edges() {
    // Before the block, its first and last address, behind it; "-" where its neighbour isn't public either.
    for [before, first, last, behind] in [
        ["-", "0.0.0.0", "0.255.255.255", "1.0.0.0"],
        ["9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"],
        ["100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"],
        ["126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0"],
        ["169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0"],
        ["172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"],
        ["191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"],
        ["192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0"],
        ["192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0"],
        ["192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"],
        ["198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"],
        ["198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0"],
        ["203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0"],
        ["223.255.255.255", "224.0.0.0", "239.255.255.255", "-"],
        ["-", "240.0.0.0", "255.255.255.255", "-"],
    ] {
        for near in [before, behind].iter().filter(|near| **near != "-") {
            assert!(is_public(address(near)), "{near}");
        }
        for inside in [first, last] {
            assert!(!is_public(address(inside)), "{inside}");
        }
    }
}

#[test]
fn each_block_of_ipv6_that_is_not_public_is_refused_to_its_edges() {
    for (text, told) in [
        ("::", false),
        ("::1", false),
        // IPv4-compatible, given up.
        ("::8.8.8.8", false),
        ("::ffff:10.0.0.1", false),
        ("::ffff:169.254.169.254", false),
        ("::ffff:8.8.8.8", true),
        // Translated: the same four bytes one place further left.
        ("::ffff:0:8.8.8.8", false),
        ("64:ff9b::127.0.0.1", false),
        ("64:ff9b::192.168.0.1", false),
        ("64:ff9b::8.8.8.8", true),
        ("64:ff9b:1::8.8.8.8", false),
        ("100::1", false),
        ("100:0:0:1::1", false),
        ("1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false),
        ("2000::1", true),
        ("2001::1", false),
        // Teredo of 127.0.0.1's server, ORCHID, and the last of the block.
        ("2001:0:7f00:1::1", false),
        ("2001:20::1", false),
        ("2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", false),
        ("2001:200::1", true),
        ("2001:4860:4860::8888", true),
        ("2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", true),
        ("2001:db8::1", false),
        ("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", false),
        ("2001:db9::1", true),
        ("2002:7f00:1::1", false),
        ("2002:808:808::1", false),
        ("2003::1", true),
        ("2606:4700::6810:84e5", true),
        ("3ffe:ffff::1", true),
        ("3fff::1", false),
        ("3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", false),
        ("3fff:1000::1", true),
        ("4000::1", false),
        ("5f00::1", false),
        ("fc00::1", false),
        ("fd00:ec2::254", false),
        ("fe80::1", false),
        ("fec0::1", false),
        ("ff02::1", false),
    ] {
        assert_eq!(is_public(address(text)), told, "{text}");
    }
}

#[test]
fn the_known_ways_into_the_network_behind_are_closed() {
    use TargetError::{Characters, Fragment, Host, NotPublic, Port, Scheme, Userinfo};
    for (url, fault) in [
        ("http://169.254.169.254/latest/meta-data/", Scheme),
        ("https://169.254.169.254/latest/meta-data/", NotPublic),
        ("https://127.0.0.1/", NotPublic),
        ("https://127.0.0.1:8081/v1/admin/sales", NotPublic),
        ("https://[::1]/", NotPublic),
        ("https://[::]/", NotPublic),
        ("https://0.0.0.0/", NotPublic),
        ("https://[::ffff:10.0.0.1]/", NotPublic),
        ("https://[::ffff:a00:1]/", NotPublic),
        ("https://[64:ff9b::7f00:1]/", NotPublic),
        ("https://[2002:7f00:1::]/", NotPublic),
        ("https://[fe80::1%25eth0]/", Host),
        ("https://[fe80::1%eth0]/", Host),
        ("https://100.64.0.1/", NotPublic),
        ("https://0x7f000001/", Host),
        ("https://0X7F.1/", Host),
        ("https://2130706433/", Host),
        ("https://017700000001/", Host),
        ("https://0177.0.0.1/", Host),
        ("https://127.1/", Host),
        ("https://127.0.0.1./", Host),
        ("https://example.0x7f/", Host),
        ("https://localhost/", NotPublic),
        ("https://LocalHost/", NotPublic),
        ("https://a.localhost/", NotPublic),
        ("https://localhost./", Host),
        ("https://shop.example@127.0.0.1/", Userinfo),
        ("https://shop:secret@shop.example/", Userinfo),
        ("https://shop.example\\@127.0.0.1/", Characters),
        ("https://shop.example#@127.0.0.1/", Fragment),
        ("https://shop.example/#part", Fragment),
        ("https://shop.example:22/", Port),
        ("https://shop.example:25/", Port),
        ("https://shop.example:1023/", Port),
        ("https://shop.example:5432/", Port),
        ("https://shop.example:6379/", Port),
        ("https://shop.example:0/", Port),
        ("https://shop.example:/", Port),
        ("https://shop.example:+443/", Port),
        ("https://shop.example:65536/", Port),
        ("https://shop.example:443:80/", Port),
    ] {
        assert_eq!(public(url), Err(fault), "{url:?}");
    }
}

#[test]
fn what_is_no_plain_url_of_a_web_server_is_refused() {
    use TargetError::{Characters, Host, Scheme};
    for (url, fault) in [
        ("file:///etc/passwd", Scheme),
        ("gopher://shop.example/", Scheme),
        ("unix:///run/docker.sock", Scheme),
        ("https:shop.example", Scheme),
        ("//shop.example/", Scheme),
        ("", Scheme),
        ("https://", Host),
        ("https:///hook", Host),
        ("https://?x", Host),
        ("https://:443/", Host),
        ("https://[::1/", Host),
        ("https://::1]/", Host),
        ("https://[shop.example]/", Host),
        ("https://[127.0.0.1]/", Host),
        ("https://[2606:4700::1]x/", Host),
        ("https://shop..example/", Host),
        ("https://-shop.example/", Host),
        ("https://shop%2eexample/", Host),
        ("https://shop.example/a b", Characters),
        ("https://shop.example/\r\nX: y", Characters),
        ("https://sh\u{f6}p.example/", Characters),
        ("https://127\u{3002}0\u{3002}0\u{3002}1/", Characters),
    ] {
        assert_eq!(public(url), Err(fault), "{url:?}");
    }
    assert_eq!(public(&format!("https://shop.example/{}", "a".repeat(2048))), Err(TargetError::Length));
    assert_eq!(public(&format!("https://{}.example/", "a".repeat(64))), Err(TargetError::Host));
    assert_eq!(public(&format!("https://{}example/", "a.".repeat(124))), Err(TargetError::Host));
}

#[test]
fn a_name_that_points_into_the_network_is_caught_when_it_is_resolved() {
    let target = Target::parse("https://127.0.0.1.nip.io/hook", Reach::Public).expect("a name like others");
    assert!(!target.admits(address("127.0.0.1")));
    assert!(target.admits(address("93.184.215.14")));
}

#[test]
fn a_target_is_taken_apart_as_a_request_needs_it() {
    let name = |name: &str| Host::Name(name.into());
    for (url, scheme, host, port, path, authority) in [
        ("https://shop.example", Scheme::Https, name("shop.example"), 443, "/", "shop.example"),
        (
            "HTTPS://Shop.Example:443/Hook?A=b/c",
            Scheme::Https,
            name("shop.example"),
            443,
            "/Hook?A=b/c",
            "shop.example",
        ),
        ("https://shop.example:8443?x=1", Scheme::Https, name("shop.example"), 8443, "/?x=1", "shop.example:8443"),
        ("https://shop.example:80/", Scheme::Https, name("shop.example"), 80, "/", "shop.example:80"),
        ("https://8.8.8.8/a@b", Scheme::Https, Host::Address(address("8.8.8.8")), 443, "/a@b", "8.8.8.8"),
        (
            "https://[2606:4700::1]:8443/",
            Scheme::Https,
            Host::Address(address("2606:4700::1")),
            8443,
            "/",
            "[2606:4700::1]:8443",
        ),
    ] {
        let target = Target::parse(url, Reach::Public).expect(url);
        assert_eq!((target.scheme(), target.host(), target.port()), (scheme, &host, port), "{url}");
        assert_eq!((target.path(), target.authority().as_str()), (path, authority), "{url}");
    }
}

#[test]
fn where_private_targets_are_allowed_they_need_no_encryption_but_keep_the_other_rules() {
    let private = |url| Target::parse(url, Reach::Anywhere).map(|target| target.to_string());
    for (url, told) in [
        ("http://127.0.0.1:9000/hook", Ok("http://127.0.0.1:9000")),
        ("http://localhost/", Ok("http://localhost")),
        ("http://[::1]:80/", Ok("http://[::1]")),
        ("https://shop.internal/", Ok("https://shop.internal")),
        ("http://localhost:22/", Err(TargetError::Port)),
        ("http://a@localhost/", Err(TargetError::Userinfo)),
        ("http://0x7f000001/", Err(TargetError::Host)),
        ("ftp://localhost/", Err(TargetError::Scheme)),
    ] {
        assert_eq!(private(url), told.map(String::from), "{url}");
    }
    let target = Target::parse("http://shop.internal/", Reach::Anywhere).expect("allowed");
    assert!(target.admits(address("10.0.0.1")));
}

#[test]
fn what_is_shown_of_a_target_is_not_its_path() {
    let target = Target::parse("https://shop.example/hook/s3cret?token=s3cret", Reach::Public).expect("a target");
    assert_eq!(format!("{target} {target:?}"), "https://shop.example Target(https://shop.example)");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_whatever_makes_it_panic_or_reach_inside(rest in "[ -~\u{80}-\u{ff}]{0,40}", scheme in "(https?://)?") {
        if let Ok(target) = Target::parse(&format!("{scheme}{rest}"), Reach::Public)
            && let Host::Address(address) = target.host()
        {
            prop_assert!(is_public(*address));
        }
    }

    #[test]
    fn an_ipv4_address_is_judged_alike_in_each_spelling(octets in any::<[u8; 4]>()) {
        let address = Ipv4Addr::from(octets);
        let told = is_public(IpAddr::V4(address));
        let number = u32::from(address);
        for url in [
            format!("https://{address}/"),
            format!("https://[::ffff:{address}]/"),
            format!("https://[::ffff:{:x}:{:x}]/", number >> 16, number & 0xffff),
            format!("https://[64:ff9b::{address}]/"),
        ] {
            prop_assert_eq!(public(&url).is_ok(), told, "{}", url);
        }
        for url in [format!("https://{number}/"), format!("https://{number:#x}/"), format!("https://0{number:o}/")] {
            prop_assert!(public(&url).is_err(), "{}", url);
        }
    }
}

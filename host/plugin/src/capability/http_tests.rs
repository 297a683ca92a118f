//! What may be sent where. Real sockets are in `tests/it/http.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use serde_json::{Value, json};

use super::*;
use crate::grant::Config;
use crate::manifest::Manifest;
use crate::settings::SourceSettings;

const MANIFEST: &str = r#"
    id = "t"
    version = "1.0.0"
    exports = []
    [[hosts]]
    url = "https://api.example.com"
    methods = ["GET"]
    path_prefix = "/fleet"
    [[hosts]]
    url = "{config.base_url}"
    methods = ["GET", "POST"]
"#;

fn grant(hosts: &[&str], config: &Value) -> Result<Grant, String> {
    let mut settings = SourceSettings::bare(apex_model::ids::SourceName::parse("t").unwrap(), "t");
    settings.granted_hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
    let schema = json!({"properties": {"base_url": {"default": "https://default.example"}}});
    Grant::effective(&Manifest::parse(MANIFEST).unwrap(), &settings, &Config { given: config, schema: &schema })
}

fn allows(grant: &Grant, method: &str, url: &str) -> bool {
    grant.allow(&Url::parse(url).unwrap(), &Method::from_bytes(method.as_bytes()).unwrap()).is_ok()
}

#[test]
fn only_declared_and_granted_requests_are_allowed() {
    let config = json!({"base_url": "http://localhost:9000/v1"});
    let grant = grant(&["https://api.example.com", "http://localhost:9000"], &config).unwrap();
    for (method, url, allowed) in [
        ("GET", "https://api.example.com/fleet", true),
        ("GET", "https://api.example.com/fleet/vehicles?x=1", true),
        ("GET", "https://API.example.com.:443/fleet/", true),
        ("POST", "http://localhost:9000/anything", true),
        ("POST", "https://api.example.com/fleet", false),
        ("GET", "https://api.example.com/fleets", false),
        ("GET", "https://api.example.com/", false),
        ("GET", "https://api.example.com/fleet/../admin", false),
        ("GET", "https://api.example.com/fleet/%2e%2e/admin", false),
        ("GET", "https://api.example.com/fleet/..%2fadmin", false),
        ("GET", "http://api.example.com/fleet", false),
        ("GET", "https://api.example.com:8443/fleet", false),
        ("GET", "https://api.example.com.evil.com/fleet", false),
        ("GET", "https://user@api.example.com/fleet", false),
        ("GET", "http://localhost:9001/", false),
        ("GET", "http://127.0.0.1:9000/", false),
        ("GET", "file:///etc/passwd", false),
    ] {
        assert_eq!(allows(&grant, method, url), allowed, "{method} {url}");
    }
}

#[test]
fn a_source_that_is_granted_none_of_its_hosts_waits() {
    let reason = grant(&["https://other.example"], &json!({})).err().unwrap();
    assert_eq!(
        reason,
        "add to apex.toml:\n[sources.t]\n\
         grant.hosts = [\"https://other.example\", \"https://api.example.com\", \"https://default.example\"]"
    );
}

#[test]
fn a_host_named_by_the_config_is_the_one_given_else_the_schemas_default() {
    let given = json!({"base_url": "http://localhost:9000"});
    let own = grant(&["http://localhost:9000"], &given).unwrap();
    assert!(allows(&own, "POST", "http://localhost:9000/x"));
    // Declared and not granted: the intersection has it not.
    assert!(!allows(&own, "GET", "https://api.example.com/fleet"));
    let default = grant(&["https://default.example"], &json!({})).unwrap();
    assert!(allows(&default, "POST", "https://default.example/x"));
    assert!(!allows(&default, "POST", "http://localhost:9000/x"));
}

#[test]
fn the_hosts_own_headers_are_refused() {
    assert!(read_headers("accept: application/json\nx-a: b: c\n").is_ok());
    for line in ["Host: x", "authorization: Bearer x", "Cookie: a=b", "Transfer-Encoding: chunked", "connection: close"]
    {
        assert_eq!(read_headers(line).unwrap_err().kind, FaultKind::Denied, "{line}");
    }
    for line in ["no colon", "bad name: x", "x: a\rb"] {
        assert_eq!(read_headers(line).unwrap_err().kind, FaultKind::Permanent, "{line}");
    }
}

#[test]
fn a_name_is_reached_at_its_public_addresses_only() {
    let addresses = ["10.0.0.1:0", "1.1.1.1:0", "169.254.169.254:0", "[::1]:0", "127.0.0.1:0"];
    let all = || addresses.iter().map(|text| text.parse::<SocketAddr>().unwrap());
    let texts = |found: Vec<SocketAddr>| found.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(texts(reachable("api.example.com", all())), ["1.1.1.1:0"]);
    assert_eq!(texts(reachable("localhost", all())), ["[::1]:0", "127.0.0.1:0"]);
    assert!(reachable("metadata.internal", all().skip(2)).is_empty());
}

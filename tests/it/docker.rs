//! The container files, read against the code: ports, paths and variables must be those the host uses.

use std::fs;

use crate::harness::{apex, repository, succeed};

fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap()
}

#[test]
fn the_container_uses_the_hosts_own_ports_paths_and_variables() {
    let (docker, compose, defaults) = (read("docker/Dockerfile"), read("docker/compose.yaml"), apex_config::DEFAULTS);
    for (section, port) in [("intake", "8080"), ("api", "8081"), ("metrics", "8078")] {
        assert!(
            defaults.contains(&format!("[{section}]")) && defaults.contains(&format!("127.0.0.1:{port}")),
            "{section}"
        );
        let variable = format!("APEX__{}__LISTEN=0.0.0.0:{port}", section.to_uppercase());
        assert!(docker.contains(&variable), "{variable}");
        assert!(docker.lines().any(|line| line.starts_with("EXPOSE") && line.contains(port)), "{port} is exposed");
        assert!(compose.contains(&format!("{port}:{port}")), "{port} is published");
    }
    let help = succeed(apex().arg("--help"));
    for variable in ["APEX_DATA", "APEX_PLUGINS"] {
        assert!(help.contains(variable), "{variable} is a variable of the command line");
        assert!(docker.contains(&format!("{variable}=/var/lib/apex/")), "{variable} is set");
    }
    assert!(docker.contains("APEX_CACHE=/var/lib/apex/cache"));
    assert!(docker.contains("APEX__MODEL__DIR=/usr/share/apex/model") && docker.contains("/usr/share/apex/model\n"));
    apex_config::load(Some(&repository().join("docker/apex.toml"))).unwrap();
    assert!(
        compose.contains("APEX_CONFIG: /etc/apex/apex.toml") && compose.contains("./apex.toml:/etc/apex/apex.toml:ro")
    );
    for path in ["/var/lib/apex/data", "/var/lib/apex/cache", "/var/lib/apex/plugins"] {
        assert!(compose.contains(path), "{path} is mounted: the root is read-only");
    }
}

#[test]
fn the_container_is_hardened() {
    let (docker, compose) = (read("docker/Dockerfile"), read("docker/compose.yaml"));
    assert!(docker.lines().any(|line| line.starts_with("USER ") && !line.contains("root") && !line.contains("USER 0")));
    assert!(docker.contains("HEALTHCHECK") && docker.contains("http://127.0.0.1:8078/healthz"));
    assert!(docker.matches("\nFROM ").count() >= 1, "more than one stage");
    assert!(compose.contains("read_only: true") && compose.contains("no-new-privileges:true"));
    // `serve` drains for 30 s; a shorter grace would cut it off.
    let drain_s = apex_config::limits::IntakeLimits::default().drain_ms_max / 1000;
    let grace = compose.lines().find_map(|line| line.trim().strip_prefix("stop_grace_period: ")).unwrap();
    let grace_s: u64 = grace.split('s').next().unwrap().parse().unwrap();
    assert!(grace_s > drain_s, "{grace_s} > {drain_s}");
}

//! A network of its own for the daemon, with real packets: a namespace, a pair of virtual interfaces, and a firewall.

use super::skip;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

static COUNT: AtomicU32 = AtomicU32::new(1);

/// A network namespace that is removed with the test. The server is at [`Net::server`], outside of it.
pub(crate) struct Net {
    pub(crate) name: String,
    pub(crate) server: String,
    pub(crate) daemon: String,
    outside: String,
}

impl Net {
    /// Makes one; says why not where it cannot be made.
    pub(crate) fn new(test: &str) -> Option<Self> {
        for tool in ["ip", "nft", "tc", "ss"] {
            if !Command::new("sh").args(["-c", &format!("command -v {tool}")]).output().unwrap().status.success() {
                skip(test, &format!("`{tool}` is missing: apt-get install iproute2 nftables, and be root"));
                return None;
            }
        }
        let number = COUNT.fetch_add(1, Ordering::Relaxed) + std::process::id() % 1_000 * 16;
        let (first, second) = (number / 64 % 256, number % 64 * 4);
        let net = Self {
            name: format!("siftd-{number}"),
            server: format!("10.213.{first}.{}", second + 1),
            daemon: format!("10.213.{first}.{}", second + 2),
            outside: format!("sv{number}o"),
        };
        let (name, outside) = (&net.name, &net.outside);
        let made = run("ip", &["netns", "add", name]);
        if !made.status.success() {
            skip(test, &format!("no network namespaces: {}", String::from_utf8_lossy(&made.stderr).trim()));
            return None;
        }
        let pair = ["link", "add", outside, "type", "veth", "peer", "name", "up0", "netns", name];
        must("ip", &pair);
        must("ip", &["addr", "add", &format!("{}/30", net.server), "dev", outside]);
        must("ip", &["link", "set", outside, "up"]);
        net.inside(&["ip", "addr", "add", &format!("{}/30", net.daemon), "dev", "up0"]);
        net.inside(&["ip", "link", "set", "lo", "up"]);
        net.inside(&["ip", "link", "set", "up0", "up"]);
        Some(net)
    }

    /// Runs a command in the namespace; it must succeed.
    pub(crate) fn inside(&self, words: &[&str]) -> String {
        must("ip", &[&["netns", "exec", &self.name], words].concat())
    }

    /// Replaces the rules of the namespace's firewall.
    pub(crate) fn rules(&self, rules: &str) {
        let table = format!("table ip siftd {{\n counter gone {{ }}\n{rules}\n}}");
        self.inside(&["sh", "-c", &format!("nft flush ruleset; echo '{table}' | nft -f -")]);
    }

    /// How many packets the rules have dropped.
    pub(crate) fn dropped(&self) -> u64 {
        let told = self.inside(&["nft", "list", "counter", "ip", "siftd", "gone"]);
        let count = told.split("packets ").nth(1).and_then(|rest| rest.split(' ').next());
        count.and_then(|count| count.parse().ok()).unwrap_or_default()
    }

    /// What stands before the binary so that it runs in the namespace.
    pub(crate) fn prefix(&self) -> [&str; 4] {
        ["ip", "netns", "exec", &self.name]
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        // Both ends of the pair go with the namespace.
        drop(run("ip", &["netns", "del", &self.name]));
    }
}

fn run(program: &str, words: &[&str]) -> Output {
    Command::new(program).args(words).output().unwrap()
}

fn ok(output: &Output) -> bool {
    output.status.success()
}

fn must(program: &str, words: &[&str]) -> String {
    let output = run(program, words);
    assert!(ok(&output), "{program} {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

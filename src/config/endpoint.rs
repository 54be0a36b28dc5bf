//! The address of the source: encrypted or on this host, and without a secret in it.

use std::net::IpAddr;

use tokio_tungstenite::tungstenite::http::Uri;
use tokio_tungstenite::tungstenite::http::uri::Authority;

use super::fault::Complaint;

/// An encrypted scheme, the same without encryption, and the form of an address.
type Schemes = (&'static str, &'static str, &'static str);

const STREAM: Schemes = ("wss", "ws", "write it as wss://HOST[:PORT]/PATH");
const REST: Schemes = ("https", "http", "write it as https://HOST[:PORT]/PATH");

/// Judges `source.url`; never repeats it, for a key may stand in it.
pub(super) fn judge(url: &str, allow_insecure: bool) -> Result<(), Vec<Complaint>> {
    judge_as(url, allow_insecure, STREAM)
}

/// The same for `backfill.url`.
pub(super) fn judge_rest(url: &str, allow_insecure: bool) -> Result<(), Vec<Complaint>> {
    judge_as(url, allow_insecure, REST)
}

fn judge_as(url: &str, allow_insecure: bool, (secure, plain, form): Schemes) -> Result<(), Vec<Complaint>> {
    // The parser drops what follows a `#`, so it is looked for before.
    let mut complaints = Vec::new();
    if url.contains('#') {
        complaints.push(complaint("has a fragment (`#`)", "remove what follows the `#`"));
    }
    let Ok(uri) = url.parse::<Uri>() else {
        complaints.push(complaint("is no address", form));
        return Err(complaints);
    };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        complaints.push(complaint("is no full address", form));
        return Err(complaints);
    };
    if authority.as_str().contains('@') {
        complaints.push(complaint(
            "holds a user name or a password",
            "they belong in source.username and in the file that source.api_key_file names",
        ));
    }
    if uri.query().is_some() {
        complaints.push(complaint(
            "has a query (`?`), where a key could be printed with it",
            "siftd writes the query itself; the key belongs in the file that \
             source.api_key_file names",
        ));
    }
    if !has_host_and_port(authority) {
        complaints.push(complaint("has no host, or a colon without a port of 1 to 65535", form));
    }
    if scheme == plain && !allow_insecure && !is_loopback(authority.host()) {
        complaints.push(complaint(
            "would send the API key unencrypted to another host",
            &format!("write {secure}://, or set source.allow_insecure = true if the way there is safe"),
        ));
    } else if scheme != secure && scheme != plain {
        complaints.push(complaint(&format!("must begin with {secure}:// or {plain}://"), form));
    }
    if complaints.is_empty() { Ok(()) } else { Err(complaints) }
}

fn complaint(sentence: &str, hint: &str) -> Complaint {
    Complaint::new(sentence).hint(hint)
}

fn has_host_and_port(authority: &Authority) -> bool {
    let after_user = authority.as_str().rsplit('@').next().unwrap_or_default();
    let port = after_user.strip_prefix(authority.host()).unwrap_or_default();
    let port_stands = port.is_empty() || authority.port_u16().is_some_and(|port| port > 0);
    !authority.host().is_empty() && port_stands
}

/// Whether an address leads to this host: a server to rehearse with.
pub(super) fn is_local(url: &str) -> bool {
    url.parse::<Uri>().is_ok_and(|uri| uri.host().is_some_and(is_loopback))
}

/// `localhost`, 127.0.0.0/8 or `[::1]`: what is sent there does not leave the host.
fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unencrypted_address_leads_to_this_host() {
        for good in ["ws://localhost", "ws://LOCALHOST:80/multi", "ws://127.3.2.1:9/", "ws://[::1]:9/m"] {
            assert_eq!(judge(good, false), Ok(()), "{good}");
        }
        for bad in ["ws://127.0.0.1.example.com/", "ws://localhost.example.com", "ws://127.1/", "ws://[::2]/"] {
            assert!(judge(bad, false).is_err(), "{bad}");
            assert_eq!(judge(bad, true), Ok(()), "{bad}");
        }
    }

    #[test]
    fn an_encrypted_address_leads_anywhere() {
        for good in ["wss://stream.datasift.com/multi", "wss://[2001:db8::1]:8443/x"] {
            assert_eq!(judge(good, false), Ok(()), "{good}");
        }
    }

    #[test]
    fn no_sentence_repeats_the_address() {
        for bad in [
            "wss://canary:canary@host/",
            "wss://host/?api_key=canary",
            "wss://host/#canary",
            "canary",
            "/canary",
            "https://canary/",
            "WSS://canary/",
            "wss://host:canary/",
            "wss://canary:0/",
            "wss://canary:/",
            "wss://ca nary/",
            "wss://",
        ] {
            let complaints = judge(bad, true).expect_err(bad);
            assert!(!format!("{complaints:?}").contains("canary"), "{bad}");
        }
    }
}

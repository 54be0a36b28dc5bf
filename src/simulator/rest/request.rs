//! A request as it came over the wire: its head, and its parameters from wherever they stand.

use percent_encoding::percent_decode_str;
use serde_json::Value;
use std::collections::BTreeMap;

const HEAD_MAX: usize = 64 << 10;
const HEADERS_MAX: usize = 64;
const BODY_MAX: usize = 1 << 20;

/// A request.
#[derive(Debug, Default)]
pub(in crate::simulator) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    /// From the query, a form or a JSON document; what lies deeper has a name with dots.
    parameters: BTreeMap<String, String>,
    pub(super) username: Option<String>,
    pub(super) api_key: Option<String>,
    pub(super) takes_gzip: bool,
    /// The client keeps the connection.
    pub(super) keeps: bool,
}

/// What is no request.
#[derive(Debug, Eq, PartialEq)]
pub(in crate::simulator) struct Unreadable;

impl Request {
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(super) fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.parameter(name)?.trim().parse().ok()
    }

    /// Takes the first whole request off what has been read.
    pub(in crate::simulator) fn take(read: &mut Vec<u8>) -> Result<Option<Self>, Unreadable> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut head = httparse::Request::new(&mut headers);
        let parsed = head.parse(read).map_err(|_fault| Unreadable)?;
        let httparse::Status::Complete(start) = parsed else {
            return if read.len() > HEAD_MAX { Err(Unreadable) } else { Ok(None) };
        };
        let header = |name: &str| {
            let found = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
            std::str::from_utf8(found.value).ok().map(str::trim)
        };
        let length = header("content-length")
            .map_or(Ok(0), |length| length.parse::<usize>().map_err(|_no_number| Unreadable))?;
        if length > BODY_MAX || header("transfer-encoding").is_some() {
            return Err(Unreadable);
        }
        let Some(body) = read.get(start..start + length) else { return Ok(None) };
        let target = head.path.unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut request = Self {
            method: head.method.unwrap_or_default().to_owned(),
            path: path.to_owned(),
            takes_gzip: header("accept-encoding").is_some_and(|value| value.contains("gzip")),
            keeps: head.version == Some(1) && header("connection").is_none_or(|value| !value.contains("close")),
            ..Self::default()
        };
        request.take_form(query);
        if header("content-type").is_some_and(|kind| kind.starts_with("application/json")) {
            request.take_json("", serde_json::from_slice(body).map_err(|_fault| Unreadable)?);
        } else {
            request.take_form(std::str::from_utf8(body).map_err(|_fault| Unreadable)?);
        }
        // `Auth` is the older spelling.
        request.identify(header("authorization").or_else(|| header("auth")));
        read.drain(..start + length);
        Ok(Some(request))
    }

    fn take_form(&mut self, form: &str) {
        for pair in form.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let plain = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
            self.parameters.insert(plain(name), plain(value));
        }
    }

    fn take_json(&mut self, name: &str, value: Value) {
        match value {
            Value::Object(fields) => {
                let deeper = |key: String| if name.is_empty() { key } else { format!("{name}.{key}") };
                fields.into_iter().for_each(|(key, value)| self.take_json(&deeper(key), value));
            }
            Value::Array(values) => {
                let texts: Vec<String> = values.iter().map(plain).collect();
                self.parameters.insert(name.to_owned(), texts.join(","));
            }
            Value::Null => {}
            Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                self.parameters.insert(name.to_owned(), plain(&value));
            }
        }
    }

    /// `USERNAME:KEY` without a scheme, or in the query.
    fn identify(&mut self, header: Option<&str>) {
        if let Some((username, api_key)) = header.and_then(|value| value.split_once(':')) {
            self.username = Some(username.to_owned());
            self.api_key = Some(api_key.to_owned());
        } else {
            self.username = self.parameters.remove("username");
            self.api_key = self.parameters.remove("api_key");
        }
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Request {
        let mut read = text.as_bytes().to_vec();
        let request = Request::take(&mut read).unwrap().expect("a whole request");
        assert!(read.is_empty());
        request
    }

    #[test]
    fn parameters_come_from_a_query_a_form_and_a_document() {
        let query = of("GET /v1.6/pull?id=a%2Fb&cursor=&size=5 HTTP/1.1\r\nAuthorization: me:k:y\r\n\r\n");
        assert_eq!(
            (query.parameter("id"), query.parameter("cursor"), query.number("size")),
            (Some("a/b"), None, Some(5))
        );
        assert_eq!((query.username.as_deref(), query.api_key.as_deref()), (Some("me"), Some("k:y")));
        let form = of("POST /x HTTP/1.1\r\nContent-Length: 12\r\n\r\nname=a+b&c=d");
        assert_eq!(form.parameter("name"), Some("a b"));
        let body = r#"{"id":"x","start":5,"sources":["a","b"],"output_params":{"format":"json_meta"},"n":null}"#;
        let head =
            format!("PUT /x HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
        let json = of(&format!("{head}{body}"));
        assert_eq!(json.number("start"), Some(5));
        assert_eq!(
            (json.parameter("sources"), json.parameter("output_params.format")),
            (Some("a,b"), Some("json_meta"))
        );
    }

    #[test]
    fn a_request_is_taken_only_whole_and_only_if_it_is_one() {
        let mut read = b"POST /x HTTP/1.1\r\nContent-Length: 3\r\n\r\nab".to_vec();
        assert!(matches!(Request::take(&mut read), Ok(None)));
        assert!(Request::take(&mut b"\x16\x03\x01\x02".to_vec()).is_err());
        assert!(Request::take(&mut b"POST /x HTTP/1.1\r\nContent-Length: x\r\n\r\n".to_vec()).is_err());
    }
}

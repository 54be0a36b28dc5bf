//! Several streams as one: a definition in CSDL that finds what any of them finds, and has each message bear the names of
//! those that do.
//!
//! Sources: DataSift, CSDL: the tag keyword (whose page has a stream in a tag and in the filter), tags that do not cascade,
//! and the characters that a tag may have; the stream keyword; and a recorded answer of `compile`.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::fields::{List, Scalar};
use super::read;
use crate::historic::Told;

/// What a tag of ours begins with. A tag may have letters, digits, hyphens, spaces and underscores.
const MARK: &str = "siftd-";

/// An hour of a historic query costs this much, in thousandths of what the definition costs (DataSift, Billing).
const HISTORIC: u64 = 1_250;

/// The definition. The same for the same streams in the same order, as its hash is then the same.
pub(super) fn definition(streams: &[String]) -> String {
    let tags = streams.iter().map(|hash| format!("tag \"{MARK}{hash}\" {{stream \"{hash}\"}}\n"));
    let filter: Vec<String> = streams.iter().map(|hash| format!("stream \"{hash}\"")).collect();
    format!("{}return {{{}}}", tags.collect::<String>(), filter.join(" OR "))
}

/// What `compile` answered.
pub(super) fn compiled(text: &str) -> Result<Told, serde_json::Error> {
    #[derive(Deserialize)]
    struct Body<'b> {
        #[serde(borrow, default)]
        hash: Scalar<'b>,
        #[serde(borrow, default)]
        dpu: Scalar<'b>,
    }
    let body: Body<'_> = read(text)?;
    let hash =
        body.hash.into_text().filter(|hash| !hash.is_empty()).ok_or_else(|| serde::de::Error::custom("no hash"))?;
    // A text in recorded answers.
    let costs = body.dpu.thousandths();
    let milliunits_an_hour = costs.map(|costs| costs.saturating_mul(HISTORIC).div_ceil(1_000));
    Ok(Told::Combined { stream: hash.into_owned(), milliunits_an_hour })
}

/// The streams whose tags a message bears. Only the server writes `interaction.tags`: what an author tags is elsewhere.
pub(super) fn marks(payload: &str) -> Vec<String> {
    #[derive(Deserialize)]
    struct Message<'m> {
        #[serde(borrow)]
        interaction: Tagged<'m>,
    }
    #[derive(Deserialize)]
    struct Tagged<'m> {
        #[serde(borrow, default)]
        tags: Option<&'m RawValue>,
    }
    let Ok(Message { interaction: Tagged { tags: Some(tags) } }) = read::<Message<'_>>(payload) else {
        return Vec::new();
    };
    let Ok(List { items, is_whole: true, .. }) = serde_json::from_str::<List<'_, Scalar<'_>>>(tags.get()) else {
        return Vec::new();
    };
    let named = items.into_iter().filter_map(Scalar::into_text);
    named.filter_map(|tag| Some(tag.strip_prefix(MARK)?.to_ascii_lowercase())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::COMBINE_MAX;

    #[test]
    fn a_definition_tags_each_stream_and_stays_below_its_bound() {
        let pair = ["a".repeat(32), "b".repeat(32)];
        let [one, other] = &pair;
        let told = format!(
            "tag \"siftd-{one}\" {{stream \"{one}\"}}\ntag \"siftd-{other}\" {{stream \"{other}\"}}\n\
             return {{stream \"{one}\" OR stream \"{other}\"}}"
        );
        assert_eq!(definition(&pair), told);
        let most: Vec<String> = (0..COMBINE_MAX).map(|number| format!("{number:032x}")).collect();
        assert!(definition(&most).len() <= 6_060, "{}", definition(&most).len());
        let more: Vec<String> = (0..=COMBINE_MAX).map(|number| format!("{number:032x}")).collect();
        assert!(definition(&more).len() > 6_060, "more streams would fit");
    }

    #[test]
    fn only_the_servers_own_tags_name_a_stream() {
        let of = |payload: &str| marks(payload);
        assert_eq!(of(r#"{"interaction":{"tags":["good","siftd-AB","siftd-cd",7]}}"#), ["ab", "cd"]);
        for payload in [
            r#"{"interaction":{"id":"1"}}"#,
            r#"{"interaction":{"tags":"siftd-ab"}}"#,
            r#"{"interaction":{"tags":["siftd:ab","ab"]}}"#,
            r#"{"interaction":{"content":"\"tags\":[\"siftd-ab\"]"},"tags":["siftd-ab"],"tumblr":{"tags":["siftd-ab"]}}"#,
            r#"{"interaction":{"id":"1"},"interaction":{"tags":["siftd-ab"]}}"#,
            r#"{"interaction":{"author":{"tags":["siftd-ab"]}}}"#,
            "17",
        ] {
            assert_eq!(of(payload), [""; 0], "{payload}");
        }
    }

    #[test]
    fn what_a_definition_costs_is_a_text_or_a_number() {
        let told = |text: &str| compiled(text).ok();
        let costs = |milliunits_an_hour| Some(Told::Combined { stream: "ab".to_owned(), milliunits_an_hour });
        assert_eq!(told(r#"{"hash":"ab","created_at":"2018-01-16 21:21:35","dpu":"0.1"}"#), costs(Some(125)));
        assert_eq!(told(r#"{"hash":"ab","dpu":4}"#), costs(Some(5_000)));
        assert_eq!(told(r#"{"hash":"ab"}"#), costs(None));
        assert_eq!(told(r#"{"hash":"ab","dpu":-1}"#), costs(None));
        for text in ["{}", "[]", r#"{"hash":""}"#, "<html>"] {
            assert_eq!(told(text), None, "{text}");
        }
    }
}

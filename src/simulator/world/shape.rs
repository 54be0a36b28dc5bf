//! What interactions look like: the sources' objects with the fields that the service documented for them.
//!
//! Sources: DataSift, "Common interaction attributes", and the sample objects in its clients' repositories.

use super::template::{CREATED, ID, RECEIVED, SOURCE, SOURCE_NUMBER};
use fastrand::Rng;
use serde_json::{Value, json};

/// The interaction types, each with the name of its source object, the commonest first and repeated.
pub(super) const TYPES: [(&str, &str); 16] = [
    ("twitter", "twitter"),
    ("twitter", "twitter"),
    ("twitter", "twitter"),
    ("twitter", "twitter"),
    ("tumblr", "tumblr"),
    ("tumblr", "tumblr"),
    ("facebook", "facebook"),
    ("facebook_page", "facebook_page"),
    ("instagram", "instagram"),
    ("youtube", "youtube"),
    ("wordpress", "wordpress"),
    ("disqus", "disqus"),
    ("reddit", "reddit"),
    ("board", "board"),
    ("wikipedia", "wikipedia"),
    ("bitly", "bitly"),
];

const WORDS: [&str; 40] = [
    "the",
    "match",
    "was",
    "over",
    "before",
    "rain",
    "came",
    "down",
    "coffee",
    "with",
    "friends",
    "and/or",
    "tea",
    "naïve",
    "façade",
    "Zürich",
    "Łódź",
    "Москва",
    "сегодня",
    "東京",
    "今日は",
    "雨です",
    "العربية",
    "שלום",
    "हिन्दी",
    "한국어",
    "😀",
    "👩‍👩‍👧",
    "🇮🇸",
    "#football",
    "@someone",
    "http://t.co/Ab3dEf",
    "\"quoted\"",
    "back\\slash",
    "tab\there",
    "line\nbreak",
    "50%",
    "<b>bold</b>",
    "it's",
    "…",
];

const LANGUAGES: [&str; 8] = ["en", "de", "fr", "ru", "ja", "ar", "pt", "es"];

fn pick<T: Copy + Default>(rng: &mut Rng, from: &[T]) -> T {
    rng.choice(from).copied().unwrap_or_default()
}

/// Beyond this a text repeats itself.
const FRESH: usize = 8 << 10;

/// About so many bytes of words.
pub(super) fn prose(rng: &mut Rng, bytes: usize) -> String {
    let mut text = String::with_capacity(bytes.min(FRESH) + 32);
    while text.len() < bytes.min(FRESH) {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(pick(rng, &WORDS));
    }
    text.repeat(bytes.div_ceil(FRESH).max(1))
}

/// An interaction with its source object and augmentations; the text is about `bytes` long.
pub(super) fn interaction(rng: &mut Rng, (kind, source): (&str, &str), bytes: usize) -> Value {
    let author = rng.u64(10_000..2_000_000_000);
    let name = format!("{} {}", pick(rng, &WORDS), pick(rng, &WORDS));
    // A number on Twitter and a string everywhere else, as recorded.
    let author_id = if kind == "twitter" { json!(author) } else { json!(format!("{source}-{author}")) };
    let language = pick(rng, &LANGUAGES);
    let content = prose(rng, bytes);
    let mut interaction = json!({
        "id": ID,
        "type": kind,
        "created_at": CREATED,
        "content": content,
        "link": format!("http://{source}.example/{author}/status/{SOURCE}"),
        "source": "web",
        "author": {
            "id": author_id,
            "username": format!("user{author}"),
            "name": name,
            "avatar": format!("http://img.{source}.example/u/{author}/normal.png"),
            "link": format!("http://{source}.example/user{author}"),
            "language": language,
        },
        "schema": {"version": 3},
        "contenttype": "html",
        "mentions": ["someone", "someone_else"],
        "mention_ids": [author, author + 1],
        "hashtags": ["football", "東京"],
    });
    let mut data = json!({});
    if let Some(fields) = interaction.as_object_mut() {
        decorate(rng, fields);
    }
    if let Some(fields) = data.as_object_mut() {
        fields.insert("interaction".to_owned(), interaction);
        fields.insert(source.to_owned(), source_object(rng, kind, author, language));
        fields.insert(
            "language".to_owned(),
            json!({"tag": language, "tag_extended": language, "confidence": rng.u8(50..=100)}),
        );
        augment(rng, fields);
    }
    data
}

type Fields = serde_json::Map<String, Value>;

/// Fields that only some interactions have.
fn decorate(rng: &mut Rng, interaction: &mut Fields) {
    let mut sometimes = |name: &str, value: Value| {
        if rng.bool() {
            interaction.insert(name.to_owned(), value);
        }
    };
    sometimes("subtype", json!("post"));
    sometimes("title", json!("A title with a / and an \u{e9}"));
    sometimes("raw_content", json!("RT @someone: …"));
    sometimes("geo", json!({"latitude": 51.457_611_1, "longitude": -0.97}));
    sometimes("tags", json!(["good", "status"]));
    sometimes("media_type", json!("photo"));
    sometimes("received_at", RECEIVED.parse().unwrap_or_default());
}

/// The source's own object.
fn source_object(rng: &mut Rng, kind: &str, author: u64, language: &str) -> Value {
    match kind {
        "twitter" => json!({
            "id": SOURCE,
            "created_at": CREATED,
            "text": prose(rng, 90),
            "source": "<a href=\"http://twitter.com/\" rel=\"nofollow\">web</a>",
            "domains": ["t.co"],
            "links": ["http://t.co/Ab3dEf"],
            "filter_level": "medium",
            "lang": language,
            "status": {"deleted": true, "hash": "d41d8cd98f00b204e9800998ecf8427e", "tick": 1},
            "user": {
                "id": author, "id_str": author.to_string(), "name": prose(rng, 12), "screen_name": format!("user{author}"),
                "description": prose(rng, 80), "location": "Zürich / 東京", "followers_count": rng.u32(..100_000),
                "friends_count": rng.u32(..3_000), "statuses_count": rng.u32(..90_000), "verified": false,
                "created_at": "Mon, 04 May 2009 12:00:00 +0000", "lang": language, "utc_offset": -18000,
                "profile_image_url": format!("http://a0.twimg.example/profile_images/{author}/normal.jpeg"),
            },
        }),
        "wikipedia" => json!({
            "id": SOURCE_NUMBER, "title": "Talk:Rain/Archive 3", "newlen": 148_213, "oldlen": 147_990, "namespace": 1,
            "parentid": 7, "pageid": 12, "type": "edit", "body": prose(rng, 600), "deleted": false,
        }),
        "reddit" | "disqus" | "board" => json!({
            "id": SOURCE, "thread": {"id": "t3_1q2w3e", "title": prose(rng, 40), "status": "closed"},
            "parent": Value::Null, "depth": 4, "likes": 3, "dislikes": 0, "anchor": "post-17", "contents": prose(rng, 300),
        }),
        _ => json!({
            "id": SOURCE, "resource_id": SOURCE_NUMBER, "identity_id": "e4da3b7fbbce2345d7772b0674a318d5",
            "meta": {"liked_global": 12, "reblogged_global": 0.5, "deleted": true, "reconnect": true},
            "message": prose(rng, 200), "status": "failure", "type": "photo", "published": "2012-10-20T17:10:20Z",
        }),
    }
}

/// Augmentations, and beside them names that mean something else one level up.
fn augment(rng: &mut Rng, data: &mut Fields) {
    let mut sometimes = |name: &str, value: Value| {
        if rng.u8(..3) == 0 {
            data.insert(name.to_owned(), value);
        }
    };
    sometimes("klout", json!({"score": 41}));
    sometimes(
        "salience",
        json!({"content": {"sentiment": -3, "topics": [{"name": "Weather/Rain", "score": 0.631_234_5}]}}),
    );
    sometimes("demographic", json!({"gender": "mostly_female"}));
    sometimes("trends", json!({"content": ["#football"], "type": ["United Kingdom"]}));
    sometimes(
        "links",
        json!({"url": ["http://news.example/a/b"], "hops": [["http://t.co/Ab3dEf", "http://bit.ly/x"]], "code": [200],
               "created_at": ["Sat, 20 Oct 2012 17:10:20 +0000"], "retweet_count": [0], "title": ["Rain / snow"]}),
    );
    sometimes("hash", json!("00000000000000000000000000000000"));
    sometimes("status", json!("failure"));
    sometimes("message", json!("You have insufficient credits available to consume the stream"));
    sometimes("tick", json!(1_311_694_603));
    sometimes("deleted", json!(false));
    sometimes("reconnect", json!(true));
    sometimes("data", json!({"deleted": true, "interaction": {"id": "1e15000000000000e000000000000000"}}));
}

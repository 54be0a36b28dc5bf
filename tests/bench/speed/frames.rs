//! What the generator sends: varied messages, built once, with ids and dates that are patched in place.

use std::fmt::Write as _;

use fastrand::Rng;

/// Different frames; ids make each sending of one a new interaction.
pub(crate) const FRAMES: usize = 20_000;

/// The size of a message, uniform between these, in bytes.
const SIZE: std::ops::Range<usize> = 1_536..3_073;

/// 100-nanosecond ticks between two messages in the time-ordered ids: those of a stream of 252 messages a second.
const TICKS: u64 = 39_683;

/// Posts reach the server out of order by this many messages at most (three seconds at that rate).
const DISORDER: u64 = 756;

/// 100-nanosecond ticks between 1582 and 1970, from where such ids count.
const EPOCH: u64 = 122_192_928_000_000_000;

const WORDS: &[&str] = &[
    "the", "of", "and", "to", "stream", "news", "today", "market", "phone", "launch", "great", "never", "people",
    "coffee", "team", "goal", "music", "video", "release", "update", "server", "cloud", "winter", "train", "city",
    "love", "photo", "game", "win", "price", "again", "about", "think", "really", "first", "last", "breaking",
    "report", "live", "follow",
];

const FOREIGN: &[&str] =
    &["für", "größe", "naïve", "東京", "новости", "привет", "são", "señor", "😀", "🚀", "ελλάδα", "مرحبا"];

/// Which ids are written into the frames.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum Ids {
    /// The time leads, as in DataSift's: hardly out of order.
    Ordered,
    /// No order at all.
    Random,
}

/// A frame as it lies in the arena, and the places in it that are patched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// 32 hex digits.
    id: usize,
    /// 31 characters (RFC 2822).
    created: usize,
    /// Where the payload lies: the object after `"data":`.
    pub(crate) payload: (usize, usize),
    /// The stream's place in the list.
    pub(crate) stream: usize,
}

/// The frames, one behind the other, as they go over the wire.
pub(crate) struct Frames {
    pub(crate) bytes: Vec<u8>,
    pub(crate) marks: Vec<Mark>,
    ids: Ids,
    /// The number of the next message.
    next: u64,
    /// Where the ids begin.
    base: u64,
    rng: Rng,
    date: (i64, String),
}

/// The name of a stream, as in the list of streams.
pub(crate) fn stream_name(place: usize) -> String {
    format!("{:032x}", (u128::try_from(place).unwrap() + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
}

/// A moment as DataSift writes it.
pub(crate) fn date_of(micros: i64) -> String {
    let stamp = jiff::Timestamp::from_microsecond(micros).unwrap();
    stamp.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

impl Frames {
    /// Frames of `streams` streams, all of `size` bytes if that is given. The same seed gives the same frames; `now`
    /// makes their ids new.
    pub(crate) fn build(streams: usize, ids: Ids, size: Option<usize>, seed: u64, now: i64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let count = size.map_or(FRAMES, |size| (64 * 1024 * 1024 / size).clamp(16, FRAMES));
        let (mut bytes, mut marks) = (Vec::new(), Vec::with_capacity(count));
        for _ in 0..count {
            let (stream, length) = (rng.usize(..streams), size.unwrap_or_else(|| rng.usize(SIZE)));
            let text = message(&mut rng, &stream_name(stream), length);
            let start = bytes.len();
            bytes.extend(head(text.len()));
            let body = bytes.len();
            bytes.extend(text.as_bytes());
            marks.push(Mark {
                start,
                end: bytes.len(),
                id: body + text.find(ID).unwrap(),
                created: body + text.find(CREATED).unwrap(),
                payload: (body + text.find(DATA).unwrap() + DATA.len(), bytes.len() - 1),
                stream,
            });
        }
        let base = u64::try_from(now).unwrap() * 10 + EPOCH;
        Self { bytes, marks, ids, next: 0, base, rng, date: (0, String::new()) }
    }

    /// Makes the frames from `place` on new messages, as many as there are in one stretch, at most `most` and about
    /// `size` bytes. Says which part of the arena they are, and how many.
    pub(crate) fn stretch(
        &mut self,
        place: usize,
        most: usize,
        size: usize,
        now: i64,
    ) -> (std::ops::Range<usize>, usize) {
        let first = place % self.marks.len();
        let start = self.marks[first].start;
        let fits = |mark: &&Mark| mark.end - start <= size;
        let more = self.marks[first + 1..].iter().take(most.saturating_sub(1)).take_while(fits).count();
        let last = first + more;
        self.dated(now);
        for at in first..=last {
            let mark = self.marks[at];
            let id = self.id();
            self.bytes[mark.id..mark.id + 32].copy_from_slice(&id);
            self.bytes[mark.created..mark.created + 31].copy_from_slice(self.date.1.as_bytes());
        }
        (start..self.marks[last].end, more + 1)
    }

    /// The id that a frame bears at present.
    pub(crate) fn id_at(&self, mark: &Mark) -> &str {
        std::str::from_utf8(&self.bytes[mark.id..mark.id + 32]).unwrap()
    }

    pub(crate) fn payload_at(&self, mark: &Mark) -> &str {
        std::str::from_utf8(&self.bytes[mark.payload.0..mark.payload.1]).unwrap()
    }

    /// Renews the date, when a second has gone by.
    fn dated(&mut self, now: i64) {
        let second = now.div_euclid(1_000_000);
        if self.date.0 != second {
            self.date = (second, date_of(now));
        }
    }

    /// The next id.
    fn id(&mut self) -> [u8; 32] {
        let number = self.next;
        self.next += 1;
        let (high, low) = match self.ids {
            Ids::Ordered => {
                let ticks = self.base + number * TICKS + self.rng.u64(..DISORDER) * TICKS;
                // 15 digits of time, then what makes two posts of one moment two.
                ((ticks << 4) | 0xa, (u64::from(self.rng.u32(..)) << 32) | (number & 0xffff_ffff))
            }
            Ids::Random => (scatter(self.base ^ number), scatter(number)),
        };
        let mut digits = [0; 32];
        let (left, right) = digits.split_at_mut(16);
        hex(high, left);
        hex(low, right);
        digits
    }
}

/// A number in hexadecimal digits, as many as there is room.
fn hex(mut number: u64, into: &mut [u8]) {
    for digit in into.iter_mut().rev() {
        *digit = b"0123456789abcdef"[usize::try_from(number & 15).unwrap()];
        number >>= 4;
    }
}

/// Another number for each number, without order (splitmix64).
fn scatter(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The head of an unmasked text frame (RFC 6455, 5.2).
pub(crate) fn head(length: usize) -> Vec<u8> {
    let mut head = vec![0x81];
    match (u16::try_from(length), u64::try_from(length).unwrap()) {
        (Ok(short), _) if short < 126 => head.push(u8::try_from(short).unwrap()),
        (Ok(medium), _) => {
            head.push(126);
            head.extend(medium.to_be_bytes());
        }
        (Err(_), long) => {
            head.push(127);
            head.extend(long.to_be_bytes());
        }
    }
    head
}

const ID: &str = "00000000000000000000000000000000";
const CREATED: &str = "Thu, 01 Jan 1970 00:00:00 +0000";
const DATA: &str = "\"data\":";

/// A whole message is at least about so long; what is to be shorter has no more than must be.
const LEAST: usize = 900;

/// The smallest message that is one: 110 bytes of payload.
fn least(stream: &str) -> String {
    format!(
        "{{\"hash\":\"{stream}\",\"data\":{{\"interaction\":{{\"created_at\":\"{CREATED}\",\"id\":\"{ID}\",\"type\":\"blog\"}}}}}}"
    )
}

/// One message in the shape of DataSift's, about `length` bytes long: text beyond ASCII in every fourth.
fn message(rng: &mut Rng, stream: &str, length: usize) -> String {
    let foreign = rng.u8(..4) == 0;
    let words = |rng: &mut Rng, count: usize, text: &mut String| {
        for at in 0..count {
            if at > 0 {
                text.push(' ');
            }
            let list = if foreign && rng.u8(..3) == 0 { FOREIGN } else { WORDS };
            text.push_str(list[rng.usize(..list.len())]);
        }
    };
    if length < LEAST {
        return least(stream);
    }
    let (number, user) = (rng.u64(..), rng.u32(..));
    let mut text = format!(
        "{{\"hash\":\"{stream}\",\"data\":{{\"demographic\":{{\"gender\":\"mostly_female\"}},\"interaction\":{{\"author\":\
         {{\"avatar\":\"http:\\/\\/a0.example.com\\/profile_images\\/{user}\\/normal.jpeg\",\"id\":{user},\"link\":\
         \"http:\\/\\/example.com\\/user{user}\",\"name\":\"Name {user}\",\"username\":\"user{user}\"}},\"content\":\""
    );
    let (sentences, kind) = (rng.usize(5..20), ["twitter", "blog", "facebook", "tumblr"][rng.usize(..4)]);
    words(rng, sentences, &mut text);
    write!(
        text,
        "\",\"created_at\":\"{CREATED}\",\"id\":\"{ID}\",\"link\":\"http:\\/\\/example.com\\/user{user}\\/statuses\\/\
         {number}\",\"schema\":{{\"version\":3}},\"source\":\"web\",\"type\":\"{kind}\"}},\"language\":{{\"confidence\":\
         {},\"tag\":\"en\"}},\"links\":{{\"code\":[200,301],\"url\":[\"http:\\/\\/t.example.com\\/{number:x}\"]}},\
         \"salience\":{{\"content\":{{\"sentiment\":{},\"topics\":[{{\"name\":\"Science\",\"hits\":0,\"score\":0.{}}}]}}}},\
         \"twitter\":{{\"id\":\"{number}\",\"retweeted\":false,\"user\":{{\"followers_count\":{user},\"description\":\"",
        rng.u8(..100),
        rng.i8(-10..10),
        rng.u32(..1_000_000),
    )
    .unwrap();
    while text.len() + 40 < length {
        words(rng, 3, &mut text);
        text.push_str(if rng.bool() { ". " } else { " \\/ " });
    }
    text.push_str("\"}}}}");
    text
}

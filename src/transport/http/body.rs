//! The body of an answer, taken in piece by piece: unpacked on the way, and never beyond its bound.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;

use super::fault::HttpFault;

/// What has come of a body.
pub(super) struct Intake {
    way: Way,
    /// Bytes as they came: a stream that unpacks to nothing must end, too.
    raw: usize,
    limit: usize,
}

enum Way {
    Plain(Bounded),
    Gzip(Box<MultiGzDecoder<Bounded>>),
}

impl Intake {
    /// For a body packed as the `Content-Encoding` header says.
    pub(super) fn of(packing: Option<&[u8]>, limit: usize) -> Result<Self, HttpFault> {
        let bounded = Bounded { bytes: Vec::new(), limit, over: false };
        let packing = packing.unwrap_or_default().trim_ascii().to_ascii_lowercase();
        let way = match packing.as_slice() {
            b"" | b"identity" => Way::Plain(bounded),
            b"gzip" | b"x-gzip" => Way::Gzip(Box::new(MultiGzDecoder::new(bounded))),
            _ => return Err(HttpFault::Garbled("the body is packed in a way that was not asked for".to_owned())),
        };
        Ok(Self { way, raw: 0, limit })
    }

    pub(super) fn take(&mut self, piece: &[u8]) -> Result<(), HttpFault> {
        self.raw = self.raw.saturating_add(piece.len());
        let taken = match &mut self.way {
            Way::Plain(bounded) => bounded.write_all(piece),
            Way::Gzip(decoder) => decoder.write_all(piece),
        };
        if self.raw > self.limit || self.bounded().over {
            return Err(HttpFault::Oversize { limit: self.limit });
        }
        taken.map_err(|_error| not_gzip())
    }

    /// The body, once no more comes.
    pub(super) fn whole(self) -> Result<Vec<u8>, HttpFault> {
        let limit = self.limit;
        match self.way {
            Way::Plain(bounded) => Ok(bounded.bytes),
            // An answer without a body may carry the header all the same.
            Way::Gzip(_) if self.raw == 0 => Ok(Vec::new()),
            Way::Gzip(mut decoder) => {
                let finished = decoder.try_finish();
                if decoder.get_ref().over {
                    return Err(HttpFault::Oversize { limit });
                }
                finished.map_err(|_error| not_gzip())?;
                Ok(std::mem::take(&mut decoder.get_mut().bytes))
            }
        }
    }

    fn bounded(&self) -> &Bounded {
        match &self.way {
            Way::Plain(bounded) => bounded,
            Way::Gzip(decoder) => decoder.get_ref(),
        }
    }
}

fn not_gzip() -> HttpFault {
    HttpFault::Garbled("the body is not the gzip that its header says".to_owned())
}

/// Bytes up to a bound.
struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
    over: bool,
}

impl Write for Bounded {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if piece.len() > self.limit.saturating_sub(self.bytes.len()) {
            self.over = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "what is not there fails the test")]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn read(packing: Option<&[u8]>, limit: usize, bytes: &[u8]) -> Result<Vec<u8>, HttpFault> {
        let mut intake = Intake::of(packing, limit)?;
        for piece in bytes.chunks(7) {
            intake.take(piece)?;
        }
        intake.whole()
    }

    const GZIP: Option<&[u8]> = Some(b"gzip");
    const TOO_MUCH: Result<Vec<u8>, HttpFault> = Err(HttpFault::Oversize { limit: 100 });

    #[test]
    fn a_body_is_whole_up_to_its_bound() {
        assert_eq!(read(None, 100, &[b'x'; 100]).unwrap(), [b'x'; 100]);
        assert_eq!(read(None, 100, &[b'x'; 101]), TOO_MUCH);
        assert_eq!(read(GZIP, 100, &packed(&[b'x'; 100])).unwrap(), [b'x'; 100]);
        assert_eq!(read(GZIP, 100, &packed(&[b'x'; 101])), TOO_MUCH);
        assert_eq!(read(GZIP, 100, &packed(&vec![0; 100 << 20])), TOO_MUCH, "a bomb");
        assert_eq!(read(GZIP, 100, b"").unwrap(), b"");
        let two = [packed(b"one, "), packed(b"two")].concat();
        assert_eq!(read(GZIP, 100, &two).unwrap(), b"one, two");
        let nothings = packed(b"").repeat(50);
        assert_eq!(read(GZIP, 100, &nothings), TOO_MUCH, "a stream that unpacks to nothing");
    }

    #[test]
    fn what_is_not_whole_or_not_gzip_is_told() {
        let whole = packed(b"an interaction with a text of some length, and another one");
        for cut in 1..whole.len() {
            assert_eq!(read(GZIP, 100, &whole[..cut]), Err(not_gzip()), "cut at {cut} of {}", whole.len());
        }
        assert_eq!(read(GZIP, 100, b"<html>no</html>"), Err(not_gzip()));
        let mut spoilt = whole.clone();
        let last = spoilt.len() - 5;
        spoilt[last] ^= 1;
        assert_eq!(read(GZIP, 100, &spoilt), Err(not_gzip()), "a wrong checksum");
        assert!(matches!(read(Some(b"br"), 100, b""), Err(HttpFault::Garbled(_))));
    }
}

//! What an operator asks for, and what was tried at it.

use std::collections::BTreeMap;

use crate::healing::{Gap, GapId, Piece, rest};
use crate::time::Time;

/// What an operator asks for.
#[derive(Clone, Debug, Default, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
pub struct Request {
    /// Only this stream, as the server spells it.
    pub stream: Option<String>,
    /// Only gaps that reach beyond this moment.
    pub since_us: Option<i64>,
}

impl Request {
    pub fn covers(&self, gap: &Gap) -> bool {
        self.stream.as_ref().is_none_or(|stream| *stream == gap.name)
            && self.since_us.is_none_or(|since| gap.until > Time::from_micros(since))
    }
}

/// A request that is being carried out. Nothing is asked for twice at it: a job that ends without filling its gaps would
/// begin anew until the day's budget is spent.
#[derive(Debug)]
pub(super) struct Asked {
    request: Request,
    tried: BTreeMap<GapId, Vec<(Time, Time)>>,
}

impl Asked {
    pub(super) const fn of(request: Request) -> Self {
        Self { request, tried: BTreeMap::new() }
    }

    /// What of these gaps is asked for and was not tried yet.
    pub(super) fn gaps(&self, gaps: &[Gap]) -> Vec<Gap> {
        gaps.iter().filter(|gap| self.request.covers(gap)).filter_map(|gap| self.left(gap)).collect()
    }

    fn left(&self, gap: &Gap) -> Option<Gap> {
        let Some(tried) = self.tried.get(&gap.id) else { return Some(gap.clone()) };
        let left = gap.rest.iter().flat_map(|(from, until)| rest(*from, *until, &mut tried.clone()));
        let gap = Gap { rest: left.collect(), ..gap.clone() };
        (!gap.rest.is_empty()).then_some(gap)
    }

    /// A job for these came to nothing, and it was no try.
    pub(super) fn untried(&mut self, pieces: &[Piece]) {
        for piece in pieces {
            if let Some(tried) = self.tried.get_mut(&piece.gap) {
                tried.retain(|stretch| *stretch != (piece.from, piece.until));
            }
        }
    }

    /// A job was begun for these.
    pub(super) fn tried(&mut self, pieces: &[Piece]) {
        for piece in pieces {
            self.tried.entry(piece.gap).or_default().push((piece.from, piece.until));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::StreamId;

    fn gap(id: i64, from: i64, until: i64) -> Gap {
        let at = Time::from_seconds;
        Gap {
            id: GapId(id),
            stream: StreamId(1),
            name: "a".to_owned(),
            from: at(from),
            until: at(until),
            rest: vec![(at(from), at(until))],
            tries: 0,
            jobs: 0,
            begun: None,
            apart: None,
        }
    }

    #[test]
    fn what_was_tried_is_left_out_until_it_turns_out_to_have_been_no_try() {
        let at = Time::from_seconds;
        let piece = |gap, from, until| Piece { gap: GapId(gap), from: at(from), until: at(until) };
        let gaps = [gap(1, 10, 20), gap(2, 30, 40)];
        let left = |asked: &Asked| -> Vec<(i64, Vec<(Time, Time)>)> {
            asked.gaps(&gaps).into_iter().map(|gap| (gap.id.0, gap.rest)).collect()
        };
        let whole = vec![(1, vec![(at(10), at(20))]), (2, vec![(at(30), at(40))])];
        let mut asked = Asked::of(Request::default());
        assert_eq!(left(&asked), whole);
        asked.tried(&[piece(1, 10, 14), piece(1, 14, 17)]);
        assert_eq!(left(&asked), [(1, vec![(at(17), at(20))]), (2, vec![(at(30), at(40))])]);
        asked.tried(&[piece(1, 17, 20)]);
        assert_eq!(left(&asked), [(2, vec![(at(30), at(40))])]);
        asked.untried(&[piece(1, 14, 17), piece(2, 30, 40)]);
        assert_eq!(left(&asked), [(1, vec![(at(14), at(17))]), (2, vec![(at(30), at(40))])]);
        asked.untried(&[piece(1, 10, 14), piece(1, 17, 20)]);
        assert_eq!(left(&asked), whole);
    }

    #[test]
    fn a_request_covers_what_reaches_beyond_its_moment_and_is_of_its_stream() {
        let at = Time::from_seconds;
        let gap = gap(1, 10, 20);
        let covers = |stream: Option<&str>, since: Option<i64>| {
            let since_us = since.map(|since| at(since).micros());
            Request { stream: stream.map(str::to_owned), since_us }.covers(&gap)
        };
        assert!(covers(None, None) && covers(Some("a"), None) && covers(Some("a"), Some(15)) && covers(None, Some(0)));
        assert!(!covers(Some("b"), None) && !covers(Some("b"), Some(0)));
        assert!(covers(None, Some(19)) && !covers(None, Some(20)) && !covers(None, Some(21)));
    }
}

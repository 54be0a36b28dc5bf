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

    #[test]
    fn a_request_covers_what_reaches_beyond_its_moment_and_is_of_its_stream() {
        let at = Time::from_seconds;
        let gap = Gap {
            id: GapId(1),
            stream: StreamId(1),
            name: "a".to_owned(),
            from: at(10),
            until: at(20),
            rest: vec![(at(10), at(20))],
            tries: 0,
            jobs: 0,
            begun: None,
            apart: None,
        };
        let covers = |stream: Option<&str>, since: Option<i64>| {
            let since_us = since.map(|since| at(since).micros());
            Request { stream: stream.map(str::to_owned), since_us }.covers(&gap)
        };
        assert!(covers(None, None) && covers(Some("a"), None) && covers(Some("a"), Some(15)) && covers(None, Some(0)));
        assert!(!covers(Some("b"), None) && !covers(Some("b"), Some(0)));
        assert!(covers(None, Some(19)) && !covers(None, Some(20)) && !covers(None, Some(21)));
    }
}

//! Stretches of time: their union, their difference, and how long they are.

/// From a moment, until before another, in microseconds since 1970.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Span {
    pub(crate) from_us: i64,
    pub(crate) until_us: i64,
}

impl Span {
    pub(crate) fn holds(self, at_us: i64) -> bool {
        (self.from_us..self.until_us).contains(&at_us)
    }

    pub(crate) fn meets(self, other: Self) -> bool {
        self.from_us < other.until_us && other.from_us < self.until_us
    }
}

/// Spans in order that do not touch.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Spans(Vec<Span>);

impl Spans {
    pub(crate) fn add(&mut self, mut span: Span) {
        if span.from_us >= span.until_us {
            return;
        }
        self.0.retain(|other| {
            let apart = other.until_us < span.from_us || span.until_us < other.from_us;
            if !apart {
                span.from_us = span.from_us.min(other.from_us);
                span.until_us = span.until_us.max(other.until_us);
            }
            apart
        });
        let place = self.0.partition_point(|other| other.from_us < span.from_us);
        self.0.insert(place, span);
    }

    pub(crate) fn subtract(&mut self, cut: Span) {
        let pieces = self.0.iter().flat_map(|span| {
            let before = Span { until_us: span.until_us.min(cut.from_us), ..*span };
            let after = Span { from_us: span.from_us.max(cut.until_us), ..*span };
            [before, after]
        });
        self.0 = pieces.filter(|span| span.from_us < span.until_us).collect();
        self.0.dedup();
    }

    pub(crate) fn within(&self, frame: Span) -> Self {
        let cut = self
            .0
            .iter()
            .map(|span| Span { from_us: span.from_us.max(frame.from_us), until_us: span.until_us.min(frame.until_us) });
        Self(cut.filter(|span| span.from_us < span.until_us).collect())
    }

    pub(crate) fn micros(&self) -> i64 {
        self.0.iter().map(|span| span.until_us - span.from_us).sum()
    }

    /// Whether all of it lies in here.
    pub(crate) fn hold(&self, span: Span) -> bool {
        let mut rest = Self(vec![span]);
        for own in &self.0 {
            rest.subtract(*own);
        }
        rest.micros() == 0
    }
}

impl FromIterator<Span> for Spans {
    fn from_iter<I: IntoIterator<Item = Span>>(spans: I) -> Self {
        let mut all = Self::default();
        for span in spans {
            all.add(span);
        }
        all
    }
}

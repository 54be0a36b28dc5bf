//! A search through a list that the server hands out page by page.

/// A list is read up to this page.
const PAGES_MAX: u32 = 500;

/// Where the search is. A list of several pages is read to its end and back again: what another job drops meanwhile moves
/// all that stands behind it towards the first page, maybe onto one that has been read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Search {
    On(u32),
    Back(u32),
}

impl Search {
    pub(super) const FIRST: Self = Self::On(1);

    /// The page to be read.
    pub(super) const fn page(self) -> u32 {
        match self {
            Self::On(page) | Self::Back(page) => page,
        }
    }

    /// Where to look next if it was not on this page, and there are `more` behind it; nothing if it is nowhere.
    pub(super) fn next(self, more: bool) -> Option<Self> {
        match self {
            Self::On(page) if more && page < PAGES_MAX => Some(Self::On(page + 1)),
            Self::On(page) | Self::Back(page) => (page > 1).then(|| Self::Back(page - 1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pages that are read of a list of so many.
    fn pages(of: u32) -> Vec<u32> {
        let steps = std::iter::successors(Some(Search::FIRST), |search| search.next(search.page() < of));
        // More than any list has: a search without end shows here.
        steps.map(Search::page).take(2_000).collect()
    }

    #[test]
    fn a_list_is_read_to_its_end_and_back() {
        assert_eq!((pages(1), pages(2), pages(4)), (vec![1], vec![1, 2, 1], vec![1, 2, 3, 4, 3, 2, 1]));
        assert_eq!(pages(u32::MAX).len(), 999);
    }
}

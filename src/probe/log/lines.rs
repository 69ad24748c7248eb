//! Cuts what is read of a log into lines, however the blocks fall. Holds no more than one line's beginning.

/// As much of a line is looked at, in bytes; the rest of a longer one is passed over.
pub(super) const LONGEST: usize = 64 * 1024;

/// Lines out of blocks.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// The beginning of a line that has no end yet.
    carry: Vec<u8>,
    /// In the rest of a line that was too long.
    pub(super) inside: bool,
}

impl Lines {
    /// Goes on in the rest of a line that was too long, or not.
    pub(super) fn inside(inside: bool) -> Self {
        Self { carry: Vec::new(), inside }
    }

    /// Hands on every line that ends in `block`, without its line feed.
    pub(super) fn push(&mut self, mut block: &[u8], take: &mut dyn FnMut(&[u8])) {
        while let Some(end) = block.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = (&block[..end], &block[end + 1..]);
            if self.inside {
                self.inside = false;
            } else if self.carry.is_empty() {
                take(&line[..line.len().min(LONGEST)]);
            } else {
                self.keep(line);
                take(&self.carry);
                self.carry.clear();
            }
            block = rest;
        }
        if self.inside || block.is_empty() {
            return;
        }
        self.keep(block);
        if self.carry.len() >= LONGEST {
            take(&self.carry);
            self.carry.clear();
            self.inside = true;
        }
    }

    /// Nothing comes any more: what has no end is a line all the same.
    pub(super) fn end(&mut self, take: &mut dyn FnMut(&[u8])) {
        if !self.carry.is_empty() {
            take(&self.carry);
        }
        *self = Self::default();
    }

    /// Bytes of a line that has no end yet and was not handed on.
    pub(super) fn open(&self) -> u64 {
        self.carry.len() as u64
    }

    fn keep(&mut self, part: &[u8]) {
        let room = LONGEST - self.carry.len();
        self.carry.extend_from_slice(&part[..part.len().min(room)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(blocks: &[&[u8]]) -> (Vec<usize>, u64, bool) {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        for block in blocks {
            lines.push(block, &mut |line| found.push(line.len()));
        }
        (found, lines.open(), lines.inside)
    }

    #[test]
    fn a_line_without_end_is_cut_and_the_next_one_is_whole() {
        let long = vec![b'x'; LONGEST + 5];
        assert_eq!(cut(&[b"ab\ncd"]), (vec![2], 2, false));
        assert_eq!(cut(&[&long, &long]), (vec![LONGEST], 0, true));
        assert_eq!(cut(&[&long, b"x\nab\n"]), (vec![LONGEST, 2], 0, false));
        assert_eq!(cut(&[&long[..LONGEST - 1], b"xxx\nab\n"]), (vec![LONGEST, 2], 0, false));
        assert_eq!(cut(&[b"\n\n", b""]), (vec![0, 0], 0, false));
    }

    proptest! {
        #[test]
        fn lines_are_the_same_however_the_blocks_fall(
            text in "[ab\n]{0,60}",
            cuts in prop::collection::vec(0usize..60, 0..6),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|at| at.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let (mut lines, mut found) = (Lines::default(), Vec::new());
            for pair in cuts.windows(2) {
                let block = &text.as_bytes()[pair[0]..pair[1]];
                lines.push(block, &mut |line| found.push(line.to_vec()));
            }
            lines.end(&mut |line| found.push(line.to_vec()));
            let want: Vec<Vec<u8>> = text.lines().map(|line| line.as_bytes().to_vec()).collect();
            prop_assert_eq!(found, want);
        }
    }
}

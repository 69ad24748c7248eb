//! A job's output that is kept back until it is known how the job ended. Bounded: of more than that, the end is kept.

use std::collections::VecDeque;

/// Bytes kept at most, of both streams together.
const MOST: usize = 4 << 20;
/// Pieces kept at most: small ones cost more than their bytes.
const PIECES: usize = 1 << 16;
/// Pieces of one stream in a row become one up to this many bytes.
const PIECE: usize = 16 << 10;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// The stream's index, and what it wrote, in the order of arrival.
    pieces: VecDeque<(usize, Vec<u8>)>,
    bytes: usize,
    /// Bytes that there was no room for.
    pub(super) left_out: u64,
}

impl Held {
    /// Keeps `piece` of the stream `index`.
    pub(super) fn push(&mut self, index: usize, piece: &[u8]) {
        self.bytes += piece.len();
        match self.pieces.back_mut() {
            Some((last, bytes)) if *last == index && bytes.len() + piece.len() <= PIECE => {
                bytes.extend_from_slice(piece);
            }
            _ => self.pieces.push_back((index, piece.to_vec())),
        }
        while self.bytes > MOST || self.pieces.len() > PIECES {
            let Some((_, gone)) = self.pieces.pop_front() else { return };
            self.bytes -= gone.len();
            self.left_out += gone.len() as u64;
        }
    }

    /// All that is kept, in order.
    pub(super) fn take(&mut self) -> impl Iterator<Item = (usize, Vec<u8>)> + use<> {
        self.bytes = 0;
        std::mem::take(&mut self.pieces).into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_kept_in_order_and_what_is_left_out_is_counted() {
        let mut held = Held::default();
        for (index, piece) in [(0, "a"), (0, "b"), (1, "c"), (0, "d")] {
            held.push(index, piece.as_bytes());
        }
        let all: Vec<_> = held.take().collect();
        assert_eq!(all, [(0, b"ab".to_vec()), (1, b"c".to_vec()), (0, b"d".to_vec())]);
        let line = [b'x'; 1000];
        for turn in 0..10_000 {
            held.push(turn % 2, &line);
        }
        held.push(0, b"end");
        let left_out = held.left_out;
        let kept: Vec<u8> = held.take().flat_map(|(_, piece)| piece).collect();
        assert_eq!(kept.len() as u64 + left_out, 10_000_003);
        assert!(kept.len() <= MOST && kept.len() > MOST - 2000 && kept.ends_with(b"end"));
    }

    #[test]
    fn single_bytes_of_two_streams_by_turns_are_bounded_too() {
        let mut held = Held::default();
        for turn in 0..PIECES + 10 {
            held.push(turn % 2, b"x");
        }
        assert_eq!((held.left_out, held.take().count()), (10, PIECES));
    }
}

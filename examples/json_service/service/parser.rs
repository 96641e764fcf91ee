//! What parsing one document needs, so that it can be pooled: simd-json's buffers and its tape.
//!
//! Why simd-json's tape: on the payloads in `examples/data` it takes half the time of the fastest
//! serde_json visitor that counts the same things, and with fresh buffers twice the time on 2 MB.

use simd_json::{Buffers, INPUT_PADDING, Node, Tape};
use stealpool::Recycle;

/// A parser without a document.
pub(crate) struct Parser {
    buffers: Buffers,
    tape: Tape<'static>,
    /// `Buffers` does not tell its size; the longest input does, nearly.
    longest_input: usize,
    most_structurals: usize,
}

impl Parser {
    /// A parser that has allocated next to nothing.
    pub(crate) fn new() -> Self {
        let (buffers, tape) = (Buffers::default(), Tape(Vec::new()));
        Parser { buffers, tape, longest_input: 0, most_structurals: 0 }
    }

    /// Parses the whole of `input`, which it spoils, and shows the result to `look`.
    ///
    /// # Errors
    ///
    /// `input` is not one JSON document. The parser is none the worse for it.
    pub(crate) fn parse<R>(
        &mut self,
        input: &mut Vec<u8>,
        look: impl FnOnce(&Tape<'_>) -> R,
    ) -> Result<R, simd_json::Error> {
        let length = input.len();
        // Room to read past the end saves simd-json a copy of the input.
        input.resize(length + INPUT_PADDING, b' ');
        self.longest_input = self.longest_input.max(length);
        let mut tape = std::mem::replace(&mut self.tape, Tape(Vec::new())).reset();
        let parsed = simd_json::fill_tape_padded(input, length, &mut self.buffers, &mut tape);
        let seen = parsed.map(|()| look(&tape));
        self.tape = tape.reset();
        self.most_structurals = self.most_structurals.max(self.buffers.structural_indexes().len());
        seen
    }
}

impl Recycle for Parser {
    fn recycle(&mut self) {
        // `parse` leaves nothing behind but capacity.
    }

    fn footprint(&self) -> usize {
        self.longest_input
            + self.most_structurals * size_of::<u32>()
            + self.tape.0.capacity() * size_of::<Node<'static>>()
            + size_of::<Self>()
    }
}

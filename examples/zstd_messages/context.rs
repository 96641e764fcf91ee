//! zstd's contexts: what is pooled.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use stealpool::Recycle;
use zstd::zstd_safe::{
    CCtx, CParameter, DCtx, InBuffer, OutBuffer, ResetDirective, get_error_name,
    zstd_sys::ZSTD_EndDirective,
};

/// Contexts made so far, and the bytes of all that live.
static CREATED: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

/// How many contexts were made so far.
pub(crate) fn created() -> u64 {
    // Relaxed: a figure.
    CREATED.load(Relaxed)
}

/// The bytes of all contexts that live, as zstd counts them.
pub(crate) fn live_bytes() -> u64 {
    // Relaxed: a figure.
    BYTES.load(Relaxed)
}

/// Something that is set up for a level and then used for message after message.
pub(crate) trait Context: Send + 'static {
    /// For `level`.
    fn new(level: i32) -> Self;

    /// Puts the result for `message` into `output`, in place of what is there.
    fn run(&mut self, message: &[u8], output: &mut Vec<u8>);

    /// Forgets the last message; a message that failed halfway leaves nothing behind.
    fn reset(&mut self);

    /// What zstd says that it takes.
    fn size(&self) -> usize;
}

/// Level at which messages are streamed, so that zstd cannot adapt to their length.
pub(crate) const STREAMED: i32 = 15;

/// Compresses.
pub(crate) struct Compressor {
    context: CCtx<'static>,
    level: i32,
}

impl Context for Compressor {
    fn new(level: i32) -> Self {
        let mut context = CCtx::create();
        check(context.set_parameter(CParameter::CompressionLevel(level)));
        Compressor { context, level }
    }

    fn run(&mut self, message: &[u8], output: &mut Vec<u8>) {
        output.clear();
        output.reserve(zstd::zstd_safe::compress_bound(message.len()));
        if self.level != STREAMED {
            check(self.context.compress2(output, message));
            return;
        }
        let mut output = OutBuffer::around(output);
        let (head, tail) = message.split_at(message.len() / 2);
        let steps =
            [(head, ZSTD_EndDirective::ZSTD_e_continue), (tail, ZSTD_EndDirective::ZSTD_e_end)];
        for (part, step) in steps {
            let mut input = InBuffer::around(part);
            // The output has room for the worst case, so one call takes all.
            check(self.context.compress_stream2(&mut output, &mut input, step));
        }
    }

    fn reset(&mut self) {
        check(self.context.reset(ResetDirective::SessionOnly));
    }

    fn size(&self) -> usize {
        self.context.sizeof()
    }
}

/// Decompresses.
pub(crate) struct Decompressor(DCtx<'static>);

impl Context for Decompressor {
    fn new(_: i32) -> Self {
        Decompressor(DCtx::create())
    }

    fn run(&mut self, message: &[u8], output: &mut Vec<u8>) {
        output.clear();
        let length = zstd::zstd_safe::get_frame_content_size(message);
        let length = length.ok().flatten().expect("our own frames say their length");
        output.reserve(length as usize);
        check(self.0.decompress(output, message));
    }

    fn reset(&mut self) {
        check(self.0.reset(ResetDirective::SessionOnly));
    }

    fn size(&self) -> usize {
        self.0.sizeof()
    }
}

fn check(result: Result<usize, usize>) {
    if let Err(code) = result {
        panic!("zstd: {}", get_error_name(code));
    }
}

/// A context that is counted, and weighed when it has been used.
pub(crate) struct Counted<C: Context> {
    context: C,
    weight: usize,
}

impl<C: Context> Counted<C> {
    /// Makes a context for `level`.
    pub(crate) fn new(level: i32) -> Self {
        // Relaxed: a figure.
        CREATED.fetch_add(1, Relaxed);
        let mut counted = Counted { context: C::new(level), weight: 0 };
        counted.weigh();
        counted
    }

    /// Puts the result for `message` into `output`.
    pub(crate) fn run(&mut self, message: &[u8], output: &mut Vec<u8>) {
        self.context.run(message, output);
        self.weigh();
    }

    fn weigh(&mut self) {
        let weight = self.context.size();
        if weight != self.weight {
            // Relaxed, both: a figure. Adding first keeps it from wrapping.
            BYTES.fetch_add(weight as u64, Relaxed);
            BYTES.fetch_sub(self.weight as u64, Relaxed);
            self.weight = weight;
        }
    }
}

impl<C: Context> Recycle for Counted<C> {
    fn recycle(&mut self) {
        self.context.reset();
    }

    fn footprint(&self) -> usize {
        self.weight
    }
}

impl<C: Context> Drop for Counted<C> {
    fn drop(&mut self) {
        // Relaxed: a figure.
        BYTES.fetch_sub(self.weight as u64, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_back_and_contexts_weigh_what_zstd_says() {
        let message = b"{\"action\":\"created\"} ".repeat(200);
        let (mut packed, mut unpacked) = (Vec::new(), Vec::new());
        for level in [1, 3, 6, STREAMED] {
            let mut compressor = Counted::<Compressor>::new(level);
            compressor.run(&message, &mut packed);
            compressor.recycle();
            if level == STREAMED {
                assert!(compressor.footprint() > 10 << 20, "{}", compressor.footprint());
                compressor.run(&message, &mut packed);
                unpacked = zstd::decode_all(&packed[..]).unwrap();
            } else {
                Counted::<Decompressor>::new(0).run(&packed, &mut unpacked);
            }
            assert!(unpacked == message && packed.len() < message.len() / 10);
            assert!(live_bytes() >= compressor.footprint() as u64);
        }
    }
}

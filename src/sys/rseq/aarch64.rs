//! The sequences in AArch64's instructions.
//!
//! They build, but have not run on such a machine. Only `--cfg stealpool_rseq_aarch64` turns them on.
//!
//! The gate is loaded with acquire, so that the header is not read before it. The commit is a release store. The protocol
//! does not need that: the next user of the magazine is on the same processor, or comes after a barrier.

use std::arch::asm;

/// Reads a field of this thread's area.
///
/// # Safety
///
/// `offset` is that of a field of the area.
pub(super) unsafe fn field(offset: isize) -> u32 {
    let value: u32;
    // SAFETY: it reads four bytes of this thread's own area. `asm!`, because the kernel writes there.
    unsafe {
        asm!("mrs {t}, tpidr_el0",
            "ldr {value:w}, [{t}, {offset}]",
            t = out(reg) _, value = out(reg) value, offset = in(reg) offset,
            options(nostack, preserves_flags, readonly));
    }
    value
}

/// A sequence. After the common part, register `m` is the magazine of this processor, and `gate` is its gate. A failure
/// jumps to `77`, which sets the result to zero.
macro_rules! sequence {
    ($table:expr, [$($body:literal),*], $failed:literal, $($operands:tt)*) => {
        asm!(
            // The descriptor: version and flags, start, length, where to go if interrupted.
            ".pushsection __rseq_cs, \"aw\"",
            ".balign 32",
            "75: .word 0, 0",
            ".xword 72f, 73f - 72f, 74f",
            ".popsection",
            ".pushsection __rseq_cs_ptr_array, \"aw\"",
            ".xword 75b",
            ".popsection",
            ".pushsection __rseq_exit_point_array, \"aw\"",
            ".xword 72f, 77f",
            ".popsection",
            "mrs {tp}, tpidr_el0",
            "ldr {area}, [{table}]",
            "add {area}, {area}, {tp}",
            // Before the start: announce it.
            "71:",
            "adrp {t}, 75b",
            "add {t}, {t}, :lo12:75b",
            "str {t}, [{area}, #8]",
            "72:",
            "ldr {t}, [{table}, #8]",
            "ldr {m:w}, [{tp}, {t}]",
            "ldr {t:w}, [{area}, #4]",
            "tbnz {t:w}, #31, 77f",
            "ldr {t}, [{table}, #16]",
            "cmp {m}, {t}",
            "b.hs 77f",
            "add {m}, {table}, {m}, lsl #3",
            "ldr {m}, [{m}, #24]",
            "add {t}, {m}, #8",
            "ldar {gate}, [{t}]",
            $($body,)*
            // After the commit.
            "73:",
            "str xzr, [{area}, #8]",
            "b 78f",
            $failed,
            "b 73b",
            // Where an interrupted sequence goes: the signature that the kernel asks for, and back.
            ".pushsection .text.unlikely, \"ax\"",
            ".inst 0xd428bc00",
            "74: b 71b",
            ".popsection",
            "78:",
            table = in(reg) $table.as_ptr(),
            tp = out(reg) _,
            area = out(reg) _,
            t = out(reg) _,
            $($operands)*
            options(nostack)
        )
    };
}

/// Pops: `$object` is what was taken, or null.
macro_rules! pop {
    ($table:expr, $object:ident) => {
        sequence!($table,
            ["ldr {h}, [{m}]",
             "and {t:w}, {h:w}, #0xff",
             "sub {t:w}, {t:w}, #1",
             "cmp {t:w}, {gate:w}",
             "b.hs 77f",
             "add {gate}, {m}, {t}, lsl #1",
             "add {t}, {m}, {t}, lsl #3",
             "ldrh {gate:w}, [{gate}, #16]",
             "ldr {object}, [{t}, #144]",
             "sub {h}, {h}, #1",
             "sub {h}, {h}, {gate}, lsl #48",
             "stlr {h}, [{m}]"],
            "77: mov {object}, xzr",
            m = out(reg) _,
            gate = out(reg) _,
            h = out(reg) _,
            object = out(reg) $object,
        )
    };
}

/// Pushes: `$header` is the new header, or 0.
macro_rules! push {
    ($table:expr, $weight:expr, $pushed:expr, $more:expr, $header:ident) => {
        sequence!($table,
            ["ldr {h}, [{m}]",
             "and {t:w}, {h:w}, #0xff",
             "cmp {t:w}, {gate:w}",
             "b.hs 77f",
             "adds {h}, {h}, {more}",
             "b.cs 77f",
             "add {gate}, {m}, {t}, lsl #1",
             "add {t}, {m}, {t}, lsl #3",
             "strh {weight:w}, [{gate}, #16]",
             "str {object}, [{t}, #144]",
             "stlr {h}, [{m}]"],
            "77: mov {h}, xzr",
            m = out(reg) _,
            gate = out(reg) _,
            h = out(reg) $header,
            more = in(reg) $more,
            weight = in(reg) $weight,
            object = in(reg) $pushed,
        )
    };
}

/// Closes the gate: `$magazine` is whose, or null, and `$gate` what it was.
macro_rules! close {
    ($table:expr, $magazine:ident, $gate:ident) => {
        sequence!($table,
            ["tbz {gate}, #32, 77f",
             "stlr xzr, [{t}]"],
            "77: mov {m}, xzr",
            m = out(reg) $magazine,
            gate = out(reg) $gate,
        )
    };
}

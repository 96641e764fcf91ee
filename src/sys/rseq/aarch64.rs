//! The sequences in AArch64's instructions.
//!
//! They were built, and have not run on such a machine: only `--cfg stealpool_rseq_aarch64` turns them on.
//!
//! The gate is loaded with acquire, so that the header is not read before it. The commit is a release, which the
//! protocol does not need: who takes over is on the same processor, or comes after a barrier.

use super::area::processors;
use crate::sys::magazine::{self, COUNTED, HEAD, HELD, Magazine, ONE, Table, WEIGHT_SHIFT};
use std::arch::asm;

/// Reads a field of this thread's area.
///
/// # Safety
///
/// `offset` is that of a field of the area.
pub(super) unsafe fn field(offset: isize) -> u32 {
    let value: u32;
    // SAFETY: reads four bytes of this thread's own area. Volatile, for the kernel writes there.
    unsafe {
        asm!("mrs {t}, tpidr_el0",
            "ldr {value:w}, [{t}, {offset}]",
            t = out(reg) _, value = out(reg) value, offset = in(reg) offset,
            options(nostack, preserves_flags, readonly));
    }
    value
}

/// A sequence: after the common part, register `m` is the magazine of this processor, and its gate is in `gate`.
/// Where it fails, it goes to `77`, which leaves the result zero.
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

const _: () = assert!(HEAD == 3 && ONE == 1 && WEIGHT_SHIFT == 48);

/// Takes the newest object of this processor's magazine; null: there is none, or its gate is closed.
///
/// # Safety
///
/// `available` has said yes, `table` begins with `head`, and each of its other entries, as many as there are
/// [`processors`], is a magazine that outlives the call.
#[inline(always)]
pub(crate) unsafe fn pop(table: &Table) -> *mut () {
    debug_assert!(table.len() >= HEAD + processors());
    let object: *mut ();
    // SAFETY: a restartable sequence, see the module. It touches this thread's area and a magazine of the
    // table, nothing else.
    unsafe {
        sequence!(table,
            ["ldr {h}, [{m}]",
             "and {t:w}, {h:w}, #0xff",
             "sub {t:w}, {t:w}, #1",
             "cmp {t:w}, {gate:w}",
             "b.hs 77f",
             "add {gate}, {m}, {t}, lsl #1",
             "add {t}, {m}, {t}, lsl #3",
             "ldrh {gate:w}, [{gate}, #128]",
             "ldr {object}, [{t}, #16]",
             "sub {h}, {h}, #1",
             "sub {h}, {h}, {gate}, lsl #48",
             "stlr {h}, [{m}]"],
            "77: mov {object}, xzr",
            m = out(reg) _,
            gate = out(reg) _,
            h = out(reg) _,
            object = out(reg) object,
        );
    }
    object
}

/// Puts an object into this processor's magazine. The new header; 0: no room, or the gate is closed.
///
/// # Safety
///
/// As for [`pop`]; `object` is the caller's, and is the magazine's if this succeeds.
#[inline(always)]
pub(crate) unsafe fn push(table: &Table, weight: u16, object: *mut ()) -> u64 {
    debug_assert!(table.len() >= HEAD + processors());
    let header: u64;
    // SAFETY: as in `pop`; it writes above the newest object, which nobody looks at before the commit.
    unsafe {
        sequence!(table,
            ["ldr {h}, [{m}]",
             "and {t:w}, {h:w}, #0xff",
             "cmp {t:w}, {gate:w}",
             "b.hs 77f",
             "adds {h}, {h}, {more}",
             "b.cs 77f",
             "add {gate}, {m}, {t}, lsl #1",
             "add {t}, {m}, {t}, lsl #3",
             "strh {weight:w}, [{gate}, #128]",
             "str {object}, [{t}, #16]",
             "stlr {h}, [{m}]"],
            "77: mov {h}, xzr",
            m = out(reg) _,
            gate = out(reg) _,
            h = out(reg) header,
            more = in(reg) magazine::share(weight) + COUNTED,
            weight = in(reg) weight,
            object = in(reg) object,
        );
    }
    header
}

/// Closes the gate of this processor's magazine: it is the caller's alone until the caller opens it. The
/// magazine and what the gate was; `None`: it is closed already.
///
/// # Safety
///
/// As for [`pop`].
#[inline(always)]
pub(crate) unsafe fn close(table: &Table) -> Option<(*mut Magazine, u64)> {
    debug_assert!(table.len() >= HEAD + processors());
    const { assert!(HELD == 0) };
    let magazine: *mut Magazine;
    let gate: u64;
    // SAFETY: as in `pop`.
    unsafe {
        sequence!(table,
            ["tbz {gate}, #32, 77f",
             "stlr xzr, [{t}]"],
            "77: mov {m}, xzr",
            m = out(reg) magazine,
            gate = out(reg) gate,
        );
    }
    (!magazine.is_null()).then_some((magazine, gate))
}

//! The sequences in x86-64's instructions.

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
        asm!("mov {value:e}, dword ptr fs:[{offset}]",
            value = out(reg) value, offset = in(reg) offset,
            options(nostack, preserves_flags, readonly));
    }
    value
}

/// A sequence: after the common part, register `m` is the magazine of this processor. Where it fails, it
/// goes to `77`, which leaves the result zero.
macro_rules! sequence {
    ($table:expr, [$($body:literal),*], $failed:literal, $($operands:tt)*) => {
        asm!(
            // The descriptor: version and flags, start, length, where to go if interrupted.
            ".pushsection __rseq_cs, \"aw\"",
            ".balign 32",
            "75: .long 0, 0",
            ".quad 72f, 73f - 72f, 74f",
            ".popsection",
            ".pushsection __rseq_cs_ptr_array, \"aw\"",
            ".quad 75b",
            ".popsection",
            ".pushsection __rseq_exit_point_array, \"aw\"",
            ".quad 72f, 77f",
            ".popsection",
            "mov {area}, qword ptr [{table}]",
            // Before the start: announce it.
            "71:",
            "lea {t}, [rip + 75b]",
            "mov qword ptr fs:[{area} + 8], {t}",
            "72:",
            "mov {t}, qword ptr [{table} + 8]",
            "mov {m:e}, dword ptr fs:[{t}]",
            "cmp dword ptr fs:[{area} + 4], 0",
            "jl 77f",
            "cmp {m}, qword ptr [{table} + 16]",
            "jae 77f",
            "mov {m}, qword ptr [{table} + {m}*8 + 24]",
            $($body,)*
            // After the commit.
            "73:",
            "mov qword ptr fs:[{area} + 8], 0",
            // Where an interrupted sequence goes: the signature that the kernel asks for, and back.
            ".pushsection .text.unlikely, \"ax\"",
            ".byte 0x0f, 0xb9, 0x3d",
            ".long 0x53053053",
            "74: jmp 71b",
            $failed,
            "jmp 73b",
            ".popsection",
            table = in(reg) $table.as_ptr(),
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
            ["mov {w:e}, dword ptr [{m} + 8]",
             "mov {h}, qword ptr [{m}]",
             "movzx {t:e}, {h:l}",
             "lea {object:e}, [{t} - 1]",
             "cmp {object:e}, {w:e}",
             "jae 77f",
             "movzx {w:e}, word ptr [{m} + {t}*2 + 126]",
             "mov {object}, qword ptr [{m} + {t}*8 + 8]",
             "dec {h}",
             "shl {w}, 48",
             "sub {h}, {w}",
             "mov qword ptr [{m}], {h}"],
            "77: xor {object:e}, {object:e}",
            m = out(reg) _,
            w = out(reg) _,
            h = out(reg_abcd) _,
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
            ["mov {capacity:e}, dword ptr [{m} + 8]",
             "mov {h}, qword ptr [{m}]",
             "movzx {t:e}, {h:l}",
             "cmp {t:e}, {capacity:e}",
             "jae 77f",
             "add {h}, {more}",
             "jc 77f",
             "mov word ptr [{m} + {t}*2 + 128], {weight:x}",
             "mov qword ptr [{m} + {t}*8 + 16], {object}",
             "mov qword ptr [{m}], {h}"],
            "77: xor {h:e}, {h:e}",
            m = out(reg) _,
            capacity = out(reg) _,
            h = out(reg_abcd) header,
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
            ["mov {gate}, qword ptr [{m} + 8]",
             "bt {gate}, 32",
             "jnc 77f",
             "mov qword ptr [{m} + 8], 0"],
            "77: xor {m:e}, {m:e}",
            m = out(reg) magazine,
            gate = out(reg) gate,
        );
    }
    (!magazine.is_null()).then_some((magazine, gate))
}

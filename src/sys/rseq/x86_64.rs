//! The sequences in x86-64's instructions.

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
        asm!("mov {value:e}, dword ptr fs:[{offset}]",
            value = out(reg) value, offset = in(reg) offset,
            options(nostack, preserves_flags, readonly));
    }
    value
}

/// A sequence. After the common part, register `m` is the magazine of this processor. A failure jumps to `77`, which
/// sets the result to zero.
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

/// Pops: `$object` is what was taken, or null.
macro_rules! pop {
    ($table:expr, $object:ident) => {
        sequence!($table,
            ["mov {w:e}, dword ptr [{m} + 8]",
             "mov {h}, qword ptr [{m}]",
             "movzx {t:e}, {h:l}",
             "lea {object:e}, [{t} - 1]",
             "cmp {object:e}, {w:e}",
             "jae 77f",
             "movzx {w:e}, word ptr [{m} + {t}*2 + 14]",
             "mov {object}, qword ptr [{m} + {t}*8 + 136]",
             "dec {h}",
             "shl {w}, 48",
             "sub {h}, {w}",
             "mov qword ptr [{m}], {h}"],
            "77: xor {object:e}, {object:e}",
            m = out(reg) _,
            w = out(reg) _,
            h = out(reg_abcd) _,
            object = out(reg) $object,
        )
    };
}

/// Pushes: `$header` is the new header, or 0.
macro_rules! push {
    ($table:expr, $weight:expr, $pushed:expr, $more:expr, $header:ident) => {
        sequence!($table,
            ["mov {capacity:e}, dword ptr [{m} + 8]",
             "mov {h}, qword ptr [{m}]",
             "movzx {t:e}, {h:l}",
             "cmp {t:e}, {capacity:e}",
             "jae 77f",
             "add {h}, {more}",
             "jc 77f",
             "mov word ptr [{m} + {t}*2 + 16], {weight:x}",
             "mov qword ptr [{m} + {t}*8 + 144], {object}",
             "mov qword ptr [{m}], {h}"],
            "77: xor {h:e}, {h:e}",
            m = out(reg) _,
            capacity = out(reg) _,
            h = out(reg_abcd) $header,
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
            ["mov {gate}, qword ptr [{m} + 8]",
             "bt {gate}, 32",
             "jnc 77f",
             "mov qword ptr [{m} + 8], 0"],
            "77: xor {m:e}, {m:e}",
            m = out(reg) $magazine,
            gate = out(reg) $gate,
        )
    };
}

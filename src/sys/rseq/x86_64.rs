//! The sequences in x86-64's instructions.

use super::super::magazine::{COUNTED, HEAD, HELD, Head, Magazine, Table};
use std::arch::asm;
use std::sync::atomic::AtomicIsize;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// Offsets of fields in the kernel's `struct rseq`; the descriptor is at 8.
const CPU_ID: isize = 4;
const MM_CID: isize = 24;

/// From the thread pointer to the area; 0 before the first look, [`NONE`] where there is none.
static AREA: AtomicIsize = AtomicIsize::new(0);
/// From the thread pointer to the processor's number.
static INDEX: AtomicIsize = AtomicIsize::new(0);
/// Numbers are below this.
static BOUND: AtomicIsize = AtomicIsize::new(0);

const NONE: isize = 1;

/// How large the area must be for the kernel to write `mm_cid`.
const FEATURES_WITH_MM_CID: libc::c_ulong = 28;
/// `AT_RSEQ_FEATURE_SIZE`.
const FEATURE_SIZE: libc::c_ulong = 27;

/// Whether this process has restartable sequences. Looks once; cheap after.
pub(crate) fn available() -> bool {
    // Acquire: pairs with the Release in `find`; the other two are written.
    match AREA.load(Acquire) {
        0 => find(),
        area => area != NONE,
    }
}

#[cold]
fn find() -> bool {
    let area = offset().unwrap_or(NONE);
    if area != NONE {
        // SAFETY: takes a number, and answers 0 where it knows nothing.
        let features = unsafe { libc::getauxval(FEATURE_SIZE) };
        let index = if features >= FEATURES_WITH_MM_CID && !cfg!(stealpool_cpu_id) {
            MM_CID
        } else {
            CPU_ID
        };
        // Relaxed, both: published with the area. Every thread writes the same index; the first bound stays.
        INDEX.store(area + index, Relaxed);
        let bound = super::super::processors() as isize;
        _ = BOUND.compare_exchange(0, bound, Relaxed, Relaxed);
    }
    // Release: publishes the other two.
    AREA.store(area, Release);
    area != NONE
}

/// From the thread pointer to the area, if the C library has registered one for this thread.
///
/// Asked of the dynamic linker, so that a program still loads where the C library has no such symbols.
fn offset() -> Option<isize> {
    // SAFETY: a name with a zero at its end.
    let size = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__rseq_size".as_ptr()) };
    // SAFETY: as above.
    let offset = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__rseq_offset".as_ptr()) };
    if size.is_null() || offset.is_null() {
        return None;
    }
    // SAFETY: glibc's `const unsigned int __rseq_size`, written before any code of ours.
    let size = unsafe { size.cast::<u32>().read() };
    // SAFETY: glibc's `const ptrdiff_t __rseq_offset`, likewise.
    let offset = unsafe { offset.cast::<isize>().read() };
    // SAFETY: the area is there, registered or not, as its size is not 0.
    let registered = size != 0 && unsafe { field(offset + CPU_ID) } as i32 >= 0;
    registered.then_some(offset)
}

/// Reads a field of this thread's area.
///
/// # Safety
///
/// `offset` is that of a field of the area.
unsafe fn field(offset: isize) -> u32 {
    let value: u32;
    // SAFETY: reads four bytes of this thread's own area. Volatile, for the kernel writes there.
    unsafe {
        asm!("mov {value:e}, dword ptr fs:[{offset}]",
            value = out(reg) value, offset = in(reg) offset,
            options(nostack, preserves_flags, readonly));
    }
    value
}

/// How many processors there may be: indices are below this.
#[inline]
pub(crate) fn processors() -> usize {
    // Relaxed: `available` has said yes.
    BOUND.load(Relaxed) as usize
}

/// The number of the processor that this thread runs on, for a moment. `None` for a thread without an area.
#[inline]
pub(crate) fn here() -> Option<usize> {
    // Relaxed, both: `available` has said yes.
    let (area, index) = (AREA.load(Relaxed), INDEX.load(Relaxed));
    // SAFETY: the area was found, and this is one of its fields.
    let registered = unsafe { field(area + CPU_ID) } as i32 >= 0;
    // SAFETY: likewise.
    registered.then(|| unsafe { field(index) } as usize)
}

/// What a table's head holds: where the area is, where in it the processor's number, and its bound. So a
/// sequence needs nothing but the table.
pub(crate) fn head() -> [usize; HEAD] {
    // Relaxed, all: `available` has said yes.
    [&AREA, &INDEX, &BOUND].map(|number| number.load(Relaxed) as usize)
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

const _: () = assert!(HEAD == 3);

/// Takes the newest object of this processor's magazine; null: there is none, or its gate is closed.
///
/// # Safety
///
/// [`available`] has said yes, `table` begins with [`head`], and each of its other entries, as many as there are
/// [`processors`], is a magazine that outlives the call.
#[inline(always)]
pub(crate) unsafe fn pop(table: &Table) -> *mut Head {
    debug_assert!(table.len() >= HEAD + processors());
    let object: *mut Head;
    // SAFETY: a restartable sequence, see the module. It touches this thread's area and a magazine of the
    // table, and the head of an object that is in the magazine.
    unsafe {
        sequence!(table,
            ["mov {object:e}, dword ptr [{m} + 8]",
             "mov {h}, qword ptr [{m}]",
             "movzx {t:e}, {h:l}",
             "dec {t:e}",
             "cmp {t:e}, {object:e}",
             "jae 77f",
             "mov {object}, qword ptr [{m} + {t}*8 + 16]",
             "sub {h}, qword ptr [{object} + 8]",
             "mov qword ptr [{m}], {h}"],
            "77: xor {object:e}, {object:e}",
            m = out(reg) _,
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
/// As for [`pop`]; `object` is the caller's, its head has `share`, and is the magazine's if this succeeds.
#[inline(always)]
pub(crate) unsafe fn push(table: &Table, share: u64, object: *mut Head) -> u64 {
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
             "mov qword ptr [{m} + {t}*8 + 16], {object}",
             "mov qword ptr [{m}], {h}"],
            "77: xor {h:e}, {h:e}",
            m = out(reg) _,
            capacity = out(reg) _,
            h = out(reg_abcd) header,
            more = in(reg) share + COUNTED,
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

//! What the system tells about this process (Linux; elsewhere nothing).

/// The memory resident now and at most so far, in bytes.
pub fn resident() -> Option<(u64, u64)> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let bytes = |name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kib * 1024)
    };
    Some((bytes("VmRSS:")?, bytes("VmHWM:")?))
}

/// Asks the allocator to give back the pages that it keeps for later, where it can be asked to (glibc). A
/// `stealpool::Collector` does likewise.
pub fn give_back_free_pages() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: takes an integer, may be called at any time, and touches free memory only.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// The memory resident once the allocator has given back what it keeps for later.
pub fn resident_without_free_pages() -> Option<u64> {
    give_back_free_pages();
    resident().map(|(now, _)| now)
}

/// Page faults so far that needed no disk.
pub fn faults() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in parentheses, which may hold anything; `minflt` is the tenth.
    let after_name = &stat[stat.rfind(')')? + 1..];
    after_name.split_whitespace().nth(7)?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn memory_that_is_touched_is_seen() {
        let (before, faults_before) = (resident().unwrap(), faults().unwrap());
        let touched = std::hint::black_box(vec![1u8; 32 << 20]);
        let (after, faults_after) = (resident().unwrap(), faults().unwrap());
        assert!(after.0 >= before.0 + (30 << 20), "{before:?} {after:?}");
        assert!(after.1 >= after.0);
        assert!(faults_after > faults_before);
        drop(touched);
    }
}

//! The tick sources.

use std::fmt;

use rustix::time::{ClockId, clock_gettime};

/// What a clock counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TickSource {
    /// The processor's time-stamp counter, which its maker says runs at one rate in every power state.
    Tsc,
    /// `CLOCK_MONOTONIC` in nanoseconds, where there is no such counter: tens of nanoseconds a read, or a system
    /// call where the kernel cannot serve it in user space.
    Monotonic,
}

impl fmt::Display for TickSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TickSource::Tsc => "invariant TSC",
            TickSource::Monotonic => "CLOCK_MONOTONIC (no invariant TSC here)",
        })
    }
}

impl TickSource {
    /// The best source of this processor.
    pub fn detect() -> TickSource {
        if has_invariant_tsc() {
            TickSource::Tsc
        } else {
            TickSource::Monotonic
        }
    }

    /// The counter, not ordered with the instructions around.
    #[inline]
    pub(super) fn now(self) -> u64 {
        match self {
            TickSource::Tsc => tsc(),
            TickSource::Monotonic => monotonic_ns(),
        }
    }

    /// The counter after all that is before has executed, and before anything that is behind starts.
    #[inline]
    pub(super) fn ordered(self) -> u64 {
        match self {
            TickSource::Tsc => tsc_ordered(),
            TickSource::Monotonic => monotonic_ns(),
        }
    }
}

/// Whether the processor says that its counter keeps one rate (CPUID 80000007H, EDX bit 8) and has `rdtscp`
/// (80000001H, EDX bit 27).
#[cfg(all(target_arch = "x86_64", not(miri)))]
fn has_invariant_tsc() -> bool {
    use core::arch::x86_64::__cpuid;
    let leaf_max = __cpuid(0x8000_0000).eax;
    leaf_max >= 0x8000_0007
        && __cpuid(0x8000_0007).edx & (1 << 8) != 0
        && __cpuid(0x8000_0001).edx & (1 << 27) != 0
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline]
fn tsc() -> u64 {
    // SAFETY: every x86_64 processor has `rdtsc`, and Linux leaves it enabled in user mode unless a thread asked
    // for `PR_TSC_SIGSEGV`, which nothing here does. It touches no memory.
    unsafe { core::arch::x86_64::_rdtsc() }
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline]
fn tsc_ordered() -> u64 {
    let mut core = 0;
    // SAFETY: `TickSource::Tsc` is chosen only where CPUID reports `rdtscp`. It writes the core's number to `core`, a
    // live local, and nothing else.
    let ticks = unsafe { core::arch::x86_64::__rdtscp(&raw mut core) };
    // SAFETY: every x86_64 processor has SSE2 and with it `lfence`, which touches no memory.
    unsafe { core::arch::x86_64::_mm_lfence() };
    ticks
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
fn has_invariant_tsc() -> bool {
    false
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
fn tsc() -> u64 {
    monotonic_ns()
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
fn tsc_ordered() -> u64 {
    monotonic_ns()
}

/// `CLOCK_MONOTONIC`.
pub(super) fn monotonic_ns() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// `CLOCK_REALTIME`, or `None` before 1970.
pub(super) fn utc_ns() -> Option<u64> {
    let time = clock_gettime(ClockId::Realtime);
    Some(u64::try_from(time.tv_sec).ok()? * 1_000_000_000 + time.tv_nsec as u64)
}

//! The guest's allocator. Every call of a connector gets a fresh instance, so memory is handed out by moving a pointer
//! and is returned all at once when the instance is dropped. It must not be used where more than one thread runs.
//!
//! The first megabyte is part of the module's initial memory: an ordinary call never asks the engine to grow, which is a
//! system call that keeps calls from scaling over the host's threads. Freed blocks below a megabyte are handed out
//! again, so a long call over many documents does not climb to its memory limit.
//!
//! ```text
//! first bytes (static)                  grown pages
//! | used ........ cursor | free | limit ~~> | used ... cursor | free | limit
//! ```
// The kit's one file with `unsafe`: an allocator hands out raw memory by its nature.
// The casts to pointers of words are of blocks that are aligned to `UNIT`.
#![allow(unsafe_code, clippy::cast_ptr_alignment)]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr::{copy_nonoverlapping, null_mut};

/// Bytes of initial memory: one megabyte, which the host keeps resident for a pooled instance.
const FIRST_BYTES: usize = 1 << 20;
/// Every block's alignment and the unit of its size; it holds the [`Free`] of a block that was given back.
const UNIT: usize = 16;
/// Blocks up to this size have a list for each multiple of [`UNIT`].
const SMALL_MAX: usize = 1_024;
/// Blocks above [`SMALL_MAX`] and below this size have a list from each power of two to the next; larger ones are not
/// listed.
const MIDDLE_MAX: usize = 1 << 20;
const SMALL_LISTS: usize = SMALL_MAX / UNIT;
/// The list of the smallest blocks that are not small.
const MIDDLE_LIST: usize = SMALL_LISTS;
const LISTS: usize = SMALL_LISTS + (MIDDLE_MAX.ilog2() - SMALL_MAX.ilog2()) as usize;

/// The allocator that `export_connector!` installs.
pub type GuestHeap = Heap<FIRST_BYTES>;

/// A bump allocator with free lists over its own first `N` bytes, then over pages that it asks the engine for.
pub struct Heap<const N: usize> {
    first: UnsafeCell<First<N>>,
    state: UnsafeCell<State>,
}

#[repr(align(16))]
struct First<const N: usize>(#[allow(dead_code)] [u8; N]);

/// Where the next block starts and the memory ends; both null before the first block.
struct State {
    cursor: *mut u8,
    limit: *mut u8,
    free: [*mut Free; LISTS],
}

/// What a block that was given back holds.
#[derive(Clone, Copy)]
struct Free {
    next: *mut Free,
    size: usize,
}

// SAFETY: guests are built without threads (wasm32-unknown-unknown without atomics); no other target gets this.
#[cfg(target_family = "wasm")]
unsafe impl<const N: usize> Sync for Heap<N> {}

impl<const N: usize> Heap<N> {
    /// An allocator that has handed out nothing.
    #[allow(clippy::new_without_default)] // `Default` is not const, and this must stand in a static.
    pub const fn new() -> Self {
        let state = State { cursor: null_mut(), limit: null_mut(), free: [null_mut(); LISTS] };
        Self { first: UnsafeCell::new(First([0; N])), state: UnsafeCell::new(state) }
    }

    /// The state, its first region set up.
    #[allow(clippy::mut_from_ref)]
    fn state(&self) -> &mut State {
        // SAFETY: one thread, and no function of this file calls another's allocation while it holds the reference.
        let state = unsafe { &mut *self.state.get() };
        if state.cursor.is_null() {
            state.cursor = self.first.get().cast();
            state.limit = state.cursor.wrapping_add(N);
        }
        state
    }
}

impl State {
    /// Moves the cursor over a new block, growing if it must; null if there is no memory.
    fn bump(&mut self, size: usize, align: usize) -> *mut u8 {
        let start = aligned(self.cursor, align);
        if fits(start, size, self.limit) {
            self.cursor = start.wrapping_add(size);
            return start;
        }
        if !self.grow(size.saturating_add(align)) {
            return null_mut();
        }
        let start = aligned(self.cursor, align);
        self.cursor = start.wrapping_add(size);
        start
    }

    /// Makes room for `bytes` from the cursor on, or at a new place if the engine's pages do not follow.
    #[cfg(target_family = "wasm")]
    fn grow(&mut self, bytes: usize) -> bool {
        const PAGE: usize = 65_536;
        let pages = bytes.max(FIRST_BYTES).div_ceil(PAGE);
        let before = core::arch::wasm32::memory_grow(0, pages);
        if before == usize::MAX {
            return false;
        }
        let start = (before * PAGE) as *mut u8;
        if start != self.limit {
            self.cursor = start;
        }
        self.limit = start.wrapping_add(pages * PAGE);
        true
    }

    #[cfg(not(target_family = "wasm"))]
    #[allow(clippy::unused_self)]
    fn grow(&mut self, _bytes: usize) -> bool {
        false
    }

    /// A block that was given back and is large enough: the first one of the list, else of the next list.
    fn reuse(&mut self, size: usize) -> *mut u8 {
        let Some(list) = list(size) else {
            return null_mut();
        };
        let found = self.take(list, size);
        if found.is_null() && list >= MIDDLE_LIST { self.take(list + 1, size) } else { found }
    }

    fn take(&mut self, list: usize, size: usize) -> *mut u8 {
        let Some(head) = self.free.get_mut(list).filter(|head| !head.is_null()) else {
            return null_mut();
        };
        let block = *head;
        // SAFETY: only `give_back` fills the lists, with blocks that hold a `Free`.
        let free = unsafe { block.read() };
        if free.size < size {
            return null_mut();
        }
        *head = free.next;
        block.cast()
    }

    fn give_back(&mut self, block: *mut u8, size: usize) {
        if let Some(head) = list(size).and_then(|list| self.free.get_mut(list)) {
            let block: *mut Free = block.cast();
            // SAFETY: the block has at least UNIT bytes aligned to UNIT, and its owner gave it back.
            unsafe { block.write(Free { next: *head, size }) };
            *head = block;
        }
    }
}

// SAFETY: blocks are disjoint (the cursor only moves back over the last block, and a listed block is taken off its list
// when handed out), at least as large as asked and aligned as asked; a failure is null; nothing unwinds.
unsafe impl<const N: usize> GlobalAlloc for Heap<N> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let state = self.state();
        let size = block(layout.size());
        let found = if layout.align() <= UNIT { state.reuse(size) } else { null_mut() };
        if found.is_null() { state.bump(size, layout.align().max(UNIT)) } else { found }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let state = self.state();
        let size = block(layout.size());
        if pointer.wrapping_add(size) == state.cursor {
            state.cursor = pointer;
        } else {
            state.give_back(pointer, size);
        }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let old = block(layout.size());
        let new = block(new_size);
        if old == new {
            return pointer;
        }
        let state = self.state();
        if pointer.wrapping_add(old) == state.cursor && fits(pointer, new, state.limit) {
            state.cursor = pointer.wrapping_add(new);
            return pointer;
        }
        // SAFETY: the caller vouches for `new_size` and for `pointer` being a live block of `layout`; the new block does
        // not overlap it, since it is still in use.
        unsafe {
            let moved = self.alloc(Layout::from_size_align_unchecked(new_size, layout.align()));
            if !moved.is_null() {
                copy_nonoverlapping(pointer, moved, layout.size().min(new_size));
                self.dealloc(pointer, layout);
            }
            moved
        }
    }
}

/// The size of the block for a request. One that cannot be rounded fits nowhere: it stays, and the bump fails.
fn block(size: usize) -> usize {
    size.max(1).checked_next_multiple_of(UNIT).unwrap_or(size)
}

/// The list for blocks of this size.
fn list(size: usize) -> Option<usize> {
    if size <= SMALL_MAX {
        Some(size / UNIT - 1)
    } else if size < MIDDLE_MAX {
        Some(MIDDLE_LIST + (size.ilog2() - SMALL_MAX.ilog2()) as usize)
    } else {
        None
    }
}

fn aligned(pointer: *mut u8, align: usize) -> *mut u8 {
    pointer.wrapping_add(pointer.addr().wrapping_neg() & (align - 1))
}

fn fits(start: *mut u8, size: usize, limit: *mut u8) -> bool {
    start.addr().checked_add(size).is_some_and(|end| end <= limit.addr())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 1).unwrap()
    }

    #[test]
    fn blocks_are_disjoint_and_keep_their_bytes() {
        let heap: Box<Heap<131_072>> = Box::new(Heap::new());
        let mut live: Vec<(*mut u8, usize, u8)> = Vec::new();
        // A fixed pseudo-random walk (xorshift) of allocations, growths and releases.
        let mut seed = 0x9e37_79b9_u32;
        for step in 0..20_000_u32 {
            seed ^= seed << 13;
            seed ^= seed >> 17;
            seed ^= seed << 5;
            let size = (seed >> 8) as usize % 2_500 + 1;
            let tag = (step % 251) as u8;
            unsafe {
                if live.len() < 20 {
                    let pointer = heap.alloc(layout(size));
                    assert!(!pointer.is_null(), "step {step}");
                    pointer.write_bytes(tag, size);
                    live.push((pointer, size, tag));
                } else {
                    let (pointer, old, tag) = live.swap_remove(seed as usize % 20);
                    let bytes = core::slice::from_raw_parts(pointer, old);
                    assert!(bytes.iter().all(|byte| *byte == tag), "step {step}");
                    if seed & 1 == 0 {
                        let moved = heap.realloc(pointer, layout(old), size);
                        assert!(!moved.is_null(), "step {step}");
                        let kept = core::slice::from_raw_parts(moved, old.min(size));
                        assert!(kept.iter().all(|byte| *byte == tag), "step {step}");
                        moved.write_bytes(tag, size);
                        live.push((moved, size, tag));
                    } else {
                        heap.dealloc(pointer, layout(old));
                    }
                }
            }
        }
    }

    #[test]
    fn the_last_block_grows_in_place_and_is_taken_back() {
        let heap: Heap<4_096> = Heap::new();
        unsafe {
            let first = heap.alloc(layout(100));
            let last = heap.alloc(layout(100));
            assert_eq!(heap.realloc(last, layout(100), 900), last);
            assert_ne!(heap.realloc(first, layout(100), 900), first, "only the last block can grow in place");
        }
    }

    #[test]
    fn a_freed_block_is_handed_out_again() {
        let heap: Heap<4_096> = Heap::new();
        unsafe {
            let first = heap.alloc(layout(33));
            let _last = heap.alloc(layout(1));
            heap.dealloc(first, layout(33));
            assert_eq!(heap.alloc(layout(48)), first);
        }
    }

    #[test]
    fn alignment_is_kept_and_exhaustion_is_null() {
        let heap: Heap<4_096> = Heap::new();
        unsafe {
            let _odd = heap.alloc(layout(1));
            let wide = heap.alloc(Layout::from_size_align(10, 256).unwrap());
            assert_eq!(wide.addr() % 256, 0);
            assert!(heap.alloc(layout(4_096)).is_null());
            assert!(heap.alloc(Layout::from_size_align(isize::MAX as usize - 15, 16).unwrap()).is_null());
            assert!(!heap.alloc(layout(16)).is_null(), "a failure must not use memory up");
        }
    }

    #[test]
    fn a_freed_middle_block_serves_what_fits_into_it() {
        let heap: Heap<65_536> = Heap::new();
        unsafe {
            let first = heap.alloc(layout(5_000));
            let _last = heap.alloc(layout(1));
            heap.dealloc(first, layout(5_000));
            assert_ne!(heap.alloc(layout(5_100)), first, "too large for it");
            assert_eq!(heap.alloc(layout(3_000)), first, "from the next list");
            heap.dealloc(first, layout(5_000));
            assert_eq!(heap.alloc(layout(4_990)), first, "from its own list");
        }
    }

    #[test]
    fn every_size_below_the_largest_has_a_list() {
        let sizes = (1..MIDDLE_MAX).step_by(7).chain([MIDDLE_MAX - UNIT]).map(block).filter(|size| *size < MIDDLE_MAX);
        let used: std::collections::BTreeSet<usize> = sizes.map(|size| list(size).unwrap()).collect();
        assert_eq!(used.into_iter().collect::<Vec<_>>(), (0..LISTS).collect::<Vec<_>>());
        assert_eq!(list(MIDDLE_MAX), None);
        assert!(size_of::<Free>() <= UNIT);
    }
}

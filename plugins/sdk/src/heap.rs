//! The guest's allocator. Every call of a connector gets a fresh instance, so memory is handed out by moving a pointer
//! and is returned all at once when the instance is dropped. It must not be used where more than one thread runs.
//!
//! The first 256 KB are part of the module's initial memory: a webhook's verification never asks the engine to grow, which
//! is a system call that keeps calls from scaling over the host's threads; a large parse asks once or a few times. Freed blocks of up to a megabyte are handed out
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

/// Bytes of initial memory. After each call the host looks which pages of the instance were written: with a megabyte here and
/// one of stack that took a fifth of a verification.
const FIRST_BYTES: usize = 256 << 10;
/// Bytes to grow by at least, so that even a large call grows rarely.
#[cfg(target_family = "wasm")]
const GROWTH_BYTES: usize = 1 << 20;
/// Every block's alignment and the unit of its size; a free block holds a pointer to the next one.
const UNIT: usize = 16;
/// Blocks up to this size have a list for each multiple of [`UNIT`].
const SMALL_MAX: usize = 1_024;
/// Blocks above [`SMALL_MAX`] and up to this size have a list for each quarter of a step between powers of two, so that
/// rounding wastes a fifth at most; larger blocks are not listed.
const MIDDLE_MAX: usize = 1 << 20;
const SMALL_LISTS: usize = SMALL_MAX / UNIT;
const QUARTERS: usize = 4;
const LISTS: usize = SMALL_LISTS + QUARTERS * (MIDDLE_MAX.ilog2() - SMALL_MAX.ilog2()) as usize;

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
    free: [*mut u8; LISTS],
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
        let pages = bytes.max(GROWTH_BYTES).div_ceil(PAGE);
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

    fn take_free(&mut self, list: usize) -> Option<*mut u8> {
        let head = self.free.get_mut(list).filter(|head| !head.is_null())?;
        let block = *head;
        // SAFETY: only `put_free` fills the lists, with blocks of at least UNIT bytes whose first word is the next block.
        *head = unsafe { block.cast::<*mut u8>().read() };
        Some(block)
    }

    fn put_free(&mut self, list: usize, block: *mut u8) {
        if let Some(head) = self.free.get_mut(list) {
            // SAFETY: the block was handed out with at least UNIT bytes aligned to UNIT, and its owner gave it back.
            unsafe { block.cast::<*mut u8>().write(*head) };
            *head = block;
        }
    }
}

// SAFETY: blocks are disjoint (the cursor only moves back over the last block, and a listed block is taken off its list
// when handed out), at least as large as asked and aligned as asked; a failure is null; nothing unwinds.
unsafe impl<const N: usize> GlobalAlloc for Heap<N> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let state = self.state();
        let (size, list) = block(layout.size());
        if layout.align() <= UNIT
            && let Some(found) = list.and_then(|list| state.take_free(list))
        {
            return found;
        }
        state.bump(size, layout.align().max(UNIT))
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let state = self.state();
        let (size, list) = block(layout.size());
        if pointer.wrapping_add(size) == state.cursor {
            state.cursor = pointer;
        } else if let Some(list) = list {
            state.put_free(list, pointer);
        }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let (old, _) = block(layout.size());
        let (new, _) = block(new_size);
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

/// The size of the block for a request, and the list it returns to. Every block of a list has the same size: a block
/// that was larger than its list says would shrink each time it is handed out again.
fn block(size: usize) -> (usize, Option<usize>) {
    let size = size.max(1);
    if size <= SMALL_MAX {
        let units = size.div_ceil(UNIT);
        (units * UNIT, Some(units - 1))
    } else if size <= MIDDLE_MAX {
        let power = (size - 1).ilog2();
        let quarter_bits = power - QUARTERS.ilog2();
        let quarters = (size - 1) >> quarter_bits;
        let step = (power - SMALL_MAX.ilog2()) as usize;
        ((quarters + 1) << quarter_bits, Some(SMALL_LISTS + step * QUARTERS + quarters - QUARTERS))
    } else {
        // A size that cannot be rounded fits nowhere: it stays as it is and the bump fails.
        (size.checked_next_multiple_of(UNIT).unwrap_or(size), None)
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
        let heap: Box<Heap<262_144>> = Box::new(Heap::new());
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
    fn every_list_has_its_own_size() {
        let mut seen = std::collections::BTreeMap::new();
        for size in 1..=MIDDLE_MAX {
            let (rounded, list) = block(size);
            assert!(rounded >= size && rounded % UNIT == 0);
            assert!(rounded - size < UNIT.max(size / 4), "{size} wastes too much");
            assert_eq!(*seen.entry(list.unwrap()).or_insert(rounded), rounded);
        }
        assert_eq!(seen.len(), LISTS);
        assert_eq!(seen.keys().copied().collect::<Vec<_>>(), (0..LISTS).collect::<Vec<_>>());
    }
}

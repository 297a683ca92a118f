//! What one call may hold: linear memory, table elements, instances. Asked by the engine before anything grows.

use wasmtime::ResourceLimiter;

/// Instances, memories and tables of one call; the pool has as many for a component.
const PARTS_MAX: usize = 64;

/// The bounds of one call and what it holds.
#[derive(Debug)]
pub(crate) struct Quota {
    memory_bytes_max: usize,
    table_elements_max: usize,
    memory_bytes: usize,
    table_elements: usize,
    exceeded: Option<&'static str>,
}

impl Quota {
    pub(crate) fn new(memory_bytes_max: usize, table_elements_max: usize) -> Self {
        Self { memory_bytes_max, table_elements_max, memory_bytes: 0, table_elements: 0, exceeded: None }
    }

    /// What was asked for and refused, if anything was: a guest that gets no memory traps in its own way.
    pub(crate) fn exceeded(&self) -> Option<&'static str> {
        self.exceeded
    }
}

impl ResourceLimiter for Quota {
    fn memory_growing(&mut self, current: usize, desired: usize, _max: Option<usize>) -> wasmtime::Result<bool> {
        let sum = self.memory_bytes.saturating_add(desired.saturating_sub(current));
        let fits = sum <= self.memory_bytes_max;
        if fits {
            self.memory_bytes = sum;
        } else {
            self.exceeded = Some("memory");
        }
        Ok(fits)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _max: Option<usize>) -> wasmtime::Result<bool> {
        let sum = self.table_elements.saturating_add(desired.saturating_sub(current));
        let fits = sum <= self.table_elements_max;
        if fits {
            self.table_elements = sum;
        } else {
            self.exceeded = Some("table elements");
        }
        Ok(fits)
    }

    fn instances(&self) -> usize {
        PARTS_MAX
    }

    fn tables(&self) -> usize {
        PARTS_MAX
    }

    fn memories(&self) -> usize {
        PARTS_MAX
    }
}

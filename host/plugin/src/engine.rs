//! The one engine: compiler settings, the instance pool, and the thread that makes time pass for guests.
//!
//! Everything that bounds a guest by the engine is set here; what bounds one call is set in `store.rs`.

use std::time::Duration;

use apex_config::limits::PluginLimits;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

/// Bytes of a linear memory that stay resident between calls: a guest's stack, statics and first heap, and some of what a larger call grows by.
const KEEP_RESIDENT_BYTES: usize = 1 << 20;
/// Bytes of a table that stay resident between calls: a Rust guest's fits, and saves a system call a table and call.
const TABLE_KEEP_RESIDENT_BYTES: usize = 64 << 10;
/// Core instances, tables and memories that one component may consist of. A Rust guest needs 3, 2 and 1.
const CORE_INSTANCES_PER_COMPONENT: u32 = 16;
const TABLES_PER_COMPONENT: u32 = 8;
const MEMORIES_PER_COMPONENT: u32 = 2;
/// Calls besides the lanes': the loader's smoke call, tools and benchmarks.
const EXTRA_CALLS: u32 = 4;

/// Makes the engine and starts its clock. The clock's thread ends with the last clone of the engine.
pub(crate) fn start(limits: &PluginLimits) -> wasmtime::Result<Engine> {
    let engine = Engine::new(&config(limits))?;
    start_clock(&engine, Duration::from_millis(limits.epoch_tick_ms.max(1)))?;
    Ok(engine)
}

fn config(limits: &PluginLimits) -> Config {
    let mut config = Config::new();
    config
        .concurrency_support(false)
        .epoch_interruption(true)
        .max_wasm_stack(limits.stack_bytes_max)
        .cranelift_opt_level(OptLevel::Speed)
        .native_unwind_info(false)
        // Compiling on one thread keeps the freed memory in one place, and leaves a core to traffic while a connector is swapped.
        .parallel_compilation(false)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool(limits)));
    config
}

/// Slots for as many calls as there are threads to make them: more could never be used, and cost memory.
fn pool(limits: &PluginLimits) -> PoolingAllocationConfig {
    let calls = limits.webhook_threads.saturating_add(limits.slow_threads).saturating_add(EXTRA_CALLS);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(calls)
        .total_core_instances(calls.saturating_mul(CORE_INSTANCES_PER_COMPONENT))
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
        .total_memories(calls.saturating_mul(MEMORIES_PER_COMPONENT))
        .max_memories_per_component(MEMORIES_PER_COMPONENT)
        .total_tables(calls.saturating_mul(TABLES_PER_COMPONENT))
        .max_tables_per_component(TABLES_PER_COMPONENT)
        .table_elements(usize::try_from(limits.table_elements_max).unwrap_or(usize::MAX))
        .max_memory_size(usize::try_from(limits.memory_mib_max).unwrap_or(usize::MAX).saturating_mul(1 << 20))
        .linear_memory_keep_resident(KEEP_RESIDENT_BYTES)
        .table_keep_resident(TABLE_KEEP_RESIDENT_BYTES)
        .max_unused_warm_slots(calls)
        .pagemap_scan(Enabled::Auto);
    pool
}

fn start_clock(engine: &Engine, tick: Duration) -> wasmtime::Result<()> {
    let weak = engine.weak();
    std::thread::Builder::new().name("guest-clock".to_owned()).stack_size(64 << 10).spawn(move || {
        loop {
            std::thread::sleep(tick);
            match weak.upgrade() {
                Some(engine) => engine.increment_epoch(),
                None => return,
            }
        }
    })?;
    Ok(())
}

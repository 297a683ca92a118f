//! Contract version 1 (`wit/v1`): generated bindings, and shims that convert types and call the core. No check is made here.

mod convert;
pub(crate) mod exports;
mod imports;

use wasmtime::component::{HasSelf, Linker};

use crate::call::CallState;

/// What `bindgen!` makes of the contract.
#[allow(missing_docs, dead_code, clippy::all, clippy::pedantic)]
pub(crate) mod generated {
    wasmtime::component::bindgen!({
        path: "../../wit/v1",
        world: "connector",
        imports: { default: trappable },
        with: { "apex:connector/reader.file": crate::capability::reader::OpenFile },
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

/// Offers every import of the contract to the linker.
pub(crate) fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    use generated::apex::connector::{clock, config, crypto, http, log, payload, reader, state, types};
    types::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    log::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    clock::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    config::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    crypto::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    http::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    state::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    reader::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    payload::add_to_linker::<_, HasSelf<_>>(linker, |state| state)
}

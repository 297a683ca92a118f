//! The bridge from the author's traits to the generated exports, and `export_connector!`. No logic of its own.

use core::marker::PhantomData;

use crate::bindings::batch::exports::apex::connector::batch as wit_batch;
use crate::bindings::describe::exports::apex::connector::describe as wit_describe;
use crate::bindings::poll::exports::apex::connector::poll as wit_poll;
use crate::bindings::stream::exports::apex::connector::stream as wit_stream;
use crate::bindings::webhook::exports::apex::connector::webhook as wit_webhook;
use crate::connector::{Batch, Describe, Poll, Stream, Webhook};
use crate::types::{
    Budget, Description, Document, Fault, FileEntry, FilePage, Outcome, Page, ReplyFile, Request, StreamBatch, Verdict,
};

/// Implements the generated traits for whatever the author's type `T` implements.
pub struct Adapter<T>(PhantomData<T>);

impl<T: Describe> wit_describe::Guest for Adapter<T> {
    fn info() -> Description {
        T::describe()
    }

    fn check(config: String) -> Result<(), Fault> {
        T::check(&config)
    }
}

impl<T: Webhook> wit_webhook::Guest for Adapter<T> {
    fn verify(request: Request) -> Verdict {
        T::verify(&request)
    }

    fn parse(request: Request) -> Result<Vec<Document>, Fault> {
        T::parse(&request)
    }
}

impl<T: Poll> wit_poll::Guest for Adapter<T> {
    fn slices() -> Result<Vec<String>, Fault> {
        T::slices()
    }

    fn fetch(slice: String, cursor: Option<String>, budget: Budget) -> Result<Page, Fault> {
        T::fetch(&slice, cursor.as_deref(), &budget)
    }
}

impl<T: Stream> wit_stream::Guest for Adapter<T> {
    fn collect(cursor: Option<String>, max: u32, wait_ms: u32) -> Result<StreamBatch, Fault> {
        T::collect(cursor.as_deref(), max, wait_ms)
    }
}

impl<T: Batch> wit_batch::Guest for Adapter<T> {
    fn list(cursor: Option<String>) -> Result<Vec<FileEntry>, Fault> {
        T::list(cursor.as_deref())
    }

    fn parse(file: &wit_batch::File, resume: Option<String>) -> Result<FilePage, Fault> {
        T::parse(file, resume.as_deref())
    }

    fn acknowledge(file: &wit_batch::File, outcomes: Vec<Outcome>) -> Result<Vec<ReplyFile>, Fault> {
        T::acknowledge(file, &outcomes)
    }
}

/// Makes a type the connector of its crate: exports `describe` and exactly the interfaces named, and installs the guest
/// allocator. One of it per crate.
///
/// `export_connector!(Samsara: webhook, poll);`: the names are `webhook`, `poll`, `stream` and `batch`; `describe` is
/// always exported. On other targets than WebAssembly nothing is exported: a native linker cannot name what has `:` and
/// `/` in its name, and a connector's tests are native programs.
#[macro_export]
macro_rules! export_connector {
    ($connector:ty $(: $($interface:ident),+ $(,)?)?) => {
        // Keeps a private type from being called unused where nothing is exported.
        #[cfg(not(target_family = "wasm"))]
        const _: ::core::marker::PhantomData<$connector> = ::core::marker::PhantomData;

        #[cfg(target_family = "wasm")]
        #[doc(hidden)]
        #[allow(unsafe_code, missing_docs, clippy::all, clippy::pedantic)]
        mod apex_connector_exports {
            #[allow(unused_imports)]
            use super::*;

            #[global_allocator]
            static HEAP: $crate::heap::GuestHeap = $crate::heap::GuestHeap::new();

            type Exported = $crate::export::Adapter<$connector>;
            $crate::export_connector!(@describe Exported);
            $($($crate::export_connector!(@$interface Exported);)+)?
        }
    };
    (@describe $exported:ident) => {
        $crate::bindings::describe::export_describe!($exported with_types_in $crate::bindings::describe);
    };
    (@webhook $exported:ident) => {
        $crate::bindings::webhook::export_webhook!($exported with_types_in $crate::bindings::webhook);
    };
    (@poll $exported:ident) => {
        $crate::bindings::poll::export_poll!($exported with_types_in $crate::bindings::poll);
    };
    (@stream $exported:ident) => {
        $crate::bindings::stream::export_stream!($exported with_types_in $crate::bindings::stream);
    };
    (@batch $exported:ident) => {
        $crate::bindings::batch::export_batch!($exported with_types_in $crate::bindings::batch);
    };
}

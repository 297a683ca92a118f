//! The bindings that `wit-bindgen` generates from the contract, one small world per interface. Authors never name this
//! module: `export_connector!` and the re-exports of the crate do. Nothing is written by hand here.
//!
//! `batch` is the base: its world holds every import, and the other worlds take the shared types from there.
#![allow(missing_docs, unsafe_code, clippy::all, clippy::pedantic)]

pub mod batch {
    wit_bindgen::generate!({
        path: "../../wit/v1",
        world: "batch-source",
        export_macro_name: "export_batch",
        pub_export_macro: true,
        additional_derives: [PartialEq],
        generate_all,
    });
}

pub mod describe {
    wit_bindgen::generate!({
        path: "../../wit/v1",
        world: "describe-source",
        export_macro_name: "export_describe",
        pub_export_macro: true,
        additional_derives: [PartialEq],
        with: {
            "apex:connector/types@1.0.0": crate::bindings::batch::apex::connector::types,
            "apex:connector/log@1.0.0": crate::bindings::batch::apex::connector::log,
        },
    });
}

pub mod webhook {
    wit_bindgen::generate!({
        path: "../../wit/v1",
        world: "webhook-source",
        export_macro_name: "export_webhook",
        pub_export_macro: true,
        additional_derives: [PartialEq],
        with: {
            "apex:connector/types@1.0.0": crate::bindings::batch::apex::connector::types,
            "apex:connector/log@1.0.0": crate::bindings::batch::apex::connector::log,
            "apex:connector/clock@1.0.0": crate::bindings::batch::apex::connector::clock,
            "apex:connector/config@1.0.0": crate::bindings::batch::apex::connector::config,
            "apex:connector/crypto@1.0.0": crate::bindings::batch::apex::connector::crypto,
        },
    });
}

pub mod poll {
    wit_bindgen::generate!({
        path: "../../wit/v1",
        world: "poll-source",
        export_macro_name: "export_poll",
        pub_export_macro: true,
        additional_derives: [PartialEq],
        with: {
            "apex:connector/types@1.0.0": crate::bindings::batch::apex::connector::types,
            "apex:connector/log@1.0.0": crate::bindings::batch::apex::connector::log,
            "apex:connector/clock@1.0.0": crate::bindings::batch::apex::connector::clock,
            "apex:connector/config@1.0.0": crate::bindings::batch::apex::connector::config,
            "apex:connector/crypto@1.0.0": crate::bindings::batch::apex::connector::crypto,
            "apex:connector/http@1.0.0": crate::bindings::batch::apex::connector::http,
            "apex:connector/state@1.0.0": crate::bindings::batch::apex::connector::state,
            "apex:connector/payload@1.0.0": crate::bindings::batch::apex::connector::payload,
        },
    });
}

pub mod stream {
    wit_bindgen::generate!({
        path: "../../wit/v1",
        world: "stream-source",
        export_macro_name: "export_stream",
        pub_export_macro: true,
        additional_derives: [PartialEq],
        with: {
            "apex:connector/types@1.0.0": crate::bindings::batch::apex::connector::types,
            "apex:connector/log@1.0.0": crate::bindings::batch::apex::connector::log,
            "apex:connector/clock@1.0.0": crate::bindings::batch::apex::connector::clock,
            "apex:connector/config@1.0.0": crate::bindings::batch::apex::connector::config,
            "apex:connector/crypto@1.0.0": crate::bindings::batch::apex::connector::crypto,
            "apex:connector/http@1.0.0": crate::bindings::batch::apex::connector::http,
            "apex:connector/state@1.0.0": crate::bindings::batch::apex::connector::state,
            "apex:connector/payload@1.0.0": crate::bindings::batch::apex::connector::payload,
        },
    });
}

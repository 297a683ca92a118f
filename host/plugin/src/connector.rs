//! A component linked and ready to be called. Fresh instance per call, discarded after it: nothing of one call can be
//! seen by another, and a connector's defect costs one call.

use apex_config::limits::PluginLimits;
use apex_model::plugin::PluginRef;
use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker};

use crate::bindings::v1;
use crate::call::{CallKind, CallState};
use crate::error::{LoadError, one_line};
use crate::inspect::Inspection;
use crate::manifest::Manifest;

/// A connector's code.
pub(crate) struct Connector {
    inspection: Inspection,
    plugin: PluginRef,
    pre: InstancePre<CallState>,
    exports: v1::exports::Exports,
}

impl Connector {
    /// Links a compiled component.
    pub(crate) fn link(engine: &Engine, component: &Component, inspection: Inspection) -> Result<Self, LoadError> {
        let host = |error: wasmtime::Error| LoadError::Host(format!("{error:#}"));
        let mut linker = Linker::new(engine);
        v1::link(&mut linker).map_err(host)?;
        let compile = |error: wasmtime::Error| LoadError::Compile(one_line(&format!("{error:#}")));
        let pre = linker.instantiate_pre(component).map_err(compile)?;
        let exports = v1::exports::Exports::find(&pre).map_err(|error| LoadError::Exports(format!("{error:#}")))?;
        let plugin = PluginRef {
            name: inspection.manifest.id.clone(),
            version: inspection.manifest.version.clone(),
            digest: inspection.digest,
        };
        Ok(Self { inspection, plugin, pre, exports })
    }

    pub(crate) fn id(&self) -> &str {
        &self.plugin.name
    }

    pub(crate) fn manifest(&self) -> &Manifest {
        &self.inspection.manifest
    }

    pub(crate) fn inspection(&self) -> &Inspection {
        &self.inspection
    }

    pub(crate) fn plugin(&self) -> &PluginRef {
        &self.plugin
    }

    pub(crate) fn pre(&self) -> &InstancePre<CallState> {
        &self.pre
    }

    pub(crate) fn exports(&self) -> &v1::exports::Exports {
        &self.exports
    }

    /// Milliseconds a call may compute: what the connector asks for, up to the host's limit.
    pub(crate) fn call_ms(&self, kind: CallKind, limits: &PluginLimits) -> u64 {
        let ceiling = match kind {
            CallKind::Verify | CallKind::Describe => limits.webhook_call_ms_max,
            CallKind::Parse | CallKind::Work => limits.slow_call_ms_max,
        };
        self.manifest().limits.call_ms.map_or(ceiling, |asked| asked.min(ceiling)).max(1)
    }

    /// Bytes of memory a call may use: likewise.
    pub(crate) fn memory_bytes(&self, limits: &PluginLimits) -> usize {
        let ceiling = limits.memory_mib_max;
        let mib = self.manifest().limits.memory_mib.map_or(ceiling, |asked| asked.min(ceiling));
        usize::try_from(mib).unwrap_or(usize::MAX).saturating_mul(1 << 20)
    }
}

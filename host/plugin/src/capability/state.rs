//! The small store of a source, and bytes kept beside a document. Sizes are checked here; the number of keys and the sum
//! of their bytes by the store itself, which alone can count them.

use apex_config::limits::PluginLimits;
use apex_model::ids::SourceName;
use apex_model::ports::{Blobs, ConnectorState};

use crate::fault::{Fault, FaultKind};

/// Bytes of the longest key.
const KEY_BYTES_MAX: usize = 256;

/// Checks a key's spelling.
pub(crate) fn check_key(key: &str) -> Result<(), Fault> {
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Err(Fault::denied("state-key", format!("a state key has 1 to {KEY_BYTES_MAX} bytes")));
    }
    Ok(())
}

/// Writes a value durably.
pub(crate) fn set(
    store: &dyn ConnectorState,
    limits: &PluginLimits,
    source: &SourceName,
    key: &str,
    value: &[u8],
) -> Result<(), Fault> {
    check_key(key)?;
    if value.len() > limits.state_value_bytes_max {
        return Err(Fault::denied(
            "state-value",
            format!(
                "a state value of {} bytes is over the limit of {} (limits.plugin.state_value_bytes_max)",
                value.len(),
                limits.state_value_bytes_max
            ),
        ));
    }
    store.set(source, key, value).map_err(|failure| Fault::of_port(&failure))
}

/// Keeps bytes beside a document; `kept` counts what this call has kept so far.
pub(crate) fn put_payload(
    blobs: &dyn Blobs,
    limits: &PluginLimits,
    kept: &mut usize,
    data: &[u8],
) -> Result<String, Fault> {
    let sum = kept.saturating_add(data.len());
    if sum > limits.answer_bytes_max {
        return Err(Fault::new(
            FaultKind::Permanent,
            "payload-too-large",
            format!("one call may keep {} bytes (limits.plugin.answer_bytes_max)", limits.answer_bytes_max),
        ));
    }
    *kept = sum;
    let digest = blobs.put(data).map_err(|failure| Fault::of_port(&failure))?;
    Ok(format!("sha256:{digest}"))
}

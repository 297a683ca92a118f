//! A connector bound to a source: code, grant, configuration, and the host's services. What a call is made with.

use std::sync::Arc;

use apex_config::limits::PluginLimits;
use apex_model::Timestamp;
use apex_model::ids::SourceName;
use apex_model::ports::{Blobs, ConnectorState};

use crate::capability::http::Http;
use crate::connector::Connector;
use crate::grant::Grant;

/// The clock guests see; tests set it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What the host does for every connector.
pub(crate) struct Services {
    pub(crate) limits: PluginLimits,
    pub(crate) http: Http,
    pub(crate) state: Arc<dyn ConnectorState>,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) clock: Clock,
}

/// A source that can be called.
pub(crate) struct Bound {
    name: SourceName,
    connector: Arc<Connector>,
    grant: Grant,
    config: String,
    services: Arc<Services>,
}

impl Bound {
    pub(crate) fn new(
        name: SourceName,
        connector: Arc<Connector>,
        grant: Grant,
        config: String,
        services: Arc<Services>,
    ) -> Self {
        Self { name, connector, grant, config, services }
    }

    pub(crate) fn name(&self) -> &SourceName {
        &self.name
    }

    pub(crate) fn connector(&self) -> &Arc<Connector> {
        &self.connector
    }

    pub(crate) fn grant(&self) -> &Grant {
        &self.grant
    }

    pub(crate) fn config(&self) -> &str {
        &self.config
    }

    pub(crate) fn services(&self) -> &Services {
        &self.services
    }
}

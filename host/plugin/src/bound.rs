//! A connector bound to a source: code, grant, configuration, and the host's services. What a call is made with.

use std::sync::Arc;

use apex_config::limits::PluginLimits;
use apex_model::Timestamp;
use apex_model::ids::SourceName;
use apex_model::ports::{Blobs, ConnectorState};

use crate::capability::http::Http;
use crate::connector::Connector;
use crate::grant::Grant;
use crate::settings::SourceSettings;

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
    connector: Arc<Connector>,
    grant: Grant,
    settings: SourceSettings,
    services: Arc<Services>,
}

impl Bound {
    pub(crate) fn new(
        connector: Arc<Connector>,
        grant: Grant,
        settings: SourceSettings,
        services: Arc<Services>,
    ) -> Self {
        Self { connector, grant, settings, services }
    }

    /// Whether this is what binding this connector to these settings would come to.
    pub(crate) fn is_of(&self, connector: &Connector, settings: &SourceSettings) -> bool {
        self.connector.plugin() == connector.plugin() && self.settings.binds_like(settings)
    }

    pub(crate) fn name(&self) -> &SourceName {
        &self.settings.name
    }

    pub(crate) fn connector(&self) -> &Arc<Connector> {
        &self.connector
    }

    pub(crate) fn grant(&self) -> &Grant {
        &self.grant
    }

    pub(crate) fn config(&self) -> &str {
        &self.settings.config_json
    }

    pub(crate) fn services(&self) -> &Services {
        &self.services
    }
}

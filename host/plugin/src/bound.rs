//! A connector bound to a source: code, grant, configuration, and the host's services. What a call is made with.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use apex_config::limits::PluginLimits;
use apex_model::Timestamp;
use apex_model::ids::SourceName;
use apex_model::ports::{Blobs, ConnectorState};

use crate::breaker::Breaker;
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
    breaker: Mutex<Breaker>,
}

impl Bound {
    pub(crate) fn new(
        connector: Arc<Connector>,
        grant: Grant,
        settings: SourceSettings,
        services: Arc<Services>,
    ) -> Self {
        let limits = &services.limits;
        let breaker = Breaker::new(limits.breaker_failures, Duration::from_millis(limits.breaker_open_ms));
        Self { connector, grant, settings, services, breaker: Mutex::new(breaker) }
    }

    /// Whether this is what binding this connector to these settings would come to.
    pub(crate) fn is_of(&self, connector: &Connector, settings: &SourceSettings) -> bool {
        self.connector.plugin() == connector.plugin() && self.settings.binds_like(settings)
    }

    /// Whether the source's webhooks are verified at present. A new binding begins with a closed breaker.
    pub(crate) fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
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

//! What the front and the runtime ask of the session, answered without waiting for its loop.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tiny_assets::Assets;
use tiny_runtime::{AssetHost, Controller};

use crate::front::{Control, Mail};

const NOT_YET: &str = "the app does not run yet";

/// Shared between the loop, which fills it in, and those who ask.
#[derive(Default)]
pub(crate) struct Desk {
    controller: RwLock<Option<Controller>>,
    assets: RwLock<BTreeMap<String, Arc<Assets>>>,
}

impl Desk {
    pub(crate) fn set_controller(&self, controller: Controller) {
        *self
            .controller
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Some(controller);
    }

    pub(crate) fn set_assets(&self, assets: BTreeMap<String, Arc<Assets>>) {
        *self.assets.write().unwrap_or_else(PoisonError::into_inner) = assets;
    }

    fn controller(&self) -> Option<Controller> {
        self.controller
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Control for Desk {
    fn scheduled(
        &self,
        worker: String,
        cron: String,
        time: Option<u64>,
    ) -> Pin<Box<dyn Future<Output = Result<String, String>> + Send>> {
        let controller = self.controller();
        let at = time.map_or_else(SystemTime::now, |ms| {
            SystemTime::UNIX_EPOCH + Duration::from_millis(ms)
        });
        Box::pin(async move {
            match controller {
                Some(controller) => controller
                    .scheduled(&worker, &cron, at)
                    .await
                    .map_err(|error| error.to_string()),
                None => Err(NOT_YET.to_owned()),
            }
        })
    }

    fn email(
        &self,
        worker: String,
        mail: Mail,
    ) -> Pin<Box<dyn Future<Output = Result<String, String>> + Send>> {
        let controller = self.controller();
        Box::pin(async move {
            match controller {
                Some(controller) => controller
                    .email(&worker, &mail.from, &mail.to, &mail.raw)
                    .await
                    .map_err(|error| error.to_string()),
                None => Err(NOT_YET.to_owned()),
            }
        })
    }

    fn responds(&self, patience: Duration) -> Pin<Box<dyn Future<Output = bool> + Send>> {
        let controller = self.controller();
        Box::pin(async move {
            match controller {
                Some(controller) => controller.responds(patience).await,
                None => false,
            }
        })
    }
}

impl AssetHost for Desk {
    fn fetch(
        &self,
        worker: &str,
        request: http::Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = http::Response<Bytes>> + Send>> {
        let assets = self
            .assets
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(worker)
            .cloned();
        Box::pin(async move {
            let (parts, _) = request.into_parts();
            if let Some(assets) = assets {
                return assets.fetch(&parts).await;
            }
            let mut response = http::Response::new(Bytes::new());
            *response.status_mut() = http::StatusCode::NOT_FOUND;
            response
        })
    }
}

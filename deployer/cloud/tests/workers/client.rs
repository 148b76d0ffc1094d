//! The client that `tiny` deploys with.

use bytes::Bytes;
use tiny_cloudflare::{
    Account, Cloudflare, Module, ModuleKind, Patience, Secret, Settings, Upload, UploadMetadata,
};

use crate::rig::Rig;

pub(crate) const FETCH: &str = "export default { fetch() { return new Response('ok'); } };";

/// Code with these Durable Object classes.
pub(crate) fn objects(classes: &[&str]) -> String {
    let classes: Vec<String> = classes
        .iter()
        .map(|class| format!("export class {class} extends DurableObject {{}}\n"))
        .collect();
    let classes = classes.concat();
    format!("import {{ DurableObject }} from 'cloudflare:workers';\n{classes}{FETCH}")
}

pub(crate) async fn account(rig: &Rig) -> Account {
    let settings = Settings {
        base_url: rig.cloud.base_url(),
        token: Secret::new("any"),
        account_id: None,
        patience: Patience {
            attempts: 1,
            ..Patience::default()
        },
        trace: None,
    };
    Cloudflare::new(settings).unwrap().account().await.unwrap()
}

pub(crate) fn upload(code: &str, change: impl FnOnce(&mut UploadMetadata)) -> Upload {
    let mut metadata = UploadMetadata::new(Some("main.js".to_owned()), "2026-11-01");
    change(&mut metadata);
    Upload {
        metadata,
        modules: vec![Module {
            name: "main.js".to_owned(),
            kind: ModuleKind::EsModule,
            content: Bytes::from(code.to_owned()),
        }],
    }
}

//! Starts uploaded code once, apart from all that runs.

use tiny_runtime::{ExportKind, Module, ModuleKind};

use super::{Hosting, HostingError};
use crate::store::Files;
use crate::workers::{self, ClassKind, Code, Compatibility, ProbeError, Probed};

/// Where probes happen.
pub(super) const FOLDER: &str = "probes";

/// What Cloudflare takes for a worker that names no date.
const OLDEST_DATE: &str = "2021-11-02";

impl Hosting {
    /// Starts code once, without its bindings, to see what it is.
    pub(crate) async fn probe(
        &self,
        files: &Files,
        code: &Code,
        compatibility: &Compatibility,
    ) -> Result<Probed, ProbeError> {
        let no_runtime = |error: &dyn std::fmt::Display| ProbeError::NoRuntime(error.to_string());
        let programs = self.programs().await.map_err(|error| no_runtime(&error))?;
        let request = tiny_runtime::ProbeRequest {
            main: code.main.clone(),
            modules: modules(files, code).map_err(|error| no_runtime(&error))?,
            compatibility_date: date(compatibility),
            compatibility_flags: compatibility.flags.clone(),
        };
        // Several may be under way, and none leaves anything behind.
        let folder = self.dir().join(FOLDER).join(crate::id::hex());
        let found = tiny_runtime::probe(programs, &folder, &request).await;
        // What cannot be deleted is only waste.
        let _ = fs_err::remove_dir_all(&folder);
        match found {
            Ok(found) => Ok(Probed {
                handlers: found.handlers,
                classes: found
                    .classes
                    .into_iter()
                    .map(|(name, kind)| (name, class_kind(kind)))
                    .collect(),
                startup_ms: u64::try_from(found.startup.as_millis()).unwrap_or(u64::MAX),
            }),
            Err(tiny_runtime::ProbeError::Code { message }) => Err(ProbeError::Startup(message)),
            Err(tiny_runtime::ProbeError::Runtime(error)) => Err(no_runtime(&error)),
        }
    }
}

fn class_kind(kind: ExportKind) -> ClassKind {
    match kind {
        ExportKind::DurableObject => ClassKind::DurableObject,
        ExportKind::Entrypoint => ClassKind::Entrypoint,
        ExportKind::Workflow => ClassKind::Workflow,
        ExportKind::Plain => ClassKind::Plain,
    }
}

pub(super) fn date(compatibility: &Compatibility) -> String {
    compatibility
        .date
        .clone()
        .unwrap_or_else(|| OLDEST_DATE.to_owned())
}

/// The modules of some code, as the runtime takes them.
pub(super) fn modules(files: &Files, code: &Code) -> Result<Vec<Module>, HostingError> {
    let mut modules = Vec::with_capacity(code.modules.len());
    for module in &code.modules {
        let is_main = module.name == code.main;
        let kind = match module.kind {
            workers::ModuleKind::CommonJs
                if is_main && code.format == workers::Format::ServiceWorker =>
            {
                ModuleKind::Script
            }
            workers::ModuleKind::EsModule => ModuleKind::Esm,
            workers::ModuleKind::CommonJs => ModuleKind::CommonJs,
            workers::ModuleKind::Wasm => ModuleKind::Wasm,
            workers::ModuleKind::Text => ModuleKind::Text,
            workers::ModuleKind::Data => ModuleKind::Data,
            workers::ModuleKind::Json => ModuleKind::Json,
            workers::ModuleKind::SourceMap => continue,
        };
        modules.push(Module {
            name: module.name.clone(),
            kind,
            body: files.get(&module.file)?,
        });
    }
    Ok(modules)
}

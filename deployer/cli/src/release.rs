//! What a deploy is made of: the workers, built; secrets, read; all of it as the engine wants it.

use std::collections::BTreeMap;

use clap::ValueEnum;
use tiny_builder::{Build, Builder, Bundle, ModuleKind, Profile};
use tiny_cloudflare::{Module, Secret};
use tiny_engine::{Code, Desired};
use tiny_manifest::{SecretValues, Stack};

use crate::commands::Context;
use crate::exit::{Code as ExitCode, Failure};
use crate::symbol_store::SymbolStore;

/// How workers are compiled for a deploy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProfileChoice {
    /// Quick to compile; panics answer with their text
    Dev,
    /// Small and fast
    Release,
}

impl From<ProfileChoice> for Profile {
    fn from(choice: ProfileChoice) -> Self {
        match choice {
            ProfileChoice::Dev => Self::Dev,
            ProfileChoice::Release => Self::Release,
        }
    }
}

/// A stack that could be deployed.
pub(crate) struct Release {
    pub(crate) desired: Desired,
    /// By the id of the worker.
    pub(crate) builds: BTreeMap<String, Build>,
}

impl Context<'_> {
    /// Builds all workers of a stack and puts everything together.
    pub(crate) async fn release(
        &self,
        stack: &Stack,
        profile: ProfileChoice,
    ) -> Result<Release, Failure> {
        // What takes no time is checked first.
        let secrets = SecretValues::for_deploy(&stack.root, &stack.stage)
            .map_err(|error| Failure::from_diagnostic(&error).with_code(ExitCode::Usage))?;
        let provisioner = self.provisioner()?;
        let mut packages = BTreeMap::new();
        for worker in &stack.workers {
            let of_worker = tiny_dev::packages(worker, &provisioner)
                .await
                .map_err(|error| Failure::from_diagnostic(&error))?;
            packages.insert(worker.id.clone(), of_worker);
        }
        let builder = Builder::new(provisioner, self.reporter());
        self.build_steps(&builder, stack, stack.workers.iter(), profile.into())
            .await?;
        let mut builds = BTreeMap::new();
        for worker in &stack.workers {
            let request = tiny_dev::build_request(worker, profile.into());
            let build = builder
                .build(&request)
                .await
                .map_err(|error| self.build_failure(&error))?;
            for warning in &build.warnings {
                self.printer.block(warning);
            }
            tiny_dev::check(worker, &build)
                .map_err(|mismatch| Failure::usage(mismatch.message).with_help(mismatch.help))?;
            builds.insert(worker.id.clone(), build);
        }
        let code = builds
            .iter()
            .map(|(id, build)| (id.clone(), code(&build.bundle)))
            .collect();
        let value = |name: &str| secrets.get(name).map(Secret::new);
        let desired = Desired::of(stack, code, &packages, &value)
            .map_err(|error| Failure::from_engine(&error))?;
        for complaint in &desired.complaints {
            self.printer.warning(complaint);
        }
        Ok(Release { desired, builds })
    }
}

impl Release {
    /// Keeps what makes panics of these builds readable.
    pub(crate) fn keep_symbols(&self, context: &Context<'_>, store: &SymbolStore) {
        for build in self.builds.values() {
            if let Err(error) = store.keep(build) {
                context.printer.warning(&format!(
                    "panics of this version will not be readable in `tiny logs`: {error}"
                ));
            }
        }
    }
}

fn code(bundle: &Bundle) -> Code {
    let modules = bundle.modules.iter().map(|module| Module {
        name: module.name.clone(),
        kind: match module.kind {
            ModuleKind::Esm => tiny_cloudflare::ModuleKind::EsModule,
            ModuleKind::CommonJs => tiny_cloudflare::ModuleKind::CommonJs,
            ModuleKind::Wasm => tiny_cloudflare::ModuleKind::Wasm,
            ModuleKind::Text => tiny_cloudflare::ModuleKind::Text,
            ModuleKind::Data => tiny_cloudflare::ModuleKind::Data,
        },
        content: module.body.clone(),
    });
    Code {
        main: bundle.main.clone(),
        modules: modules.collect(),
        hash: bundle.hash.clone(),
    }
}

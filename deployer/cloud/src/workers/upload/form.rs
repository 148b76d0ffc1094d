//! The form of an upload: `metadata`, and one part for each module.

use bytes::Bytes;

use super::kinds::BindingKind;
use super::metadata::{Entry, Metadata};
use crate::envelope::ApiError;
use crate::store::Files;
use crate::strict::{Form, Part};
use crate::workers::code::{Code, Format, Module, ModuleKind};
use crate::workers::refusal;

/// 64 MiB, of all modules together.
const MOST_BYTES: usize = 64 << 20;

/// What came in, with nothing kept yet.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) metadata: Metadata,
    main: Option<(Format, String)>,
    modules: Vec<(String, ModuleKind, Bytes)>,
}

impl Upload {
    pub(crate) fn read(mut form: Form, today: chrono::NaiveDate) -> Result<Self, ApiError> {
        let metadata = form
            .take("metadata")
            .ok_or_else(|| refusal::unreadable("the form has no part `metadata`"))?;
        let metadata = Metadata::parse(&metadata.body, today)?;
        let modules: Vec<_> = form.0.into_iter().map(module).collect::<Result<_, _>>()?;
        let bytes = modules.iter().map(|(_, _, body)| body.len()).sum();
        if bytes > MOST_BYTES {
            return Err(refusal::too_large(bytes));
        }
        let main = main_part(&metadata, &modules)?;
        check_parts(&metadata, &modules)?;
        Ok(Self {
            metadata,
            main,
            modules,
        })
    }

    /// Keeps the modules as files.
    pub(crate) fn keep(self, files: &Files) -> Result<(Metadata, Option<Code>), ApiError> {
        let Some((format, main)) = self.main else {
            return Ok((self.metadata, None));
        };
        let modules = self
            .modules
            .into_iter()
            .map(|(name, kind, body)| {
                Ok(Module {
                    name,
                    kind,
                    file: files.put(&body)?,
                    size: body.len(),
                })
            })
            .collect::<Result<_, std::io::Error>>()?;
        let code = Code {
            format,
            main,
            modules,
        };
        Ok((self.metadata, Some(code)))
    }
}

fn module(part: Part) -> Result<(String, ModuleKind, Bytes), ApiError> {
    let Part {
        name,
        filename,
        content_type,
        body,
    } = part;
    if filename.is_none() {
        return Err(refusal::unreadable(format!(
            "the part `{name}` is not a file: give it a filename"
        )));
    }
    let content_type = content_type
        .ok_or_else(|| refusal::invalid(format!("the part `{name}` has no content type")))?;
    if content_type.starts_with("text/x-python") {
        return Err(refusal::invalid(format!(
            "`{name}`: the local Cloudflare runs no Python"
        )));
    }
    let kind = ModuleKind::of_content_type(&content_type).ok_or_else(|| {
        refusal::invalid(format!(
            "the part `{name}` has the content type `{content_type}`, which no module has"
        ))
    })?;
    Ok((name, kind, body))
}

/// Where the code begins, if there is any.
fn main_part(
    metadata: &Metadata,
    modules: &[(String, ModuleKind, Bytes)],
) -> Result<Option<(Format, String)>, ApiError> {
    let Some(entry) = &metadata.entry else {
        if let Some((name, _, _)) = modules.first() {
            return Err(refusal::invalid(format!(
                "there is a part `{name}`, and metadata has no `main_module`"
            )));
        }
        if metadata.assets.is_none() && !metadata.keep_assets {
            return Err(refusal::invalid(
                "metadata must have `main_module`, `body_part` or `assets`",
            ));
        }
        return Ok(None);
    };
    let part = entry.part();
    let Some((_, kind, _)) = modules.iter().find(|(name, _, _)| name == part) else {
        return Err(refusal::invalid(format!("No such module \"{part}\".")));
    };
    let (format, wanted) = match entry {
        Entry::MainModule(_) => (Format::Modules, ModuleKind::EsModule),
        Entry::ServiceWorker(_) => (Format::ServiceWorker, ModuleKind::CommonJs),
    };
    if *kind != wanted {
        return Err(refusal::invalid(format!(
            "the part `{part}` must have the content type `{}` to begin with, and has `{}`",
            wanted.content_type(),
            kind.content_type()
        )));
    }
    Ok(Some((format, part.to_owned())))
}

/// Bindings of the older format name parts of the form.
fn check_parts(
    metadata: &Metadata,
    modules: &[(String, ModuleKind, Bytes)],
) -> Result<(), ApiError> {
    for binding in &metadata.bindings {
        let (BindingKind::WasmModule { part }
        | BindingKind::TextBlob { part }
        | BindingKind::DataBlob { part }) = &binding.kind
        else {
            continue;
        };
        if !matches!(metadata.entry, Some(Entry::ServiceWorker(_))) {
            return Err(refusal::invalid(format!(
                "binding {} of type {} is only for Workers of the service-worker format",
                binding.name,
                binding.type_name()
            )));
        }
        if !modules.iter().any(|(name, _, _)| name == part) {
            return Err(refusal::invalid(format!(
                "binding {} of type {} names the part `{part}`, which is not in the form",
                binding.name,
                binding.type_name()
            )));
        }
    }
    Ok(())
}
